"""Who is kept out of the ZeroMQ transport, and what strangers cost it."""

from __future__ import annotations

import os
import socket
import struct

import pytest
import zmq
from transport_kit import (
    LOOPBACK,
    MESH,
    OTHER,
    QUICK,
    closed,
    descriptors,
    owners,
    pair,
    peer,
    place,
    run,
    soon,
    still_lives,
)

from kamesh.transport import (
    InsecureAddress,
    TransportLimits,
)
from kamesh.trust import Insecure, KeyPair


def test_another_mesh_gets_nothing_through_and_is_told() -> None:
    """With another mesh's key: `lost` with a reason, and not one event at the other side."""

    async def main() -> None:
        async with owners() as make:
            a, stranger = make(), make(OTHER)
            stranger.transport.dial(a.transport.bind(LOOPBACK))
            await stranger.until(lambda: bool(stranger.reasons))
            assert "another mesh key" in stranger.reasons[0]
            assert stranger.log == ["lost"]
            await soon(lambda: a.transport.statistics().refused == 1)
            assert a.log == []

    run(main)


class Impostor:
    """Knows the mesh's public key and has one of its own, as any eavesdropper could."""

    def server_keys(self) -> KeyPair:
        return OTHER.server_keys()

    def client_keys(self) -> KeyPair:
        return OTHER.client_keys()

    def server_key_at(self, address: str) -> bytes:
        return MESH.server_key_at(address)

    def admits(self, public_key: bytes) -> bool:
        raise RuntimeError("cannot decide")


def test_a_key_that_is_not_admitted_is_denied_with_its_status() -> None:
    """A proved key that is not of the mesh is answered with 400, and the reason says so."""

    async def main() -> None:
        async with owners() as make:
            a, impostor = make(), make(Impostor())
            impostor.transport.dial(a.transport.bind(LOOPBACK))
            await impostor.until(lambda: bool(impostor.reasons))
            assert "does not admit our key (status 400)" in impostor.reasons[0]
            assert a.log == []

    run(main)


def test_no_decision_is_a_refusal() -> None:
    """Credentials that raise keep the peer out (500); the failure is logged, not hidden."""

    async def main() -> None:
        async with owners() as make:

            class Undecided(Impostor):
                def server_keys(self) -> KeyPair:
                    return MESH.server_keys()

            a, b = make(Undecided()), make()
            b.transport.dial(a.transport.bind(LOOPBACK))
            await b.until(lambda: bool(b.reasons))
            assert "could not judge our key (status 500)" in b.reasons[0]
            assert a.log == []

    run(main)


@pytest.mark.parametrize("dead", ["deaf", "gone"])
def test_without_a_zap_handler_nobody_gets_in(dead: str) -> None:
    """A handler that does not answer, or is not there, keeps even members out."""

    async def main() -> None:
        async with owners() as make:
            a, b = make(limits=QUICK), make(limits=QUICK)
            a.transport._questions.close()
            if dead == "gone":
                a.transport._zap.close(0)
            b.transport.dial(a.transport.bind(LOOPBACK))
            await b.until(lambda: bool(b.reasons))
            assert a.log == []
            assert b.log == ["lost"]

    run(main)


@pytest.mark.parametrize("insecure_side", ["dialling", "bound"])
def test_an_insecure_node_and_a_secure_one_do_not_meet(insecure_side: str) -> None:
    """Whichever side is insecure: no frame passes and the reason names the cause."""

    async def main() -> None:
        async with owners() as make:
            a = make(Insecure() if insecure_side == "bound" else MESH)
            b = make(Insecure() if insecure_side == "dialling" else MESH)
            b.transport.dial(a.transport.bind(LOOPBACK))
            await b.until(lambda: bool(b.reasons))
            assert any(words in b.reasons[0] for words in ("security", "does not speak"))
            assert b.log == ["lost"]
            assert a.log == []

    run(main)


def test_insecure_nodes_meet_each_other_and_know_nobody() -> None:
    """Two insecure nodes of one host talk; neither is told a key. Members are told theirs."""

    async def main() -> None:
        async with owners() as make:
            a, b = make(Insecure()), make(Insecure())
            connection = await b.connect(a.transport.bind(LOOPBACK))
            await a.until(lambda: bool(a.messages))
            assert connection.key is None
            assert a.connections[0].key is None
            a, b, _ = await pair(make)
            assert a.connections[0].key == b.connections[0].key == MESH.key.curve.public

    run(main)


def test_insecure_stays_on_this_host() -> None:
    """Without keys, addresses beyond this host are refused for binding and for dialling."""

    async def main() -> None:
        async with owners() as make:
            here, anywhere = make(Insecure()), make(Insecure(beyond_this_host=True))
            for address in ("tcp://0.0.0.0:0", "tcp://*:0", "tcp://[::]:0"):
                with pytest.raises(InsecureAddress, match="beyond this host"):
                    here.transport.bind(address)
            with pytest.raises(InsecureAddress, match="beyond this host"):
                here.transport.dial("tcp://10.0.0.7:5000")
            here.transport.bind("tcp://localhost:0")
            anywhere.transport.bind("tcp://*:0")

    run(main)


