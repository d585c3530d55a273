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
from collections.abc import Awaitable, Callable, Sequence

from zeroconf import (  # type: ignore[attr-defined]  # the DNS ones are meant for use, unlisted
    DNSAddress,
    DNSOutgoing,
    DNSPointer,
    DNSQuestion,
    DNSService,
    DNSText,
    Error,
    RecordUpdate,
    RecordUpdateListener,
    ServiceInfo,
    Zeroconf,
)
from zeroconf.asyncio import AsyncZeroconf

from kamesh.discovery.announcement import (
    MOST_ADDRESSES,
    SERVICE,
    Announcement,
    Malformed,
    checked,
    instance_label,
    is_wildcard,
    label,
    split_address,
    to_txt,
)
from kamesh.discovery.hearsay import DiscoveryStatistics, Hearsay
from kamesh.discovery.interfaces import is_ipv4, told_in_vain, why_not

log = logging.getLogger("kamesh.discovery")

ENOUGH_FOUND = 3  # nodes found, after which gossip does the rest and no startup question is due
ASK_AGAIN = (1.0, 3.0)  # s between the startup questions, asked only while fewer were found
ASK_EVERY = 60.0  # s between later questions, times known / 8: 100 nodes ask 8 a minute in all
MOST_KNOWN_ANSWERS = 64  # listed in a question (RFC 6762, 7.1), some 50 bytes each
UNICAST_FOR = 1.0  # s the asking port of its own stays open
STOP_WITHIN = 1.0  # s
START_WITHIN = 10.0  # s: a loop that its components hold up is late, not broken
_PTR, _IN, _QUERY = 12, 1, 0  # RFC 1035 numbers
_SUFFIX = "." + SERVICE

Found = Callable[[str, str, bytes], None]
Gone = Callable[[str], None]


