"""Fixtures of the links' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.stdio_pair import StdioPair


@pytest.fixture
async def pair() -> AsyncIterator[StdioPair]:
    async with StdioPair() as made:
        yield made
