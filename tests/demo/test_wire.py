"""The UDP path into a private network: a real network, entered by a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from port_linker.demo import wire
from port_linker.demo.free import hold_ports
from port_linker.demo.wire import LOOPBACK, Wire

ECHO_BEHIND_WIRE = """
import asyncio, socket, sys
from port_linker.demo.namespace import enter_private_network
from port_linker.demo.wire import LOOPBACK, Wire
port = int(sys.argv[1])
wire = Wire(port)
enter_private_network()
async def main():
    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.bind((LOOPBACK, port))
    echo.setblocking(False)
    loop = asyncio.get_running_loop()
    def answer():
        data, client = echo.recvfrom(65535)
        echo.sendto(data, client)
    loop.add_reader(echo, answer)
    wire.open()
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    wire.close()
asyncio.run(main())
"""


@pytest.mark.lab
def test_clients_reach_the_same_port_inside() -> None:
    held = hold_ports(1)
    (port,) = held.ports
    command = [sys.executable, "-P", "-c", ECHO_BEHIND_WIRE, str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as inside:
        assert inside.stdout is not None
        assert inside.stdout.readline() == b"ready\n"
        for size in (0, 1, 1200, 60_000):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(5)
                client.connect((LOOPBACK, port))
                client.send(bytes(size))
                assert client.recv(65_535) == bytes(size)
        inside.communicate(timeout=5)
        assert inside.returncode == 0
    held.close()


async def test_clients_are_few_and_the_oldest_goes() -> None:
    held = hold_ports(1)
    made = Wire(held.ports[0])
    made.open()
    clients = [(LOOPBACK, port) for port in range(1, 20)]
    first = made._inside(clients[0])
    for client in clients[1:]:
        assert made._inside(client) is made._inside(client)
    assert list(made._clients) == clients[-wire.MAX_CLIENTS :]
    assert first.fileno() == -1
    made.close()
    held.close()


def test_a_taken_port_is_an_error() -> None:
    held = hold_ports(1)
    made = Wire(held.ports[0])
    with pytest.raises(OSError, match="in use"):
        Wire(held.ports[0])
    made.close()
    held.close()
