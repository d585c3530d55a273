"""HTTPServer against clients nobody here wrote, and against those that misbehave."""

import asyncio
import http.client
import json
import logging
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from functools import partial
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from kamesh import Component, ComponentFailed, ThreadedComponent
from kamesh.components.web import BOXES, HTTPServer, Limits, ListenError, Request, Response
from kamesh.deploy.topology.loading import make_component

CURL = shutil.which("curl")
needs_curl = pytest.mark.skipif(CURL is None, reason="curl is not installed")


@contextmanager
def serving(routes=BOXES, **options):
    """Run a server in the background; give its handle and its address."""
    server = HTTPServer(routes, **options)
    with server.background() as handle:
        yield handle, handle.get(timeout=5).url
    assert server.state == "ended"


def curl(*arguments, data=None):
    """Run curl quietly; give what it printed."""
    done = subprocess.run(
        [CURL, "-sS", "--max-time", "10", *arguments], input=data, capture_output=True, check=True
    )
    return done.stdout


def raw(url, *pieces, timeout=5.0):
    """Send bytes to a server as they are; give all that comes until it closes."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout) as sock:
        got = bytearray()
        try:
            for piece in pieces:
                sock.sendall(piece)
            while more := sock.recv(65536):
                got += more
        except ConnectionError:
            pass
        return bytes(got)


def read_all(sock):
    """Read a socket to its end, however it ends; say how much came."""
    got = 0
    try:
        while more := sock.recv(1 << 20):
            got += len(more)
    except ConnectionError:
        pass
    return got


def until(condition, seconds=5.0):
    """Wait for something that is bound to happen, and fail if it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


class Echo(Component):
    """Answers with what it is sent, as it comes."""

    async def main(self):
        async for message in self.inbox:
            if isinstance(message, Request):
                await self.send(Response(201, headers={"X-Path": message.path}))
            else:
                await self.send(message)


class Length(Component):
    """A generator that answers with how much it was sent."""

    def main(self):
        size = 0
        while not self.stopping():
            for message in self.inbox:
                if isinstance(message, bytes):
                    size += len(message)
            yield self.pause()
        self.send(Response(200, str(size), {"content-type": "text/plain"}))


class Blocking(ThreadedComponent):
    """Answers from a thread."""

    def main(self):
        for message in self.inbox:
            if isinstance(message, Request):
                self.send(f"{message.method} in a thread")


class Broken(Component):
    """Raises, before or after its answer has begun."""

    def __init__(self, late=False):
        self.late = late

    async def main(self):
        if self.late:
            await self.send(b"so far so good")
            await asyncio.sleep(0.05)
        raise RuntimeError("broken on purpose")


def shout(request):
    """Answer with the body in capitals."""
    return request.text.upper()


# what it does


@needs_curl
def test_a_function_answers_curl():
    """GET with a query, POST with a body; str, dict, bytes, None and Response are answers."""
    routes = {
        "/query": lambda request: dict(request.query),
        "POST /shout": shout,
        "/items/{id}": lambda request: Response(418, b"tea", {"x-id": request.parts["id"]}),
        "/none": lambda request: None,
        "/raw": lambda request: b"\x00\x01",
        "/text": lambda request: Response(203, "grün"),
    }
    with serving(routes) as (_, url):
        assert json.loads(curl(f"{url}query?a=1&b=%C3%A9")) == {"a": "1", "b": "é"}
        assert curl("--data-binary", "@-", f"{url}shout", data=b"hey") == b"HEY"
        said = curl("-i", f"{url}items/a%20b").decode()
        assert said.startswith("HTTP/1.1 418")
        assert "x-id: a b" in said.lower()
        assert curl("-o", "/dev/null", "-w", "%{http_code}", f"{url}none") == b"204"
        assert curl(f"{url}raw") == b"\x00\x01"
        assert b"content-type: text/plain; charset=utf-8" in curl("-i", f"{url}text").lower()


