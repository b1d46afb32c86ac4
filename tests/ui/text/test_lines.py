"""Events in sentences."""

from __future__ import annotations

import dataclasses

from port_linker.cause import NOT_NAMED, SKIPPED_BY_YOU
from port_linker.ports.types import ServiceState
from port_linker.session.events import LinkState, SessionEvent, SessionState
from port_linker.ui.text.lines import CONFLICT_HINT, LineWriter
from tests.fakes.causes import why
from tests.ui.samples import AT, EVERY_KIND, conflict, link, log, service, session


def show(writer: LineWriter, *events: SessionEvent) -> list[str]:
    lines = [line for event in events for line in writer.describe(event)]
    return [f"{line.sign} {line.text}".strip() for line in lines]


def test_golden_lines_of_every_kind() -> None:
    assert show(LineWriter(), *EVERY_KIND) == [
        "connecting to dev1",
        "starting the agent on dev1",
        "link stdio is up, round trip 0.4 ms",
        "dev1 is up",
        "● 5432/tcp (postgres) is ready at localhost:5432",
        "● 80/tcp (nginx) is ready: remote 80 → localhost:8080",
        "– 22/tcp (sshd) is skipped: ssh itself (--allow 22 lifts it)",  # noqa: RUF001
        "▲ 8080/tcp of alice is not linked: 8080 is held here by node (pid 71)",
        CONFLICT_HINT.format(port=8080),
        "◌ 9000/tcp (web/postgres) waits: 2,000 services are bound",
        "● 53/udp (dnsmasq) is ready at [::1]:53 (127.0.0.1 is taken)",
        "careful",
        "no contact with dev1: ssh ended; local ports stay, open flows wait; next try now",
        "no contact with dev1; next try in 4 s",
        "dev1 is back after 1:02; open flows go on",
        "× 5432/tcp (postgres) is gone",  # noqa: RUF001
        "dev1 is closed: asked to",
    ]


def test_the_ascii_form() -> None:
    writer = LineWriter(ascii_only=True)
    assert show(writer, service(80, local=("127.0.0.1:8080",))) == [
        "R 80/tcp (postgres) is ready: remote 80 -> 127.0.0.1:8080"
    ]
    lines = [text for event in EVERY_KIND for text in show(writer, event)]
    assert all(text.isascii() for text in lines)


def test_a_line_that_says_nothing_new_is_left_out() -> None:
    writer = LineWriter()
    assert len(show(writer, service(), service())) == 1
    assert len(show(writer, service(state=ServiceState.DOWN), service())) == 2
    assert len(show(writer, service(state=ServiceState.GONE), service())) == 2
    assert writer._shown.keys() == {service().key}


def test_an_outage_is_one_line_however_many_services_there_are() -> None:
    writer, many = LineWriter(), [service(8000 + n) for n in range(50)]
    show(writer, session(SessionState.UP), *many)
    down = [service(8000 + n, ServiceState.DOWN, reason="ssh ended") for n in range(50)]
    assert len(show(writer, session(SessionState.OUTAGE), *down)) == 1
    assert len(show(writer, session(SessionState.REATTACHED), *many)) == 1
    assert len(show(writer, down[0], many[0])) == 2


def test_an_answer_is_not_told_twice() -> None:
    skipped = service(8080, ServiceState.SKIPPED, reason="skipped by you", code=SKIPPED_BY_YOU)
    assert show(LineWriter(), skipped) == ["– 8080/tcp (postgres) is skipped by you"]  # noqa: RUF001


def test_a_ready_service_without_a_known_address() -> None:
    assert show(LineWriter(), service(local=())) == ["● 5432/tcp (postgres) is ready"]


def test_the_same_line_for_another_address_is_left_out() -> None:
    writer, skipped = LineWriter(), ServiceState.SKIPPED
    four = service(22, skipped, host="0.0.0.0", reason="ssh itself")
    six = service(22, skipped, host="::", reason="ssh itself")
    assert four.key != six.key
    assert len(show(writer, four, six)) == 1
    ready = service(22, host="::")
    assert len(show(writer, ready, six)) == 2
    gone = [dataclasses.replace(event, state=ServiceState.GONE) for event in (four, six)]
    assert len(show(writer, *gone)) == 1


def test_links_speak_when_their_state_changes_only() -> None:
    writer = LineWriter()
    assert show(writer, link(), link(rtt_ms=80.0)) == ["link stdio is up, round trip 0.4 ms"]
    assert show(writer, link(state=LinkState.DOWN, rtt_ms=None)) == ["link stdio is down"]
    trying = link("quic", LinkState.TRYING, None)
    assert show(writer, trying) == []
    assert show(LineWriter(verbosity=1), trying) == ["link quic is tried"]


def test_who_demands_quic_reads_of_its_failure_in_the_error() -> None:
    down = dataclasses.replace(link("quic", LinkState.DOWN, None), cause=why("UDP is blocked"))
    assert len(show(LineWriter(), down)) == 1
    assert show(LineWriter(is_quic_demanded=True), down) == []


def test_logs_need_attention_or_stand_on_stderr_already() -> None:
    assert show(LineWriter(), log(), log("bad", "error")) == ["bad"]
    assert show(LineWriter(verbosity=1), log(), log("bad", "error")) == []
    assert all(line.is_progress for line in LineWriter().describe(log("bad", "error")))


def test_the_hint_about_conflicts_comes_once() -> None:
    writer = LineWriter()
    assert len(show(writer, conflict(8080), conflict(8081))) == 1


def test_who_chose_what_happens_to_conflicts_needs_no_hint() -> None:
    assert show(LineWriter(is_policy_set=True), conflict(8080)) == []


def test_an_outage_and_its_end_are_one_line_each() -> None:
    writer = LineWriter()
    down = dataclasses.replace(link(state=LinkState.DOWN), cause=why("the cable"))
    show(writer, link(), session(SessionState.UP))
    told = show(writer, session(SessionState.OUTAGE, AT, "the cable"), down)
    assert told == ["no contact with dev1: the cable; local ports stay, open flows wait"]
    back = (session(SessionState.REATTACHED, AT + 7), session(SessionState.UP, AT + 7), link())
    assert show(writer, *back) == ["dev1 is back after 7 s; open flows go on"]
    carried = dataclasses.replace(link(), path="quic", cause=why("the cable"))
    assert show(writer, carried, link())[-1] == "link stdio is up, round trip 0.4 ms"
    needing = dataclasses.replace(down, needs_you=True)
    assert len(show(writer, session(SessionState.OUTAGE, AT), needing)) == 2
    assert len(show(LineWriter(verbosity=1), *back, down)) == 4


def test_an_event_of_a_later_kind_is_passed_over() -> None:
    assert LineWriter().describe(SessionEvent(0.0, "dev1")) == []


def test_what_only_leaves_out_is_counted_and_not_listed() -> None:
    writer = LineWriter()
    assert writer.count_left_out() == ""
    for port in (1, 2, 3):
        reason = "not named in --only 80"
        left_out = service(port, ServiceState.SKIPPED, reason=reason, code=NOT_NAMED)
        assert writer.describe(left_out) == []
    assert writer.count_left_out() == "3 services skipped: not named in --only 80"
    assert writer.describe(service(2, ServiceState.GONE)) == []
    assert writer.count_left_out() == "2 services skipped: not named in --only 80"
    [line] = writer.describe(service(1, ServiceState.SKIPPED, reason="muted"))
    assert line.text == "1/tcp (postgres) is skipped: muted"
