"""Windows above the table: questions, details, help. Texts are shown as they are, no markup."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from port_linker.model import clean_text
from port_linker.session.questions import Question

DEFAULT_FOR_ALL = "*"  # what QuestionScreen returns when the same is wanted for all that wait
_CSS = """
{name} {{ align: center middle; }}
{name} > Static {{
    width: auto; max-width: 90%; max-height: 90%; padding: 0 1; border: round ansi_default;
}}
"""
MAX_SENTENCE_CHARS = 600


class TextScreen(ModalScreen[None]):
    """Lines of text; any of Esc, Enter, q or ? closes it."""

    DEFAULT_CSS = _CSS.format(name="TextScreen")

    def __init__(self, title: str, lines: list[str]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Build the one block of text."""
        box = Static(Content("\n".join(self._lines)))
        box.border_title = Content(self._title)
        yield box

    def on_key(self, event: events.Key) -> None:
        """Close on a key; the others do nothing while this is open."""
        event.stop()
        if event.key in ("escape", "enter", "q", "question_mark"):
            self.dismiss()


class QuestionScreen(ModalScreen[str | None]):
    """One question; returns the word of the choice, DEFAULT_FOR_ALL, or None if withdrawn.

    waiting: how many more questions are open.
    """

    DEFAULT_CSS = _CSS.format(name="QuestionScreen")

    def __init__(self, question: Question, waiting: int) -> None:
        super().__init__()
        self.question = question
        self._waiting = waiting

    def compose(self) -> ComposeResult:
        """Build the sentence and its answers."""
        question = self.question
        lines = [clean_text(question.sentence, MAX_SENTENCE_CHARS)]
        lines += [f"{c.key}  {c.word}: {c.description}" for c in question.choices]
        if self._waiting:
            lines.append(f"a  {question.default} this and {self._waiting} more")
        box = Static(Content("\n".join(lines)))
        box.border_subtitle = Content(f"Enter: {question.default}")
        yield box

    def on_key(self, event: events.Key) -> None:
        """Answer on a letter."""
        event.stop()
        if event.key in ("escape", "enter"):
            self.dismiss(self.question.default)
        elif event.key == "a" and self._waiting:
            self.dismiss(DEFAULT_FOR_ALL)
        elif event.character:
            word = self.question.word_of(event.character)
            if word is not None and event.character.strip():
                self.dismiss(word)