@needs_curl
def test_a_component_answers_each_request_and_gets_its_body_in_pieces():
    """Five megabytes go in and come back, by generator, coroutine and thread."""
    body = bytes(range(256)) * 20_000
    with serving({"/echo": Echo, "/length": Length, "/thread": Blocking}) as (_, url):
        assert curl("--data-binary", "@-", f"{url}echo", data=body) == body
        assert curl("--data-binary", "@-", f"{url}length", data=body) == b"%d" % len(body)
        assert curl(f"{url}thread") == b"GET in a thread"
        said = curl("-i", f"{url}echo").decode().lower()
        assert "201" in said
        assert "x-path: /echo" in said


def test_an_async_function_and_one_that_gives_a_component():
    """The former may wait; the latter chooses who answers."""

    async def slowly(request):
        await asyncio.sleep(0.01)
        return "slowly"

    with serving({"/slow": slowly, "/made": lambda request: Echo()}) as (_, url):
        assert urlopen(url + "slow").read() == b"slowly"
        assert urlopen(url + "made").status == 201


def test_components_are_named_as_topologies_name_them():
    """"module:Class" and a partial do as the class does."""
    name = "kamesh.components.sources:NullSink"
    with serving({"/named": name, "/partial": partial(Echo)}) as (_, url):
        assert urlopen(url + "partial").status == 201
        assert urlopen(url + "named").status == 204  # it has no outbox, and so no answer


def test_it_fits_into_a_topology(tmp_path):
    """All that it needs can be written in a file, and names what lies beside it."""
    (tmp_path / "own_handlers.py").write_text("def shout(request):\n    return request.text.upper()\n")
    given = {"routes": {"POST /shout": "own_handlers:shout", "/boxes": "boxes"}, "limits": {"idle": 9.0}}
    server = make_component("kamesh.components.web:HTTPServer", given, folder=tmp_path)
    sys.path.remove(str(tmp_path))
    with server.background() as handle:
        assert urlopen(handle.get(timeout=5).url + "shout", b"hey").read() == b"HEY"


def test_requests_can_be_answered_by_messages():
    """A request goes out by "requests", and the response that names it comes in by "inbox"."""
    with serving() as (server, url):
        got = {}
        asking = [
            threading.Thread(target=lambda n=n: got.update({n: urlopen(f"{url}{n}").read()}))
            for n in range(3)
        ]
        for each in asking:
            each.start()
        waiting = [server.get("requests", timeout=5) for _ in asking]
        server.put(Response(200, b"nobody asked", number=99))
        for request in reversed(waiting):  # in any order
            server.put(Response(200, f"you asked for {request.path}", number=request.number))
        for each in asking:
            each.join()
    assert got == {n: f"you asked for /{n}".encode() for n in range(3)}


