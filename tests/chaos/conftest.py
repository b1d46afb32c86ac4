"""Fixtures of the chaos tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.hosts import TwoHosts
from tests.lab.services import Services


@pytest.fixture
def services(lab: TwoHosts) -> Iterator[Services]:
    """Services on the target of the test's lab."""
    with Services(lab.target) as made:
        yield made
