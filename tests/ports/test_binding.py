"""One service and the one state that follows from what is known of it."""

from __future__ import annotations

import errno

import pytest

from port_linker.ports.binding import Failure, ServiceBinding, derive_report, explain_failure
from port_linker.ports.types import Local, Outcome, Placement, ServiceState
from tests.ports.kit import NODE, locals_of, service

V4, V6 = locals_of(8080)
BIND = Placement(Outcome.BIND, (V4, V6))
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
    report = derive_report(ServiceBinding(WEB, 0.0, Placement(outcome, reason="so")), "outage")
    assert (report.state, report.reason) == (state, "so")


def test_a_new_service_is_not_planned_yet() -> None:
    assert derive_report(ServiceBinding(WEB, 0.0), None).reason == "not planned yet"


def test_the_grace_is_told_before_the_outage() -> None:
    binding = ServiceBinding(WEB, 0.0, BIND, bound={V4, V6}, gone_at=1.0)
    assert "unless it is back" in (derive_report(binding, "outage").reason or "")


def test_one_holder_of_both_families_is_named_once() -> None:
    binding = ServiceBinding(WEB, 0.0, BIND)
    binding.failed = {local: Failure(errno.EADDRINUSE, NODE) for local in (V4, V6)}
    assert derive_report(binding, None).reason == "port 8080 is held here by node (pid 71)"
    binding.failed[V6] = Failure(errno.EADDRINUSE)
    assert (derive_report(binding, None).reason or "").count("held here") == 2


def test_the_failure_with_a_holder_explains_a_conflict() -> None:
    binding = ServiceBinding(WEB, 0.0, BIND)
    assert binding.blocking_failure() is None
    binding.failed = {V4: Failure(errno.EPERM), V6: Failure(errno.EADDRINUSE, NODE)}
    assert binding.blocking_failure() == (V6, binding.failed[V6])
    del binding.failed[V6]
    assert binding.blocking_failure() == (V4, binding.failed[V4])


def test_only_what_is_missing_is_bound() -> None:
    binding = ServiceBinding(WEB, 0.0, BIND)
    assert binding.plan_binds() == (V4, V6)
    binding.bound, binding.failed = {V4}, {V6: Failure(errno.EADDRINUSE)}
    assert binding.plan_binds() == ()
    binding.retry = {V6}
    assert binding.plan_binds() == (V6,)
    binding.gone_at = 1.0
    assert binding.plan_binds() == ()


def test_a_new_plan_releases_and_forgets_the_old() -> None:
    binding = ServiceBinding(
        WEB, 0.0, Placement(Outcome.BIND, (V4,)), bound={V4, V6}, pending={V6}, retry={V6}
    )
    binding.failed = {V6: Failure(errno.EADDRINUSE)}
    assert binding.plan_releases() == (V6,)
    assert binding.release_unwanted() == (V6,)
    assert (binding.pending, binding.retry, binding.failed) == (set(), set(), {})


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EADDRINUSE, "[::1]:80 is held here by node (pid 71)"),
        (errno.EACCES, "[::1]:80 needs privilege here"),
        (errno.EPERM, "[::1]:80 cannot be bound here (EPERM)"),
        (0, "[::1]:80 cannot be bound here (error 0)"),
    ],
)
def test_a_failure_is_explained(number: int, text: str) -> None:
    assert explain_failure(Local(6, "::1", 80), Failure(number, NODE)) == text
