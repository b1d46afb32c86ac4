"""The steps of the demo after its target is there, each with its end in time. I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from port_linker import clock
from port_linker.demo import probes, steps
from port_linker.demo.board import Board
from port_linker.demo.helper import TargetProcess
from port_linker.demo.steps import DemoEvent, DemoFault, Step, StepFailed
from port_linker.model import parse_endpoint
from port_linker.session.events import LinkState, ServiceEvent

TCP_DATA = bytes(range(256)) * 128  # 32 KiB: several segments, and every byte value
UDP_DATA = bytes(range(256)) * 4

Tell = Callable[[DemoEvent], None]


class Play:
    """Carries steps out one by one and tells of each.

    current: the step that is being played, None after the last one.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.current: Step | None = steps.TARGET

    async def play(self, step: Step, action: Callable[[], Awaitable[str]]) -> None:
        """Carry one step out; action returns its sentence. Raises StepFailed."""
        self.current = step
        began_s = clock.monotonic_s()
        try:
            async with asyncio.timeout(step.limit_s):
                text = await action()
        except TimeoutError as error:
            raise self.fail(f"it took more than {step.limit_s:g} s") from error
        except DemoFault as error:
            raise self.fail(str(error)) from error
        except OSError as error:
            raise self.fail(error.strerror or str(error)) from error
        self._report(step, True, text, (clock.monotonic_s() - began_s) * 1000)

    def fail(self, why: str, hint: str | None = None) -> StepFailed:
        """Tell that the current step failed; return the error to raise."""
        step = self.current or steps.STOP
        failed = StepFailed(step, why, hint)
        self._report(step, False, f"Failed ({step.title}): {why}", 0.0)
        return failed

    def _report(self, step: Step, ok: bool, text: str, took_ms: float) -> None:
        now = clock.wall_s()
        self._tell(DemoEvent(now, steps.TARGET_NAME, step, ok, text, round(took_ms, 2)))


class SessionSteps:
    """Steps 2 to 8, on a session that has begun."""

    def __init__(self, board: Board, target: TargetProcess) -> None:
        self._board, self._target = board, target
        self._ports = target.ports
        self._began_s = clock.monotonic_s()

    async def play_all(self, play: Play) -> None:
        """Play them in their order. Raises StepFailed at the first that does not work."""
        for step, action in (
            (steps.SESSION, self._begin),
            (steps.WEB, self._get_page),
            (steps.TCP, self._echo_tcp),
            (steps.UDP, self._echo_udp),
            (steps.LATE, self._start_late),
            (steps.STOP, self._stop_late),
            (steps.QUIC, self._use_quic),
        ):
            await play.play(step, action)
        play.current = None

    async def _begin(self) -> str:
        await self._board.wait_up()
        for proto, name in (("tcp", "web"), ("tcp", "tcp"), ("udp", "udp")):
            await self._board.wait_ready(proto, self._ports[name])
        return steps.describe_session(clock.monotonic_s() - self._began_s)

    async def _get_page(self) -> str:
        page = await probes.get_page(await self._address("tcp", "web"))
        return steps.describe_page(self._ports["web"], page.status, page.size_bytes, page.took_ms)

    async def _echo_tcp(self) -> str:
        took_ms = await probes.echo_tcp(await self._address("tcp", "tcp"), TCP_DATA)
        return steps.describe_echo("TCP", self._ports["tcp"], len(TCP_DATA), took_ms)

    async def _echo_udp(self) -> str:
        took_ms = await probes.echo_udp(await self._address("udp", "udp"), UDP_DATA)
        return steps.describe_echo("UDP", self._ports["udp"], len(UDP_DATA), took_ms)

    async def _start_late(self) -> str:
        listening_s = await self._target.start("late")
        await probes.read_greeting(await self._address("tcp", "late"))
        took_ms = (clock.monotonic_s() - listening_s) * 1000
        return steps.describe_late(self._ports["late"], took_ms)

    async def _stop_late(self) -> str:
        address = await self._address("tcp", "late")
        closed_s = await self._target.stop("late")
        await self._board.wait_gone("tcp", self._ports["late"])
        await probes.check_refused(address)
        took_ms = (clock.monotonic_s() - closed_s) * 1000
        return steps.describe_stop(self._ports["late"], took_ms)

    async def _use_quic(self) -> str:
        link = await self._board.wait_quic()
        if link.state is not LinkState.UP:
            return steps.describe_quic(False, link.reason, 0.0)
        took_ms = await probes.echo_tcp(await self._address("tcp", "tcp"), b"x")
        return steps.describe_quic(True, None, took_ms)

    async def _address(self, proto: str, name: str) -> tuple[str, int]:
        """Return where the service is bound here, once it is."""
        return local_address(await self._board.wait_ready(proto, self._ports[name]))


def local_address(event: ServiceEvent) -> tuple[str, int]:
    """Return the first address here. Raises DemoFault if its port is another one."""
    if not event.local:
        raise DemoFault(f"{event.port}/{event.proto} has no address here")
    host, port = parse_endpoint(event.local[0])
    if port != event.port:
        raise DemoFault(f"{event.port}/{event.proto} has another port here, {port}")
    return host, port
