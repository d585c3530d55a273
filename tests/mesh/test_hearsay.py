"""Promises of what is remembered of announcements, and of the look at interfaces."""

from __future__ import annotations

from kamesh.discovery.announcement import Announcement, to_txt
from kamesh.discovery.hearsay import Hearsay
from kamesh.discovery.interfaces import is_ipv4, told_in_vain, why_not

ME = Announcement("me", "mesh", b"m" * 16, ("tcp://127.0.0.1:1",))


def said(name: str, mesh: str = "mesh", run: bytes = b"r" * 16) -> dict[bytes, bytes | None]:
    """Make the TXT entries of a node."""
    return dict(to_txt(Announcement(name, mesh, run, ("tcp://127.0.0.1:1",))))


def test_news_is_told_once_and_everything_else_is_counted() -> None:
    """New, repeated, restarted, own, of another mesh, malformed, gone: one count each."""
    hearsay = Hearsay(ME)
    hosts = ["127.0.0.1"]
    first = hearsay.heard("X._t", said("x"), hosts, 7)
    assert first is not None
    assert first.addresses == ("tcp://127.0.0.1:7",)
    assert hearsay.heard("x._T", said("x"), hosts, 7) is None
    assert hearsay.heard("x._t", said("x", run=b"2" * 16), hosts, 7) is not None
    assert hearsay.heard("me._t", said("me", run=b"m" * 16), hosts, 7) is None
    assert hearsay.heard("y._t", said("y", mesh="other"), hosts, 7) is None
    assert hearsay.heard("z._t", {}, hosts, 7) is None
    assert hearsay.goodbye("nobody._t") is None
    assert hearsay.goodbye("x._t") == "x"
    counts = hearsay.statistics(3, ("127.0.0.1",))
    assert (counts.found, counts.repeated, counts.own, counts.other_mesh) == (2, 1, 1, 1)
    assert (counts.malformed, counts.gone, counts.known, counts.questions) == (1, 1, 0, 3)


def test_an_own_name_in_another_run_is_news() -> None:
    """Another run of our name is passed on: whether it is real, a link will tell."""
    assert Hearsay(ME).heard("me._t", said("me", run=b"2" * 16), ["127.0.0.1"], 7) is not None


def test_the_oldest_is_forgotten_first() -> None:
    """Bounded; what comes last is always told."""
    hearsay = Hearsay(ME, most=3)
    for number in range(10):
        assert hearsay.heard(f"n{number}", said(f"n{number}"), ["127.0.0.1"], 7) is not None
    assert len(hearsay) == 3
    assert hearsay.goodbye("n0") is None
    assert hearsay.goodbye("n9") == "n9"
    assert hearsay.statistics(0, ()).forgotten == 7


def test_an_interface_that_cannot_be_used_is_said_in_a_sentence() -> None:
    """Its address and the reason; a loopback address announced elsewhere is warned of."""
    assert "192.0.2.77" in (why_not("192.0.2.77") or "")
    assert [is_ipv4(text) for text in ("10.0.0.1", "::1", "eth0", "")] == [True, False, False, False]
    assert told_in_vain(["127.0.0.1"], "127.0.0.1") is None
    assert told_in_vain(["10.0.0.2"], "10.0.0.1") is None
    assert "nobody can dial" in (told_in_vain(["127.0.0.1"], "10.0.0.1") or "")