class _Ear(RecordUpdateListener):
    """Hears every record of one Zeroconf and hands on the instances of ours that are news.

    What one packet says of an instance is read from the packet. The cache, which a flood of
    strangers empties as fast as it fills, only completes what a packet leaves out.
    """

    def __init__(
        self,
        heard: Callable[[ServiceInfo], None],
        gone: Callable[[str], None],
        unreadable: Callable[[], None],
    ) -> None:
        super().__init__()
        self._heard = heard
        self._gone = gone
        self._unreadable = unreadable
        self._zc: Zeroconf | None = None
        self._news: dict[str, None] = {}
        self._texts: dict[str, bytes] = {}
        self._services: dict[str, tuple[str, int]] = {}
        self._hosts: dict[str, list[bytes]] = {}

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Gather what one packet says (called before the cache holds it)."""
        self._zc = zc
        for update in records:
            record = update.new
            if isinstance(record, DNSPointer):
                if record.name.lower() == SERVICE:
                    self._pointed(record, is_news=update.old is None, over=record.is_expired(now))
            elif record.is_expired(now):
                continue
            elif isinstance(record, DNSText):
                self._texts[record.name] = record.text
                self._note(record.name, update)
            elif isinstance(record, DNSService):
                self._services[record.name] = (record.server.lower(), record.port)
                self._note(record.name, update)
            elif isinstance(record, DNSAddress):
                self._hosts.setdefault(record.name.lower(), []).append(record.address)

    def _pointed(self, record: DNSPointer, *, is_news: bool, over: bool) -> None:
        if not over and is_news:
            self._news[record.alias] = None
        elif over and record.ttl == 0:  # a goodbye; else merely too old: zeroconf's own cleaning
            self._gone(record.alias)

    def _note(self, name: str, update: RecordUpdate) -> None:
        if update.old is None and name.lower().endswith(_SUFFIX):
            self._news[name] = None

    def async_update_records_complete(self) -> None:
        """Look at what was news, now that the cache holds it too."""
        for instance in self._news:
            if instance_label(instance) is None:
                self._unreadable()
            else:
                self._heard(self._read(instance))
        for kept in (self._news, self._texts, self._services, self._hosts):
            kept.clear()

    def _read(self, instance: str) -> ServiceInfo:
        if instance in self._texts and instance in self._services:
            server, port = self._services[instance]
            if server in self._hosts:
                return ServiceInfo(
                    SERVICE,
                    instance,
                    port=port,
                    addresses=self._hosts[server],
                    properties=self._texts[instance],
                )
        info = ServiceInfo(SERVICE, instance)
        if self._zc is not None:
            info.load_from_cache(self._zc)  # what is missing then is found out by reading it
        return info


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
        """Keep what is needed; opens nothing. Raises Malformed if `me` cannot be announced.

        `interfaces` are IPv4 addresses of this host. An address of `me` on 0.0.0.0 is announced as
        the addresses of those interfaces.
        """
        for interface in interfaces:
            if not is_ipv4(interface):
                raise Malformed(f"an interface is given by its IPv4 address, not {interface!r}")
        self._me = checked(me)
        self._found = found
        self._said_gone = gone
        self._interfaces = tuple(interfaces)
        self._announce = announce
        self._warn = warn
        self._instance = f"{label(me.node, me.mesh)}{_SUFFIX}"
        self._hearsay = Hearsay(me)
        self._open: AsyncZeroconf | None = None
        self._usable: tuple[str, ...] = ()
        self._warned: set[str] = set()
        self._announcing: Awaitable[object] | None = None
        self._closing: set[asyncio.Future[None]] = set()
        self._asking: asyncio.Task[None] | None = None
        self._running = False
        self._questions = 0

    async def start(self) -> None:
        """Announce and listen. Returns within milliseconds, whatever the interfaces are like."""
        if self._running:
            raise RuntimeError("this discovery is started already")
        self._running = True
        await self._open_interfaces()
        self._asking = asyncio.create_task(self._ask_in_turn(), name="kamesh discovery")

    async def stop(self) -> None:
        """Say goodbye and close; done within a second. May be called twice, or unstarted."""
        self._running = False
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            (ended,) = await asyncio.gather(asking, return_exceptions=True)
            if not isinstance(ended, asyncio.CancelledError):
                log.error("asking for nodes by zeroconf had failed", exc_info=ended)
        await self._close()
        if self._closing:
            await asyncio.wait(self._closing, timeout=STOP_WITHIN)
        self._hearsay.forget()

    def statistics(self) -> DiscoveryStatistics:
        """Count what happened since start."""
        return self._hearsay.statistics(self._questions, self._usable)

    # --- opening and closing ---

    async def _open_interfaces(self) -> None:
        usable = tuple(i for i in self._interfaces if self._can_use(i))
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
                    self._service(usable), cooperating_responders=True
                )
        except (OSError, Error) as error:
            self._warn_once(f"Finding nodes by zeroconf is off: {error}.")
            await self._close()
            return
        self._usable = usable

    def _can_use(self, interface: str) -> bool:
        """Try it first: one bad interface would make zeroconf refuse them all."""
        reason = why_not(interface)
        if reason is None and self._announce:
            in_vain = told_in_vain([host for host, _ in self._endpoints()], interface)
            if in_vain is not None:
                self._warn_once(in_vain)
        elif reason is not None:
            self._warn_once(reason)
        return reason is None

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self._warn(sentence)

    def _listen(self, opened: AsyncZeroconf) -> None:
        ear = _Ear(self._heard, self._heard_goodbye, self._hearsay.unreadable)
        opened.zeroconf.async_add_listener(ear, None)

    def _endpoints(self) -> list[tuple[str, int]]:
        return [split_address(address) for address in self._me.addresses]

    def _service(self, interfaces: Sequence[str]) -> ServiceInfo:
        endpoints = self._endpoints()
        hosts: list[str] = []
        for host, _ in endpoints:
            hosts += interfaces if is_wildcard(host) else [host]
        return ServiceInfo(
            SERVICE,
            self._instance,
            port=endpoints[0][1],
            parsed_addresses=list(dict.fromkeys(hosts))[:MOST_ADDRESSES],
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
        """Close one; who is cancelled meanwhile leaves that to go on, for `stop` to wait for."""
        closing = asyncio.ensure_future(self._shut_at_last(opened))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await asyncio.shield(closing)

    async def _shut_at_last(self, opened: AsyncZeroconf) -> None:
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
            if len(self._hearsay) < ENOUGH_FOUND:
                self._ask_all()
        while True:
            crowd = max(1.0, len(self._hearsay) / 8)
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
            await asker.zeroconf.async_wait_for_start(timeout=START_WITHIN)
            self._send_question(asker.zeroconf)
            await asyncio.sleep(UNICAST_FOR)
        except (OSError, Error) as error:
            log.warning("the first zeroconf question could not be asked: %r", error)
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

    def _heard(self, info: ServiceInfo) -> None:
        said = self._hearsay.heard(
            info.name, info.properties, info.parsed_addresses(), info.port
        )
        if said is not None:
            for address in said.addresses:
                self._call(self._found, said.node, address, said.incarnation)

    def _heard_goodbye(self, instance: str) -> None:
        name = self._hearsay.goodbye(instance)
        if name is not None and self._said_gone is not None:
            self._call(self._said_gone, name)

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call back by the loop, so that an error there is shown as the caller's own."""

        def unless_stopped() -> None:
            if self._running:
                callback(*arguments)

        asyncio.get_running_loop().call_soon(unless_stopped)
