"""Real sockets on loopback, and what this machine allows."""

from __future__ import annotations

import errno
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import BindError
from port_linker.model import Proto
from port_linker.ports.os import sockets
from port_linker.ports.os.sockets import bind_local, bind_together, count_services, read_local_facts
from port_linker.ports.types import HELD_BACK, Local
from tests.ports.children import run_as_nobody

HAS_V6 = 6 in read_local_facts().families
needs_v6 = pytest.mark.skipif(not HAS_V6, reason="this machine has no IPv6 loopback")
FAMILIES = [
    pytest.param(Local(4, "127.0.0.1", 1), id="v4"),
    pytest.param(Local(6, "::1", 1), id="v6", marks=needs_v6),
]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as open_sockets:
        yield open_sockets


def free_port(proto: Proto = Proto.TCP) -> int:
    kind = socket.SOCK_STREAM if proto is Proto.TCP else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def bound(stack: ExitStack, proto: Proto, local: Local) -> socket.socket:
    sock = bind_local(proto, local)
    assert not isinstance(sock, int), errno.errorcode.get(sock, sock)
    return stack.enter_context(sock)


@pytest.mark.parametrize("local", FAMILIES)
def test_a_tcp_binding_listens_and_never_blocks(stack: ExitStack, local: Local) -> None:
    local = local._replace(port=free_port())
    sock = bound(stack, Proto.TCP, local)
    assert sock.getblocking() is False
    assert sock.get_inheritable() is False
    near = stack.enter_context(socket.create_connection((local.address, local.port), 5))
    far, _ = sock.accept()
    stack.enter_context(far)
    near.sendall(b"hello")
    far.settimeout(5)
    assert far.recv(5) == b"hello"


@pytest.mark.parametrize("local", FAMILIES)
def test_a_udp_binding_receives(stack: ExitStack, local: Local) -> None:
    local = local._replace(port=free_port(Proto.UDP))
    sock = bound(stack, Proto.UDP, local)
    sender = stack.enter_context(socket.socket(sock.family, socket.SOCK_DGRAM))
    sender.sendto(b"", (local.address, local.port))
    sock.settimeout(5)
    assert sock.recv(10) == b""


@needs_v6
def test_both_families_of_a_port_are_separate_sockets(stack: ExitStack) -> None:
    port = free_port()
    six = bound(stack, Proto.TCP, Local(6, "::1", port))
    assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    bound(stack, Proto.TCP, Local(4, "127.0.0.1", port))


@pytest.mark.parametrize("proto", list(Proto))
def test_a_held_port_is_a_value_not_an_exception(stack: ExitStack, proto: Proto) -> None:
    local = Local(4, "127.0.0.1", free_port(proto))
    bound(stack, proto, local)
    assert bind_local(proto, local) == errno.EADDRINUSE


def test_a_udp_port_that_is_shared_by_others_is_not_joined(stack: ExitStack) -> None:
    sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    assert bind_local(Proto.UDP, Local(4, "127.0.0.1", sock.getsockname()[1])) == errno.EADDRINUSE


def test_a_restart_has_its_port_at_once(stack: ExitStack) -> None:
    local = Local(4, "127.0.0.1", free_port())
    sock = bound(stack, Proto.TCP, local)
    near = socket.create_connection((local.address, local.port), 5)
    far, _ = sock.accept()
    far.close()  # the side that closes first keeps the port in TIME_WAIT
    near.settimeout(5)
    assert near.recv(1) == b""
    near.close()
    sock.close()
    bound(stack, Proto.TCP, local)


@pytest.mark.parametrize(
    "local",
    [
        Local(4, "0.0.0.0", 8080),
        Local(6, "::", 8080),
        Local(4, "10.0.0.5", 8080),
        Local(6, "::ffff:10.0.0.5", 8080),
        Local(6, "127.0.0.1", 8080),
        Local(4, "127.0.0.1", 0),
    ],
)
def test_nothing_is_bound_outside_loopback(local: Local) -> None:
    with pytest.raises(BindError) as caught:
        bind_local(Proto.TCP, local)
    assert caught.value.code == "PL-BIND-LOOPBACK"


