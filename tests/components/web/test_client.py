"""HTTPClient and HTTPDownload against Python's own server and against one that misbehaves."""

import hashlib
import http.server
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from kamesh import ComponentFailed, Ended, Pipeline
from kamesh.components.network.tls import TLS
from kamesh.components.sources import DataSink, DataSource
from kamesh.components.web import Failed, HTTPClient, HTTPDownload, HTTPServer, Request, Response
from kamesh.components.web.asking import Asked, Progress, as_request, may_repeat, retry_after


class Site(http.server.BaseHTTPRequestHandler):
    """Python's own server, with a few pages."""

    protocol_version = "HTTP/1.1"
    tries = {}
    now = most = 0
    lock = threading.Lock()

    def do_GET(self):
        tries = self.tries[self.path] = self.tries.get(self.path, 0) + 1
        if self.path == "/away":
            self.answer(302, b"", Location="/here")
        elif self.path == "/circle":
            self.answer(302, b"", Location="/circle")
        elif self.path.startswith("/busy"):
            self.answer(503 if tries < 3 else 200, b"at last", **{"Retry-After": "0"})
        elif self.path == "/slow":
            time.sleep(0.15)
            self.answer(200, b"slow")
        elif self.path == "/counted":
            with self.lock:
                Site.now += 1
                Site.most = max(Site.most, Site.now)
            time.sleep(0.05)
            with self.lock:
                Site.now -= 1
            self.answer(200, b"busy")
        elif self.path == "/large":
            self.answer(200, b"x" * 100_000)
        else:
            self.answer(200 if self.path != "/none" else 404, self.path.encode())

    def do_POST(self):
        self.answer(200, self.rfile.read(int(self.headers["Content-Length"])).upper())

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing."""


@contextmanager
def site():
    """Run Python's server; give its address."""
    Site.tries = {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def saying(*answers):
    """Answer one connection after another with these bytes; give the address and what was asked."""
    asked = []
    listener = socket.create_server(("127.0.0.1", 0))

    def work():
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(65536))
                connection.sendall(answer)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x", asked
    finally:
        thread.join(5)
        listener.close()


def ask(*messages, **options):
    """Ask for these, and give what came, and what did not."""
    client = HTTPClient(**{"timeout": 5.0, **options})
    with client.background() as handle:
        for each in messages:
            handle.put(each)
    return rest(handle, "outbox"), rest(handle, "errors"), client


def rest(handle, outbox):
    """Get all that is left."""
    got = []
    try:
        while True:
            got.append(handle.get(outbox, timeout=5))
    except Ended:
        return got


def free_port():
    """Find a port at which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_responses_come_in_the_order_of_the_requests():
    """Though a later one is there earlier; POST has a body, redirects are followed."""
    with site() as url:
        got, errors, client = ask(
            f"{url}/slow", f"{url}/quick", Request(f"{url}/post", "POST", body=b"abc", number=7),
            f"{url}/away", f"{url}/none",
        )  # fmt: skip
    assert [(each.status, each.body) for each in got] == [
        (200, b"slow"), (200, b"/quick"), (200, b"ABC"), (200, b"/here"), (404, b"/none"),
    ]  # fmt: skip
    assert got[2].number == 7
    assert got[3].url == f"{url}/here"
    assert not errors
    assert client.details() == {"asked": 5, "failed": 0, "retried": 0}


def test_as_many_at_a_time_as_there_may_be():
    """And no more: the server sees four of twelve at a time, or one."""
    with site() as url:
        for concurrency in (4, 1):
            Site.most = 0
            got, _, _ = ask(*[f"{url}/counted"] * 12, concurrency=concurrency)
            assert len(got) == 12
            assert Site.most == concurrency


def test_it_asks_no_more_often_than_it_was_told():
    """A server that closes at once is asked `tries` times, in as many connections."""
    with saying(b"", b"") as (url, asked):
        _, errors, client = ask(url, tries=2)
    assert len(asked) == 2
    assert client.retried == 1
    assert len(errors) == 1


def test_a_kept_connection_that_was_closed_meanwhile_is_no_try():
    """What was asked over it is asked again over a new one, if that may be done twice."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    asked = []

    def work():
        for answers in ([answer, b""], [answer, b""]):
            connection, _ = listener.accept()
            with connection:
                for each in answers:
                    asked.append(connection.recv(65536)[:4])
                    connection.sendall(each)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread = threading.Thread(target=work)
        thread.start()
        messages = [url, url, Request(url, "POST", body=b"x")]
        got, errors, client = ask(*messages, tries=1, concurrency=1)
        thread.join(5)
    assert asked == [b"GET ", b"GET ", b"GET ", b"POST"]
    assert [each.text for each in got] == ["ok", "ok"]
    assert len(errors) == 1
    assert client.retried == 0


