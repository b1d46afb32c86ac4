"""Killed without QUIC: what was cut short must not look complete, on either side."""

from __future__ import annotations

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.probe import exchange, kill, read_digest, the_agent
from tests.lab.services import Reader, Services, Writer
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab
SIZE = 100_000_000


def test_a_killed_program_resets_its_local_clients(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    services.tcp(kinds.source, 7002)
    services.tcp(kinds.echo, 7001)
    program = start(lab, "target", "--link", "stdio")
    program.wait_service(7002)
    program.wait_service(7001)
    with lab.connect(7002, timeout_s=20) as busy, lab.connect(7001) as idle:
        busy.sendall(f"{SIZE}\n".encode())
        assert busy.recv(1)
        assert exchange(idle, b"x") == b"x"
        kill([program.process.pid])
        with pytest.raises(ConnectionResetError):
            read_digest(busy)
        with pytest.raises(ConnectionResetError):
            idle.recv(1)


def test_a_killed_agent_resets_its_connections_to_services(
    lab: TwoHosts, services: Services, start: Start
) -> None:
    ends: list[str] = []

    async def note_the_end(reader: Reader, writer: Writer) -> None:
        writer.write(b"!")
        try:
            await reader.read()
            ends.append("FIN")
        except ConnectionResetError:
            ends.append("RST")

    services.tcp(note_the_end, 7001)
    program = start(lab, "target", "--link", "stdio")
    program.wait_service(7001)
    with lab.connect(7001) as sock:
        assert sock.recv(1) == b"!"
        kill([the_agent(lab)])
        wait_until(lambda: ends, "the service learns of it")
        assert ends == ["RST"]