@given(st.ip_addresses())
def test_only_loopback_passes(address: object) -> None:
    text = str(address)
    family = 6 if ":" in text else 4
    if text.startswith("127.") or text == "::1":
        return
    with pytest.raises(BindError):
        bind_local(Proto.TCP, Local(family, text, 8080))


def test_no_descriptor_is_a_value_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "none left")

    monkeypatch.setattr(socket, "socket", refuse)
    assert bind_local(Proto.TCP, Local(4, "127.0.0.1", 8080)) == errno.EMFILE
    assert read_local_facts().families == ()


def test_facts_are_those_of_the_kernel() -> None:
    facts = read_local_facts(max_services=7)
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        assert list(facts.ephemeral) == [int(word) for word in file.read().split()]
    assert 4 in facts.families
    assert facts.max_services == 7
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard
    assert facts.fd_services == count_services(hard)


def test_without_proc_the_usual_values_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(sockets, "_read_text", refuse)
    facts = read_local_facts()
    assert (facts.ephemeral, facts.unprivileged_start) == ((32768, 60999), 1024)
    assert facts.is_privileged is False


@pytest.mark.parametrize("text", ["", "CapEff:", "CapEff: zz", "CapEff: 0000000000000000"])
def test_no_capability_is_no_privilege(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sockets, "_read_text", lambda _: text)
    assert read_local_facts().is_privileged is False


def test_a_limit_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert sockets.raise_descriptor_limit() == 256


@pytest.mark.parametrize(
    ("descriptors", "services"), [(0, 1), (256, 64), (1024, 352), (4096, 1504), (20_000, 7_920)]
)
def test_services_leave_descriptors_for_flows(descriptors: int, services: int) -> None:
    assert count_services(descriptors) == services


LOOK = """
import json
from port_linker.ports.os.sockets import bind_local, read_local_facts
from port_linker.ports.types import HELD_BACK
from port_linker.ports.types import Local
from port_linker.model import Proto
facts = read_local_facts()
bound = bind_local(Proto.TCP, Local(4, "127.0.0.1", 7))
number = bound if isinstance(bound, int) else 0
print(json.dumps([facts.is_privileged, facts.needs_privilege(7), number]))
"""


def test_a_user_without_privilege_is_told_so_before_and_by_the_kernel() -> None:
    assert run_as_nobody(LOOK) == [False, True, errno.EACCES]


def test_root_needs_none() -> None:
    if os.geteuid() != 0 or not read_local_facts().is_privileged:
        pytest.skip("not root")
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, check=True, timeout=20)
    assert b"[true, false" in done.stdout


@needs_v6
def test_a_service_gets_all_its_addresses_or_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        both = (Local(4, "127.0.0.1", port), Local(6, "::1", port))
        refused = bind_together(Proto.TCP, both)
        assert refused == {both[0]: errno.EADDRINUSE, both[1]: HELD_BACK}
        with socket.create_server(("::1", port), family=socket.AF_INET6):
            pass  # nothing of ours is left there
    taken = bind_together(Proto.TCP, both)
    assert all(isinstance(one, socket.socket) for one in taken.values())
    for one in taken.values():
        assert isinstance(one, socket.socket)
        one.close()


def test_a_family_that_does_not_exist_stands_in_nobodys_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def bind(_proto: Proto, local: Local) -> socket.socket | int:
        return socket.socket() if local.family == 4 else errno.EADDRNOTAVAIL

    monkeypatch.setattr(sockets, "bind_local", bind)
    both = (Local(4, "127.0.0.1", 1), Local(6, "::1", 1))
    found = bind_together(Proto.TCP, both)
    mine = found[both[0]]
    assert isinstance(mine, socket.socket)
    mine.close()
    assert found[both[1]] == errno.EADDRNOTAVAIL
