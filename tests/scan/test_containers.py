"""A fake container engine on a Unix socket, well and badly behaved."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from port_linker.model import Proto
from port_linker.scan import containers
from port_linker.scan.containers import (
    ContainerReader,
    list_engine_sockets,
    open_container_reader,
    read_engine,
)
from port_linker.scan.published import NO_CONTAINERS
from port_linker.scan.rows import ScanFormatError
from tests.scan.fake_proc import Clock

WEB = {"Id": "ab" * 32, "Names": ["/web"], "Ports": [{"PublicPort": 80, "Type": "tcp"}]}


class FakeEngine:
    """A Unix socket that answers every request with the same bytes, or with silence."""

    def __init__(self, path: Path, body: bytes | None, head: bytes = b"HTTP/1.0 200 OK") -> None:
        self.path = str(path)
        self.requests: list[bytes] = []
        self._answer = None if body is None else head + b"\r\n\r\n" + body
        self._open: list[socket.socket] = []
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.bind(self.path)
        self._sock.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            peer, _ = self._sock.accept()
            request = peer.recv(65536)
            if request == b"end":
                peer.close()
                return
            self.requests.append(request)
            if self._answer is None:
                self._open.append(peer)  # left without an answer
                continue
            with contextlib.suppress(BrokenPipeError):
                peer.sendall(self._answer)
            peer.close()

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self.path)
            sock.send(b"end")
            self._thread.join(10)
        for sock in (self._sock, *self._open):
            sock.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    engine = FakeEngine(tmp_path / "docker.sock", json.dumps([WEB]).encode())
    yield engine
    engine.close()


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[FakeEngine]:
    engine = FakeEngine(tmp_path / "silent.sock", None)
    yield engine
    engine.close()


def test_an_engine_tells_its_containers(engine: FakeEngine) -> None:
    assert read_engine(engine.path).find_publisher(Proto.TCP, "::", 80, 0) == "web"
    assert engine.requests[0].startswith(b"GET /containers/json HTTP/1.0\r\n")


def test_an_engine_that_is_silent_is_given_up(silent: FakeEngine) -> None:
    with pytest.raises(OSError, match="timed out"):
        read_engine(silent.path, timeout_s=0.01)


def test_an_engine_that_drips_is_given_up(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("port_linker.clock.monotonic_s", Clock(step_s=0.6))
    with pytest.raises(TimeoutError, match="did not answer within"):
        read_engine(engine.path)


def test_an_answer_without_an_end_is_given_up(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "_MAX_RESPONSE_BYTES", 20)
    with pytest.raises(ScanFormatError, match="too long"):
        read_engine(engine.path)


def test_engines_are_asked_at_most_every_five_seconds(engine: FakeEngine, tmp_path: Path) -> None:
    clock = Clock()
    reader = ContainerReader([str(tmp_path / "none"), engine.path], clock)
    assert not reader.is_due(wanted=False)
    assert reader.is_due(wanted=True)
    found = reader.read()
    assert found is not None
    assert found.names == {"ab" * 32: "web"}
    assert not reader.is_due(wanted=True)
    clock.now_s += 5
    assert reader.is_due(wanted=True)


def test_without_an_engine_nothing_is_known(tmp_path: Path) -> None:
    assert ContainerReader([str(tmp_path / "none")]).read() == NO_CONTAINERS
    assert open_container_reader().is_due(wanted=True)


def test_where_engines_are_looked_for() -> None:
    assert list_engine_sockets({"XDG_RUNTIME_DIR": "/run/user/7"}, 1000) == [
        "/run/user/7/docker.sock",
        "/run/user/7/podman/podman.sock",
        "/var/run/docker.sock",
        "/run/podman/podman.sock",
    ]
    chosen = list_engine_sockets({"DOCKER_HOST": "unix:///tmp/d.sock"}, 1000)
    assert chosen[:2] == ["/tmp/d.sock", "/run/user/1000/docker.sock"]
    for elsewhere in ("tcp://10.0.0.1:2375", "unix://", "ssh://dev1"):
        assert list_engine_sockets({"DOCKER_HOST": elsewhere}, 0)[0] == "/run/user/0/docker.sock"
    same = list_engine_sockets({"DOCKER_HOST": "unix:///var/run/docker.sock"}, 0)
    assert same.count("/var/run/docker.sock") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_an_engine_of_another_user_is_not_believed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "docker.sock"))
        os.seteuid(4242)
        try:
            sock.listen()
        finally:
            os.seteuid(0)
        with pytest.raises(PermissionError, match="4242"):
            read_engine(sock.getsockname())
