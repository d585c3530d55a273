"""Promises of finding nodes by zeroconf, over real multicast on the loopback interface."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from zeroconf import DNSOutgoing, DNSPointer, DNSText, ServiceInfo, Zeroconf  # type: ignore[attr-defined]
from zeroconf.asyncio import AsyncZeroconf

from kamesh.discovery.announcement import SERVICE, Announcement, Malformed, label, to_txt
from kamesh.discovery.service import Discovery

PATIENCE = 10.0  # s; all of this takes milliseconds


def can_multicast() -> bool:
    """Whether loopback multicast works here at all."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            group = socket.inet_aton("224.0.0.251") + socket.inet_aton("127.0.0.1")
            trial.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not can_multicast(), reason="no multicast on loopback here")


class Ears:
    """One Discovery and all it told."""

    def __init__(self, name: str, mesh: str, port: int = 4000, **options: Any) -> None:
        """Prepare a node of a mesh; nothing is started."""
        self.incarnation = uuid.uuid4().bytes
        self.found: list[tuple[str, str, bytes]] = []
        self.gone: list[str] = []
        self.warnings: list[str] = []
        me = Announcement(name, mesh, self.incarnation, (f"tcp://127.0.0.1:{port}",))
        self.discovery = Discovery(
            me,
            found=lambda *told: self.found.append(told),
            gone=self.gone.append,
            warn=self.warnings.append,
            **options,
        )

    @property
    def names(self) -> set[str]:
        """Return the names found."""
        return {name for name, _, _ in self.found}


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, fail after a generous while."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for is told by callbacks
            await asyncio.sleep(0.005)


async def between(*ears: Ears, then: Callable[[], Awaitable[None]]) -> None:
    """Start some, do something, stop them all."""
    for each in ears:
        await each.discovery.start()
    try:
        await then()
    finally:
        for each in ears:
            await each.discovery.stop()


@pytest.fixture
def mesh() -> str:
    """A mesh of this test's own, whatever else is announced on this host."""
    return uuid.uuid4().hex


@pytest.mark.parametrize("name", ["encoder", "studio.main", "Übergröße am Meer 日本", "x" * 190])
def test_two_nodes_find_each_other(mesh: str, name: str) -> None:
    """Both hear name, address and incarnation of the other, whatever the name is like."""
    one, two = Ears("first", mesh, 4001), Ears(name, mesh, 4002)

    async def both() -> None:
        await until(lambda: one.found and two.found)

    asyncio.run(between(one, two, then=both))
    assert one.found == [(name, "tcp://127.0.0.1:4002", two.incarnation)]
    assert two.found == [("first", "tcp://127.0.0.1:4001", one.incarnation)]


def test_a_newcomer_finds_all_and_all_find_it(mesh: str) -> None:
    """Within the patience of a test; within milliseconds as measured."""
    old = [Ears(f"n{i}", mesh) for i in range(5)]
    new = Ears("new", mesh)

    async def joins() -> None:
        await until(lambda: all(len(each.names) == 4 for each in old))
        await between(new, then=found)

    async def found() -> None:
        await until(lambda: len(new.names) == 5 and all("new" in each.names for each in old))

    asyncio.run(between(*old, then=joins))


