"""What tests of the QUIC link ask: is it up, what does it carry, where are the sidecars."""

from __future__ import annotations

import json
import os

from tests.lab.hosts import TwoHosts
from tests.lab.netns import Namespace, is_zombie
from tests.lab.probe import command_line, target_pids
from tests.lab.program import Event, PortLinker
from tests.lab.shell import wait_until


def start_quic(lab: TwoHosts, *words: str, env: dict[str, str] | None = None) -> PortLinker:
    """Return a program whose QUIC link is up."""
    program = PortLinker(lab, "target", "--link", "quic", *words, env=env)
    wait_quic(program, "up")
    return program


def wait_quic(program: PortLinker, state: str, since: int = 0, timeout_s: float = 15) -> Event:
    """Return the event by which QUIC came into this state."""
    return program.wait_event("link", since, timeout_s, link="quic", state=state)


def wait_carried(lab: TwoHosts, port: int, times: int = 1, timeout_s: float = 10) -> None:
    """Wait until the sidecar has had a service's IPv4 binding so many times."""
    local = f"127.0.0.1:{port}"
    wait_until(lambda: count_carried(lab, local) >= times, f"{local} goes over QUIC", timeout_s)


def count_carried(lab: TwoHosts, local: str) -> int:
    """Return how often the log says that a binding moved to QUIC."""
    return sum(
        line["message"] == "carried by QUIC" and line["fields"]["local"] == local
        for line in log_lines(lab)
    )


def log_lines(lab: TwoHosts) -> list[Event]:
    """Return the lines of the newest session's log."""
    try:
        with open(os.path.join(lab.env()["XDG_STATE_HOME"], "port-linker", "debug.log")) as file:
            return [json.loads(line) for line in file if line.endswith("\n")]
    except OSError:
        return []


def host_sidecars(lab: TwoHosts) -> list[int]:
    """Return the sidecars on the host."""
    return [pid for pid in lab.host.pids() if is_sidecar(pid)]


def target_sidecars(lab: TwoHosts) -> list[int]:
    """Return the sidecars on the target."""
    return [pid for pid in target_pids(lab) if is_sidecar(pid)]


def is_sidecar(pid: int) -> bool:
    """Whether a process is a sidecar: its executable is, whatever runs it."""
    first = command_line(pid).split(" ")[0]
    name = os.path.basename(first)
    return name.startswith(("port-linker-tunnel", "tunnel-")) and not is_zombie(pid)


def patched_env(lab: TwoHosts, code: str, **extra: str) -> dict[str, str]:
    """Return the environment of a program that runs this Python code first."""
    path = lab.write_host("patch/sitecustomize.py", code)
    return lab.env(PYTHONPATH=os.path.dirname(path), **extra)


def udp_port(namespace: Namespace, pid: int) -> int:
    """Return the UDP port that a sidecar speaks QUIC on: the one that is bound to no loopback."""
    lines = namespace.run("ss", "-Hlunp").splitlines()
    rows = [line.split()[3] for line in lines if f"pid={pid}," in line]
    (place,) = (row for row in rows if not row.startswith(("127.", "[::1]")))
    return int(place.rpartition(":")[2])
