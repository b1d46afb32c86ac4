"""Lies with a purpose: each stream is one way to harm a host that believed it once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from port_linker.mux import frames
from tests.hostile.chaos import Chaos
from tests.hostile.wire import Wire, service

Stream = Callable[[Wire], None]
STREAMS: dict[str, Stream] = {}


def stream(tell: Stream) -> Stream:
    """Let the liar find this one by its name."""
    STREAMS[tell.__name__] = tell
    return tell


@stream
def quiet(wire: Wire) -> None:
    """A good target with one service."""
    wire.attach()
    wire.facts()
    wire.control({"t": "services", "full": True})
    wire.control({"t": "services", "appeared": [service(1)]})
    wire.listen(1.0)


@stream
def format_words(wire: Wire) -> None:
    """A pattern of str.format in the error code of the attacher, as in its detail."""
    wire.report(wire.read_stage0())
    wire.read_header()
    wire.answer({"error": "{target:>9999999999}", "detail": "{target:>9999999999}"})


@stream
def needs_for_ever(wire: Wire) -> None:
    """Ask for the sidecar from its first byte, again and again, and read nothing of it."""
    wire.attach()
    wire.facts()
    starts: list[Any] = []
    for _ in range(100):
        wire.listen(0.2)
        starts = starts or [message for message in wire.heard if message["t"] == "quic-start"]
        if starts:
            break
    assert starts, "no quic-start"
    digest = starts[-1]["executable"]["digest"]
    wire.reads = False
    for _ in range(3000):
        wire.control({"t": "quic-need", "digest": digest, "at": 0})
        wire.control({"t": "quic-need", "digest": digest, "at": 32 << 20})


@stream
def long_keys(wire: Wire) -> None:
    """Keys and scopes of any length: each is kept by many tables."""
    wire.attach()
    wire.facts()
    for number in range(4000):
        scope = f"{number}".rjust(200_000, "x")
        port = 1024 + number
        wire.control(
            {"t": "services", "appeared": [service(1, id=f"tcp/[fe80::1%{scope}]:{port}")]}
        )


@stream
def key_past_open(wire: Wire) -> None:
    """A key that no OPEN can carry: the flow was stored and never ended."""
    wire.attach()
    wire.facts()
    scope = "x" * 1100
    wire.control({"t": "services", "appeared": [service(1, id=f"tcp/[fe80::1%{scope}]:8080")]})
    wire.connect(8080, times=500)


@stream
def ever_new_machines(wire: Wire) -> None:
    """Facts with another boot id each: a file and a descriptor here, once."""
    wire.attach()
    for number in range(2000):
        wire.facts(boot_id=f"boot-{number}")


@stream
def facts_again(wire: Wire) -> None:
    """Facts that change, with as many services known as a host remembers."""
    wire.attach()
    wire.facts()
    tell_many(wire, 20_000)
    for number in range(30):
        wire.facts(ephemeral=[32768, 40000 + number])
        wire.listen(0.05)


@stream
def full_lists(wire: Wire) -> None:
    """All services are gone, all are there: 20,000 a time."""
    wire.attach()
    wire.facts()
    for _ in range(4):
        tell_many(wire, 20_000)
        wire.control({"t": "services", "full": True})
        wire.listen(0.1)


@stream
def owners(wire: Wire) -> None:
    """One port after the other, with ever new owners, users and containers of long names."""
    wire.attach()
    wire.facts()
    for number in range(20_000):
        name = f"{number}".rjust(250, "n")
        row = service(0, uid=number % 1000 + number, user=name, container=name)
        wire.control({"t": "services", "appeared": [row]})


@stream
def crowds(wire: Wire) -> None:
    """As many rivals as there may be for each of many ports, of ever other processes."""
    wire.attach()
    wire.facts()
    for turn in range(3):
        for number in range(0, 20_000, 100):
            rows = [
                service(each, id=f"tcp/10.0.{each % 64}.1:{1024 + each // 64}", pid=each + turn)
                for each in range(number, number + 100)
            ]
            wire.control({"t": "services", "appeared": rows})
    for turn in range(20):
        rows = [
            service(0, id=f"tcp/10.0.1.1:{1024 + number}", pid=number * turn)
            for number in range(200)
        ]
        wire.control({"t": "services", "changed": rows})


@stream
def churn(wire: Wire) -> None:
    """Services that come and go, never the same twice."""
    wire.attach()
    wire.facts()
    for number in range(0, 60_000, 100):
        rows = [service(each) for each in range(number, number + 100)]
        wire.control({"t": "services", "appeared": rows})
        wire.control({"t": "services", "vanished": [row["id"] for row in rows]})


@stream
def loud_log(wire: Wire) -> None:
    """Warnings as long as they may be, as many as go through."""
    wire.attach()
    wire.facts()
    fields = {f"k{n:02}": "\u202e" * 512 for n in range(32)}
    for _ in range(1_500):
        wire.control({"t": "log", "level": "warning", "message": "\u202e" * 4096, "fields": fields})


@stream
def long_names(wire: Wire) -> None:
    """Many services, each with names and a command line as long as they may be."""
    wire.attach()
    wire.facts()
    names = dict.fromkeys(("user", "process", "container"), "\u00e9" * 256)
    tell_many(wire, 10_000, at_once=20, command="\u00e9" * 1024, **names)


@stream
def early_pong(wire: Wire) -> None:
    """Answers to pings that nobody sent: round trips of years, and below nothing."""
    wire.attach()
    wire.facts()
    for clock in (0, 1, 1 << 63, (1 << 64) - 1):
        wire.say(frames.PONG, 0, clock.to_bytes(8, "big"))
    for number in range(50_000):
        wire.say(frames.PONG, 0, (number << 40).to_bytes(8, "big"))


@stream
def nested_log(wire: Wire) -> None:
    """JSON as deep as it parses, where text is expected."""
    wire.attach()
    wire.facts()
    deep = b"[" * 900 + b"]" * 900
    for key in (b"fields", b"message", b"level", b"at"):
        wire.control(b'{"t":"log","level":"warning","message":"m","' + key + b'":' + deep + b"}")
    wire.control(b'{"t":"log","level":"warning","message":"m","fields":{"a":' + deep + b"}}")
    wide = b"[" + b"[1]," * 50_000 + b"1]"
    for _ in range(50):
        wire.control(b'{"t":"log","level":"warning","message":"m","fields":{"a":' + wide + b"}}")


@stream
def chaos(wire: Wire) -> None:
    """Anything, without an end."""
    wire.attach()
    if wire.random.random() < 0.9:
        wire.facts()
    Chaos(wire).run()


@stream
def opening(wire: Wire) -> None:
    """Anything before the link: noise, reports, answers, marks; then chaos, if it comes so far."""
    nonce = wire.read_stage0()
    wire.write(wire.random.randbytes(wire.random.choice((0, 10, 100_000))))
    more = [
        f"{key}={wire.random.choice(('x', '3.12.1 /' + 'p' * 5000, '9' * 30))}\n" for key in KEYS
    ]
    wire.report(nonce, "".join(more * wire.random.choice((0, 1, 5))))
    sync = wire.read_header()["sync"]
    answers: list[Any] = [
        {"agent": "started", "pid": 1}, {"agent": "resumed", "pid": -1}, {"need": "bundle"},
        {"error": "{target}", "detail": "{target:>99999999}" * 9}, {"agent": []}, {},
    ]  # fmt: skip
    wire.answer(wire.random.choices(answers, (8, 2, 1, 1, 1, 1))[0])
    for _ in range(wire.random.choice((0, 1, 30))):
        restarted = {"agent": "restarted", "pid": 1, "sync": wire.random.choice((sync, "00" * 16))}
        os.write(2, b"PL1 " + json.dumps(restarted).encode() + b"\n" + b"\n" * 4000)
    wire.sync = bytes.fromhex(sync)
    wire.write(wire.random.randbytes(wire.random.choice((0, 0, 1 << 20))))
    wire.greet()
    Chaos(wire).run()


KEYS = ("os", "arch", "uid", "python", "dir", "more")


def tell_many(wire: Wire, count: int, at_once: int = 200, **other: str) -> None:
    """Announce so many services."""
    for number in range(0, count, at_once):
        rows = [service(each, **other) for each in range(number, number + at_once)]
        wire.control({"t": "services", "appeared": rows})
