"""The doctor over a real ssh, as an unprivileged user on both ends."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any

import pytest

from port_linker.doctor import judge_quic
from tests.lab.fixtures import LabFactory
from tests.lab.hosts import PROGRAM, TARGET4, TwoHosts
from tests.lab.probe import target_pids
from tests.lab.services import Services, greet
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab


def look(lab: TwoHosts, *words: str) -> tuple[int, dict[str, Any], str]:
    pipe = subprocess.PIPE
    doctor = lab.start(PROGRAM, "doctor", *words, "--json", stdout=pipe, stderr=pipe)
    out, err = doctor.communicate(timeout=50)
    return doctor.returncode, json.loads(out), err.decode()


def test_a_healthy_machine_within_15_s(lab_factory: LabFactory) -> None:
    lab = lab_factory(host_user=True)
    with Services(lab.target) as services:
        services.tcp(greet, 7001)
        began = time.monotonic()
        code, report, err = look(lab, "target")
    assert time.monotonic() - began < 15
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert (code, report["ok"]) == (0, True), (report, err)
    of_ssh = {state for name, state in states.items() if not name.startswith("quic_")}
    assert of_ssh <= {"pass", "warn"}, report
    assert states["quic_here"] == "note", "--link stdio, in the lab's environment"
    found = {check["name"]: check["facts"] for check in report["checks"]}
    assert found["discovery"]["services"] >= 2  # sshd and ours
    assert found["download"]["bits_per_s"] > 1e6
    wait_until(lambda: not target_pids(lab), "no agent is left on the target", timeout_s=5)


def test_quic_is_brought_up_and_measured(lab: TwoHosts) -> None:
    code, report, err = look(lab, "target", "--link", "quic", "--udp-port", "60007")
    assert (code, report["ok"]) == (0, True), (report, err)
    checks = {check["name"]: check for check in report["checks"]}
    assert {check["state"] for check in checks.values()} <= {"pass", "warn"}, report
    found = {name: check["facts"] for name, check in checks.items()}
    assert found["quic_there"]["sent_bytes"] > 0
    assert found["quic_path"]["address"] == f"{TARGET4}:60007"
    assert found["quic_round_trip"]["samples"] == 5
    assert found["quic_download"]["bits_per_s"] > 1e6
    assert found["quic_upload"]["bits_per_s"] > 1e6
    assert found["quic_loss"].keys() == {"to_target_percent", "from_target_percent"}
    assert found["quic_mtu"]["bytes"] == 1472
    assert checks["quic_path"]["took_ms"] is not None
    wait_until(lambda: not target_pids(lab), "no sidecar is left on the target", timeout_s=5)


def test_where_udp_is_blocked_it_says_which_ports_to_open(lab: TwoHosts) -> None:
    lab.pair.block_udp()
    code, report, err = look(lab, "target", "--link", "auto")
    assert (code, report["ok"]) == (0, True), (report, err)
    checks = {check["name"]: check for check in report["checks"]}
    path = checks["quic_path"]
    assert (path["state"], checks["quic_there"]["state"]) == ("warn", "pass")
    assert f"no answer over UDP from {TARGET4}:60000; everything goes over ssh" in path["found"]
    assert "open 60000-61000/udp" in path["hint"]
    behind = [stage.name for stage in judge_quic.STAGES[3:]]
    assert {checks[name]["state"] for name in behind} == {"skip"}


def test_a_machine_behind_another_one_without_udp_stays_on_stdio(lab: TwoHosts) -> None:
    lab.pair.block_udp()
    lab.add_ssh_config(f"Host target\n  ProxyCommand socat - TCP:{TARGET4}:22\n")
    code, report, err = look(lab, "target", "--link", "auto")
    assert code == 0, (report, err)
    path = next(check for check in report["checks"] if check["name"] == "quic_path")
    assert path["state"] == "note"
    assert path["found"].startswith("ssh goes through another machine")


def test_quic_that_was_asked_for_is_a_failure_where_udp_is_blocked(lab: TwoHosts) -> None:
    lab.pair.block_udp()
    code, report, _ = look(lab, "target", "--link", "quic")
    assert (code, report["ok"]) == (3, False)
    path = next(check for check in report["checks"] if check["name"] == "quic_path")
    assert (path["state"], path["code"]) == ("fail", "PL-LINK-QUIC")


def test_a_login_that_is_refused(lab: TwoHosts) -> None:
    os.unlink(os.path.join(lab.host_home, ".ssh/id_ed25519"))
    code, report, err = look(lab, "target")
    assert code == 4, (report, err)
    first = report["checks"][0]
    assert (first["name"], first["state"], first["code"]) == ("login", "fail", "PL-SSH-AUTH")
    assert {check["state"] for check in report["checks"][1:]} == {"skip"}


def test_nobody_listens_there(lab: TwoHosts) -> None:
    lab.sshd.close()
    code, report, _ = look(lab, "target")
    assert code == 3
    assert report["checks"][0]["code"] == "PL-SSH-REFUSED"