@needs_curl
def test_a_folder_is_served_with_ranges_and_etags(tmp_path):
    """As curl and browsers want it; an index stands for its folder."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text("<h1>home</h1>")
    (tmp_path / "sub" / "page.html").write_text("<p>page</p>")
    (tmp_path / "data.bin").write_bytes(bytes(range(256)) * 100)
    with serving({"/*": tmp_path, "/one": tmp_path / "data.bin"}) as (_, url):
        assert curl(url) == b"<h1>home</h1>"
        assert b"text/html" in curl("-I", f"{url}sub/page.html").lower()
        assert curl("-r", "256-259", f"{url}data.bin") == b"\x00\x01\x02\x03"
        assert curl("-r", "-2", f"{url}one") == b"\xfe\xff"
        head = curl("-I", f"{url}data.bin").decode()
        etag = next(line[6:] for line in head.splitlines() if line.lower().startswith("etag:"))
        status = ("-o", "/dev/null", "-w", "%{http_code}")
        assert curl(*status, "-H", f"If-None-Match: {etag}", f"{url}data.bin") == b"304"
        assert curl(*status, "-r", "999999-", f"{url}data.bin") == b"416"
        assert curl(*status, "-X", "DELETE", f"{url}data.bin") == b"405"
        assert curl(*status, f"{url}sub") == b"308"
        assert curl(*status, f"{url}nothing") == b"404"


def test_nothing_outside_a_folder_is_served(tmp_path):
    """Neither by "..", however it is written, nor by links that lead out."""
    (tmp_path / "secret").write_text("secret")
    site = tmp_path / "site"
    site.mkdir()
    (site / "out").symlink_to(tmp_path / "secret")
    (site / "up").symlink_to(tmp_path)
    (site / "loop").symlink_to(site / "loop")
    ways = ["../secret", "%2e%2e/secret", "..%2fsecret", "a/../../secret", "out", "up/secret"]
    ways += ["loop", "%00", "..\\secret", "/etc/passwd", "//etc/passwd"]
    with serving({"/*": site}) as (_, url):
        for way in ways:
            said = raw(url, f"GET /{way} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert said.split(b" ", 2)[1] in (b"404", b"400"), way
            assert b"secret" not in said.split(b"\r\n\r\n", 1)[1]


def test_python_clients_use_one_connection_for_many_requests():
    """http.client keeps it open; HEAD has no body; wrong methods and paths are told apart."""
    with (
        serving({"GET /a": lambda r: "abc", "POST /b": shout}) as (_, url),
        closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)) as client,
    ):
        for _ in range(3):
            client.request("GET", "/a")
            answer = client.getresponse()
            assert (answer.status, answer.read()) == (200, b"abc")
        client.request("HEAD", "/a")
        answer = client.getresponse()
        assert (answer.getheader("content-length"), answer.read()) == ("3", b"")
        client.request("GET", "/nowhere")
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (404, b"there is nothing at this address\n")
        client.request("GET", "/b")
        answer = client.getresponse()
        assert (answer.status, answer.getheader("allow")) == (405, "POST")


# errors and limits


def test_an_error_in_a_handler_costs_one_request(caplog):
    """It is a 500, or the end of a connection whose answer has begun; the log says which line."""

    def wrong(request):
        raise ValueError("wrong on purpose")

    routes = {
        "/wrong": wrong,
        "/broken": Broken,
        "/late": partial(Broken, late=True),
        "/odd": lambda request: 17,
        "/fine": lambda request: "fine",
    }
    with serving(routes) as (_, url):
        for path in ("wrong", "broken", "odd"):
            with pytest.raises(HTTPError, match="500") as caught:
                urlopen(url + path)
            assert b"its log says" in caught.value.read()
        with pytest.raises(http.client.IncompleteRead) as broken:
            urlopen(url + "late").read()
        assert broken.value.partial == b"so far so good"
        assert urlopen(url + "fine").read() == b"fine"
    assert "wrong on purpose" in caplog.text
    assert "broken on purpose" in caplog.text
    assert "with int" in caplog.text


@needs_curl
def test_a_body_that_is_too_large_is_refused():
    """When it says so beforehand, and when it does not; the server goes on."""
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    with serving({"/length": Length, "/shout": shout}, limits={"body": 1000}) as (_, url):
        for path in ("length", "shout"):
            for more in ((), ("-H", "Transfer-Encoding: chunked")):
                large = ("--data-binary", "@-", *more, url + path)
                assert curl(*status, *large, data=b"x" * 1001) == b"413", (path, more)
                assert curl(*status, *large, data=b"x" * 1000) == b"200"


def test_garbage_and_endless_heads_are_refused(caplog):
    """With a 400 in words, without a traceback; the server goes on."""
    caplog.set_level(logging.INFO, "kamesh")
    with serving(lambda request: "fine", limits={"head": 2000}) as (_, url):
        assert raw(url, b"\x16\x03\x01\x02\x00 garbage\r\n\r\n").startswith(b"HTTP/1.0 400")
        long = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 5000 + b"\r\n\r\n"
        assert raw(url, long).split(b" ", 2)[1] == b"400"
        assert urlopen(url).read() == b"fine"
    assert "no HTTP request" in caplog.text
    assert "Traceback" not in caplog.text


def test_slow_clients_are_let_go():
    """One that sends nothing, half a head, or half a body, or does not read; others are served."""
    large = b"x" * (32 << 20)
    routes = {"/": shout, "/large": lambda request: large}
    with serving(routes, limits={"idle": 0.3, "body": 100}) as (_, url):
        slow = {
            "nothing": b"",
            "half a head": b"GET / HTTP/1.1\r\nHost: x\r\n",
            "half a body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf",
            "kept alive": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        }
        for sent in slow.values():
            raw(url, sent)  # it returns because the server closes
        where = urlsplit(url)
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.settimeout(5)
            reader.connect((where.hostname, where.port))
            reader.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(1.0)  # it reads nothing meanwhile
            assert read_all(reader) < len(large)
        assert urlopen(url).read() == b""


def test_no_more_connections_and_requests_than_there_may_be():
    """One too many is told to come again, in words; those that are there are served."""
    limits = Limits(connections=3, requests=2)
    ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(limits=limits) as (server, url):
        where = urlsplit(url)
        held = [socket.create_connection((where.hostname, where.port), 5) for _ in range(3)]
        assert b"503" in raw(url)
        assert b"3 connections and takes no more" in raw(url)
        for each in held[:2]:
            each.sendall(ask)
        waiting = [server.get("requests", timeout=5) for _ in range(2)]
        held[2].sendall(ask)
        assert held[2].recv(100).startswith(b"HTTP/1.1 503")
        for request in waiting:
            server.put(Response(number=request.number))
        for each in held:
            assert each.recv(100) or each is held[2]
            each.close()


def test_a_file_that_is_not_read_does_not_stay_open(tmp_path):
    """The kernel lets a client go that takes nothing of what it is sent."""
    (tmp_path / "large").write_bytes(b"x" * (32 << 20))
    with serving(tmp_path, limits={"idle": 0.3}) as (_, url):
        where = urlsplit(url)
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.settimeout(5)
            reader.connect((where.hostname, where.port))
            reader.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(1.0)  # it reads nothing meanwhile
            assert read_all(reader) < 32 << 20


@needs_curl
def test_over_tls(tmp_path):
    """With a certificate that curl is told to trust."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with serving(lambda request: request.url, tls=context) as (_, url):
        assert url.startswith("https://127.0.0.1:")
        assert curl("--cacert", str(certificate), url) == url.encode()
        assert not raw(url, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1")
        trust = ssl.create_default_context(cafile=str(certificate))
        client = http.client.HTTPSConnection(urlsplit(url).netloc, timeout=5, context=trust)
        client.request("GET", "/")
        assert client.getresponse().read() == url.encode()
    client.close()  # it was kept open, and has not held up the end


def test_a_request_that_nobody_answers_is_a_504():
    """After `patience` seconds: by messages, by a function, by a component."""

    class Silent(Component):
        async def main(self):
            async for _ in self.inbox:
                pass
            await asyncio.sleep(60)

    async def never(request):
        await asyncio.sleep(60)

    routes = {"/boxes": BOXES, "/function": never, "/component": Silent}
    with serving(routes, limits={"patience": 0.1}) as (_, url):
        for path in ("boxes", "function", "component"):
            with pytest.raises(HTTPError, match="504"):
                urlopen(url + path, timeout=5)


def test_a_client_that_goes_ends_its_component():
    """It is told Shutdown, for nobody is left to answer, and the others are served on."""
    told = threading.Event()

    class Endless(Component):
        async def main(self):
            try:
                while not self.stopping():
                    await self.send(b"x" * 10_000)
            finally:
                told.set()

    with serving({"/endless": Endless, "/fine": lambda r: "fine"}) as (_, url):
        answer = urlopen(url + "endless")
        assert answer.read(5) == b"xxxxx"
        answer.close()
        assert told.wait(3)  # and not ended after its grace
        assert urlopen(url + "fine").read() == b"fine"


def test_who_has_answered_has_time_for_the_rest():
    """A component that answers before it has taken what has come takes all of that."""
    took = []
    over = threading.Event()

    class Later(Component):
        async def main(self):
            while len(self.inbox) < 2:  # the request and its body
                await self.wait()
            await self.send(Response(202, b"later"))
            async for piece in self.inbox:
                await asyncio.sleep(0.05)
                took.append(piece)
            over.set()

    with serving({"/": Later}) as (_, url):
        assert urlopen(url, b"body", timeout=5).read() == b"later"
        assert over.wait(3)
    assert took[1:] == [b"body"]


def test_a_client_that_reads_slowly_slows_its_component_down():
    """What has been sent and not been read is bounded, however much there is to send."""
    sent = []

    class Much(Component):
        async def main(self):
            for number in range(2000):
                await self.send(b"x" * 65536)
                sent.append(number)

    with serving({"/": Much}) as (_, url):
        where = urlsplit(url)
        with socket.create_connection((where.hostname, where.port), 5) as reader:
            reader.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert reader.recv(10)
            time.sleep(0.3)
            before = len(sent)
            time.sleep(0.2)
            assert len(sent) == before < 1000


# how it ends


def test_it_ends_when_told_and_lets_requests_end():
    """A body under way is read to its end and answered; one that never ends is broken off."""
    server = HTTPServer({"/shout": shout}, limits={"grace": 0.5})
    handle = server.background()
    where = urlsplit(handle.get(timeout=5).url)
    head = b"POST /shout HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"
    with (
        socket.create_connection((where.hostname, where.port), 5) as under_way,
        socket.create_connection((where.hostname, where.port), 5) as never,
    ):
        under_way.sendall(head)
        never.sendall(head)
        until(lambda: server.details()["requests"] == 2)
        handle.finish()
        until(lambda: server.ending)
        under_way.sendall(b"cde")
        assert under_way.recv(1000).endswith(b"ABCDE")
        assert handle.wait(10)
        assert read_all(never) == 0
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))


