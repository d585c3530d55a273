"""Mail in and out: against swaks, curl, Python's smtplib and aiosmtpd, and the two against each other."""

import asyncio
import logging
import shutil
import smtplib
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from email.message import EmailMessage

import pytest
from aiosmtpd import smtp as aiosmtpd

from kamesh import Component, ComponentFailed, Ended, Pipeline, Shutdown
from kamesh.codec import decode, encode
from kamesh.components.mail import Delivered, Mail, SMTPClient, SMTPServer, Undelivered
from kamesh.components.mail.delivery import Delivery
from kamesh.components.mail.messages import as_mail
from kamesh.components.mail.replies import Attempt, checked_reply
from kamesh.components.network.tls import TLS
from kamesh.components.sources import DataSource

TEXT = b"Subject: hello\r\n\r\nhello\r\n.leading dot\r\n"


def mail(number=0, *recipients):
    """Make a mail that bears its number."""
    return Mail("me@x.test", recipients or ("you@x.test",), b"Subject: %d\r\n\r\nx\r\n" % number)


@contextmanager
def serving(**options):
    """Run a server in the background; give it, its handle and its port."""
    server = SMTPServer(**options)
    with server.background() as handle:
        yield server, handle, handle.get("listening", timeout=5).port


def talk(port, *lines, timeout=5.0):
    """Say lines, as they are, each after the reply to the one before; give the replies."""
    replies = []
    with socket.create_connection(("127.0.0.1", port), timeout) as sock:
        try:
            replies.append(sock.recv(65536))
            for line in lines:
                sock.sendall(line)
                replies.append(sock.recv(65536))
            while more := sock.recv(65536):
                replies.append(more)
        except ConnectionError:
            pass
    return replies


def rest(handle, outbox="outbox"):
    """Get all that is left of a component that has ended."""
    got = []
    try:
        while True:
            got.append(handle.get(outbox, timeout=5))
    except Ended:
        return got


class Deaf(Component):
    """Reads nothing until it may."""

    bounds = {"inbox": 2}

    def __init__(self):
        self.may_read = threading.Event()
        self.got = []

    def main(self):
        while not self.stopping():
            if self.may_read.is_set():
                self.got.extend(self.inbox)
            yield self.pause(0.01)


# the server


