"""What a sidecar's error codes mean: our errors, and words for the display. Pure; Python 3.9."""

from __future__ import annotations

from port_linker.errors import EXIT_UNREACHABLE, LinkLost, PortLinkerError
from port_linker.link.reports import Closed, Failed

CODE = "PL-LINK-QUIC"  # one place in docs/operations.md for all that keeps QUIC from working

UNREACHABLE = "unreachable"
NO_UDP_PORT = "no-udp-port"

_FAILED = {
    UNREACHABLE: "no address of the target answers over UDP",
    "handshake": "the QUIC handshake failed",
    "introduction": "the introduction over QUIC failed",
    "wrong-secret": "the target did not accept the introduction",
    "version": "the sidecar speaks another version",
    NO_UDP_PORT: "no UDP port of the range is free on the target",
    "udp-socket": "a UDP socket could not be opened",
    "tls": "the certificates do not fit",
    "not-connected": "the QUIC link is not up",
    "bad-descriptor": "a socket could not be handed over",
}
_CLOSED = {
    "shutdown": "the QUIC link was closed",
    "peer-shutdown": "the target's sidecar has ended",
    "idle-timeout": "nothing was heard for as long as the lease runs",
    "wrong-secret": "the introduction was refused",
    "protocol": "the sidecars misunderstood each other",
    "transport": "the QUIC connection broke",
}


# An error of QUIC is shown to a person only where the session ends for want of it.
_HINT = "`port-linker doctor HOST` says which ports to open; --link auto goes on over ssh"


class SidecarFailed(PortLinkerError):
    """The sidecar could not do what was asked; the stdio link goes on without it.

    fault: the sidecar's own code ("unreachable"), or ours ("died", "timeout", "start").
    """

    code = CODE
    exit_code = EXIT_UNREACHABLE

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(message, hint=_HINT)
        self.fault = fault


def explain_failure(event: Failed) -> SidecarFailed:
    """Return the error of a failed command."""
    said = _FAILED.get(event.code, f"the sidecar reports {event.code}")
    detail = f" ({event.detail})" if event.detail and event.code != UNREACHABLE else ""
    return SidecarFailed(event.code, said + detail)


def explain_target(reason: str) -> SidecarFailed:
    """Return the error of a target without a sidecar. reason: the words of its explain_failure().

    The message on the wire (quic-ended) has no field for the code, so the table is read backwards.
    """
    faults = (fault for fault, said in _FAILED.items() if reason.startswith(said))
    return SidecarFailed(next(faults, "target"), reason)


def explain_close(event: Closed) -> LinkLost:
    """Return what the end of the connection means."""
    return LinkLost(_CLOSED.get(event.reason, f"the QUIC link ended: {event.reason}"), code=CODE)
