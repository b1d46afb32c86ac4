"""What is left out without being asked, and why. Pure.

Order: --skip, --only, a changed owner, the default mutes, other people, the ephemeral range of
this machine. --allow lifts all of them but --skip and --only. A single port named in --only or
--map is an explicit wish: it lifts the rule of the ephemeral range, and that rule alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from port_linker.binding.facts import BindOptions, LocalFacts, TargetFacts
from port_linker.binding.rules import find_map, find_rule
from port_linker.model import Proto, Service
from port_linker.scan.owners import is_other_person

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


@dataclass(frozen=True)
class Skip:
    """Why a service is left out.

    is_askable: a person may be asked to let it in. is_owner_change: the port had another owner.
    """

    reason: str
    is_askable: bool = False
    is_owner_change: bool = False


Owners = Mapping[int, str]  # uid -> name: who has had this port in this session


@dataclass(frozen=True)
class Defaults:
    """Everything that the rules for leaving a service out depend on."""

    options: BindOptions
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
            return Skip(asked_out)
        if find_rule(self.options.allow, service) is not None:
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

    def _skip_by_rule(self, service: Service) -> str | None:
        rule = find_rule(self.options.skip, service)
        if rule is not None:
            return f"left out by --skip {rule.word}"
        if self.options.only and find_rule(self.options.only, service) is None:
            return "not named in --only " + ",".join(rule.word for rule in self.options.only)
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
        if self.options.all_users or not is_other_person(service, self.target.login_uid):
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
        if find_map(self.options.maps, service.id) is not None:
            return True
        return any(rule.is_exact and rule.matches(service) for rule in self.options.only)


def owner_name(service: Service) -> str:
    """The owner's name if known, else the number."""
    return service.user or f"uid {service.uid}"
