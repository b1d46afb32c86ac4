"""Decide whether a service is mirrored: the options, the rules by default, and answers. Pure.

Order: --skip, --only, a changed owner, the default mutes, other people, the ephemeral range of
this machine. --allow lifts all of them but --skip and --only. A single port named in --only or
--map is an explicit wish: it lifts the rule of the ephemeral range, and that rule alone.

A person's answer (ALLOW, REMAP, SKIP) holds for the session. It belongs to a port of the target,
the owner's uid, the program's name and the container, never to a process, so it outlives every
restart. Where the target does not show us the program, or not yet, the other three decide.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from port_linker.cause import NOT_NAMED, PLACEMENT
from port_linker.model import Proto, Service
from port_linker.ports.rules import PortMap, Rule, find_map, find_rule
from port_linker.ports.types import LocalFacts, TargetFacts
from port_linker.scan.owners import is_other_person

KILL, REMAP, SKIP, ALLOW = "kill", "remap", "skip", "allow"  # what a person may choose

MUTED_UDP = {
    53: "DNS of the target itself",
    67: "DHCP of the target itself",
    68: "DHCP of the target itself",
    123: "the target's clock (NTP)",
    323: "the target's clock (chrony)",
    5353: "multicast DNS of the target's own network",
    5355: "LLMNR of the target's own network",
}
STUB_RESOLVERS = ("127.0.0.53", "127.0.0.54")  # systemd-resolved
OWN_NAMES = ("port-linker", "port-linker-tunnel", "port-linker-tun")  # the kernel cuts at 15
MAX_PORTS = 20_000  # with a known owner, as many as services; the oldest are forgotten
MAX_OWNERS = 8  # of one port, the newest
MAX_NAME_CHARS = 64
MAX_ANSWERS = 4096  # ports with an answer; the oldest are forgotten
MAX_PROGRAMS = 16  # of one port

OwnedPort = tuple[Proto, int]
AnsweredPort = tuple[Proto, int, int]  # protocol, port on the target, uid
Program = tuple[str | None, str | None]  # process, container
UNSEEN: Program = (None, None)


class OnConflict(enum.StrEnum):
    """What happens when a port is held on this machine."""

    ASK = "ask"
    KILL = "kill"
    REMAP = "remap"
    SKIP = "skip"


@dataclass(frozen=True)
class Policy:
    """What the command line orders about ports.

    is_interactive: whether a person can be asked. hold: ports stay bound until the session ends.
    outage_hold_s: how long a new connection waits for the link.
    """

    only: tuple[Rule, ...] = ()
    skip: tuple[Rule, ...] = ()
    allow: tuple[Rule, ...] = ()
    maps: tuple[PortMap, ...] = ()
    all_users: bool = False
    on_conflict: OnConflict = OnConflict.ASK
    is_interactive: bool = False
    hold: bool = False
    outage_hold_s: float = 10.0


@dataclass(frozen=True)
class Skip:
    """Why a service is left out.

    is_askable: a person may be asked to let it in. is_owner_change: the port had another owner.
    """

    reason: str
    is_askable: bool = False
    is_owner_change: bool = False
    code: str = PLACEMENT


Owners = Mapping[int, str]  # uid -> name of the owners of one port in this session


@dataclass(frozen=True)
class SkipRules:
    """The rules that leave a service out, and what they depend on."""

    policy: Policy
    local: LocalFacts
    target: TargetFacts

    def explain_skip(
        self, service: Service, port: int, owners: Owners, allowed: bool
    ) -> Skip | None:
        """Return why the service is left out, or None.

        port: the local port it would get. owners: who has had it. allowed: by a person's answer.
        """
        asked_out = self._skip_by_rule(service)
        if asked_out is not None:
            return asked_out
        if find_rule(self.policy.allow, service) is not None:
            return None
        return self._skip_by_default(service, port, owners, allowed)

    def _skip_by_default(
        self, service: Service, port: int, owners: Owners, allowed: bool
    ) -> Skip | None:
        hint = f"; --allow {service.id.port} mirrors it"
        change = self._skip_changed_owner(service, owners)
        if change is not None:
            return Skip(change + hint, is_owner_change=True)
        reason = self._skip_muted(service) or self._skip_other_people(service)
        if reason is not None:
            return Skip(reason + hint)
        return None if allowed else self._skip_ephemeral(service, port)

    def _skip_by_rule(self, service: Service) -> Skip | None:
        rule = find_rule(self.policy.skip, service)
        if rule is not None:
            return Skip(f"left out by --skip {rule.word}")
        if self.policy.only and find_rule(self.policy.only, service) is None:
            only = ",".join(rule.word for rule in self.policy.only)
            return Skip(f"not named in --only {only}", code=NOT_NAMED)
        return None

    def _skip_changed_owner(self, service: Service, owners: Owners) -> str | None:
        if not owners or service.uid in owners:
            return None
        if not is_other_person(service, self.target.login_uid):
            return None
        before = list(owners.values())[-1]
        return f"owner changed from {before} to {owner_name(service)}"

    def _skip_muted(self, service: Service) -> str | None:
        id_ = service.id
        if service.process in OWN_NAMES:
            return "a socket of port-linker itself"
        if id_.proto is Proto.TCP:
            return self._skip_muted_tcp(service)
        if id_.port in MUTED_UDP:
            return MUTED_UDP[id_.port]
        low, high = self.target.ephemeral
        if id_.is_wildcard and low <= id_.port <= high:
            return f"a passing UDP socket in the target's ephemeral range ({low}-{high})"
        return None

    def _skip_muted_tcp(self, service: Service) -> str | None:
        id_ = service.id
        if id_.port == self.target.ssh_port:
            return "the port that ssh came in on"
        if id_.port == 22:
            return "ssh of the target itself"
        if id_.port == 53 and id_.host in STUB_RESOLVERS:
            return MUTED_UDP[53]
        return None

    def _skip_other_people(self, service: Service) -> str | None:
        if self.policy.all_users or not is_other_person(service, self.target.login_uid):
            return None
        return f"belongs to {owner_name(service)}, who is neither you nor the system"

    def _skip_ephemeral(self, service: Service, port: int) -> Skip | None:
        low, high = self.local.ephemeral
        if not low <= port <= high or self._is_wished(service):
            return None
        is_callback = (
            service.id.proto is Proto.TCP
            and service.id.is_loopback
            and service.uid == self.target.login_uid
        )
        reason = (
            f"port {port} is in this machine's ephemeral range ({low}-{high}); "
            f"--allow {service.id.port} lets it through"
        )
        return Skip(reason, is_askable=is_callback)

    def _is_wished(self, service: Service) -> bool:
        if find_map(self.policy.maps, service.id) is not None:
            return True
        return any(rule.is_exact and rule.matches(service) for rule in self.policy.only)


def owner_name(service: Service) -> str:
    """Return the name of a service's owner if it is known, else the number."""
    return service.user or f"uid {service.uid}"


