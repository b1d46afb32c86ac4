"""Where every service would be bound if there were room for all. Pure.

A group is all services that want one local port of one protocol. Groups do not see each other but
in one place (claims.py): a guest, which cannot have its number, must find a port nobody claims,
and moves on when the owner of that number comes. So a change costs the size of its group.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

from port_linker.binding.answers import Answers
from port_linker.binding.claims import Claims
from port_linker.binding.conflict import ALLOW, REMAP, SKIP
from port_linker.binding.defaults import Defaults, Skip
from port_linker.binding.facts import (
    BindOptions,
    Local,
    LocalFacts,
    OnConflict,
    Outcome,
    TargetFacts,
    Verdict,
)
from port_linker.binding.families import Candidate, plan_families
from port_linker.binding.member import Group, Member
from port_linker.binding.merge import MAX_SOCKETS
from port_linker.binding.owners import PortOwners
from port_linker.binding.rules import find_map
from port_linker.binding.shapes import shape_guest, shape_loser, shape_winner
from port_linker.model import Service, ServiceId

SKIPPED_BY_YOU = "skipped by you"

Winners = Mapping[int, ServiceId]  # by local family


class Groups:
    """Takes services and facts, returns the shapes (verdicts without the limit) that changed."""

    def __init__(
        self, options: BindOptions, local: LocalFacts, remembered: Mapping[str, int]
    ) -> None:
        self.claims = Claims(local, remembered)
        self._options = options
        self._local = local
        self._defaults = Defaults(options, local, TargetFacts())
        self._members: dict[ServiceId, Member] = {}
        self._groups: dict[Group, dict[ServiceId, Member]] = {}
        self._answers = Answers()
        self._owners = PortOwners()
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
        self.claims.release(id_)
        self._changed.pop(id_, None)
        self._dirty[member.group] = None

    def answer(self, id_: ServiceId, choice: str) -> None:
        """Note what a person chose for a service: ALLOW, REMAP or SKIP, for the session."""
        member = self._members[id_]
        self._answers.put(member.service, choice)
        self._dirty[member.group] = None

    def has_answer(self, id_: ServiceId) -> bool:
        """Whether something was chosen for a service, this time or last."""
        member = self._members[id_]
        was_asked = self._options.on_conflict is OnConflict.ASK and member.is_moved
        return was_asked or self._answers.of(member.service) is not None

    def take_back(self, id_: ServiceId) -> bool:
        """Forget what was chosen for a service; return whether there was something."""
        if not self.has_answer(id_):
            return False
        member = self._members[id_]
        self._answers.take_back(member.service)
        self.claims.forget(id_)
        member.is_moved = False
        self._dirty[member.group] = None
        return True

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

    @property
    def has_rest(self) -> bool:
        """Whether a group, or a guest, still waits to be planned."""
        return bool(self._dirty) or self.claims.has_homeless

    def reshape(self, most: int = MAX_SOCKETS) -> dict[ServiceId, Verdict]:
        """Return the shapes that changed since the last call, after planning about `most`."""
        for group in list(itertools.islice(self._dirty, most)):
            if most > 0:
                most -= len(self._groups[group])
                del self._dirty[group]
                self._plan_group(group)
        for id_, locals_ in self.claims.settle_guests() if not self._dirty else ():
            member = self._members[id_]
            self._shape(member, shape_guest(member.port, locals_, self._is_denied(member.group)))
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

    def _explain_skip(self, member: Member, knows_owners: bool = True) -> Skip | None:
        owners = self._owners.of(member.group) if knows_owners else {}
        answer = self._answers.of(member.service)
        skip = self._defaults.explain_skip(
            member.service, member.port, owners, allowed=answer == ALLOW
        )
        if answer == SKIP and (skip is None or skip.is_askable):
            return Skip(SKIPPED_BY_YOU)
        return skip

    def _place(self, group: Group, members: list[Member]) -> Winners:
        rivals = [
            Candidate(
                member.service.id,
                member.map is not None,
                member.is_present,
                member.service.others,
            )
            for member in members
            if not self._is_moved(member)
        ]
        winners = plan_families(rivals, self._local.families)
        for member in members:
            self.claims.release(member.service.id, keep_guest=True)
        for member in members:
            won = tuple(family for family, id_ in winners.items() if id_ == member.service.id)
            if won or self._is_moved(member):
                self._owners.note(group, member.service)
            if self._needs_other_port(member, bool(won)):
                self.claims.invite(member.service.id, member.port, won or self._local.families)
            elif won:
                self._shape_winner(member, won)
            else:
                self._shape_loser(member, winners)
        return winners

    def _needs_other_port(self, member: Member, has_won: bool) -> bool:
        if has_won:
            return self._is_denied(member.group)
        return self._is_moved(member) or self._options.on_conflict is OnConflict.REMAP

    def _is_moved(self, member: Member) -> bool:
        return member.is_moved or self._answers.of(member.service) == REMAP

    def _is_denied(self, group: Group) -> bool:
        return self._local.needs_privilege(group[1]) or group in self._denied

    def _shape_skipped(self, member: Member, skip: Skip | None, winners: Winners) -> None:
        if skip is not None and skip.is_owner_change and winners:
            # Beside an owner of the port he has taken nothing over: he came second.
            skip = self._explain_skip(member, knows_owners=False)
        if skip is None:
            self._shape_loser(member, winners)
            return
        self.claims.release(member.service.id)
        shape = Verdict(Outcome.SKIPPED, reason=skip.reason, is_askable=skip.is_askable)
        self._shape(member, shape)

    def _shape_winner(self, member: Member, won: tuple[int, ...]) -> None:
        shape = shape_winner(member.port, won, member.map)
        self.claims.claim(member.service.id, shape.locals)
        self._shape(member, shape)

    def _shape_loser(self, member: Member, winners: Winners) -> None:
        self.claims.release(member.service.id)
        self._shape(member, shape_loser(member.service.id, member.port, winners))

    def _shape(self, member: Member, shape: Verdict) -> None:
        if shape != member.shape:
            member.shape = self._changed[member.service.id] = shape
