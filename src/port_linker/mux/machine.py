"""Both ends' state of the stdio link: calls in, frames out; frames in, events out. Pure.

The same machine serves host and agent. It knows no socket and no clock; the engine does the I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Optional  # noqa: UP035 - evaluated on Python 3.9

from port_linker.errors import ProtocolError
from port_linker.mux import credits as cr
from port_linker.mux import events as ev
from port_linker.mux import frames
from port_linker.mux.journal import Receipt
from port_linker.mux.outbox import Outbox
from port_linker.mux.payloads import (
    U32,
    U64,
    Opening,
    decode_json,
    decode_number,
    decode_opening,
    encode_json,
    encode_opening,
)

MAX_FLOWS = 65_536  # a peer that opens more is broken

Handler = Callable[[int, memoryview], "Optional[ev.MuxEvent]"]  # of one type of frame


class FlowState:
    """What the machine knows of one flow."""

    __slots__ = ("credit", "is_reset", "receive", "recv_fin", "sent_fin")

    def __init__(self, credit: int, receive: Optional[cr.ReceiveWindow]) -> None:
        self.credit = credit
        self.receive = receive  # None: a UDP flow
        self.sent_fin = self.recv_fin = False
        self.is_reset = False  # by the other end; what came before is not all delivered yet


class MuxMachine:
    """One end of the mux. Flow numbers are given by the host alone, from 1 on.

    accepts_flows: whether the other end may open flows; the host never lets the agent.
    """

    def __init__(self, accepts_flows: bool = True) -> None:
        self._accepts_flows = accepts_flows
        self.flows: dict[int, FlowState] = {}
        self.outbox = Outbox()
        self.receipt = Receipt()
        self.budget = cr.Budget()
        self._last_flow = 0
        self._handlers: dict[int, Handler] = {
            frames.CONTROL: lambda _, payload: ev.ControlArrived(decode_json(payload)),
            frames.OPEN: self._on_open,
            frames.DATA: self._on_data,
            frames.FIN: self._on_fin,
            frames.RESET: self._on_reset,
            frames.CREDIT: self._on_credit,
            frames.HELLO: lambda _, payload: ev.HelloArrived(decode_json(payload)),
            frames.ACK: self._on_ack,
            frames.PING: self._on_ping,
            frames.PONG: lambda _, payload: ev.PongArrived(decode_number(U64, payload)),
            frames.DATAGRAM: self._on_datagram,
            frames.PACKET: lambda _, payload: ev.PacketArrived(payload),
        }

    # Calls of the local side

    def open_flow(self, service: str, is_udp: bool = False) -> int:
        """Queue the opening of a flow and return its number."""
        self._last_flow += 1
        flow = self._last_flow
        credit, window, receive = 0, 0, None
        if not is_udp:
            credit = cr.first_credit(len(self.flows))
            receive = cr.ReceiveWindow(self.budget, credit)
            receive.widen(cr.REPLY_WINDOW_BYTES)
            window = receive.grant_all()
        self.flows[flow] = FlowState(credit, receive)
        opening = encode_opening(Opening(service, window, credit, is_udp))
        put = self.outbox.put_among_datagrams if is_udp else self.outbox.put_control
        put(frames.OPEN, flow, opening)
        return flow

    def sendable_bytes(self, flow: int) -> int:
        """Return how many bytes the flow may hand over now; 0 while it must wait."""
        state = self.flows.get(flow)
        if state is None or state.sent_fin:
            return 0
        return min(state.credit, self.outbox.room_bytes)

    def send_data(self, flow: int, data: bytes) -> None:
        """Queue bytes of a flow, at most sendable_bytes of it."""
        self.flows[flow].credit -= len(data)
        self.outbox.put_data(frames.DATA, flow, data)

    def send_fin(self, flow: int) -> None:
        """Queue the end of this direction; bytes queued before it go first."""
        state = self.flows.get(flow)
        if state is not None and not state.sent_fin:
            state.sent_fin = True
            self.outbox.put_data(frames.FIN, flow, b"")

    def send_reset(self, flow: int, reason: str, is_last: bool = False) -> None:
        """End both directions of a flow and forget it; is_last: behind what was queued before."""
        state = self.flows.get(flow)
        if state is None:
            return
        self.forget(flow)
        put = self.outbox.put_data if is_last else self.outbox.put_control
        if state.receive is None:
            put = self.outbox.put_among_datagrams
        put(frames.RESET, flow, reason.encode()[:200])

    def consumed(self, flow: int, count: int) -> None:
        """The local reader took bytes of a flow; grant more when it is time."""
        state = self.flows.get(flow)
        if state is None or state.receive is None:
            return
        grant = state.receive.consumed(count)
        if grant and not state.recv_fin:
            self.outbox.put_control(frames.CREDIT, flow, U32.pack(grant))

    def forget(self, flow: int) -> bool:
        """Drop a flow that has ended; False if it was not known."""
        state = self.flows.pop(flow, None)
        if state is None:
            return False
        if state.receive is not None:
            state.receive.close()
        return True

    def send_datagram(self, flow: int, data: bytes) -> bool:
        """Queue one datagram; False if it was dropped (outage, or more than the pipe takes)."""
        return self.outbox.put_datagram(frames.DATAGRAM, flow, data)

    def send_packet(self, data: bytes) -> bool:
        """Queue one QUIC packet of the path of last resort; False if it was dropped."""
        return self.outbox.put_packet(frames.PACKET, data)

    def send_control(self, message: dict[str, Any]) -> None:
        """Queue a control message; it passes waiting data."""
        self.outbox.put_control(frames.CONTROL, 0, encode_json(message))

    def send_hello(self, message: dict[str, Any]) -> None:
        """Queue the first message of a link."""
        self.outbox.put_fleeting(frames.HELLO, encode_json(message))

    def send_ping(self, clock: int) -> None:
        """Queue a ping that carries the sender's clock."""
        self.outbox.put_fleeting(frames.PING, U64.pack(clock))

    def send_ack(self) -> None:
        """Queue an acknowledgement if anything came in since the last one."""
        if self.receipt.is_pending:
            self.outbox.put_fleeting(frames.ACK, U64.pack(self.receipt.say()))

    # Frames of the other side

    def receive(self, arrived: Iterable[frames.Frame]) -> list[ev.MuxEvent]:
        """Return what the frames of one read mean.

        Raises ProtocolError for what the protocol does not allow.
        """
        events: list[ev.MuxEvent] = []
        handlers, receipt, reliable = self._handlers, self.receipt, frames.RELIABLE
        for kind, flow, payload in arrived:
            if kind in reliable:
                receipt.count(frames.HEADER_BYTES + len(payload))
            event = handlers[kind](flow, payload)
            if event is not None:
                events.append(event)
        if receipt.is_due:
            self.send_ack()
        return events

    def _on_open(self, flow: int, payload: memoryview) -> Optional[ev.MuxEvent]:
        if not self._accepts_flows:
            raise ProtocolError("the target opens flows to this machine")
        if flow <= self._last_flow or len(self.flows) >= MAX_FLOWS:
            raise ProtocolError("a flow is opened out of order")
        self._last_flow = flow
        opening = decode_opening(payload)
        if opening.window > cr.MAX_GRANT_BYTES or opening.credit > cr.FIRST_CREDIT_BYTES:
            raise ProtocolError("a flow is opened with more than its first credit")
        receive = None if opening.is_udp else cr.ReceiveWindow(self.budget, opening.credit)
        self.flows[flow] = FlowState(opening.window, receive)
        if receive is not None:
            receive.widen(cr.UPLOAD_WINDOW_BYTES)
        return ev.FlowOpened(flow, opening.service, opening.is_udp)

    def _on_data(self, flow: int, payload: memoryview) -> Optional[ev.MuxEvent]:
        state = self.flows.get(flow)
        if state is None or state.is_reset:
            return None  # reset by us while this was under way, or it was overtaken by a reset
        if state.recv_fin or state.receive is None or not state.receive.arrived(len(payload)):
            raise ProtocolError("data past the credit or the end of a flow")
        return ev.DataArrived(flow, payload)

    def _on_fin(self, flow: int, _payload: memoryview) -> Optional[ev.MuxEvent]:
        state = self.flows.get(flow)
        if state is None or state.recv_fin:
            return None
        state.recv_fin = True
        return ev.FinArrived(flow)

    def _on_reset(self, flow: int, payload: memoryview) -> Optional[ev.MuxEvent]:
        state = self.flows.get(flow)
        if state is None or state.is_reset:
            return None
        state.is_reset = state.sent_fin = state.recv_fin = True
        return ev.FlowReset(flow, bytes(payload).decode("utf-8", "replace"))

    def _on_credit(self, flow: int, payload: memoryview) -> Optional[ev.MuxEvent]:
        state = self.flows.get(flow)
        if state is None:
            return None
        state.credit += decode_number(U32, payload)
        if state.credit > cr.MAX_GRANT_BYTES:
            raise ProtocolError("more credit than a flow can have")
        return ev.CreditArrived(flow)

    def _on_ack(self, _flow: int, payload: memoryview) -> Optional[ev.MuxEvent]:
        self.outbox.journal.acknowledge(decode_number(U64, payload))
        return None

    def _on_ping(self, _flow: int, payload: memoryview) -> Optional[ev.MuxEvent]:
        self.outbox.put_fleeting(frames.PONG, bytes(payload))
        return None

    def _on_datagram(self, flow: int, payload: memoryview) -> Optional[ev.MuxEvent]:
        state = self.flows.get(flow)
        if state is not None and state.receive is not None:
            raise ProtocolError("a datagram on a TCP flow, past its credit")
        return None if state is None else ev.DatagramArrived(flow, payload)
