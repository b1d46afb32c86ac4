"""open_agent_channel through a real sshd on loopback that forbids forwarding."""

from __future__ import annotations

import asyncio
import dataclasses
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from port_linker.deploy import connect
from port_linker.deploy.channel import AgentChannel, AgentRestarted, ChannelEnded
from port_linker.deploy.settings import ConnectSettings, StepLimits
from port_linker.errors import PortLinkerError
from port_linker.ssh.target import parse_target
from tests.deploy.rig import FAKE, is_alive
from tests.lab.shell import wait_until
from tests.ssh.terminal import run_in_terminal

SSHD = "/usr/sbin/sshd"
LIMITS = StepLimits(20.0, 20.0, 10.0, 10.0, 10.0)
pytestmark = pytest.mark.skipif(not os.path.exists(SSHD), reason="sshd is not installed")


def make_key(path: Path) -> str:
    """Make a key pair; return its public line."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(words, check=True)
    return Path(f"{path}.pub").read_text()


@dataclass
class Server:
    """A running sshd and what is needed to log in."""

    port: int
    folder: Path

    def options(self, **changes: str) -> tuple[str, ...]:
        """Return lines of ssh_config that lead to it and to nothing of this user's own."""
        lines = {
            "Port": str(self.port),
            "User": getpass.getuser(),
            "IdentityFile": f"{self.folder}/user_key",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": f"{self.folder}/known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            **changes,
        }
        return tuple(f"{name}={value}" for name, value in lines.items())

    def settings(self, **changes: Any) -> ConnectSettings:
        """Return settings for the fake agent over this server."""
        options = self.options(**changes.pop("options", {}))
        settings = ConnectSettings(
            agent_id=os.urandom(8).hex(),
            token=os.urandom(16).hex(),
            host_id="h1",
            ssh_options=options,
            limits=LIMITS,
        )
        return dataclasses.replace(settings, **changes)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sshd")
    (folder / "home").mkdir()
    server = Server(free_port(), folder)
    host_key = make_key(folder / "host_key")
    (folder / "authorized_keys").write_text(make_key(folder / "user_key"))
    make_key(folder / "other_key")
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {host_key}")
    python = Path(sys.executable).resolve().parent
    config = f"""
        ListenAddress 127.0.0.1:{server.port}
        HostKey {folder}/host_key
        AuthorizedKeysFile {folder}/authorized_keys
        PidFile none
        UsePAM no
        StrictModes no
        PermitRootLogin yes
        AllowTcpForwarding no
        SetEnv HOME={folder}/home PATH={python}:/usr/bin:/bin
    """
    (folder / "sshd_config").write_text(config)
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    with open(folder / "log", "wb") as log:
        words = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        daemon = subprocess.Popen(words, stderr=log)
    wait_until(lambda: "listening" in (folder / "log").read_text(), "sshd listens")
    yield server
    daemon.terminate()
    daemon.wait(10)


@pytest.fixture
async def channels(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[AgentChannel]]:
    """Channels that the test opened; they and their agents end with it."""
    monkeypatch.setattr(connect, "build_bundle", lambda: FAKE)
    opened: list[AgentChannel] = []
    yield opened
    for channel in opened:
        await channel.close(grace_s=0)
        if is_alive(channel.agent_pid):
            os.kill(channel.agent_pid, signal.SIGKILL)


HOST = parse_target("127.0.0.1")


