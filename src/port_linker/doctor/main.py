"""The doctor's order of things: open, ask, judge, tell; then leave nothing behind. I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from port_linker import clock
from port_linker.deploy.channel import AgentChannel
from port_linker.doctor import checks, judge
from port_linker.doctor.answers import Probed, parse_probed
from port_linker.doctor.checks import Check, Report, Stage, State, fail
from port_linker.doctor.opening import Opening, ReachOptions
from port_linker.doctor.probe import LinkProbe
from port_linker.doctor.quic import QuicExamination
from port_linker.errors import PortLinkerError, TargetError
from port_linker.ports.os.sockets import read_local_facts
from port_linker.protocol.messages import Facts, parse_facts
from port_linker.session.local import is_this_machine
from port_linker.ssh.target import Target

PINGS = 5
FIRST_BYTES = 16 << 10  # measured with this much first, then four times as much, and so on
MOST_BYTES = 4 << 20
ENOUGH_S = 0.25  # a measurement that took this long says enough
GOODBYE_S = 1.0

Tell = Callable[[Check], None]


@dataclass(frozen=True)
class Patience:
    """Seconds for each answer of the agent, and for each measurement of the link."""

    answer_s: float = 5.0
    rate_s: float = 4.0


async def examine(
    target: Target,
    options: ReachOptions,
    tell: Tell,
    show_line: Callable[[str], None] = lambda _line: None,
    patience: Patience = Patience(),
) -> Report:
    """Look at every stage of a target; return the report.

    tell: is called with each check as soon as it is known. show_line: with what ssh says.
    """
    report = Report(target.display, target.kind.value)

    def add(check: Check) -> None:
        report.checks.append(check)
        tell(check)

    channel = await Opening(add, show_line).open(target, options)
    if channel is not None:
        await _examine_agent(channel, target, options, add, patience)
    for check in report.missing():
        add(check)
    return report


async def _examine_agent(
    channel: AgentChannel, target: Target, options: ReachOptions, add: Tell, patience: Patience
) -> None:
    probe = LinkProbe(channel)
    try:
        if await _Examination(probe, add, patience, options.allow_self).run():
            await QuicExamination(probe, target, options, add).run()
        await probe.say_goodbye(GOODBYE_S)
    finally:
        await probe.close()
        await channel.close()


class _Examination:
    """The stages of a link that is there."""

    def __init__(self, probe: LinkProbe, add: Tell, patience: Patience, allow_self: bool) -> None:
        self._probe, self._add, self._patience = probe, add, patience
        self._allow_self = allow_self
        self._rtt_s = 0.0
        self._facts: Facts
        self._probed: Probed

    async def run(self) -> bool:
        """Look at one after the other, up to the first that fails; return whether none did."""
        local = read_local_facts()
        stages: tuple[tuple[Stage, Callable[[], Awaitable[Check]]], ...] = (
            (checks.LINK, self._open),
            (checks.DISCOVERY, self._discover),
            (checks.ROUND_TRIP, self._ping),
            (checks.DOWNLOAD, lambda: self._measure(checks.DOWNLOAD, self._probe.download)),
            (checks.UPLOAD, lambda: self._measure(checks.UPLOAD, self._probe.upload)),
            (checks.CLOCK, self._compare_clocks),
        )
        for stage, look in stages:
            began_s = clock.monotonic_s()
            try:
                self._add(await look())
            except PortLinkerError as error:
                self._add(fail(stage, error, clock.monotonic_s() - began_s))
                return False
        self._add(judge.judge_target_limits(self._probed))
        self._add(judge.judge_local_limits(local))
        self._add(judge.judge_ports(local, self._facts))
        return True

    async def _open(self) -> Check:
        began_s = clock.monotonic_s()
        await self._probe.open(self._patience.answer_s)
        took_s = clock.monotonic_s() - began_s
        return Check(checks.LINK, State.PASS, "frames go both ways over stdio", took_s)

    async def _discover(self) -> Check:
        began_s = clock.monotonic_s()
        self._facts = parse_facts(await self._probe.facts(self._patience.answer_s))
        self._probed = await self._ask()
        took_s = clock.monotonic_s() - began_s
        if is_this_machine(self._facts) and not self._allow_self:
            raise TargetError(
                "it is this machine: its services are on this localhost already",
                "name another machine, or try port-linker demo",
                "PL-TARGET-SELF",
            )
        return judge.judge_discovery(self._facts, self._probed, self._probe.services, took_s)

    async def _ask(self) -> Probed:
        return parse_probed(await self._probe.ask("probe", self._patience.answer_s))

    async def _ping(self) -> Check:
        samples_s = [await self._probe.ping(self._patience.answer_s) for _ in range(PINGS)]
        self._rtt_s = min(samples_s)
        return judge.judge_round_trip(samples_s)

    async def _measure(
        self, stage: Stage, carry: Callable[[int, float], Awaitable[float]]
    ) -> Check:
        began_s = clock.monotonic_s()
        size = FIRST_BYTES
        while True:
            took_s = await self._carry(carry, size)
            if took_s is None:
                return judge.judge_stalled(stage, size, self._patience.rate_s)
            net_s = took_s - self._rtt_s
            if net_s >= ENOUGH_S or size >= MOST_BYTES:
                return judge.judge_rate(stage, size, net_s, clock.monotonic_s() - began_s)
            size *= 4

    async def _carry(
        self, carry: Callable[[int, float], Awaitable[float]], size: int
    ) -> float | None:
        """Return the seconds, None if they were too many."""
        try:
            return await carry(size, self._patience.rate_s)
        except PortLinkerError as error:
            if error.code == "PL-TARGET-TIMEOUT":
                return None
            raise

    async def _compare_clocks(self) -> Check:
        began_s = clock.wall_s()
        probed = await self._ask()
        ended_s = clock.wall_s()
        return judge.judge_clock(probed.wall_s - (began_s + ended_s) / 2, (ended_s - began_s) / 2)
