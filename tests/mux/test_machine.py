"""The mux as a protocol: what one end does is what the other end is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from port_linker.errors import ProtocolError
from port_linker.mux import events as ev
from port_linker.mux import frames
from port_linker.mux.credits import FIRST_CREDIT_BYTES, MAX_GRANT_BYTES
from port_linker.mux.machine import MuxMachine
from port_linker.mux.payloads import Opening, encode_opening
from tests.fakes.mux_pair import Pair

SERVICE = "tcp/127.0.0.1:80"


def test_a_flow_opens_carries_half_closes_and_ends() -> None:
    pair = Pair()
    flow = pair.host.machine.open_flow(SERVICE)
    pair.send(pair.host, flow, b"ping")
    pair.host.machine.send_fin(flow)
    pair.run()
    assert pair.agent.events == [ev.FlowOpened(flow, SERVICE, False), ev.FinArrived(flow)]
    assert pair.agent.data[flow] == b"ping"
    assert pair.send(pair.agent, flow, b"pong") == 4
    pair.agent.machine.send_fin(flow)
    pair.run()
    assert pair.host.data[flow] == b"pong"
    assert ev.FinArrived(flow) in pair.host.events
    assert pair.host.machine.forget(flow)
    assert not pair.host.machine.forget(flow)
    assert pair.host.machine.budget.used_bytes == 0


def test_first_data_leaves_in_the_same_flight_as_the_opening() -> None:
    pair = Pair()
    flow = pair.host.machine.open_flow(SERVICE)
    pair.send(pair.host, flow, b"GET / HTTP/1.1\r\n")
    out = pair.host.machine.outbox.take(1 << 16)
    pair.agent.take(b"".join(out))
    assert pair.agent.data[flow] == b"GET / HTTP/1.1\r\n"


def test_a_reset_tells_the_reason_and_forgets_the_flow_on_both_ends() -> None:
    pair = Pair()
    flow = pair.host.machine.open_flow(SERVICE)
    pair.run()
    pair.agent.machine.send_reset(flow, "refused")
    pair.send(pair.host, flow, b"too late")
    pair.run()
    assert pair.host.events[-1] == ev.FlowReset(flow, "refused")
    assert pair.agent.data[flow] == b""
    assert pair.host.machine.flows == {}
    assert pair.agent.machine.flows == {}
    pair.host.machine.send_reset(flow, "again")
    assert not pair.host.machine.outbox.has_output


def test_a_reset_comes_behind_what_was_sent_before_it_or_at_once() -> None:
    pair = Pair()
    last, first = (pair.host.machine.open_flow(SERVICE) for _ in range(2))
    pair.run()
    for flow in (last, first):
        pair.send(pair.host, flow, b"words")
    pair.host.machine.send_reset(last, "gone", is_last=True)
    pair.host.machine.send_reset(first, "gone")
    pair.run()
    assert pair.agent.data == {last: b"words"}
    assert [e.flow for e in pair.agent.events if isinstance(e, ev.FlowReset)] == [first, last]


def test_what_came_before_a_reset_counts_until_it_is_delivered() -> None:
    pair = Pair()
    flow = pair.host.machine.open_flow(SERVICE)
    pair.run()
    pair.agent.reads = False
    pair.send(pair.host, flow, b"words")
    pair.host.machine.send_reset(flow, "gone", is_last=True)
    pair.run()
    agent = pair.agent.machine
    assert agent.budget.used_bytes > 0
    assert agent.sendable_bytes(flow) == 0
    late = [(kind, flow, memoryview(b"")) for kind in (frames.DATA, frames.RESET)]
    assert agent.receive(late) == []  # one reset, and nothing behind it
    agent.consumed(flow, 5)
    agent.send_fin(flow)
    agent.forget(flow)
    assert agent.budget.used_bytes == 0
    pair.run()
    assert [type(e) for e in pair.host.events] == []


def test_a_stalled_reader_stops_its_own_flow_and_no_other() -> None:
    pair = Pair()
    stalled, other = (pair.host.machine.open_flow(SERVICE) for _ in range(2))
    pair.run()
    pair.agent.reads = False
    sent = 0
    for _ in range(1000):
        sent += pair.send(pair.host, stalled, bytes(65536))
        pair.run()
    assert pair.host.machine.sendable_bytes(stalled) == 0
    assert sent <= pair.agent.machine.budget.limit_bytes
    pair.agent.reads = True
    assert pair.send(pair.host, other, b"still alive") == 11
    pair.run()
    assert pair.agent.data[other] == b"still alive"


def test_control_passes_data_that_waits() -> None:
    pair = Pair()
    flow = pair.host.machine.open_flow(SERVICE)
    pair.run()
    pair.send(pair.host, flow, bytes(60_000))
    pair.host.machine.send_control({"t": "bye"})
    pair.agent.take(b"".join(pair.host.machine.outbox.take(10)))
    assert pair.agent.events[-1] == ev.ControlArrived({"t": "bye"})
    assert pair.agent.data[flow] == b""


def test_datagrams_arrive_whole_and_are_gone_with_their_link() -> None:
    pair = Pair()
    flow = pair.host.machine.open_flow("udp/127.0.0.1:53", is_udp=True)
    assert pair.host.machine.send_datagram(flow, b"")
    assert pair.host.machine.send_datagram(flow, bytes(65_507))
    pair.run()
    got = [bytes(e.data) for e in pair.agent.events if isinstance(e, ev.DatagramArrived)]
    assert got == [b"", bytes(65_507)]
    pair.host.machine.send_datagram(flow, b"lost")
    pair.cut()
    assert not pair.host.machine.send_datagram(flow, b"dropped")
    assert pair.host.machine.outbox.dropped_datagrams == 1
    pair.attach()
    pair.run()
    assert len([e for e in pair.agent.events if isinstance(e, ev.DatagramArrived)]) == 2


def test_more_datagrams_than_the_pipe_takes_are_dropped_not_kept() -> None:
    pair = Pair()
    flow = pair.host.machine.open_flow("udp/127.0.0.1:53", is_udp=True)
    kept = sum(pair.host.machine.send_datagram(flow, bytes(60_000)) for _ in range(100))
    assert 10 < kept < 25


def test_a_ping_is_answered_before_the_link_is_attached() -> None:
    host, agent = MuxMachine(), Pair().agent
    agent.machine.outbox.shut()
    host.send_ping(12345)
    agent.take(b"".join(host.outbox.take(1000)))
    host_end = Pair().host
    host_end.take(b"".join(agent.machine.outbox.take(1000)))
    assert host_end.events == [ev.PongArrived(12345)]


def test_a_hello_is_told() -> None:
    pair = Pair()
    pair.host.machine.send_hello({"v": 1})
    pair.run()
    assert pair.agent.events == [ev.HelloArrived({"v": 1})]


def test_acknowledgements_free_what_was_kept() -> None:
    pair = Pair()
    flow = pair.host.machine.open_flow(SERVICE)
    pair.run()
    pair.send(pair.host, flow, bytes(10_000))
    pair.run()
    assert pair.host.machine.outbox.journal.kept_bytes > 10_000
    pair.agent.machine.send_ack()
    pair.run()
    assert pair.host.machine.outbox.journal.kept_bytes == 0


def test_an_outage_takes_no_data_from_flows() -> None:
    pair = Pair()
    flow = pair.host.machine.open_flow(SERVICE)
    pair.run()
    pair.cut()
    assert pair.host.machine.sendable_bytes(flow) == 0
    pair.attach()
    assert pair.host.machine.sendable_bytes(flow) > 0


def build_traffic(pair: Pair) -> tuple[int, bytes, bytes]:
    flow = pair.host.machine.open_flow(SERVICE)
    pair.run()
    up, down = bytes(range(200)), bytes(reversed(range(150)))
    for start in range(0, 200, 40):
        pair.send(pair.host, flow, up[start : start + 40])
    for start in range(0, 150, 30):
        pair.send(pair.agent, flow, down[start : start + 30])
    pair.agent.machine.send_fin(flow)
    return flow, up, down


def test_a_cut_at_every_byte_loses_and_repeats_nothing() -> None:
    size = 5 * (8 + 40)
    for at in range(size + 1):
        pair = Pair()
        flow, up, down = build_traffic(pair)
        pair.cut(at, at)
        pair.attach()
        pair.run()
        assert pair.agent.data[flow] == up
        assert pair.host.data[flow] == down
        assert pair.host.events.count(ev.FinArrived(flow)) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.booleans(), st.integers(1, 30_000),
            st.integers(0, 40_000), st.integers(0, 40_000),
        ),
        max_size=40,
    )
)  # fmt: skip
def test_any_traffic_with_any_cuts_arrives_once_and_in_order(
    steps: list[tuple[int, bool, int, int, int]],
) -> None:
    pair = Pair()
    flows = [pair.host.machine.open_flow(SERVICE) for _ in range(3)]
    pair.run()
    sent = {(end, flow): b"" for end in ("host", "agent") for flow in flows}
    for number, (which, is_up, size, host_cut, agent_cut) in enumerate(steps):
        if which == 3:
            pair.cut(host_cut, agent_cut)
            pair.attach()
            continue
        name = "host" if is_up else "agent"
        end = pair.host if is_up else pair.agent
        data = bytes([number % 251]) * size
        count = pair.send(end, flows[which], data)
        sent[name, flows[which]] += data[:count]
        if number % 3 == 0:
            pair.run()
    pair.run()
    for flow in flows:
        assert pair.agent.data[flow] == sent["host", flow]
        assert pair.host.data[flow] == sent["agent", flow]


def raw(kind: int, flow: int, body: bytes) -> bytes:
    return frames.encode_header(kind, flow, len(body)) + body


def opening(window: int, credit: int, service: str) -> bytes:
    return encode_opening(Opening(service, window, credit, is_udp=False))


OPEN_1 = raw(frames.OPEN, 1, opening(100, 100, "tcp/127.0.0.1:1"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (raw(frames.CONTROL, 0, b"{"), "not JSON"),
        (raw(frames.CONTROL, 0, b"[" * 100_000), "not JSON"),
        (raw(frames.CONTROL, 0, b"[]"), "not an object"),
        (raw(frames.OPEN, 0, opening(1, 1, "x")), "out of order"),
        (raw(frames.OPEN, 1, b"123"), "no service"),
        (OPEN_1 + OPEN_1, "out of order"),
        (raw(frames.OPEN, 1, opening(1, FIRST_CREDIT_BYTES + 1, "x")), "first credit"),
        (raw(frames.OPEN, 1, opening(MAX_GRANT_BYTES + 1, 1, "x")), "first credit"),
        (OPEN_1 + raw(frames.DATA, 1, bytes(200_000)), "past the credit"),
        (OPEN_1 + raw(frames.FIN, 1, b"") + raw(frames.DATA, 1, b"x"), "past the credit"),
        (OPEN_1 + raw(frames.DATAGRAM, 1, b"x"), "datagram on a TCP flow"),
        (OPEN_1 + raw(frames.CREDIT, 1, b"\x7f\xff\xff\xff"), "more credit"),
        (OPEN_1 + raw(frames.CREDIT, 1, b"\x00"), "wrong size"),
        (raw(frames.ACK, 0, bytes(7) + b"\x01"), "never sent"),
        (raw(frames.PONG, 0, b"1"), "wrong size"),
    ],
)
def test_what_the_protocol_does_not_allow_is_the_one_error(data: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        Pair().agent.take(data)


@pytest.mark.parametrize(
    "data",
    [
        raw(frames.DATA, 9, b"late"),
        raw(frames.FIN, 9, b""),
        raw(frames.RESET, 9, b"late"),
        raw(frames.CREDIT, 9, bytes(4)),
        raw(frames.DATAGRAM, 9, b"late"),
    ],
)
def test_late_words_about_a_flow_that_has_ended_are_no_news(data: bytes) -> None:
    pair = Pair()
    pair.agent.take(data)
    assert pair.agent.events == []


def test_a_packet_of_the_last_resort_comes_through_whole() -> None:
    pair = Pair()
    pair.agent.take(raw(frames.PACKET, 0, b"quic"))
    (event,) = pair.agent.events
    assert isinstance(event, ev.PacketArrived)
    assert bytes(event.data) == b"quic"


@given(st.binary(max_size=300))
def test_any_bytes_are_understood_or_refused_with_the_one_error(data: bytes) -> None:
    try:
        Pair().agent.take(data)
    except ProtocolError:
        return
