"""Runs one attempt to reach the agent at a time, and watches the channel that comes of it. I/O."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

from port_linker.cause import CHANNEL_ENDED, Cause, cause_of
from port_linker.deploy.channel import AgentChannel, AgentRestarted, ChannelEnded
from port_linker.deploy.connect import open_agent_channel
from port_linker.deploy.settings import ConnectSettings, Progress
from port_linker.errors import PortLinkerError
from port_linker.ssh.target import Target
from port_linker.tasks import start_task

logger = logging.getLogger(__name__)

CLOSE_S = 2.0  # for the child's end; it is killed after one second


class ConnectorOwner(Protocol):
    """What the session wants to hear of attempts and channels."""

    def on_channel_opened(self, channel: AgentChannel) -> None:
        """The agent has the channel."""

    def on_channel_failed(self, error: PortLinkerError) -> None:
        """The attempt ended without one."""

    def on_agent_restarted(self, channel: AgentChannel, sync: bytes) -> None:
        """Another agent runs on the same channel."""

    def on_channel_ended(self, cause: Cause) -> None:
        """The child is gone."""


class Connector:
    """At most one attempt or channel at a time; an older one is given up for a newer."""

    def __init__(
        self, target: Target, owner: ConnectorOwner, on_progress: Callable[[Progress], None]
    ) -> None:
        self._target, self._owner, self._on_progress = target, owner, on_progress
        self._attempt: asyncio.Task[Any] | None = None
        self._channel: AgentChannel | None = None
        self._closing: set[asyncio.Task[Any]] = set()

    def open(self, settings: ConnectSettings, unattended: bool) -> None:
        """Start an attempt; the owner hears how it ends."""
        self.close()
        self._attempt = start_task(self._run(settings, unattended), "connect")

    def close(self) -> None:
        """Give the attempt or the channel up without waiting."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.cancel()
        channel, self._channel = self._channel, None
        if channel is not None:
            task = start_task(channel.close(), "close channel")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def wait_ended(self, timeout_s: float) -> bool:
        """Wait until the present channel's child has ended by itself; False after timeout_s."""
        attempt = self._attempt
        if attempt is None:
            return True
        done, _ = await asyncio.wait([attempt], timeout=timeout_s)
        return bool(done)

    async def shut(self) -> None:
        """Give everything up and wait until no child of ours is left."""
        self.close()
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_S)

    async def _run(self, settings: ConnectSettings, unattended: bool) -> None:
        try:
            channel = await open_agent_channel(
                self._target, settings, self._on_progress, unattended
            )
        except PortLinkerError as error:
            self._owner.on_channel_failed(error)
            return
        except Exception as error:  # or the session would wait for ever
            logger.exception("an attempt to connect failed")
            reason = getattr(error, "strerror", None) or repr(error)
            self._owner.on_channel_failed(PortLinkerError(f"could not connect: {reason}"))
            return
        self._channel = channel
        try:
            self._owner.on_channel_opened(channel)
            await self._watch(channel)
        except asyncio.CancelledError:
            with contextlib.suppress(asyncio.CancelledError):
                await channel.close()
            raise

    async def _watch(self, channel: AgentChannel) -> None:
        while self._channel is channel:
            event = await channel.wait_event()
            if isinstance(event, AgentRestarted):
                self._owner.on_agent_restarted(channel, event.sync)
            elif isinstance(event, ChannelEnded):
                if self._channel is channel:
                    cause = cause_of(event.error) if event.error else Cause(CHANNEL_ENDED)
                    self._owner.on_channel_ended(cause)
                return
