"""Digest: hashlib's own, whatever the pieces."""

import hashlib

import pytest

from kamesh.components.framing import Digest
from kamesh.testing import run


@pytest.mark.parametrize("algorithm", ["sha256", "blake2b", "md5"])
def test_it_is_hashlibs(algorithm):
    """The hash of pieces is that of the whole; of nothing, that of nothing."""
    expected = hashlib.new(algorithm, b"onetwo").hexdigest()
    assert run(Digest(algorithm), [b"one", b"two"])["outbox"] == [expected]
    assert run(Digest(algorithm), [])["outbox"] == [hashlib.new(algorithm).hexdigest()]


@pytest.mark.parametrize("algorithm", ["sha255", "shake_128"])
def test_refused_at_once(algorithm):
    """A hash there is not, and one that has no size of its own."""
    with pytest.raises(ValueError, match=f"there is no hash '{algorithm}'"):
        Digest(algorithm)
