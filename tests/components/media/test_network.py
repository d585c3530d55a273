"""NetworkSource against ffmpeg as the sender, and against nobody: cut, silent, refused, come back."""

import socket
import subprocess
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from films import ffmpeg, film

from kamesh import ComponentFailed, Pipeline, Shutdown
from kamesh.components.media import Decode, NetworkSource
from kamesh.components.media.messages import MediaPacket, StreamHeader
from kamesh.components.media.pulling import Puller
from kamesh.testing import Collector


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """One second of MPEG-TS, every picture of which stands for itself."""
    path = tmp_path_factory.mktemp("stream") / "film.ts"
    return film(path, "-c:v", "libx264", "-g", "1", "-bf", "0", "-pix_fmt", "yuv420p", "-c:a", "mp2")


def free_port():
    """Find one that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """Serves bytes to one TCP client after the other, and closes after each."""

    def __init__(self, *answers, hold=False):
        """Begin to listen; the n-th client is given the n-th answer."""
        self.answers = list(answers)
        self.hold = hold
        self.held = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.listening.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        for answer in self.answers:
            client, _ = self.listening.accept()
            client.sendall(answer)
            if self.hold:
                self.held.append(client)
            else:
                client.close()
        if not self.hold:
            self.listening.close()

    def close(self):
        """Let all go."""
        for each in (*self.held, self.listening):
            each.close()
        self.thread.join(5)


def test_what_ffmpeg_sends_arrives_whole(stream):
    """Over TCP, to its end; all pictures are decoded."""
    ffmpeg("-version")
    port = free_port()
    source = NetworkSource(f"tcp://127.0.0.1:{port}?listen=1", live=False)
    kept = Collector()
    sender = subprocess.Popen(
        ["sh", "-c", f"sleep 0.3; exec ffmpeg -v error -i {stream} -c copy -f mpegts "
         f"tcp://127.0.0.1:{port}"],
    )  # fmt: skip
    try:
        Pipeline(source, Decode(), kept).run()
    finally:
        sender.wait(10)
    assert len(kept.messages) == 25
    assert source.details()["cuts"] == 0


def test_a_stream_that_is_cut_is_called_again(stream):
    """Each connection has a header of its own; every cut is counted and said in a sentence."""
    data = stream.read_bytes()
    server = Server(data[: len(data) // 2], data)
    source = NetworkSource(server.url, tries=2)
    kept, notes = Collector(), Collector()
    pipeline = Pipeline(source, kept)
    pipeline.add(notes)
    pipeline.link((source, "notes"), (notes, "inbox"))
    with pytest.raises(ComponentFailed, match="cannot be opened: nothing listens there"):
        pipeline.run()
    server.close()
    headers = [n for n, each in enumerate(kept.messages) if isinstance(each, StreamHeader)]
    assert len(headers) == 2
    pictures = [
        sum(isinstance(each, MediaPacket) and each.stream == 0 for each in part)
        for part in (kept.messages[: headers[1]], kept.messages[headers[1] :])
    ]
    assert 8 <= pictures[0] <= 16
    assert pictures[1] == 25
    assert source.details()["cuts"] == 2
    assert len(notes.messages) == 2
    assert all("broke off: its stream has ended; trying again in 0." in n for n in notes.messages)


def test_an_address_where_nobody_is_fails_after_the_last_try():
    """In one sentence, without the name and the password in it."""
    url = f"rtsp://me:secret@127.0.0.1:{free_port()}/stage"
    with pytest.raises(ComponentFailed, match=r"rtsp://127[^@]*nothing listens there") as failed:
        NetworkSource(url, tries=2).run()
    assert "secret" not in str(failed.value)


def test_a_protocol_that_this_build_has_not_fails_at_once():
    """It is not tried again; SRT is there in some builds, RIST hardly in any."""
    began = time.monotonic()
    with pytest.raises(ComponentFailed, match="cannot be opened"):
        NetworkSource("rist://127.0.0.1:9", tries=20, timeout=1).run()
    assert time.monotonic() - began < 5


def test_a_silent_sender_is_cut_after_the_time_out():
    """It has connected, and sends nothing."""
    server = Server(b"", hold=True)
    with pytest.raises(ComponentFailed, match="nothing came in time"):
        NetworkSource(server.url, tries=1, timeout=0.3).run()
    server.close()


def test_what_is_no_media_is_said(stream):
    """An address that answers with something else."""
    server = Server(b"220 mail.example ESMTP\r\n" * 50)
    with pytest.raises(ComponentFailed, match="FFmpeg knows no format like it"):
        NetworkSource(server.url, tries=1).run()
    server.close()


def test_a_stop_is_obeyed_at_once_though_ffmpeg_waits():
    """The sender is silent, the time-out is far away, and the component is gone within a second."""
    server = Server(b"", hold=True)
    source = NetworkSource(server.url, timeout=3)
    with source.background() as running:
        server.thread.join(5)
        began = time.monotonic()
        running.put(Shutdown(), "control")
    assert time.monotonic() - began < 1
    server.close()


def test_a_playlist_leads_to_no_file_of_this_host(stream):
    """HTTP may name further addresses, and never a file."""
    path = stream.as_posix()
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{path}\n#EXT-X-ENDLIST\n"
    answer = (
        "HTTP/1.0 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n"
        f"Content-Length: {len(playlist)}\r\n\r\n{playlist}"
    )
    server = Server(answer.encode())
    url = server.url.replace("tcp", "http") + "/list.m3u8"
    kept = Collector()
    with pytest.raises(ComponentFailed):
        Pipeline(NetworkSource(url, tries=1, timeout=2), kept).run()
    assert kept.messages == []
    server.close()


@pytest.mark.parametrize(
    ("words", "why"),
    [(("film.ts",), "is not an address"), (("file:///a",), "no protocol"),
     (("tcp://a", {"tries": 0}), "1 or more"), (("tcp://a", {"audio": True}), "a number from 0")],
)  # fmt: skip
def test_a_mistake_is_refused_at_once(words, why):
    """When the component is made."""
    url, more = words[0], words[1] if len(words) > 1 else {}
    with pytest.raises(ValueError, match=why):
        NetworkSource(url, **more)


def test_a_film_of_a_web_server_is_taken_to_its_end(stream):
    """Python's own server; not live, so its end is the end; what is not there is told in words."""
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(quiet, directory=str(stream.parent))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        kept = Collector()
        Pipeline(NetworkSource(f"{url}/{stream.name}", live=False), Decode(), kept).run()
        with pytest.raises(ComponentFailed, match=r"the server has no such thing \(404\)"):
            NetworkSource(f"{url}/none.ts", tries=1).run()
        server.shutdown()
    assert len(kept.messages) == 25


# pulling


def test_a_puller_holds_no_more_than_it_may(stream):
    """A reader that does not read stops the source; the thread goes on when it does."""
    source = NetworkSource("tcp://127.0.0.1:9")
    pulled = []

    def work():
        for number in range(100):
            pulled.append(number)
            yield number

    puller = Puller(source, work, ahead=5)
    taken = iter(puller)
    assert next(taken) == 0
    deadline = time.monotonic() + 5
    while len(pulled) < 7 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(pulled) == 7  # one taken, five waiting, one in hand
    assert list(taken) == list(range(1, 100))


def test_a_puller_raises_what_its_thread_raised_after_all_it_gave():
    """Nothing that came before is lost."""

    def work():
        yield 1
        raise ValueError("that was all")

    taken = iter(Puller(NetworkSource("tcp://127.0.0.1:9"), work))
    assert next(taken) == 1
    with pytest.raises(ValueError, match="that was all"):
        next(taken)
