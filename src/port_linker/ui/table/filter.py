"""The line in which a filter is typed, as less does: a slash, the text, Enter keeps, Esc ends."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class FilterLine(Horizontal):
    """Hidden while there is no filter; has the keys while one is being typed."""

    DEFAULT_CSS = """
    FilterLine { height: 1; display: none; }
    FilterLine > Static { width: 1; }
    FilterLine > Input { height: 1; border: none; padding: 0; width: 1fr; }
    """

    @dataclass
    class Changed(Message):
        """Other rows are wanted."""

        text: str

    @dataclass
    class Closed(Message):
        """The keys belong to the table again."""

    def compose(self) -> ComposeResult:
        """Build the slash and the text behind it."""
        yield Static("/")
        yield Input(compact=True, select_on_focus=False)

    @property
    def is_typing(self) -> bool:
        """Whether keys are text; there is no text yet, or no more, at either end of the screen."""
        focused = self.screen.focused  # at once, has_focus only some messages later
        return any(entry is focused for entry in self.query(Input))

    def begin(self) -> None:
        """Take the keys for a new filter."""
        entry = self.query_one(Input)
        entry.value = ""
        self.display = True
        self.screen.set_focus(entry)

    def end(self) -> None:
        """Show all rows again."""
        self.query_one(Input).value = ""
        self._close()

    def on_key(self, event: events.Key) -> None:
        """Leave when the slash itself is taken back."""
        if event.key == "backspace" and not self.query_one(Input).value:
            event.stop()
            self.end()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing; a letter that was on its way when the filter ended is nothing."""
        event.stop()
        if event.value and not self.display:
            self.query_one(Input).value = ""
        else:
            self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter."""
        event.stop()
        self._close()

    def _close(self) -> None:
        self.display = bool(self.query_one(Input).value)
        self.screen.set_focus(None)
        self.post_message(self.Closed())