def test_clients_of_bare_zeromq_get_nothing_through() -> None:
    """A NULL client, and a CURVE client of another key, of plain libzmq: not one frame is heard."""

    async def main() -> None:
        async with owners() as make:
            a, b, address = await pair(make)
            heard = list(a.log)
            context = zmq.Context()

            def refused() -> int:
                return a.transport.statistics().refused

            for count, keys in enumerate((None, zmq.curve_keypair()), 1):
                client = context.socket(zmq.DEALER)
                client.linger = 0
                if keys is not None:
                    client.curve_publickey, client.curve_secretkey = keys
                    client.curve_serverkey = MESH.key.curve.public
                client.connect(address)
                client.send(b"let me in")
                await soon(lambda count=count: refused() >= count)  # type: ignore[misc]
                client.close()
            context.term()
            await still_lives(b)
            assert a.log == [*heard, "received"]

    run(main)


def test_garbage_on_the_port_is_closed_and_harms_nobody() -> None:
    """HTTP, TLS, ZMTP of old, random and half greetings: closed, descriptors back, others live."""

    async def main() -> None:
        async with owners() as make:
            a, b, address = await pair(make, QUICK)
            heard, before = len(a.log), descriptors()
            greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
            for garbage in (
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
                b"\x01\x00\x06hello",
                os.urandom(4096),
                greeting[:11],
                greeting + b"\x04\x26\x05READY" + bytes(32),
                greeting + b"\x02" + struct.pack(">Q", 2**62),
                b"",
            ):
                with socket.create_connection(place(address)) as stream:
                    stream.sendall(garbage)
                    await soon(lambda s=stream: closed(s))  # type: ignore[misc]
            await soon(lambda: descriptors() == before)
            await still_lives(b)
            assert len(a.log) == heard + 1

    run(main)


def test_silent_sockets_do_not_keep_their_descriptors() -> None:
    """200 sockets that say nothing are all closed after the time for a handshake."""

    async def main() -> None:
        async with owners() as make:
            _, b, address = await pair(make, QUICK)
            before = descriptors()
            silent = [socket.create_connection(place(address)) for _ in range(200)]
            try:
                await soon(lambda: all(closed(stream) for stream in silent))
            finally:
                for stream in silent:
                    stream.close()
            await soon(lambda: descriptors() == before)
            await still_lives(b)

    run(main)


def test_members_that_stay_mute_are_cut() -> None:
    """A peer that has proved itself and then says nothing is cut, and never announced."""

    async def main() -> None:
        async with owners() as make:
            a, b = make(limits=QUICK), make()
            b.transport.dial(a.transport.bind(LOOPBACK))
            await b.until(lambda: b.log == ["connected", "lost"])
            assert a.log == []
            assert a.transport.statistics().refused == 1

    run(main)


def test_too_many_mute_sockets_make_room_for_members() -> None:
    """Beyond the limit the oldest mute socket is cut at once, so a member still gets in."""

    async def main() -> None:
        async with owners() as make:
            limits = TransportLimits(unheard=10)
            a, b = make(limits=limits), make()
            address = a.transport.bind(LOOPBACK)
            silent = [socket.create_connection(place(address)) for _ in range(60)]
            try:
                await soon(lambda: sum(map(closed, silent)) == 50)
                await b.connect(address)
                await a.until(lambda: bool(a.messages))
            finally:
                for stream in silent:
                    stream.close()

    run(main)


def test_running_out_of_descriptors_is_survived() -> None:
    """300 silent sockets against 100 descriptors: members are served on, and new ones admitted."""

    async def main() -> None:
        async with owners() as make:
            b, late = make(), make()
            with peer(descriptors=100) as (_, address):
                await b.connect(address)
                await b.until(lambda: b.messages == [[b"first"]])
                silent = [socket.create_connection(place(address)) for _ in range(300)]
                try:
                    await soon(lambda: sum(map(closed, silent)) > 200)
                    await still_lives(b)
                    await late.connect(address)
                    await late.until(lambda: late.messages == [[b"first"]])
                finally:
                    for stream in silent:
                        stream.close()

    run(main)


def test_peers_beyond_the_limit_of_connections_are_cut() -> None:
    """The first peers keep their connections, the next one is cut and counted."""

    async def main() -> None:
        async with owners() as make:
            a, b, address = await pair(make, TransportLimits(connections=1))
            late = make()
            late.transport.dial(address)
            await late.until(lambda: late.log == ["connected"])
            late.transport.send(late.connections[0], [b"me too"])
            await late.until(lambda: late.log == ["connected", "lost"])
            assert [b"me too"] not in a.messages
            assert a.transport.statistics().refused == 1
            await still_lives(b)

    run(main)
