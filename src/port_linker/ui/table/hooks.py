"""What the table may cause and read. Pure: types only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from port_linker.link.interface import Traffic


@dataclass(frozen=True)
class AppHooks:
    """What the table may cause.

    interrupt: as Ctrl-C does without a table. has_answer: whether there is an answer about the
    service of a key; take_back: forgets it, False if there is none. log: gives what happened, line
    by line. login: has ssh ask the person, to whom the terminal belongs meanwhile.
    """

    traffic: Callable[[], Mapping[str, Traffic]]
    reconnect_now: Callable[[], None]
    interrupt: Callable[[], None]
    has_answer: Callable[[str], bool]
    take_back: Callable[[str], bool]
    log: Callable[[], list[str]]
    login: Callable[[], Awaitable[None]]
