"""TLS: servers and clients against OpenSSL and Python's ssl, and every certificate that will not do."""

import contextlib
import datetime
import shutil
import socket
import ssl
import subprocess

import pytest
from certificates import Authority
from serving_kit import LIMIT, all_of, comes, connected, serving

from kamesh import Component, ComponentFailed, Pipeline
from kamesh.components.mail import SMTPClient, SMTPServer
from kamesh.components.network import TLS, NetworkError, TCPClient, TCPServer, TLSClient, TLSServer
from kamesh.components.protocols import Echo
from kamesh.components.sources import DataSource
from kamesh.components.web import HTTPDownload, HTTPServer
from kamesh.deploy.topology.loading import make_component
from kamesh.testing import Collector

openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """One authority for all."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _no_long_farewells(monkeypatch):
    """Have a client that has said all wait a moment only for the rest of the answer."""
    monkeypatch.setattr("kamesh.components.network.calling.FAREWELL", 0.2)


@pytest.fixture(scope="module")
def server_tls(authority):
    """A server that this authority vouches for, as localhost and 127.0.0.1."""
    return TLS(*authority.sign("localhost"))


def ask(port, authority, data, **options):
    """Send `data` with our client; give all that comes back."""
    client = TLSClient(
        "127.0.0.1",
        port,
        tls=TLS(authorities=str(authority.certificate), **options),
        tries=1,
        name="client",
    )
    with client.background() as handle:
        handle.put(data)
        return handle.get(timeout=LIMIT)


def test_our_client_and_our_server(authority, server_tls):
    """What is said arrives, both ways, and each end knows whom it speaks with."""
    peers = []

    class Notes(Echo):
        def __init__(self, peer):
            peers.append(peer)

    with serving(TLSServer(Notes, tls=server_tls)) as where:
        assert where.url == f"tls://127.0.0.1:{where.port}"
        assert ask(where.port, authority, b"hello") == b"hello"
    assert peers[0].subject == ""


def test_a_client_without_a_certificate_is_not_served(authority):
    """Where one is required, whoever has none is refused; whoever has one is named to the protocol."""
    peers = []

    class Notes(Echo):
        def __init__(self, peer):
            peers.append(peer)

    tls = TLS(*authority.sign("localhost"), str(authority.certificate), True)
    server = TLSServer(Notes, tls=tls)
    with serving(server) as where:
        trusts = TLS(authorities=str(authority.certificate))
        TLSClient("127.0.0.1", where.port, tls=trusts, tries=1).run()
        assert peers == []
        assert comes(lambda: server.details()["handshakes_failed"] == 1)
        certificate, key = authority.sign("anna")
        assert ask(where.port, authority, b"x", certificate=certificate, key=key) == b"x"
    assert peers[0].subject == "CN=anna"


@openssl
def test_a_server_that_wants_a_certificate(authority):
    """Our client is told so in a sentence."""
    certificate, key = authority.sign("localhost")
    wants = ("-Verify", "1", "-CAfile", str(authority.certificate))
    with s_server(certificate, key, *wants) as port:
        trusts = TLS(authorities=str(authority.certificate))
        with pytest.raises(ComponentFailed, match="wants a certificate, and was shown none"):
            TLSClient("127.0.0.1", port, tls=trusts, tries=1).run()


@openssl
def test_openssl_as_the_client(authority, server_tls):
    """`openssl s_client` verifies, says, hears, and leaves."""
    with serving(TLSServer(Echo, tls=server_tls)) as where, subprocess.Popen(
        [
            "openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile",
            str(authority.certificate), "-connect", f"127.0.0.1:{where.port}",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"hello\n"
        process.kill()


@contextlib.contextmanager
def s_server(certificate, key, *options):
    """Run `openssl s_server`; give its port."""
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key]
    with subprocess.Popen(
        [*command, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            accepts = (line for line in process.stdout if line.startswith("ACCEPT "))
            yield int(next(accepts).rpartition(":")[2])
        finally:
            process.kill()


@openssl
def test_openssl_as_the_server(authority):
    """`openssl s_server -rev` reverses lines for our client."""
    with s_server(*authority.sign("localhost"), "-rev") as port:
        assert ask(port, authority, b"hello\n") == b"olleh\n"


def test_the_last_answer_is_not_lost_when_the_client_has_said_all(authority, server_tls):
    """TLS has no half to close: what came before its end is still answered."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    with serving(TLSServer(Echo, tls=server_tls)) as where, connected(where) as plain:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        speaks = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

        def until_done(step):
            while True:
                try:
                    done = step()
                    if sent := outgoing.read():
                        plain.sendall(sent)
                    return done
                except ssl.SSLWantReadError:
                    if sent := outgoing.read():
                        plain.sendall(sent)
                    incoming.write(plain.recv(65536))

        until_done(speaks.do_handshake)
        speaks.write(b"the last")
        with contextlib.suppress(ssl.SSLWantReadError):
            speaks.unwrap()
        plain.sendall(outgoing.read())
        incoming.write(all_of(plain))
        assert speaks.read() == b"the last"


