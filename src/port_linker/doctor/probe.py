"""Asks a running agent, over a link of its own without bindings. I/O.

Every wait has an end; what the agent says is kept only where it is waited for or counted.
"""

from __future__ import annotations

import asyncio
from typing import Any

from port_linker import clock
from port_linker.deploy.channel import AgentChannel, AgentRestarted
from port_linker.doctor.answers import count_services, fill_bytes
from port_linker.errors import LinkLost, ProtocolError, TargetError
from port_linker.link.find import Tunnel
from port_linker.link.mux_link import MuxLink
from port_linker.model import clean_text
from port_linker.protocol.gauge import parse_answer
from port_linker.protocol.quic import QuicEnded, parse_from_agent
from port_linker.session.introduce import AttemptConfig, QuicAttempt
from port_linker.tasks import start_task, stop_task

FILL = "." * (64 << 10)
REQUEST_BYTES = 1 << 20  # the agent gives at most this much for one request


class LinkProbe:
    """One link to measure by. Close it."""

    def __init__(self, channel: AgentChannel) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._link = MuxLink(self, "doctor")
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._waits: dict[str, asyncio.Future[Any]] = {}
        self._facts: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._number = 0
        self._watch = start_task(self._watch_channel(), "watch channel")
        self._quic: QuicAttempt | None = None
        self.filled_bytes = 0
        self.services = 0
        self.complaint = ""  # the agent's last word of an error

    async def open(self, limit_s: float) -> None:
        """Return once the hellos have met. Raises as ask does."""
        attached = self._expect("attached")
        descriptor = self._channel.sock.fileno()
        self._link.connect((descriptor, descriptor), self._channel.sync)
        await self._await(attached, limit_s)

    async def facts(self, limit_s: float) -> dict[str, Any]:
        """Return the facts that come with the first scan. Raises as ask does."""
        found: dict[str, Any] = await self._await(self._facts, limit_s)
        return found

    async def ping(self, limit_s: float) -> float:
        """Return one round trip in seconds. Raises as ask does."""
        pong = self._expect("pong")
        self._link.ping()
        return float(await self._await(pong, limit_s))

    async def ask(self, kind: str, limit_s: float, **fields: Any) -> dict[str, Any]:
        """Send a message and return its answer.

        Raises TargetError (PL-TARGET-TIMEOUT) if none comes in time, LinkLost if the link ends.
        """
        self._number += 1
        answer = self._expect(str(self._number))
        self._link.send_control({"t": kind, "id": self._number, **fields})
        found: dict[str, Any] = await self._await(answer, limit_s)
        return found

    async def download(self, size: int, limit_s: float) -> float:
        """Have the agent send so many bytes; return the seconds. Raises as ask does."""
        began_s = clock.monotonic_s()
        requests = [
            self.ask("measure", limit_s, bytes=min(REQUEST_BYTES, size - start))
            for start in range(0, size, REQUEST_BYTES)
        ]
        await asyncio.gather(*requests)
        return clock.monotonic_s() - began_s

    async def upload(self, size: int, limit_s: float) -> float:
        """Send so many bytes and have them acknowledged; return the seconds. Raises as ask does."""
        began_s = clock.monotonic_s()
        for start in range(0, size, len(FILL)):
            self._link.send_control({"t": "padding", "fill": FILL[: size - start]})
        await self.ask("measure", limit_s, bytes=0)
        return clock.monotonic_s() - began_s

    def start_quic(self, tunnel: Tunnel, config: AttemptConfig) -> QuicAttempt:
        """Begin an attempt to bring QUIC up beside this link. Raises SidecarFailed."""
        self._quic = QuicAttempt(tunnel, self._link, config, lambda _event: None)
        return self._quic

    async def stop_quic(self) -> None:
        """End the attempt, on both sides."""
        attempt, self._quic = self._quic, None
        if attempt is not None:
            await attempt.close()

    async def say_goodbye(self, limit_s: float) -> None:
        """Have the agent end, and wait for that at most limit_s."""
        if self._link.is_attached:
            self._link.send_control({"t": "bye"})
            await asyncio.wait({self._lost, self._watch}, timeout=limit_s)

    async def close(self) -> None:
        """Let go of the channel, which stays open."""
        await stop_task(self._watch)
        await self._link.close()
        self._lost.cancel()
        for future in (self._facts, *self._waits.values()):
            future.cancel()

    def _expect(self, key: str) -> asyncio.Future[Any]:
        self._waits[key] = future = self._loop.create_future()
        return future

    async def _await(self, future: asyncio.Future[Any], limit_s: float) -> Any:
        await asyncio.wait(
            {future, self._lost}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED
        )
        if future.done():
            return future.result()
        if self._lost.done():
            raise LinkLost(self._lost.result(), "try again; -v shows the log of both sides")
        raise TargetError(
            f"the agent did not answer within {limit_s:g} s{self._quote()}",
            "try again; if it stays so, the machine there is overloaded or the link holds bytes",
            "PL-TARGET-TIMEOUT",
        )

    def _quote(self) -> str:
        return f" (it said: {self.complaint})" if self.complaint else ""

    def _settle(self, key: str, value: Any) -> None:
        future = self._waits.pop(key, None)
        if future is not None and not future.done():
            future.set_result(value)

    async def _watch_channel(self) -> None:
        event = await self._channel.wait_event()
        if isinstance(event, AgentRestarted):
            self.on_link_lost("the agent died and was started again")
        else:
            self.on_link_lost(event.error.message if event.error else "the agent ended")

    # LinkOwner

    def on_attached(self, resumes: bool) -> None:
        """The hellos met."""
        self._settle("attached", resumes)

    def on_link_lost(self, reason: str) -> None:
        """The pipe ended."""
        if not self._lost.done():
            self._lost.set_result(reason)
        if self._quic is not None:
            self._quic.take_message(QuicEnded(self._quic.number, reason))

    def on_round_trip(self, rtt_s: float) -> None:
        """A ping was answered."""
        self._settle("pong", rtt_s)

    def on_control(self, message: dict[str, Any]) -> None:
        """The agent says something."""
        kind = message.get("t")
        if kind == "padding":
            self.filled_bytes += fill_bytes(message)
        elif kind in ("probed", "measured"):
            self._settle(str(message.get("id")), message)
        elif kind == "services":
            self.services += count_services(message)
        elif isinstance(kind, str) and kind.startswith("quic-"):
            self._take_quic(message)
        elif kind == "facts" and not self._facts.done():
            self._facts.set_result(message)
        elif kind == "log" and message.get("level") == "error":
            self.complaint = clean_text(str(message.get("message")), 200)

    def _take_quic(self, message: dict[str, Any]) -> None:
        try:
            said = parse_from_agent(message) or parse_answer(message)
        except ProtocolError as error:
            self.on_link_lost(error.message)
            return
        if said is not None and self._quic is not None:
            self._quic.take_message(said)
