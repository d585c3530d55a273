"""Server-Sent Events: the history and the parser alone, and both ends against others."""

import http.server
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request as Ask
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh import ComponentFailed, Ended, Pipeline
from kamesh.components.network import Connected, Disconnected, Refused
from kamesh.components.sources import DataSink, DataSource
from kamesh.components.web import Event, EventClient, EventServer
from kamesh.components.web.eventstream import EventParser
from kamesh.components.web.history import History, written

# the history


def ids(data):
    """The ids of events as the wire has them."""
    return [line[4:].decode() for line in data.split(b"\n") if line.startswith(b"id: ")]


def test_a_reader_gets_what_comes_after_it():
    """Each event once, in order; one that comes back goes on after its last."""
    history = History("run")
    history.put(Event("before"))
    reader = history.join()
    for number in range(3):
        history.put(Event(f"event {number}"))
    assert ids(reader.take()) == ["run-2", "run-3", "run-4"]
    assert reader.take() == b""
    assert ids(history.join("run-3").take()) == ["run-4"]
    assert history.join("run-4").take() == b""


def test_an_id_that_is_not_known_any_more_gets_all_there_is():
    """Too old, or of another run: rather twice than never."""
    history = History("run", events=3)
    for _ in range(10):
        history.put(Event("x"))
    assert ids(history.join("run-2").take()) == ["run-8", "run-9", "run-10"]
    assert ids(history.join("other-9").take()) == ["run-8", "run-9", "run-10"]


def test_a_slow_reader_misses_the_oldest_and_holds_nobody():
    """What it missed is counted; what is kept is bounded in events and in bytes."""
    history = History("run", events=5)
    slow, quick = history.join(), history.join()
    for number in range(1, 21):
        history.put(Event("x"))
        assert ids(quick.take()) == [f"run-{number}"]
        assert len(history.kept) <= 5
    assert ids(slow.take()) == [f"run-{number}" for number in range(16, 21)]
    assert (slow.missed, quick.missed, history.missed) == (15, 0, 15)
    small = History("run", most=1000)
    for _ in range(20):
        small.put(Event("y" * 300))
    assert sum(len(data) for _, data in small.kept) <= 1000


def test_what_an_event_looks_like():
    """Each line of its text is a line; a name of two lines is refused."""
    assert written(Event("a\r\nb\rc", "kind", "7", 1.5)) == (
        b"id: 7\nevent: kind\nretry: 1500\ndata: a\ndata: b\ndata: c\n\n"
    )
    with pytest.raises(ValueError, match="one line"):
        written(Event("x", id="7\ndata: evil"))


# the parser


@given(st.lists(st.integers(1, 7), max_size=60), st.sampled_from(["\n", "\r", "\r\n"]))
def test_however_the_bytes_are_cut_the_events_are_the_same(cuts, end):
    """With each kind of line end, an umlaut of two bytes, a comment and a byte order mark."""
    text = "\ufeff: hi|id: 1|event: k|data: grün|data|retry: 250||data:x|id: b\0d||id: 9||nonsense||"
    data = text.replace("|", end).encode()
    parser, events, at = EventParser(), [], 0
    for cut in [*cuts, len(data)]:
        events += parser.feed(data[at : at + cut])
        at += cut
    assert events == [Event("grün\n", "k", "1"), Event("x", "message", "1")]
    assert parser.last_id == "9"
    assert parser.retry == 0.25


def test_an_event_without_end_is_refused():
    """Before the memory is full; in one line or in many."""
    for line in (b"data: " + b"x" * 100, b"data: xxxxx\n"):
        parser = EventParser(longest=1000)
        with pytest.raises(ValueError, match="more than 1000"):
            _feed_for_ever(parser, line)


def _feed_for_ever(parser, line):
    for _ in range(1000):
        parser.feed(line)


@given(st.lists(st.text(max_size=20).map(lambda text: text.replace("\r", ""))))
def test_what_is_written_is_read(texts):
    """Any text goes through."""
    data = b"".join(written(Event(text, id="1")) for text in texts)
    got = [event.data for event in EventParser().feed(data)]
    assert got == texts


# the server


