"""Units and containers by the paths of control groups, as machines of all kinds have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import MAX_NAME_CHARS
from port_linker.scan.cgroups import find_container_id, find_unit, name_unit_of

ID = b"c0" * 32

# Debian 10, version 1
V1 = b"""\
11:pids:/system.slice/nginx.service
10:memory:/system.slice/nginx.service
2:cpu,cpuacct:/
1:name=systemd:/system.slice/nginx.service
"""
# Ubuntu 20.04, both mounted
HYBRID = b"""\
12:devices:/system.slice/system-postgresql.slice
1:name=systemd:/system.slice/system-postgresql.slice/postgresql@15-main.service
0::/system.slice/system-postgresql.slice/postgresql@15-main.service
"""
# Version 2 mounted for nobody's use
BOTH_BUT_EMPTY = b"1:name=systemd:/system.slice/cron.service\n0::/\n"
USER = b"/user.slice/user-1000.slice/"
MANAGER = b"0::" + USER + b"user@1000.service/"


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        (V1, "nginx.service"),
        (HYBRID, "postgresql@15-main.service"),
        (BOTH_BUT_EMPTY, "cron.service"),
        (b"0::/system.slice/nginx.service\n", "nginx.service"),
        (b"0::/system.slice/nginx.service (deleted)\n", "nginx.service"),
        (b"0::/system.slice/k3s.service/payload\n", "k3s.service"),
        (b"0::/lxc.payload.c1/system.slice/ssh.service\n", "ssh.service"),
        (rb"0::/system.slice/system-serial\x2dgetty.slice/serial-getty@ttyS0.service" + b"\n",
         "serial-getty@ttyS0.service"),
        (rb"0::/system.slice/a\x2db.service", r"a\x2db.service"),
        (MANAGER + b"app.slice/shop.service\n", "shop.service"),
        (MANAGER + b"app.slice/app-foo.scope\n", "app-foo.scope"),
        # what says nothing of a program
        (b"0::/init.scope\n", None),
        (b"0::" + USER + b"session-3.scope\n", None),
        (b"1:name=systemd:" + USER + b"session-c2.scope\n0::" + USER + b"session-c2.scope", None),
        (MANAGER + b"init.scope\n", None),
        (MANAGER[:-1] + b"\n", None),
        (MANAGER + b"tmux-spawn-9d3c.scope\n", None),
        (MANAGER + b"app.slice/app-org.gnome.Terminal.slice/vte-spawn-0b.scope\n", None),
        (b"0::/system.slice/run-r61b3.service\n", None),
        (b"0::/system.slice/run-u12.service\n", None),
        (b"0::/system.slice/docker-" + ID + b".scope\n", None),
        (b"0::/machine.slice/libpod-" + ID + b".scope/container\n", None),
        (b"0::/kubepods.slice/x.slice/cri-containerd-" + ID + b".scope\n", None),
        (b"12:cpu:/docker/" + ID + b"\n1:name=systemd:/docker/" + ID + b"\n0::/\n", None),
        (b"0::/system.slice\n", None),
        (b"0::/\n", None),
        (b"0::/../../nginx.service.d\n", None),
        (b"", None),
        (b"\n:\n::\nnonsense", None),
    ],
)  # fmt: skip
def test_a_unit_is_read_from_the_control_group(cgroup: bytes, unit: str | None) -> None:
    assert find_unit(cgroup) == unit


@given(st.binary(max_size=400))
def test_a_unit_of_any_bytes_is_bounded_and_clean(path: bytes) -> None:
    for unit in (find_unit(path), name_unit_of(path + b".service"), find_unit(b"0::/" + path)):
        assert unit is None or 0 < len(unit) <= MAX_NAME_CHARS
        assert not any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F for char in unit or "")


def test_a_name_of_megabytes_is_cut() -> None:
    assert len(name_unit_of(b"/" + b"x" * (1 << 20) + b".service") or "") == MAX_NAME_CHARS


@pytest.mark.parametrize(
    "cgroup",
    [
        b"0::/system.slice/docker-%s.scope\n",
        b"12:cpu:/docker/%s\n0::/docker/%s\n",
        b"0::/user.slice/user-4242.slice/libpod-%s.scope/container\n",
    ],
)
def test_a_container_is_read_from_the_control_group(cgroup: bytes) -> None:
    assert find_container_id(cgroup.replace(b"%s", ID), 4242) == "c0" * 32


def test_a_container_is_not_taken_from_what_others_may_name() -> None:
    theirs = b"0::/user.slice/user-4243.slice/docker-" + ID + b".scope\n"
    assert find_container_id(theirs, 4242) is None, "other users name their own groups"
    assert find_container_id(b"0::/x-" + b"c" * 65 + b"\n", 4242) is None
