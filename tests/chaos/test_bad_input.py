"""Bad input: what is no agent, an agent cut in mid-frame, no descriptors left."""

from __future__ import annotations

import hashlib
import os
import sys
import time

import pytest

from tests.lab import services as kinds
from tests.lab import spoiler
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.payload import digest
from tests.lab.probe import exchange, is_refused, read_all, send_blocks
from tests.lab.services import Services

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    "command",
    [
        "head -c 2000000 /dev/urandom",
        "yes",
        "true",
        "false",
        "echo Welcome",
        "/nowhere/at/all",
        "sh -c 'exit 127'",
    ],
)
def test_what_is_no_shell_is_one_sentence(lab: TwoHosts, start: Start, command: str) -> None:
    program = start(lab, f"exec:{command}", up=False)
    said = program.wait_error("PL-", timeout_s=40)
    assert program.process.returncode in (3, 6)
    assert len(said.strip().splitlines()) <= 6, said
    assert program.garbage == []


@pytest.mark.parametrize("how", ["garbage", "end", "stop"])
def test_a_link_that_goes_wrong_in_mid_transfer(
    lab: TwoHosts, services: Services, start: Start, how: str
) -> None:
    """The link is given up and made anew; data is whole, or the flow was reset, never wrong."""
    services.tcp(kinds.echo, 7001)
    services.tcp(kinds.sink, 7002)
    flag = os.path.join(lab.folder, "spoilt")
    words = [sys.executable, "-S", spoiler.__file__, flag, "3000000", how, "ssh target exec sh"]
    program = start(lab, f"exec:{' '.join(words)}")
    program.wait_service(7001)
    program.wait_service(7002)
    mark = program.mark()
    with lab.connect(7001, timeout_s=40) as sock:
        sender, got = send_blocks(sock, 20_000_000), None
        try:
            got = read_all(sock)
        except ConnectionResetError as error:
            sender.error = error
    assert os.path.exists(flag)
    if sender.error is None and got is not None:
        assert (len(got), hashlib.sha256(got).hexdigest()) == (20_000_000, digest(20_000_000))
    program.wait_session("up", mark, timeout_s=20)
    with lab.connect(7002, timeout_s=20) as sock:
        send_blocks(sock, 5_000_000).join(20)
        assert read_all(sock).decode() == digest(5_000_000)
    assert "Traceback" not in program.stderr


def test_the_target_has_few_descriptors(lab: TwoHosts, services: Services, start: Start) -> None:
    lab.restart_sshd(["prlimit", "--nofile=128:128", "--"])  # 64 are kept free
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target")
    program.wait_service(7001)
    flood(lab, 120)
    with lab.connect(7001) as sock:
        assert exchange(sock, b"still here") == b"still here"
    assert "Traceback" not in program.stderr


def test_the_host_has_few_descriptors(lab: TwoHosts, services: Services, start: Start) -> None:
    ports = range(7001, 7061)
    for port in ports:
        services.tcp(kinds.echo, port)
    program = start(lab, "target", prefix=["prlimit", "--nofile=100:100", "--"])

    def fits(state: str) -> list[int]:
        return [e["port"] for e in program.services().values() if e["state"] == state]

    # Which ones fit depends on when the descriptors run out.
    program.wait(lambda _: fits("ready") and fits("waiting"), "some fit, others wait")
    flood(lab, 120, fits("ready")[-1])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with lab.connect(fits("ready")[0]) as sock:
                assert exchange(sock, b"still here") == b"still here"
            break
        except (OSError, IndexError):  # put out meanwhile, for want of a descriptor
            continue
    else:
        raise AssertionError("the host did not recover")
    waiting = [e for e in program.services().values() if e["state"] == "waiting"]
    assert waiting, "what does not fit is shown as waiting"
    assert all(event["reason"] for event in waiting)
    assert is_refused(lab, waiting[0]["port"])
    assert "Traceback" not in program.stderr


def flood(lab: TwoHosts, count: int, port: int = 7001) -> None:
    """Open many connections at once; some are served, some reset; then close them all."""
    socks = []
    for _ in range(count):
        try:
            socks.append(lab.connect(port, timeout_s=2))
        except OSError:
            break
    served = 0
    for sock in socks:
        sock.settimeout(2)
        try:
            served += exchange(sock, b"x") == b"x"
        except OSError:
            continue
        finally:
            sock.close()
    assert served >= 10
