"""Who belongs to the mesh: its key, and what a transport asks before it talks to anyone.

Laws:

1. Whoever holds the mesh key is a member, and nobody else gets a frame through.
2. A secret is never shown: not by `repr`, not in an error, not in a file others can read.
3. Doing without is a word that says so (`Insecure`), and stays on this host unless told otherwise.

Transports know only `Credentials`: certificates, invites and access lists are other classes with
the same four methods.
"""

from __future__ import annotations

import os
import secrets
import stat
from base64 import b32encode
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b, sha256
from hmac import compare_digest
from pathlib import Path
from typing import Protocol

from kamesh.errors import KameshError

__all__ = ["Credentials", "Insecure", "KeyPair", "MeshCredentials", "MeshKey", "TrustError"]

KEY_BYTES = 32
FINGERPRINT_BYTES = 20
OWNER_ONLY = (0o600, 0o400)
CURVE_PURPOSE = b"kamesh mesh key: curve25519 1"


class TrustError(KameshError):
    """A key cannot be read, written or used; the text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A Curve25519 key pair, 32 bytes each. The secret is not shown."""

    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> KeyPair:
        """Make the pair that belongs to 32 secret bytes."""
        # 20-40 ms to import, and needed only where a key is used.
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        key = X25519PrivateKey.from_private_bytes(secret)
        return cls(key.public_key().public_bytes_raw(), secret)


def fingerprint(public: bytes) -> str:
    """Return a public key's name: 32 letters and digits, safe to announce and to read aloud."""
    return b32encode(sha256(public).digest()[:FINGERPRINT_BYTES]).decode().lower()


class MeshKey:
    """The secret that makes a node a member of a mesh: 32 random bytes.

    Example:
        key = MeshKey.new()
        key.save("studio.key")            # mode 0600; refuses to replace another key
        key = MeshKey.load("studio.key")  # refuses a file that others may read
        print(key.identity)               # the mesh's public name, safe to announce
    """

    def __init__(self, secret: bytes) -> None:
        """Take the 32 bytes of an existing key."""
        if len(secret) != KEY_BYTES:
            raise TrustError(f"a mesh key is {KEY_BYTES} bytes, not {len(secret)}")
        self._secret = bytes(secret)

    @classmethod
    def new(cls) -> MeshKey:
        """Make a new key from the system's randomness."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MeshKey:
        """Read a key that only its owner can read; raise TrustError with a sentence otherwise."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise TrustError(f"the mesh key {path} cannot be read: {error.strerror}") from error
        try:
            _require_private(path, os.fstat(descriptor))
            secret = os.read(descriptor, KEY_BYTES + 1)
        except OSError as error:
            raise TrustError(f"the mesh key {path} cannot be read: {error.strerror}") from error
        finally:
            os.close(descriptor)
        if len(secret) != KEY_BYTES:
            size = "more" if len(secret) > KEY_BYTES else f"only {len(secret)}"
            raise TrustError(
                f"the mesh key {path} is damaged or not a mesh key: "
                f"it should be {KEY_BYTES} bytes and is {size}"
            )
        return cls(secret)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the key for its owner only, whole or not at all.

        Saving the same key again changes nothing; another key at that path is never replaced.
        """
        target = Path(path)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            self._write(draft)
            try:
                os.link(draft, target)  # unlike a rename, this fails if the name is taken
            finally:
                draft.unlink()
        except FileExistsError as error:
            if self.load(target) != self:
                raise TrustError(f"{path} holds another key and is not replaced") from error
        except OSError as error:
            raise TrustError(f"the mesh key cannot be saved at {path}: {error.strerror}") from error

    def _write(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(self._secret)
            file.flush()
            os.fsync(descriptor)

    def derive(self, purpose: bytes) -> bytes:
        """Return 32 secret bytes for one purpose: BLAKE2b of it, keyed with the mesh key."""
        return blake2b(purpose, key=self._secret, digest_size=KEY_BYTES).digest()

    @cached_property
    def curve(self) -> KeyPair:
        """The Curve25519 key pair that every member of the mesh uses on both sides."""
        return KeyPair.of(self.derive(CURVE_PURPOSE))

    @property
    def identity(self) -> str:
        """The mesh's public name: the fingerprint of its public key."""
        return fingerprint(self.curve.public)

    def __eq__(self, other: object) -> bool:
        """Compare the secrets, in a time that does not depend on them."""
        if not isinstance(other, MeshKey):
            return NotImplemented
        return compare_digest(self._secret, other._secret)

    def __hash__(self) -> int:
        """Hash the public name."""
        return hash(self.identity)

    def __repr__(self) -> str:
        """Show the public name only."""
        return f"<MeshKey of mesh {self.identity}>"


def _require_private(path: str | os.PathLike[str], status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise TrustError(f"the mesh key {path} is not a file")
    if status.st_uid not in (os.geteuid(), 0):
        raise TrustError(f"the mesh key {path} belongs to another user")
    if mode not in OWNER_ONLY:
        raise TrustError(
            f"the mesh key {path} has mode {mode:04o}, so others may have read it: "
            f"make a new key, or if you are sure nobody has, `chmod 600 {path}`"
        )


class Credentials(Protocol):
    """What a transport needs to know to prove who we are and to judge who they are.

    Called in the loop's thread, `admits` once for each handshake: answer from memory, at once.
    """

    def server_keys(self) -> KeyPair:
        """Return the keys we answer with."""
        ...

    def client_keys(self) -> KeyPair:
        """Return the keys we dial with."""
        ...

    def server_key_at(self, address: str) -> bytes:
        """Return the public key that whoever answers at `address` must prove to have."""
        ...

    def admits(self, public_key: bytes) -> bool:
        """Say whether a peer that has proved to hold this key may be heard."""
        ...


@dataclass(frozen=True, slots=True)
class MeshCredentials:
    """Membership by the mesh key alone: one key pair for all, on both sides."""

    key: MeshKey

    def server_keys(self) -> KeyPair:
        """Return the mesh's keys."""
        return self.key.curve

    def client_keys(self) -> KeyPair:
        """Return the mesh's keys."""
        return self.key.curve

    def server_key_at(self, address: str) -> bytes:
        """Return the mesh's public key, wherever the peer is."""
        return self.key.curve.public

    def admits(self, public_key: bytes) -> bool:
        """Admit the mesh's public key and no other."""
        return compare_digest(public_key, self.key.curve.public)


@dataclass(frozen=True, slots=True)
class Insecure:
    """Instead of credentials: no encryption, and everyone who can reach the port is let in.

    Bound and dialled addresses must be of this host, unless `beyond_this_host` is set as well.
    """

    beyond_this_host: bool = False
