"""Connecting to one of several addresses without blocking."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct

import pytest

from port_linker.agent import dialer as dialer_module
from port_linker.agent.dialer import Dialer, explain_dial
from tests.fakes.waiting import WAIT_S


class Outcome:
    """What a dialer called back with."""

    def __init__(self) -> None:
        self.result: asyncio.Future[socket.socket | str] = (
            asyncio.get_running_loop().create_future()
        )

    async def of(self, *addresses: tuple[str, int]) -> socket.socket | str:
        Dialer(list(addresses), self.result.set_result, self.result.set_result).start()
        async with asyncio.timeout(WAIT_S):
            return await self.result


def free_the_backlog(server: socket.socket) -> None:
    server.accept()[0].close()


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_the_first_address_that_answers_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sock = await Outcome().of(("::1", closed_port()), ("127.0.0.1", port))
        assert isinstance(sock, socket.socket)
        assert sock.getpeername() == ("127.0.0.1", port)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        lingers = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert lingers == struct.pack("ii", 1, 0)  # the kernel resets what a killed agent held
        sock.close()


async def test_a_closed_port_is_refused() -> None:
    assert await Outcome().of(("127.0.0.1", closed_port())) == "refused"


async def test_a_service_that_opens_its_port_anew_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as before:
        address = before.getsockname()
    outcome = Outcome()
    Dialer([address], outcome.result.set_result, outcome.result.set_result).start()
    assert not outcome.result.done()
    with socket.create_server(address):
        async with asyncio.timeout(WAIT_S):
            sock = await outcome.result
        assert isinstance(sock, socket.socket)
        sock.close()


async def test_a_dial_that_is_given_up_is_not_made_again() -> None:
    address = ("127.0.0.1", closed_port())
    outcome = Outcome()
    dialer = Dialer([address], outcome.result.set_result, outcome.result.set_result)
    dialer.start()
    dialer.close()
    assert await Outcome().of(address) == "refused"  # the last of its pauses is behind us
    assert not outcome.result.done()


async def test_what_cannot_be_reached_says_why() -> None:
    assert await Outcome().of(("fe80::1", 80)) == "EINVAL"  # without a scope
    assert await Outcome().of() == "refused"


async def test_a_full_backlog_is_waited_for_and_then_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialer_module, "DIAL_TIMEOUT_S", 0.05)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        full = [socket.create_connection(server.getsockname())]
        assert await Outcome().of(server.getsockname()) == "timed out"
        for sock in full:
            sock.close()


async def test_an_answer_that_comes_later_is_taken() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        first = socket.create_connection(server.getsockname())
        outcome = Outcome()
        asyncio.get_running_loop().call_soon(free_the_backlog, server)
        sock = await outcome.of(server.getsockname())  # the SYN is sent again after a second
        assert isinstance(sock, socket.socket)
        sock.close()
        first.close()


async def test_an_error_that_comes_later_leads_to_the_next_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialer_module, "_answer_so_far", lambda _: errno.EINPROGRESS)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = await Outcome().of(("127.0.0.1", closed_port()), server.getsockname())
        assert isinstance(found, socket.socket)
        found.close()


async def test_without_a_descriptor_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(dialer_module, "open_socket", fail)
    assert await Outcome().of(("127.0.0.1", 80)) == "no descriptors left on the target"


async def test_a_dial_that_is_given_up_calls_nobody() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        first = socket.create_connection(server.getsockname())
        outcome = Outcome()
        dialer = Dialer(
            [server.getsockname()] * 2, outcome.result.set_result, outcome.result.set_result
        )
        dialer.start()
        dialer.close()
        dialer.close()
        await asyncio.sleep(0)
        assert not outcome.result.done()
        first.close()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (errno.ECONNREFUSED, "refused"),
        (errno.ENFILE, "no descriptors left on the target"),
        (errno.EHOSTUNREACH, "EHOSTUNREACH"),
        (None, "refused"),
    ],
)
def test_reasons_are_a_word_or_two(code: int | None, text: str) -> None:
    assert explain_dial(code) == text


async def test_what_must_not_be_dialled_is_passed_over_and_its_reason_kept() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = server.getsockname()
        result = Outcome().result
        Dialer([here], result.set_result, result.set_result, lambda _: "refused: no").start()
        assert await result == "refused: no"
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
        foreign = ("127.0.0.1", closed_port())
        reasons = {foreign: "refused: no"}
        result = Outcome().result
        Dialer([foreign, here], result.set_result, result.set_result, reasons.get).start()
        sock = await result
        assert isinstance(sock, socket.socket)
        sock.close()
