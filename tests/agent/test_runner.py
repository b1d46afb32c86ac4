"""The agent as a whole: real services, a host's link, attachers that come and go."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from port_linker.agent import runner as agent_runner
from port_linker.agent.watch import Watcher
from port_linker.mux import outbox
from tests.fakes.agent_rig import AGENT_ID, AgentRig, HostEnd
from tests.fakes.waiting import WAIT_S, until


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AgentRig]:
    made = AgentRig(tmp_path, monkeypatch)
    yield made
    await made.close()


@pytest.fixture
async def host() -> AsyncIterator[HostEnd]:
    made = HostEnd()
    yield made
    await made.close()


@pytest.fixture
async def service() -> AsyncIterator[str]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.77.3.1", 0)
    yield f"tcp/127.77.3.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_a_service_is_found_and_reached_at_its_own_address(
    rig: AgentRig, host: HostEnd, service: str
) -> None:
    rig.start()
    assert not await rig.attach(host)
    await until(lambda: host.knows(service))
    (facts,) = host.told("facts")
    assert facts["pid"] == os.getpid()
    reader, writer = await asyncio.open_connection(*host.mirror(service))
    writer.write(b"through")
    async with asyncio.timeout(WAIT_S):
        assert await reader.readexactly(7) == b"through"
    writer.close()


async def test_udp_is_carried_and_what_is_no_service_is_refused(
    rig: AgentRig, host: HostEnd
) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.77.3.2", 0))
        server.setblocking(False)
        key = f"udp/127.77.3.2:{server.getsockname()[1]}"
        rig.start()
        await rig.attach(host)
        await until(lambda: host.knows(key))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.sendto(b"ask", host.mirror(key))
            async with asyncio.timeout(WAIT_S):
                data, peer = await loop.sock_recvfrom(server, 100)
                server.sendto(data + b"!", peer)
                assert await loop.sock_recv(client, 100) == b"ask!"
    with pytest.raises(ConnectionResetError):  # noqa: PT012 - the reset may meet either call
        reader, _ = await asyncio.open_connection(*host.mirror("tcp/127.77.3.2:1"))
        await reader.readexactly(1)


async def test_flows_go_on_over_a_new_channel(rig: AgentRig, host: HostEnd, service: str) -> None:
    rig.start()
    await rig.attach(host)
    await until(lambda: host.knows(service))
    reader, writer = await asyncio.open_connection(*host.mirror(service))
    writer.write(b"a")
    assert await reader.readexactly(1) == b"a"
    host.cut()
    assert await rig.read_line(rig.control) == {"bye": "closed"}
    assert await rig.attach(host, await rig.knock())
    writer.write(b"b")
    async with asyncio.timeout(WAIT_S):
        assert await reader.readexactly(1) == b"b"
    writer.close()


async def test_another_host_takes_over_and_the_old_ones_flows_end(
    rig: AgentRig, host: HostEnd, service: str
) -> None:
    rig.start()
    await rig.attach(host)
    await until(lambda: host.knows(service))
    reader, writer = await asyncio.open_connection(*host.mirror(service))
    writer.write(b"a")
    assert await reader.readexactly(1) == b"a"
    other = HostEnd("host-2")
    assert not await rig.attach(other, await rig.knock())
    assert await rig.read_line(rig.control) == {"bye": "moved"}
    await until(lambda: other.knows(service))  # it is told everything, not the difference
    assert rig.runner is not None
    assert rig.runner._flows.traffic.flows_open == 0
    await other.close()
    writer.close()


async def test_a_goodbye_ends_the_agent_and_its_socket(rig: AgentRig, host: HostEnd) -> None:
    rig.start()
    await rig.attach(host)
    assert os.stat(rig.address).st_mode & 0o777 == 0o600
    host.link.send_control({"t": "bye"})
    assert await rig.read_line(rig.control) == {"bye": "closed"}
    await rig.wait_ended()
    assert os.path.basename(rig.address) not in os.listdir(os.path.dirname(rig.address))


async def test_an_agent_whose_first_attacher_is_refused_does_not_stay(rig: AgentRig) -> None:
    rig.start()
    rig.offer(rig.control, token="wrong")
    assert await rig.read_line(rig.control) == {"refused": "token"}
    await rig.wait_ended()


async def test_an_agent_without_word_ends_with_its_lease(
    rig: AgentRig, host: HostEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_runner, "TICK_S", 0.01)
    rig.start(lease=(60.0, 0.2))
    await rig.attach(host)
    assert await rig.read_line(rig.control) == {"bye": "lease"}
    await rig.wait_ended()


async def test_a_word_of_the_host_renews_the_lease(
    rig: AgentRig, host: HostEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(agent_runner, "TICK_S", 0.005)
    monkeypatch.setattr("port_linker.clock.boottime_s", lambda: now[0])
    rig.start(lease=(60.0, 5.0))
    await rig.attach(host)
    assert rig.runner is not None
    lease = rig.runner._machine.lease
    now[0] += 4.0
    host.link.ping()
    await until(lambda: lease.ends_at(0) == now[0] + 5.0)
    now[0] += 4.0
    host.link.ping()
    await until(lambda: lease.ends_at(0) == now[0] + 5.0)
    task = rig.task
    assert task is not None

    def later() -> bool:
        now[0] += 6.0  # again and again: the host's last word may still be under way
        return task.done()

    await until(later)
    await rig.wait_ended()


async def test_logs_travel_whoever_writes_them_and_wait_for_the_host(
    rig: AgentRig, host: HostEnd
) -> None:
    rig.start()
    await asyncio.sleep(0)  # the agent takes the log when it runs
    logger = logging.getLogger("port_linker.test")
    logger.warning("before", extra={"odd": object(), "count": 3})
    await rig.attach(host)
    thread = threading.Thread(target=logger.warning, args=("from a thread",))
    thread.start()
    await until(lambda: any(row["message"] == "from a thread" for row in host.told("log")))
    thread.join()
    before = next(row for row in host.told("log") if row["message"] == "before")
    assert before["fields"]["count"] == 3
    assert before["fields"]["odd"].startswith("<object")


async def test_a_hello_of_another_version_closes_the_channel(
    rig: AgentRig, host: HostEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.start()
    host.connect(rig.offer(rig.control))
    host.link._engine.machine.outbox._fleeting.clear()
    host.link._engine.machine.send_hello({"v": 99})
    assert "attached" in (await rig.read_line(rig.control) or {})
    async with asyncio.timeout(WAIT_S):
        assert await host.lost.get()
    assert await rig.read_line(rig.control) == {"bye": "closed"}


async def test_a_host_that_breaks_the_protocol_begins_anew(
    rig: AgentRig, host: HostEnd, service: str
) -> None:
    rig.start()
    await rig.attach(host)
    await until(lambda: host.knows(service))
    host.link._engine.machine.outbox.put_fleeting(0x41, b"short")  # an ACK is eight bytes
    host.link._engine.flush()
    assert await rig.read_line(rig.control) == {"bye": "closed"}
    host.controls.clear()
    assert not await rig.attach(host, await rig.knock())
    await until(lambda: host.knows(service))


async def test_a_file_is_no_channel_and_costs_the_agent_nothing(
    rig: AgentRig, host: HostEnd, tmp_path: Path
) -> None:
    rig.start()
    path = tmp_path / "file"
    path.write_text("")
    line = b'{"attach": {"token": "%s", "sync": "%s", "host": "h"}}\n' % (
        b"70cce4" * 8,
        b"ab" * 16,
    )
    with path.open() as file:
        socket.send_fds(rig.control, [line], [file.fileno(), file.fileno()])
    assert "attached" in (await rig.read_line(rig.control) or {})
    assert await rig.read_line(rig.control) == {"bye": "closed"}
    assert not await rig.attach(host, await rig.knock())


async def test_news_wait_for_a_host_that_does_not_read(
    rig: AgentRig, host: HostEnd, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "CHOKED_AT", 0)
    rig.start()
    await rig.attach(host)
    assert rig.runner is not None
    runner = rig.runner
    await until(lambda: runner._scanner.cost_s > 0)
    assert host.controls == []
    monkeypatch.undo()
    runner._watcher._kick.set()
    await until(lambda: host.knows(service))


async def test_without_a_place_for_its_socket_it_takes_an_abstract_one(
    rig: AgentRig, host: HostEnd
) -> None:
    names = [f"@port-linker-{os.geteuid()}-{AGENT_ID}{end}" for end in ("", "-spare")]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as squatter:
        squatter.bind("\0" + names[0][1:])  # any user may
        rig.start(sockets=["/proc/nowhere/agent.sock", *names])
        await rig.attach(host)
        host.cut()
        rig.address = names[1]
        assert await rig.attach(host, await rig.knock())


async def test_without_any_socket_it_serves_its_first_channel(rig: AgentRig, host: HostEnd) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as taken:
        taken.bind(f"\0port-linker-{os.geteuid()}-{AGENT_ID}")
        rig.start(sockets=["/proc/nowhere/agent.sock", f"@port-linker-{os.geteuid()}-{AGENT_ID}"])
        assert not await rig.attach(host)


async def test_a_blind_agent_ends_without_a_goodbye_so_that_another_is_started(
    rig: AgentRig, host: HostEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Watcher, "_scan", fail)
    rig.start()
    await rig.attach(host)
    assert await rig.read_line(rig.control) is None
    with pytest.raises(RuntimeError, match="a fault of ours"):
        await rig.wait_ended()


async def test_the_doctor_is_answered(rig: AgentRig, host: HostEnd) -> None:
    rig.start()
    await rig.attach(host)
    host.link.send_control({"t": "probe", "id": 7})
    await until(lambda: host.told("probed"))
    assert host.told("probed")[0]["id"] == 7
