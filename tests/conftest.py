"""What holds for all tests: what runs where, in which order, and what a skip means.

Tests of the lab and of containers are skipped with a reason where these are missing; with CI=true
in the environment a skip is a failure. They run last and in one xdist group, because they
measure time and use every core.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.lab import containers, netns
from tests.lab.fixtures import _lab_is_tidy, lab, lab_factory, start
from tests.lab.image_fixtures import image

__all__ = ["_lab_is_tidy", "image", "lab", "lab_factory", "start"]

WHY_NOT: dict[str, Callable[[], str | None]] = {
    "lab": netns.why_not,
    "container": containers.why_not,
}
SLOW_IS_FINE = [HealthCheck.too_slow]  # the machine may be busy with other tests

settings.register_profile("default", deadline=None, suppress_health_check=SLOW_IS_FINE)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("fuzz", settings.get_profile("default"), max_examples=10_000)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort and group, and skip what cannot run here; each kind is asked for once."""
    items.sort(key=needs_machine)
    for item in items:
        if needs_machine(item):
            item.add_marker(pytest.mark.xdist_group("lab"))
    for marker, why_not in WHY_NOT.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = why_not() if marked else None
        if reason:
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))


def needs_machine(item: pytest.Item) -> bool:
    """Whether a test wants the machine for itself."""
    return any(item.get_closest_marker(marker) for marker in WHY_NOT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where everything is expected to run."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report
