"""Finds or starts the agent, hands it the channel and waits. Runs on the target; Python 3.9.

It is ssh's child there: stdin and stdout are the channel. It reads one header line (and the bundle,
if it asks for it), answers with lines that begin with "PL1 ", and is silent once the agent has the
descriptors. It ends when the channel does or when the agent says so; if the agent dies it starts
another one on the same channel. The protocol stands in docs/architecture.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time

from port_linker.deploy import cache
from port_linker.deploy.handle import MAX_LINE_BYTES, Agent, AttachError
from port_linker.deploy.opener import Opener
from port_linker.deploy.supply import Supply

TYPE_CHECKING = False  # importing typing would cost 3 ms of each start
if TYPE_CHECKING:
    from typing import Any

MAX_RESTARTS = 5  # within RESTART_WINDOW_S; then the agent is broken, not unlucky
RESTART_WINDOW_S = 60.0
IDLE_S = 3.0  # after the start of an agent; then there is time to look after files
TOUCH_PERIOD_S = 86400.0  # files in use stay younger than cache.KEEP_S
EXIT_FAILED = 1
EXIT_AGENT_CRASHES = 70


class Attacher:
    """What one header asks for. in_fd, out_fd: the channel; err_fd: the host's log."""

    def __init__(self, in_fd: int = 0, out_fd: int = 1, err_fd: int = 2) -> None:
        self.in_fd = in_fd
        self.out_fd = out_fd
        self.err_fd = err_fd
        self.answer_fd = out_fd
        self.restarts: list[float] = []

    def run(self) -> int:
        """Do it all; return the exit status."""
        try:
            header = self.read_header()
            if header is None:
                return 0
            return self.serve(header)
        except AttachError as error:
            self.answer(error=error.code, detail=error.detail)
            return EXIT_AGENT_CRASHES if error.code == "agent-crashes" else EXIT_FAILED
        except Exception as error:  # noqa: BLE001 - the host shall read why, not a traceback
            self.answer(error="attacher", detail=repr(error)[:500])
            return EXIT_FAILED

    def serve(self, header: dict[str, Any]) -> int:
        """Give an agent the channel, and wait."""
        self.supply = Supply(header)
        self.supply.open(self.read_bundle)
        self.opener = Opener(header, self.supply, (self.in_fd, self.out_fd, self.err_fd))
        agent, how = self.opener.open_agent()
        self.answer(agent=how, pid=agent.pid)
        self.answer_fd = self.err_fd  # stdout is the agent's from here on
        for directory in self.supply.directories:
            cache.prune(directory, time.time())
        return self.guard(agent)

    # The host

    def answer(self, **message: Any) -> None:
        """Write one line to the host; if it has gone, the end comes by itself."""
        with contextlib.suppress(OSError):
            os.write(self.answer_fd, b"PL1 " + json.dumps(message).encode() + b"\n")

    def read_header(self) -> dict[str, Any] | None:
        """Return the header, None if the host has gone. The host sends no more until we answer."""
        line = b""
        while not line.endswith(b"\n"):
            data = os.read(self.in_fd, MAX_LINE_BYTES)
            line += data
            if not data:
                return None
            if len(line) > MAX_LINE_BYTES:
                raise AttachError("header", "too long")
        header = json.loads(line)
        if header.get("v") != 1:
            raise AttachError("header", "version " + repr(header.get("v")))
        return dict(header)

    def read_bundle(self, size: int) -> bytes:
        """Ask the host for the bundle and return it."""
        self.answer(need="bundle")
        parts = []
        while size:
            part = os.read(self.in_fd, min(size, 1 << 20))
            if not part:
                raise AttachError("bundle-cut")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    # The wait

    def guard(self, agent: Agent) -> int:
        """Wait until the channel ends or the agent says bye; start another agent if it dies."""
        while True:
            is_over = self.wait_agent(agent)
            agent.drain_stderr(self.err_fd)
            agent.close()
            if is_over or self.supply.is_claimed_by_another():
                return 0
            agent = self.restart_agent()

    def wait_agent(self, agent: Agent) -> bool:
        """Return True when all is over, False when the agent died."""
        poll = select.poll()
        poll.register(self.in_fd, select.POLLRDHUP)
        poll.register(self.out_fd, 0)  # errors and hang-up are always told
        poll.register(agent.control, select.POLLIN)
        wait_s = IDLE_S
        while True:
            if agent.stderr is not None:
                poll.register(agent.stderr, select.POLLIN)
            ready = {fd for fd, _ in poll.poll(wait_s * 1000)}
            if self.in_fd in ready or self.out_fd in ready:
                return True
            if agent.stderr in ready:
                poll.unregister(agent.stderr)
                agent.relay_stderr(self.err_fd)
            if agent.control.fileno() in ready:
                word = agent.receive_word()
                if word == "bye":
                    self.supply.release()
                if word in ("bye", "end"):
                    return word == "bye"
            if not ready:
                self.supply.look_after()
                wait_s = TOUCH_PERIOD_S

    def restart_agent(self) -> Agent:
        """Start another agent on the same channel, and say so on stderr."""
        while True:
            now = time.monotonic()
            self.restarts = [at for at in self.restarts if now - at < RESTART_WINDOW_S]
            if len(self.restarts) >= MAX_RESTARTS:
                raise AttachError("agent-crashes")
            self.restarts.append(now)
            sync = os.urandom(16).hex()
            with contextlib.suppress(AttachError):
                agent = self.opener.start_agent(sync)
                self.answer(agent="restarted", pid=agent.pid, sync=sync)
                return agent


def main() -> None:
    """Run as ssh's child."""
    os.umask(0o077)
    os.chdir("/")
    for fd in range(3, 64):  # what sshd or a start file left open is not for the agent
        with contextlib.suppress(OSError):
            os.set_inheritable(fd, False)
    sys.exit(Attacher().run())


if __name__ == "__main__":
    main()
