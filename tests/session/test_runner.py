"""A session as a whole, with the real agent behind `exec:sh` on this very machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from port_linker import clock
from port_linker.deploy.connect import open_agent_channel
from port_linker.errors import PortLinkerError
from port_linker.ports.types import ServiceState
from port_linker.session.contact import Contact
from port_linker.session.events import LogEvent, ServiceEvent, SessionState
from port_linker.session.runner import SessionRunner
from port_linker.session.settings import SessionSettings
from port_linker.session.start import run_session
from port_linker.tasks import start_task, stop_task
from tests.deploy.rig import is_alive
from tests.fakes.front import ScriptedFront
from tests.fakes.waiting import WAIT_S, until

OPEN_CHANNEL = "port_linker.session.connector.open_agent_channel"
START_S = 30.0  # the machine may be busy with other tests


class Session:
    """A running session, its front end and what it mirrors: one echo service."""

    def __init__(self, folder: Path, port: int, **changes: Any) -> None:
        self.folder, self.port = folder, port
        self.front = ScriptedFront()
        options: dict[str, Any] = {
            "target": "exec:sh", "only": (f"127.77.4.1:{port}",), "allow": (str(port),),
            "lease_s": 20, "allow_self": True, "link": "stdio", **changes,
        }  # fmt: skip
        self.made: list[SessionRunner] = []
        self.task = start_task(run_session(SessionSettings(**options), self.front), "session")

    @property
    def runner(self) -> SessionRunner:
        return self.made[-1]

    @property
    def channel(self) -> Any:
        return self.runner._contact._connector._channel

    async def up(self) -> None:
        """Wait until the service can be used here."""
        await until(lambda: self.task.done() or self._is_ready(), START_S)
        assert not self.task.done(), self.task

    def _is_ready(self) -> bool:
        mine = f"127.77.4.1:{self.port}"  # other tests' services are seen too, and left out
        events = [e for e in self.front.events if isinstance(e, ServiceEvent)]
        states = [e.state for e in events if e.remote == mine]
        return bool(states) and states[-1] is ServiceState.READY

    async def end(self) -> int:
        async with asyncio.timeout(WAIT_S):
            return int(await self.task)

    def state(self) -> dict[str, Any]:
        (path,) = (self.folder / "state/port-linker/targets").glob("*.json")
        value: dict[str, Any] = json.loads(path.read_text())
        return value

    def logged(self, text: str) -> bool:
        return any(isinstance(e, LogEvent) and text in e.message for e in self.front.events)


class Sessions:
    """Starts sessions, and sees that none is left."""

    def __init__(self, folder: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.port = folder, port
        self.started: list[Session] = []
        self.agents: set[int] = set()
        init, opened = SessionRunner.__init__, Contact.on_channel_opened
        sessions = self

        def note_runner(runner: SessionRunner, *words: Any) -> None:
            init(runner, *words)
            sessions.started[-1].made.append(runner)

        def note_agent(contact: Contact, channel: Any) -> None:
            sessions.agents.add(channel.agent_pid)
            opened(contact, channel)

        monkeypatch.setattr(SessionRunner, "__init__", note_runner)
        monkeypatch.setattr(Contact, "on_channel_opened", note_agent)

    def start(self, **changes: Any) -> Session:
        self.started.append(Session(self.folder, self.port, **changes))
        return self.started[-1]

    async def close(self) -> None:
        for session in self.started:
            with contextlib.suppress(PortLinkerError, RuntimeError):
                await stop_task(session.task)
        for pid in self.agents:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
async def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sessions]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.77.4.1", 0)
    made = Sessions(tmp_path, server.sockets[0].getsockname()[1], monkeypatch)
    yield made
    await made.close()
    server.close()


async def dial(session: Session) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", session.port)


async def echoes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    async with asyncio.timeout(WAIT_S):
        assert await reader.readexactly(len(data)) == data


async def test_a_service_can_be_used_until_the_person_leaves(sessions: Sessions) -> None:
    session = sessions.start()
    await session.up()
    reader, writer = await dial(session)
    await echoes(reader, writer, b"hello")
    (agent,) = sessions.agents
    assert session.state()["pid"] == os.getpid()
    traffic = session.front.control.traffic() if session.front.control else {}
    assert traffic[f"tcp/127.77.4.1:{session.port}"].up_bytes == 5
    session.front.leave()
    assert await session.end() == 0
    assert session.front.states() == ["connecting", "deploying", "up", "closed"]
    assert session.state() == {}
    await until(lambda: not is_alive(agent))
    with pytest.raises(ConnectionRefusedError):
        await dial(session)
    writer.close()
    log = (session.folder / "state/port-linker/debug.log").read_text()
    assert {json.loads(line)["side"] for line in log.splitlines()} >= {"host", "agent"}


async def test_a_child_that_dies_costs_no_flow(sessions: Sessions) -> None:
    session = sessions.start()
    await session.up()
    reader, writer = await dial(session)
    await echoes(reader, writer, b"before")
    os.kill(session.channel.child_pid, signal.SIGKILL)
    await until(lambda: "reattached" in session.front.states(), START_S)
    await echoes(reader, writer, b"after")
    assert session.front.states()[3:] == ["outage", "reattached", "up"]
    assert len(sessions.agents) == 1
    writer.close()


async def test_an_agent_that_dies_is_started_again_and_no_port_closes(sessions: Sessions) -> None:
    session = sessions.start()
    await session.up()
    reader, writer = await dial(session)
    await echoes(reader, writer, b"before")
    os.kill(session.channel.agent_pid, signal.SIGKILL)
    await until(lambda: session.logged("started again"), START_S)
    sessions.agents.add(session.channel.agent_pid)
    with pytest.raises(ConnectionResetError):
        await echoes(reader, writer, b"x")
    writer.close()
    await session.up()
    reader, writer = await dial(session)
    await echoes(reader, writer, b"after")
    assert "outage" not in session.front.states()
    writer.close()


async def test_ctrl_c_ends_the_agent_and_shows_no_outage(sessions: Sessions) -> None:
    session = sessions.start()
    await session.up()
    (agent,) = sessions.agents
    await stop_task(session.task)
    assert session.task.cancelled()
    assert session.front.states() == ["connecting", "deploying", "up", "closed"]
    assert session.state() == {}
    await until(lambda: not is_alive(agent))


async def test_an_agent_left_in_an_outage_is_taken_over_by_the_next_session(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sessions.start()
    await session.up()

    async def fail(*_: Any) -> Any:
        raise PortLinkerError("no way there")

    monkeypatch.setattr(OPEN_CHANNEL, fail)
    os.kill(session.channel.child_pid, signal.SIGKILL)
    await until(lambda: session.front.is_in(SessionState.OUTAGE))
    assert session.front.control is not None
    session.front.control.reconnect_now()
    session.front.leave()
    assert await session.end() == 0
    assert session.state()["agent"]
    monkeypatch.setattr(OPEN_CHANNEL, open_agent_channel)
    again = sessions.start()
    await again.up()
    assert again.channel.resumed
    assert len(sessions.agents) == 1


async def test_an_agent_that_did_not_hear_the_goodbye_is_not_forgotten(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("port_linker.session.contact.GOODBYE_S", 0.1)
    session = sessions.start()
    await session.up()
    os.kill(session.channel.agent_pid, signal.SIGSTOP)
    session.front.leave()
    assert await session.end() == 0
    assert session.state()["agent"]


async def test_this_very_machine_is_refused(sessions: Sessions) -> None:
    session = sessions.start(allow_self=False)
    with pytest.raises(PortLinkerError) as caught:
        await session.end()
    assert caught.value.code == "PL-TARGET-SELF"
    assert not any(isinstance(event, ServiceEvent) for event in session.front.events)
    assert session.state() == {}


async def test_a_first_attempt_that_fails_says_why_and_frees_the_target(
    sessions: Sessions,
) -> None:
    for _ in range(2):  # the second one finds no lock
        session = sessions.start(target="exec:false")
        with pytest.raises(PortLinkerError) as caught:
            await session.end()
        assert caught.value.code != "PL-SESSION-RUNNING"
        assert session.front.states() == ["connecting", "closed"]


async def test_a_fault_of_ours_while_connecting_is_no_endless_wait(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> Any:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(OPEN_CHANNEL, fail)
    with pytest.raises(PortLinkerError, match="Too many open files"):
        await sessions.start().end()


async def test_a_screen_that_breaks_ends_the_session_and_is_heard_of(sessions: Sessions) -> None:
    session = sessions.start()
    await session.up()
    session.front.break_down()
    with pytest.raises(RuntimeError, match="the screen broke"):
        await session.end()
    assert session.state() == {}


async def test_a_full_disk_costs_only_the_way_back_after_a_crash(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("port_linker.session.state_file.os.pwrite", full)
    session = sessions.start()
    await session.up()
    assert session.logged("No space left")
    session.front.leave()
    assert await session.end() == 0


async def test_a_state_folder_that_cannot_be_is_one_sentence(sessions: Sessions) -> None:
    (sessions.folder / "state").write_text("a file")
    with pytest.raises(PortLinkerError) as caught:
        await sessions.start().end()
    assert caught.value.code == "PL-STATE-DIR"


async def test_a_malformed_message_ends_the_link_and_not_the_session(sessions: Sessions) -> None:
    session = sessions.start()
    await session.up()
    session.runner._contact.on_control({"t": "facts", "uid": float("inf")})
    began = session.front.states().index("up") + 1
    await until(lambda: session.front.states()[began:] == ["outage", "reattached", "up"], START_S)
    await session.up()


async def test_what_the_agent_says_waits_while_the_binder_is_behind(sessions: Sessions) -> None:
    session = sessions.start()
    await session.up()
    assert session.runner._contact.link._engine.is_behind == session.runner._binder.is_behind


async def test_a_machine_that_slept_looks_at_its_link_at_once(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sessions.start()
    await session.up()
    pings: list[None] = []
    ping = session.runner._contact.link.ping

    def note() -> None:
        pings.append(None)
        ping()

    monkeypatch.setattr(session.runner._contact.link, "ping", note)
    real, ahead = clock.boottime_s, 3600.0
    monkeypatch.setattr(clock, "boottime_s", lambda: real() + ahead)
    await until(lambda: session.runner._contact.machine._deadline is not None and pings)
    assert session.runner._contact.machine.is_up


async def test_a_change_of_the_network_is_told_to_the_machine(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    class FakeRoutes:
        def __init__(self, on_change: Any) -> None:
            told.append(on_change)

        def close(self) -> None:
            told.append("closed")

    monkeypatch.setattr("port_linker.session.runner.RouteWatcher", FakeRoutes)
    session = sessions.start()
    await session.up()
    told[0]()
    assert session.runner._contact.machine.is_up
    session.front.leave()
    assert await session.end() == 0
    assert told[1:] == ["closed"]


async def test_a_port_that_is_held_here_is_a_conflict(sessions: Sessions) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", sessions.port))
        holder.listen()
        session = sessions.start()
        await until(
            lambda: any(
                isinstance(e, ServiceEvent) and e.reason is not None for e in session.front.events
            ),
            START_S,
        )
