"""A target whose login needs a person: a refused login waits for them, and r runs their own ssh."""

from __future__ import annotations

import os
import pty
import select
import time
from collections.abc import Iterator

import pytest

from tests.lab import services as kinds
from tests.lab.hosts import PROGRAM, TwoHosts
from tests.lab.probe import exchange, kill
from tests.lab.services import Services
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab
PASSWORD = "correct horse"
PATIENCE_S = 30.0


class Screen:
    """The program as leader of a terminal of its own, and all that it has shown."""

    def __init__(self, lab: TwoHosts, link: str) -> None:
        self.link = link
        self._terminal, theirs = pty.openpty()
        env = lab.env(TERM="xterm-256color", PORT_LINKER_LINK=link)
        words = ["setsid", "--ctty", "--wait", PROGRAM, "target"]
        self.process = lab.start(*words, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
        os.close(theirs)
        self.shown = b""

    def wait_for(self, text: str) -> None:
        """Wait until a text is shown after what was waited for before."""
        until = time.monotonic() + PATIENCE_S
        while text.encode() not in self.shown:
            assert time.monotonic() < until, self.shown[-3000:].decode(errors="replace")
            if select.select([self._terminal], [], [], 0.1)[0]:
                self.shown += os.read(self._terminal, 65536)
        self.shown = self.shown.partition(text.encode())[2]

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def close(self) -> None:
        """Hang up."""
        os.close(self._terminal)
        self.process.wait(PATIENCE_S)


@pytest.fixture(params=["stdio", "auto"])
def screen(lab: TwoHosts, request: pytest.FixtureRequest) -> Iterator[Screen]:
    """A session on a terminal with an sshd that takes a password only."""
    lab.user.set_password(PASSWORD)
    lab.restart_sshd(PasswordAuthentication="yes", PubkeyAuthentication="no")
    made = Screen(lab, request.param)
    yield made
    made.close()


def test_r_lets_ssh_ask_on_the_terminal_and_the_session_goes_on(
    lab: TwoHosts, services: Services, screen: Screen
) -> None:
    services.tcp(kinds.echo, 7001)
    screen.wait_for("password:")
    screen.type(f"{PASSWORD}\n")
    screen.wait_for("7001/tcp")
    if screen.link == "auto":
        screen.wait_for("UDP ")  # the path of QUIC
    with lab.connect(7001, timeout_s=PATIENCE_S) as sock:
        assert exchange(sock, b"before") == b"before"
        kill(lab.sshd.session_pids())
        screen.wait_for("ssh needs you: press r")
        screen.type("r")
        screen.wait_for("password:")
        screen.type(f"{PASSWORD}\n")
        wait_until(lambda: lab.sshd.log().count("Accepted password") == 2, "a second login")
        assert exchange(sock, b"after") == b"after"
    screen.wait_for("7001/tcp")  # the table is back
    screen.type("q")
    assert screen.process.wait(PATIENCE_S) == 0
