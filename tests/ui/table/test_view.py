"""The picture as cells of a table that is never too small."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.ports.types import ServiceState
from port_linker.session.events import ServiceEvent
from port_linker.session.snapshot import Row, Snapshot
from port_linker.ui.format import Cell
from port_linker.ui.table import view
from tests.ui.samples import HOSTILE, service


def picture_of(*events: ServiceEvent) -> Snapshot:
    picture = Snapshot("dev1")
    for event in events:
        picture.fold(event)
    return picture


def names(width: int) -> list[str]:
    return [column.name for column in view.plan_columns(width)]


@given(st.integers(view.MIN_WIDTH, 400))
def test_columns_fill_every_width_exactly(width: int) -> None:
    columns = view.plan_columns(width)
    assert sum(c.width for c in columns) + view.gap_of(width) * (len(columns) - 1) == width
    assert {"sign", "service", "process", "here"} <= {column.name for column in columns}


@given(st.integers(view.MIN_WIDTH, 300))
def test_a_wider_terminal_never_loses_a_column(width: int) -> None:
    assert set(names(width)) <= set(names(width + 1))


@given(st.integers(0, view.MIN_WIDTH))
def test_below_the_least_width_nothing_breaks(width: int) -> None:
    assert sum(column.width for column in view.plan_columns(width)) <= max(width, 0)


def test_columns_by_width() -> None:
    assert names(40) == ["sign", "service", "process", "here"]
    assert names(80) == ["sign", "state", "service", "process", "flows", "remote", "here"]
    assert names(87) == ["sign", "state", "service", "process", "total", "flows", "remote", "here"]
    assert set(names(107)) == {column.name for column in view._BY_PRIORITY}


@pytest.mark.parametrize("width", [50, 72, 80, 90, 100, 107, 120, 200])
def test_names_are_readable_before_figures_are_shown(width: int) -> None:
    for command in ("/usr/bin/python3 -m http.server 8000", "python3 /v/bin/uvicorn app:main"):
        row = Row(dataclasses.replace(service(8000, process="python3"), command=command), 0.0)
        columns = {column.name: column.width for column in view.plan_columns(width)}
        assert len(texts(row, width)["process"]) <= columns["process"]


def test_rows_are_sorted_by_port_then_protocol() -> None:
    picture = picture_of(service(9000), service(53, proto="udp"), service(53), service(80))
    rows = view.choose_rows(picture, "", show_skipped=True)
    assert [(r.event.port, r.event.proto) for r in rows] == [
        (53, "tcp"),
        (53, "udp"),
        (80, "tcp"),
        (9000, "tcp"),
    ]


@pytest.mark.parametrize(
    ("wanted", "ports"),
    [
        ("", [80, 5432]),
        ("nginx", [80]),
        ("NGINX", [80]),
        ("5432/tcp", [5432]),
        ("skipped", [22]),
        ("ssh itself", [22]),
        ("alice postgres", [5432]),
        ("alice nothing", []),
        ("127.0.0.1:80", [80]),
    ],
)
def test_filter_finds_words_in_any_column_and_in_hidden_rows(wanted: str, ports: list[int]) -> None:
    picture = picture_of(
        service(80, process="nginx"),
        service(5432),
        service(22, ServiceState.SKIPPED, process=None, reason="ssh itself"),
    )
    rows = view.choose_rows(picture, wanted, show_skipped=False)
    assert [row.event.port for row in rows] == ports


def texts(row: Row, width: int = 140, ascii_only: bool = False) -> dict[str, str]:
    columns = view.plan_columns(width)
    cells = view.build_cells(row, columns, ascii_only)
    return {column.name: cell.text for column, cell in zip(columns, cells, strict=True)}


def test_a_ready_row() -> None:
    row = Row(service(container="web"), 0.0, 2_000_000, 1_000_000, 1500.0, 0.0, 3)
    assert texts(row) == {
        "sign": "●",
        "state": "ready",
        "service": "5432/tcp",
        "process": "web/postgres",
        "rates": "         1.5 kB/s",
        "flows": "3",
        "total": "3.0 MB",
        "remote": "127.0.0.1:5432",
        "here": "localhost:5432",
    }


@pytest.mark.parametrize("state", list(ServiceState))
@pytest.mark.parametrize("ascii_only", [False, True])
def test_every_state_has_a_sign_a_look_and_says_why(state: ServiceState, ascii_only: bool) -> None:
    row = Row(service(state=state, reason="because"), 0.0)
    found = texts(row, 40, ascii_only)
    assert found["sign"].isascii() is ascii_only
    assert "because" in found["here"]
    columns = view.plan_columns(40)
    assert view.build_cells(row, columns, ascii_only)[0].look == state.value


def test_the_place_of_a_row_that_is_not_plainly_ready() -> None:
    waiting = Row(service(state=ServiceState.WAITING), 0.0)
    assert texts(waiting)["here"] == "waiting"
    down = Row(service(state=ServiceState.DOWN, reason="outage"), 0.0)
    assert texts(down)["here"] == "localhost:5432 outage"
    half = Row(service(local=("[::1]:5432",), reason="127.0.0.1 is taken"), 0.0)
    assert texts(half)["here"] == "[::1]:5432 (127.0.0.1 is taken)"


def test_a_moved_port_stands_out() -> None:
    columns = view.plan_columns(80)
    row = Row(service(80, local=("127.0.0.1:8080", "[::1]:8080")), 0.0)
    assert view.build_cells(row, columns, False)[-1] == Cell("localhost:8080", "strong")


@given(st.text(max_size=40))
def test_no_text_reaches_a_cell_raw(text: str) -> None:
    event = service(state=ServiceState.SKIPPED, process=text, reason=text, container=HOSTILE)
    for cell in view.build_cells(Row(event, 0.0), view.plan_columns(140), False):
        assert not {c for c in cell.text if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c == "\u202e"}


def test_titles_stand_above_every_column() -> None:
    columns = view.plan_columns(80)
    assert [cell.text for cell in view.build_titles(columns)] == [c.title for c in columns]
