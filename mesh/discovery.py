"""Finding the other nodes of a mesh by zeroconf: announce this one, hear of the others.

The one file that imports `zeroconf` (13-50 ms, so the node imports this file only when it is used).

Laws:
1. What is heard is a hint: `found(name, address, incarnation)` names an address worth dialing and
   admits nobody. Other meshes and malformed announcements are counted and go no further.
2. Starting waits for nothing: no interface, name probe or answer delays it. An interface that
   cannot be used is said in a sentence, left out, and tried again later.
3. All that is kept is bounded: nodes known, interfaces, questions asked.

How it is quick, with zeroconf's public parts only. A service is announced without probing
(`cooperating_responders`: our names are unique by construction), so running nodes hear of a new
one in about 1 ms. A new node asks once from a port of its own: such a "legacy unicast" question
(RFC 6762, 6.7) is answered at once and to the asker alone, in about 1 ms. The ordinary first
question of a browser is answered after 20-120 ms, or after 1.1 s by whoever announced itself
within the last second; and on a host shared by several nodes its unicast answers go to the wrong
one, since all hold port 5353. Later questions list what is known, so few answer.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from zeroconf import (  # type: ignore[attr-defined]  # the DNS ones are meant for use, unlisted
    DNSOutgoing,
    DNSPointer,
    DNSQuestion,
    Error,
    RecordUpdate,
    RecordUpdateListener,
    ServiceInfo,
    Zeroconf,
)
from zeroconf.asyncio import AsyncZeroconf

from kamesh.announcement import (
    SERVICE,
    Announcement,
    Malformed,
    checked,
    from_txt,
    label,
    split_address,
    to_txt,
)

log = logging.getLogger("kamesh.discovery")

MOST_KNOWN = 1024  # nodes remembered, to tell news from repetition; the oldest goes first
ENOUGH_FOUND = 3  # nodes found, after which gossip does the rest and no startup question is due
ASK_AGAIN = (1.0, 3.0)  # s between the startup questions, asked only while fewer were found
ASK_EVERY = 60.0  # s between later questions, times known / 8: 100 nodes ask 8 a minute in all
MOST_KNOWN_ANSWERS = 64  # listed in a question (RFC 6762, 7.1), some 50 bytes each
UNICAST_FOR = 1.0  # s the asking port of its own stays open
STOP_WITHIN = 1.0  # s
_PTR, _SRV, _TXT, _IN, _QUERY = 12, 33, 16, 1, 0  # RFC 1035 numbers
_SUFFIX = "." + SERVICE

Found = Callable[[str, str, bytes], None]
Gone = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DiscoveryStatistics:
    """Counts since start; `known` is a gauge. `interfaces` are those in use now."""

    known: int
    found: int
    gone: int
    repeated: int
    own: int
    other_mesh: int
    malformed: int
    forgotten: int
    questions: int
    interfaces: tuple[str, ...]


class _Ear(RecordUpdateListener):
    """Hears every record of one Zeroconf and hands on the instances of ours it touches."""

    def __init__(self, heard: Callable[[Zeroconf, str], None], gone: Callable[[str], None]) -> None:
        super().__init__()
        self._heard = heard
        self._gone = gone
        self._touched: dict[str, Zeroconf] = {}

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Note what is news in one packet (called before the cache holds it)."""
        for update in records:
            record = update.new
            if isinstance(record, DNSPointer):
                if record.name.lower() != SERVICE:
                    continue
                if record.is_expired(now):
                    self._touched.pop(record.alias, None)
                    if record.ttl == 0:  # a goodbye; else merely too old: zeroconf's own cleaning
                        self._gone(record.alias)
                elif update.old is None:
                    self._touched[record.alias] = zc
            elif update.old is None and record.type in (_SRV, _TXT):
                self._touched[record.name] = zc

    def async_update_records_complete(self) -> None:
        """Look at what was touched, now that the cache holds it."""
        touched, self._touched = self._touched, {}
        for instance, zc in touched.items():
            if instance.lower().endswith(_SUFFIX):
                self._heard(zc, instance)