# -- what is not TLS, or not to be trusted


def test_garbage_at_a_tls_port_costs_one_connection(authority, server_tls, caplog):
    """What is no TLS is counted and logged in a sentence; others are served meanwhile."""
    caplog.set_level("INFO")
    server = TLSServer(Echo, tls=server_tls)
    with serving(server) as where:
        with connected(where) as one:
            one.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                all_of(one)
        assert ask(where.port, authority, b"x") == b"x"
        assert comes(lambda: server.details()["handshakes_failed"] == 1)
        assert comes(lambda: server.details()["connections"] == 0)
        assert server.details()["last_failure"] == "a client does not speak TLS"
    assert "a client does not speak TLS" in caplog.text
    assert "Traceback" not in caplog.text


def test_who_says_nothing_at_a_tls_port_is_let_go(server_tls, monkeypatch):
    """A handshake has a deadline."""
    monkeypatch.setattr("kamesh.components.network.serving.HANDSHAKE", 0.1)
    server = TLSServer(Echo, tls=server_tls)
    with serving(server) as where, connected(where) as one:
        assert all_of(one) == b""
        assert comes(lambda: server.details()["handshakes_failed"] == 1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lasts": datetime.timedelta(days=-1)}, "its certificate has expired"),
        ({"addresses": ("127.0.0.2",)}, "its certificate is for another address"),
        ({"by_itself": True}, "its certificate is signed by nobody but itself"),
    ],
)
def test_a_server_that_is_not_to_be_trusted(authority, options, sentence):
    """Expired, for another host, self-signed: one sentence each."""
    with serving(TLSServer(Echo, tls=TLS(*authority.sign("other.example", **options)))) as where:
        client = TLSClient(
            "127.0.0.1", where.port, tls=TLS(authorities=str(authority.certificate)), tries=1
        )
        with pytest.raises(ComponentFailed, match=f"{where.port} is not trusted: {sentence}"):
            client.run()


def test_a_certificate_for_another_name(authority):
    """A host name is compared with those of the certificate."""
    with serving(TLSServer(Echo, tls=TLS(*authority.sign("other.example")))) as where:
        client = TLSClient(
            "localhost", where.port, tls=TLS(authorities=str(authority.certificate)), tries=1
        )
        with pytest.raises(ComponentFailed, match="its certificate is for another name"):
            client.run()


def test_whoever_signed_it_themselves_may_be_trusted_by_name(authority):
    """A self-signed certificate given as the authority is believed."""
    certificate, key = authority.sign("alone", by_itself=True)
    with serving(TLSServer(Echo, tls=TLS(certificate, key))) as where:
        client = TLSClient("127.0.0.1", where.port, tls=TLS(authorities=certificate), tries=1)
        with client.background() as handle:
            handle.put(b"x")
            assert handle.get(timeout=LIMIT) == b"x"


def test_a_server_that_does_not_speak_tls():
    """Our TLS client at a plain server is told so."""
    class Greets(Component):
        def main(self):
            self.send(b"220 plain as can be\r\n")
            while not self.stopping():
                yield self.pause()

    with serving(TCPServer(Greets)) as where, pytest.raises(ComponentFailed, match="does not speak TLS"):
        TLSClient("127.0.0.1", where.port, tries=1).run()


def test_settings_that_will_not_do_are_refused_when_they_are_given(authority, tmp_path):
    """A missing file, a wrong one, a key of another, a key with a password: before anything listens."""
    certificate, key = authority.sign("localhost")
    _, other = authority.sign("other")
    (tmp_path / "text").write_text("no certificate")
    text = str(tmp_path / "text")
    none = str(tmp_path / "none")
    locked = tmp_path / "locked.key"
    if shutil.which("openssl"):
        subprocess.run(
            ["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", key, "-out", str(locked)],
            check=True,
            capture_output=True,
        )
    for tls, sentence in [
        (TLS(none, key), "none cannot be read: No such file or directory"),
        (TLS(certificate, none), "none cannot be read"),
        (TLS(text, key), "hold no certificate and key in PEM form"),
        (TLS(certificate, other), "is not that of the certificate in"),
        (TLS(certificate, key, text), "holds no certificate in PEM form"),
        (TLS(certificate, key, none), "none cannot be read"),
        *([(TLS(certificate, str(locked)), "has a password")] if locked.exists() else []),
    ]:
        server = TLSServer(Echo, tls=tls)
        with pytest.raises(ComponentFailed, match=sentence):
            server.run()


