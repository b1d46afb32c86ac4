"""What is kept per target between runs: who runs, and which agent is whose. I/O.

One 0600 file under an exclusive flock for the life of the session. After a crash the lock is free
and the next run takes the old agent over with the id and token that it finds.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass, field

from port_linker.session.lock import AlreadyRunning, explain_lock, read_state

_ID = re.compile(r"[0-9a-f]{16,64}")
MAX_CLAIMS = 4  # machines of one session, the newest; each boot is one, and takes a descriptor


@dataclass(frozen=True)
class AgentRef:
    """Names an agent. is_old: it may still run since an earlier session."""

    agent_id: str
    token: str = field(repr=False)
    is_old: bool = False


class StateFile:
    """The locked file of one target."""

    def __init__(self, folder: str, key: str, target: str) -> None:
        """Lock the file. Raises AlreadyRunning if another process has it, OSError if it cannot."""
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._target = target
        self._claims: dict[str, StateFile] = {}
        self._path = os.path.join(folder, f"{key}.json")
        self._lock()
        while not self._is_in_place():  # its last holder removed it between our open and our lock
            os.close(self._fd)
            self._lock()

    def _lock(self) -> None:
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            refusal = explain_lock(self._fd, self._target)
            os.close(self._fd)
            raise refusal from error

    def _is_in_place(self) -> bool:
        """Whether the locked file is the one that others find under its name."""
        try:
            return os.path.samestat(os.fstat(self._fd), os.lstat(self._path))
        except FileNotFoundError:
            return False

    def agent(self) -> AgentRef:
        """Return the agent that an earlier run left behind, or a new name and token."""
        state = read_state(self._fd)
        agent_id, token = str(state.get("agent", "")), str(state.get("token", ""))
        if _ID.fullmatch(agent_id) and _ID.fullmatch(token):
            return AgentRef(agent_id, token, is_old=True)
        return AgentRef(secrets.token_hex(8), secrets.token_hex(32))

    def save(self, agent: AgentRef) -> None:
        """Write down who runs and which agent is ours. Raises OSError (a full disk)."""
        self._write({"pid": os.getpid(), "agent": agent.agent_id, "token": agent.token})

    def forget(self) -> None:
        """The agent has ended: nothing is left to take over."""
        self._write({})

    def claim(self, machine: str) -> AlreadyRunning | None:
        """Lock the machine itself, however HOST was spelled; return who has it already.

        machine: what names it (boot id, network namespace, login). Claiming again is no news.
        """
        key = "machine-" + hashlib.sha256(machine.encode()).hexdigest()[:16]
        if key in self._claims:
            return None
        try:
            claim = StateFile(os.path.dirname(self._path), key, self._target)
        except AlreadyRunning as error:
            return error
        except OSError:
            return None  # no file can be made: the lock of the spelling is there
        self._claims[key] = claim
        with contextlib.suppress(OSError):  # a full disk: the lock holds without our name in it
            claim._write({"pid": os.getpid()})
        if len(self._claims) > MAX_CLAIMS:
            self._claims.pop(next(iter(self._claims))).remove()
        return None

    def close(self) -> None:
        """Free the locks."""
        for claim in self._claims.values():
            claim.remove()
        os.close(self._fd)

    def remove(self) -> None:
        """Free the lock of a machine; nothing in its file outlives us."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        self.close()

    def _write(self, state: dict[str, object]) -> None:
        data = json.dumps(state).encode()
        os.pwrite(
            self._fd, data, 0
        )  # first: on a full disk what stood there is better than nothing
        os.ftruncate(self._fd, len(data))
