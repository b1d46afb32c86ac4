"""Place every service on local addresses, as if there were capacity for all. Pure.

A group is all services that want one local port of one protocol (rivals.py). Groups affect each
other in one place only (allocation.py): a guest, which cannot have its number, must find a port
that nobody claims, and moves on when a service comes that wants that number. So a change costs the
size of its group.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

from port_linker.cause import SKIPPED_BY_YOU, Cause, explain
from port_linker.model import Service, ServiceId
from port_linker.ports.allocation import Allocation
from port_linker.ports.policy import (
    ALLOW,
    REMAP,
    SKIP,
    Answers,
    OnConflict,
    Policy,
    PortOwners,
    Skip,
    SkipRules,
)
from port_linker.ports.rivals import (
    Group,
    Member,
    Winners,
    place_guest,
    place_loser,
    place_winner,
    plan_families,
)
from port_linker.ports.rules import PortMap, find_map
from port_linker.ports.services import MAX_SOCKETS
from port_linker.ports.types import Local, LocalFacts, Outcome, Placement, TargetFacts


class Placements:
    """Keep the placement of every service up to date, change by change.

    remembered: ports that stood in last time, by service key.
    """

    def __init__(self, policy: Policy, local: LocalFacts, remembered: Mapping[str, int]) -> None:
        self._allocation = Allocation(local, remembered)
        self._policy = policy
        self._local = local
        self._rules = SkipRules(policy, local, TargetFacts())
        self._members: dict[ServiceId, Member] = {}
        self._groups: dict[Group, dict[ServiceId, Member]] = {}
        self._answers = Answers()
        self._owners = PortOwners()
        self._denied: set[Group] = set()
        self._dirty: dict[Group, None] = {}
        self._changed: dict[ServiceId, Placement] = {}

    def set_target(self, target: TargetFacts) -> None:
        """Apply what a target reports about itself; ports that were busy may be free now."""
        self._allocation.forget_busy()
        if target != self._rules.target:
            self._rules = replace(self._rules, target=target)
            self._dirty.update(dict.fromkeys(self._groups))

    def set_policy(self, policy: Policy) -> None:
        """Place every service by another policy."""
        self._policy = policy
        self._rules = replace(self._rules, policy=policy)
        for member in self._members.values():
            rule = find_map(policy.maps, member.service.id)
            if rule != member.map:
                self._regroup(member, rule)
        self._dirty.update(dict.fromkeys(self._groups))

    def _regroup(self, member: Member, rule: PortMap | None) -> None:
        id_ = member.service.id
        del self._groups[member.group][id_]
        self._dirty[member.group] = None
        self._allocation.release(id_)
        member.map, member.port = rule, id_.port if rule is None else rule.local
        self._groups.setdefault(member.group, {})[id_] = member

    def put(self, service: Service, is_present: bool = True) -> None:
        """Add a service, or replace what is known of it. is_present: not in its grace."""
        member = self._members.get(service.id)
        if member is None:
            rule = find_map(self._policy.maps, service.id)
            port = service.id.port if rule is None else rule.local
            member = self._members[service.id] = Member(service, port, rule)
            self._groups.setdefault(member.group, {})[service.id] = member
        member.service, member.is_present = service, is_present
        self._dirty[member.group] = None

    def drop(self, id_: ServiceId) -> None:
        """Forget a service."""
        member = self._members.pop(id_, None)
        if member is None:
            return
        del self._groups[member.group][id_]
        self._allocation.release(id_)
        self._changed.pop(id_, None)
        self._dirty[member.group] = None

    def answer(self, id_: ServiceId, choice: str) -> None:
        """Apply what a person chose for a service: ALLOW, REMAP or SKIP, for the session."""
        member = self._members[id_]
        self._answers.put(member.service, choice)
        self._dirty[member.group] = None

    def has_answer(self, id_: ServiceId) -> bool:
        """Return whether something was chosen for a service, this time or last."""
        member = self._members[id_]
        was_asked = self._policy.on_conflict is OnConflict.ASK and member.is_moved
        return was_asked or self._answers.of(member.service) is not None

    def take_back(self, id_: ServiceId) -> bool:
        """Forget what was chosen for a service; return whether there was something."""
        if not self.has_answer(id_):
            return False
        member = self._members[id_]
        self._answers.take_back(member.service)
        self._allocation.forget(id_)
        member.is_moved = False
        self._dirty[member.group] = None
        return True

    def move(self, id_: ServiceId) -> None:
        """Give a service another port than the one it wants."""
        self._members[id_].is_moved = True
        self._dirty[self._members[id_].group] = None

    def deny(self, id_: ServiceId) -> None:
        """Move a service whose wanted port the system refuses for want of privilege."""
        group = self._members[id_].group
        self._denied.add(group)
        self._dirty[group] = None

    def mark_busy(self, id_: ServiceId, local: Local) -> None:
        """Move a guest whose stand-in port is held here to the next one."""
        self._allocation.mark_busy(id_, local)
        self._dirty[self._members[id_].group] = None

    def has_other_owner(self, id_: ServiceId) -> bool:
        """Return whether another user's service wants the same port now."""
        member = self._members[id_]
        rivals = self._groups[member.group].values()
        return any(rival.service.uid != member.service.uid for rival in rivals)

    def remembers(self, id_: ServiceId) -> bool:
        """Return whether another port stood in for this service before."""
        return self._allocation.remembers(id_)

    def take_remembered(self) -> dict[str, int] | None:
        """Return the ports that stand in, by service key, if they changed since the last call."""
        return self._allocation.take_remembered()

    @property
    def has_rest(self) -> bool:
        """Return whether a group, or a guest, still waits to be planned."""
        return bool(self._dirty) or self._allocation.has_unplaced

    def replan(self, most: int = MAX_SOCKETS) -> dict[ServiceId, Placement]:
        """Return the placements that changed since the last call, after planning about `most`."""
        for group in list(itertools.islice(self._dirty, most)):
            if most > 0:
                most -= len(self._groups[group])
                del self._dirty[group]
                self._plan_group(group)
        for id_, locals_ in self._allocation.place_guests() if not self._dirty else ():
            member = self._members[id_]
            self._set(member, place_guest(member.port, locals_, self._is_denied(member.group)))
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
                self._place_skipped(members[id_], skip, winners)

    def _explain_skip(self, member: Member, knows_owners: bool = True) -> Skip | None:
        owners = self._owners.of(member.group) if knows_owners else {}
        answer = self._answers.of(member.service)
        skip = self._rules.explain_skip(
            member.service, member.port, owners, allowed=answer == ALLOW
        )
        if answer == SKIP and (skip is None or skip.is_askable):
            return Skip(explain(Cause(SKIPPED_BY_YOU)), code=SKIPPED_BY_YOU)
        return skip

    def _place(self, group: Group, members: list[Member]) -> Winners:
        rivals = [member for member in members if not self._is_moved(member)]
        winners = plan_families(rivals, self._local.families)
        for member in members:
            self._allocation.release(member.service.id, keep_guest=True)
        for member in members:
            won = tuple(family for family, id_ in winners.items() if id_ == member.service.id)
            if won or self._is_moved(member):
                self._owners.note(group, member.service)
            if self._needs_other_port(member, bool(won)):
                self._allocation.invite(member.service.id, member.port, won or self._local.families)
            elif won:
                self._place_winner(member, won)
            else:
                self._place_loser(member, winners)
        return winners

    def _needs_other_port(self, member: Member, has_won: bool) -> bool:
        if has_won:
            return self._is_denied(member.group)
        return self._is_moved(member) or self._policy.on_conflict is OnConflict.REMAP

    def _is_moved(self, member: Member) -> bool:
        return member.is_moved or self._answers.of(member.service) == REMAP

    def _is_denied(self, group: Group) -> bool:
        return self._local.needs_privilege(group[1]) or group in self._denied

    def _place_skipped(self, member: Member, skip: Skip | None, winners: Winners) -> None:
        if skip is not None and skip.is_owner_change and winners:
            # Beside an owner of the port it has taken nothing over: it came second.
            skip = self._explain_skip(member, knows_owners=False)
        if skip is None:
            self._place_loser(member, winners)
            return
        self._allocation.release(member.service.id)
        placement = Placement(
            Outcome.SKIPPED, reason=skip.reason, is_askable=skip.is_askable, code=skip.code
        )
        self._set(member, placement)

    def _place_winner(self, member: Member, won: tuple[int, ...]) -> None:
        placement = place_winner(member.port, won, member.map)
        self._allocation.claim(member.service.id, placement.locals)
        self._set(member, placement)

    def _place_loser(self, member: Member, winners: Winners) -> None:
        self._allocation.release(member.service.id)
        self._set(member, place_loser(member.service.id, member.port, winners))

    def _set(self, member: Member, placement: Placement) -> None:
        if placement != member.placement:
            member.placement = self._changed[member.service.id] = placement
