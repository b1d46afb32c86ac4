"""When the stdio link goes inside QUIC. Pure; `now` is monotonic seconds.

    off -> entering -> up -> off …

Only while ssh is gone and QUIC carries new flows over UDP. A real ssh takes the link over at once;
if QUIC falters, both links are down and ssh's rules apply.
"""

from __future__ import annotations

import enum

from port_linker.session.backoff import Backoff

GREET_S = 10.0  # from the open flow to the agent's hello
HEARTBEAT_S = 2.0
DEAD_AFTER_S = 6.0  # of an agent that does not answer though QUIC is well
STABLE_S = 5.0  # a carried link that lasted so long was good


class Step(enum.Enum):
    """What to do now."""

    NOTHING = enum.auto()
    ENTER = enum.auto()  # open a flow to the agent's door and speak over it
    LEAVE = enum.auto()  # drop that flow, flows of the link wait
    PING = enum.auto()


class CarryMachine:
    """Knows whether the stdio link is inside QUIC."""

    def __init__(self) -> None:
        self._is_entered = False
        self._up_at: float | None = None
        self._deadline = self._ping_at = self._retry_at = 0.0
        self._backoff = Backoff()

    @property
    def is_active(self) -> bool:
        """Whether what the link tells is about the carried one."""
        return self._is_entered

    @property
    def is_up(self) -> bool:
        """Whether flows of the stdio link move inside QUIC."""
        return self._up_at is not None

    def look(self, now: float, *, is_wanted: bool) -> Step:
        """Return what is due. is_wanted: ssh is gone, and QUIC is a way."""
        if not is_wanted:
            self._backoff.reset()
            self._retry_at = 0.0
            return self._leave() if self._is_entered else Step.NOTHING
        if not self._is_entered:
            return self._enter(now) if now >= self._retry_at else Step.NOTHING
        if now >= self._deadline:
            return self.lost(now)
        if self.is_up and now >= self._ping_at:
            self._ping_at = now + HEARTBEAT_S
            return Step.PING
        return Step.NOTHING

    def greeted(self, now: float) -> None:
        """The hellos have met."""
        self._up_at = self._ping_at = now
        self._deadline = now + DEAD_AFTER_S

    def heard(self, now: float) -> None:
        """The agent sent something."""
        if self.is_up:
            self._deadline = now + DEAD_AFTER_S

    def lost(self, now: float) -> Step:
        """The flow ended, or the agent does not answer: later again."""
        if self._up_at is not None and now - self._up_at >= STABLE_S:
            self._backoff.reset()
        self._retry_at = now + self._backoff.next_delay_s()
        return self._leave()

    def taken_over(self) -> None:
        """A real ssh has the link."""
        self._leave()

    def _enter(self, now: float) -> Step:
        self._is_entered = True
        self._deadline = now + GREET_S
        return Step.ENTER

    def _leave(self) -> Step:
        self._is_entered, self._up_at = False, None
        return Step.LEAVE
