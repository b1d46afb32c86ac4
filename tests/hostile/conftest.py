"""What every stream of lies needs: a network, and the measure of a quiet session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.victim import Needs, Victim
from tests.lab.netns import Namespace, next_number


@pytest.fixture
def net(_lab_is_tidy: None) -> Iterator[Namespace]:
    """A network of its own: the host may bind whatever it likes."""
    made = Namespace("host", next_number())
    yield made
    made.close()


@pytest.fixture(scope="session")
def needs(tmp_path_factory: pytest.TempPathFactory, _lab_is_tidy: None) -> Needs:
    """What a session takes when nobody lies."""
    made = Namespace("host", next_number())
    try:
        victim = Victim(made, str(tmp_path_factory.mktemp("quiet")), "quiet")
        victim.wait_told()
        found = victim.read_needs()
        victim.judge()
        return found
    finally:
        made.close()
