"""Throw-away users of the lab: made with useradd, a home of their own, removed at the end."""

from __future__ import annotations

import os
import pwd
import re
from dataclasses import dataclass

from tests.lab.netns import is_zombie, next_number
from tests.lab.shell import LabError, run, wait_until

NAMES = re.compile(r"^pl-(\d+)-(\d+)-user$")


@dataclass(frozen=True)
class User:
    """An unprivileged login."""

    name: str
    uid: int
    gid: int
    home: str

    def set_shell(self, path: str) -> None:
        """Change the login shell."""
        patiently("usermod", "--shell", path, self.name)

    def set_password(self, password: str) -> None:
        """Let the login use a password as well as a key."""
        patiently("chpasswd", data=f"{self.name}:{password}\n")

    def write(self, name: str, text: str, mode: int = 0o644) -> str:
        """Write a file below the home, owned by the user; return its path."""
        path = os.path.join(self.home, name)
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            os.makedirs(folder)
            os.chown(folder, self.uid, self.gid)
        with open(path, "w") as file:
            file.write(text)
        os.chown(path, self.uid, self.gid)
        os.chmod(path, mode)
        return path

    def command(self, *words: str) -> list[str]:
        """Return the command that runs these words as the user, with nothing of root left."""
        ids = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        return ["setpriv", *ids, "--inh-caps=-all", "--bounding-set=-all", "--", *words]

    def remove(self) -> None:
        """Delete the user; the home goes with the lab's folder."""
        delete(self.name)


def patiently(*command: str, data: str | None = None) -> None:
    """Run a command of the passwd tools, which fail while another one holds their lock."""

    def once() -> bool:
        try:
            run(*command, data=data)
        except LabError as error:
            if "lock" in str(error) or "try again" in str(error):
                return False
            raise
        return True

    wait_until(once, f"{command[0]} gets its lock", timeout_s=20, every_s=0.05)


def create_user(home: str, shell: str = "/bin/bash") -> User:
    """Make a user without a password (a key only) whose home is a new folder."""
    name = f"pl-{os.getpid()}-{next_number()}-user"
    patiently(
        "useradd",
        "--no-create-home",
        "--home-dir",
        home,
        "--shell",
        shell,
        "--password",
        "*",  # no password fits, yet the account is not locked: sshd refuses locked ones
        "--no-user-group",
        "--gid",
        "nogroup",
        name,
    )
    entry = pwd.getpwnam(name)
    os.makedirs(home, mode=0o755)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return User(name, entry.pw_uid, entry.pw_gid, home)


def remove_leftovers() -> list[str]:
    """Delete the users of lab processes that are dead; return their names."""
    gone = []
    for entry in pwd.getpwall():
        match = NAMES.match(entry.pw_name)
        if match and is_zombie(int(match[1])):
            delete(entry.pw_name)
            gone.append(entry.pw_name)
    return gone


def delete(name: str) -> None:
    """Delete a user, who may be gone already: a dying test run's userdel may come first."""
    try:
        patiently("userdel", "--force", name)
    except LabError:
        if name in {entry.pw_name for entry in pwd.getpwall()}:
            raise
