"""A host in memory for the binding machine: it binds, refuses, kills and keeps what was said."""

from __future__ import annotations

import errno as errnos
from collections import deque
from typing import Any

from port_linker.model import Proto, Service, ServiceId, parse_service_key
from port_linker.ports import commands as cmd
from port_linker.ports import events as ev
from port_linker.ports.machine import PortMachine
from port_linker.ports.policy import OnConflict, Policy
from port_linker.ports.rules import parse_maps, parse_rules
from port_linker.ports.types import (
    HELD_BACK,
    NO_FAMILY,
    Local,
    LocalFacts,
    PortHolder,
    ServiceState,
    TargetFacts,
)

ALICE, BOB = 1000, 1001
TARGET = TargetFacts(login_uid=ALICE, ephemeral=(32768, 60999), ssh_port=2222)
FACTS = LocalFacts(unprivileged_start=1024, is_privileged=True)
NODE = PortHolder(pid=71, command="node", uid=ALICE, start_ticks=5, is_ours=True)


def service(key: str, uid: int = ALICE, **more: Any) -> Service:
    """Return the service of "tcp/127.0.0.1:80", or of "127.0.0.1:80" for TCP."""
    text = key if "/" in key else f"tcp/{key}"
    more.setdefault("user", {ALICE: "alice", BOB: "bob"}.get(uid))
    return Service(parse_service_key(text), uid, **more)


def options(mode: str = "ask", interactive: bool = False, **words: str | bool) -> Policy:
    """Return options from words as on the command line: only="80,443", all_users=True."""
    rules: dict[str, Any] = {
        name: parse_rules([str(words.get(name))], f"--{name}") for name in words if name in RULES
    }
    return Policy(
        **rules,
        maps=parse_maps([str(words["map"])]) if "map" in words else (),
        all_users=bool(words.get("all_users")),
        hold=bool(words.get("hold")),
        on_conflict=OnConflict(mode),
        is_interactive=interactive,
    )


RULES = ("only", "skip", "allow")