def test_smtplib_delivers():
    """Several mails over one connection, with dots and letters as they are."""
    with serving(hostname="mx.test") as (server, handle, port):
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            assert b"mx.test" in client.ehlo("client.test")[1]
            for _ in range(2):
                assert client.sendmail("me@x.test", ["a@x.test", "b@x.test"], TEXT) == {}
            client.sendmail("mé@x.test", ["ü@x.test"], TEXT, ["SMTPUTF8"])
        got = [handle.get(timeout=5) for _ in range(3)]
        assert got[0] == got[1].__class__(
            "me@x.test", ("a@x.test", "b@x.test"), TEXT, got[0].peer, "client.test"
        )
        assert got[0].peer.startswith("127.0.0.1:")
        assert got[2].recipients == ("ü@x.test",)
        assert got[0].message()["subject"] == "hello"
        assert server.details()["accepted"] == 3


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_swaks_delivers_with_and_without_tls(tmp_path):
    """STARTTLS with a certificate; without it a server that requires it takes nothing."""
    tls = certificate(tmp_path)
    with serving(tls=tls, require_tls=True) as (_, handle, port):
        told = ["swaks", "--server", f"127.0.0.1:{port}", "--from", "me@x.test", "--to", "you@x.test"]
        done = subprocess.run([*told, "-tls"], capture_output=True, timeout=20)
        assert done.returncode == 0, done.stdout.decode()
        got = handle.get(timeout=5)
        assert (got.sender, got.tls) == ("me@x.test", True)
        assert b"This is a test mailing" in got.data
        done = subprocess.run(told, capture_output=True, timeout=20)
        assert b"530 Must issue a STARTTLS" in done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_delivers(tmp_path):
    """A file of two megabytes; one that is too large is refused by its size."""
    for size, code in ((2 << 20, 0), (4 << 20, 1)):
        file = tmp_path / "mail"
        file.write_bytes(b"Subject: large\r\n\r\n" + b"x" * 76 + (b"\r\n" + b"y" * 76) * (size // 78))
        with serving(longest=3 << 20) as (server, handle, port):
            done = subprocess.run(
                ["curl", "-sS", f"smtp://127.0.0.1:{port}", "--mail-from", "me@x.test",
                 "--mail-rcpt", "you@x.test", "-T", file],
                capture_output=True, timeout=20,
            )  # fmt: skip
            assert (done.returncode != 0) == bool(code)
            assert server.accepted == 1 - code
            if not code:
                assert handle.get(timeout=5).data.rstrip() == file.read_bytes().rstrip()


def certificate(folder):
    """Make one for 127.0.0.1, signed by itself; give the settings of a server."""
    key, crt = folder / "key.pem", folder / "crt.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", crt, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return TLS(str(crt), str(key))


def test_a_mail_is_accepted_only_when_there_is_room():
    """While nobody reads the client is told to come again; later it is taken, and none is lost."""
    server, deaf = SMTPServer(patience=0.2), Deaf()
    handle = Pipeline(server, deaf).background()
    until(lambda: server._post is not None and server.port)
    with smtplib.SMTP("127.0.0.1", server.port, timeout=5) as client:
        for _ in range(2):
            client.sendmail("me@x.test", ["you@x.test"], TEXT)
        with pytest.raises(smtplib.SMTPDataError) as caught:
            client.sendmail("me@x.test", ["you@x.test"], TEXT)
        assert caught.value.smtp_code == 451
        assert (server.accepted, server.deferred) == (2, 1)
        deaf.may_read.set()
        client.sendmail("me@x.test", ["you@x.test"], TEXT)
    handle.finish()
    assert handle.wait(10)
    assert len(deaf.got) == 3


def test_who_waits_for_room_is_taken_when_there_is_some():
    """Within its patience a client notices nothing but that it takes longer."""
    server, deaf = SMTPServer(patience=10.0), Deaf()
    handle = Pipeline(server, deaf).background()
    until(lambda: server._post is not None and server.port)
    threading.Timer(0.2, deaf.may_read.set).start()
    with smtplib.SMTP("127.0.0.1", server.port, timeout=5) as client:
        for _ in range(4):
            client.sendmail("me@x.test", ["you@x.test"], TEXT)
    handle.finish()
    assert handle.wait(10)
    assert len(deaf.got) == 4


def test_nobody_there_is_no_acceptance():
    """A server whose outbox leads nowhere, or to who has ended, accepts nothing."""
    asked = []

    async def main():
        server = SMTPServer()
        running = asyncio.create_task(server.run_async())
        await asyncio.to_thread(until, lambda: server._post is not None and server.port)
        await asyncio.to_thread(send, server.port)
        server.control.deliver(Shutdown())
        await running

    def send(port):
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            try:
                client.sendmail("me@x.test", ["you@x.test"], TEXT)
            except smtplib.SMTPDataError as error:
                asked.append(error.smtp_code)

    asyncio.run(main())
    assert asked == [451]


def until(condition, seconds=5.0):
    """Wait for something that is bound to happen, and fail if it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_a_policy_decides_at_mail_and_at_each_recipient(caplog):
    """Plain or async; one that fails, or answers nonsense, is a 451 and a line in the log."""
    questions = []

    async def policy(question):
        questions.append(question)
        if question.sender == "spam@x.test":
            return "550 5.7.1 no"
        match question.recipient:
            case "grey@x.test":
                return "450 4.7.1 come again"
            case "broken@x.test":
                raise RuntimeError("broken on purpose")
            case "odd@x.test":
                return "perhaps"
        return None

    with serving(policy=policy) as (server, handle, port):
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            with pytest.raises(smtplib.SMTPSenderRefused):
                client.sendmail("spam@x.test", ["you@x.test"], TEXT)
            names = ["grey@x.test", "you@x.test", "broken@x.test", "odd@x.test"]
            refused = client.sendmail("me@x.test", names, TEXT)
        assert {who: code for who, (code, _) in refused.items()} == {
            "grey@x.test": 450, "broken@x.test": 451, "odd@x.test": 451,
        }  # fmt: skip
        assert handle.get(timeout=5).recipients == ("you@x.test",)
        assert server.details()["declined"] == 2
    assert [each.step for each in questions] == ["MAIL", "MAIL", "RCPT", "RCPT", "RCPT", "RCPT"]
    assert "broken on purpose" in caplog.text
    assert "'perhaps'" in caplog.text


def test_who_has_to_log_in(tmp_path):
    """Only over TLS, only with the right password; the mail says who it was."""
    tls = certificate(tmp_path)
    context = ssl.create_default_context(cafile=tls.certificate)
    with (
        serving(tls=tls, login=lambda user, password: password == f"{user}!") as (_, handle, port),
        smtplib.SMTP("127.0.0.1", port, timeout=5) as client,
    ):
        assert "auth" not in client.esmtp_features
        client.starttls(context=context)
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("me@x.test", ["you@x.test"], TEXT)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("me", "wrong")
        client.login("me", "me!")
        client.sendmail("me@x.test", ["you@x.test"], TEXT)
        assert handle.get(timeout=5).user == "me"
    with pytest.raises(ValueError, match="needs tls"):
        SMTPServer(login=lambda user, password: True)


def test_bad_clients_cost_their_own_connection(caplog):
    """Garbage, silence, half a mail, an endless one, an endless line, one that vanishes."""
    caplog.set_level(logging.ERROR)
    begin = [b"EHLO x\r\n", b"MAIL FROM:<a@x.test>\r\n", b"RCPT TO:<b@x.test>\r\n", b"DATA\r\n"]
    with serving(idle=0.3, longest=10_000) as (server, handle, port):
        assert b"421" in talk(port)[-1]  # silence
        assert b"500" in talk(port, b"\xff\xfe\x00garbage\r\n")[1]
        assert b"421" in talk(port, *begin, b"half a mail")[-1]
        assert b"552" in talk(port, *begin, b"x" * 70 + b"\r\n" + b"y\r\n" * 9000 + b".\r\n")[-2]
        flood = threading.Thread(target=talk, args=(port, *begin, *[b"z" * 300_000] * 8))
        flood.start()
        flood.join(10)
        assert not flood.is_alive()
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            sock.sendall(b"".join(begin))
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            client.sendmail("me@x.test", ["you@x.test"], TEXT)
        assert handle.get(timeout=5).data == TEXT
        assert server.accepted == 1
        until(lambda: server.details()["connections"] == 0)
    assert "Traceback" not in caplog.text


def test_a_mail_of_nothing_but_ends_of_lines_is_cut_off():
    """Each costs much more than its two bytes: who sends very many, and little else, fills no memory."""
    begin = (b"HELO x\r\n", b"MAIL FROM:<me@x>\r\n", b"RCPT TO:<you@x>\r\n", b"DATA\r\n")
    with serving(longest=200_000) as (server, handle, port):
        assert talk(port, *begin, b"\r\n" * 90_000 + b".\r\n", timeout=10)[-1][:3] == b"354"
        many = b"x" * 40 + b"\r\n"
        replies = talk(port, *begin, many * 4000 + b".\r\n", b"QUIT\r\n")
        assert replies[-2][:3] == b"250"
        assert handle.get(timeout=5).data == many * 4000
        assert server.details()["accepted"] == 1


def test_one_connection_too_many_is_told():
    """In SMTP's own words; so is one recipient too many."""
    with serving(connections=1, recipients=2) as (server, handle, port):
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            client.ehlo()
            assert talk(port)[0].startswith(b"421")
            refused = client.sendmail("a@x.test", [f"{n}@x.test" for n in range(3)], TEXT)
            assert refused["2@x.test"][0] == 452
        assert len(handle.get(timeout=5).recipients) == 2
        assert server.details()["refused"] == 1


def test_it_ends_with_a_mail_under_way():
    """Who is idle is dismissed, who is in the middle of a mail may end it; the port is free."""
    server = SMTPServer(grace=2.0)
    handle = server.background()
    port = handle.get("listening", timeout=5).port
    idle = smtplib.SMTP("127.0.0.1", port, timeout=5)
    busy = smtplib.SMTP("127.0.0.1", port, timeout=5)
    idle.ehlo()
    busy.ehlo()
    busy.mail("me@x.test")
    busy.rcpt("you@x.test")
    handle.finish()
    assert busy.data(TEXT)[0] == 250
    assert handle.wait(10)
    assert handle.get(timeout=5).data == TEXT
    assert idle.sock.recv(100).startswith(b"421")
    idle.close()
    busy.close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_a_port_that_is_taken_is_named():
    """In one sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ComponentFailed, match=f"127.0.0.1:{port} is taken"):
            SMTPServer(port).run()
    with pytest.raises(ValueError, match="bytes of a mail cannot be 0"):
        SMTPServer(longest=0)


# the client


class Memory:
    """A foreign server's handler: keeps what comes, and says what it is told to say."""

    def __init__(self, **replies):
        self.replies = {step: list(said) for step, said in replies.items()}
        self.got = []
        self.connections = 0

    def said(self, step):
        left = self.replies.get(step, [])
        return left.pop(0) if left else None

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802  # as aiosmtpd calls it
        if said := self.said("mail"):
            return said
        envelope.mail_from = address
        return "250 fine"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  # as aiosmtpd calls it
        if said := self.said(address.partition("@")[0]):
            return said
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  # as aiosmtpd calls it
        if said := self.said("data"):
            if said == "drop":
                server.transport.abort()
            return said
        self.got.append((tuple(envelope.rcpt_tos), envelope.content))
        return "250 kept"


@contextmanager
def foreign(handler, **options):
    """Run aiosmtpd in a thread; give its port."""
    loop = asyncio.new_event_loop()
    ready, stop, port = threading.Event(), asyncio.Event(), []

    def make():
        handler.connections += 1
        return aiosmtpd.SMTP(handler, loop=loop, hostname="foreign.test", **options)

    async def main():
        server = await loop.create_server(make, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
        await stop.wait()
        server.close()
        await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    assert ready.wait(5)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()


def send(port, *mails, **options):
    """Send these; give what was delivered, and what was not."""
    client = SMTPClient("127.0.0.1", port, **{"first_wait": 0.01, "timeout": 5.0, **options})
    with client.background() as handle:
        for each in mails:
            handle.put(each)
    return rest(handle), rest(handle, "errors"), client


def test_mails_arrive_in_order_over_one_connection():
    """Twenty of them, as they were, dots and all; an EmailMessage too, without its Bcc."""
    written = EmailMessage()
    written["From"], written["To"], written["Bcc"] = "Me <me@x.test>", "you@x.test", "secret@x.test"
    written.set_content("grüße\n")
    handler = Memory()
    with foreign(handler) as port:
        many = [mail(number) for number in range(20)]
        got, errors, _ = send(port, *many, Mail("", ("you@x.test",), TEXT), written)
    assert [data for _, data in handler.got[:20]] == [each.data for each in many]
    assert handler.got[20] == (("you@x.test",), TEXT)
    assert handler.got[21][0] == ("you@x.test", "secret@x.test")
    assert b"secret" not in handler.got[21][1]
    assert handler.connections == 1
    assert [each.mail for each in got[:20]] == many
    assert not errors


def test_what_may_pass_is_tried_again_and_order_is_kept():
    """A 4xx at each step, and a connection that breaks; the mails behind wait their turn."""
    handler = Memory(mail=["451 later"], you=["450 grey", "450 grey"], data=["452 full", "drop"])
    with foreign(handler) as port:
        got, errors, client = send(port, mail(1), mail(2), tries=10)
    assert [data for _, data in handler.got] == [mail(1).data, mail(2).data]
    assert [each.mail for each in got] == [mail(1), mail(2)]
    assert not errors
    assert client.retried == 5


def test_what_will_never_be_is_told_and_the_rest_goes_on():
    """Some recipients of a mail, all of another, a mail with nobody to go to, one that is none."""
    handler = Memory(never=["550 5.1.1 nobody of that name"] * 2, grey=["450 grey"])
    with foreign(handler) as port:
        got, errors, _ = send(
            port, mail(1, "a@x.test", "never@x.test", "grey@x.test"), mail(2, "never@x.test"),
            Mail("me@x.test", (), TEXT), Mail("evil@x\r\nRCPT", ("a@x.test",), TEXT), "no mail", mail(3),
        )  # fmt: skip
    assert [who for who, _ in handler.got] == [("a@x.test",), ("grey@x.test",), ("you@x.test",)]
    assert [each.recipients for each in got] == [("a@x.test",), ("grey@x.test",), ("you@x.test",)]
    assert all(isinstance(each, Delivered) for each in got)
    assert all(isinstance(each, Undelivered) for each in errors)
    assert [(each.recipients, each.code) for each in errors[:2]] == [(("never@x.test",), 550)] * 2
    for each, words in zip(
        errors, ["nobody of that name"] * 2 + ["nobody to go", "not an address", "not str"], strict=True
    ):
        assert words in each.reason


def test_what_is_not_delivered_fails_it_if_nobody_hears_of_it():
    """With "errors" linked to nothing the client fails, and says who does not get what."""
    handler = Memory(never=["550 5.1.1 nobody of that name"])
    with foreign(handler) as port:
        mails = [mail(1), mail(2, "never@x.test"), mail(3)]
        client = SMTPClient("127.0.0.1", port, first_wait=0.01, timeout=5.0)
        sentence = r"mail for never@x.test is not delivered: .*nobody of that name.* \(link "
        with pytest.raises(ComponentFailed, match=sentence):
            Pipeline(DataSource(mails), client).run()
    assert [data for _, data in handler.got] == [mail(1).data]


def test_a_server_that_is_not_there_is_given_up():
    """After as many tries as were said, with a sentence for each mail."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    got, errors, client = send(port, mail(1), mail(2), tries=3)
    assert not got
    assert [each.mail for each in errors] == [mail(1), mail(2)]
    assert f"127.0.0.1:{port} refuses" in errors[0].reason
    assert client.retried == 4
    with socket.create_server(("127.0.0.1", 0)) as silent:
        _, errors, _ = send(silent.getsockname()[1], mail(1), tries=1, timeout=0.1)
        assert "does not answer" in errors[0].reason


def test_a_server_that_closes_in_between_is_come_back_to():
    """Without a mail being lost or told twice, and without counting as a failure."""
    handler = Memory()
    with foreign(handler, timeout=0.1) as port:
        with SMTPClient("127.0.0.1", port, tries=1).background() as client:
            client.put(mail(1))
            assert client.get(timeout=5).mail == mail(1)
            time.sleep(0.3)
            client.put(mail(2))
            assert client.get(timeout=5).mail == mail(2)
        assert handler.connections == 2
    assert len(handler.got) == 2


def test_tls_and_login_between_our_two_ends(tmp_path):
    """STARTTLS with a certificate that is trusted, a password, and what is refused without."""
    tls = certificate(tmp_path)
    trusting = TLS(authorities=tls.certificate)
    with serving(tls=tls, login=lambda user, password: password == "right") as (_, handle, port):
        got, errors, _ = send(port, mail(1), tls=trusting, user="me", password="right")
        assert len(got) == 1, errors
        received = handle.get(timeout=5)
        assert (received.user, received.tls, received.data) == ("me", True, mail(1).data)
        _, errors, _ = send(port, mail(2), tls=trusting, user="me", password="wrong")
        assert errors[0].code == 535
        assert "user and password" in errors[0].reason
        _, errors, _ = send(port, mail(3), tls=TLS(), tries=1)
        assert "not trusted" in errors[0].reason
    with foreign(Memory()) as port:
        _, errors, _ = send(port, mail(1), tls=trusting, tries=1)
        assert len(errors) == 1  # it has no STARTTLS: nothing is sent in clear
    with pytest.raises(ValueError, match="in clear"):
        SMTPClient("mail.example.org", user="me", password="x")


def test_a_greylisting_policy_and_our_client():
    """What is declined at first is delivered at the next try: a relay of two components."""
    seen = set()

    def policy(question):
        key = (question.sender, question.recipient)
        if question.step == "RCPT" and key not in seen:
            seen.add(key)
            return "450 4.7.1 greylisted: come again"
        return None

    with serving(policy=policy) as (_, handle, port):
        client = SMTPClient("127.0.0.1", port, first_wait=0.01)
        Pipeline(DataSource([mail(n) for n in range(5)]), client).run()
        assert [handle.get(timeout=5).data for _ in range(5)] == [mail(n).data for n in range(5)]


def test_the_client_ends_when_told_though_the_server_says_nothing():
    """What was under way is told on "errors"."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        handle = SMTPClient("127.0.0.1", silent.getsockname()[1]).background()
        handle.put(mail(1))
        connection, _ = silent.accept()
        handle.stop()
        assert handle.wait(5)
        connection.close()
    assert rest(handle, "errors")[0].mail == mail(1)


def test_the_client_ends_though_a_cancel_is_lost(monkeypatch):
    """As `asyncio.wait_for` may lose one that comes the moment it ends: it is told again."""
    begun = threading.Event()

    async def deliver(self, mail, recipients):
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    monkeypatch.setattr(Delivery, "deliver", deliver)
    handle = SMTPClient("127.0.0.1", 25).background()
    handle.put(mail(1))
    assert begun.wait(5)
    handle.stop()
    assert handle.wait(5)
    assert rest(handle, "errors")[0].mail == mail(1)


# decisions


def test_what_is_said_travels_between_processes():
    """It arrives as it was sent."""
    said = [mail(1), Delivered(mail(1), ("a",), "250 fine"), Undelivered(mail(1), ("a",), "why", 550)]
    encoded = encode(said)
    assert decode(encoded.payload, encoded.buffers) == said


def test_replies():
    """Which are for good, which pass, and what a policy may answer."""
    attempt = Attempt(("a",), "250", {"b": (450, "later"), "c": (550, "no"), "d": (0, "lost")})
    assert attempt.for_good == {"c": (550, "no")}
    assert attempt.again == ("b", "d")
    assert checked_reply("450 later") == "450 later"
    assert checked_reply("550") == "550"
    assert checked_reply(None) is None
    for wrong in ("250 fine", "later", 450, "450 a\r\nb", "4500"):
        with pytest.raises(ValueError, match="a policy answers"):
            checked_reply(wrong)


def test_addresses_that_are_none():
    """Nothing gets into the protocol that does not belong there."""
    for wrong in ("a@x\r\nDATA", "a b@x", "<a@x>", "a@x\0"):
        with pytest.raises(ValueError, match="not an address"):
            as_mail(Mail("me@x", (wrong,), b""))
