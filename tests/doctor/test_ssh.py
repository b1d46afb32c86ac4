"""The doctor over a real ssh, as an unprivileged user on both ends."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any

import pytest

from tests.lab.fixtures import LabFactory
from tests.lab.hosts import PROGRAM, TwoHosts
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
    assert set(states.values()) <= {"pass", "warn"}, report
    found = {check["name"]: check["facts"] for check in report["checks"]}
    assert found["discovery"]["services"] >= 2  # sshd and ours
    assert found["download"]["bits_per_s"] > 1e6
    wait_until(lambda: not target_pids(lab), "no agent is left on the target", timeout_s=5)


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
