"""The seam between a session and whoever shows it. Pure: types only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the command line is read before these are needed
    from port_linker.link.interface import Traffic
    from port_linker.session.events import SessionEvent
    from port_linker.session.questions import Question


class SessionControl(Protocol):
    """What a front end may do to the session; nothing here waits."""

    def quit(self) -> None:
        """End the session in good order."""

    def reconnect_now(self) -> None:
        """Try the link again at once instead of after the backoff."""

    def has_answer(self, key: str) -> bool:
        """Whether a person has answered something about a service that can be taken back."""

    def take_back(self, key: str) -> bool:
        """Forget what a person answered about a service; False if there is nothing to forget."""

    async def login(self) -> None:
        """Run ssh so that it asks the person at the terminal; return when it is done with them.

        The terminal must be free for it.
        """

    def traffic(self) -> Mapping[str, Traffic]:
        """Return the counters of every service, by its key ("tcp/127.0.0.1:80")."""


class FrontEnd(Protocol):
    """A reader of the stream of events that may also ask.

    on_event and ask are called on the loop's thread, on_event never blocks. run() is started
    once, beside the session; it returns when the person (or the reader of the lines) has left,
    and the session then ends. It is cancelled when the session ends first.
    """

    @property
    def interactive(self) -> bool:
        """Whether a person can answer now."""

    def on_event(self, event: SessionEvent) -> None:
        """Show one event."""

    async def ask(self, question: Question) -> str | None:
        """Return the word of the choice, or None if nobody answered.

        Cancel it when the question has settled itself; it then leaves the screen.
        """

    async def run(self, control: SessionControl) -> None:
        """Show the session until the person leaves; the terminal is whole afterwards."""