async def ask(channel: AgentChannel, data: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        await loop.sock_sendall(channel.sock, data)
        return await loop.sock_recv(channel.sock, 65536)


def parent(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


async def test_the_whole_way_there_a_crash_and_an_outage(
    server: Server, channels: list[AgentChannel]
) -> None:
    settings = server.settings()
    first = await connect.open_agent_channel(HOST, settings)
    channels.append(first)
    assert await ask(first, b"hello\n") == b"hello\n"
    attacher = parent(first.agent_pid)
    os.kill(first.agent_pid, signal.SIGKILL)
    event = await first.wait_event()
    assert isinstance(event, AgentRestarted)
    assert await ask(first, b"hello\n") == b"hello\n"
    os.kill(first.child_pid, signal.SIGKILL)
    assert isinstance(await first.wait_event(), ChannelEnded)
    wait_until(lambda: not is_alive(attacher), "the attacher left with ssh")
    again = dataclasses.replace(settings, resume=True)
    second = await connect.open_agent_channel(HOST, again, unattended=True)
    channels.append(second)
    assert second.resumed
    assert second.agent_pid == event.pid
    assert await ask(second, b"hello\n") == b"hello\n"


async def test_a_goodbye_lets_ssh_leave(server: Server, channels: list[AgentChannel]) -> None:
    channel = await connect.open_agent_channel(HOST, server.settings())
    channels.append(channel)
    assert await ask(channel, b"!bye\n") == b""
    assert await channel.wait_event() == ChannelEnded(None)


def start_master(options: tuple[str, ...]) -> None:
    """Log in as a person would who shares the connection."""
    words = [word for option in options for word in ("-o", option)]
    subprocess.run(["ssh", "-f", "-N", *words, "127.0.0.1"], check=True, stderr=subprocess.DEVNULL)


def find_master(control: Path) -> int:
    """Return the pid of the ssh that shares its connection."""
    check = ["ssh", "-O", "check", "-o", f"ControlPath={control}", "127.0.0.1"]
    said = subprocess.run(check, capture_output=True).stderr
    return int(said.partition(b"pid=")[2].partition(b")")[0])


async def test_a_shared_connection_is_used_at_first_and_not_after_an_outage(
    server: Server, channels: list[AgentChannel], tmp_path: Path
) -> None:
    control = tmp_path / "control"
    shared = {"ControlMaster": "auto", "ControlPath": str(control), "ControlPersist": "10"}
    start_master(server.options(**shared))
    master = find_master(control)
    without_key = {**shared, "IdentityFile": f"{server.folder}/no_key"}  # the master needs none
    first = await connect.open_agent_channel(HOST, server.settings(options=without_key))
    channels.append(first)
    try:
        assert await ask(first, b"hello\n") == b"hello\n"
        os.kill(master, signal.SIGSTOP)  # it hangs, as after an outage
        settings = server.settings(options=shared)
        second = await connect.open_agent_channel(HOST, settings, unattended=True)
        channels.append(second)
        assert await ask(second, b"hello\n") == b"hello\n"
    finally:
        os.kill(master, signal.SIGKILL)


async def test_ours_never_becomes_the_master_of_other_sessions(
    server: Server, channels: list[AgentChannel], tmp_path: Path
) -> None:
    control = tmp_path / "control"
    shared = {"ControlMaster": "auto", "ControlPath": str(control), "ControlPersist": "10"}
    channels.append(await connect.open_agent_channel(HOST, server.settings(options=shared)))
    assert not control.exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"IdentityFile": "other_key"}, "PL-SSH-AUTH"),
        ({"UserKnownHostsFile": "/dev/null"}, "PL-SSH-HOST-KEY"),
        ({"UserKnownHostsFile": "changed"}, "PL-SSH-HOST-KEY-CHANGED"),
        ({"Port": "1"}, "PL-SSH-REFUSED"),
        ({"Frob": "yes"}, "PL-SSH-CONFIG"),
        ({"HostName": "nowhere.invalid"}, "PL-SSH-RESOLVE"),
        ({"HostKeyAlgorithms": "ssh-rsa"}, "PL-SSH-NEGOTIATE"),
    ],
)
async def test_what_ssh_really_says_is_explained(
    server: Server, channels: list[AgentChannel], options: dict[str, str], code: str
) -> None:
    key = (server.folder / "other_key.pub").read_text()
    (server.folder / "changed").write_text(f"[127.0.0.1]:{server.port} {key}")
    for name, value in options.items():
        path = server.folder / value
        options[name] = str(path) if path.is_file() else value
    settings = server.settings(options=options)
    with pytest.raises(PortLinkerError) as caught:
        await connect.open_agent_channel(HOST, settings, unattended=True)
    assert caught.value.code == code


PROMPT_PROGRAM = """
import asyncio, sys
from port_linker.deploy.connect import open_agent_channel
from port_linker.deploy.settings import ConnectSettings
from port_linker.ssh.target import parse_target

settings = ConnectSettings("a1b2c3d4", "00", "h1", ssh_options=tuple(sys.argv[1:]))
try:
    asyncio.run(open_agent_channel(parse_target("127.0.0.1"), settings, print))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_at_ssh_s_password_prompt_ends_everything_with_130(server: Server) -> None:
    if shutil.which("setsid") is None:
        pytest.skip("setsid is not installed")
    options = server.options(PreferredAuthentications="password", NumberOfPasswordPrompts="3")
    program = [sys.executable, "-c", PROMPT_PROGRAM, *options]
    status, shown = run_in_terminal(program, b"password: ", b"\x03")
    assert status == 130, shown
    assert not any(f"Port={server.port}".encode() in line for line in read_command_lines())


def read_command_lines() -> list[bytes]:
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(entry.read_bytes())
        except OSError:
            continue
    return lines
