"""The picture that events add up to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from port_linker.link.interface import Traffic
from port_linker.ports.types import ServiceState
from port_linker.session.events import (
    ConflictEvent,
    HelloEvent,
    LinkEvent,
    LinkState,
    ServiceEvent,
    SessionState,
    StateEvent,
)
from port_linker.session.questions import SKIP, Question
from port_linker.session.snapshot import GONE_SHOWN_S, Snapshot
from tests.fakes.causes import why

KEY = "tcp/127.0.0.1:5432"


def service(state: ServiceState, at: float = 0.0, port: int = 5432) -> ServiceEvent:
    return ServiceEvent(at, "dev1", state, "tcp", port, f"127.0.0.1:{port}")


def session(state: SessionState, at: float, retry_in_s: float | None = None) -> StateEvent:
    return StateEvent(at, "dev1", state, cause=why(f"because {state}"), retry_in_s=retry_in_s)


def link(name: str, state: LinkState, rtt_ms: float | None = None) -> LinkEvent:
    return LinkEvent(0.0, "dev1", name, state, rtt_ms)


def links_shown(picture: Snapshot) -> tuple[str | None, float | None]:
    return picture.link, picture.rtt_ms


def test_hello_names_the_session() -> None:
    picture = Snapshot("typed")
    picture.fold(HelloEvent(1.0, "dev1", "0.1.0", "abc"))
    assert (picture.target, picture.version, picture.session) == ("dev1", "0.1.0", "abc")


def test_a_row_keeps_when_its_state_began() -> None:
    picture = Snapshot("dev1")
    picture.fold(service(ServiceState.READY, at=1.0))
    picture.fold(service(ServiceState.READY, at=2.0))
    assert picture.rows[KEY].since == 1.0
    picture.fold(service(ServiceState.DOWN, at=3.0))
    assert picture.rows[KEY].since == 3.0
    assert picture.rows[KEY].state is ServiceState.DOWN


def test_a_gone_row_leaves_after_a_while_and_may_come_back_before() -> None:
    picture = Snapshot("dev1")
    picture.fold(service(ServiceState.GONE, at=10.0))
    picture.fold(service(ServiceState.READY, at=0.0, port=80))
    picture.prune(10.0 + GONE_SHOWN_S - 0.1)
    assert KEY in picture.rows
    picture.prune(10.0 + GONE_SHOWN_S)
    assert list(picture.rows) == ["tcp/127.0.0.1:80"]


def test_states_of_the_session_and_their_times() -> None:
    picture = Snapshot("dev1")
    assert picture.uptime_s(5.0) is None
    assert picture.outage_s(5.0) is None
    picture.fold(session(SessionState.UP, 10.0))
    picture.fold(session(SessionState.OUTAGE, 20.0, retry_in_s=4.0))
    picture.fold(session(SessionState.OUTAGE, 25.0, retry_in_s=8.0))
    assert picture.outage_s(30.0) == 10.0
    assert picture.retry_in_s(30.0) == 3.0
    assert picture.retry_in_s(40.0) == 0.0
    assert picture.state_since == 20.0
    picture.fold(session(SessionState.REATTACHED, 40.0))
    assert picture.outage_s(41.0) is None
    assert picture.retry_in_s(41.0) is None
    assert picture.uptime_s(41.0) == 31.0
    assert picture.uptime_s(1.0) == 0.0  # a wall clock that was set back


def test_the_link_in_use_is_quic_where_it_is_up() -> None:
    picture = Snapshot("dev1")
    assert links_shown(picture) == (None, None)
    picture.fold(link("stdio", LinkState.UP, 0.4))
    picture.fold(link("quic", LinkState.TRYING))
    assert links_shown(picture) == ("stdio", 0.4)
    picture.fold(link("stdio", LinkState.UP))
    assert picture.rtt_ms == 0.4  # an event without a figure keeps the last one
    picture.fold(link("quic", LinkState.UP, 0.2))
    assert links_shown(picture) == ("quic", 0.2)
    picture.fold(link("quic", LinkState.DOWN))
    assert picture.link == "stdio"


def test_figures_of_a_link_stay_until_its_state_changes() -> None:
    picture = Snapshot("dev1")
    up = LinkEvent(0.0, "dev1", "quic", LinkState.UP, 38.0, None, "192.0.2.7:60000", 1472, 0.4)
    picture.fold(up)
    picture.fold(LinkEvent(0.0, "dev1", "quic", LinkState.UP, down_bytes_per_s=5.0))
    merged = picture.links["quic"]
    assert (merged.path, merged.mtu, merged.loss_percent) == ("192.0.2.7:60000", 1472, 0.4)
    assert merged.down_bytes_per_s == 5.0
    picture.fold(link("quic", LinkState.DOWN))
    assert picture.links["quic"].mtu is None


def test_traffic_gives_totals_and_rates() -> None:
    picture = Snapshot("dev1")
    picture.fold(service(ServiceState.READY))
    picture.fold_traffic({KEY: Traffic(100, 200, 1, 1)}, now_s=1.0)
    assert picture.rows[KEY].up_rate == 0.0  # nothing to compare with yet
    picture.fold_traffic({KEY: Traffic(1100, 200, 2, 3, 1)}, now_s=2.0)
    row = picture.rows[KEY]
    assert (row.up_bytes, row.down_bytes, row.flows_open, row.flows_total) == (1100, 200, 2, 3)
    assert row.refused == 1
    assert row.up_rate == 600.0
    assert picture.rates() == (600.0, 0.0)
    for tick in range(3, 30):
        picture.fold_traffic({KEY: Traffic(1100, 200, 0, 3, 1)}, now_s=float(tick))
    assert picture.rows[KEY].up_rate == 0.0
    assert picture.rates() == (0.0, 0.0)


def test_counters_that_go_back_or_vanish_are_no_movement() -> None:
    picture = Snapshot("dev1")
    picture.fold(service(ServiceState.READY))
    picture.fold_traffic({KEY: Traffic(5000, 0, 1, 1)}, now_s=1.0)
    picture.fold_traffic({KEY: Traffic(9000, 0, 1, 1)}, now_s=2.0)
    assert picture.rows[KEY].up_rate > 0
    picture.fold_traffic({KEY: Traffic(0, 0, 1, 1)}, now_s=2.0)  # and no time passed
    picture.fold_traffic({}, now_s=3.0)
    row = picture.rows[KEY]
    assert (row.up_rate, row.flows_open) == (0.0, 0)
    picture.fold_traffic({}, now_s=4.0)
    assert picture.rows[KEY] is row


def test_a_row_that_did_not_change_stays_the_same_object() -> None:
    picture = Snapshot("dev1")
    picture.fold(service(ServiceState.READY))
    picture.fold_traffic({KEY: Traffic(), "tcp/9.9.9.9:1": Traffic(5)}, now_s=1.0)
    row = picture.rows[KEY]
    picture.fold_traffic({KEY: Traffic(), "tcp/9.9.9.9:1": Traffic(6)}, now_s=2.0)
    assert picture.rows[KEY] is row
    assert list(picture.rows) == [KEY]  # counters alone make no row


def test_questions_open_and_close() -> None:
    picture = Snapshot("dev1")
    picture.open_question(Question("1", "conflict", "8080 is taken", (SKIP,), "skip"))
    assert list(picture.questions) == ["1"]
    picture.close_question("1")
    picture.close_question("1")
    assert not picture.questions


def test_counts_by_state_and_a_conflict_event_changes_no_row() -> None:
    picture = Snapshot("dev1")
    picture.fold(service(ServiceState.CONFLICT))
    picture.fold(service(ServiceState.READY, port=80))
    picture.fold(ConflictEvent(0.0, "dev1", "tcp", 5432, "127.0.0.1:5432", 71, "node"))
    assert picture.counts() == {ServiceState.CONFLICT: 1, ServiceState.READY: 1}


def test_a_row_knows_whether_its_port_moved() -> None:
    picture = Snapshot("dev1")
    event = ServiceEvent(0.0, "d", ServiceState.READY, "tcp", 80, "[::1]:80", ("127.0.0.1:8080",))
    picture.fold(event)
    picture.fold(service(ServiceState.READY, port=5432))
    assert picture.rows["tcp/[::1]:80"].remapped
    assert not picture.rows[KEY].remapped


counter = st.integers(0, 10**9)


@given(
    st.lists(
        st.tuples(st.floats(0.01, 5.0), st.builds(Traffic, counter, counter, counter, counter))
    )
)
def test_rates_are_never_negative_nor_above_what_moved(polls: list[tuple[float, Traffic]]) -> None:
    picture = Snapshot("dev1")
    picture.fold(service(ServiceState.READY))
    now_s, fastest, before = 0.0, 0.0, 0
    for passed_s, traffic in polls:
        now_s += passed_s
        fastest = max(fastest, (traffic.up_bytes - before) / passed_s)
        before = traffic.up_bytes
        picture.fold_traffic({KEY: traffic}, now_s)
        assert 0.0 <= picture.rows[KEY].up_rate <= fastest * 1.000001 + 1
