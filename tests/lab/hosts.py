"""The lab as a test sees it: a host with a home of its own, and a target that ssh reaches."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO

from tests.lab import mounts
from tests.lab.containers import Container
from tests.lab.netns import Namespace, is_zombie
from tests.lab.pair import HOST4, TARGET4, TARGET6, Pair
from tests.lab.sshd import Sshd, make_key
from tests.lab.users import User, create_user

BASE = "/var/lib/port-linker-lab"  # not below /tmp: tests cover that with other mounts
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(os.path.dirname(sys.executable), "port-linker")
PASSED_ON = ("COVERAGE_", "PYTHONWARNINGS")  # what of our environment the host's programs see


class TwoHosts:
    """Host and target. `ssh target` on the host logs in as an unprivileged user of the target.

    Other names that ssh knows: "target6" (over IPv6), "root-target" (as root).
    sshd: lines of sshd_config. host_user: the host's programs run as an unprivileged user too.
    image: the target is a container of this image, else a network namespace.
    """

    def __init__(
        self,
        pair: Pair | None = None,
        sshd: Mapping[str, str] | None = None,
        shell: str = "/bin/bash",
        host_user: bool = False,
        image: str | None = None,
    ) -> None:
        os.makedirs(BASE, mode=0o755, exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=BASE)
        os.chmod(self.folder, 0o755)  # noqa: S103 - other users of the lab come through
        self.users: list[User] = []
        self.container = Container(image, self.folder) if image else None
        self.pair = pair or Pair(target_pid=self.container.pid if self.container else None)
        self.user = self.add_user("home", shell)
        self.host_user = self.add_user("host-user") if host_user else None
        self.host_home = self.host_user.home if self.host_user else self._make("host-home")
        self.key = make_key(self._path("key"))
        self.sshd_options = dict(sshd or {})
        self.sshd = self.start_sshd()
        self._write_ssh_config()

    @property
    def host(self) -> Namespace:
        """The network of the host."""
        return self.pair.host

    @property
    def target(self) -> Namespace:
        """The network of the target."""
        return self.pair.target

    def _path(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def _make(self, name: str) -> str:
        path = self._path(name)
        os.makedirs(path, mode=0o755, exist_ok=True)
        return path

    def add_user(self, name: str, shell: str = "/bin/bash") -> User:
        """Make one more user, with a home in the lab's folder."""
        user = create_user(self._path(name), shell)
        self.users.append(user)
        if self.container:
            ids = ["--uid", str(user.uid), "--gid", "nogroup", "--password", "*"]
            place = ["--no-create-home", "--home-dir", user.home, "--shell", shell]
            self.container.run("useradd", *ids, *place, user.name)
        return user

    def start_sshd(self, prefix: Sequence[str] = (), **options: str) -> Sshd:
        """Start the target's sshd, with more options than the lab was made with."""
        root_home = self._make("root-home")
        merged = {**self.sshd_options, **options}
        merged["Match"] = f"User root\n SetEnv HOME={root_home}"  # stays last: it ends the rest
        if self.container:
            self.container.run("mkdir", "-p", "/run/sshd")
            prefix = [*self.container.command(), *prefix]
        return Sshd(self.target, self._path("sshd"), self.key, merged, prefix)

    def restart_sshd(self, prefix: Sequence[str] = (), **options: str) -> None:
        """Put another sshd in place of the running one; open sessions go on."""
        self.sshd.close()
        self.sshd = self.start_sshd(prefix, **options)

    def _write_ssh_config(self) -> None:
        known = self.sshd.known_hosts(["target", "target6", "root-target", TARGET4, TARGET6])
        known_path = self.write_host(".ssh/known_hosts", known)
        with open(self._path("key")) as file:
            key_path = self.write_host(".ssh/id_ed25519", file.read(), 0o600)
        common = (
            f"  HostName {TARGET4 if self.pair.ipv4 else TARGET6}\n"
            f"  IdentityFile {key_path}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {known_path}\n  GlobalKnownHostsFile /dev/null\n"
        )
        self.ssh_config = self.write_host(
            ".ssh/config",
            f"Host target6\n  HostName {TARGET6}\n"
            "Host root-target\n  User root\n"
            f"Host target target6 root-target\n  User {self.user.name}\n{common}",
        )
        # OpenSSH takes the home from passwd, not from $HOME: the wrapper names the file.
        self.write_host(
            "bin/ssh", f'#!/bin/sh\nexec /usr/bin/ssh -F {self.ssh_config} "$@"\n', 0o755
        )

    def add_ssh_config(self, text: str) -> None:
        """Put lines at the top of the host's .ssh/config; ssh takes the first value it finds."""
        with open(self.ssh_config) as file:
            rest = file.read()
        with open(self.ssh_config, "w") as file:
            file.write(f"{text}\n{rest}")

    def write_host(self, name: str, text: str, mode: int = 0o644) -> str:
        """Write a file below the host's home; return its path."""
        if self.host_user:
            return self.host_user.write(name, text, mode)
        path = os.path.join(self.host_home, name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def env(self, **extra: str) -> dict[str, str]:
        """Return the environment of a program on the host: its own, and our coverage."""
        passed = {k: v for k, v in os.environ.items() if k.startswith(PASSED_ON)}
        own = {
            "PATH": f"{self.host_home}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": self.host_home,
            "XDG_CACHE_HOME": f"{self.host_home}/.cache",
            "XDG_CONFIG_HOME": f"{self.host_home}/.config",
            "XDG_STATE_HOME": f"{self.host_home}/.local/state",
            "PORT_LINKER_LINK": "stdio",  # tests of QUIC ask for it
            "LANG": "C.UTF-8",
            "TERM": "dumb",
        }
        return {**passed, **own, **extra}

    def start(
        self,
        *words: str,
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        stdout: int | IO[bytes] | None = subprocess.DEVNULL,
        stderr: int | IO[bytes] | None = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program on the host, as its user."""
        command = list(words)
        if self.host_user:
            command = [
                *mounts.reachable(os.path.realpath(sys.base_prefix), self.folder),
                *self.host_user.command(*words),
            ]
        environment = dict(self.env() if env is None else env)
        return self.host.start(
            *command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            cwd=self.host_home,
        )

    def ssh(self, *words: str, timeout_s: float = 10) -> str:
        """Return what a command on the target writes, run through ssh from the host."""
        process = self.start(
            "ssh", "-T", "target", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = process.communicate(timeout=timeout_s)
        assert process.returncode == 0, err.decode(errors="replace")
        return out.decode()

    def connect(
        self, port: int, family: int = socket.AF_INET, timeout_s: float = 10
    ) -> socket.socket:
        """Return a socket of the host that is connected to a port of its own localhost."""
        return self.host.connect(
            "::1" if family == socket.AF_INET6 else "127.0.0.1", port, timeout_s
        )

    def close(self) -> None:
        """End all processes, remove namespaces, users and files."""
        try:
            self.pair.close()
        finally:
            if self.container:
                self.container.close()
            while self.users:
                self.users.pop().remove()
            shutil.rmtree(self.folder, ignore_errors=True)


def remove_leftovers() -> list[str]:
    """Remove the folders of lab processes that are dead; return their names."""
    gone = []
    for name in sorted(os.listdir(BASE)) if os.path.isdir(BASE) else []:
        pid = name.partition("-")[0]
        if pid.isdecimal() and is_zombie(int(pid)):
            shutil.rmtree(os.path.join(BASE, name), ignore_errors=True)
            gone.append(name)
    return gone


__all__ = ["BASE", "HOST4", "PROGRAM", "REPOSITORY", "TARGET4", "TARGET6", "TwoHosts"]
