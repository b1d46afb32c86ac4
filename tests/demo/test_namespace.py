"""A private network of one's own: lo is up, nothing else is there, and others can join it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from port_linker.demo import namespace
from tests.lab import mounts

pytestmark = pytest.mark.lab

ENTER = """
import json, os, socket
from port_linker.demo.namespace import enter_private_network
enter_private_network()
with socket.create_server(("127.0.0.1", 80)) as server:
    socket.create_connection(server.getsockname()).close()
names = [name for _, name in socket.if_nameindex()]
print(json.dumps({"names": names, "uid": os.geteuid(), "net": os.readlink("/proc/self/ns/net"),
    "user": os.readlink("/proc/self/ns/user")}), flush=True)
input()
"""
NOBODY = 65534
UNPRIVILEGED = (
    *mounts.reachable(os.path.realpath(sys.base_prefix), "/nowhere"),
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--bounding-set=-all", "--inh-caps=-all", "--"),
)


@pytest.mark.parametrize("prefix", [(), UNPRIVILEGED], ids=["root", "nobody"])
def test_a_process_gets_one_and_another_joins_it(prefix: tuple[str, ...]) -> None:
    pipe = subprocess.PIPE
    command = [*prefix, sys.executable, "-c", ENTER]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        seen = json.loads(process.stdout.readline())
        assert seen["names"] == ["lo"]
        uid = NOBODY if prefix else os.geteuid()
        assert seen["uid"] == uid
        assert seen["net"] != os.readlink("/proc/self/ns/net")
        assert (seen["user"] != os.readlink("/proc/self/ns/user")) is bool(prefix)
        words = [sys.executable, "-m", "port_linker.demo.join", str(process.pid), "name"]
        joined = subprocess.run(
            [*prefix, *words],
            input=b"readlink /proc/self/ns/net; echo $PORT_LINKER_DEMO; id -u",
            capture_output=True,
        )
        assert joined.stderr == b""
        assert joined.stdout.decode().split() == [seen["net"], "name", str(uid)]
        process.communicate(b"\n")


def test_a_network_that_is_gone_cannot_be_joined() -> None:
    with pytest.raises(FileNotFoundError):
        namespace.join_network(2**22 + 1)


def test_where_no_namespace_is_left_it_is_refused() -> None:
    script = f"echo 0 > /proc/sys/user/max_net_namespaces; exec {sys.executable} -c '{ENTER}'"
    done = subprocess.run(["unshare", "-Ur", "sh", "-c", script], capture_output=True)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
