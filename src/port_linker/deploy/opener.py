"""Gives an agent the channel: the one that runs, or a new one. Runs on the target; Python 3.9.

Sent as source text in front of attacher.py (see bundle.py).
"""

from __future__ import annotations

import os
import socket
import struct

from port_linker.deploy import cache
from port_linker.deploy.handle import Agent, AttachError, spawn
from port_linker.deploy.supply import Supply

TYPE_CHECKING = False  # importing typing would cost 3 ms of each start
if TYPE_CHECKING:
    from typing import Any

START_LIMIT_S = 20.0  # for a new agent to take the channel
RESUME_LIMIT_S = 5.0  # for one that runs; if it does not answer it hangs and is replaced
UCRED = struct.Struct("3i")  # pid, uid, gid


class Opener:
    """Finds or starts the agent of one header. in_fd, out_fd: the channel; err_fd: the log."""

    def __init__(self, header: dict[str, Any], supply: Supply, fds: tuple[int, int, int]) -> None:
        self.header = header
        self.supply = supply
        self.in_fd, self.out_fd, self.err_fd = fds

    def open_agent(self) -> tuple[Agent, str]:
        """Return an agent that has the channel, and "resumed" or "started"."""
        self.supply.claim()
        agent = self.resume_agent() if self.header.get("resume") else None
        if agent is not None:
            return agent, "resumed"
        return self.start_agent(self.header["sync"]), "started"

    def resume_agent(self) -> Agent | None:
        """Return the agent of this id if it runs and takes the channel, None if there is none.

        An agent of another version, or one that does not answer, is ended.
        Raises AttachError if it refuses us.
        """
        agent = self.find_agent()
        if agent is None:
            return None
        try:
            refused = self.attach(agent, self.header["sync"], RESUME_LIMIT_S)
        except (OSError, ValueError, AttachError):
            refused = "version"
        if refused is None:
            return agent
        if refused == "version":
            agent.kill()
            return None
        agent.close()
        raise AttachError("refused", refused)

    def find_agent(self) -> Agent | None:
        """Return a connection to the running agent of this id; it must be this user's or root's."""
        for address in self.supply.addresses():
            try:
                control = cache.connect_socket(address, RESUME_LIMIT_S)
            except OSError:
                continue
            cred = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size)
            pid, uid, _ = UCRED.unpack(cred)
            if uid in (0, os.geteuid()):
                return Agent(control, pid)
            control.close()
        return None

    def start_agent(self, sync: str) -> Agent:
        """Start an agent and give it the channel. Raises AttachError if it does not take it."""
        try:
            return self.start_once(sync)
        except AttachError:
            # Not the agent may be at fault but what we kept of it: once more from its source.
            if not self.supply.drop_code():
                raise
        return self.start_once(sync)

    def start_once(self, sync: str) -> Agent:
        """Start an agent from what is at hand. Raises AttachError."""
        agent = self.spawn_agent()
        refused: str | None = "start"
        try:
            agent.send({"start": self.start_message()})
            refused = self.attach(agent, sync, START_LIMIT_S)
        except (OSError, ValueError, AttachError) as error:
            agent.drain_stderr(self.err_fd)
            raise AttachError("agent-start", agent.last_words() or str(error)) from error
        finally:
            if refused is not None:
                agent.kill()
        if refused is not None:
            raise AttachError("refused", refused)
        return agent

    def spawn_agent(self) -> Agent:
        """Start the agent's process: nothing inherited but the control socket and a stderr that we
        relay while we live."""
        ours, theirs = socket.socketpair()
        said, says = os.pipe()
        theirs.set_inheritable(True)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, says, 2),
        ]
        try:
            pid = spawn(self.supply.command(theirs.fileno()), actions)
        finally:
            theirs.close()
            os.close(says)
        return Agent(ours, pid, said)

    def start_message(self) -> dict[str, Any]:
        """Return what a new agent must know."""
        return {
            "id": self.header["agent"],
            "token": self.header["token"],
            "sockets": self.supply.addresses_to_take(),
            "dir": self.supply.directory,
            "version": self.header["version"],
            "lease": self.header["lease"],
        }

    def attach(self, agent: Agent, sync: str, limit_s: float) -> str | None:
        """Hand over the channel; return None, or why the agent refused it."""
        message = {key: self.header[key] for key in ("token", "host", "version")}
        message["ssh"] = os.environ.get("SSH_CONNECTION", "")  # its own is that of its first login
        agent.control.settimeout(limit_s)
        agent.send({"attach": {**message, "sync": sync}}, (self.in_fd, self.out_fd))
        reply = agent.receive(limit_s)
        if reply is None:
            raise AttachError("agent-died")
        return None if "attached" in reply else str(reply.get("refused", "form"))[:200]
