"""A real sshd in a namespace, with its own keys and configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from tests.lab.netns import Namespace
from tests.lab.shell import LabError, end_process, run, wait_until

SSHD = "/usr/sbin/sshd"


def make_key(path: str) -> str:
    """Make an ed25519 key without a passphrase; return the public line."""
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", path)
    with open(path + ".pub") as file:
        return file.read().strip()


class Sshd:
    """The daemon, its host key and the keys that may log in.

    folder: for key, configuration and log. options: more lines of sshd_config, which win over
    the lab's own. prefix: a command that sets the stage (mounts.py).
    """

    def __init__(
        self,
        namespace: Namespace,
        folder: str,
        authorized: str,
        options: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        port: int = 22,
    ) -> None:
        self.namespace, self.folder, self.port = namespace, folder, port
        self.prefix = list(prefix)
        self.log_path = os.path.join(folder, "sshd.log")
        os.makedirs(folder, exist_ok=True)
        self.host_key = os.path.join(folder, "host_key")
        if not os.path.exists(self.host_key):
            make_key(self.host_key)
        self._write("authorized_keys", authorized + "\n")
        self._write("sshd_config", self._config(options or {}))
        restricted = {"AddressFamily", "ListenAddress"} & set(options or {})
        self._addresses = 1 if restricted else 2
        self._log_start = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def _write(self, name: str, text: str) -> None:
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def _config(self, options: Mapping[str, str]) -> str:
        lines = {
            "Port": str(self.port),
            "HostKey": self.host_key,
            "AuthorizedKeysFile": os.path.join(self.folder, "authorized_keys"),
            "PidFile": "none",
            "UsePAM": "no",
            "StrictModes": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "UseDNS": "no",
            "PrintMotd": "no",
            "MaxStartups": "100",
            "LogLevel": "VERBOSE",
            **options,
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def start(self) -> None:
        """Start it and wait until it listens. Raises LabError with its log if it does not."""
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        config = os.path.join(self.folder, "sshd_config")
        command = [*self.prefix, SSHD, "-D", "-e", "-f", config]
        with open(self.log_path, "ab") as log:
            self._log_start = len(self.log())
            self.process = self.namespace.start(*command, stderr=log)
        wait_until(self._listens, "sshd listens", timeout_s=5)

    def _listens(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise LabError(f"sshd ended: {self.log()}")
        # It binds one family after the other; a login over the second must not come too early.
        return self.log()[self._log_start :].count("Server listening on ") >= self._addresses

    def log(self) -> str:
        """Return what the daemon wrote so far."""
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def session_pids(self) -> list[int]:
        """Return the pids of the daemons that serve one login each."""
        assert self.process is not None
        mine = {self.process.pid}
        return [
            pid for pid in self.namespace.pids() if pid not in mine and comm(pid).startswith("sshd")
        ]

    def known_hosts(self, names: Sequence[str]) -> str:
        """Return the known_hosts line that vouches for this host key under these names."""
        with open(self.host_key + ".pub") as file:
            kind, key = file.read().split()[:2]
        return f"{','.join(names)} {kind} {key}\n"

    def close(self) -> None:
        """Stop taking logins; sessions that are open go on, as after a restart of the daemon."""
        if self.process is not None:
            end_process(self.process)


def comm(pid: int) -> str:
    """Return a process's short name, or "" when it is gone."""
    try:
        with open(f"/proc/{pid}/comm", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