def test_equal_questions_are_told_apart(mesh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each newcomer's question has a number, or the second within 0.8 s would pass for an echo."""
    asked: list[bytes] = []
    send = Zeroconf.async_send

    def listen(zc: Zeroconf, out: Any, *rest: Any) -> None:
        if zc.unicast:
            asked.extend(out.packets())
        send(zc, out, *rest)

    monkeypatch.setattr(Zeroconf, "async_send", listen)
    nodes = [Ears(f"n{i}", mesh) for i in range(4)]

    async def found() -> None:
        await until(lambda: len(asked) == 4)

    asyncio.run(between(*nodes, then=found))
    assert len(set(asked)) == 4


def test_another_mesh_is_counted_and_ignored(mesh: str) -> None:
    """Only hints of the same fingerprint are passed on."""
    one, two, stranger = Ears("a", mesh), Ears("b", mesh), Ears("c", uuid.uuid4().hex)

    async def heard() -> None:
        await until(lambda: one.found and one.discovery.statistics().other_mesh)

    asyncio.run(between(stranger, one, two, then=heard))
    assert one.names == {"b"}
    assert stranger.found == []


def test_a_goodbye_is_heard_and_stopping_is_prompt(mesh: str) -> None:
    """A stopped node is gone to the other; stop takes far less than zeroconf's own 0.25 s."""
    one, two = Ears("a", mesh), Ears("b", mesh)
    took = 0.0

    async def leaves() -> None:
        nonlocal took
        await until(lambda: one.found and two.found)
        began = asyncio.get_running_loop().time()
        await two.discovery.stop()
        took = asyncio.get_running_loop().time() - began
        await until(lambda: one.gone)
        await two.discovery.stop()

    asyncio.run(between(one, two, then=leaves))
    assert one.gone == ["b"]
    assert took < 1.0
    assert two.discovery.statistics().interfaces == ()


def test_a_restarted_node_is_found_as_its_new_run(mesh: str) -> None:
    """The same name with a new incarnation and port, without a goodbye, is a new hint."""
    one, former, latter = Ears("a", mesh), Ears("b", mesh, 4001), Ears("b", mesh, 4002)

    async def restart() -> None:
        await until(lambda: len(one.found) == 1)
        await between(latter, then=again)

    async def again() -> None:
        await until(lambda: len(one.found) >= 2)

    asyncio.run(between(one, former, then=restart))
    assert one.found[0] == ("b", "tcp://127.0.0.1:4001", former.incarnation)
    assert ("b", "tcp://127.0.0.1:4002", latter.incarnation) in one.found


async def announce(entries: list[tuple[str, dict[bytes, bytes], str, int]]) -> AsyncZeroconf:
    """Announce anything at all, as an attacker would."""
    other = AsyncZeroconf(interfaces=["127.0.0.1"])
    await other.zeroconf.async_wait_for_start()
    for instance, txt, host, port in entries:
        info = ServiceInfo(
            SERVICE,
            f"{instance}.{SERVICE}",
            port=port,
            parsed_addresses=[host],
            properties=txt,
            server=f"{instance}.local.",
        )
        other.zeroconf.async_send(other.zeroconf.generate_service_broadcast(info, None))
    return other


def test_spoofed_announcements_are_counted_and_harm_nothing(mesh: str) -> None:
    """Malformed ones go no further; a victim's address or our own name is a hint as any other."""
    one, two = Ears("a", mesh), Ears("b", mesh)
    good = to_txt(Announcement("fake", mesh, b"f" * 16, ("tcp://127.0.0.1:1",)))
    wrong: list[dict[bytes, bytes]] = [
        {},
        {**good, b"i": b"xx"},
        {**good, b"n": b"\xff\xff"},
        {**good, b"v": b"-7"},
        {b"n": b"z" * 250},
    ]
    spoofs = [(f"bad{i}", txt, "127.0.0.1", 1) for i, txt in enumerate(wrong)]
    spoofs.append(("zero", good, "0.0.0.0", 1))
    spoofs.append(("victim", good, "192.0.2.1", 22))
    ours = Announcement("a", mesh, b"o" * 16, ("tcp://127.0.0.1:9",))
    spoofs.append((label("a", mesh) + "2", to_txt(ours), "127.0.0.1", 9))

    async def spoof() -> None:
        other = await announce(spoofs)
        await until(lambda: one.names >= {"fake", "a"} and one.discovery.statistics().malformed >= 6)
        await between(two, then=still)
        await other.async_close()

    async def still() -> None:
        await until(lambda: "b" in one.names and "a" in two.names)

    asyncio.run(between(one, then=spoof))
    assert ("fake", "tcp://192.0.2.1:22", b"f" * 16) in one.found
    assert ("a", "tcp://127.0.0.1:9", b"o" * 16) in one.found


def test_hostile_names_and_texts_are_counted_and_harm_nothing(mesh: str) -> None:
    """Instance names that zeroconf itself refuses, and TXT records of garbage."""
    one, two = Ears("a", mesh), Ears("b", mesh)
    hostile = ["bad\x01name", "x" * 63, "tab\tname", "\u202ename", "é" * 30]

    async def attack() -> None:
        other = AsyncZeroconf(interfaces=["127.0.0.1"])
        await other.zeroconf.async_wait_for_start()
        for name in hostile:
            out = DNSOutgoing(0x8400)
            full = f"{name}.{SERVICE}"
            out.add_answer_at_time(DNSPointer(SERVICE, 12, 1, 4500, full), 0)
            out.add_answer_at_time(DNSText(full, 16, 0x8001, 4500, bytes(range(200))), 0)
            other.zeroconf.async_send(out)
        await until(lambda: one.discovery.statistics().malformed >= len(hostile))
        await between(two, then=still)
        await other.async_close()

    async def still() -> None:
        await until(lambda: "b" in one.names)

    asyncio.run(between(one, then=attack))
    assert one.names == {"b"}


def test_a_flood_keeps_no_real_node_out(mesh: str) -> None:
    """Behind 1,500 fake nodes, more than are remembered, a real one is found all the same."""
    one, two = Ears("a", mesh), Ears("b", mesh)

    def fake(number: int) -> tuple[str, dict[bytes, bytes], str, int]:
        said = Announcement(f"f{number}", mesh, number.to_bytes(16), ("tcp://127.0.0.1:1",))
        return label(said.node, mesh), to_txt(said), "127.0.0.1", 1

    async def flood() -> None:
        for start in range(0, 1500, 50):
            other = await announce([fake(number) for number in range(start, start + 50)])
            last = f"f{start + 49}"
            await until(lambda last=last: last in one.names)  # type: ignore[misc]
            await other.async_close()
        await between(two, then=still)

    async def still() -> None:
        await until(lambda: "b" in one.names)
        assert one.discovery.statistics().known == 1024
        assert one.discovery.statistics().forgotten >= 1500 - 1024

    asyncio.run(between(one, then=flood))


def test_dead_interfaces_are_said_and_left_out(mesh: str) -> None:
    """One interface that is not there costs a sentence; none that is there, another; no error."""
    one = Ears("a", mesh, interfaces=("192.0.2.77", "127.0.0.1"))
    two, none = Ears("b", mesh), Ears("c", mesh, interfaces=("192.0.2.77",))

    async def found() -> None:
        await until(lambda: one.found and two.found)
        assert one.discovery.statistics().interfaces == ("127.0.0.1",)
        assert none.discovery.statistics().interfaces == ()

    asyncio.run(between(one, two, none, then=found))
    assert len(one.warnings) == 1
    assert "192.0.2.77" in one.warnings[0]
    assert "is off" in none.warnings[-1]
    with pytest.raises(Malformed, match="IPv4"):
        Ears("d", mesh, interfaces=("lo",))


def test_listening_without_announcing(mesh: str) -> None:
    """With `announce=False` a node finds and is not found."""
    one, quiet = Ears("a", mesh), Ears("q", mesh, announce=False)

    async def found() -> None:
        await until(lambda: quiet.found)

    asyncio.run(between(one, quiet, then=found))
    assert quiet.names == {"a"}
    assert one.found == []


def test_a_wildcard_address_is_announced_as_the_interface(mesh: str) -> None:
    """Who listens on 0.0.0.0 is found at the address of the interface used."""
    one = Ears("a", mesh)
    me = Announcement("w", mesh, b"w" * 16, ("tcp://0.0.0.0:77",))
    wide = Discovery(me, found=lambda *told: None)

    async def found() -> None:
        await wide.start()
        await until(lambda: one.found)
        await wide.stop()

    asyncio.run(between(one, then=found))
    assert one.found == [("w", "tcp://127.0.0.1:77", b"w" * 16)]


def test_only_one_file_imports_zeroconf() -> None:
    """Importing the mesh floor and membership loads neither zeroconf nor discovery."""
    modules = "kamesh.membership, kamesh.discovery.announcement"
    code = f"import sys, {modules}; assert 'zeroconf' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
