"""The sidecar learns what it may dial; what has flows is not taken from it."""

from __future__ import annotations

import pytest

from port_linker.agent.table import MAX_SERVICES, ServiceTable
from port_linker.errors import PortLinkerError
from port_linker.link import control, reports
from port_linker.model import Proto, Service, ServiceId
from port_linker.protocol.bound import BoundChanges


class FakeSidecar:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.tables: list[dict[str, tuple[str, ...]]] = []
        self.owners: list[dict[str, int]] = []
        self.busy: tuple[str, ...] = ()
        self.is_running = True
        self.fault: PortLinkerError | None = None

    async def send(self, command: control.Services) -> None:
        if self.fault is not None:
            raise self.fault
        self.tables.append(dict(command.table))
        self.owners.append(dict(command.owners))

    async def ask(self, _command: object, _answer: object) -> reports.Stats:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return reports.Stats({key: reports.ServiceStats(flows_open=1) for key in self.busy}, None)


def services(*names: str) -> dict[ServiceId, Service]:
    rows = [Service(ServiceId(Proto.TCP, name, 80), uid=0) for name in names]
    return {row.id: row for row in rows}


async def push(table: ServiceTable, sidecar: FakeSidecar, *names: str) -> None:
    table.update(services(*names), sidecar)  # type: ignore[arg-type]
    if table._pushing is not None:
        await table._pushing


async def test_addresses_are_those_that_reach_the_service() -> None:
    table, sidecar = ServiceTable(), FakeSidecar()
    await push(table, sidecar, "0.0.0.0", "::1")
    assert sidecar.tables == [{"tcp/0.0.0.0:80": ("127.0.0.1:80",), "tcp/[::1]:80": ("[::1]:80",)}]
    await push(table, sidecar, "0.0.0.0", "::1")
    assert len(sidecar.tables) == 1, "no news"


async def test_what_is_gone_stays_while_it_has_flows() -> None:
    table, sidecar = ServiceTable(), FakeSidecar()
    await push(table, sidecar, "127.0.0.1", "127.0.0.2")
    sidecar.busy = ("tcp/127.0.0.1:80",)
    await push(table, sidecar, "127.0.0.3")
    assert list(sidecar.tables[-1]) == ["tcp/127.0.0.1:80", "tcp/127.0.0.3:80"]
    sidecar.busy = ()
    await push(table, sidecar, "127.0.0.4")
    assert list(sidecar.tables[-1]) == ["tcp/127.0.0.4:80"]


async def test_a_new_sidecar_gets_the_whole_table() -> None:
    table, sidecar = ServiceTable(), FakeSidecar()
    table.update(services("127.0.0.1"), None)
    await table.begin(sidecar)  # type: ignore[arg-type]
    assert list(sidecar.tables[0]) == ["tcp/127.0.0.1:80"]


def crowd(count: int, uid: int = 0) -> dict[ServiceId, Service]:
    rows = [Service(ServiceId(Proto.TCP, "127.0.0.1", n), uid=uid) for n in range(1, count + 1)]
    return {row.id: row for row in rows}


async def test_the_owner_that_was_scanned_is_told() -> None:
    table, sidecar = ServiceTable(), FakeSidecar()
    table.lend({"tcp/127.0.0.1:9": ("127.0.0.1:9",)})
    table.update(crowd(1, uid=1234), None)
    await table.begin(sidecar)  # type: ignore[arg-type]
    assert sidecar.owners == [{"tcp/127.0.0.1:1": 1234}], "what is the agent's own has none"


async def test_the_table_has_a_limit_and_what_is_bound_comes_first() -> None:
    table, sidecar = ServiceTable(), FakeSidecar()
    table.update(crowd(9000), None)
    await table.begin(sidecar)  # type: ignore[arg-type]
    assert len(sidecar.tables[0]) == MAX_SERVICES
    assert "tcp/127.0.0.1:1" in sidecar.tables[0]
    table.take_bound(BoundChanges(("tcp/127.0.0.1:9000",)), sidecar)  # type: ignore[arg-type]
    assert table._pushing is not None
    await table._pushing
    assert len(sidecar.tables[1]) == MAX_SERVICES
    assert "tcp/127.0.0.1:9000" in sidecar.tables[1]
    await push(table, sidecar, "127.0.0.1")
    table.take_bound(BoundChanges(is_full=True), sidecar)  # type: ignore[arg-type]
    table.take_bound(None, sidecar)  # type: ignore[arg-type]
    assert len(sidecar.tables) == 3, "where there is room for all it makes no difference"


async def test_what_went_leaves_room_for_what_came() -> None:
    table, sidecar = ServiceTable(), FakeSidecar()
    table.update(crowd(MAX_SERVICES), None)
    await table.begin(sidecar)  # type: ignore[arg-type]
    sidecar.busy = tuple(sidecar.tables[0])
    await push(table, sidecar, "127.0.0.2")
    assert len(sidecar.tables[1]) == MAX_SERVICES
    assert "tcp/127.0.0.2:80" in sidecar.tables[1]


async def test_a_sidecar_that_does_not_say_what_is_busy_gets_the_table_all_the_same() -> None:
    table, sidecar = ServiceTable(), FakeSidecar()
    await push(table, sidecar, "127.0.0.1")
    sidecar.fault = PortLinkerError("no answer")
    await push(table, sidecar, "127.0.0.2")
    assert list(sidecar.tables[-1]) == ["tcp/127.0.0.1:80", "tcp/127.0.0.2:80"], "it may be busy"


async def test_a_table_that_was_not_taken_is_pushed_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table, sidecar = ServiceTable(), FakeSidecar()
    sidecar.fault = PortLinkerError("the pipe is full")
    await push(table, sidecar, "127.0.0.1")
    assert (sidecar.tables, len(caplog.records)) == ([], 1)
    sidecar.fault = None
    await push(table, sidecar, "127.0.0.1")
    assert list(sidecar.tables[0]) == ["tcp/127.0.0.1:80"]
