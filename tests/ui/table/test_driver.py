"""A terminal that stalls or is gone stalls nobody."""

from __future__ import annotations

import inspect
import io
import os
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.app import App
from textual.drivers import linux_driver
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread
from textual.drivers.linux_driver import LinuxDriver

from port_linker.ui.table import driver
from port_linker.ui.table.driver import EscapeParser, SteadyDriver


def read_keys(*chunks: str) -> list[str]:
    """Return the keys of what a terminal sent, each chunk at once."""
    parser = EscapeParser(False)
    tokens = [token for chunk in chunks for token in parser.feed(chunk)]
    return [token.key for token in tokens if isinstance(token, events.Key)]


@pytest.mark.parametrize(
    ("chunks", "keys"),
    [
        (["\x1bq"], ["escape", "q"]),
        (["\x1b", "q"], ["escape", "q"]),
        (["\x1b/"], ["escape", "slash"]),
        (["\x1b\r"], ["escape", "enter"]),
        (["\x1b\x1bq"], ["escape", "escape", "q"]),
        (["a\x1bq\x1b[Bz"], ["a", "escape", "q", "down", "z"]),
        (["\x1b[A", "\x1b", "[A", "\x1b[", "A", "\x1bOA"], ["up"] * 4),
        (["\x1b\x7f"], ["ctrl+w"]),
        (["\x1b[200~a\x1bqb\x1b[201~", "q"], ["escape", "q"]),
    ],
)
def test_esc_is_a_key_of_its_own_however_fast_the_next_one_comes(
    chunks: list[str], keys: list[str]
) -> None:
    assert read_keys(*chunks) == keys


@given(st.lists(st.text(st.sampled_from("\x1bq/[A~2;O\r\x7f"), min_size=1, max_size=6), max_size=5))
def test_any_input_is_read_the_same_whatever_the_chunks(chunks: list[str]) -> None:
    assert read_keys(*chunks) == read_keys("".join(chunks))


def test_the_drivers_thread_makes_this_parser() -> None:
    source = inspect.getsource(LinuxDriver.run_input_thread)
    assert "XTermParser(" in source
    assert vars(linux_driver)["XTermParser"] is EscapeParser


class StalledTerminal(io.StringIO):
    """Takes nothing until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck = threading.Event()
        self.released = threading.Event()

    def write(self, text: str) -> int:
        self.stuck.set()
        assert self.released.wait(10)
        return super().write(text)


class Gone(io.StringIO):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


class PostBox:
    """Stands in for the app: remembers what the driver tells it."""

    def __init__(self) -> None:
        self.posted: list[object] = []

    def post_message(self, message: object) -> None:
        self.posted.append(message)


@pytest.fixture
def steady() -> SteadyDriver:
    made = SteadyDriver.__new__(SteadyDriver)
    made._app = PostBox()  # type: ignore[assignment]
    made._writer_thread = None
    made._debug = False
    made.exit_event = threading.Event()
    return made


def start(steady: SteadyDriver, stream: io.StringIO) -> WriterThread:
    thread = WriterThread(stream)
    thread.start()
    steady._writer_thread = thread
    return thread


def test_a_stalled_terminal_is_drawn_anew_once_it_takes_text_again(steady: SteadyDriver) -> None:
    stream = StalledTerminal()
    start(steady, stream)
    steady.write("first")
    assert stream.stuck.wait(10)
    for number in range(MAX_QUEUED_WRITES + 5):
        steady.write(f"[{number}]")
    posted = steady._app.posted  # type: ignore[attr-defined]
    assert posted == []
    stream.released.set()
    while not posted:
        steady.write("later")
    assert isinstance(posted[0], SteadyDriver.SignalResume)
    steady.close()
    assert stream.getvalue().startswith("first[0][1]")
    assert "[34]" not in stream.getvalue()


def test_closing_does_not_wait_for_a_stalled_terminal(
    steady: SteadyDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "CLOSE_WAIT_S", 0.01)
    stream = StalledTerminal()
    thread = start(steady, stream)
    for _ in range(MAX_QUEUED_WRITES + 2):
        steady.write("x")
    steady.close()
    assert thread.is_alive()
    stream.released.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_terminal_that_is_gone_takes_everything(steady: SteadyDriver) -> None:
    thread = start(steady, Gone())
    steady.write("x")
    thread.join(10)
    for _ in range(MAX_QUEUED_WRITES * 2):
        steady.write("x")
    steady.close()


def test_before_the_screen_begins_nothing_is_written(steady: SteadyDriver) -> None:
    steady.write("x")
    steady.close()


async def test_it_is_made_as_textual_makes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as stream:
        monkeypatch.setattr(sys, "__stdin__", stream)
        monkeypatch.setattr("signal.signal", lambda *_: None)
        made = SteadyDriver(App())
        assert made.can_suspend
    os.close(writer)


def test_in_the_background_the_terminal_is_left_alone(
    steady: SteadyDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    steady.fileno = reader
    steady._auto_restart = False  # as while ssh asks for a password
    steady._sigcont_application()
    assert not steady._app.posted  # type: ignore[attr-defined]
    steady._auto_restart = True
    steady._is_given_back = True  # by Ctrl-Z
    steady._sigcont_application()
    steady._sigcont_application()
    posted = steady._app.posted  # type: ignore[attr-defined]
    assert [type(message) for message in posted] == [SteadyDriver.WentAway]
    screen = io.StringIO()
    thread = start(steady, screen)
    steady.write("x")
    steady.disable_input()
    steady.stop_application_mode()
    steady.close()
    thread.join(10)
    assert screen.getvalue() == ""
    for number in (reader, writer):
        os.close(number)


def test_whoever_reads_a_terminal_that_is_gone_ends_with_the_table(steady: SteadyDriver) -> None:
    """A process that nobody saw any more span there, and never ended."""
    near, far = os.pipe()
    os.close(far)
    steady.fileno = near
    reading = threading.Thread(target=steady._run_input_thread, daemon=True)
    reading.start()
    steady.close()
    reading.join(5)
    assert not reading.is_alive()
    os.close(near)
