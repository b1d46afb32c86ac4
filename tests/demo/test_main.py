"""The demo from its start to its end, as a program, and what its session is asked to do."""

from __future__ import annotations

import json
import os
import pty
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from port_linker.demo import main
from port_linker.demo.helper import FORCE_LOOPBACK, TargetProcess
from port_linker.demo.main import DemoOptions, plan_session
from port_linker.demo.steps import STEPS
from tests.demo.kit import Demo
from tests.lab.hosts import PROGRAM
from tests.lab.shell import wait_until

LOOPBACK = {FORCE_LOOPBACK: "1"}
PRIVATE = pytest.param({}, id="private", marks=pytest.mark.lab)
ALTERNATE_SCREEN = b"\x1b[?1049h"
BOTH = [PRIVATE, pytest.param(LOOPBACK, id="loopback")]


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    made: list[Demo] = []
    yield made
    for demo in made:
        if demo.process.poll() is None:
            demo.process.kill()
        demo.process.communicate()


def start(demos: list[Demo], state: Path, *words: str, **env: str) -> Demo:
    demos.append(Demo(state, *words, **env))
    return demos[-1]


@pytest.mark.parametrize("env", BOTH)
def test_once_shows_every_step_and_leaves_nothing(
    env: dict[str, str], demos: list[Demo], tmp_path: Path
) -> None:
    demo = start(demos, tmp_path, "--once", **env)
    code, out, err = demo.finish()
    assert code == 0, out + err
    lines = out.splitlines()
    assert [line.split(".")[0] for line in lines[:-1]] == [str(step.number) for step in STEPS]
    assert ("a private network on this machine" in lines[0]) is (env == {})
    assert "200 OK" in lines[2]
    assert "QUIC came up" in lines[7]
    assert "All of it worked" in lines[-1]
    assert err == "starting a target of its own...\n"
    assert demo.pids() == []
    assert os.listdir(tmp_path / "port-linker/targets") == []


def test_json_tells_steps_between_the_events(demos: list[Demo], tmp_path: Path) -> None:
    demo = start(demos, tmp_path, "--once", "--json", **LOOPBACK)
    code, out, _ = demo.finish()
    events = [json.loads(line) for line in out.splitlines()]
    told = [event for event in events if event["event"] == "demo"]
    assert code == 0
    assert [event["step"] for event in told] == [step.name for step in STEPS]
    assert all(event["ok"] and event["target"] == "demo" for event in told)
    assert [e["path"] for e in events if e.get("link") == "quic" and e["state"] == "up"] != []
    assert {"hello", "session", "link", "service"} <= {event["event"] for event in events}
    hosts = {event["remote"].split(":")[0] for event in events if event["event"] == "service"}
    assert hosts == {"127.77.0.1"}


def test_it_goes_on_until_ctrl_c(demos: list[Demo], tmp_path: Path) -> None:
    demo = start(demos, tmp_path, "--json", **LOOPBACK)
    demo.read_step("stop")
    demo.process.send_signal(signal.SIGINT)
    code, out, _ = demo.finish()
    assert code == 130
    assert json.loads(out.splitlines()[-1])["state"] == "closed"
    assert demo.pids() == []


def test_plain_lines_follow_the_steps(demos: list[Demo], tmp_path: Path) -> None:
    demo = start(demos, tmp_path, "--plain", **LOOPBACK)
    assert demo.process.stdout is not None
    lines = [demo.process.stdout.readline().decode() for _ in range(len(STEPS) + 2)]
    assert "curl http://localhost:" in lines[len(STEPS)]
    assert lines[-1].endswith(" demo is up\n")
    demo.process.send_signal(signal.SIGTERM)
    assert demo.finish()[0] == 143
    assert demo.pids() == []


@pytest.mark.parametrize("env", BOTH)
def test_a_killed_demo_leaves_no_process_and_no_port(
    env: dict[str, str], demos: list[Demo], tmp_path: Path
) -> None:
    demo = start(demos, tmp_path, "--json", **env)
    demo.read_step("stop")
    assert len(demo.pids()) >= 3  # the demo, its target, the agent
    demo.process.kill()
    demo.process.wait(5)
    wait_until(lambda: not demo.pids(), "nothing is left of the demo", timeout_s=10)


def test_a_killed_target_fails_a_step(demos: list[Demo], tmp_path: Path) -> None:
    """Stopped before the session can come about; its end is then the reason that is told."""
    demo = start(demos, tmp_path, "--once", "--json", **LOOPBACK)
    demo.read_step("target")
    for pid in demo.pids():
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"port_linker.demo.target" in command:
            os.kill(pid, signal.SIGKILL)
    code, out, err = demo.finish(60)
    assert code == 1, out
    assert "of the demo failed" in err
    assert "[PL-DEMO]" in err
    assert "Traceback" not in err
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["code"]) == ("error", "PL-DEMO")
    wait_until(lambda: not demo.pids(), "nothing is left of the demo", timeout_s=20)


def test_a_reader_that_leaves_ends_it(demos: list[Demo], tmp_path: Path) -> None:
    demo = start(demos, tmp_path, **LOOPBACK)
    assert demo.process.stdout is not None
    demo.process.stdout.readline()
    demo.process.stdout.close()
    assert demo.process.wait(20) == 0
    assert demo.pids() == []


def test_without_a_log_the_session_step_fails(demos: list[Demo], tmp_path: Path) -> None:
    demo = start(demos, tmp_path, "--once", "--log-file", str(tmp_path / "no/log"), **LOOPBACK)
    code, _, err = demo.finish()
    assert code == 1
    assert "step 2 of the demo failed (the session): the log " in err
    assert "cannot be written" in err
    assert demo.pids() == []


def test_the_table_follows_on_a_terminal(tmp_path: Path) -> None:
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "xterm", "CI": "", **LOOPBACK}
    pid, terminal = pty.fork()  # a session of its own, in the foreground of a terminal
    if pid == 0:
        os.execve(PROGRAM, [PROGRAM, "demo"], env)  # noqa: S606 - no shell is wanted
    try:
        assert b"All of it worked" in read_until(terminal, ALTERNATE_SCREEN)
        os.write(terminal, b"q")
        read_until(terminal, b"")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(terminal)


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """Return what a terminal shows up to `wanted`, or up to its end for b""."""
    seen = b""
    while not wanted or wanted not in seen:
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # the last program has left the terminal
            data = b""
        if not data:
            assert not wanted, seen
            return seen
        seen += data
    return seen


class FakeTarget(TargetProcess):
    def __init__(self, is_private: bool) -> None:
        self.is_private = is_private
        self.host = "127.0.0.1" if is_private else "127.77.0.1"
        self.ports = {"web": 1, "tcp": 2, "udp": 3, "late": 4, "quic": 5}
        self.spelling = "exec:sh"


def test_the_session_of_a_private_target_takes_all_of_it() -> None:
    planned = plan_session(DemoOptions(verbosity=1, log_file="x"), FakeTarget(True))
    assert (planned.only, planned.allow_self, planned.interactive) == ((), False, False)
    assert (planned.udp_ports, planned.udp_addresses) == ((5, 5), ("127.0.0.1",))
    assert (planned.lease_s, planned.log_file, planned.verbosity) == (main.LEASE_S, "x", 1)


def test_the_session_with_this_machine_takes_nothing_else() -> None:
    planned = plan_session(DemoOptions(), FakeTarget(False))
    assert planned.only == (
        "127.77.0.1:1/tcp", "127.77.0.1:2/tcp", "127.77.0.1:3/udp", "127.77.0.1:4/tcp",
    )  # fmt: skip
    assert planned.allow_self
