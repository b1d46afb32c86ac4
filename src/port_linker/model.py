"""The words that every room shares: services, addresses, text. Pure; runs on Python 3.9."""

from __future__ import annotations

import enum
import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Optional, Union

IPAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class Proto(str, enum.Enum):
    """A transport protocol of a service."""

    TCP = "tcp"
    UDP = "udp"

    __hash__ = str.__hash__  # Enum's own is Python code, and ServiceId is a key of every table

    def __str__(self) -> str:
        return self.value


MAX_KEY_CHARS = 80  # of a service; "udp/[" + 45 of an address + "%" + 10 of a scope + "]:65535"


def format_endpoint(host: str, port: int) -> str:
    """Return "127.0.0.1:80" or "[::1]:80"."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_endpoint(text: str) -> tuple[str, int]:
    """Return host and port of "127.0.0.1:80" or "[::1]:80".

    Raises ValueError if the text is neither, or the port is not within 0-65535.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not _is_number(port, 0xFFFF):
        raise ValueError(f"not an address with a port: {text[:MAX_KEY_CHARS]!r}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return canonical_host(host), int(port)


def _is_number(text: str, limit: int) -> bool:
    """Whether it is a decimal number of ASCII digits, at most limit."""
    return text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= limit


def canonical_host(text: str) -> str:
    """Return an address in the one form that names it here, "::ffff:127.0.0.1" if mapped.

    Python itself writes mapped addresses in hex before 3.13; inet_ntop(3) never does. A scope is
    the number of an interface, as the kernel's tables have it.
    Raises ValueError if the text is no address.
    """
    _, percent, scope = text.partition("%")
    if len(text) > MAX_KEY_CHARS or (percent and not _is_number(scope, 0xFFFFFFFF)):
        raise ValueError("not an address")
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return f"::ffff:{mapped}" if mapped is not None else str(address)


@lru_cache(maxsize=4096)  # the same few addresses come again and again; parsing costs 2-4 µs
def plain_address(host: str) -> IPAddress:
    """Return an address; the IPv4 one of an address mapped into IPv6. Raises ValueError."""
    address = ipaddress.ip_address(host)
    return getattr(address, "ipv4_mapped", None) or address


@dataclass(frozen=True, order=True)
class ServiceId:
    """A listening TCP socket or a bound UDP socket, named by what it is bound to.

    host: canonical text of the bound address ("127.0.0.1", "0.0.0.0", "::", "fe80::1").
    port: 1-65535.
    """

    proto: Proto
    host: str
    port: int

    @property
    def endpoint(self) -> str:
        """The address on the target, "0.0.0.0:80" or "[::1]:80"."""
        return format_endpoint(self.host, self.port)

    @property
    def key(self) -> str:
        """The service's name on the wire: "tcp/127.0.0.1:80"."""
        return f"{self.proto.value}/{self.endpoint}"

    @property
    def is_loopback(self) -> bool:
        """Whether only the target itself can reach the service."""
        return plain_address(self.host).is_loopback

    @property
    def is_wildcard(self) -> bool:
        """Whether the service is bound to any address of its family."""
        return bool(ipaddress.ip_address(self.host).is_unspecified)

    @property
    def family(self) -> int:
        """4 or 6; an IPv4 address mapped into IPv6 ("::ffff:127.0.0.1") counts as 4."""
        return plain_address(self.host).version

    def __str__(self) -> str:
        return self.key


def parse_service_key(text: str) -> ServiceId:
    """Return the ServiceId of "tcp/127.0.0.1:80". Raises ValueError if the text is not one."""
    proto, slash, endpoint = text[: MAX_KEY_CHARS + 1].partition("/")
    if not slash or len(text) > MAX_KEY_CHARS:
        raise ValueError(f"not a service: {text[:MAX_KEY_CHARS]!r}")
    host, port = parse_endpoint(endpoint)
    if port == 0:
        raise ValueError(f"a service has a port: {text!r}")
    return ServiceId(Proto(proto), host, port)


@dataclass(frozen=True)
class Service:
    """A service as the agent sees it. Texts are already free of control characters.

    uid: owner of the socket, as the kernel reports it; user: its name if known.
    pid, process, command: the holder where it may be inspected (own user, or root).
    container: name of the container that publishes or holds the service.
    unit: systemd's name of what the process belongs to, "nginx.service", where that says something.
    v6only: for "::", whether IPv4 does not reach it (INET_DIAG_SKV6ONLY).
    others: further sockets of the same process on this port; the host puts them together.
    """

    id: ServiceId
    uid: int
    user: Optional[str] = None
    pid: Optional[int] = None
    process: Optional[str] = None
    command: Optional[str] = None
    container: Optional[str] = None
    v6only: bool = False
    others: tuple[ServiceId, ...] = ()
    unit: Optional[str] = None

    @property
    def sockets(self) -> tuple[ServiceId, ...]:
        """All its sockets, the one that names it first."""
        return (self.id, *self.others)

    def to_json(self) -> dict[str, Any]:
        """Return the object that travels in a control message."""
        return {
            "id": self.id.key,
            "uid": self.uid,
            "user": self.user,
            "pid": self.pid,
            "process": self.process,
            "command": self.command,
            "container": self.container,
            "v6only": self.v6only,
            "unit": self.unit,
        }


MAX_NAME_CHARS = 256  # process names and users; Linux allows 15 and 32, containers 253
MAX_ID = 0xFFFFFFFF  # of a user; Linux has no larger uid, and no larger pid
MAX_COMMAND_CHARS = 1024  # enough to recognise a command line, not enough to fill a screen


_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\U000e0000-\U000e007f]"
)


def clean_text(text: str, limit: int = MAX_NAME_CHARS) -> str:
    """Return text that is safe on a terminal: no control or direction characters, cut at limit.

    Everything below U+0020, U+007F-U+009F, line and paragraph separators, bidirectional
    overrides, lone surrogates and zero-width characters become U+FFFD.
    """
    return _UNSAFE.sub("\ufffd", text[:limit])


def parse_service(value: Any) -> Service:
    """Return the Service of a control message's object, with its texts cleaned.

    Raises ValueError if the object is not one; the target is not trusted.
    """
    if not isinstance(value, dict):
        raise ValueError("a service is an object")
    uid, key = _int_or_none(value.get("uid")), value.get("id")
    if uid is None:
        raise ValueError("a service has a uid")
    if not isinstance(key, str):
        raise ValueError("a service has an id")
    return Service(
        id=parse_service_key(key),
        uid=uid,
        user=_text_or_none(value.get("user"), MAX_NAME_CHARS),
        pid=_int_or_none(value.get("pid")),
        process=_text_or_none(value.get("process"), MAX_NAME_CHARS),
        command=_text_or_none(value.get("command"), MAX_COMMAND_CHARS),
        container=_text_or_none(value.get("container"), MAX_NAME_CHARS),
        v6only=value.get("v6only") is True,
        unit=_text_or_none(value.get("unit"), MAX_NAME_CHARS),
    )


def _int_or_none(value: Any) -> Optional[int]:
    is_int = isinstance(value, int) and not isinstance(value, bool)
    return value if is_int and 0 <= value <= MAX_ID else None


def _text_or_none(value: Any, limit: int) -> Optional[str]:
    return clean_text(value, limit) if isinstance(value, str) and value else None
