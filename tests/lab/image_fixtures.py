"""Fixtures of containers; tests/conftest.py takes them in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.containers import ensure_image, remove_leftovers


@pytest.fixture(scope="session")
def image() -> Callable[[str], str]:
    """Return ensure_image, after what dead test runs left behind is gone."""
    remove_leftovers()
    return ensure_image