class Discovery:
    """Announces one node and reports the others of its mesh.

    ```python
    discovery = Discovery(me, found=lambda name, address, incarnation: membership.heard_of(...))
    await discovery.start()
    ...
    await discovery.stop()
    ```

    `found(name, address, incarnation)` is called in the running loop, once for each address of each
    new run of a node; `gone(name)` when a node said goodbye (a hint too). With `announce=False` it
    only listens and asks. `warn` gets a plain sentence for whoever runs the node.
    """

    def __init__(
        self,
        me: Announcement,
        *,
        found: Found,
        gone: Gone | None = None,
        interfaces: Sequence[str] = ("127.0.0.1",),
        announce: bool = True,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        """Keep what is needed; opens nothing. Raises Malformed if `me` cannot be announced."""
        self._me = checked(me)
        self._found = found
        self._said_gone = gone
        self._interfaces = tuple(interfaces)
        self._announce = announce
        self._warn = warn
        self._instance = f"{label(me.node, me.mesh)}{_SUFFIX}"
        self._known: dict[str, Announcement] = {}
        self._open: AsyncZeroconf | None = None
        self._usable: tuple[str, ...] = ()
        self._warned: set[str] = set()
        self._announcing: Awaitable[object] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._counts = dict.fromkeys(
            ("found", "gone", "repeated", "own", "other_mesh", "malformed", "forgotten"), 0
        )
        self._questions = 0

    async def start(self) -> None:
        """Announce and listen. Returns within milliseconds, whatever the interfaces are like."""
        if self._asking is not None:
            raise RuntimeError("this discovery is started already")
        await self._open_interfaces()
        self._asking = asyncio.create_task(self._ask_in_turn(), name="kamesh discovery")

    async def stop(self) -> None:
        """Say goodbye and close; done within a second. May be called twice, or unstarted."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        await self._close()

    def statistics(self) -> DiscoveryStatistics:
        """Count what happened since start."""
        return DiscoveryStatistics(
            known=len(self._known),
            questions=self._questions,
            interfaces=self._usable,
            **self._counts,
        )

    # --- opening and closing ---

    async def _open_interfaces(self) -> None:
        usable = tuple(i for i in self._interfaces if self._can_multicast(i))
        if self._open is not None and usable == self._usable:
            return
        await self._close()
        if not usable:
            self._warn_once("Finding nodes by zeroconf is off: none of its interfaces can be used.")
            return
        try:
            self._open = AsyncZeroconf(interfaces=list(usable))
            self._listen(self._open)
            await self._open.zeroconf.async_wait_for_start(timeout=STOP_WITHIN)
            if self._announce:
                self._announcing = await self._open.async_register_service(
                    self._service(), cooperating_responders=True
                )
        except (OSError, Error) as error:
            self._warn_once(f"Finding nodes by zeroconf is off: {error}.")
            await self._close()
            return
        self._usable = usable

    def _can_multicast(self, interface: str) -> bool:
        """Try it on a socket of our own first: one bad interface makes zeroconf refuse them all."""
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
                trial.bind((interface, 0))
                group = socket.inet_aton("224.0.0.251") + socket.inet_aton(interface)
                trial.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        except OSError as error:
            self._warn_once(f"Zeroconf does without interface {interface!r}: {error.strerror}.")
            return False
        return True

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self._warn(sentence)

    def _listen(self, opened: AsyncZeroconf) -> None:
        opened.zeroconf.async_add_listener(_Ear(self._heard, self._heard_goodbye), None)

    def _service(self) -> ServiceInfo:
        hosts, ports = zip(*map(split_address, self._me.addresses), strict=True)
        return ServiceInfo(
            SERVICE,
            self._instance,
            port=ports[0],
            parsed_addresses=list(hosts),
            server=f"{self._instance.removesuffix(_SUFFIX)}.local.",
            properties=to_txt(self._me),
        )

    async def _close(self) -> None:
        opened, self._open = self._open, None
        self._usable = ()
        if self._announcing is not None:
            asyncio.ensure_future(self._announcing).cancel()  # else it would announce us again
            self._announcing = None
        if opened is None:
            return
        goodbye = opened.zeroconf.generate_unregister_all_services()
        if goodbye is not None:
            opened.zeroconf.async_send(goodbye)
        await self._shut(opened)

    async def _shut(self, opened: AsyncZeroconf) -> None:
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await opened.async_close()
        except TimeoutError:
            log.warning("zeroconf did not close within %s s", STOP_WITHIN)

    # --- asking ---

    async def _ask_in_turn(self) -> None:
        await self._ask_alone()
        for wait in ASK_AGAIN:
            await asyncio.sleep(wait)
            if len(self._known) < ENOUGH_FOUND:
                self._ask_all()
        while True:
            crowd = max(1.0, len(self._known) / 8)
            await asyncio.sleep(ASK_EVERY * crowd * random.uniform(0.75, 1.25))
            await self._open_interfaces()
            self._ask_all()

    async def _ask_alone(self) -> None:
        """Ask first from a port of our own, which is answered at once and to us alone."""
        if not self._usable:
            return
        asker = AsyncZeroconf(interfaces=list(self._usable), unicast=True)
        try:
            self._listen(asker)
            await asker.zeroconf.async_wait_for_start(timeout=STOP_WITHIN)
            self._send_question(asker.zeroconf)
            await asyncio.sleep(UNICAST_FOR)
        except (OSError, Error) as error:
            log.warning("the first zeroconf question could not be asked: %s", error)
        finally:
            await self._shut(asker)

    def _ask_all(self) -> None:
        if self._open is not None:
            self._send_question(self._open.zeroconf)

    def _send_question(self, zc: Zeroconf) -> None:
        # Alone, with a number (RFC 6762, 6.7): equal questions within 0.8 s are taken for echoes.
        number = random.randrange(1, 1 << 16) if zc.unicast else 0
        question = DNSOutgoing(_QUERY, multicast=not zc.unicast, id_=number)
        question.add_question(DNSQuestion(SERVICE, _PTR, _IN))
        for answer in zc.cache.get_all_by_details(SERVICE, _PTR, _IN)[:MOST_KNOWN_ANSWERS]:
            question.add_answer_at_time(answer, 0)
        zc.async_send(question)
        self._questions += 1

    # --- hearing ---

    def _heard(self, zc: Zeroconf, instance: str) -> None:
        info = ServiceInfo(SERVICE, instance)
        if not info.load_from_cache(zc):
            self._counts["malformed"] += 1  # one of its records is missing: nothing to dial
            return
        try:
            said = from_txt(info.properties, info.parsed_addresses(), info.port)
        except Malformed as error:
            self._counts["malformed"] += 1
            log.debug("ignored announcement %r: %s", instance, error)
            return
        if said.mesh != self._me.mesh:
            self._counts["other_mesh"] += 1
        elif said.incarnation == self._me.incarnation:
            self._counts["own"] += 1
        elif self._known.get(instance.lower()) == said:
            self._counts["repeated"] += 1
        else:
            self._remember(instance.lower(), said)

    def _remember(self, instance: str, said: Announcement) -> None:
        self._known.pop(instance, None)
        if len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
            self._counts["forgotten"] += 1
        self._known[instance] = said
        self._counts["found"] += 1
        loop = asyncio.get_running_loop()
        for address in said.addresses:  # by the loop: an error of the caller is shown as its own
            loop.call_soon(self._found, said.node, address, said.incarnation)

    def _heard_goodbye(self, instance: str) -> None:
        said = self._known.pop(instance.lower(), None)
        if said is None:
            return
        self._counts["gone"] += 1
        if self._said_gone is not None:
            asyncio.get_running_loop().call_soon(self._said_gone, said.node)
