"""Lies without a purpose: any message, any frame, anything in their fields, at any time."""

from __future__ import annotations

import json
from typing import Any

from port_linker.mux import frames
from tests.hostile.wire import FACTS, HELLO, Wire, service

FLEETING = (frames.HELLO, frames.ACK, frames.PING, frames.PONG, frames.DATAGRAM, frames.PACKET)
KINDS = sorted({*frames.RELIABLE, *FLEETING})
SIZES = {frames.FIN: 0, frames.CREDIT: 4, frames.ACK: 8, frames.PING: 8, frames.PONG: 8}
AB = "ab" * 32
MESSAGES: list[dict[str, Any]] = [
    FACTS,
    {"t": "services", "appeared": [service(1)], "changed": [service(2)], "vanished": ["tcp/::1:1"]},
    {"t": "services", "full": True},
    {"t": "log", "level": "warning", "message": "m", "fields": {"a": 1}, "at": 1.0},
    {"t": "quic-need", "digest": AB, "at": 0},
    {"t": "quic-ready", "attempt": 1, "fingerprint": AB, "port": 9, "addresses": ["127.0.0.1"]},
    {"t": "quic-ended", "attempt": 1, "reason": "r", "is_final": False},
    {"t": "quic-life", "attempt": 1, "is_quiet": True},
    {"t": "quic-counted", "attempt": 1, "sent": 5, "lost": 1},
    {"t": "quic-gauged", "attempt": 1, "port": 9},
    {"t": "quic-start"}, {"t": "bye"}, {"t": 7}, {},
]  # fmt: skip


class Chaos:
    """One stream of lies; each seed tells another one."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.random = wire, wire.random
        self._number = 0
        self._lies = [
            self.services, self.services, self.churn, self.message, self.message, self.frame,
            self.flow, self.pings, self.log, self.facts, self.client, self.rest,
        ]  # fmt: skip

    def run(self) -> None:
        """Lie until the host leaves."""
        while True:
            wire = self.wire
            wire.reads = self.random.random() < 0.9
            self.random.choice(self._lies)()
            if wire.reads:
                wire.listen(0.0005)

    # What is nearly true

    def services(self) -> None:
        """Some of very many, many of them known, with anything in their fields."""
        count = self.random.choice((1, 5, 200))
        rows = [service(self.random.randrange(30_000)) for _ in range(count)]
        if self.random.random() < 0.5:
            names = ("user", "process", "command", "container", "unit")
            key = self.random.choice(("uid", "pid", *names))
            for row in rows:
                row[key] = self.random.choice((self.word(), self.random.randrange(1 << 20), None))
        self.wire.control({"t": "services", self.random.choice(("appeared", "changed")): rows})

    def churn(self) -> None:
        """New ones that go at once."""
        self._number += 100
        rows = [service(self._number + each) for each in range(100)]
        self.wire.control({"t": "services", "appeared": rows})
        self.wire.control({"t": "services", "vanished": [row["id"] for row in rows]})

    def log(self) -> None:
        """A line of the log."""
        level = self.random.choice(("debug", "info", "warning", "error", "critical", "nonsense"))
        fields = {self.word(): self.value(0) for _ in range(self.random.randrange(40))}
        self.wire.control({"t": "log", "level": level, "message": self.word(), "fields": fields})

    def facts(self) -> None:
        """Another machine."""
        self.wire.facts(boot_id=self.word()[:50], ssh_port=self.random.randrange(0xFFFF))

    def pings(self) -> None:
        """Some hundred of them."""
        for _ in range(300):
            self.wire.say(frames.PING, 0, bytes(8))

    def client(self) -> None:
        """Connect to what the host has bound, so that there are flows to lie about."""
        port = 1024 + self.random.randrange(2000)
        self.wire.connect(port, times=1, wait_s=0.02)

    def rest(self) -> None:
        """Be silent for a moment."""
        self.wire.listen(self.random.random() / 10)

    # What is not

    def message(self) -> None:
        """A message with something else in one or two of its fields."""
        message = dict(self.random.choice(MESSAGES))
        for _ in range(self.random.choice((0, 1, 1, 2))):
            message[self.random.choice([*message, "more"])] = self.value()
        if self.random.random() < 0.05:
            self.wire.control(self.random.choice((b"[" * 50_000, b"{", b'{"t":NaN}', b"\xff\xfe")))
        self.wire.control(message)

    def flow(self) -> None:
        """A frame about a flow that there is, or was."""
        flow = self.random.choice([*self.wire.flows, 1, 2, self.random.randrange(1 << 32)])
        kind = self.random.choice((frames.DATA, frames.FIN, frames.RESET, frames.CREDIT))
        size = SIZES.get(kind, self.random.choice((0, 1, 1000)))
        self.wire.say(kind, flow, self.random.randbytes(size))

    def frame(self) -> None:
        """A frame of any kind; now and then one that breaks the protocol, which ends the link."""
        if self.random.random() < 0.8:
            return self.pings()
        kind = self.random.choice([*KINDS, self.random.randrange(256)])
        size = SIZES.get(kind, self.random.randrange(100))
        body = self.random.randbytes(size)
        if kind == frames.HELLO:
            body = json.dumps({**HELLO, self.random.choice([*HELLO]): self.value()}).encode()
        claimed = self.random.choice((None, None, None, 0xFFFFFF))
        return self.wire.say(kind, self.random.choice((0, 1, 1 << 31)), body, claimed)

    def value(self, depth: int = 3) -> Any:
        """Return anything that JSON can say, and more."""
        found: list[Any] = [
            None, True, -1, 0, 1 << 31, 1 << 64, 10**300, 1e308, float("nan"), float("inf"),
            self.word(), [], {},
        ]  # fmt: skip
        if depth:
            found += [[self.value(depth - 1)] * self.random.choice((1, 300)), self.deep()]
            found.append({self.word()[:20]: self.value(depth - 1)})
        return self.random.choice(found)

    def deep(self) -> Any:
        """Return lists in lists."""
        value: Any = []
        for _ in range(self.random.choice((10, 300))):
            value = [value]
        return value

    def word(self) -> str:
        """Return a text that somebody may believe in."""
        words = (
            "",
            "x",
            "\u202e\x1b[2J\x00",
            "\ud800",
            "{target:>999}",
            "%s%n",
            "[red]x[/]",
            "\U0001f600",
        )
        return self.random.choice(words) * self.random.choice((1, 1, 1, 500))
