"""Fixtures of the lab; tests/conftest.py takes them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab import hosts, netns, users
from tests.lab.hosts import TwoHosts
from tests.lab.program import PortLinker

LabFactory = Callable[..., TwoHosts]
Start = Callable[..., PortLinker]


@pytest.fixture(scope="session")
def _lab_is_tidy() -> None:
    """Once a session: what dead test runs left behind goes."""
    netns.remove_leftovers()
    users.remove_leftovers()
    hosts.remove_leftovers()


@pytest.fixture
def lab_factory(_lab_is_tidy: None) -> Iterator[LabFactory]:
    """Make labs with options of TwoHosts; all are closed after the test."""
    made: list[TwoHosts] = []

    def make(*args: Any, **options: Any) -> TwoHosts:
        made.append(TwoHosts(*args, **options))
        return made[-1]

    yield make
    for lab in made:
        lab.close()


@pytest.fixture
def lab(lab_factory: LabFactory) -> TwoHosts:
    """A host and a target with nothing special about them."""
    return lab_factory()


@pytest.fixture
def start(lab_factory: LabFactory) -> Iterator[Start]:
    """Start port-linker on a lab's host: start(lab, "target", "--skip", "22"). Ends with the test.

    up=False: do not wait until the session is up.
    """
    made: list[PortLinker] = []

    def begin(lab: TwoHosts, *words: str, up: bool = True, **options: Any) -> PortLinker:
        program = PortLinker(lab, *words, **options)
        made.append(program)
        if up:
            program.wait_session("up")
        return program

    yield begin
    for program in made:
        program.stop()
    for program in made:
        program.check_schema()
