"""The live table beside a session, without a terminal; test_tmux.py has the real one."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from port_linker.link.interface import Traffic
from port_linker.session.events import SessionState
from port_linker.ui import live
from port_linker.ui.format import format_clock
from port_linker.ui.live import LiveScreen
from port_linker.ui.plain import PlainConfig
from port_linker.ui.table.app import TableApp
from tests.ui.samples import AT, log, question, service, session

TIME = format_clock(AT)


class FakeControl:
    """A session that does nothing; its counters can break."""

    def __init__(self) -> None:
        self.broken = False
        self.called: list[str] = []

    def quit(self) -> None:
        self.called.append("quit")

    def reconnect_now(self) -> None:
        self.called.append("reconnect")

    def has_answer(self, key: str) -> bool:
        return False

    def take_back(self, key: str) -> bool:
        self.called.append(f"take back {key}")
        return True

    async def login(self) -> None:
        self.called.append("login")

    def traffic(self) -> Mapping[str, Traffic]:
        if self.broken:
            raise RuntimeError("the counters broke")
        return {}


class Streams:
    """What the person sees outside the table."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._seen = ["", ""]

    def read(self) -> tuple[str, str]:
        """Return all of stdout and stderr so far."""
        for place, text in enumerate(self._capsys.readouterr()):
            self._seen[place] += text
        return self._seen[0], self._seen[1]


@pytest.fixture(autouse=True)
def headless(monkeypatch: pytest.MonkeyPatch) -> list[TableApp]:
    """Run tables without a terminal; return those that were started."""
    started: list[TableApp] = []
    run_async = TableApp.run_async

    async def run_headless(app: TableApp, **options: Any) -> None:
        started.append(app)
        await run_async(app, headless=True, size=(80, 12), **options)

    monkeypatch.setattr(TableApp, "run_async", run_headless)
    return started


@pytest.fixture
def streams(capsys: pytest.CaptureFixture[str]) -> Streams:
    return Streams(capsys)


async def until(check: Callable[[], object]) -> None:
    """Wait until something holds, 10 s at most."""
    async with asyncio.timeout(10):
        while not check():  # noqa: ASYNC110 - what holds belongs to Textual, which tells nobody
            await asyncio.sleep(0)


async def open_table(front: LiveScreen, control: FakeControl) -> asyncio.Task[None]:
    running = asyncio.ensure_future(front.run(control))
    front.on_event(session(SessionState.UP))
    await until(lambda: front._app is not None and front._app.is_running)
    return running


async def test_before_up_the_terminal_belongs_to_ssh(
    headless: list[TableApp], streams: Streams
) -> None:
    front = LiveScreen("dev1", PlainConfig())
    running = asyncio.ensure_future(front.run(FakeControl()))
    front.on_event(session(SessionState.CONNECTING))
    front.on_event(log("the banner of dev1", "warning"))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    front.on_event(session(SessionState.CLOSED))
    front.close()
    assert headless == []
    assert streams.read() == (f"{TIME} dev1 is closed\n", f"{TIME} the banner of dev1\n")


async def test_leaving_the_table_ends_run_and_the_last_word_comes_after(
    headless: list[TableApp], streams: Streams
) -> None:
    front = LiveScreen("dev1", PlainConfig())
    running = await open_table(front, FakeControl())
    assert front.interactive
    front.on_event(service())
    front.on_event(log("not for the shell now", "warning"))
    front.on_event(session(SessionState.CLOSED))
    headless[0].exit()
    await asyncio.wait_for(running, 10)
    assert streams.read() == ("", "")
    front.close()
    assert streams.read() == (f"{TIME} dev1 is closed\n", "")


async def test_the_session_may_end_first(headless: list[TableApp], streams: Streams) -> None:
    front = LiveScreen("dev1", PlainConfig())
    handler = signal.getsignal(signal.SIGTSTP)
    running = await open_table(front, FakeControl())
    running.cancel()
    await asyncio.wait([running], timeout=10)
    assert running.cancelled()
    assert not headless[0].is_running
    assert signal.getsignal(signal.SIGTSTP) is handler
    front.close()
    assert streams.read() == ("", "")


async def test_when_the_table_fails_plain_lines_go_on(
    headless: list[TableApp], streams: Streams, caplog: pytest.LogCaptureFixture
) -> None:
    front, control = LiveScreen("dev1", PlainConfig()), FakeControl()
    running = await open_table(front, control)
    front.on_event(service())
    control.broken = True
    headless[0].call_later(headless[0].draw)
    await until(lambda: front._is_plain)
    front.on_event(service(80))
    assert not running.done()
    assert await front.ask(question()) is None  # nobody answers lines here
    running.cancel()
    front.close()
    out, err = streams.read()
    assert err.startswith("the table failed; plain lines go on")
    assert [line[9:19] for line in out.splitlines()] == ["● 5432/tcp", "● 80/tcp ("]
    assert "the counters broke" in caplog.text


async def test_questions_wait_for_the_table_and_are_in_the_picture(
    headless: list[TableApp], streams: Streams
) -> None:
    front = LiveScreen("dev1", PlainConfig())
    asked = asyncio.ensure_future(front.ask(question()))
    await asyncio.sleep(0)
    assert list(front._picture.questions) == ["1"]
    running = await open_table(front, FakeControl())
    await until(lambda: len(headless[0].screen_stack) == 2)
    headless[0].screen.dismiss("kill")
    assert await asyncio.wait_for(asked, 10) == "kill"
    assert not front._picture.questions
    unanswered = asyncio.ensure_future(front.ask(question(2)))
    await until(lambda: len(headless[0].screen_stack) == 2)
    headless[0].exit()
    await asyncio.wait_for(running, 10)
    assert await unanswered is None
    front.close()


async def test_the_table_reaches_the_session(
    headless: list[TableApp], streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    front, control = LiveScreen("dev1", PlainConfig()), FakeControl()
    running = await open_table(front, control)
    headless[0]._hooks.reconnect_now()
    assert control.called == ["reconnect"]
    headless[0]._hooks.interrupt()
    assert raised == [signal.SIGINT]
    await until(lambda: front._app is None)
    assert not running.done()  # the signal ends the session, not the front end
    running.cancel()
    front.close()


async def test_an_interrupt_while_the_table_goes_is_still_a_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raised: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    front = LiveScreen("dev1", PlainConfig())
    front._interrupt()
    assert raised == [signal.SIGINT]
    front.close()


async def test_a_table_that_hangs_is_left(
    headless: list[TableApp], streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LEAVE_WAIT_S", 0.01)
    front = LiveScreen("dev1", PlainConfig())
    running = await open_table(front, FakeControl())
    monkeypatch.setattr(headless[0], "exit", lambda: None)
    running.cancel()
    await asyncio.wait([running], timeout=10)
    assert running.cancelled()
    front.close()