def test_what_cannot_be_had_fails_it_if_nobody_hears_of_it():
    """With "errors" linked to nothing the client fails, after what came before, and says how to go on."""
    got = []
    with HTTPServer(lambda request: request.path).background() as server:
        url = server.get(timeout=5).url
        asking = Pipeline(
            DataSource([url + "one", "gopher://x", url + "two"]), HTTPClient(), DataSink(got)
        )
        with pytest.raises(ComponentFailed, match=r"gopher.* \(link \"errors\" to hear of it and"):
            asking.run()
    assert [each.text for each in got] == ["/one"]


def test_what_cannot_be_had_is_told_and_the_rest_goes_on():
    """Each in one sentence, with what was asked for."""
    port = free_port()
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    with site() as url, saying(b"garbage\r\n\r\n", half) as (bad, _):
        got, errors, _ = ask(
            f"http://127.0.0.1:{port}/", "ftp://x/", "", 17, f"{url}/circle", f"{url}/large",
            bad, bad, f"{url}/fine", tries=1, longest=1000, concurrency=1,
        )  # fmt: skip
    assert [each.body for each in got] == [b"/fine"]
    reasons = [each.reason for each in errors]
    for reason, words in zip(
        reasons,
        [
            f"127.0.0.1:{port} refuses", "not an address", "not an address", "not int",
            "from one address to another", "more than 1000 bytes", "not HTTP", "broke off",
        ],
        strict=True,
    ):  # fmt: skip
        assert words in reason
    assert all(isinstance(each, Failed) for each in errors)


