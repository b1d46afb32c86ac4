"""The target's half of the QUIC link: the sidecar there and what it is told. I/O; Python 3.9.

One attempt at a time: the host asks for it (protocol/quic.py), gives the executable if it is not
there yet, and is told where the sidecar waits. Nothing here waits for anything on the stdio link's
behalf: all of it runs beside it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any, Callable, Optional

from port_linker.agent.executable import Command, ExecutableError
from port_linker.agent.fetch import Fetcher
from port_linker.agent.gauge import Gauges
from port_linker.agent.table import ServiceTable
from port_linker.errors import PortLinkerError
from port_linker.link import control, reports
from port_linker.link.relay import Relay
from port_linker.link.sidecar import Sidecar
from port_linker.model import Service, ServiceId, format_endpoint
from port_linker.protocol import gauge, quic
from port_linker.protocol.bound import parse_bound
from port_linker.tasks import start_task

logger = logging.getLogger(__name__)


class Tunnel:
    """At most one sidecar, the one of the latest attempt."""

    def __init__(
        self,
        directory: Optional[str],
        send_control: Callable[[dict[str, Any]], None],
        send_packet: Callable[[bytes], bool],
        door: Optional[str] = None,
    ) -> None:
        """door: the agent's own, by which the host may come back through the sidecar."""
        self._send_control, self._door = send_control, door
        self._relay, self._fetcher = Relay(send_packet), Fetcher(directory, send_control)
        self._ssh = os.environ.get("SSH_CONNECTION", "")
        self._attempt: Optional[quic.QuicStart] = None
        self._task: Optional[asyncio.Task[Any]] = None
        self._sidecar: Optional[Sidecar] = None
        self._table = ServiceTable()
        self._gauges = Gauges(self._table, send_control)
        self._stats: Optional[reports.Stats] = None
        # quiet: what is sent is not acknowledged. link: the newest that the host has told of.
        self._is_attached, self._is_quiet, self._acked_packets, self._link = False, False, 0, 0

    def pids(self) -> set[int]:
        """Return the processes of ours whose sockets are not services."""
        return set() if self._sidecar is None else {self._sidecar.pid}

    @property
    def flows_open(self) -> int:
        """Flows that the sidecar carries, as last polled."""
        return 0 if self._stats is None else self._stats.flows_open

    # What the agent tells

    def set_ssh(self, connection: str) -> None:
        """Note the words of SSH_CONNECTION of the newest attacher."""
        if connection:
            self._ssh = connection

    def set_services(self, services: dict[ServiceId, Service]) -> None:
        """Push the table of what may be dialled, if it has changed."""
        self._table.update(services, self._sidecar)

    def set_attached(self, is_attached: bool) -> None:
        """The stdio link came or went, and with it the path of last resort."""
        self._is_attached = is_attached
        if self._sidecar is not None:
            start_task(self._relay.lay(self._sidecar, is_attached), "quic path")

    def deliver(self, packet: memoryview) -> None:
        """Hand over a packet of the path of last resort."""
        self._relay.deliver(packet)

    def on_control(self, message: dict[str, Any]) -> bool:
        """Take a control message; return whether it was one of QUIC's.

        Raises ProtocolError if it is malformed.
        """
        said = quic.parse_from_host(message)
        self._table.take_bound(parse_bound(message), self._sidecar)
        if isinstance(said, quic.QuicStart):
            self.stop()
            self._attempt = said
            self._task = start_task(self._run(said), f"quic attempt {said.attempt}")
        elif isinstance(said, quic.QuicPart):
            self._fetcher.take(said)
        elif isinstance(said, quic.QuicStop) and self._is_current(said.attempt):
            self.stop()
        elif isinstance(said, quic.QuicLife) and self._is_current(said.attempt) and self._sidecar:
            start_task(self._sidecar.send(control.PeerQuiet(said.is_quiet)), "quic life")
            self._link = said.link
            self._tell_life()
        asked = gauge.parse_question(message)
        if asked is not None and self._sidecar is not None and self._is_current(asked.attempt):
            start_task(self._gauges.answer(asked, self._sidecar), "quic figures")
        return said is not None or asked is not None

    def _is_current(self, attempt: int) -> bool:
        return self._attempt is not None and self._attempt.attempt == attempt

    async def poll(self) -> bool:
        """Read the counters; return whether the host acknowledged packets since the last call.

        Bytes that came in prove nothing: anybody may have sent them.
        """
        sidecar = self._sidecar
        if sidecar is None:
            return False
        try:
            self._stats = await sidecar.ask(control.AskStats(), reports.Stats)
        except PortLinkerError:
            return False
        was, self._acked_packets = self._acked_packets, self._stats.acked_packets
        return self._acked_packets > was

    def stop(self) -> None:
        """End the attempt and the sidecar; its flows are reset."""
        self._attempt = self._stats = None
        self._fetcher.stop()
        self._gauges.close()
        self._is_quiet, self._acked_packets = False, 0
        if self._task is not None:
            self._task.cancel()
            self._task = None
        sidecar, self._sidecar = self._sidecar, None
        if sidecar is not None:
            sidecar.close()
        self._relay.close()

    async def close(self) -> None:
        """End it all and wait until no process is left."""
        sidecar = self._sidecar
        self.stop()
        if sidecar is not None:
            await sidecar.shut()

    # One attempt

    async def _run(self, attempt: quic.QuicStart) -> None:
        try:
            server, client = self._read_ssh()
            command = await self._fetcher.fetch(attempt.executable)
            try:
                await self._start_sidecar(command)
            finally:
                command.close()
            ready = await self._introduce(attempt, server, client)
            self._send_control(ready.to_json())
        except ExecutableError as error:
            self._give_up(attempt, str(error), is_final=True)
        except (PortLinkerError, asyncio.TimeoutError) as error:
            self._give_up(attempt, str(error) or "the executable did not arrive")

    def _give_up(self, attempt: quic.QuicStart, reason: str, is_final: bool = False) -> None:
        if attempt is not self._attempt:
            return  # another one was asked for meanwhile
        self._task = None
        self.stop()
        logger.info("no QUIC from here", extra={"reason": reason})
        self._send_control(quic.QuicEnded(attempt.attempt, reason, is_final).to_json())

    def _read_ssh(self) -> tuple[str, str]:
        """Return the addresses of both ends of the ssh connection: ours and the client's.

        SSH_CONNECTION is "client-address client-port server-address server-port" (sshd(8)).
        """
        words = self._ssh.split()
        if len(words) != 4:
            raise ExecutableError("the target was not reached by ssh, so its address is not known")
        if "%" in words[2]:
            raise ExecutableError("ssh came over a link-local address, which QUIC does not use")
        return words[2], words[0]

    async def _start_sidecar(self, command: Command) -> None:
        sidecar = Sidecar(command.words, self._on_event, self._on_end, command.descriptors)
        self._sidecar = sidecar
        await sidecar.greet()

    async def _introduce(self, attempt: quic.QuicStart, server: str, client: str) -> quic.QuicReady:
        sidecar = self._sidecar
        if sidecar is None:
            raise ExecutableError("the sidecar has ended")
        start = control.Start(control.ROLE_TARGET, server, attempt.first_port, attempt.last_port)
        listening = await sidecar.ask(start, reports.Listening)
        await self._table.begin(sidecar)
        if self._door is not None:
            await sidecar.send(control.Door(self._door))
        await self._relay.lay(sidecar, self._is_attached)
        client_endpoint = [] if "%" in client else [format_endpoint(client, attempt.port)]
        peer = control.Peer(
            fingerprint=attempt.fingerprint,
            secret=attempt.secret,
            connection_id=attempt.connection_id,
            addresses=tuple(client_endpoint),
            lease_s=attempt.lease_s,
        )
        await sidecar.send(peer)
        return quic.QuicReady(attempt.attempt, listening.fingerprint, listening.port, (server,))

    # The sidecar

    def _on_event(self, event: reports.Event) -> None:
        if isinstance(event, reports.Connected):
            logger.info("the host is here over QUIC", extra={"address": event.address})
        elif isinstance(event, (reports.Quiet, reports.Heard)):
            self._is_quiet = isinstance(event, reports.Quiet)
            self._tell_life()
        elif isinstance(event, reports.Failed):
            logger.warning("the sidecar failed", extra={"fault": event.code, "cmd": event.cmd})
        elif isinstance(event, reports.Closed):
            self._report_end(f"the connection ended: {event.reason}")

    def _tell_life(self) -> None:
        """Tell the host over ssh, while that is up: later it would be old news."""
        if self._is_attached and self._attempt is not None:
            life = quic.QuicLife(self._attempt.attempt, self._is_quiet, self._link)
            self._send_control(life.to_json())

    def _on_end(self, reason: str) -> None:
        self._report_end(f"on the target: {reason}")

    def _report_end(self, reason: str) -> None:
        attempt = self._attempt
        self.stop()
        if attempt is not None:
            self._send_control(quic.QuicEnded(attempt.attempt, reason).to_json())
