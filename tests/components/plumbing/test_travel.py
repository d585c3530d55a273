"""What the parts send arrives at another node as it was sent."""

import pytest

from kamesh.codec import decode, encode
from kamesh.components.plumbing import Difference, Gap, Numbered


@pytest.mark.parametrize(
    "message", [Gap(3, 9), Numbered(7, ("a", b"b")), Difference(2, "a", None, "inB")]
)
def test_it_travels(message):
    """Encoded and decoded it is the same."""
    encoded = encode([message])
    assert decode(encoded.payload, encoded.buffers) == [message]
