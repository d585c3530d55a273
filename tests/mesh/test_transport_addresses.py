"""Addresses of the socket transports: taken apart, taken, refused, resolved."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from transport_kit import LOOPBACK, PATIENCE, owners, place, run

from kamesh.transport import (
    AddressTaken,
    BadAddress,
    TransportLimits,
)
from kamesh.transport.address import bind_error, parse


@pytest.mark.parametrize(
    ("written", "read", "literal", "here"),
    [
        ("tcp://127.0.0.1:80", "tcp://127.0.0.1:80", True, True),
        ("tcp://localhost:80", "tcp://127.0.0.1:80", True, True),
        ("tcp://10.0.0.7:65535", "tcp://10.0.0.7:65535", True, False),
        ("tcp://[::1]:80", "tcp://[::1]:80", True, True),
        ("tcp://[fe80::1%eth0]:80", "tcp://[fe80::1%eth0]:80", True, False),
        ("tcp://node-7.example:80", "tcp://node-7.example:80", False, False),
        ("ipc:///run/x", "ipc:///run/x", True, True),
    ],
)
def test_addresses_are_taken_apart(written: str, read: str, literal: bool, here: bool) -> None:
    """What is dialled, whether it needs a name server, and whether it stays on this host."""
    address = parse(written, binding=False)
    assert (str(address), address.is_literal, address.is_this_host) == (read, literal, here)


def test_binding_takes_any_port_and_every_interface() -> None:
    """Port 0 and `*` find a port, host `*` is every interface: for binding only."""
    assert str(parse("tcp://*:*", binding=True)) == "tcp://0.0.0.0:0"
    assert str(parse("tcp://127.0.0.1:0", binding=True)) == "tcp://127.0.0.1:0"
    for wrong in ("tcp://*:80", "tcp://127.0.0.1:0", "tcp://127.0.0.1:*"):
        with pytest.raises(BadAddress):
            parse(wrong, binding=False)
    with pytest.raises(BadAddress, match="a number such as"):
        parse("tcp://node-7.example:80", binding=True)


def test_a_refused_bind_is_put_into_words() -> None:
    """Each errno of bind has its sentence, and the address is in all of them."""
    address = parse("tcp://10.0.0.7:80", binding=True)
    kinds = {number: bind_error(address, number, "text") for number in (98, 99, 13, 19, 5)}
    assert all("tcp://10.0.0.7:80" in str(error) for error in kinds.values())
    assert [type(error) for error in kinds.values()] == [AddressTaken, *[BadAddress] * 4]
    assert "no such address" in str(kinds[99])
    assert "more rights" in str(kinds[13])


def test_a_taken_port_is_named_with_its_holder() -> None:
    """Binding a port twice: the error names the port and the process that has it."""

    async def main() -> None:
        async with owners() as make:
            address = make().transport.bind(LOOPBACK)
            with pytest.raises(AddressTaken) as caught:
                make().transport.bind(address)
            assert f"port {place(address)[1]} is taken by process {os.getpid()}" in str(
                caught.value
            )

    run(main)


def test_addresses_that_cannot_be_used_are_refused_in_a_sentence() -> None:
    """What libzmq would misread (port 99999), wait for or not explain is a BadAddress."""

    async def main() -> None:
        async with owners() as make:
            transport = make().transport
            for bad in ("", "localhost:5", "udp://127.0.0.1:5", "tcp://127.0.0.1", "ipc://relative",
                        "tcp://127.0.0.1:99999", "tcp://::1:5", "tcp://a b:5", "tcp://127.0.0.1:x",
                        "ipc:///" + "x" * 200):  # fmt: skip
                with pytest.raises(BadAddress, match=r"tcp://|ipc:///"):
                    transport.bind(bad)
                with pytest.raises(BadAddress, match=r"tcp://|ipc:///"):
                    transport.dial(bad)
            for bad in ("tcp://example:0", "tcp://eth0:5000", "tcp://10.99.99.99:0"):
                with pytest.raises(BadAddress):
                    transport.bind(bad)
            with pytest.raises(BadAddress, match="1 to 65535"):
                transport.dial("tcp://127.0.0.1:0")

    run(main)


def test_a_host_name_is_resolved_without_holding_up_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names are looked up beside the loop; an unknown one and one without answer are told."""
    release = threading.Event()

    def getaddrinfo(host: str, port: object, **options: object) -> list[tuple[object, ...]]:
        if host == "unknown.example":
            raise socket.gaierror(-2, "Name or service not known")
        if host == "slow.example":
            release.wait(PATIENCE)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    async def main() -> None:
        async with owners() as make:
            a, b = make(), make(limits=TransportLimits(connect=0.1, handshake=0.1))
            a.echo = True
            port = place(a.transport.bind(LOOPBACK))[1]
            monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
            b.transport.dial(f"tcp://slow.example:{port}")
            b.transport.dial("tcp://unknown.example:5")
            await b.until(lambda: len(b.reasons) == 1)
            assert "not known: Name or service not known" in b.reasons[0]
            b.reasons.clear()
            await b.connect(f"tcp://quick.example:{port}")
            await b.until(lambda: bool(b.messages))
            await b.until(lambda: len(b.reasons) == 1)
            assert "slow.example" in b.reasons[0]
            release.set()
            monkeypatch.undo()

    run(main)


def test_ipc_addresses_in_a_directory_of_our_own(tmp_path: Path) -> None:
    """The directory is made with mode 0700; a living socket is not taken over, a dead one is."""

    async def main() -> None:
        async with owners() as make:
            address = f"ipc://{tmp_path}/sockets/node"
            a, b = make(), make()
            a.echo = True
            assert a.transport.bind(address) == address
            assert (tmp_path / "sockets").stat().st_mode & 0o777 == 0o700
            with pytest.raises(AddressTaken, match=f"by process {os.getpid()}"):
                b.transport.bind(address)
            await b.connect(address)
            await b.until(lambda: b.messages == [[b"first"]])
            await a.transport.stop()
            await b.until(lambda: bool(b.reasons))
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(tmp_path / "sockets" / "dead"))
            b.transport.bind(f"ipc://{tmp_path}/sockets/dead")
            (tmp_path / "sockets" / "file").write_text("precious")
            with pytest.raises(BadAddress, match="not a socket"):
                b.transport.bind(f"ipc://{tmp_path}/sockets/file")
            (tmp_path / "sockets").chmod(0o755)
            with pytest.raises(BadAddress, match="mode 0700"):
                b.transport.bind(f"ipc://{tmp_path}/sockets/other")

    run(main)


def test_several_addresses_lead_to_one_node(tmp_path: Path) -> None:
    """Addresses of tcp, ipc, and IPv6 where the host has it, can be bound together."""

    async def main() -> None:
        async with owners() as make:
            a = make()
            bound = [a.transport.bind(LOOPBACK), a.transport.bind(f"ipc://{tmp_path}/own/node")]
            if has_ipv6():
                bound.append(a.transport.bind("tcp://[::1]:0"))
            for address in bound:
                await make().connect(address)
            await a.until(lambda: len(a.messages) == len(bound))

    run(main)


def has_ipv6() -> bool:
    """Say whether this host has an IPv6 loopback."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
