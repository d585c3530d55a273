"""Formats in a topology: what does not fit is told by `kamesh check`, with its line."""

import pytest

from kamesh.deploy.topology.mistakes import FileRefused
from kamesh.deploy.topology.reading import read_topology

TEXT = """
[nodes.a]
[nodes.b]
[components.CARD]
use = "kamesh.components.media:TestCard"
with = {{ size = [320, 180] }}
node = "a"
[components.SECOND]
use = "kamesh.components.media:{use}"
node = "b"
[[linkages]]
from = "CARD.outbox"
to = "SECOND.inbox"
"""


def test_a_linkage_across_nodes_that_does_not_fit_is_a_mistake_in_its_line(tmp_path):
    """The same sentence as in one process."""
    path = tmp_path / "system.toml"
    path.write_text(TEXT.format(use="MuxMPEGTS"))
    with pytest.raises(FileRefused) as refused:
        read_topology(path)
    (mistake,) = refused.value.mistakes
    assert mistake.line == 13
    assert mistake.text == (
        "CARD.outbox gives pictures and SECOND.inbox takes packets: put Encode between them"
    )


def test_a_linkage_that_fits_is_none(tmp_path):
    """Encode takes pictures of any size."""
    path = tmp_path / "system.toml"
    path.write_text(TEXT.format(use="Encode"))
    read_topology(path)
