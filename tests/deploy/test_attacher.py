"""The attacher with a real agent process (a fake one that keeps the contract)."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from port_linker.deploy import attacher, bytecode, cache, handle, opener
from tests.deploy.conftest import MakeRig
from tests.deploy.rig import AGENT, FAKE, SYNC, is_alive, make_header
from tests.lab.shell import wait_until


@pytest.fixture
def base(tmp_path: Path) -> list[str]:
    return [str(tmp_path / "port-linker")]


def read_notes(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_cold_start_asks_for_the_bundle_and_a_warm_one_does_not(
    base: list[str], make_rig: MakeRig
) -> None:
    cold = make_rig()
    cold.send_header(make_header(base))
    assert cold.reply() == {"need": "bundle"}
    cold.sock.sendall(FAKE.data)
    assert cold.reply()["agent"] == "started"
    assert cold.ask(b"hello\n") == b"hello\n"
    warm = make_rig()
    warm.send_header(make_header(base, agent="ffff0000"))
    assert warm.reply()["agent"] == "started"
    assert warm.ask(b"hello\n") == b"hello\n"


def test_the_agent_has_its_own_session_and_is_told_what_it_must_know(
    base: list[str], make_rig: MakeRig, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    rig = make_rig()
    reply = rig.open(make_header(base, version=json.dumps({"note": str(note)})))
    begun, attached = read_notes(note)
    assert begun["pid"] == begun["sid"] == reply["pid"]
    assert begun["fds"][:2] == ["/dev/null", "/dev/null"]
    assert begun["fds"][2].startswith("pipe:")
    assert begun["argv"][1:2] == ["agent"]
    assert begun["start"] == {
        "id": AGENT,
        "token": "70cce4",
        "sockets": [
            f"{base[0]}/agent-{AGENT}.sock",
            cache.socket_path(None, AGENT),
            *cache.spare_names(AGENT, "70cce4"),
        ],
        "dir": base[0],
        "version": json.dumps({"note": str(note)}),
        "lease": [60, 5],
    }
    assert (attached["host"], attached["sync"]) == ("h1", SYNC)


def test_no_secret_stands_in_a_command_line(base: list[str], make_rig: MakeRig) -> None:
    rig = make_rig()
    pid = rig.open(make_header(base, token="5ec2e7" * 4))["pid"]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"5ec2e7" not in entry.read_bytes()
        except OSError:
            continue
    assert b"--control-fd" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_goodbye_ends_the_attacher(base: list[str], make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.open(make_header(base))
    assert len(os.listdir(base[0])) == 3  # the bundle, the socket, our claim
    rig.sock.sendall(b"!bye\n")
    assert rig.wait() == 0
    assert not any(name.endswith(".attacher") for name in os.listdir(base[0]))


def test_the_channels_end_ends_the_attacher_and_not_the_agent(
    base: list[str], make_rig: MakeRig
) -> None:
    rig = make_rig()
    pid = rig.open(make_header(base))["pid"]
    assert rig.hang_up() == 0
    assert is_alive(pid)


def test_a_killed_agent_is_replaced_on_the_same_channel(base: list[str], make_rig: MakeRig) -> None:
    rig = make_rig()
    first = rig.open(make_header(base))["pid"]
    began = time.monotonic()
    os.kill(first, signal.SIGKILL)
    reply = rig.error_reply()
    assert reply["agent"] == "restarted"
    assert reply["pid"] != first
    assert reply["sync"] != SYNC
    assert rig.ask(b"!who\n") == f"{reply['pid']} {reply['sync']}\n".encode()
    assert time.monotonic() - began < 2.0


def test_six_crashes_are_an_error(base: list[str], make_rig: MakeRig) -> None:
    rig = make_rig()
    assert "pid" in rig.open(make_header(base, version=json.dumps({"crash": "after"})))
    replies = [rig.error_reply() for _ in range(6)]
    assert [reply.get("agent") for reply in replies[:5]] == ["restarted"] * 5
    assert replies[5]["error"] == "agent-crashes"
    assert rig.wait() == 70


def test_crashes_long_ago_do_not_count(
    base: list[str], make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attacher, "RESTART_WINDOW_S", 0.0)
    rig = make_rig()
    rig.open(make_header(base))
    for _ in range(7):
        rig.sock.sendall(b"!die\n")
        assert rig.error_reply()["agent"] == "restarted"


def test_an_agent_that_cannot_start_is_one_error_with_its_last_words(
    base: list[str], make_rig: MakeRig
) -> None:
    rig = make_rig()
    reply = rig.open(make_header(base, version=json.dumps({"crash": "start"})))
    assert reply == {"error": "agent-start", "detail": "fake crash at start"}
    assert rig.wait() == 1
    assert rig.stderr.read() == b"fake crash at start\n"


def test_restarts_that_fail_count_too(base: list[str], make_rig: MakeRig, tmp_path: Path) -> None:
    rig = make_rig()
    pid = rig.open(make_header(base))["pid"]
    bundle = Path(rig.attacher.supply.bundle)
    bundle.write_bytes(b"print('no agent')")
    os.kill(pid, signal.SIGKILL)
    assert rig.error_reply()["error"] == "agent-crashes"
    assert rig.wait() == 70


def test_an_agent_that_hangs_at_its_start_is_given_up(
    base: list[str], make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opener, "START_LIMIT_S", 0.0)
    rig = make_rig()
    assert rig.open(make_header(base))["error"] == "agent-start"
    assert rig.wait() == 1


# The bundle


def test_a_damaged_bundle_is_replaced(base: list[str], make_rig: MakeRig) -> None:
    first = make_rig()
    assert first.open(make_header(base))["agent"] == "started"
    path = Path(cache.bundle_path(base[0], FAKE.digest))
    path.write_bytes(b"x" + FAKE.data[1:])
    second = make_rig()
    second.send_header(make_header(base, agent="ffff0000"))
    assert second.reply() == {"need": "bundle"}
    second.sock.sendall(FAKE.data)
    assert second.reply()["agent"] == "started"
    assert path.read_bytes() == FAKE.data


def test_without_a_directory_the_agent_runs_from_memory(make_rig: MakeRig) -> None:
    first = make_rig()
    reply = first.open(make_header(["/proc/port-linker"]))
    assert reply["agent"] == "started"
    assert first.ask(b"hello\n") == b"hello\n"
    first.sock.sendall(b"!die\n")
    again = first.error_reply()
    assert again["agent"] == "restarted"
    first.hang_up()
    second = make_rig()
    reply = second.open(make_header(["/proc/port-linker"], resume=True))
    assert reply == {"agent": "resumed", "pid": again["pid"]}


def test_without_directory_and_memory_there_is_one_error(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> int:
        raise OSError("no memory files")

    monkeypatch.setattr(os, "memfd_create", fail)
    rig = make_rig()
    reply = rig.open(make_header([]))
    assert reply == {"error": "no-directory", "detail": "no memory files"}
    assert rig.wait() == 1


def test_byte_code_is_kept_when_all_is_quiet_and_used_then(
    base: list[str], make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attacher, "IDLE_S", 0.01)
    first = make_rig()
    first.open(make_header(base))
    code = Path(bytecode.code_path(cache.bundle_path(base[0], FAKE.digest)))
    wait_until(code.exists, "the byte code is kept")
    second = make_rig()
    pid = second.open(make_header(base, agent="ffff0000"))["pid"]
    assert str(code).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert second.ask(b"hello\n") == b"hello\n"


def test_byte_code_that_does_not_run_is_thrown_away(base: list[str], make_rig: MakeRig) -> None:
    first = make_rig()
    first.open(make_header(base))
    bundle = cache.bundle_path(base[0], FAKE.digest)
    code = Path(bytecode.code_path(bundle))
    bytecode.store_code(bundle)
    kept = code.read_bytes().partition(b"\n")[2][:-1]
    code.write_bytes(hashlib.sha256(kept).hexdigest().encode() + b"\n" + kept)
    second = make_rig()
    assert second.open(make_header(base, agent="ffff0000"))["agent"] == "started"
    assert not code.exists()


# Bad input


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"not json\n", "attacher"),
        (b'{"v":2}\n', "header"),
        (b"[1]\n", "attacher"),
        (b'{"v":1}\n', "attacher"),
        (b"x" * (handle.MAX_LINE_BYTES + 1), "header"),
    ],
)
def test_a_bad_header_is_one_error(make_rig: MakeRig, line: bytes, error: str) -> None:
    rig = make_rig()
    rig.sock.sendall(line)
    assert rig.reply()["error"] == error
    assert rig.wait() == 1


@pytest.mark.parametrize("size", [0, -1, 1 << 40])
def test_a_bad_size_is_one_error(base: list[str], make_rig: MakeRig, size: int) -> None:
    assert make_rig().open(make_header(base, size=size))["error"] == "header"


def test_a_bundle_that_arrives_damaged_is_not_run(base: list[str], make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.send_header(make_header(base))
    assert rig.reply() == {"need": "bundle"}
    rig.sock.sendall(b"\r" * len(FAKE.data))
    assert rig.reply()["error"] == "bundle-damaged"


@pytest.mark.parametrize("sent", [b"", b'{"v":1'])
def test_a_host_that_goes_before_the_header_is_no_error(make_rig: MakeRig, sent: bytes) -> None:
    rig = make_rig()
    rig.sock.sendall(sent)
    assert rig.hang_up() == 0


def test_a_host_that_goes_during_the_upload_leaves_nothing(
    base: list[str], make_rig: MakeRig
) -> None:
    rig = make_rig()
    rig.send_header(make_header(base))
    assert rig.reply() == {"need": "bundle"}
    rig.sock.sendall(FAKE.data[:10])
    rig.sock.shutdown(socket.SHUT_WR)
    assert rig.reply()["error"] == "bundle-cut"
    assert os.listdir(base[0]) == []


def test_as_ssh_s_child_it_sets_the_stage_and_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    monkeypatch.setattr(os, "umask", done.append)
    monkeypatch.setattr(os, "chdir", done.append)
    monkeypatch.setattr(os, "set_inheritable", lambda _fd, flag: done.append(flag))
    monkeypatch.setattr(attacher.Attacher, "run", lambda _self: 9)
    with pytest.raises(SystemExit) as caught:
        attacher.main()
    assert caught.value.code == 9
    assert done[:2] == [0o077, "/"]
    assert True not in done
