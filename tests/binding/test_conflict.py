"""The sentences when a port is taken."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from port_linker.binding.conflict import (
    choices_for,
    describe_holder,
    describe_service,
    explain_failure,
)
from port_linker.binding.facts import Holder, Local
from tests.binding.kit import BOB, NODE, service

LOCAL = Local(6, "::1", 80)


@pytest.mark.parametrize(
    ("holder", "text"),
    [
        (None, "another process"),
        (Holder(), "another process"),
        (NODE, "node (pid 71)"),
        (replace(NODE, command=None), "a process (pid 71)"),
        (replace(NODE, command="x" * 90), "x" * 60 + " (pid 71)"),
        (Holder(uid=BOB, user="bob"), "a process of bob"),
        (Holder(uid=BOB), "a process of uid 1001"),
        (replace(NODE, is_port_linker=True), "another port-linker (pid 71)"),
        (Holder(is_port_linker=True), "another port-linker"),
    ],
)
def test_a_holder_is_named(holder: Holder | None, text: str) -> None:
    assert describe_holder(holder) == text


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
    assert explain_failure(LOCAL, number, NODE) == text


def test_kill_is_offered_only_where_it_is_possible() -> None:
    assert choices_for(NODE) == ("kill", "remap", "skip")
    assert choices_for(replace(NODE, is_ours=False)) == ("remap", "skip")


def test_a_service_has_the_name_that_says_most() -> None:
    web = service("127.0.0.1:80", process="docker-proxy", container="web-1")
    assert describe_service(web) == "web-1 at 127.0.0.1:80 of the target"
    assert describe_service(service("udp/[::1]:80")) == "the udp service at [::1]:80 of the target"
