"""Total darkness, and how soon new connections are served once there is light again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from port_linker.session.backoff import DELAYS_S
from tests.chaos.test_quic import hold_to
from tests.lab import services as kinds
from tests.lab.fixtures import LabFactory, Start
from tests.lab.hosts import TwoHosts
from tests.lab.probe import exchange
from tests.lab.quic import wait_carried, wait_quic
from tests.lab.services import Services
from tests.lab.wan import Wan, make_wan_pair

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(300)]
DELAY_S = 0.015  # one way
DARK_S = 45.0
QUIC_S = 2.0  # from the light to the first byte of a new connection


@pytest.fixture
def path(lab_factory: LabFactory) -> Iterator[tuple[TwoHosts, Wan]]:
    """A lab at the end of a path of 30 ms, and that path."""
    pair, wan = make_wan_pair(delay_s=DELAY_S)
    yield lab_factory(pair=pair), wan
    wan.close()


def answer_s(lab: TwoHosts) -> float:
    """Return how long a new connection waits for its first byte; one that is reset tries again."""
    begin = time.monotonic()
    while True:
        try:
            with lab.connect(7001, timeout_s=30) as sock:
                assert exchange(sock, b"x") == b"x"
                return time.monotonic() - begin
        except ConnectionError:
            continue


def stay_dark(wan: Wan) -> None:
    """Let every packet vanish for a while."""
    wan.set(dark=True)
    threading.Event().wait(DARK_S)
    wan.set(dark=False)


@pytest.mark.parametrize("link", ["quic", "stdio"])
def test_new_connections_after_darkness(
    path: tuple[TwoHosts, Wan], start: Start, link: str
) -> None:
    lab, wan = path
    with Services(lab.target) as services:
        services.tcp(kinds.echo, 7001)
        program = start(lab, "target", "--link", link)
        program.wait_service(7001)
        if link == "quic":
            wait_quic(program, "up")
            wait_carried(lab, 7001)
        begin, _ = time.monotonic(), lab.ssh("true")
        login_s = time.monotonic() - begin
        with lab.connect(7001, timeout_s=60) as sock:
            assert exchange(sock, b"before") == b"before"

            def go_dark() -> tuple[float, ...]:
                mark = program.mark()
                stay_dark(wan)
                took_s = answer_s(lab)
                program.wait_session("outage", mark)
                assert exchange(sock, b"after") == b"after"
                program.wait_event("link", mark, 30, link="stdio", state="up")
                return (took_s,)

            hold_to(go_dark, QUIC_S if link == "quic" else DELAYS_S[-1] + 2 * login_s)
