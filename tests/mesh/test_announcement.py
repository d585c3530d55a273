"""Promises of what a node says of itself by zeroconf, and of how others' words are read."""

from __future__ import annotations

import pytest

from kamesh.discovery.announcement import (
    SERVICE,
    Announcement,
    Malformed,
    checked,
    from_txt,
    instance_label,
    joined_address,
    label,
    split_address,
    to_txt,
)

ME = Announcement("studio", "f1ng3r", bytes(16), ("tcp://127.0.0.1:40123",))
ODD_NAMES = ["a", "studio.main", "Übergröße am Meer", "日本" * 30, "x" * 200, "...", "-", "a b\u00a0c"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_node_name_makes_a_valid_unique_label(name: str) -> None:
    """At most 63 bytes of plain ASCII without dots, another one for another name or mesh."""
    made = label(name, "mesh")
    assert 0 < len(made.encode()) <= 63
    assert made.isascii()
    assert "." not in made
    assert not made.startswith("-")
    assert instance_label(f"{made}.{SERVICE}") == made
    others = {label(other, "mesh") for other in ODD_NAMES} | {label(name, "another")}
    assert len(others) == len(ODD_NAMES) + 1


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a\x01b", "x" * 64, "é", "\ud800"])
def test_an_instance_name_that_is_none_of_ours_is_told_apart(name: str) -> None:
    """Before zeroconf, which raises for some of them, is asked about it."""
    assert instance_label(f"{name}.{SERVICE}") is None
    assert instance_label("a._http._tcp.local.") is None


@pytest.mark.parametrize("name", ["studio", "Übergröße.日本", "é" * 100])
def test_what_is_said_is_what_is_read(name: str) -> None:
    """The TXT entries, host and port give the announcement back; each fits its 255 bytes."""
    said = Announcement(name, "f1ng3r", bytes(range(16)), ("tcp://127.0.0.1:40123",), "bridge", 3)
    entries = to_txt(said)
    assert max(len(key) + 1 + len(value) for key, value in entries.items()) <= 255
    assert from_txt(dict(entries), ["127.0.0.1"], 40123) == said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({b"n": b""}, "node name"),
        ({b"n": b"\xff\xfe"}, "type"),
        ({b"n": b"a\nb"}, "printable"),
        ({b"n": b"x" * 201}, "bytes"),
        ({b"m": None}, "fingerprint"),
        ({b"m": b"x" * 65}, "fingerprint"),
        ({b"i": b"00"}, "16 bytes"),
        ({b"i": b"no hex"}, "type"),
        ({b"v": b"-1"}, "version"),
        ({b"v": b"99999999"}, "version"),
        ({b"v": "٣".encode()}, "version"),
        ({b"v": b"9" * 5000}, "type"),
        ({b"k": b"not a word"}, "kind"),
    ],
)
def test_a_wrong_field_is_named(change: dict[bytes, bytes | None], says: str) -> None:
    """Hostile or damaged TXT entries raise Malformed, about the field that is wrong."""
    with pytest.raises(Malformed, match=says):
        from_txt({**to_txt(ME), **change}, ["127.0.0.1"], 40123)


@pytest.mark.parametrize(("hosts", "port"), [([], 1), (["127.0.0.1"], 0), (["0.0.0.0"], 1)])
def test_an_announcement_nobody_could_dial_is_malformed(hosts: list[str], port: int) -> None:
    """No host, no port, or an address one can only listen on."""
    with pytest.raises(Malformed):
        from_txt(dict(to_txt(ME)), hosts, port)


def test_addresses_are_split_and_joined() -> None:
    """IPv6 has brackets; names, other transports and bad ports are refused."""
    for address in ("tcp://127.0.0.1:1", "tcp://[fe80::1]:65535"):
        assert joined_address(*split_address(address)) == address
    for wrong in ("ipc:///x", "tcp://host:1", "tcp://1.2.3.4", "tcp://1.2.3.4:0", "tcp://1.2.3.4:x"):
        with pytest.raises(Malformed):
            split_address(wrong)


def test_many_addresses_are_cut_to_a_few() -> None:
    """A hint needs one address that works; a flood of them is cut, an own one is refused."""
    hosts = [f"10.0.0.{n}" for n in range(1, 50)]
    assert len(from_txt(dict(to_txt(ME)), hosts, 5).addresses) == 4
    with pytest.raises(Malformed, match="addresses"):
        checked(Announcement("a", "m", bytes(16), ("tcp://127.0.0.1:1",) * 5))
