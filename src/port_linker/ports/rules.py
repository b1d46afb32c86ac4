"""Parse and match --only, --skip, --allow and --map. Pure.

A rule is PORT[-PORT][/tcp|udp], ADDRESS:PORT[/tcp|udp] or a pattern of a process name (with * ? [],
as in a shell; container names match too). Rules are separated by commas, options may be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from port_linker.errors import UsageError
from port_linker.model import Proto, Service, ServiceId, parse_endpoint, plain_address

RULE_CODE = "PL-USAGE-RULE"
MAP_CODE = "PL-USAGE-MAP"
RULE_HINT = "write PORT, PORT-PORT, either with /tcp or /udp, ADDRESS:PORT, or a process name"
MAP_HINT = "write REMOTE:LOCAL, two ports, for UDP with /udp: --map 80:8080"
PORTS = re.compile(r"[0-9][0-9-]*")
COMM_CHARS = 15  # Linux cuts the name of a process there (TASK_COMM_LEN)


@dataclass(frozen=True)
class PortRule:
    """Ports first to last; of both protocols if proto is None."""

    first: int
    last: int
    proto: Proto | None
    word: str

    @property
    def is_exact(self) -> bool:
        """Return whether one port alone is named."""
        return self.first == self.last

    def matches(self, service: Service) -> bool:
        """Return whether the service's port on the target is named."""
        return self.first <= service.id.port <= self.last and _is_proto(self.proto, service.id)


@dataclass(frozen=True)
class AddressRule:
    """One address and port on the target; host is canonical text."""

    host: str
    port: int
    proto: Proto | None
    word: str
    is_exact = True

    def matches(self, service: Service) -> bool:
        """Return whether a socket of the service is bound to this very address and port."""
        if service.id.port != self.port or not _is_proto(self.proto, service.id):
            return False
        return any(plain_host(id_.host) == self.host for id_ in service.sockets)


@dataclass(frozen=True)
class ProcessRule:
    """A pattern of the name of a process, or of a container."""

    pattern: str
    word: str
    is_exact = False

    def matches(self, service: Service) -> bool:
        """Return whether the process, its program or its container has such a name."""
        return any(fnmatchcase(name, self.pattern) for name in _names(service))


Rule = PortRule | AddressRule | ProcessRule


@dataclass(frozen=True)
class PortMap:
    """--map: the service on port remote of the target appears on port local here."""

    remote: int
    local: int
    proto: Proto

    @property
    def word(self) -> str:
        """Return it as on the command line: "80:8080"."""
        suffix = "/udp" if self.proto is Proto.UDP else ""
        return f"{self.remote}:{self.local}{suffix}"

    def describe(self) -> str:
        """Return it in words, for the echo at the start."""
        name = self.proto.value.upper()
        return f"{name} port {self.remote} of the target appears on port {self.local} here"


def find_rule(rules: Iterable[Rule], service: Service) -> Rule | None:
    """Return the first rule that the service matches."""
    return next((rule for rule in rules if rule.matches(service)), None)


def find_map(maps: Iterable[PortMap], service: ServiceId) -> PortMap | None:
    """Return the --map that the service falls under."""
    pair = (service.port, service.proto)
    return next((item for item in maps if (item.remote, item.proto) == pair), None)


def names_port(rules: Iterable[Rule], service: Service) -> bool:
    """Return whether a rule names the service's port, rather than its process."""
    return any(not isinstance(rule, ProcessRule) and rule.matches(service) for rule in rules)


def parse_rules(words: Iterable[str], option: str) -> tuple[Rule, ...]:
    """Return the rules of all words of one option ("--only"), each split at commas.

    Raises UsageError (PL-USAGE-RULE) that names the wrong word.
    """
    return tuple(_parse_rule(part.strip(), option) for word in words for part in word.split(","))


def parse_maps(words: Iterable[str]) -> tuple[PortMap, ...]:
    """Return the --map options. Raises UsageError (PL-USAGE-MAP), also if two of them collide."""
    maps = tuple(_parse_map(part.strip()) for word in words for part in word.split(","))
    for end in ("remote", "local"):
        seen: set[tuple[int, Proto]] = set()
        for item in maps:
            key = (getattr(item, end), item.proto)
            if key in seen:
                text = f"--map names the {end} port {key[0]}/{key[1]} twice"
                raise UsageError(text, "give each port one place", MAP_CODE)
            seen.add(key)
    return maps


def plain_host(host: str) -> str:
    """Return canonical text of an address; IPv4 mapped into IPv6 as IPv4."""
    return host if not host.startswith("::ffff:") else str(plain_address(host))


def _parse_rule(word: str, option: str) -> Rule:
    body, slash, suffix = word.partition("/")
    if not body:
        raise _rule_error(option, word, "is empty")
    proto = _parse_proto(suffix) if slash else None
    if slash and proto is None:
        raise _rule_error(option, word, f"ends in /{suffix}, which is neither /tcp nor /udp")
    if PORTS.fullmatch(body):
        return _parse_ports(body, proto, word, option)
    if ":" in body:
        return _parse_address(body, proto, word, option)
    if slash:
        raise _rule_error(option, word, "gives a protocol to a process name")
    return ProcessRule(body, word)


def _parse_ports(body: str, proto: Proto | None, word: str, option: str) -> PortRule:
    first, dash, last = body.partition("-")
    low, high = _parse_port(first), _parse_port(last if dash else first)
    if low is None or high is None:
        raise _rule_error(option, word, "is no port or range within 1-65535")
    if low > high:
        raise _rule_error(option, word, f"runs backwards; {high}-{low} was meant")
    return PortRule(low, high, proto, word)


def _parse_address(body: str, proto: Proto | None, word: str, option: str) -> AddressRule:
    try:
        host, port = parse_endpoint(body)
    except ValueError:
        raise _rule_error(option, word, "is no IP address with a port") from None
    if port == 0 or (":" in host and not body.startswith("[")):
        raise _rule_error(option, word, "is no IP address with a port, such as [::1]:80")
    return AddressRule(plain_host(host), port, proto, word)


def _parse_map(word: str) -> PortMap:
    body, slash, suffix = word.partition("/")
    proto = _parse_proto(suffix) if slash else Proto.TCP
    remote, local = (_parse_port(text) for text in (body.partition(":")[0], body.partition(":")[2]))
    if proto is None or remote is None or local is None:
        raise UsageError(f"--map {word!r} is not REMOTE:LOCAL", MAP_HINT, MAP_CODE)
    return PortMap(remote, local, proto)


def _parse_proto(text: str) -> Proto | None:
    return Proto(text) if text in ("tcp", "udp") else None


def _parse_port(text: str) -> int | None:
    if not text.isascii() or not text.isdecimal() or len(text) > 5:
        return None
    return int(text) if 1 <= int(text) <= 0xFFFF else None


def _rule_error(option: str, word: str, fault: str) -> UsageError:
    return UsageError(f"{option}: {word!r} {fault}", RULE_HINT, RULE_CODE)


def _is_proto(proto: Proto | None, service: ServiceId) -> bool:
    return proto is None or proto is service.proto


def _names(service: Service) -> list[str]:
    # A long name is cut by the kernel; the first word of the command line has all of it.
    names = [name for name in (service.process, service.container) if name]
    if service.command and (not service.process or len(service.process) == COMM_CHARS):
        program = service.command.split(" ", 1)[0].rstrip(":")
        names.append(program.rsplit("/", 1)[-1])
    return names
