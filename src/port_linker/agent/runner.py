"""The one place on the target that carries commands out. I/O; runs on Python 3.9."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any, Optional

from port_linker import clock
from port_linker.agent.door import Attachment, Door
from port_linker.agent.facts import read_facts
from port_linker.agent.flows import FlowOpener
from port_linker.agent.lease import Lease
from port_linker.agent.machine import AgentMachine
from port_linker.agent.outlog import LogSender
from port_linker.agent.probe import answer_doctor
from port_linker.agent.watch import Watcher
from port_linker.errors import ProtocolError
from port_linker.model import Service, ServiceId
from port_linker.mux.engine import Engine
from port_linker.mux.pump import Pump
from port_linker.protocol.messages import Facts, parse_hello
from port_linker.scan.scanner import Scanner
from port_linker.tasks import start_task, stop_task

if TYPE_CHECKING:
    from port_linker.agent.tunnel import Tunnel

logger = logging.getLogger(__name__)

TICK_S = 5.0  # the lease and idle associations need no finer look


class AgentRunner:
    """One agent: an engine, a watcher, a door, and the machine that decides."""

    def __init__(self, start: dict[str, Any]) -> None:
        with_flows_s, idle_s = (float(seconds) for seconds in start["lease"])
        self._id = str(start["id"])
        instance = f"{self._id}-{os.getpid()}-{os.urandom(4).hex()}"
        now = clock.boottime_s()
        self._machine = AgentMachine(instance, Lease(with_flows_s, idle_s, now))
        self._engine = Engine(self)
        self._flows = FlowOpener(self._engine, self._machine.find)
        self._door = Door(str(start["token"]), self._on_attach)
        self._addresses: list[str] = start.get("sockets", [])
        self._directory: Optional[str] = start.get("dir")
        self._ssh = ""
        self._tunnel: Optional[Tunnel] = None  # until the host wants QUIC
        self._scanner = Scanner(own_pids=self._own_pids)
        self._watcher = Watcher(self._scanner, self._on_services)
        self._attachment: Optional[Attachment] = None
        self._pump: Optional[Pump] = None
        self._log = LogSender(self._engine)
        self._done = asyncio.Event()

    async def run(self, control: Any) -> None:
        """Serve until the host says goodbye or the lease ends.

        control: the socket to the attacher that started this agent; it carries the first channel.
        """
        self._log.open()
        self._open_door()
        done = start_task(self._done.wait(), "done")
        tasks = [start_task(self._watcher.run(), "watch"), start_task(self._tick(), "tick")]
        try:
            if not await self._door.admit(control) and self._attachment is None:
                return  # nobody knows this agent
            ended, _ = await asyncio.wait([done, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in ended - {done}:
                task.result()  # an agent that has gone blind ends, and another one is started
        finally:
            self._door.close()
            for task in (done, *tasks):
                await stop_task(task)
            self._leave(None)
            self._engine.restart("the agent ends")
            if self._tunnel is not None:
                await self._tunnel.close()
            self._log.close()

    def _open_door(self) -> None:
        """Listen where the start message says, or else where no file is needed."""
        for address in self._addresses:
            try:
                self._door.open(address)
            except OSError as error:  # noqa: PERF203 - a few turns at most
                logger.warning("a socket is not to be had", extra={"reason": error.strerror})
            else:
                return

    # The life of a link

    def _on_attach(self, attachment: Attachment) -> None:
        self._leave("moved")
        self._attachment = attachment
        self._ssh = attachment.ssh or self._ssh  # a carried link has no login of its own
        if self._tunnel is not None:
            self._tunnel.set_ssh(self._ssh)
        self._machine.lease.renew(clock.boottime_s())
        read_fd, write_fd = attachment.descriptors
        try:
            self._pump = self._engine.connect((read_fd, write_fd), attachment.sync)
        except OSError as error:  # a file, for one, is no channel
            self.on_lost(f"not a channel: {error.strerror}")

    def on_hello(self, message: dict[str, Any]) -> None:
        """Answer the host's first message: go on, or begin anew."""
        try:
            hello = parse_hello(message)
        except ProtocolError as error:
            self.on_lost(error.message)
            return
        answer = self._machine.hello(self._engine.machine.receipt.received_bytes)
        resumes = self._machine.meet(hello)
        if not resumes:
            self._engine.renew("another host took over")
            if self._tunnel is not None:
                self._tunnel.stop()
        if self._pump is not None:
            self._pump.start()
        self._engine.machine.send_hello(answer.to_json())
        self._engine.attach(hello.received_bytes if resumes else 0)  # else the link is broken
        is_carried = self._attachment is not None and self._attachment.is_carried
        about = {"resumed": resumes, "host": hello.me, "over_quic": is_carried}
        logger.info("attached", extra=about)
        self._watcher.start()
        if self._tunnel is not None:
            self._tunnel.set_attached(self._has_carrier)

    def on_lost(self, reason: str) -> None:
        """The channel ended: flows stay, the lease runs."""
        logger.info("link lost", extra={"reason": reason})
        if self._engine.is_broken:  # what was counted was not all understood: nothing can go on
            self._machine.forget_host()
            self._engine.restart(reason)
        self._leave("closed")

    def _leave(self, reason: Optional[str]) -> None:
        self._engine.disconnect()
        self._watcher.pause()
        self._pump = None
        if self._tunnel is not None:
            self._tunnel.set_attached(False)
        if self._attachment is not None:
            self._attachment.end(reason)
            self._attachment = None

    # What the host sends

    def on_open(self, flow: int, service: str, is_udp: bool) -> None:
        """The host wants a flow."""
        self._flows.open(flow, service, is_udp)

    def on_control(self, message: dict[str, Any]) -> None:
        """The host says something; what is unknown is ignored."""
        if message.get("t") == "bye":
            self._leave("closed")
            self._done.set()
            return
        if str(message.get("t")).startswith("quic-"):
            self._open_tunnel().on_control(message)
            return
        for answer in answer_doctor(message, self._scanner.facts):
            self._engine.machine.send_control(answer)
        self._engine.flush()

    def on_pong(self, clock_: int) -> None:
        """The agent sends no pings."""

    # QUIC

    def _open_tunnel(self) -> Tunnel:
        """Return the target's half of the QUIC link, made when the host first speaks of it."""
        if self._tunnel is None:
            from port_linker.agent.tunnel import Tunnel  # late: most of a start would be its

            send_packet = self._engine.send_packet
            tunnel = Tunnel(self._directory, self._say, send_packet, self._door.address)
            tunnel.set_ssh(self._ssh)
            tunnel.set_services(self._machine.services)
            tunnel.set_attached(self._has_carrier)
            self._engine.on_packet = tunnel.deliver
            self._tunnel = tunnel
        return self._tunnel

    @property
    def _has_carrier(self) -> bool:
        """Whether the stdio link can carry QUIC: not one that QUIC carries itself."""
        is_carried = self._attachment is not None and self._attachment.is_carried
        return self._engine.is_attached and not is_carried

    def _say(self, message: dict[str, Any]) -> None:
        self._engine.machine.send_control(message)
        self._engine.flush()

    def _own_pids(self) -> set[int]:
        return {os.getpid()} | (self._tunnel.pids() if self._tunnel is not None else set())

    # What the target does

    def _on_services(self, services: dict[ServiceId, Service]) -> None:
        if not self._engine.is_attached or self._engine.is_choked:
            self._watcher.tell_again()
            return
        messages = self._machine.tell(services, self._read_facts)
        if self._tunnel is not None:
            self._tunnel.set_services(services)
        for message in messages:
            self._engine.machine.send_control(message)
        if messages:
            self._engine.flush()

    def _read_facts(self) -> Facts:
        return read_facts(str(self._scanner.facts()["source"]))

    async def _tick(self) -> None:
        heard = 0
        while not self._done.is_set():
            await asyncio.sleep(TICK_S)
            now = clock.boottime_s()
            if self._engine.received_bytes != heard:
                heard = self._engine.received_bytes
                self._machine.lease.renew(now)
            flows_open = self._flows.traffic.flows_open
            if self._tunnel is not None:
                if await self._tunnel.poll():
                    self._machine.lease.renew(now)
                flows_open += self._tunnel.flows_open
            if self._machine.lease.is_over(flows_open, now):
                logger.warning("the lease is over")
                self._leave("lease")
                self._done.set()