class PortOwners:
    """Keep the owners, uid and name, of each port that a service was given in this session."""

    def __init__(self) -> None:
        self._owners: dict[OwnedPort, dict[int, str]] = {}

    def of(self, port: OwnedPort) -> Mapping[int, str]:
        """Return the owners that a port has had, the latest last."""
        return self._owners.get(port, {})

    def note(self, port: OwnedPort, service: Service) -> None:
        """Keep the owner of the service that has the port now."""
        owners = self._owners.setdefault(port, {})
        owners[service.uid] = owner_name(service)[:MAX_NAME_CHARS]
        if len(owners) > MAX_OWNERS:
            del owners[next(iter(owners))]
        if len(self._owners) > MAX_PORTS:
            del self._owners[next(iter(self._owners))]


class Answers:
    """Keep the choices that hold."""

    def __init__(self) -> None:
        self._choices: OrderedDict[AnsweredPort, dict[Program, str]] = OrderedDict()

    def put(self, service: Service, choice: str) -> None:
        """Keep an answer; it replaces an older one."""
        port, program = _name(service)
        choices = self._choices.setdefault(port, {})
        choices.pop(program, None)
        choices[program] = choice
        if len(choices) > MAX_PROGRAMS:
            del choices[next(iter(choices))]
        if len(self._choices) > MAX_ANSWERS:
            self._choices.popitem(last=False)

    def of(self, service: Service) -> str | None:
        """Return the answer that holds for a service, None if there is none."""
        if not self._choices:
            return None  # the usual case, and the plan asks about every service
        port, program = _name(service)
        choices = self._choices.get(port, {})
        match = _match(choices, program)
        return None if match is None else choices[match]

    def take_back(self, service: Service) -> bool:
        """Forget the answer that holds for a service; return whether there was one."""
        port, program = _name(service)
        choices = self._choices.get(port, {})
        match = _match(choices, program)
        if match is None:
            return False
        del choices[match]
        if not choices:
            del self._choices[port]
        return True


def _name(service: Service) -> tuple[AnsweredPort, Program]:
    id_ = service.id
    return (id_.proto, id_.port, service.uid), (service.process, service.container)


def _match(choices: dict[Program, str], program: Program) -> Program | None:
    if program in choices:
        return program
    if program == UNSEEN:
        return next(reversed(choices), None)
    return UNSEEN if UNSEEN in choices else None
