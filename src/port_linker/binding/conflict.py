"""The sentences and choices when a port is taken here. Pure."""

from __future__ import annotations

import errno as errnos

from port_linker.binding.facts import Holder, Local
from port_linker.model import Service

KILL, REMAP, SKIP, ALLOW = "kill", "remap", "skip", "allow"
MAX_COMMAND_SHOWN = 60  # characters; a line of the table has little room

NO_ROOM = frozenset((errnos.EMFILE, errnos.ENFILE, errnos.ENOBUFS, errnos.ENOMEM))
NO_FAMILY = frozenset((errnos.EADDRNOTAVAIL, errnos.EAFNOSUPPORT))
HELD_BACK = errnos.ECANCELED  # could be had, but another address of the same service could not


def describe_holder(holder: Holder | None) -> str:
    """Return "node (pid 71)", "a process of bob", or "another process"."""
    if holder is None:
        return "another process"
    if holder.is_port_linker:
        return f"another port-linker (pid {holder.pid})" if holder.pid else "another port-linker"
    if holder.pid is not None:
        name = (holder.command or "a process")[:MAX_COMMAND_SHOWN]
        return f"{name} (pid {holder.pid})"
    if holder.uid is None:
        return "another process"
    return f"a process of {holder.user or f'uid {holder.uid}'}"


def explain_failure(local: Local, errno: int, holder: Holder | None) -> str:
    """Return why one local address is not bound."""
    if errno == errnos.EADDRINUSE:
        return f"{local.text} is held here by {describe_holder(holder)}"
    if errno == errnos.EACCES:
        return f"{local.text} needs privilege here"
    name = errnos.errorcode.get(errno, f"error {errno}")
    return f"{local.text} cannot be bound here ({name})"


def explain_refusal(holder: Holder | None) -> str | None:
    """Return why the holder of a port must not be ended by us; None if it may."""
    if holder is None or holder.pid is None:
        return "its process is not ours to see"
    if holder.pid == 1 or holder.is_protected:
        return f"pid {holder.pid} is an ancestor of port-linker"
    if holder.is_port_linker:
        return f"pid {holder.pid} is another port-linker"
    if not holder.is_ours:
        return f"pid {holder.pid} belongs to {holder.user or 'another user'}"
    if holder.start_ticks is None:
        return f"the start of pid {holder.pid} is not known"
    return None


def choices_for(holder: Holder | None) -> tuple[str, ...]:
    """Return what a person may choose; kill only where it is possible."""
    return (REMAP, SKIP) if explain_refusal(holder) else (KILL, REMAP, SKIP)


def ask_about_conflict(service: Service, port: int, holder: Holder | None) -> str:
    """Return the question of a conflict."""
    return (
        f"Port {port} here is held by {describe_holder(holder)}; "
        f"{describe_service(service)} wants it. What shall be done?"
    )


def ask_about_ephemeral(service: Service, ephemeral: tuple[int, int]) -> str:
    """Return the question about a service in this machine's ephemeral range."""
    low, high = ephemeral
    return (
        f"{describe_service(service)} is left out: port {service.id.port} lies in "
        f"this machine's ephemeral range ({low}-{high}). Let it through?"
    )


def describe_service(service: Service) -> str:
    """Return "postgres at 127.0.0.1:5432 of the target", or "nginx.service at ..."."""
    known = service.container or service.process or service.unit
    name = known or f"the {service.id.proto.value} service"
    return f"{name} at {service.id.endpoint} of the target"
