"""Encryption as components: each has a thread, as a passphrase takes its time.

Law: they do what `ciphering.py` says; here is nothing but boxes.
"""

from __future__ import annotations

from typing import ClassVar

from kamesh.components.framing.ciphering import COST, Cipher, Decryptor, Encryptor
from kamesh.components.framing.converting import ThreadedConverting

__all__ = ["Decrypt", "Encrypt"]


class Encrypt(ThreadedConverting):
    """Encrypts a stream of bytes, so that it can be neither read nor changed unseen.

    `key` is 32 bytes (`secrets.token_bytes(32)`), or `passphrase` is words, of which scrypt makes a
    key; `cost` says how long that takes: each step up doubles it, and 17 (the default) is some tenths
    of a second and 128 MiB on both sides. `cipher` is "chacha20-poly1305" (the default) or
    "aes-256-gcm". Each message can be decrypted as soon as it has come; how long it is can be seen, up
    to 64 KiB, where it is cut. Each stream has a random salt, so the same bytes never look the same.

    Example:
        >>> import secrets
        >>> key, copy = secrets.token_bytes(32), DataSink()
        >>> Pipeline(DataSource([b"meet me", b"at noon"]), Encrypt(key), Decrypt(key), copy).run()
        >>> copy.messages
        [b'meet me', b'at noon']

    Boxes: "inbox" bytes; "outbox" bytes, 20 more for each message; "control".

    How it ends: when its inbox has ended, after the last chunk, which says so; told Shutdown, at once,
    and whoever decrypts it is told that it was cut off.
    """

    outboxes: ClassVar = {**ThreadedConverting.outboxes, "outbox": "bytes, encrypted"}

    def __init__(
        self,
        key: bytes | None = None,
        *,
        passphrase: str | None = None,
        cipher: Cipher = "chacha20-poly1305",
        cost: int = COST,
        name: str | None = None,
    ) -> None:
        """Take the key; WrongFigure if it is not one, or for a cipher or a cost there is not."""
        super().__init__(Encryptor(key, passphrase=passphrase, cipher=cipher, cost=cost), name=name)


class Decrypt(ThreadedConverting):
    """Decrypts what Encrypt made: no byte comes out that was not put in, in its place.

    `key` is the 32 bytes, or `passphrase` the words, that were given to Encrypt; cipher and cost are
    in the stream. `source` is what a mistake is said of.

    Example:
        >>> copy = DataSink()
        >>> sealed = run(Encrypt(passphrase="open sesame", cost=10), [b"meet me"])["outbox"]
        >>> Pipeline(DataSource(sealed), Decrypt(passphrase="open sesame"), copy).run()
        >>> copy.messages
        [b'meet me']

    Boxes: "inbox" bytes, cut anywhere; "outbox" the messages, those of more than 64 KiB in pieces;
    "control".

    How it ends: with its inbox; told Shutdown, at once. It fails, with a sentence, for another key,
    for a chunk that was changed or is not in its place, for anything after the end, and where the
    stream was cut off, after what was genuine before that is sent.
    """

    outboxes: ClassVar = {**ThreadedConverting.outboxes, "outbox": "bytes, as they were"}

    def __init__(
        self,
        key: bytes | None = None,
        *,
        passphrase: str | None = None,
        source: str = "",
        name: str | None = None,
    ) -> None:
        """Take the key; WrongFigure if it is not one."""
        super().__init__(Decryptor(key, passphrase=passphrase), source=source, name=name)
