"""The sidecar learns what it may dial; what has flows is not taken from it."""

from __future__ import annotations

from port_linker.agent.table import MAX_SERVICES, ServiceTable
from port_linker.link import control, reports
from port_linker.model import Proto, Service, ServiceId


class FakeSidecar:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.tables: list[dict[str, tuple[str, ...]]] = []
        self.busy: tuple[str, ...] = ()
        self.is_running = True

    async def send(self, command: control.Services) -> None:
        self.tables.append(dict(command.table))

    async def ask(self, _command: object, _answer: object) -> reports.Stats:
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


async def test_the_table_has_a_limit() -> None:
    rows = [Service(ServiceId(Proto.TCP, "127.0.0.1", n), uid=0) for n in range(1, 9000)]
    table, sidecar = ServiceTable(), FakeSidecar()
    table.update({row.id: row for row in rows}, None)
    await table.begin(sidecar)  # type: ignore[arg-type]
    assert len(sidecar.tables[0]) == MAX_SERVICES