class FakeHost:
    """Carries commands out as the runner would, and checks that they make sense."""

    def __init__(self, machine: PortMachine, up: bool = True) -> None:
        self.machine = machine
        self.busy: dict[tuple[Proto, Local], PortHolder | None] = {}
        self.errno: dict[tuple[Proto, Local], int] = {}
        self.room: int | None = None  # sockets that the system gives
        self.sockets: dict[tuple[Proto, Local], ServiceId] = {}
        self.held: dict[ServiceId, float] = {}
        self.questions: dict[str, cmd.PortQuestion] = {}
        self.states: dict[ServiceId, cmd.ReportService] = {}
        self.log: list[cmd.Command] = []
        self.remaps: dict[str, int] = {}
        self.wake_at: float | None = None
        if up:
            self.feed(ev.LinkUp(TARGET))

    def feed(self, event: ev.Event, now: float = 0.0) -> list[cmd.Command]:
        """Feed one event and what follows from it; return all commands, in order."""
        queue = deque([event])
        done: list[cmd.Command] = []
        while queue:
            for command in self.machine.handle(queue.popleft(), now):
                done.append(command)
                queue.extend(self._carry_out(command))
            if not queue and self.wake_at is not None and self.wake_at <= now:
                self.wake_at = None  # there was more to do than one call does
                queue.append(ev.Ticked())
        self.log += done
        return done

    def appear(self, *services: Service, now: float = 0.0) -> list[cmd.Command]:
        return self.feed(ev.ServicesChanged(appeared=services), now)

    def vanish(self, *keys: str, now: float = 0.0) -> list[cmd.Command]:
        ids = tuple(service(key).id for key in keys)
        return self.feed(ev.ServicesChanged(vanished=ids), now)

    def tick_until(self, end: float) -> list[cmd.Command]:
        """Let time pass as the machine asks for it."""
        done: list[cmd.Command] = []
        while self.wake_at is not None and self.wake_at <= end:
            now, self.wake_at = self.wake_at, None
            done += self.feed(ev.Ticked(), now)
        return done

    def hold_port(self, port: int, holder: PortHolder | None = NODE, families: str = "46") -> None:
        """Let another process hold a TCP port of this machine."""
        for local in locals_of(port, families):
            self.busy[Proto.TCP, local] = holder

    def free_port(self, port: int, families: str = "46") -> None:
        for local in locals_of(port, families):
            self.busy.pop((Proto.TCP, local), None)

    def shown(self, key: str) -> tuple[str, tuple[str, ...], str | None]:
        """Return state, local addresses and reason as last reported."""
        report = self.states[service(key).id]
        return report.state.value, report.local, report.reason

    def state(self, key: str) -> str:
        return self.shown(key)[0]

    def reason(self, key: str) -> str:
        return self.shown(key)[2] or ""

    def _carry_out(self, command: cmd.Command) -> list[ev.Event]:
        action = getattr(self, f"_do_{type(command).__name__}")
        answer: list[ev.Event] | None = action(command)
        return answer or []

    def _do_BindService(self, command: cmd.BindService) -> list[ev.Event]:  # noqa: N802
        events = [self._bind(command.service, local) for local in command.locals]
        if not any(isinstance(one, ev.BindFailed) and one.errno not in NO_FAMILY for one in events):
            return events
        return [self._hold_back(one) for one in events]  # as sockets.bind_together does

    def _hold_back(self, event: ev.Event) -> ev.Event:
        if not isinstance(event, ev.BindDone):
            return event
        del self.sockets[event.service.proto, event.local]
        return ev.BindFailed(event.service, event.local, HELD_BACK)

    def _bind(self, id_: ServiceId, local: Local) -> ev.Event:
        key = (id_.proto, local)
        assert local.address in ("127.0.0.1", "::1")
        assert key not in self.sockets, f"{local.text} is given away twice"
        if key in self.errno:
            return ev.BindFailed(id_, local, self.errno[key])
        if key in self.busy:
            return ev.BindFailed(id_, local, errnos.EADDRINUSE, self.busy[key])
        if self.room is not None and len(self.sockets) >= self.room:
            return ev.BindFailed(id_, local, errnos.EMFILE)
        self.sockets[key] = id_
        return ev.BindDone(id_, local)

    def _do_ReleaseService(self, command: cmd.ReleaseService) -> None:  # noqa: N802
        for local in command.locals:
            assert self.sockets.pop((command.service.proto, local)) == command.service

    def _do_HoldService(self, command: cmd.HoldService) -> None:  # noqa: N802
        self.held[command.service] = command.deadline_s

    def _do_UnholdService(self, command: cmd.UnholdService) -> None:  # noqa: N802
        del self.held[command.service]

    def _do_AskUser(self, command: cmd.AskUser) -> None:  # noqa: N802
        assert command.question.id not in self.questions
        self.questions[command.question.id] = command.question

    def _do_WithdrawQuestion(self, command: cmd.WithdrawQuestion) -> None:  # noqa: N802
        del self.questions[command.question]

    def _do_ReportService(self, command: cmd.ReportService) -> None:  # noqa: N802
        id_ = command.service.id
        assert self.states.get(id_) != command, "a report that is no news"
        self.states[id_] = command
        if command.state is not ServiceState.READY and command.state is not ServiceState.GONE:
            assert command.reason, f"{command} gives no reason"

    def _do_SaveRemaps(self, command: cmd.SaveRemaps) -> None:  # noqa: N802
        self.remaps = dict(command.remaps)

    def _do_WakeAt(self, command: cmd.WakeAt) -> None:  # noqa: N802
        self.wake_at = command.at

    def _do_ResetFlows(self, command: cmd.ResetFlows) -> None:  # noqa: N802
        pass

    def _do_KillHolder(self, command: cmd.KillHolder) -> None:  # noqa: N802
        pass

    def _do_ReportConflict(self, command: cmd.ReportConflict) -> None:  # noqa: N802
        pass

    def answer(self, choice: str, now: float = 0.0) -> list[cmd.Command]:
        """Answer the one question that is open."""
        (name,) = self.questions
        del self.questions[name]
        return self.feed(ev.Answered(name, choice), now)


def locals_of(port: int, families: str = "46") -> list[Local]:
    both = {"4": Local(4, "127.0.0.1", port), "6": Local(6, "::1", port)}
    return [both[family] for family in families]


def host(
    opts: Policy | None = None,
    facts: LocalFacts = FACTS,
    remembered: dict[str, int] | None = None,
    up: bool = True,
) -> FakeHost:
    return FakeHost(PortMachine(opts or options(), facts, remembered), up)


def of_type(commands: list[cmd.Command], *kinds: type[Any]) -> list[Any]:
    return [command for command in commands if isinstance(command, kinds)]
