"""What a node says of itself by zeroconf, as values: building it, and reading what others say.

Laws:
1. An announcement is a hint for an address. Nothing in it is believed, nobody is admitted by it.
2. Every field that comes from the network is checked here, once; what does not fit is `Malformed`.
3. The name on the network is made from the node's name, so any node name makes a valid one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import ip_address

from kamesh.errors import KameshError

SERVICE = "_kamesh._tcp.local."
LONGEST_NAME = 200  # bytes of UTF-8: a TXT entry holds 255, its key and equals sign included
LONGEST_MESH = 64
MOST_ADDRESSES = 4  # of one node; a hint needs one that works, not all there are
_READABLE = 40  # characters of the node's name shown in the instance name
_LABEL = re.compile("[A-Za-z0-9_-]+")


class Malformed(KameshError, ValueError):
    """An announcement that cannot be one of ours; the text says which field."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One node as announced: who, of which mesh, which run, and where it listens.

    `addresses` are transport addresses such as ``tcp://127.0.0.1:40123``; `mesh` is the fingerprint
    of the mesh, `incarnation` the 16 bytes of the run, `version` the link protocol spoken.
    """

    node: str
    mesh: str
    incarnation: bytes
    addresses: tuple[str, ...]
    kind: str = "node"
    version: int = 1


def checked(announcement: Announcement) -> Announcement:
    """Return it unchanged, or raise Malformed with a sentence about the first wrong field."""
    name = announcement.node
    if not name or len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        raise Malformed(f"a node name has 1 to {LONGEST_NAME} bytes, this one has {len(name)}")
    if not name.isprintable():
        raise Malformed(f"a node name is printable text, not {name!r}")
    if not announcement.mesh or len(announcement.mesh) > LONGEST_MESH:
        raise Malformed(f"a mesh fingerprint has 1 to {LONGEST_MESH} characters")
    if len(announcement.incarnation) != 16:
        raise Malformed(f"an incarnation is 16 bytes, not {len(announcement.incarnation)}")
    if not 0 < len(announcement.addresses) <= MOST_ADDRESSES:
        raise Malformed(f"1 to {MOST_ADDRESSES} addresses, not {len(announcement.addresses)}")
    if not announcement.kind.isidentifier() or len(announcement.kind) > 32:
        raise Malformed(f"a node kind is a word, not {announcement.kind!r}")
    if not 0 <= announcement.version < 1 << 16:
        raise Malformed(f"a protocol version is a small number, not {announcement.version}")
    for address in announcement.addresses:
        split_address(address)
    return announcement


def split_address(address: str) -> tuple[str, int]:
    """Split ``tcp://127.0.0.1:40123`` into host and port; Malformed for anything else."""
    head, separator, tail = address.partition("://")
    host, colon, port = tail.rpartition(":")
    if head != "tcp" or not separator or not colon:
        raise Malformed(f"zeroconf announces tcp://HOST:PORT, not {address!r}")
    try:
        host = str(ip_address(host.strip("[]")))
        number = int(port)
    except ValueError:
        raise Malformed(f"{address!r} is not a numeric address and a port") from None
    if not 0 < number < 65536:
        raise Malformed(f"{address!r} has no port that can be dialed")
    return host, number


def is_wildcard(host: str) -> bool:
    """Whether a host is 0.0.0.0 or ::, where one can listen but nobody can dial."""
    return ip_address(host).is_unspecified


def joined_address(host: str, port: int) -> str:
    """Do the inverse of `split_address`; IPv6 hosts get their brackets."""
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def label(node: str, mesh: str) -> str:
    """Make the DNS label of one node of one mesh: unique, within 63 bytes, for any node name.

    The readable part is for people with an mDNS browser; the digest makes it unique. Dots would
    be legal (RFC 6763, 4.1.1) but confuse other tools, so they become hyphens.
    """
    digest = blake2b(f"{len(mesh)}:{mesh}:{node}".encode("utf-8", "replace"), digest_size=8)
    shown = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in node)
    return f"{shown[:_READABLE].strip('-')}-{digest.hexdigest()}".lstrip("-")


def instance_label(instance: str) -> str | None:
    """Return the label of a full service name of ours; None when no `label` can have made it.

    zeroconf raises for names that are too long or have control characters, and hears any.
    """
    head, dot, tail = instance.partition(".")
    if dot and tail.lower() == SERVICE and 0 < len(head) <= 63 and _LABEL.fullmatch(head):
        return head
    return None


def to_txt(announcement: Announcement) -> dict[bytes, bytes]:
    """Make the entries of the TXT record; keys are only ever appended, as on the wire."""
    return {
        b"m": announcement.mesh.encode(),
        b"n": announcement.node.encode(),
        b"i": announcement.incarnation.hex().encode(),
        b"v": str(announcement.version).encode(),
        b"k": announcement.kind.encode(),
    }


def from_txt(
    entries: Mapping[bytes, bytes | None], hosts: Iterable[str], port: int | None
) -> Announcement:
    """Read what another node said: its TXT entries, host addresses and port. Malformed if wrong."""
    try:
        texts = {key: (entries.get(key) or b"").decode() for key in (b"m", b"n", b"i", b"v", b"k")}
        incarnation = bytes.fromhex(texts[b"i"])
        version = int(texts[b"v"]) if texts[b"v"].isascii() else -1
    except ValueError:
        raise Malformed("a field is not of its type") from None
    dialable = (host for host in hosts if not is_wildcard(host))
    addresses = tuple(dict.fromkeys(joined_address(host, port or 0) for host in dialable))
    return checked(
        Announcement(
            node=texts[b"n"],
            mesh=texts[b"m"],
            incarnation=incarnation,
            addresses=addresses[:MOST_ADDRESSES],
            kind=texts[b"k"],
            version=version,
        )
    )
