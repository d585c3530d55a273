"""Trouble with a network: what the system says, in one sentence each."""

import asyncio
import errno
import os
import socket
import ssl

import pytest

from kamesh.components.network.trouble import checked_port, shown, trouble


def said(number: int, *, listening: bool = False) -> str:
    """Give the sentence for an error of the system."""
    return trouble(OSError(number, os.strerror(number)), "a:1", listening=listening)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ECONNREFUSED, "a:1 refuses: nothing listens there"),
        (errno.ECONNRESET, "a:1 has broken the connection off"),
        (errno.ENETUNREACH, "a:1 cannot be reached: there is no way"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOENT, "no such socket"),
        (errno.EMSGSIZE, "too large a datagram"),
        (errno.EXDEV, "a:1 cannot be reached: Invalid cross-device link"),
    ],
)
def test_what_cannot_be_reached(number, words):
    """Each error of the system has its words; one that is not known has the system's."""
    assert words in said(number)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRINUSE, "a:1 is taken by another program"),
        (errno.EACCES, "above 1023"),
        (errno.EADDRNOTAVAIL, "not an address of this machine"),
        (errno.ENOENT, "its folder does not exist"),
        (errno.EXDEV, "a:1 cannot be listened at: Invalid cross-device link"),
    ],
)
def test_what_cannot_be_served_at(number, words):
    """To listen has words of its own."""
    assert words in said(number, listening=True)


def test_names_and_time():
    """A name that is not there, a name server that does not answer, an address that says nothing."""
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert trouble(unknown, "nowhere:1") == (
        "the name in nowhere:1 does not resolve: look at its spelling"
    )
    assert "no name server" in trouble(socket.gaierror(socket.EAI_AGAIN, "again"), "a:1")
    assert "not an address of this machine" in trouble(unknown, "a:1", listening=True)
    assert "does not answer" in trouble(TimeoutError(), "a:1")
    assert "1 to 63 letters" in trouble(UnicodeError("label too long"), "a:1")


def test_tls_that_meets_plain_text():
    """What is not TLS is said to be none, from the error that a real handshake gives."""

    async def main() -> ssl.SSLError:
        async def serve(reader, writer):
            await reader.read(10)
            writer.write(b"220 I only speak plain text\r\n" * 10)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ssl.SSLError) as raised:
                await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
            return raised.value

    assert trouble(asyncio.run(main()), "a:1") == "a:1 does not speak TLS"


@pytest.mark.parametrize(
    ("code", "words"), [(10, "has expired"), (18, "nobody but itself"), (62, "another name")]
)
def test_certificates(code, words):
    """Why a certificate is not trusted is said."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "no"
    assert words in trouble(error, "a:1")


def test_addresses_and_ports():
    """Addresses are written as people write them, and ports are checked."""
    assert shown("10.0.0.7", 80) == "10.0.0.7:80"
    assert shown("::1", 80) == "[::1]:80"
    assert shown("/run/chat.sock") == "/run/chat.sock"
    assert checked_port(80) == 80
    assert checked_port(0, 0) == 0
    for wrong in (0, -1, 65536, "80", True):
        with pytest.raises(ValueError, match=r"is not a port: a whole number from 1 to 65535$"):
            checked_port(wrong)
