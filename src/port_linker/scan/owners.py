"""Turns rows and what is known about their owners into services. Pure; runs on Python 3.9."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import NamedTuple

from port_linker.model import MAX_COMMAND_CHARS, Proto, Service, ServiceId, clean_text
from port_linker.scan.cgroups import find_container_id, find_unit
from port_linker.scan.published import Containers
from port_linker.scan.rows import Row

FIRST_PERSON_UID = 1000  # UID_MIN of login.defs on every large distribution
NOBODY_UID = 65534
Key = tuple[Proto, str, int]  # of a ServiceId, cheaper to make and to compare
_NO_SOCKETS: frozenset[int] = frozenset()

# Processes that hold a port for a container; the port's container is asked for.
_PORT_PROXIES = ("docker-proxy", "rootlessport", "rootlesskit", "conmon", "pasta", "slirp4netns")


class Owner(NamedTuple):
    """What is known about a process that holds sockets. Texts are clean."""

    pid: int
    process: str
    command: str | None = None
    container_id: str | None = None
    unit: str | None = None


class Names(NamedTuple):
    """Numbers of the kernel → names. users: by uid; units: by number of a control group."""

    users: Mapping[int, str] = {}
    units: Mapping[int, str] = {}


def make_owner(pid: int, name: bytes, command: str | None, cgroup: bytes, uid: int) -> Owner:
    """Return the owner of a process whose names are bytes of any kind. uid: ours."""
    process = clean_text(name.decode("utf-8", "replace"))
    return Owner(pid, process, command, find_container_id(cgroup, uid), find_unit(cgroup))


def clean_command(words: bytes) -> str | None:
    """Return a command line on one line, safe on a terminal; None if it is empty."""
    text = words.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    return clean_text(text, MAX_COMMAND_CHARS) or None


def merge_rows(
    tables: Iterable[Iterable[Row]], hidden: Container[int] = _NO_SOCKETS
) -> dict[Key, Row]:
    """Return one row per address: of several sockets (SO_REUSEPORT) the lowest inode's.

    hidden: inodes of our own sockets, left out.
    """
    merged: dict[Key, Row] = {}
    for rows in tables:
        for row in rows:
            if row.inode in hidden and row.inode:
                continue
            key = row[:3]
            before = merged.get(key)
            if before is None or row.inode < before.inode:
                merged[key] = row
    return merged


def is_other_person(service: Service, login_uid: int | None) -> bool:
    """Whether a service is neither the login's own, nor the system's, nor a container's."""
    if service.uid == login_uid or service.container is not None:
        return False
    return service.uid >= FIRST_PERSON_UID and service.uid != NOBODY_UID


def is_for_container(owner: Owner | None) -> bool:
    """Whether a container engine may know more: unknown holders, port proxies, containers."""
    return owner is None or owner.container_id is not None or owner.process in _PORT_PROXIES


class _Entry(NamedTuple):
    row: Row
    owner: Owner | None
    user: str | None
    container: str | None
    unit: str | None
    service: Service


class ServiceBook:
    """Builds services and keeps them, so that those that stayed the same are the same objects."""

    def __init__(self) -> None:
        self._entries: dict[Key, _Entry] = {}
        self.appeared: list[Key] = []  # of the last build: new rows, and old ones with new sockets

    def build(
        self,
        rows: Mapping[Key, Row],
        owner_of: Callable[[int], Owner | None],
        names: Names,
        containers: Containers,
        vouched: Container[int],
    ) -> list[Service]:
        """Return the services of the rows, in their order.

        vouched: inodes of the sockets that were there when the engines spoke of their ports.
        """
        before, self._entries, self.appeared = self._entries, {}, []
        for key, row in rows.items():
            old = before.get(key)
            if old is None or old.row.inode != row.inode:
                self.appeared.append(key)
            owner = owner_of(row.inode)
            container = containers.name_of(None if owner is None else owner.container_id)
            if container is None and row.inode in vouched:
                container = containers.find_publisher(*key, row.uid)
            known = (row, owner, names.users.get(row.uid), container, _unit_of(row, owner, names))
            if old is None or old[:5] != known:
                old = _Entry(*known, _make(*known))
            self._entries[key] = old
        return [entry.service for entry in self._entries.values()]


def _unit_of(row: Row, owner: Owner | None, names: Names) -> str | None:
    """Return the unit of the holder; where none is seen, the one that made the socket."""
    return names.units.get(row.cgroup) if owner is None else owner.unit


def _make(
    row: Row, owner: Owner | None, user: str | None, container: str | None, unit: str | None
) -> Service:
    return Service(
        id=ServiceId(Proto(row.proto), row.host, row.port),
        uid=row.uid,
        user=user,
        pid=None if owner is None else owner.pid,
        process=(owner.process or None) if owner else None,
        command=None if owner is None else owner.command,
        container=container,
        v6only=row.v6only,
        unit=unit,
    )
