"""Which container stands behind a port: the answer of the Docker and Podman API. Pure; 3.9.

Source: Docker Engine API, GET /containers/json; Podman serves the same under the same path.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from port_linker.model import Proto, clean_text
from port_linker.scan.rows import ScanFormatError

_WILDCARDS = frozenset(("", "0.0.0.0", "::"))  # noqa: S104 (compared, never bound)
_ROOT_UID = 0
_MAX_CONTAINERS = 10_000
_MAX_PORTS = 65_536  # of all containers together


class Containers(NamedTuple):
    """What container engines told.

    names: container id (64 hex digits) → name.
    published: protocol and port here → addresses here, names, and the engine's uid; "" is any
    address.
    """

    names: Mapping[str, str]
    published: Mapping[tuple[Proto, int], tuple[tuple[str, str, int], ...]]

    def name_of(self, container_id: str | None) -> str | None:
        """Return the name of the container that a process is in, if it is in one."""
        return None if container_id is None else self.names.get(container_id)

    def find_publisher(self, proto: Proto, host: str, port: int, uid: int) -> str | None:
        """Return the name of the container that publishes a port. The exact address wins over any.

        uid: owner of the socket. Engines publish by sockets of root or their own; a socket of
        anybody else on that port is not theirs.
        """
        wildcard = None
        for address, name, engine_uid in self.published.get((proto, port), ()):
            if uid not in (_ROOT_UID, engine_uid):
                continue
            if address == host:
                return name
            if wildcard is None and address in _WILDCARDS and host in _WILDCARDS:
                wildcard = name
        return wildcard


NO_CONTAINERS = Containers({}, {})


def parse_response(response: bytes) -> bytes:
    """Return the body of a whole HTTP/1.0 response.

    Raises ScanFormatError unless the status is 200 and the body as long as announced.
    """
    head, gap, body = response.partition(b"\r\n\r\n")
    status, *fields = head.split(b"\r\n")
    words = status.split(None, 2)
    if not gap or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or words[1] != b"200":
        raise ScanFormatError("the container engine did not answer with 200")
    for field in fields:
        name, _, value = field.partition(b":")
        if name.strip().lower() == b"content-length":
            if value.strip() != b"%d" % len(body):
                raise ScanFormatError("the container engine's answer is cut")
        elif name.strip().lower() == b"transfer-encoding":
            raise ScanFormatError("the container engine does not speak HTTP/1.0")
    return body


def parse_containers(body: bytes, engine_uid: int = _ROOT_UID) -> Containers:
    """Return names and published ports of a /containers/json answer; odd entries are left out.

    engine_uid: whose process the engine is. Raises ScanFormatError if the body is no JSON list.
    """
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ScanFormatError("the container engine did not answer with JSON") from error
    if not isinstance(entries, list):
        raise ScanFormatError("the container engine did not answer with a list")
    names: dict[str, str] = {}
    published: dict[tuple[Proto, int], tuple[tuple[str, str, int], ...]] = {}
    left = _MAX_PORTS
    for entry in entries[:_MAX_CONTAINERS]:
        name = _read_name(entry)
        if name is None:
            continue
        names[str(entry.get("Id"))[:64]] = name
        ports = entry.get("Ports")
        for port in (ports if isinstance(ports, list) else [])[:left]:
            left -= 1
            place = _read_port(port)
            if place is not None:
                key, address = place
                published[key] = (*published.get(key, ()), (address, name, engine_uid))
    return Containers(names, published)


def merge_containers(several: Iterable[Containers]) -> Containers:
    """Return what several engines told as one; the first to name a port wins."""
    names: dict[str, str] = {}
    published: dict[tuple[Proto, int], tuple[tuple[str, str, int], ...]] = {}
    for containers in several:
        names = {**containers.names, **names}
        for key, places in containers.published.items():
            published[key] = published.get(key, ()) + places
    return Containers(names, published)


def _read_name(entry: Any) -> str | None:
    """Return the first name of a container, without its slash; the id's start if it has none."""
    if not isinstance(entry, dict):
        return None
    names = entry.get("Names")
    if isinstance(names, list) and names and isinstance(names[0], str):
        return clean_text(names[0].lstrip("/")) or None
    container_id = entry.get("Id")
    return clean_text(container_id[:12]) or None if isinstance(container_id, str) else None


def _read_port(port: Any) -> tuple[tuple[Proto, int], str] | None:
    """Return protocol and port here, and the address here, of a published port."""
    if not isinstance(port, dict):
        return None
    number, kind, address = port.get("PublicPort"), port.get("Type"), port.get("IP", "")
    if not isinstance(number, int) or not 0 < number <= 0xFFFF or not isinstance(address, str):
        return None
    try:
        return (Proto(kind), number), str(ipaddress.ip_address(address)) if address else ""
    except ValueError:
        return None
