"""The demo as an unprivileged user: with namespaces of one's own, and where there are none."""

from __future__ import annotations

import subprocess

import pytest

from tests.lab.fixtures import LabFactory
from tests.lab.hosts import PROGRAM

pytestmark = pytest.mark.lab

NO_NETWORKS = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$0" "$@"'
WITHOUT = ("unshare", "--user", "--map-root-user", "sh", "-c", NO_NETWORKS)


@pytest.mark.parametrize(
    ("prefix", "sentence"),
    [
        ((), "a private network on this machine"),
        (WITHOUT, "the target is 127.77.0.1 of this machine"),
    ],
    ids=["namespaces", "no namespaces"],
)
def test_all_of_it_works(prefix: tuple[str, ...], sentence: str, lab_factory: LabFactory) -> None:
    lab = lab_factory(host_user=True)
    pipe = subprocess.PIPE
    demo = lab.start(*prefix, PROGRAM, "demo", "--once", stdout=pipe, stderr=pipe)
    out, err = (data.decode() for data in demo.communicate(timeout=40))
    assert demo.returncode == 0, out + err
    assert sentence in out
    assert "All of it worked" in out
    assert lab.host_user is not None
    words = ["ps", "-o", "stat=,args=", "-u", str(lab.host_user.uid)]
    left = subprocess.run(words, capture_output=True, text=True).stdout.splitlines()
    assert [line for line in left if not line.startswith("Z")] == []  # those wait for init alone
