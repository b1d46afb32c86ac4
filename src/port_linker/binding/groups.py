"""Where every service would be bound if there were room for all. Pure.

A group is all services that want one local port of one protocol. Groups do not see each other but
in one place (claims.py): a guest, which cannot have its number, must find a port nobody claims,
and moves on when the owner of that number comes. So a change costs the size of its group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from port_linker.binding.claims import Claims
from port_linker.binding.defaults import Defaults, Skip, owner_name
from port_linker.binding.facts import (
    LOOPBACK,
    BindOptions,
    Local,
    LocalFacts,
    OnConflict,
    Outcome,
    TargetFacts,
    Verdict,
)
from port_linker.binding.families import Candidate, plan_families
from port_linker.binding.rules import PortMap, find_map
from port_linker.model import Proto, Service, ServiceId

Group = tuple[Proto, int]  # protocol and the local port that is wanted
Winners = Mapping[int, ServiceId]  # by local family


@dataclass
class _Member:
    service: Service
    port: int  # the local port that it wants
    map: PortMap | None
    is_present: bool = True
    is_allowed: bool = False  # by a person's answer
    is_moved: bool = False  # to another port, after a conflict
    shape: Verdict | None = None

    @property
    def group(self) -> Group:
        return self.service.id.proto, self.port


class Groups:
    """Takes services and facts, returns the shapes (verdicts without the limit) that changed."""

    def __init__(
        self, options: BindOptions, local: LocalFacts, remembered: Mapping[str, int]
    ) -> None:
        self.claims = Claims(local, remembered)
        self._options = options
        self._local = local
        self._defaults = Defaults(options, local, TargetFacts())
        self._members: dict[ServiceId, _Member] = {}
        self._groups: dict[Group, dict[ServiceId, _Member]] = {}
        self._owners: dict[Group, dict[int, str]] = {}  # who has had the port: uid -> name
        self._denied: set[Group] = set()
        self._dirty: dict[Group, None] = {}
        self._changed: dict[ServiceId, Verdict] = {}

    def set_target(self, target: TargetFacts) -> None:
        """Take over what a target says about itself; ports that were busy may be free now."""
        self.claims.forget_busy()
        if target != self._defaults.target:
            self._defaults = replace(self._defaults, target=target)
            self._dirty.update(dict.fromkeys(self._groups))

    def put(self, service: Service, is_present: bool = True) -> None:
        """Add a service, or replace what is known of it. is_present: not in its grace."""
        member = self._members.get(service.id)
        if member is None:
            rule = find_map(self._options.maps, service.id)
            port = service.id.port if rule is None else rule.local
            member = self._members[service.id] = _Member(service, port, rule)
            self._groups.setdefault(member.group, {})[service.id] = member
        member.service, member.is_present = service, is_present
        self._dirty[member.group] = None

    def drop(self, id_: ServiceId) -> None:
        """Forget a service."""
        member = self._members.pop(id_, None)
        if member is None:
            return
        del self._groups[member.group][id_]
        self.claims.release(id_)
        self._changed.pop(id_, None)
        self._dirty[member.group] = None

    def allow(self, id_: ServiceId) -> None:
        """Let a service through the rule of the ephemeral range: a person said so."""
        self._members[id_].is_allowed = True
        self._dirty[self._members[id_].group] = None

    def move(self, id_: ServiceId) -> None:
        """Give a service another port than the one it wants."""
        self._members[id_].is_moved = True
        self._dirty[self._members[id_].group] = None

    def deny(self, id_: ServiceId) -> None:
        """Note that the system refused the wanted port for want of privilege."""
        group = self._members[id_].group
        self._denied.add(group)
        self._dirty[group] = None

    def mark_busy(self, id_: ServiceId, local: Local) -> None:
        """Note that a stand-in port is held here; the next one is tried."""
        self.claims.mark_busy(id_, local)
        self._dirty[self._members[id_].group] = None

    def has_other_owner(self, id_: ServiceId) -> bool:
        """Whether another user's service wants the same port now."""
        member = self._members[id_]
        rivals = self._groups[member.group].values()
        return any(rival.service.uid != member.service.uid for rival in rivals)

    def reshape(self) -> dict[ServiceId, Verdict]:
        """Return the shapes that changed since the last call."""
        dirty, self._dirty = self._dirty, {}
        for group in dirty:
            self._plan_group(group)
        for id_, locals_ in self.claims.settle_guests():
            self._shape_guest(self._members[id_], locals_)
        changed, self._changed = self._changed, {}
        return changed

    def _plan_group(self, group: Group) -> None:
        members = self._groups[group]
        if not members:
            del self._groups[group]
            return
        skips = {id_: self._explain_skip(member) for id_, member in members.items()}
        winners = self._place(group, [members[id_] for id_, skip in skips.items() if skip is None])
        for id_, skip in skips.items():
            if skip is not None:
                self._shape_skipped(members[id_], skip, winners)

    def _explain_skip(self, member: _Member, knows_owners: bool = True) -> Skip | None:
        owners = self._owners.get(member.group, {}) if knows_owners else {}
        return self._defaults.explain_skip(member.service, member.port, owners, member.is_allowed)

    def _place(self, group: Group, members: list[_Member]) -> Winners:
        rivals = [
            Candidate(member.service.id, member.map is not None, member.is_present)
            for member in members
            if not member.is_moved
        ]
        winners = plan_families(rivals, self._local.families)
        for member in members:
            self.claims.release(member.service.id, keep_guest=True)
        for member in members:
            won = tuple(family for family, id_ in winners.items() if id_ == member.service.id)
            if won or member.is_moved:
                self._owners.setdefault(group, {})[member.service.uid] = owner_name(member.service)
            if self._needs_other_port(member, bool(won)):
                self.claims.invite(member.service.id, member.port, won or self._local.families)
            elif won:
                self._shape_winner(member, won)
            else:
                self._shape_loser(member, winners)
        return winners

    def _needs_other_port(self, member: _Member, has_won: bool) -> bool:
        if has_won:
            return self._is_denied(member.group)
        return member.is_moved or self._options.on_conflict is OnConflict.REMAP

    def _is_denied(self, group: Group) -> bool:
        return self._local.needs_privilege(group[1]) or group in self._denied

    def _shape_skipped(self, member: _Member, skip: Skip | None, winners: Winners) -> None:
        if skip is not None and skip.is_owner_change and winners:
            # Beside an owner of the port he has taken nothing over: he came second.
            skip = self._explain_skip(member, knows_owners=False)
        if skip is None:
            self._shape_loser(member, winners)
            return
        self.claims.release(member.service.id)
        shape = Verdict(Outcome.SKIPPED, reason=skip.reason, is_askable=skip.is_askable)
        self._shape(member, shape)

    def _shape_winner(self, member: _Member, won: tuple[int, ...]) -> None:
        locals_ = tuple(Local(family, LOOPBACK[family], member.port) for family in won)
        self.claims.claim(member.service.id, locals_)
        reason = None if member.map is None else f"moved by --map {member.map.word}"
        self._shape(member, Verdict(Outcome.BIND, locals_, reason))

    def _shape_loser(self, member: _Member, winners: Winners) -> None:
        id_ = member.service.id
        self.claims.release(id_)
        winner = winners.get(id_.family) or next(iter(winners.values()), None)
        reason = "this machine has no loopback address"
        if winner is not None:
            reason = (
                f"{winner.endpoint} of the target has port {member.port} here; "
                "--on-conflict remap gives this one a port of its own"
            )
        self._shape(member, Verdict(Outcome.LOST, reason=reason))

    def _shape_guest(self, member: _Member, locals_: tuple[Local, ...]) -> None:
        if not locals_:
            reason = f"port {member.port} cannot be had here, nor any that could stand in for it"
            self._shape(member, Verdict(Outcome.LOST, reason=reason))
            return
        why = "needs privilege" if self._is_denied(member.group) else "is taken"
        reason = f"port {member.port} {why} here, {locals_[0].port} stands in"
        self._shape(member, Verdict(Outcome.BIND, locals_, reason, is_remapped=True))

    def _shape(self, member: _Member, shape: Verdict) -> None:
        if shape != member.shape:
            member.shape = self._changed[member.service.id] = shape
