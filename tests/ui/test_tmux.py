"""The table in a real terminal: appearance, questions, size, and that the terminal stays whole."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
from collections.abc import Iterator

import pytest

from tests.lab.shell import wait_until
from tests.ui.tmux import Terminal

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.slow,
]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Terminal() as made:
        yield made


def open_table(terminal: Terminal, *options: str) -> str:
    """Start the table with three services; return the settings from before."""
    before = settings_at_prompt(terminal)
    terminal.start(*options)
    terminal.tell("up 3")
    terminal.wait_for(r"8002/tcp")
    return before


def settings_at_prompt(terminal: Terminal) -> str:
    """Return the settings once the shell reads a line: it sets them itself, after its prompt."""

    def look() -> str:
        found = terminal.settings()  # once: it may begin to carry out what was typed before
        return found if " -icanon " in found else ""

    return wait_until(look, "a line is read")


def check_whole(terminal: Terminal, before: str) -> None:
    """See that the shell has its terminal back as it was: mode, cursor, screen, echo."""
    terminal.wait_for(r"^ready>$")
    assert settings_at_prompt(terminal) == before
    terminal.type_line("echo whole")
    terminal.wait_for(r"^ready> echo whole\nwhole\nready>$")


def test_a_picture_of_the_real_screen(terminal: Terminal) -> None:
    open_table(terminal)
    terminal.tell("service 22 skipped")
    terminal.tell("service 8081 conflict")
    text = terminal.wait_for(r"8081/tcp[^$]*1/5$")
    picture = re.sub(r"for \d+ s", "for N s", text).split("\n")
    assert picture[0] == "dev1  ● up  stdio 0.4 ms  3 ready  1 conflict  1 skipped  for N s"
    assert picture[1] == "  STATE    SERVICE   PROCESS          FLOWS TARGET          HERE"
    assert picture[2] == (
        "– skipped  22/tcp    postgres               127.0.0.1:22    as the test says"  # noqa: RUF001
    )
    assert picture[3] == (
        "● ready    8000/tcp  app8000              1 127.0.0.1:8000  localhost:8000"
    )
    assert picture[6] == (
        "▲ conflict 8081/tcp  postgres               127.0.0.1:8081  as the test says"
    )
    assert picture[15] == ("q quit  / filter  s skipped  Enter detail  l log  ? help  1/5")
    assert "\x1b[32m● \x1b" in terminal.raw() or "\x1b[32m●" in terminal.raw()


def test_without_colour_there_is_none(terminal: Terminal) -> None:
    open_table(terminal, "--no-color")
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|4[0-7]|38|48)[;m]", terminal.raw())


def test_hostile_names_do_not_reach_the_terminal_raw(terminal: Terminal) -> None:
    before = open_table(terminal)
    terminal.tell("hostile")
    text = terminal.wait_for(r"7000/tcp")
    assert "[red]x" in text
    assert "owned" not in terminal._tmux("display", "-p", "#{pane_title}")
    terminal.press("q")
    check_whole(terminal, before)


def test_a_question_is_asked_inside_and_answered(terminal: Terminal) -> None:
    open_table(terminal)
    terminal.tell("ask")
    terminal.wait_for(r"8080 is held here by node \(pid 71\)[^$]*keys count after a second")
    terminal.wait_for(r"^x kill  r remap  s skip  Enter skip  Ctrl-C quit$")
    terminal.press("r")
    text = terminal.wait_for(r"localhost:8080 \(rem")
    assert "held here" not in text


def test_a_key_that_is_held_or_a_filter_being_typed_answers_no_question(
    terminal: Terminal,
) -> None:
    open_table(terminal)
    terminal.press("/", "s", "q", "/", "k")  # as fast as it can be typed
    terminal.wait_for(r"^/sq/k$")
    terminal.tell("ask")
    terminal.wait_for(r"1 question waits: Enter or Esc ends the filter first")
    terminal.press("f", "k", "a", "Enter")
    terminal.press(*["Enter", "k", "x", "y"] * 5)
    text = terminal.wait_for(r"keys count after a second without one")
    assert "held here" in text
    terminal.wait_for(r"^x kill  r remap")
    terminal.press("x")
    terminal.wait_for(r"kill that process; what it has not saved is lost[^$]*^y kill  Esc back$")
    terminal.press("y")
    terminal.press("Escape")
    terminal.wait_for(r"localhost:8080 \(kil")


def test_esc_and_the_key_behind_it_are_two_keys(terminal: Terminal) -> None:
    """Sent at once, as by a fast typist through tmux; a terminal sends Alt+q the same way."""
    before = open_table(terminal)
    terminal.press("/", "8", "0", "0", "1")
    terminal.wait_for(r"^/8001$")
    terminal.press("Escape", "/", "2")
    terminal.wait_for(r"^/2$")
    terminal.press("Escape", "Escape", "q")
    check_whole(terminal, before)


def test_a_question_that_settled_itself_goes(terminal: Terminal) -> None:
    open_table(terminal)
    terminal.tell("ask")
    terminal.wait_for(r"held here")
    terminal.tell("withdraw")
    terminal.wait_for(r"\A(?![^$]*held here)")


def test_an_outage_in_words_down_to_40_by_10(terminal: Terminal) -> None:
    open_table(terminal)
    terminal.tell("outage")
    terminal.wait_for(r"No contact with dev1 for \d s \(ssh ended\)")
    terminal.resize(40, 10)
    text = terminal.wait_for(r"\? help  1/3$")
    assert max(len(line) for line in text.split("\n")) <= 40
    assert "● 8000/tcp  app8000      localhost:8000" in text
    assert "No contact with dev1" in text
    terminal.press("r")
    terminal.wait_for(r"Trying now")
    terminal.tell("back")
    terminal.resize(100, 20)
    text = terminal.wait_for(r"TOTAL")
    assert "No contact" not in terminal.wait_for(r"^dev1  ● up")


@pytest.mark.parametrize(
    ("leave", "code"), [("q", 0), ("C-c", 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_terminal_is_whole_after_every_end(
    terminal: Terminal, leave: str | signal.Signals, code: int
) -> None:
    terminal.type_line("clear; trap 'echo code $?' ERR")
    before = open_table(terminal)
    if isinstance(leave, str):
        terminal.press(leave)
    else:
        os.kill(terminal.child(), leave)
    text = terminal.wait_for(r"ready>$")
    assert ("code" in text) is (code != 0)
    assert code == 0 or f"code {code}" in text
    check_whole(terminal, before)


@pytest.mark.parametrize("options", [(), ("--plain",)])
def test_a_terminal_that_is_closed_ends_the_session(
    terminal: Terminal, options: tuple[str, ...]
) -> None:
    terminal.start(*options)
    terminal.tell("up 3")
    terminal.wait_for(r"8002/tcp")
    child = os.pidfd_open(terminal.child())
    terminal.close()
    assert select.select([child], [], [], 10)[0], "it lives on without its terminal"
    os.close(child)


def test_after_an_exception_lines_go_on_and_the_terminal_is_whole(terminal: Terminal) -> None:
    before = open_table(terminal)
    terminal.tell("crash")
    text = terminal.wait_for(r"^\d\d:\d\d:\d\d ● 8002/tcp \(app8002\) is ready at localhost:8002$")
    assert "the table failed; plain lines go on" in text
    assert "Traceback" not in text
    after = terminal.settings()
    assert after.split("\n")[0] == before.split("\n")[0]
    assert {"icanon", "echo", "isig"} <= set(after.split())
    terminal.tell("service 99 ready")
    terminal.wait_for(r"99/tcp \(postgres\) is ready")
    terminal.press("C-c")
    terminal.wait_for(r"ready>$")


def test_suspend_and_resume(terminal: Terminal) -> None:
    before = open_table(terminal)
    terminal.press("C-z")
    terminal.wait_for(r"Stopped[^$]*^ready>$")
    assert terminal.settings() == before
    terminal.type_line("fg")
    text = terminal.wait_for(r"\? help  1/3$")
    assert "8000/tcp" in text
    terminal.press("q")
    terminal.wait_for(r"ready>$")
    assert terminal.settings() == before


def test_in_the_background_after_a_stop_there_are_lines_and_fg_brings_the_table(
    terminal: Terminal,
) -> None:
    before = open_table(terminal)
    terminal.tell("ask")
    terminal.wait_for(r"held here")
    terminal.press("C-z")
    terminal.wait_for(r"Stopped[^$]*^ready>$")
    terminal.type_line("bg")
    terminal.wait_for(r"in the background: plain lines go on")
    terminal.tell("service 99 ready")
    terminal.wait_for(r"99/tcp \(postgres\) is ready")
    terminal.type_line("clear; jobs")
    terminal.wait_for(r"^\[1\]\+  Running")
    assert settings_at_prompt(terminal) == before
    terminal.type_line("fg")
    text = terminal.wait_for(r"held here[^$]*^x kill  r remap")
    assert "99/tcp" in text
    terminal.press("s")
    terminal.wait_for(r"localhost:8080 \(ski")
    terminal.press("q")
    check_whole(terminal, before)


def test_after_a_stop_that_nobody_announced_the_screen_is_whole(terminal: Terminal) -> None:
    before = open_table(terminal)
    child = terminal.child()
    os.kill(child, signal.SIGSTOP)
    terminal.wait_for(r"Stopped[^$]*^ready>")
    terminal.type_line("clear; echo over the table")
    terminal.wait_for(r"\Aover the table$")
    terminal.type_line("fg")
    text = terminal.wait_for(r"\Adev1  ● up(?![^$]*over the table)[^$]*\? help  1/3$")
    assert text.split("\n")[1].split()[:2] == ["STATE", "SERVICE"]
    os.kill(child, signal.SIGSTOP)
    terminal.wait_for(r"Stopped[^$]*ready>")
    terminal.type_line("clear; bg")
    terminal.wait_for(r"in the background: plain lines go on")
    terminal.tell("service 99 ready")
    terminal.wait_for(r"99/tcp \(postgres\) is ready")
    terminal.type_line("fg")
    terminal.wait_for(r"^dev1  ● up[^$]*\? help  1/4$")
    terminal.press("q")
    check_whole(terminal, before)


def test_ctrl_l_takes_away_what_others_wrote_over_the_table(terminal: Terminal) -> None:
    open_table(terminal)
    with open(terminal.tty, "w") as screen:
        screen.write("\x1b[3;1Hwritten by somebody else\x1b[12;5Hand here too")
    terminal.wait_for(r"written by somebody else[^$]*and here too")
    terminal.press("C-l")
    text = terminal.wait_for(r"\A(?![^$]*written by)[^$]*\? help  1/3$")
    assert "here too" not in text


def test_the_log_tells_what_came_and_went_and_scrolls_at_40_by_10(terminal: Terminal) -> None:
    open_table(terminal)
    for state in ("ready", "gone", "ready", "gone"):
        terminal.tell(f"service 99 {state}")
    terminal.resize(40, 10)
    terminal.wait_for(r"\? help  1/\d$")
    terminal.press("l")
    text = terminal.wait_for(r"is │\n[^$]*says \(2 times │[^$]*^↑↓ scroll  q close$")
    assert "dev1 is up" not in text
    terminal.press("Home")
    terminal.wait_for(r"\d\d:\d\d:\d\d connecting to dev1")
    terminal.press("q")
    terminal.wait_for(r"\? help  \d/\d$")
    terminal.press("?")
    terminal.wait_for(r"end the session")
    terminal.press("End")
    terminal.wait_for(r"last row")


def test_a_second_ctrl_c_leaves_at_once_and_whole(terminal: Terminal) -> None:
    before = open_table(terminal)
    terminal.tell("stubborn")
    terminal.press("C-c")
    terminal.wait_for(r"ending; Ctrl-C again skips the clean-up")
    terminal.press("C-c")
    terminal.wait_for(r"stopped without clean-up")
    terminal.wait_for(r"ready>$")
    assert terminal.settings() == before


def test_questions_without_a_table_are_lines(terminal: Terminal) -> None:
    terminal.start("--plain")
    terminal.tell("up 1")
    terminal.wait_for(r"^\d\d:\d\d:\d\d ● 8000/tcp \(app8000\) is ready at localhost:8000$")
    terminal.tell("ask")
    terminal.wait_for(r"held here by node \(pid 71\)\. \(x kill, r remap, s skip; Enter: skip\)")
    terminal.type_line("maybe")
    terminal.wait_for(r'"maybe" is not one of the answers')
    terminal.type_line("r")
    terminal.wait_for(r"localhost:8080 \(remap\)")


def test_in_the_background_there_are_lines_and_no_stop(terminal: Terminal) -> None:
    terminal.start("&")
    terminal.tell("up 1")
    terminal.wait_for(r"^\d\d:\d\d:\d\d ● 8000/tcp \(app8000\) is ready at localhost:8000$")
    terminal.tell("close")
    terminal.wait_for(r"dev1 is closed")


def test_exported_sizes_do_not_hide_a_resize(terminal: Terminal) -> None:
    terminal.type_line("export COLUMNS=300 LINES=90")
    open_table(terminal)
    terminal.resize(40, 10)
    terminal.wait_for(r"\? help  1/3$")


def test_json_goes_to_its_reader_and_ends_with_it(terminal: Terminal) -> None:
    terminal.start("--json", "| head -n 3 > $FAKE_COMMANDS.json; echo left")
    terminal.tell("up 5")
    terminal.wait_for(r"^left$")
    with open(f"{terminal.commands}.json", encoding="utf-8") as file:
        assert [json.loads(line)["event"] for line in file] == ["session", "session", "link"]


def test_r_gives_the_terminal_to_ssh_and_takes_it_back(terminal: Terminal) -> None:
    before = open_table(terminal)
    terminal.tell("needs")
    terminal.wait_for(r"ssh needs you: press r \(login refused\)")
    terminal.press("r")
    terminal.wait_for(r"password:")
    terminal.type_line("s3cret")
    shown = terminal.wait_for(r"^dev1  ● up  stdio[^$]*8002/tcp")
    assert "ssh needs you" not in shown
    terminal.press("q")
    check_whole(terminal, before)


def test_plain_lines_ask_whether_to_log_in(terminal: Terminal) -> None:
    terminal.start("--plain")
    terminal.tell("up 1")
    terminal.wait_for(r"8000/tcp")
    terminal.tell("needs")
    terminal.wait_for(r"ssh needs you: log in to dev1 again\? \(l login, n no; Enter: login\)")
    terminal.type_line("l")
    terminal.wait_for(r"password:")
    terminal.type_line("s3cret")
    terminal.wait_for(r"got s3cret")
