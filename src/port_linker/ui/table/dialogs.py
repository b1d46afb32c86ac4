"""Windows above the table: questions, details, help. Texts are shown as they are, no markup."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from port_linker.model import clean_text
from port_linker.session.questions import Choice, Question
from port_linker.ui.table.pager import Pager
from port_linker.ui.text import keys

DEFAULT_FOR_ALL = "*"  # what QuestionScreen returns when the same is wanted for all that wait
QUIET_S = 1.0  # without a key before one may answer: who types something else does not mean us
FOLLOW_EVERY_S = 0.5
MAX_SENTENCE_CHARS = 600
CLOSING = ("escape", "enter", "q", "question_mark", "l")
_FRAME_COLUMNS = 4  # the border and a space on either side
_FRAME_LINES = 3  # the border, and the line of keys at the foot, which stays in view
_CSS = """
{name} {{ align: center middle; }}
{name} > Static {{ width: auto; min-width: 20; padding: 0 1; border: round ansi_default; }}
"""
Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """A window of text that can be scrolled. foot: the keys that work while it is open."""

    def __init__(self, lines: list[str], follows: bool = False) -> None:
        super().__init__()
        self.pager = Pager(lines, follows)
        self.has_left = False

    def leave(self, answer: Answer | None = None) -> None:
        """Close, once and never another window: keys typed meanwhile are still delivered here."""
        if not self.has_left and self.app.screen is self:
            self.has_left = True
            self.dismiss(answer)

    @property
    def foot(self) -> keys.Offers:
        """The keys and what they do, for the line at the foot."""
        return ()

    def compose(self) -> ComposeResult:
        """Build the one block of text."""
        yield Static()

    def on_mount(self) -> None:
        """Show the text, and its keys at the foot."""
        self.show_text()

    def on_resize(self) -> None:
        """Wrap anew."""
        self.show_text()

    def on_unmount(self) -> None:
        """Give the foot back."""
        self._draw_foot()

    def show_text(self) -> None:
        """Draw the part of the text that is in view."""
        width, height = self.app.size
        lines = self.pager.view(width * 9 // 10 - _FRAME_COLUMNS, height - _FRAME_LINES)
        for box in self.query(Static):  # there is none while the screen is being taken down
            box.update(Content("\n".join(lines)))
            box.border_subtitle = Content(self.pager.place)
        self._draw_foot()

    def scroll_text(self, key: str) -> bool:
        """Move the text as the key says; return whether it is a key that does."""
        if not self.pager.press(key):
            return False
        self.show_text()
        return True

    def _draw_foot(self) -> None:
        draw = getattr(self.app, "draw_foot", None)
        if draw is not None:
            draw()


class TextScreen(Dialog[None]):
    """Lines of text; a key of CLOSING closes it."""

    DEFAULT_CSS = _CSS.format(name="TextScreen")

    @property
    def foot(self) -> keys.Offers:
        """What works now."""
        return (*(keys.SCROLL if self.pager.can_move else ()), ("q", "close"))

    def on_key(self, event: events.Key) -> None:
        """Close on a key, or scroll; the others do nothing while this is open."""
        event.stop()
        if event.key in CLOSING:
            self.leave()
        else:
            self.scroll_text(event.key)


class LogScreen(TextScreen):
    """What happened, growing while it is read."""

    DEFAULT_CSS = _CSS.format(name="LogScreen")

    def __init__(self, read: Callable[[], list[str]]) -> None:
        super().__init__(read(), follows=True)
        self._read = read

    def on_mount(self) -> None:
        """Begin to follow."""
        super().on_mount()
        self.set_interval(FOLLOW_EVERY_S, self._follow)

    def _follow(self) -> None:
        self.pager.set_lines(self._read())
        self.show_text()


class QuestionScreen(Dialog[str | None]):
    """One question; returns the word of the choice, DEFAULT_FOR_ALL, or None if withdrawn.

    waiting: how many more questions are open. Keys count once the keyboard has been quiet.
    """

    DEFAULT_CSS = _CSS.format(name="QuestionScreen")

    def __init__(self, question: Question, waiting: int) -> None:
        self.question = question
        self._waiting = waiting
        self._confirming: Choice | None = None
        self._typed_s = 0.0  # when a key came last, or the question opened
        self._is_quiet = False
        super().__init__(self._sentences())

    def _sentences(self) -> list[str]:
        if self._confirming is not None:
            choice = self._confirming
            said = clean_text(f"{choice.word} {choice.confirm}", MAX_SENTENCE_CHARS)
            return [said, "y  yes", "Any other key: back"]
        question = self.question
        lines = [clean_text(question.sentence, MAX_SENTENCE_CHARS)]
        lines += [clean_text(f"{c.key}  {c.word}: {c.description}") for c in question.choices]
        if self._waiting:
            lines.append(f"a  {question.default} this and {self._waiting} more")
        return [*lines, f"Enter: {question.default}"]

    @property
    def foot(self) -> keys.Offers:
        """What works now."""
        if not self._is_quiet:
            return (("", "keys count after a second without one"),)
        if self._confirming is not None:
            return (("y", self._confirming.word), ("Esc", "back"))
        offers = tuple((choice.key, choice.word) for choice in self.question.choices)
        more = (("a", f"{self.question.default} all"),) if self._waiting else ()
        scroll = keys.SCROLL if self.pager.can_move else ()
        return (*offers, *more, ("Enter", self.question.default), *scroll, ("Ctrl-C", "quit"))

    def on_mount(self) -> None:
        """Begin to wait for quiet."""
        super().on_mount()
        self._typed_s = events.Event().time
        self.set_timer(QUIET_S, self._look_for_quiet)

    def _look_for_quiet(self) -> None:
        """Offer the keys if none came meanwhile."""
        left_s = self._typed_s + QUIET_S - events.Event().time
        if left_s > 0:
            self.set_timer(left_s, self._look_for_quiet)
        else:
            self._is_quiet = True
            self.show_text()

    def on_key(self, event: events.Key) -> None:
        """Answer on a letter."""
        event.stop()
        if not self._is_quiet:
            self._is_quiet = event.time - self._typed_s >= QUIET_S
            self._typed_s = event.time
        if not self._is_quiet:
            return
        if self._confirming is not None:
            self._confirm(event.key)
        elif not self.scroll_text(event.key):
            self._answer(event)

    def _answer(self, event: events.Key) -> None:
        if event.key in ("escape", "enter"):
            self.leave(self.question.default)
        elif event.key == "a" and self._waiting:
            self.leave(DEFAULT_FOR_ALL)
        elif event.character and event.character.strip():
            choice = self.question.choice_of(event.character)
            if choice is not None and choice.confirm:
                self._ask_again(choice)
            elif choice is not None:
                self.leave(choice.word)

    def _confirm(self, key: str) -> None:
        choice = self._confirming
        if key == "y" and choice is not None:
            self.leave(choice.word)
        else:
            self._ask_again(None)

    def _ask_again(self, choice: Choice | None) -> None:
        self._confirming = choice
        self.pager.set_lines(self._sentences())
        self.show_text()
