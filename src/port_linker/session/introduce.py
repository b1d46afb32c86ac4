"""One attempt to bring the QUIC link up: two sidecars, introduced over the stdio link. I/O."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from port_linker.errors import PortLinkerError
from port_linker.link import control, reports
from port_linker.link.addresses import plan_addresses
from port_linker.link.faults import SidecarFailed, explain_close, explain_target
from port_linker.link.find import Tunnel
from port_linker.link.mux_link import MuxLink
from port_linker.link.relay import Relay
from port_linker.link.sidecar import Sidecar
from port_linker.protocol import gauge, quic
from port_linker.session.counts import AgentCounts
from port_linker.tasks import start_task, stop_task

logger = logging.getLogger(__name__)

AGENT_S = 90.0  # without a word from the agent the attempt is given up
CONNECT_S = 15.0  # the sidecar asks for 3 s, then has 5 s for the handshake
MAX_MESSAGES = 256
STATS_S = 1.0  # the table is drawn anew about as often
COUNT_BYTES = 64 << 10  # so much must have moved before the target is asked for its counters

AgentWord = quic.QuicNeed | quic.QuicReady | quic.QuicEnded | quic.QuicLife | gauge.Answer
OnStats = Callable[[reports.Stats, gauge.QuicCounted | None], None]


@dataclass(frozen=True)
class AttemptConfig:
    """number: of the attempt. lease_s: how long the connection outlives silence."""

    number: int
    lease_s: int
    first_port: int = quic.FIRST_PORT
    last_port: int = quic.LAST_PORT


class QuicAttempt:
    """A sidecar here, one there, and the connection between them, to its end."""

    def __init__(
        self,
        tunnel: Tunnel,
        stdio: MuxLink,
        config: AttemptConfig,
        on_event: Callable[[reports.Event | quic.QuicLife], None],
    ) -> None:
        """on_event: is called with what the sidecar tells by itself, and what the agent tells."""
        self._tunnel, self._stdio, self._config = tunnel, stdio, config
        self._on_event = on_event
        self._messages: asyncio.Queue[quic.QuicNeed | quic.QuicReady | quic.QuicEnded]
        self._messages = asyncio.Queue(MAX_MESSAGES)
        self._relay = Relay(stdio.send_packet)
        self.sent_bytes = 0  # of the packed executable
        self.ended: asyncio.Future[PortLinkerError] = asyncio.get_running_loop().create_future()
        self.counts = AgentCounts(config.number, stdio.send_control, self.ended)
        self.is_final = False  # whether another attempt with this agent is of no use
        self.address = ""
        self.addresses: tuple[str, ...] = ()  # that were tried
        self.sidecar = Sidecar([tunnel.path], self._take, self._on_end)

    async def connect(self, ssh_addresses: asyncio.Task[tuple[str, ...]]) -> None:
        """Bring it up. Raises PortLinkerError with the reason if it does not come about.

        An end that is told meanwhile (a new agent, a sidecar that died) is its end at once.
        """
        connecting = start_task(self._connect(ssh_addresses), "quic introduction")
        try:
            await asyncio.wait([connecting, self.ended], return_when=asyncio.FIRST_COMPLETED)
            if self.ended.done():
                raise self.ended.result()
            connecting.result()
        finally:
            await stop_task(connecting)

    async def _connect(self, ssh_addresses: asyncio.Task[tuple[str, ...]]) -> None:
        await self.prepare()
        await self.reach(await ssh_addresses)

    async def prepare(self) -> None:
        """Have a sidecar wait on each side. Raises SidecarFailed."""
        sidecar = self.sidecar
        await sidecar.greet()
        listening = await sidecar.ask(control.Start(control.ROLE_HOST), reports.Listening)
        config = self._config
        start = quic.QuicStart(
            attempt=config.number,
            executable=self._tunnel.facts,
            fingerprint=listening.fingerprint,
            port=listening.port,
            secret=secrets.token_hex(32),
            connection_id=secrets.token_hex(16),
            first_port=config.first_port,
            last_port=config.last_port,
            lease_s=config.lease_s,
        )
        self._stdio.send_control(start.to_json())
        self._start, self._ready = start, await self._wait_ready()

    @property
    def number(self) -> int:
        """Of the attempt."""
        return self._config.number

    @property
    def target_port(self) -> int:
        """The UDP port that the target's sidecar waits at, once prepared."""
        return self._ready.port

    async def reach(self, ssh_addresses: tuple[str, ...]) -> None:
        """Connect them, over the first address that answers. Raises SidecarFailed."""
        start, ready = self._start, self._ready
        self.addresses = plan_addresses(ready.port, ssh_addresses, ready.addresses)
        peer = control.Peer(
            fingerprint=ready.fingerprint,
            secret=start.secret,
            connection_id=start.connection_id,
            addresses=self.addresses,
            lease_s=start.lease_s,
        )
        connected = await self.sidecar.ask(peer, reports.Connected, limit_s=CONNECT_S)
        self.address = connected.address

    async def watch(self, on_stats: OnStats) -> PortLinkerError:
        """Poll the counters until the end, and return its reason.

        on_stats: hears this side's counters, and the target's packets as last counted.
        """
        moved_bytes = 0
        while not self.ended.done():
            try:
                stats = await self.sidecar.ask(control.AskStats(), reports.Stats)
            except SidecarFailed as error:
                return error
            on_stats(stats, self.counts.counted)
            found = stats.connection or reports.ConnectionStats()
            if found.sent_bytes + found.received_bytes - moved_bytes > COUNT_BYTES:
                moved_bytes = found.sent_bytes + found.received_bytes
                self.counts.send_count()
            await asyncio.wait([self.ended], timeout=STATS_S)
        return self.ended.result()

    def take_message(self, message: AgentWord) -> None:
        """Take what the agent says."""
        if isinstance(message, gauge.QuicCounted | gauge.QuicGauged):
            self.counts.take(message)
            return
        if isinstance(message, quic.QuicLife):
            self._take_life(message)
            return
        if isinstance(message, quic.QuicEnded) and message.attempt == self._config.number:
            self._end(explain_target(message.reason), message.is_final)
        if not self._messages.full():
            self._messages.put_nowait(message)

    def tell_life(self, is_quiet: bool, link: int) -> None:
        """Tell the agent whether our packets lack acknowledgements. link: as in QuicLife."""
        self._stdio.send_control(quic.QuicLife(self._config.number, is_quiet, link).to_json())

    def _take_life(self, life: quic.QuicLife) -> None:
        if life.attempt == self._config.number and self.address:
            start_task(self.sidecar.send(control.PeerQuiet(life.is_quiet)), "quic life")
            self._on_event(life)

    async def set_path(self, is_attached: bool) -> None:
        """Lay the path of last resort over the stdio link, or take it away."""
        if is_attached:
            self._stdio.on_packet(self._relay.deliver)
        await self._relay.lay(self.sidecar, is_attached)

    async def close(self) -> None:
        """End it on both sides and wait until no process is left here."""
        self._relay.close()
        self._stdio.send_control(quic.QuicStop(self._config.number).to_json())
        await self.sidecar.shut()

    # The agent's half

    async def _wait_ready(self) -> quic.QuicReady:
        """Serve the agent with the executable until its sidecar waits for us."""
        while True:
            try:
                async with asyncio.timeout(AGENT_S):
                    message = await self._messages.get()
            except TimeoutError:
                raise SidecarFailed("timeout", "the agent does not answer about QUIC") from None
            if isinstance(message, quic.QuicNeed):
                self._send_parts(message)
            elif message.attempt != self._config.number:
                continue
            elif isinstance(message, quic.QuicReady):
                return message
            else:
                raise explain_target(message.reason)

    def _send_parts(self, need: quic.QuicNeed) -> None:
        """Send what is missing, a few pieces ahead of what was acknowledged."""
        packed = self._tunnel.packed
        is_ours = need.digest == self._tunnel.facts.digest
        if not is_ours or need.at > self.sent_bytes:
            return  # it acknowledges what was never sent
        if self.sent_bytes == 0:
            logger.info("bringing the QUIC sidecar to the target", extra={"bytes": len(packed)})
        ahead = min(len(packed), need.at + quic.PARTS_AHEAD * quic.PART_BYTES)
        while self.sent_bytes < ahead:
            piece = packed[self.sent_bytes : self.sent_bytes + quic.PART_BYTES]
            part = quic.QuicPart(need.digest, self.sent_bytes, piece)
            self.sent_bytes += len(piece)
            self._stdio.send_control(part.to_json())

    # The sidecar

    def _take(self, event: reports.Event) -> None:
        if isinstance(event, reports.Closed):
            self._end(explain_close(event))
        else:
            self._on_event(event)

    def _on_end(self, reason: str) -> None:
        self._end(SidecarFailed("died", reason))

    def _end(self, error: PortLinkerError, is_final: bool = False) -> None:
        self.is_final = self.is_final or is_final
        if not self.ended.done():
            self.ended.set_result(error)
