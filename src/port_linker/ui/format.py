"""Figures in the form that people read, and the cells of the table that hold them. Pure."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

_STEP = 1000  # decimal units, as ss, curl and disks are labelled
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def format_bytes(count: float) -> str:
    """Return at most seven characters: "0 B", "999 B", "1.2 kB", "34 MB"."""
    unit = 0
    value = max(0.0, float(count))
    while round(value, 1) >= _STEP and unit < len(_UNITS) - 1:
        value /= _STEP
        unit += 1
    digits = 1 if unit and round(value, 1) < 10 else 0
    return f"{value:.{digits}f} {_UNITS[unit]}"


def format_rate(bytes_per_s: float) -> str:
    """Return "1.2 MB/s", or nothing where nothing moves."""
    return f"{format_bytes(bytes_per_s)}/s" if bytes_per_s >= 1 else ""


def format_clock(wall_s: float) -> str:
    """Return the time of day here: "18:02:11"."""
    return datetime.datetime.fromtimestamp(wall_s).astimezone().strftime("%H:%M:%S")


def format_duration(seconds: float) -> str:
    """Return "7 s", "3:05" (minutes), "2:03:05" (hours) or "5 d 2 h"."""
    whole = int(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours == 0:
        return f"{minutes}:{second:02d}"
    if hours < 48:
        return f"{hours}:{minute:02d}:{second:02d}"
    return f"{hours // 24} d {hours % 24} h"


def format_rtt(rtt_ms: float) -> str:
    """Return "0.4 ms" or "38 ms"."""
    return f"{rtt_ms:.1f} ms" if rtt_ms < 10 else f"{rtt_ms:.0f} ms"


def format_loss(percent: float) -> str:
    """Return "0 % lost", "0.4 % lost" or "12 % lost"."""
    digits = 1 if 0 < round(percent, 1) < 10 else 0
    return f"{percent:.{digits}f} % lost"


def format_rates(up_per_s: float, down_per_s: float) -> str:
    """Return "11 MB/s down, 3.0 kB/s up", only what moves; bytes per second."""
    rates = [(format_rate(down_per_s), "down"), (format_rate(up_per_s), "up")]
    return ", ".join(f"{rate} {way}" for rate, way in rates if rate)


def plural(count: int, word: str) -> str:
    """Return "1 service" or "5 services"."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


@dataclass(frozen=True)
class Cell:
    """A text and the name of its look: a state's value, "dim", "strong" or ""."""

    text: str
    look: str = ""
