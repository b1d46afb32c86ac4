"""What the agent tells whom."""

from __future__ import annotations

from port_linker.agent.lease import Lease
from port_linker.agent.machine import AgentMachine
from port_linker.model import Proto, Service, ServiceId
from port_linker.protocol.messages import Facts, Hello

FACTS = Facts(0, "root", "dev1", "boot", "net", (32768, 60999), 22, "3.9.2", "sock_diag", 7, 0.0)


def service(port: int, process: str | None = None) -> Service:
    return Service(ServiceId(Proto.TCP, "127.0.0.1", port), uid=0, process=process)


def table(*services: Service) -> dict[ServiceId, Service]:
    return {one.id: one for one in services}


def tell(machine: AgentMachine, *services: Service) -> list[dict[str, object]]:
    return machine.tell(table(*services), lambda: FACTS)


def new_machine() -> AgentMachine:
    return AgentMachine("agent-1", Lease(100.0, 10.0, 0.0))


def test_a_new_host_is_told_everything_and_then_differences() -> None:
    machine = new_machine()
    assert not machine.meet(Hello("host-1", "", 0))
    facts, full = tell(machine, service(80), service(81))
    assert facts["t"] == "facts"
    assert full["full"] is True
    assert len(full["appeared"]) == 2  # type: ignore[arg-type]
    assert tell(machine, service(80), service(81)) == []
    (diff,) = tell(machine, service(81, "nginx"), service(82))
    assert [row["id"] for row in diff["appeared"]] == ["tcp/127.0.0.1:82"]  # type: ignore[attr-defined]
    assert [row["process"] for row in diff["changed"]] == ["nginx"]  # type: ignore[attr-defined]
    assert diff["vanished"] == ["tcp/127.0.0.1:80"]


def test_no_service_at_all_is_told_too() -> None:
    machine = new_machine()
    machine.meet(Hello("host-1", "", 0))
    assert tell(machine)[1] == {"t": "services", "full": True}


def test_the_same_host_goes_on_and_another_begins_anew() -> None:
    machine = new_machine()
    assert machine.hello(5) == Hello("agent-1", "", 5)
    machine.meet(Hello("host-1", "", 0))
    tell(machine, service(80))
    assert machine.meet(Hello("host-1", "agent-1", 9))
    assert tell(machine, service(80)) == []
    assert machine.hello(5) == Hello("agent-1", "host-1", 5)
    assert not machine.meet(Hello("host-2", "agent-1", 0))
    assert len(tell(machine, service(80))) == 2


def test_a_host_that_knows_another_agent_begins_anew() -> None:
    machine = new_machine()
    machine.meet(Hello("host-1", "", 0))
    assert not machine.meet(Hello("host-1", "agent-0", 9))


def test_only_what_listens_here_is_found() -> None:
    machine = new_machine()
    machine.meet(Hello("host-1", "", 0))
    tell(machine, service(80))
    assert machine.find("tcp/127.0.0.1:80") == service(80)
    for key in ("tcp/127.0.0.1:81", "udp/127.0.0.1:80", "tcp/10.0.0.1:22", "", "x/y"):
        assert machine.find(key) is None