def test_what_may_be_done_twice_is_tried_again():
    """GET after 503, but POST never; and not more often than it may be."""
    with site() as url:
        got, _, client = ask(f"{url}/busy")
        assert [(each.status, each.body) for each in got] == [(200, b"at last")]
        assert client.retried == 2
        got, _, client = ask(f"{url}/busy2", tries=2)
        assert [each.status for each in got] == [503]
    with saying(b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (url, asked):
        got, errors, _ = ask(url)
        assert [each.body for each in got] == [b"ok"]
        assert len(asked) == 2
    with saying(b"") as (url, asked):
        got, errors, _ = ask(Request(url, "POST", body=b"x"))
        assert len(asked) == len(errors) == 1


def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_that():
    """The time is the user's to choose."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        _, errors, _ = ask(url, timeout=0.1, tries=1)
    assert "does not answer" in errors[0].reason


def test_bodies_of_any_size_as_a_stream():
    """The head, then pieces, then an empty one; one that breaks off says so in its place."""
    with site() as url:
        got, _, _ = ask(f"{url}/large", f"{url}/b", stream=True, longest=10)
    heads = [at for at, each in enumerate(got) if isinstance(each, Response)]
    assert len(heads) == 2
    assert b"".join(got[1 : heads[1]]) == b"x" * 100_000
    assert got[heads[1] - 1] == b""
    assert got[-2:] == [b"/b", b""]
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") as (url, _):
        got, errors, _ = ask(url, stream=True)
    assert got[1] == b"half"
    assert got[2] == errors[0]
    assert "broke off" in got[2].reason


def test_nobody_who_reads_means_no_more_is_asked():
    """What is under way is bounded; a Shutdown ends it all the same."""
    with site() as url:
        client = HTTPClient(concurrency=2)
        handle = Pipeline(client, _Deaf()).background()
        for number in range(30):
            handle.put(f"{url}/{number}")
        time.sleep(0.3)
        assert client.asked < 20
        handle.stop()
        assert handle.wait(5)


class _Deaf(DataSink):
    """Reads nothing."""

    bounds = {"inbox": 2}

    def main(self):
        while not self.stopping():
            yield self.pause()


def test_shutdown_ends_what_is_under_way():
    """At once, whatever the server does."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        handle = HTTPClient(timeout=60.0).background()
        handle.put(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        silent.accept()[0].close()
        connection, _ = silent.accept()
        handle.stop()
        assert handle.wait(5)
        connection.close()


def test_it_is_a_part_of_a_pipeline():
    """From addresses to texts."""
    texts = []
    with site() as url:
        Pipeline(
            DataSource([f"{url}/a", f"{url}/b"]), HTTPClient(), lambda r: r.text, DataSink(texts)
        ).run()
    assert texts == ["/a", "/b"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_over_tls_only_to_who_is_trusted(tmp_path):
    """Both ends by TLS settings; a certificate that nobody vouches for is said in words."""
    key, crt = str(tmp_path / "key.pem"), str(tmp_path / "crt.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", crt, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    with HTTPServer(lambda request: "secret", tls=TLS(crt, key)).background() as server:
        url = server.get(timeout=5).url
        got, errors, _ = ask(url, tls=TLS(authorities=crt))
        assert [each.text for each in got] == ["secret"], errors
        _, errors, _ = ask(url, tries=1)
        assert "is not trusted: its certificate is signed by nobody but itself" in errors[0].reason
        _, errors, _ = ask(url.replace("https", "http"), tries=1)
        assert errors
        data = []
        Pipeline(HTTPDownload(url, tls=TLS(authorities=crt)), DataSink(data)).run()
        assert b"".join(data) == b"secret"
    with site() as url:
        _, errors, _ = ask(url.replace("http", "https"), tries=1)
        assert "does not speak TLS" in errors[0].reason


# downloads


class Fragile(http.server.BaseHTTPRequestHandler):
    """Breaks off after so many bytes, and goes on where it is asked to."""

    data = bytes(range(256)) * 2000
    after = 150_000
    etags = ['"a"']
    ranges = []

    def do_GET(self):
        self.ranges.append(self.headers.get("Range"))
        start = 0
        if self.ranges[-1]:
            start = int(self.ranges[-1].removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        else:
            self.send_response(200)
        self.send_header("ETag", self.etags[0] if len(self.etags) == 1 else self.etags.pop(0))
        self.send_header("Content-Length", str(len(self.data) - start))
        self.end_headers()
        self.wfile.write(self.data[start : start + self.after])

    def log_message(self, *arguments):
        """Say nothing."""


@contextmanager
def fragile(**attributes):
    """Run a server whose connections break."""
    handler = type("Handler", (Fragile,), {"ranges": [], **attributes})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def quick(url, **options):
    """Make a download that does not wait long."""
    download = HTTPDownload(url, timeout=5.0, **options)
    download.retries.first = 0.01
    return download


def test_a_download_goes_on_where_it_broke_off():
    """Four goes for half a megabyte, and not a byte lost or doubled."""
    with fragile() as (url, handler):
        data = []
        download = quick(url)
        Pipeline(download, DataSink(data)).run()
    assert hashlib.sha256(b"".join(data)).digest() == hashlib.sha256(Fragile.data).digest()
    assert handler.ranges == [None, "bytes=150000-", "bytes=300000-", "bytes=450000-"]
    assert download.details() == {"bytes": 512_000, "resumed": 3}


def test_what_has_changed_meanwhile_is_not_mixed():
    """It fails, and says so."""
    with (
        fragile(etags=['"a"', '"b"', '"c"']) as (url, _),
        pytest.raises(ComponentFailed, match="has changed after 150000 bytes"),
    ):
        Pipeline(quick(url), DataSink()).run()


def test_a_download_that_gets_nowhere_is_given_up():
    """After so many tries in a row without a byte; with a sentence."""
    with (
        fragile(after=0) as (url, handler),
        pytest.raises(ComponentFailed, match="broke off"),
    ):
        Pipeline(quick(url, tries=3), DataSink()).run()
    assert len(handler.ranges) == 3
    port = free_port()
    with pytest.raises(ComponentFailed, match=f"127.0.0.1:{port} refuses"):
        quick(f"http://127.0.0.1:{port}/", tries=2).run()
    with site() as url, pytest.raises(ComponentFailed, match="status 404"):
        quick(f"{url}/none").run()
    with pytest.raises(ValueError, match="not an address"):
        HTTPDownload("file:///etc/passwd")


def test_a_download_is_no_faster_than_it_is_read(tmp_path):
    """What nobody reads is not fetched; and it stops when it is told to."""
    (tmp_path / "large").write_bytes(b"x" * (64 << 20))
    with HTTPServer(tmp_path).background() as server:
        download = HTTPDownload(server.get(timeout=5).url + "large")
        handle = Pipeline(download, _Deaf()).background()
        time.sleep(0.4)
        assert 0 < download.progress.position < 32 << 20
        handle.stop()
        assert handle.wait(5)
        server.stop()


# decisions


def test_what_may_be_asked_again():
    """By method, by status; and when a server says so."""
    assert may_repeat(Request("http://x/"))
    assert not may_repeat(Request("http://x/", "POST"))
    assert may_repeat(Request("http://x/"), 503)
    assert not may_repeat(Request("http://x/"), 500)
    assert retry_after({"retry-after": "7"}, 0) == 7
    assert retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, 20) == 40
    assert retry_after({"retry-after": "soon"}, 0) == retry_after({}, 0) == 0
    with pytest.raises(ValueError, match="not an address"):
        as_request("http://")


def test_where_a_download_goes_on():
    """From the answers a server may give."""
    progress = Progress()
    assert progress.answered(200, {"content-length": "10", "etag": '"a"'}) == 0
    progress.took(4)
    assert progress.ask()["range"] == "bytes=4-"
    assert progress.ask()["if-range"] == '"a"'
    again = {"content-range": "bytes 4-9/10", "etag": '"a"'}
    assert progress.answered(206, again) == 0
    assert progress.answered(200, {"content-length": "10", "etag": '"a"'}) == 4
    with pytest.raises(Asked, match="another range"):
        progress.answered(206, {"content-range": "bytes 5-9/10", "etag": '"a"'})
    with pytest.raises(Asked, match="has changed"):
        progress.answered(200, {"content-length": "10"})
    progress.took(6)
    assert progress.whole
    assert progress.answered(416, {"content-range": "bytes */10"}) == 0
