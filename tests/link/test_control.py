"""Every command of the shared samples can be made, none longer than a line may be."""

from __future__ import annotations

import json
import os

import pytest

from port_linker.errors import ProtocolError
from port_linker.link import control

SAMPLES = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
    *("crates", "tunnel", "tests", "control_samples.jsonl"),
)
AB, CD, EF = "ab" * 32, "01" * 32, "02" * 16
MADE: list[control.Command] = [
    control.Hello(),
    control.Start(control.ROLE_HOST),
    control.Start(control.ROLE_TARGET, "192.0.2.7", 60000, 61000, "adaptive"),
    control.Peer(AB, CD, EF, ("192.0.2.7:60001", "[2001:db8::7]:60001"), 43200),
    control.Adopt(1, "tcp/127.0.0.1:5432"),
    control.Adopt(2, "udp/[::1]:53"),
    control.Adopt(3, "tcp/127.0.0.1:80", own_user=True),
    control.Release(1),  # with the number 7
    control.Services(
        {
            "tcp/127.0.0.1:5432": ("127.0.0.1:5432",),
            "udp/0.0.0.0:53": ("127.0.0.1:53", "[::1]:53"),
        },
        {"tcp/127.0.0.1:5432": 1000},
    ),
    control.Door("/home/ann/.cache/port-linker/agent-ab.sock"),
    control.Enter(),
    control.ResetFlows("tcp/127.0.0.1:5432"),
    control.ResetFlows(),
    control.Rebind(),
    control.Path(True),
    control.Path(False),
    control.PeerQuiet(True),
    control.AskStats(),
    control.Shutdown(),
]


def samples(kind: str) -> list[bytes]:
    """Return the lines whose object begins with this key."""
    with open(SAMPLES, "rb") as file:
        return [line.strip() for line in file if kind == next(iter(json.loads(line)))]


def number_of(command: control.Command) -> int | None:
    return 7 if isinstance(command, control.Release) else None


def test_every_command_of_the_samples_can_be_made() -> None:
    made = [json.loads(control.encode_command(command, number_of(command))) for command in MADE]
    assert [json.loads(line) for line in samples("cmd")] == made


def test_secrets_are_in_no_log() -> None:
    shown = repr(control.Peer(AB, CD, EF))
    assert CD not in shown
    assert EF not in shown


def test_a_line_has_a_limit() -> None:
    table = {f"tcp/127.0.0.1:{n}": ("x" * 1000,) for n in range(4000)}
    with pytest.raises(ProtocolError):
        control.encode_command(control.Services(table))


def test_lines_are_cut_anywhere() -> None:
    lines = control.LineBuffer()
    found = [line for byte in b"one\ntwo\nthr" for line in lines.feed(bytes([byte]))]
    assert found == [b"one", b"two"]
    assert lines.feed(b"ee\n") == [b"three"]


def test_a_line_without_end_is_refused() -> None:
    lines = control.LineBuffer()
    with pytest.raises(ProtocolError):
        lines.feed(b"x" * (control.MAX_LINE_BYTES + 1))
