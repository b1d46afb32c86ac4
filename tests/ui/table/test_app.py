"""The table as a person sees and uses it, without a terminal."""

from __future__ import annotations

import re
import time

import pytest

from port_linker import clock
from port_linker.link.interface import Traffic
from port_linker.ports.types import ServiceState
from port_linker.session.events import SessionState
from tests.ui.samples import AT, EVERY_KIND, HOSTILE, link, log, quic, service, session
from tests.ui.screen import Stage, open_stage


@pytest.fixture(autouse=True)
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the wall clock stand at one minute after the samples."""
    monkeypatch.setattr(clock, "wall_s", lambda: AT + 60)


UP = (session(SessionState.UP), link())


async def fill(stage: Stage, count: int = 20) -> None:
    await stage.fold(*UP, *(service(8000 + n, process=f"app{n}") for n in range(count)))


async def test_a_picture_of_everything_at_80_columns() -> None:
    async with open_stage(80, 14) as stage:
        for event in EVERY_KIND[:13]:
            stage.picture.fold(event)
        key = "tcp/127.0.0.1:5432"
        stage.counters[key] = Traffic(1000, 2_000_000, 2, 5)
        await stage.fold()
        assert stage.text() == [
            "dev1  ● up  stdio 0.4 ms  3 ready  1 conflict  1 waiting  1 skipped  for 1:00",
            "  STATE    SERVICE   PROCESS          FLOWS TARGET          HERE",
            "– skipped  22/tcp    sshd                   127.0.0.1:22    ssh itself (--allow…",  # noqa: RUF001
            "● ready    53/udp    dnsmasq                127.0.0.1:53    [::1]:53 (127.0.0.1…",
            "● ready    80/tcp    nginx                  0.0.0.0:80      localhost:8080",
            "● ready    5432/tcp  postgres             2 127.0.0.1:5432  localhost:5432",
            "▲ conflict 8080/tcp  of alice               127.0.0.1:8080  8080 is held here b…",
            "◌ waiting  9000/tcp  web/postgres           127.0.0.1:9000  2,000 services are …",
            *[""] * 5,
            "q quit  / filter  s skipped  Enter detail  l log  ? help  1/6",
        ]


async def test_the_path_of_quic_has_a_line_where_there_is_room() -> None:
    async with open_stage(80, 12) as stage:
        await stage.fold(*UP, quic(), service())
        assert stage.text()[:3] == [
            "dev1  ● up  quic 38 ms  1 ready  for 1:00",
            "UDP 192.0.2.7:60000  MTU 1472  round trip 38 ms  0.4 % lost",
            "  STATE    SERVICE   PROCESS          FLOWS TARGET          HERE",
        ]
    async with open_stage(80, 11) as stage:
        await stage.fold(*UP, quic(), service())
        assert stage.text()[1].startswith("  STATE")


async def test_a_picture_at_40_by_10() -> None:
    async with open_stage(40, 10) as stage:
        await stage.fold(*EVERY_KIND[:8])
        assert stage.text() == [
            "dev1  ● up  stdio 0.4 ms  2 ready",
            "  SERVICE   PROCESS      HERE",
            "● 80/tcp    nginx        localhost:8080",
            "● 5432/tcp  postgres     localhost:5432",
            *[""] * 5,
            "q quit  / filter  ? help  1/2",
        ]


async def test_a_picture_in_ascii() -> None:
    async with open_stage(40, 10, ascii_only=True) as stage:
        await stage.fold(*EVERY_KIND)
        assert all(line.isascii() for line in stage.text())


async def test_rates_and_flows_are_shown_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 10.0
    monkeypatch.setattr(clock, "monotonic_s", lambda: now)
    async with open_stage(120, 10) as stage:
        key = service().key
        stage.counters[key] = Traffic(0, 0, 2, 5)
        await stage.fold(*UP, service())
        now = 11.0
        stage.counters[key] = Traffic(1000, 2_000_000, 2, 5)
        await stage.fold()
        assert "1.2 MB/s  600 B/s   2.0 MB      2" in stage.text()[2]


async def test_an_outage_is_told_in_words_and_ends() -> None:
    async with open_stage() as stage:
        await fill(stage, 2)
        await stage.fold(session(SessionState.OUTAGE, AT + 50, "ssh ended", 14.0))
        assert stage.text()[0].startswith("dev1  ○ outage")
        assert stage.text()[1:3] == [
            "No contact with dev1 for 10 s (ssh ended). Next try in 4 s; r tries at once, q",
            "quits. 2 services paused, local ports stay open.",
        ]
        await stage.fold(session(SessionState.REATTACHED, AT + 55), session(SessionState.UP))
        assert stage.text()[1].split()[:3] == ["STATE", "SERVICE", "PROCESS"]


async def test_the_cursor_stays_on_its_service_when_rows_move() -> None:
    async with open_stage(80, 8) as stage:
        await fill(stage)
        await stage.pilot.press("down", "j", "j", "k")
        assert stage.text()[-1].endswith("3/20")
        await stage.fold(service(80))
        assert stage.text()[-1].endswith("4/21")
        await stage.pilot.press("end")
        assert stage.text()[-1].endswith("21/21")
        assert stage.text()[-2].startswith("● ready    8019/tcp")
        await stage.pilot.press("home", "pagedown")
        assert stage.text()[-1].endswith("6/21")
        await stage.pilot.press("pageup")
        assert stage.text()[-1].endswith("1/21")


async def test_skipped_services_come_and_go_by_a_key() -> None:
    async with open_stage() as stage:
        await stage.fold(*UP, EVERY_KIND[8])
        await stage.pilot.press("s")
        assert "Skipped ones hidden." in stage.text()[1]
        assert "1 service skipped; s shows them." in "\n".join(stage.text())
        await stage.pilot.press("s")
        assert "22/tcp" in "\n".join(stage.text())


async def test_the_filter_finds_and_is_ended() -> None:
    async with open_stage() as stage:
        await fill(stage)
        await stage.pilot.press("slash", *"app7")
        assert stage.text()[-1].endswith("1/1")
        await stage.pilot.press("enter", "j")  # the keys belong to the table again
        assert "8007/tcp" in stage.text()[2]
        assert stage.text()[-2] == "/app7"
        assert stage.text()[-1].startswith("q quit  Esc show all")
        await stage.pilot.press("slash", "q", "q")
        assert stage.text()[-2] == "/qq"
        assert stage.text()[-1].startswith("Enter keep  Esc show all")
        assert "Nothing contains 'qq'. Esc shows all." in stage.text()[1]
        await stage.pilot.press("escape")
        assert stage.text()[-1].endswith("20")
        await stage.pilot.press("slash", "x", "backspace", "backspace")
        assert stage.text()[-1].endswith("20")


async def test_details_and_help_open_and_close() -> None:
    async with open_stage(80, 24) as stage:
        await fill(stage, 1)
        await stage.pilot.press("enter")
        assert "flows      0 open, 0 in all, 0 refused" in "\n".join(stage.text())
        await stage.pilot.press("x", "escape", "question_mark")
        assert "end the session (Ctrl-C does so too)" in "\n".join(stage.text())
        await stage.pilot.press("question_mark")
        assert "end the session" not in "\n".join(stage.text())


async def test_details_of_nothing_say_so() -> None:
    async with open_stage() as stage:
        await stage.pilot.press("enter")
        assert "There is no row to show." in stage.text()[1]


async def test_what_happened_is_told_with_its_time_and_can_be_scrolled() -> None:
    async with open_stage(80, 20) as stage:
        await stage.pilot.press("l")
        assert "Nothing has happened yet." in "\n".join(stage.text())
        await stage.fold(*(log(f"line {n}", "warning") for n in range(30)))
        await stage.fold(service(), service(state=ServiceState.GONE))
        await stage.pilot.press("l", "l")
        shown = "\n".join(stage.text())
        assert re.search(r"\d\d:30:00 ● 5432/tcp \(postgres\) is ready", shown)
        assert re.search(r"\d\d:30:00 . 5432/tcp \(postgres\) is gone", shown)
        assert "line 1 " not in shown
        assert "↑↓ scroll  q close" in stage.text()[-1]
        await stage.pilot.press("home")
        assert "line 1 " in "\n".join(stage.text())
        await stage.pilot.press("l")
        assert "line 1 " not in "\n".join(stage.text())


async def test_reconnect_acts_in_an_outage_and_says_why_not_elsewhere() -> None:
    async with open_stage() as stage:
        await stage.fold(*UP)
        await stage.pilot.press("r")
        assert "nothing to reconnect" in stage.text()[1]
        assert "reconnect" not in stage.called
        assert "reconnect" not in stage.text()[-1]
        await stage.fold(session(SessionState.OUTAGE))
        assert stage.text()[-1].startswith("q quit  r reconnect")
        await stage.pilot.press("r")
        assert "reconnect" in stage.called


async def test_the_foot_offers_only_what_does_something_now() -> None:
    async with open_stage() as stage:
        await stage.fold(*UP)
        assert stage.text()[-1] == "q quit  l log  ? help"
        await stage.fold(service())
        assert stage.text()[-1] == "q quit  / filter  Enter detail  l log  ? help  1/1"
        await stage.fold(service(22, ServiceState.SKIPPED))
        assert "s skipped" in stage.text()[-1]
        await stage.pilot.press("slash", "2", "enter")
        assert "s skipped" not in stage.text()[-1], "a filter finds skipped ones in any case"
        await stage.pilot.press("escape", "s")
        assert "s skipped" in stage.text()[-1], "it brings them back"


async def test_an_answer_is_taken_back_from_its_row() -> None:
    async with open_stage() as stage:
        await stage.fold(*UP, service(8080, ServiceState.SKIPPED, reason="skipped by you"))
        await stage.pilot.press("u")
        assert "You have answered nothing about this service." in stage.text()[1]
        assert "undo" not in stage.text()[-1]
        stage.answered.add("tcp/127.0.0.1:8080")
        await stage.fold()
        assert "u undo" in stage.text()[-1]
        await stage.pilot.press("u")
        assert "taken back" in stage.text()[1]
        assert "take back tcp/127.0.0.1:8080" in stage.called


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_leaving(key: str) -> None:
    async with open_stage() as stage:
        await stage.pilot.press(key)
        await stage.pilot.pause()
        assert not stage.app.is_running
        assert stage.app.failure is None


async def test_ctrl_c_is_what_it_is_without_a_table_even_above_a_dialog() -> None:
    async with open_stage() as stage:
        await stage.pilot.press("question_mark", "ctrl+c")
        assert "interrupt" in stage.called


async def test_hostile_texts_are_shown_as_text() -> None:
    async with open_stage(100, 20) as stage:
        bad = service(process=HOSTILE, reason=HOSTILE, container="[red]x[/red]")
        await stage.fold(*UP, bad, log(HOSTILE))
        await stage.pilot.press("l", "l")
        table = "\n".join(stage.text())
        await stage.pilot.press("enter")
        detail = "\n".join(stage.text())
        for text in (table, detail):
            assert text.replace("\n", "").replace("\ufffd", "").isprintable()
        assert "[red]x" in table
        assert "[bold red]x[/]" in detail


async def test_resizing_chooses_other_columns() -> None:
    async with open_stage(120, 10) as stage:
        await fill(stage, 3)
        assert "DOWN" in stage.text()[1]
        await stage.pilot.resize_terminal(40, 10)
        await stage.pilot.pause()
        assert stage.text()[1].split() == ["SERVICE", "PROCESS", "HERE"]
        assert len(stage.text()) == 10


async def test_it_draws_by_itself_and_asks_for_traffic_at_most_twice_a_second() -> None:
    async with open_stage() as stage:
        stage.called.clear()
        begun = time.monotonic()
        stage.picture.fold(service())
        while not any("5432" in line for line in stage.text()):
            await stage.pilot.pause(0.05)
        passed_s = time.monotonic() - begun
        assert stage.called.count("traffic") <= passed_s / 0.5 + 1


async def test_two_thousand_rows_are_fast() -> None:
    async with open_stage(120, 40) as stage:
        begun = time.process_time()
        await fill(stage, 2000)
        assert stage.text()[-1].endswith("1/2000")
        filled_s = time.process_time() - begun
        begun = time.process_time()
        for _ in range(10):
            stage.app.draw()
        drawn_s = (time.process_time() - begun) / 10
        assert filled_s < 1.0
        assert drawn_s < 0.1  # of each half second; measured 8 ms on 2026-11-21


async def test_colours_can_be_taken_out() -> None:
    async with open_stage(no_color=True) as stage:
        await fill(stage, 1)
        filters = stage.app.get_line_filters()
        assert type(filters[-1]).__name__ == "NoColor"


async def test_a_failure_is_kept_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> dict[str, Traffic]:
        raise RuntimeError("the counters broke")

    failures: list[Exception | None] = []

    async def break_it() -> None:
        async with open_stage() as stage:
            object.__setattr__(stage.app._hooks, "traffic", fail)
            stage.app.call_later(stage.app.draw)
            await stage.pilot.pause()
            failures.append(stage.app.failure)

    with pytest.raises(RuntimeError, match="the counters broke"):
        await break_it()
    assert isinstance(failures[0], RuntimeError)
    assert capfd.readouterr() == ("", "")


async def test_what_only_leaves_out_is_hidden_until_it_is_asked_for() -> None:
    async with open_stage(show_skipped=False) as stage:
        await stage.fold(service(22, ServiceState.SKIPPED), service(80))
        assert stage.app._grid.place[1] == 1
        assert "1 skipped" in stage.text()[0]
        await stage.pilot.press("s")
        assert stage.app._grid.place[1] == 2
