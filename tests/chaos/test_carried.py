"""ssh is cut while UDP passes: QUIC carries the stdio link too, and takes no life from it."""

from __future__ import annotations

import signal

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.payload import digest
from tests.lab.probe import exchange, kill, read_all, send_blocks, the_agent
from tests.lab.program import PortLinker
from tests.lab.quic import wait_carried
from tests.lab.services import Services

pytestmark = pytest.mark.lab
SIZE = 60_000_000
PASSWORD = "correct horse"


def cut_tcp(lab: TwoHosts) -> None:
    """Let nothing but UDP pass between the two."""
    lab.pair.block_tcp()


@pytest.fixture
def asking(lab: TwoHosts) -> dict[str, str]:
    """An sshd that takes a password only, and the environment of a person who knows it."""
    lab.user.set_password(PASSWORD)
    lab.restart_sshd(PasswordAuthentication="yes", PubkeyAuthentication="no")
    ask = lab.write_host("bin/askpass", f"#!/bin/sh\necho '{PASSWORD}'\n", 0o755)
    return lab.env(SSH_ASKPASS=ask, SSH_ASKPASS_REQUIRE="force", PORT_LINKER_LINK="auto")


def test_a_target_with_a_password_outlives_what_udp_outlives(
    lab: TwoHosts, services: Services, start: Start, asking: dict[str, str]
) -> None:
    services.tcp(kinds.echo, 7001)
    services.tcp(kinds.sink, 7002)
    lab.pair.limit_rate(100)
    lab.pair.block_udp()
    program: PortLinker = start(lab, "target", env=asking)
    program.wait_service(7002)
    with lab.connect(7002, timeout_s=90) as open_over_ssh:
        lab.pair.unblock_udp()
        wait_carried(lab, 7001, timeout_s=60)
        sender = send_blocks(open_over_ssh, SIZE)
        mark = program.mark()
        cut_tcp(lab)
        carried = program.wait_event("link", mark, 20, link="stdio", state="up", path="quic")
        assert carried["reason"]
        services.tcp(kinds.echo, 7003)
        program.wait_service(7003)
        with lab.connect(7003) as sock:
            assert exchange(sock, b"new") == b"new"
        sender.join(60)
        assert read_all(open_over_ssh).decode() == digest(SIZE)
    assert [row for row in program.events[mark:] if row["event"] == "session"] == []
    lab.pair.block_udp()
    program.wait_event("session", mark, 15, state="outage")
    dark = program.mark()
    lab.pair.unblock_udp()  # what needs a password comes back by itself
    program.wait_event("session", dark, 15, state="up")
    program.wait_event("link", dark, 15, link="stdio", state="up", path="quic")
    services.tcp(kinds.echo, 7004)
    program.wait_service(7004)


def test_a_refused_login_is_made_once_and_then_waits_for_the_person(
    lab: TwoHosts, services: Services, start: Start, asking: dict[str, str]
) -> None:
    services.tcp(kinds.echo, 7001)
    program: PortLinker = start(lab, "target", env=asking)
    program.wait_service(7001)
    wait_carried(lab, 7001)
    mark, known = program.mark(), lab.sshd.log().count("Connection from")
    kill(lab.sshd.session_pids())
    needed = program.wait_event("link", mark, 20, link="stdio", needs_you=True)
    assert "refused the login" in needed["reason"]
    program.wait_event("link", mark, 20, link="stdio", state="up", path="quic")
    gone = services.tcp(kinds.echo, 7002)
    program.wait_service(7002)
    gone.close()
    program.wait_event("service", mark, 10, port=7002, state="gone")
    assert lab.sshd.log().count("Connection from") == known + 1
    assert not any(row["event"] == "session" for row in program.events[mark:])


def test_what_cannot_be_seen_says_so(
    lab: TwoHosts, services: Services, start: Start, asking: dict[str, str]
) -> None:
    """The agent hangs, its sidecar goes on: neither ssh nor QUIC brings the link back."""
    services.tcp(kinds.echo, 7001)
    program: PortLinker = start(lab, "target", env=asking)
    program.wait_service(7001)
    wait_carried(lab, 7001)
    mark, agent = program.mark(), the_agent(lab)
    kill([agent], signal.SIGSTOP)
    try:
        unseen = "not seen since ssh was lost"
        program.wait_event("service", mark, 30, port=7001, state="ready", reason=unseen)
        with lab.connect(7001) as sock:
            assert exchange(sock, b"over quic") == b"over quic"
    finally:
        kill([agent], signal.SIGCONT)
    program.wait_event("service", program.mark(), 30, port=7001, state="ready", reason=None)


def test_a_real_ssh_takes_the_link_back(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(kinds.echo, 7001)
    lab.pair.block_udp()
    program: PortLinker = start(lab, "target", "--link", "auto")
    program.wait_service(7001)
    with lab.connect(7001, timeout_s=60) as over_ssh:
        assert exchange(over_ssh, b"before") == b"before"
        lab.pair.unblock_udp()
        wait_carried(lab, 7001, timeout_s=60)
        mark = program.mark()
        lab.pair.block_tcp()
        program.wait_event("link", mark, 20, link="stdio", state="up", path="quic")
        assert exchange(over_ssh, b"inside quic") == b"inside quic"
        back = program.mark()
        lab.pair.unblock_tcp()
        program.wait_event("link", back, 30, link="stdio", state="up", path=None)
        assert exchange(over_ssh, b"after") == b"after"
        lab.pair.block_udp()  # the path of last resort is laid over ssh again
        program.wait_event("link", back, 20, link="quic", state="down", path="ssh")
        assert exchange(over_ssh, b"still") == b"still"
    assert not any(row["event"] == "session" for row in program.events[mark:])
