"""One service and the one state that follows from what is known of it."""

from __future__ import annotations

import errno

import pytest

from port_linker.binding.entry import Entry, Failure, derive_report
from port_linker.binding.facts import Outcome, Verdict
from port_linker.session.events import ServiceState
from tests.binding.kit import NODE, locals_of, service

V4, V6 = locals_of(8080)
BIND = Verdict(Outcome.BIND, (V4, V6))
WEB = service("127.0.0.1:8080")


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.SKIPPED, ServiceState.SKIPPED),
        (Outcome.LOST, ServiceState.CONFLICT),
        (Outcome.WAITING, ServiceState.WAITING),
    ],
)
def test_what_the_plan_refuses_has_the_reason_of_the_plan(
    outcome: Outcome, state: ServiceState
) -> None:
    report = derive_report(Entry(WEB, 0.0, Verdict(outcome, reason="so")), "outage")
    assert (report.state, report.reason) == (state, "so")


def test_a_new_service_is_not_planned_yet() -> None:
    assert derive_report(Entry(WEB, 0.0), None).reason == "not planned yet"


def test_the_grace_is_told_before_the_outage() -> None:
    entry = Entry(WEB, 0.0, BIND, bound={V4, V6}, gone_at=1.0)
    assert "unless it is back" in (derive_report(entry, "outage").reason or "")


def test_one_holder_of_both_families_is_named_once() -> None:
    entry = Entry(WEB, 0.0, BIND)
    entry.failed = {local: Failure(errno.EADDRINUSE, NODE) for local in (V4, V6)}
    assert derive_report(entry, None).reason == "port 8080 is held here by node (pid 71)"
    entry.failed[V6] = Failure(errno.EADDRINUSE)
    assert (derive_report(entry, None).reason or "").count("held here") == 2


def test_the_failure_with_a_holder_explains_a_conflict() -> None:
    entry = Entry(WEB, 0.0, BIND)
    assert entry.blocking_failure() is None
    entry.failed = {V4: Failure(errno.EPERM), V6: Failure(errno.EADDRINUSE, NODE)}
    assert entry.blocking_failure() == (V6, entry.failed[V6])
    del entry.failed[V6]
    assert entry.blocking_failure() == (V4, entry.failed[V4])


def test_only_what_is_missing_is_bound() -> None:
    entry = Entry(WEB, 0.0, BIND)
    assert entry.plan_binds() == (V4, V6)
    entry.bound, entry.failed = {V4}, {V6: Failure(errno.EADDRINUSE)}
    assert entry.plan_binds() == ()
    entry.retry = {V6}
    assert entry.plan_binds() == (V6,)
    entry.gone_at = 1.0
    assert entry.plan_binds() == ()


def test_a_new_plan_releases_and_forgets_the_old() -> None:
    entry = Entry(WEB, 0.0, Verdict(Outcome.BIND, (V4,)), bound={V4, V6}, pending={V6}, retry={V6})
    entry.failed = {V6: Failure(errno.EADDRINUSE)}
    assert entry.plan_releases() == (V6,)
    entry.forget_unwanted()
    assert (entry.pending, entry.retry, entry.failed) == (set(), set(), {})
