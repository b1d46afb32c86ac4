"""Two mux machines and the pipe between them, which can be cut at any byte."""

from __future__ import annotations

from collections import defaultdict

from port_linker.mux import events as ev
from port_linker.mux.frames import FrameReader
from port_linker.mux.machine import MuxMachine


class End:
    """One machine with its reader and a log of what it was told."""

    def __init__(self) -> None:
        self.machine = MuxMachine()
        self.reader = FrameReader()
        self.events: list[ev.MuxEvent] = []
        self.data: dict[int, bytes] = defaultdict(bytes)
        self.reads = True  # whether this end's local sockets take what arrives

    def take(self, data: bytes) -> None:
        """Receive bytes from the pipe."""
        while data:
            space = self.reader.space()
            count = min(len(space), len(data))
            space[:count] = data[:count]
            data = data[count:]
            for event in self.machine.receive(self.reader.advance(count)):
                self._note(event)

    def _note(self, event: ev.MuxEvent) -> None:
        if isinstance(event, ev.DataArrived):
            self.data[event.flow] += bytes(event.data)
            if self.reads:
                self.machine.consumed(event.flow, len(event.data))
            return
        if isinstance(event, ev.DatagramArrived):
            self.events.append(ev.DatagramArrived(event.flow, memoryview(bytes(event.data))))
            return
        if isinstance(event, ev.FlowReset) and self.reads:
            self.machine.forget(event.flow)
        self.events.append(event)


class Pair:
    """Host and agent, attached."""

    def __init__(self) -> None:
        self.host, self.agent = End(), End()
        self.attach()

    def attach(self) -> None:
        """A new link: both ends say what they have received."""
        for end in (self.host, self.agent):
            end.reader = FrameReader()
        to_host = self.host.machine.receipt.received_bytes
        self.host.machine.outbox.open(self.agent.machine.receipt.received_bytes)
        self.agent.machine.outbox.open(to_host)

    def cut(self, host_bytes: int = 0, agent_bytes: int = 0) -> None:
        """Let so many bytes of what waits arrive, lose the rest, and drop the link."""
        up = b"".join(self.host.machine.outbox.take(1 << 20))
        down = b"".join(self.agent.machine.outbox.take(1 << 20))
        self.agent.take(up[:host_bytes])
        self.host.take(down[:agent_bytes])
        for end in (self.host, self.agent):
            end.machine.outbox.shut()

    def run(self, rounds: int = 1000) -> None:
        """Carry everything that waits, until nothing moves."""
        for _ in range(rounds):
            up = b"".join(self.host.machine.outbox.take(1 << 16))
            self.agent.take(up)
            down = b"".join(self.agent.machine.outbox.take(1 << 16))
            self.host.take(down)
            if not up and not down:
                return
        raise AssertionError("the pair does not come to rest")

    def send(self, end: End, flow: int, data: bytes) -> int:
        """Send as much as credit and queue allow; return how much."""
        count = min(len(data), end.machine.sendable_bytes(flow))
        if count:
            end.machine.send_data(flow, data[:count])
        return count
