"""The mux machine, its pump and its flows under one roof. I/O; runs on Python 3.9.

Host and agent have one engine each. A link may be cut and attached again; the flows stay.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Callable, Optional, Protocol

from port_linker.errors import ProtocolError
from port_linker.mux import events as ev
from port_linker.mux.machine import MuxMachine
from port_linker.mux.pump import Pump
from port_linker.mux.watch import ErrorWatch

logger = logging.getLogger(__name__)


class Flow(Protocol):
    """The I/O side of one flow."""

    def on_data(self, data: memoryview) -> None:
        """Bytes (or one datagram) came from the other end; the view dies with the call."""

    def on_fin(self) -> None:
        """The other end will send no more."""

    def on_reset(self, reason: str) -> None:
        """The other end has reset; the flow calls `Engine.drop` when it has ended here too."""

    def on_credit(self) -> None:
        """More may be sent."""

    def kill(self, reason: str) -> None:
        """End here at once, without a word to the other end."""


class Waiter(Protocol):
    """What waits for room on the link."""

    def resume(self) -> None:
        """The link has room again."""


class Handler(Protocol):
    """What the owner of an engine wants to hear."""

    def on_open(self, flow: int, service: str, is_udp: bool) -> None:
        """The other end opened a flow."""

    def on_control(self, message: dict[str, Any]) -> None:
        """A control message came."""

    def on_hello(self, message: dict[str, Any]) -> None:
        """The first message of a link came."""

    def on_pong(self, clock: int) -> None:
        """A ping was answered."""

    def on_lost(self, reason: str) -> None:
        """The link ended; flows wait for the next one."""


class Engine:
    """One end of the stdio link.

    is_broken: the other end broke the protocol, so that what was counted as received may not have
    been understood; the owner then restarts the engine and resumes nothing.
    is_behind: set it to let the other end's words wait while the owner has enough to do (pump.py).
    """

    def __init__(self, handler: Handler, accepts_flows: bool = True) -> None:
        self._accepts_flows = accepts_flows
        self.is_behind: Callable[[], bool] = lambda: False
        self.machine = MuxMachine(accepts_flows)
        self.flows: dict[int, Flow] = {}
        self.handler = handler
        self.on_packet: Callable[[memoryview], None] = _ignore_packet  # set by who carries QUIC's
        self.is_broken = False
        self._is_greeted = False
        self._pump: Optional[Pump] = None
        self._waiting: deque[Waiter] = deque()
        self.errors = ErrorWatch()
        self._actions: dict[type, Callable[[Any], None]] = {
            ev.DataArrived: self._on_data,
            ev.DatagramArrived: self._on_data,
            ev.FinArrived: self._on_fin,
            ev.CreditArrived: self._on_credit,
            ev.FlowReset: self._on_reset,
            ev.FlowOpened: lambda e: handler.on_open(e.flow, e.service, e.is_udp),
            ev.ControlArrived: lambda e: handler.on_control(e.message),
            ev.HelloArrived: self._on_hello,
            ev.PongArrived: lambda e: handler.on_pong(e.clock),
            ev.PacketArrived: lambda e: self.on_packet(e.data),
        }

    # The life of a link

    def connect(self, descriptors: tuple[int, int], secret: bytes) -> Pump:
        """Take a new pipe; reliable frames wait until `attach`. The old pipe is dropped."""
        self.disconnect()
        self.is_broken = self._is_greeted = False
        self._pump = Pump(
            self.machine, descriptors, secret, self._on_events, self.serve_waiting, self._on_lost,
            self.is_behind,
        )  # fmt: skip
        return self._pump

    def attach(self, peer_received_bytes: int) -> None:
        """Go on where the other end stopped. Raises ProtocolError if that is impossible."""
        self.machine.outbox.open(peer_received_bytes)
        self.flush()
        self.serve_waiting()

    def disconnect(self) -> None:
        """Drop the pipe; flows and what was not acknowledged stay."""
        if self._pump is not None:
            self._pump.close()
            self._pump = None
        self.machine.outbox.shut()

    def restart(self, reason: str) -> None:
        """Drop the pipe and forget the other end: every flow ends here."""
        self.disconnect()
        self.renew(reason)
        self.errors.close()

    def renew(self, reason: str) -> None:
        """Forget the other end but keep the pipe: flows end, counting begins anew."""
        flows, self.flows = self.flows, {}
        self._waiting.clear()
        self.machine = MuxMachine(self._accepts_flows)
        if self._pump is not None:
            self._pump.machine = self.machine
        for flow in flows.values():
            flow.kill(reason)

    @property
    def is_attached(self) -> bool:
        """Whether reliable frames can leave."""
        return self._pump is not None and self.machine.outbox.is_open

    @property
    def is_choked(self) -> bool:
        """Whether the other end takes so little that news should wait."""
        return self.machine.outbox.is_choked

    @property
    def received_bytes(self) -> int:
        """Raw bytes that this pipe has brought; a sign of life."""
        return self._pump.received_bytes if self._pump is not None else 0

    def flush(self) -> None:
        """See that what was queued leaves soon."""
        if self._pump is not None:
            self._pump.flush_soon()

    def send_packet(self, data: bytes) -> bool:
        """Send a QUIC packet of the path of last resort; False if it was dropped."""
        is_queued = self.machine.send_packet(data)
        self.flush()
        return is_queued

    # Flows

    def add(self, number: int, flow: Flow) -> None:
        """Give the events of a flow to its I/O side."""
        self.flows[number] = flow

    def drop(self, number: int) -> None:
        """Both directions of a flow have ended."""
        self.flows.pop(number, None)
        self.machine.forget(number)

    def reset(self, number: int, reason: str, is_last: bool = False) -> None:
        """End a flow and tell the other end: at once, or behind what was sent before."""
        self.flows.pop(number, None)
        self.machine.send_reset(number, reason, is_last)
        self.flush()

    def wait_for_room(self, waiter: Waiter) -> None:
        """Have waiter.resume called, in turn with the others, once the link takes data again."""
        self._waiting.append(waiter)

    def serve_waiting(self) -> None:
        """Let flows that wait for room go on, one after the other, while there is room."""
        for _ in range(len(self._waiting)):
            if self.machine.outbox.room_bytes <= 0:
                return
            self._waiting.popleft().resume()

    def _on_events(self, events: list[ev.MuxEvent]) -> None:
        actions = self._actions
        for event in events:
            try:
                actions[type(event)](event)
            except ProtocolError:  # noqa: PERF203 - free while nothing is raised
                raise
            except Exception:  # a fault of ours costs one flow, not all that came with it
                logger.exception("an event of the link failed")
                self._give_up(event)

    def _give_up(self, event: ev.MuxEvent) -> None:
        number = getattr(event, "flow", 0)
        flow = self.flows.get(number)
        self.reset(number, "internal error")
        if flow is not None:
            flow.kill("internal error")

    def _on_hello(self, event: ev.HelloArrived) -> None:
        if self._is_greeted:
            raise ProtocolError("the other side said hello twice")
        self._is_greeted = True
        self.handler.on_hello(event.message)

    def _on_data(self, event: ev.DataArrived) -> None:
        flow = self.flows.get(event.flow)
        if flow is not None:
            flow.on_data(event.data)

    def _on_fin(self, event: ev.FinArrived) -> None:
        flow = self.flows.get(event.flow)
        if flow is not None:
            flow.on_fin()

    def _on_credit(self, event: ev.CreditArrived) -> None:
        flow = self.flows.get(event.flow)
        if flow is not None:
            flow.on_credit()

    def _on_reset(self, event: ev.FlowReset) -> None:
        flow = self.flows.get(event.flow)
        if flow is not None:
            flow.on_reset(event.reason)
        else:
            self.machine.forget(event.flow)

    def _on_lost(self, reason: str, is_broken: bool) -> None:
        self.is_broken = is_broken
        self.disconnect()
        self.handler.on_lost(reason)


def _ignore_packet(_packet: memoryview) -> None:
    """Nobody carries QUIC's packets on this end."""