def test_mistakes_are_said_at_once():
    """A route that leads nowhere, a port that is none, limits that are none."""
    for routes, sentence in {
        "kamesh:Nothing": "cannot be had",
        17: "cannot lead to 17",
    }.items():
        with pytest.raises(ValueError, match=sentence):
            HTTPServer(routes)
    with pytest.raises(ValueError, match="give the class"):
        HTTPServer({"/": Echo()})
    with pytest.raises(ValueError, match="is no route"):
        HTTPServer({"items": shout})
    with pytest.raises(ValueError, match="70000 is not a port"):
        HTTPServer(port=70000)
    with pytest.raises(ValueError, match=r"no limit 'idel' \(did you mean 'idle'\?\)"):
        HTTPServer(limits={"idel": 1.0})
    with pytest.raises(ValueError, match="the limit body= cannot be 0: it is more than 0"):
        HTTPServer(limits={"body": 0})


def test_a_folder_has_to_be_there_when_it_starts(tmp_path):
    """Not before: every node makes the whole graph, and the folder may be on one of them."""
    folder = tmp_path / "site"
    routes = {"/": lambda request: "hello", "/files/*": folder}
    with pytest.raises(ComponentFailed, match=r"'/files/\*' leads to .*site, and there is no such"):
        HTTPServer(routes).run()
    server = HTTPServer(routes)
    folder.mkdir()
    (folder / "a").write_text("A")
    with server.background() as handle:
        assert urlopen(handle.get(timeout=5).url + "files/a", timeout=5).read() == b"A"


def test_a_port_that_is_taken_is_named():
    """In one sentence."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ComponentFailed, match=f"127.0.0.1:{port} is taken") as caught:
            HTTPServer(port=port).run()
        assert isinstance(caught.value.__cause__, ListenError)
