"""The mesh key: made, kept and refused; whom it lets in; and the arithmetic under it."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from kamesh.trust import Insecure, KeyPair, MeshCredentials, MeshKey, TrustError

KEY = MeshKey(bytes(range(32)))


def test_the_key_pair_of_rfc_7748() -> None:
    """Bob's key pair of RFC 7748 section 6.1 comes out."""
    secret = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    public = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
    assert KeyPair.of(secret).public == public


def test_public_keys_are_those_of_libzmq() -> None:
    """Any secret has the public key that libzmq computes for it."""
    for number in range(12):
        secret = hashlib.sha256(bytes([number])).digest()
        assert zmq.curve_public(z85.encode(secret)) == z85.encode(KeyPair.of(secret).public)


def test_a_mesh_key_has_32_bytes() -> None:
    """Other lengths are refused, in a sentence."""
    with pytest.raises(TrustError, match="a mesh key is 32 bytes, not 16"):
        MeshKey(bytes(16))


def test_new_keys_differ() -> None:
    """Each new key is its own, and equal only to a key of the same secret."""
    one, other = MeshKey.new(), MeshKey.new()
    assert one != other
    assert one.identity != other.identity
    assert MeshKey(bytes(range(32))) == KEY
    assert hash(MeshKey(bytes(range(32)))) == hash(KEY)
    assert bytes(range(32)) != KEY


def test_identity_is_the_fingerprint_of_the_public_key() -> None:
    """Base32 of the first 20 bytes of SHA-256 of the public key: 32 characters, always the same."""
    digest = hashlib.sha256(KEY.curve.public).digest()[:20]
    assert KEY.identity == base64.b32encode(digest).decode().lower()
    assert KEY.identity == "a2muhohpthmok5bcwqo6vlc6ehe2vlh4"


def test_nothing_shows_a_secret() -> None:
    """Neither the key, nor a key pair, nor credentials show secret bytes in their text."""
    pair = KEY.curve
    for text in (repr(KEY), str(KEY), repr(pair), repr(MeshCredentials(KEY)), f"{KEY}"):
        assert bytes(range(32)).hex() not in text
        assert repr(pair.secret)[2:-1] not in text
    assert KEY.identity in repr(KEY)
    assert pair.secret != bytes(range(32))


def test_each_purpose_has_its_own_secret() -> None:
    """What is derived for one purpose says nothing of another's, and is always the same."""
    assert KEY.derive(b"one") == MeshKey(bytes(range(32))).derive(b"one")
    assert len({KEY.derive(b"one"), KEY.derive(b"two"), MeshKey.new().derive(b"one")}) == 3


def test_saved_and_loaded(tmp_path: Path) -> None:
    """A saved key is a file for its owner alone, is loaded again, and leaves nothing beside it."""
    path = tmp_path / "mesh.key"
    old = os.umask(0)
    try:
        KEY.save(path)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert MeshKey.load(path) == KEY
    assert os.listdir(tmp_path) == ["mesh.key"]
    path.chmod(0o400)
    assert MeshKey.load(str(path)) == KEY


def test_saving_never_replaces_another_key(tmp_path: Path) -> None:
    """The same key may be saved again; another one is refused and the file stays as it was."""
    path = tmp_path / "mesh.key"
    KEY.save(path)
    KEY.save(path)
    with pytest.raises(TrustError, match="holds another key"):
        MeshKey.new().save(path)
    assert MeshKey.load(path) == KEY
    assert os.listdir(tmp_path) == ["mesh.key"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o700, 0o1600])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Any mode but 0600 and 0400 is refused, naming the file and the mode."""
    path = tmp_path / "mesh.key"
    KEY.save(path)
    path.chmod(mode)
    with pytest.raises(TrustError, match=f"{path} has mode {mode:04o}"):
        MeshKey.load(path)


@pytest.mark.parametrize(("size", "said"), [(0, "only 0"), (31, "only 31"), (33, "more")])
def test_a_file_of_another_size_is_refused(tmp_path: Path, size: int, said: str) -> None:
    """A truncated or longer file is refused, saying so."""
    path = tmp_path / "mesh.key"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(TrustError, match=f"should be 32 bytes and is {said}"):
        MeshKey.load(path)


def test_what_is_not_a_readable_file_is_refused(tmp_path: Path) -> None:
    """No file, a directory, and a pipe nobody writes to are refused at once."""
    with pytest.raises(TrustError, match="cannot be read: No such file"):
        MeshKey.load(tmp_path / "none.key")
    with pytest.raises(TrustError, match="is not a file"):
        MeshKey.load(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(TrustError, match="is not a file"):
        MeshKey.load(tmp_path / "pipe")
    with pytest.raises(TrustError, match="cannot be saved"):
        KEY.save(tmp_path / "none" / "mesh.key")


def test_credentials_of_a_mesh_admit_its_members_only() -> None:
    """Both sides use the mesh's pair; another mesh's public key is not admitted."""
    credentials = MeshCredentials(KEY)
    assert credentials.server_keys() == credentials.client_keys() == KEY.curve
    assert credentials.server_key_at("tcp://10.0.0.7:5000") == KEY.curve.public
    assert credentials.admits(KEY.curve.public)
    assert not credentials.admits(MeshKey.new().curve.public)
    assert not credentials.admits(b"")
    assert KeyPair.of(KEY.curve.secret) == KEY.curve


def test_insecure_says_so_and_stays_here() -> None:
    """Doing without keys is a word of its own, and does not reach beyond this host by default."""
    assert "Insecure" in repr(Insecure())
    assert not Insecure().beyond_this_host
