"""The way to the agent's own door."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from port_linker.link.door import Pass, enter_door
from port_linker.link.faults import SidecarFailed
from port_linker.link.sidecar import Sidecar

CARD = Pass("s3cret", "host-1", "0.1.0", bytes(range(16)))
COMMAND = [sys.executable, "-m", "tests.fakes.sidecar"]


async def test_the_agent_is_shown_the_token_and_the_start_of_the_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    sidecar = Sidecar(COMMAND, lambda _: None, lambda _: None)
    await sidecar.greet()
    sock = await enter_door(sidecar, CARD)
    async with asyncio.timeout(10):
        shown = await asyncio.get_running_loop().sock_recv(sock, 4096)
        assert json.loads(shown) == {
            "attach": {
                "token": "s3cret",
                "host": "host-1",
                "version": "0.1.0",
                "sync": bytes(range(16)).hex(),
                "carried": True,
            }
        }
        assert await asyncio.get_running_loop().sock_recv(sock, 4096) == b""
    sock.close()
    await sidecar.shut()
    with pytest.raises(SidecarFailed):
        await enter_door(sidecar, CARD)


def test_the_token_is_not_printed() -> None:
    assert "s3cret" not in repr(CARD)