def test_files_are_read_when_it_starts(authority, tmp_path):
    """Every node makes the whole graph, also one on which there is no key; who runs it needs it."""
    given = {"certificate": str(tmp_path / "my.crt"), "key": str(tmp_path / "my.key")}
    makes = [
        lambda: TCPServer(Echo, tls=given),
        lambda: TCPClient("127.0.0.1", 1, tls=given, tries=1),
        lambda: HTTPServer({"/": Echo}, tls=given),
        lambda: HTTPDownload("https://127.0.0.1:1/", tls=given, tries=1),
        lambda: SMTPServer(tls=given),
        lambda: SMTPClient("127.0.0.1", 1, tls=given, tries=1),
    ]
    for make in makes:
        with pytest.raises(ComponentFailed, match=r"my\.crt cannot be read"):
            make().run()
    certificate, key = authority.sign("localhost")
    shutil.copy(certificate, given["certificate"])
    server = TLSServer(Echo, tls=given)
    shutil.copy(key, given["key"])  # in time
    with serving(server) as where:
        assert ask(where.port, authority, b"hello") == b"hello"


def test_it_is_a_record_a_context_or_a_table(authority, server_tls):
    """Each where TLS can be given, so that code and topologies say it as they like."""
    table = {"certificate": server_tls.certificate, "key": server_tls.key}
    trusts = {"authorities": str(authority.certificate)}
    for given in (server_tls, server_tls.for_server(), table):
        with serving(TCPServer(Echo, tls=given)) as where:
            for tls in (TLS(**trusts), TLS(**trusts).for_client(), trusts):
                client = TCPClient("127.0.0.1", where.port, tls=tls, tries=1)
                with client.background() as handle:
                    handle.put(b"hello")
                    assert handle.get(timeout=LIMIT) == b"hello"
    use = "kamesh.components.network:TCPServer"
    made = make_component(use, {"protocol": Echo, "tls": table})
    assert made.tls == server_tls


@pytest.mark.parametrize("make", [lambda tls: TCPServer(Echo, tls=tls), lambda tls: HTTPServer(tls=tls)])
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (TLS(), "a TLS server needs a certificate"),
        ({}, "a TLS server needs a certificate"),
        (TLS("x", "y", None, True), "say whose"),
        ({"certficate": "x"}, r"TLS has no 'certficate' \(did you mean 'certificate'"),
        ({"certificate": 3}, "certificate=3: for TLS it is the path of a file"),
        ({"certificate": "x", "require_client_certificate": "no"}, "it is True or False"),
        (True, "tls=True: it is a TLS"),
    ],
)
def test_settings_that_are_none_are_refused_at_once(make, given, sentence):
    """What is known without reading a file is said when the component is made."""
    with pytest.raises(NetworkError, match=sentence):
        make(given)


def test_large_answers_over_tls_arrive_whole(authority, server_tls):
    """Megabytes both ways, with a reader slower than the network."""
    whole = bytes(range(256)) * (1 << 12)
    collected = Collector()
    with serving(TLSServer(Echo, tls=server_tls)) as where:
        client = TLSClient(
            "localhost", where.port, tls=TLS(authorities=str(authority.certificate)), tries=1
        )
        with Pipeline(DataSource([whole] * 3), client, collected).background() as handle:
            assert comes(lambda: sum(map(len, collected.messages)) == 3 * len(whole))
            handle.stop()
    assert b"".join(collected.messages) == whole * 3


def test_a_stream_cut_in_the_middle_of_tls(authority, server_tls):
    """A peer that is gone in mid-stream ends its own connection only."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    server = TLSServer(Echo, tls=server_tls)
    with serving(server) as where:
        with connected(where) as plain:
            tls = context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
            tls.sendall(b"half")
            assert tls.recv(4) == b"half"
            socket.socket(fileno=tls.detach()).close()
        assert comes(lambda: server.details()["connections"] == 0)
        assert ask(where.port, authority, b"x") == b"x"
