"""The engine between a machine and its flows, without a pipe."""

from __future__ import annotations

from typing import Any

import pytest

from port_linker.errors import ProtocolError
from port_linker.mux import events as ev
from port_linker.mux.engine import Engine
from port_linker.mux.machine import MuxMachine


class FakeFlow:
    """Notes what happens to it; breaks if told so."""

    def __init__(self, breaks: bool = False) -> None:
        self.seen: list[str] = []
        self.breaks = breaks

    def on_data(self, data: memoryview) -> None:
        if self.breaks:
            raise ValueError("a fault of ours")
        self.seen.append(bytes(data).decode())

    def on_fin(self) -> None:
        self.seen.append("fin")

    def on_reset(self, reason: str) -> None:
        self.seen.append(f"reset {reason}")

    def on_credit(self) -> None:
        self.seen.append("credit")

    def resume(self) -> None:
        self.seen.append("resume")

    def kill(self, reason: str) -> None:
        self.seen.append(f"kill {reason}")


class Owner:
    """Notes what the other end does."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_open(self, flow: int, service: str, is_udp: bool) -> None:
        self.seen.append((flow, service, is_udp))

    def on_control(self, message: dict[str, Any]) -> None:
        if message.get("t") == "bad":
            raise ProtocolError("malformed")
        self.seen.append(message)

    def on_hello(self, message: dict[str, Any]) -> None:
        self.seen.append(message)

    def on_pong(self, clock: int) -> None:
        self.seen.append(clock)

    def on_lost(self, reason: str) -> None:
        self.seen.append(reason)


def data(flow: int, text: bytes) -> ev.DataArrived:
    return ev.DataArrived(flow, memoryview(text))


def test_events_reach_their_flow_or_the_owner() -> None:
    owner, flow = Owner(), FakeFlow()
    engine = Engine(owner)
    engine.add(1, flow)
    engine._on_events(
        [
            data(1, b"x"), data(9, b"of nobody"), ev.FinArrived(1), ev.FinArrived(9),
            ev.CreditArrived(1), ev.CreditArrived(9), ev.DatagramArrived(1, memoryview(b"y")),
            ev.FlowReset(1, "gone"), ev.FlowReset(9, "gone"), ev.FlowOpened(2, "tcp/x:1", False),
            ev.ControlArrived({"t": "x"}), ev.HelloArrived({"v": 1}), ev.PongArrived(5),
        ]
    )  # fmt: skip
    assert flow.seen == ["x", "fin", "credit", "y", "reset gone"]
    assert engine.flows == {1: flow}  # it drops itself when it has ended here too
    assert owner.seen == [(2, "tcp/x:1", False), {"t": "x"}, {"v": 1}, 5]


def test_a_fault_of_ours_costs_one_flow(caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine(Owner())
    numbers = [engine.machine.open_flow("tcp/127.0.0.1:80") for _ in range(2)]
    broken, other = FakeFlow(breaks=True), FakeFlow()
    engine.add(numbers[0], broken)
    engine.add(numbers[1], other)
    engine._on_events([data(numbers[0], b"x"), data(numbers[1], b"y")])
    assert broken.seen == ["kill internal error"]
    assert other.seen == ["y"]
    assert list(engine.machine.flows) == [numbers[1]]
    assert caplog.records[0].exc_info is not None
    engine._on_events([ev.PongArrived("no number")])  # type: ignore[arg-type]


def test_a_fault_of_the_other_end_is_passed_on() -> None:
    with pytest.raises(ProtocolError):
        Engine(Owner())._on_events([ev.ControlArrived({"t": "bad"})])
    engine = Engine(Owner())
    with pytest.raises(ProtocolError, match="twice"):
        engine._on_events([ev.HelloArrived({}), ev.HelloArrived({})])


def test_a_new_peer_ends_every_flow_and_begins_to_count_anew() -> None:
    engine, flow = Engine(Owner(), accepts_flows=False), FakeFlow()
    engine.add(engine.machine.open_flow("tcp/127.0.0.1:80"), flow)
    engine.wait_for_room(flow)
    old = engine.machine
    engine.renew("another one")
    assert flow.seen == ["kill another one"]
    assert engine.machine is not old
    assert engine.machine.open_flow("tcp/127.0.0.1:80") == 1
    engine.serve_waiting()
    assert flow.seen == ["kill another one"]


def test_flows_take_turns_when_there_is_room() -> None:
    engine = Engine(Owner())
    flows = [FakeFlow(), FakeFlow()]
    for flow in flows:
        engine.wait_for_room(flow)
    engine.serve_waiting()
    assert [flow.seen for flow in flows] == [[], []]  # no link: no room
    engine.machine.outbox.open(0)
    engine.serve_waiting()
    assert [flow.seen for flow in flows] == [["resume"], ["resume"]]


def test_without_a_pipe_nothing_is_attached_or_received() -> None:
    engine = Engine(Owner())
    engine.flush()
    assert not engine.is_attached
    assert engine.received_bytes == 0
    assert not engine.is_choked
    engine._on_lost("gone", True)
    assert engine.is_broken
    assert engine.handler.seen == ["gone"]  # type: ignore[attr-defined]


def test_the_host_lets_nobody_open_flows_to_it() -> None:
    other = MuxMachine()
    other.open_flow("tcp/127.0.0.1:22")
    other.outbox.open(0)
    frame = b"".join(other.outbox.take(1 << 20))
    flow, body = int.from_bytes(frame[1:5], "big"), memoryview(frame[8:])
    with pytest.raises(ProtocolError, match="opens flows"):
        Engine(Owner(), accepts_flows=False).machine.receive([(frame[0], flow, body)])
