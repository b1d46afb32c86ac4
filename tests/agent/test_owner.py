"""Who may be dialled: the owner that was scanned, our own user and root."""

from __future__ import annotations

import logging
import os
import socket
from typing import Optional

import pytest

from port_linker.agent.owner import OTHER_OWNER, REFUSED, OwnerCheck
from port_linker.model import Proto, Service, ServiceId
from port_linker.scan.lookup import Endpoint, Found, SocketLookup

OWNER, SOMEBODY = 1234, 4242
NEAR = ("127.0.0.1", 80)


class FakeLookup(SocketLookup):
    """Says what it is told to."""

    def __init__(self, answer: Found | OSError | None) -> None:
        super().__init__()
        self.answer = answer

    def find(self, proto: Proto, near: Endpoint, far: Optional[Endpoint] = None) -> Optional[Found]:
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


def service(proto: Proto = Proto.TCP, uid: int = OWNER) -> Service:
    return Service(ServiceId(proto, "0.0.0.0", 80), uid=uid)


def judge(answer: Found | OSError | None) -> str | None:
    return OwnerCheck(FakeLookup(answer)).explain_refusal(service(), NEAR)


@pytest.mark.parametrize(
    ("uid", "reason"),
    [(OWNER, None), (0, None), (os.geteuid(), None), (SOMEBODY, OTHER_OWNER)],
)
def test_the_owner_that_was_scanned_our_own_and_root_may_be_dialled(
    uid: int, reason: str | None
) -> None:
    assert judge(Found(uid, 7, b"")) == reason


def test_where_the_kernel_does_not_say_what_was_scanned_counts() -> None:
    assert judge(OSError(1, "Operation not permitted")) is None
    assert judge(None) is None, "it does not find a socket of ours either: a module is missing"


@pytest.mark.parametrize("proto", Proto)
def test_where_it_says_nobody_listens_nothing_is_dialled(proto: Proto) -> None:
    check = OwnerCheck()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert check.explain_refusal(service(proto), free.getsockname()) == REFUSED


def test_a_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    lookup = FakeLookup(Found(SOMEBODY, 7, b""))
    check = OwnerCheck(lookup)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            check.explain_refusal(service(), NEAR)
        for uid in range(2000, 2300):  # many: what is remembered has a bound
            lookup.answer = Found(uid, 7, b"")
            check.explain_refusal(service(), NEAR)
    assert len(caplog.records) == 301
    first = vars(caplog.records[0])
    assert (first["owner"], first["taken_by"]) == (OWNER, SOMEBODY)
    assert len(check._told) <= 256
