"""The open channel to the agent: its socket, the child behind it, and what happens to it. I/O."""

from __future__ import annotations

import asyncio
import collections
import socket
from collections.abc import Callable
from dataclasses import dataclass

from port_linker.deploy.faults import explain_failure
from port_linker.deploy.plan import DeployPlan
from port_linker.deploy.replies import AgentAttached, AttachFailed, parse_reply
from port_linker.deploy.report import TargetReport
from port_linker.deploy.words import LastWords
from port_linker.errors import PortLinkerError, ProtocolError
from port_linker.ssh.explain import explain_end
from port_linker.ssh.process import ChildProcess
from port_linker.ssh.target import Target
from port_linker.tasks import start_task, stop_task

KEPT_LINES = 20  # of stderr, to explain an end
MAX_WAITING_EVENTS = 16  # the attacher restarts at most five times a minute
CLOSE_GRACE_S = 1.0  # for ssh to leave by itself once its input has ended


@dataclass(frozen=True)
class AgentRestarted:
    """The agent died and another one runs on the same channel; the link begins anew with this
    sync (16 bytes) in both directions."""

    pid: int
    sync: bytes


@dataclass(frozen=True)
class ChannelEnded:
    """The child ended: ssh is gone or the agent crashed too often; after a bye error is None."""

    error: PortLinkerError | None


ChannelEvent = AgentRestarted | ChannelEnded


class StderrRouter:
    """Sorts the child's stderr: the attacher's lines, and those that people read."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self.tail: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        self.events: asyncio.Queue[ChannelEvent] = asyncio.Queue()
        self.failed: AttachFailed | None = None
        self.words = LastWords(on_text)

    def route(self, line: str) -> None:
        """Take one line, already cleaned."""
        try:
            reply = parse_reply(line)
        except ProtocolError:
            reply = None
        if isinstance(reply, AttachFailed):
            self.failed = reply
        elif isinstance(reply, AgentAttached) and reply.how == "restarted":
            if self.events.qsize() < MAX_WAITING_EVENTS:
                self.events.put_nowait(AgentRestarted(reply.pid, reply.sync))
        else:
            self.tail.append(line)
            self.words.put(line)


class AgentChannel:
    """A byte pipe to an agent that waits for the link to begin. Close it, or ssh is left behind.

    sock: non-blocking; nothing but the link's bytes from here on. sync: what the link begins with
    (16 bytes). resumed: whether the agent ran before. report, plan: what the target has, and what
    is used of it.
    """

    def __init__(
        self,
        target: Target,
        child: ChildProcess,
        router: StderrRouter,
        attached: AgentAttached,
        sync: bytes,
    ) -> None:
        self.target = target
        self.sock: socket.socket = child.sock
        self.child_pid = child.pid
        self.agent_pid = attached.pid
        self.resumed = attached.how == "resumed"
        self.sync = sync
        self.report = TargetReport()
        self.plan: DeployPlan | None = None
        self._child = child
        self._router = router
        self._watch = start_task(self._watch_end(), f"channel {child.pid}")

    async def wait_event(self) -> ChannelEvent:
        """Return what happens next to the agent or the channel; ChannelEnded is the last."""
        event = await self._router.events.get()
        if isinstance(event, AgentRestarted):
            self.agent_pid, self.sync = event.pid, event.sync
        return event

    async def close(self, grace_s: float = CLOSE_GRACE_S) -> None:
        """Close the socket and end the child: first by itself, then SIGTERM, then SIGKILL."""
        try:
            await self._child.close(grace_s)
        finally:
            await stop_task(self._watch)

    async def _watch_end(self) -> None:
        status = await self._child.wait()
        self._router.events.put_nowait(ChannelEnded(self._explain(status)))

    def _explain(self, status: int) -> PortLinkerError | None:
        if self._router.failed is not None:
            return explain_failure(self._router.failed, self.target.display)
        return explain_end(self.target, status, tuple(self._router.tail)) if status else None
