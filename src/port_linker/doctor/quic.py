"""Brings QUIC up beside the doctor's link, as a session would, and measures it. I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from port_linker import clock
from port_linker.doctor import checks, judge_quic
from port_linker.doctor.checks import Check, Stage
from port_linker.doctor.flow import FlowGauge
from port_linker.doctor.opening import LEASE_S, ReachOptions
from port_linker.doctor.probe import LinkProbe
from port_linker.errors import PortLinkerError
from port_linker.link import control, reports
from port_linker.link.faults import UNREACHABLE, SidecarFailed
from port_linker.link.find import Tunnel, find_executable, read_tunnel
from port_linker.link.interface import LinkKind
from port_linker.session.introduce import AttemptConfig, QuicAttempt
from port_linker.ssh.direct import find_direct_addresses
from port_linker.ssh.target import Target

PINGS = 5
PREPARE_S = 30.0  # the executable is 1.8 MB; at 1 Mbit/s it takes half of this
COUNT_S = 5.0

Tell = Callable[[Check], None]
Look = Callable[[], Awaitable[Check]]


class _NoQuic(Exception):
    """QUIC does not come about; args: the check that says why, the error behind it."""

    def __init__(self, check: Check, error: PortLinkerError) -> None:
        super().__init__(check.found)
        self.check, self.error = check, error


class QuicExamination:
    """The stages of QUIC, over the doctor's link to a target."""

    def __init__(self, probe: LinkProbe, target: Target, options: ReachOptions, add: Tell) -> None:
        self._probe, self._target, self._options = probe, target, options
        self._add = add
        self._seen: list[Stage] = []
        self._began_s = 0.0

    async def run(self) -> None:
        """Look at one after the other, as far as QUIC comes about."""
        if self._options.link == LinkKind.STDIO:
            self._tell(judge_quic.judge_unwanted())
        else:
            try:
                await self._examine()
            except _NoQuic as end:
                is_asked_for = self._options.link == LinkKind.QUIC
                failure = judge_quic.as_failure(end.check, end.error)
                self._tell(failure if is_asked_for else judge_quic.as_help(end.check))
        for check in judge_quic.skip_rest(self._seen):
            self._add(check)

    def _tell(self, check: Check) -> None:
        self._seen.append(check.stage)
        self._add(check)

    @property
    def _took_s(self) -> float:
        return clock.monotonic_s() - self._began_s

    async def _examine(self) -> None:
        tunnel = await self._find()
        first, last = self._options.udp_ports
        config = AttemptConfig(1, int(LEASE_S), first, last)
        self._began_s = clock.monotonic_s()
        try:
            attempt = self._probe.start_quic(tunnel, config)
        except SidecarFailed as error:
            raise self._not_there(error, is_final=False) from error
        try:
            await self._prepare(attempt)
            await self._reach(attempt)
            await self._measure(attempt)
        finally:
            await self._probe.stop_quic()

    # Up to the connection: what fails here ends it

    async def _find(self) -> Tunnel:
        self._began_s = clock.monotonic_s()
        try:
            tunnel = await asyncio.to_thread(read_tunnel, find_executable())
        except PortLinkerError as error:
            raise _NoQuic(judge_quic.judge_missing(error), error) from error
        self._tell(judge_quic.judge_here(tunnel.facts.size, self._took_s))
        return tunnel

    async def _prepare(self, attempt: QuicAttempt) -> None:
        try:
            async with asyncio.timeout(PREPARE_S):
                await attempt.prepare()
        except SidecarFailed as error:
            raise self._not_there(error, attempt.is_final) from error
        except TimeoutError as error:
            said = f"the sidecar was not there within {PREPARE_S:g} s"
            raise self._not_there(SidecarFailed("timeout", said), is_final=False) from error
        self._tell(judge_quic.judge_there(attempt.sent_bytes, attempt.target_port, self._took_s))

    def _not_there(self, error: SidecarFailed, is_final: bool) -> _NoQuic:
        ports = self._options.udp_ports
        return _NoQuic(judge_quic.judge_not_there(error, is_final, ports, self._took_s), error)

    async def _reach(self, attempt: QuicAttempt) -> None:
        direct = await find_direct_addresses(self._target, self._options.ssh_options)
        self._began_s = clock.monotonic_s()
        try:
            await attempt.reach(direct)
        except SidecarFailed as error:
            check = judge_quic.judge_broken(error.message, self._took_s)
            if error.fault == UNREACHABLE:
                asked, ports = attempt.addresses, self._options.udp_ports
                is_direct = bool(direct)
                check = judge_quic.judge_unreachable(asked, ports, is_direct, self._took_s)
            raise _NoQuic(check, error) from error
        self._tell(judge_quic.judge_path(attempt.address, self._took_s))

    # Figures: one that cannot be had is missing, no more

    async def _measure(self, attempt: QuicAttempt) -> None:
        gauge = FlowGauge(attempt)
        stages: tuple[tuple[Stage, Look], ...] = (
            (checks.QUIC_ROUND_TRIP, lambda: self._ping(gauge)),
            (checks.QUIC_DOWNLOAD, lambda: self._carry(checks.QUIC_DOWNLOAD, gauge)),
            (checks.QUIC_UPLOAD, lambda: self._carry(checks.QUIC_UPLOAD, gauge)),
            (checks.QUIC_LOSS, lambda: self._count(attempt)),
            (checks.QUIC_MTU, lambda: self._look_at_mtu(attempt)),
        )
        try:
            for stage, look in stages:
                self._began_s = clock.monotonic_s()
                try:
                    self._tell(await look())
                except (PortLinkerError, OSError, TimeoutError) as error:
                    reason = str(error) or "no answer in time"
                    self._tell(judge_quic.judge_unmeasured(stage, reason, self._took_s))
        finally:
            await gauge.close()

    async def _ping(self, gauge: FlowGauge) -> Check:
        await gauge.open()
        return judge_quic.judge_trip(await gauge.ping(PINGS))

    async def _carry(self, stage: Stage, gauge: FlowGauge) -> Check:
        carry = gauge.download if stage is checks.QUIC_DOWNLOAD else gauge.upload
        return judge_quic.judge_sample(stage, await carry(), self._took_s)

    async def _count(self, attempt: QuicAttempt) -> Check:
        here = await _read_connection(attempt)
        there = await attempt.counts.ask_count(COUNT_S)
        return judge_quic.judge_loss(here.sent_packets, here.lost_packets, there.sent, there.lost)

    async def _look_at_mtu(self, attempt: QuicAttempt) -> Check:
        return judge_quic.judge_mtu((await _read_connection(attempt)).mtu)


async def _read_connection(attempt: QuicAttempt) -> reports.ConnectionStats:
    stats = await attempt.sidecar.ask(control.AskStats(), reports.Stats)
    if stats.connection is None:
        raise SidecarFailed("not-connected", "the QUIC connection has ended")
    return stats.connection