@contextmanager
def serving(**options):
    """Run a server in the background; give it, its handle and its address."""
    server = EventServer(**options)
    with server.background() as handle:
        yield server, handle, handle.get(timeout=5).url


def viewer(url, last_id=""):
    """Begin to read the events of a server."""
    answer = urlopen(Ask(url, headers={"Last-Event-ID": last_id} if last_id else {}), timeout=5)
    assert answer.headers["Content-Type"] == "text/event-stream"
    return answer


def until(condition, seconds=5.0):
    """Wait for something that is bound to happen, and fail if it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_reads_events_to_the_end_of_the_stream():
    """Text, Events, and what JSON can say; the end of the stream is the end of the answer."""
    server = EventServer(path="/live", retry=2.0)
    with server.background() as handle:
        url = handle.get(timeout=5).url
        reading = subprocess.Popen(
            ["curl", "-sN", "--max-time", "10", url], stdout=subprocess.PIPE
        )
        until(lambda: server.viewers == 1)
        for message in ("text", Event("an event", "kind", "7"), {"a": [1]}):
            handle.put(message)
    out, _ = reading.communicate(timeout=10)
    events = EventParser().feed(out)
    assert [(e.data, e.event) for e in events] == [
        ("text", "message"), ("an event", "kind"), ('{"a": [1]}', "message"),
    ]  # fmt: skip
    assert events[1].id == "7"
    assert out.startswith(b"retry: 2000\n")


def test_a_viewer_that_comes_back_goes_on_after_its_last():
    """By Last-Event-ID, as browsers send it."""
    with serving() as (_, handle, url):
        with viewer(url) as first:
            for number in range(5):
                handle.put(Event(f"{number}", id=f"id{number}"))
            while first.readline() != b"data: 1\n":
                pass
        with viewer(url, "id1") as again:
            lines = [again.readline() for _ in range(5)]
    assert lines[2:5] == [b"id: id2\n", b"data: 2\n", b"\n"]


def test_a_viewer_that_does_not_read_holds_nobody():
    """Another gets all that comes; the one is behind, and then has missed some."""
    with serving(history=5) as (server, handle, url):
        where = urlsplit(url)
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect((where.hostname, where.port))
            slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
            until(lambda: server.viewers == 1)
            with viewer(url) as quick:
                for number in range(120):
                    handle.put(Event("x" * 80_000, id=f"{number}"))
                    while quick.readline() != b"id: %d\n" % number:
                        pass
            assert len(server.history.kept) <= 5
            slow.settimeout(5)
            data = b""
            while b"id: 119\n" not in data:
                data += slow.recv(1 << 20)
        assert server.details()["missed"] > 0


def test_what_is_no_address_of_events():
    """404 and 405, in words; what is no event fails the server."""
    with serving(path="/events") as (_, _, url):
        with pytest.raises(HTTPError, match="404"):
            urlopen(url + "/other")
        with pytest.raises(HTTPError, match="405"):
            urlopen(url, b"body")
    with pytest.raises(ComponentFailed, match="what JSON can say, not object"):
        Pipeline(DataSource([object()]), EventServer()).run()


# the client


@contextmanager
def foreign(*answers):
    """Answer one request after another, as given: status, content type, body; keep what was asked."""
    left, asked = list(answers), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(dict(self.headers))
            status, kind, body = left.pop(0) if left else (204, "", b"")
            self.send_response(status)
            if kind:
                self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def quick(url, **options):
    """Make a client that does not wait long."""
    client = EventClient(url, timeout=5.0, **options)
    client.retries.first = client.retries.longest = 0.02
    return client


def test_the_client_comes_back_and_ends_with_a_204():
    """With the id of the last event; a 503 is tried again, a 204 is the end."""
    kind = "text/event-stream; charset=utf-8"
    with foreign(
        (200, kind, b"id: 1\ndata: a\n\nid: 2\ndata: b\n\ndata: half"),
        (503, "text/plain", b"busy"),
        (200, kind, b"retry: 10\n\nid: 3\ndata: c\n\nid\n\n"),
    ) as (url, asked):
        got = []
        Pipeline(quick(url), DataSink(got)).run()
    assert [event.data for event in got] == ["a", "b", "c"]
    assert [headers.get("last-event-id") for headers in asked] == [None, "2", "2", "3"]


def rest(handle, outbox):
    """Take what is left there."""
    got = []
    with suppress(Ended):
        while True:
            got.append(handle.get(outbox, timeout=5))
    return got


def test_the_client_tells_what_becomes_of_its_connections():
    """Connected and Disconnected for each that there was, with the bytes; Refused for each in vain."""
    kind = "text/event-stream; charset=utf-8"
    with foreign((503, "text/plain", b"busy"), (200, kind, b"data: a\n\n")) as (url, _):
        client = quick(url)
        with client.background() as handle:
            assert handle.wait(5)
        told = rest(handle, "status")
    refused, connected, over = told
    assert isinstance(refused, Refused)
    assert (refused.where, refused.reason) == (url, f"{url} answers with status 503")
    assert 0 < refused.again_in <= 0.02
    assert isinstance(connected, Connected)
    assert (connected.peer.host, connected.peer.port) == ("127.0.0.1", urlsplit(url).port)
    assert over == Disconnected(connected.peer, f"{url} has ended its events", 9, 0)


def test_it_asks_no_more_often_than_it_was_told():
    """A server that closes at once is asked `tries` times; what each came to is told, the last too."""
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as closing:
        closing.settimeout(5)

        def work():
            with suppress(OSError):
                while True:
                    connections.append(None)
                    closing.accept()[0].close()

        thread = threading.Thread(target=work)
        thread.start()
        client = quick(f"http://127.0.0.1:{closing.getsockname()[1]}/", tries=3)
        handle = client.background()
        with pytest.raises(ComponentFailed, match="broke"):
            handle.wait(5)
        told = rest(handle, "status")
        closing.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    assert len(connections) - 1 == 3
    assert [each.again_in > 0 for each in told] == [True, True, False]
    assert told[-1].again_in == -1


def test_a_server_may_ask_for_longer_waits(monkeypatch):
    """It is not asked again before: the wait is the longer one of the server's and the client's."""
    waits = []

    async def noted(component, seconds, *_):
        waits.append(seconds)
        return False

    monkeypatch.setattr("kamesh.components.web.events.stopped_within", noted)
    kind = "text/event-stream"
    with foreign((200, kind, b"retry: 60\n\n"), (200, kind, b"retry: 0\n\n")) as (url, _):
        client = quick(url)
        client.retries.longest = 0.1
        client.run()
    assert waits[0] == pytest.approx(0.06)
    assert 0.02 <= waits[1] <= 0.04


def test_what_has_no_events_is_said():
    """Another kind of answer, a 404, nobody there, an event without end."""
    with (
        foreign((200, "text/html", b"<p>")) as (url, _),
        pytest.raises(ComponentFailed, match="there are no events: status 200"),
    ):
        quick(url).run()
    with foreign((404, "", b"")) as (url, _), pytest.raises(ComponentFailed, match="status 404"):
        quick(url).run()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(ComponentFailed, match=f"127.0.0.1:{port} refuses"):
        quick(f"http://127.0.0.1:{port}/", tries=2).run()
    with pytest.raises(ValueError, match="not an address"):
        EventClient("events")


def test_our_two_ends_across_a_restart():
    """The server goes and comes again at the same port; the client gets the events of both."""
    first = EventServer()
    handle = first.background()
    url = handle.get(timeout=5).url
    with quick(url, tries=100).background() as client:
        until(lambda: first.viewers == 1)
        handle.put("one")
        assert client.get(timeout=5).data == "one"
        handle.finish()
        assert handle.wait(10)
        second = EventServer(first.port)
        again = second.background()
        until(lambda: second.viewers == 1)
        again.put("two")
        assert client.get(timeout=5).data == "two"
        client.stop()
        assert client.wait(5)
        again.finish()
        assert again.wait(10)


def test_the_client_ends_when_told_though_nobody_answers():
    """And though nobody reads what it has sent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        handle = EventClient(f"http://127.0.0.1:{silent.getsockname()[1]}/").background()
        connection, _ = silent.accept()
        handle.stop()
        assert handle.wait(5)
        connection.close()
    with pytest.raises(Ended):
        handle.get(timeout=1)
