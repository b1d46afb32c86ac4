"""One attempt: what each side may do wrong ends it, and only it."""

from __future__ import annotations

import asyncio
import pathlib

import pytest

from port_linker.link import reports
from port_linker.link.faults import SidecarFailed
from port_linker.protocol import quic
from port_linker.session import introduce
from port_linker.session.introduce import AttemptConfig, QuicAttempt
from port_linker.tasks import start_task
from tests.fakes.quic_stage import QuicStage
from tests.fakes.tunnel import WAIT_S


class Trial(QuicStage):
    """An attempt without a session around it."""

    def begin(self) -> QuicAttempt:
        self.events: list[reports.Event | quic.QuicLife] = []
        config = AttemptConfig(1, 60)
        self.attempt = QuicAttempt(self.host_tunnel, self.link, config, self.events.append)
        return self.attempt

    def on_control(self, message: dict[str, object]) -> None:
        said = quic.parse_from_agent(message)
        assert said is not None
        self.attempt.take_message(said)

    async def connect_attempt(self) -> None:
        addresses = start_task(self._find(), "addresses")
        async with asyncio.timeout(WAIT_S):
            await self.attempt.connect(addresses)


async def test_the_executable_goes_there_once(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quic, "PART_BYTES", 10)
    async with Trial(tmp_path, monkeypatch) as trial:
        attempt = trial.begin()
        await trial.connect_attempt()
        assert attempt.address.startswith("127.0.0.1:")
        assert attempt.sent_bytes == len(trial.host_tunnel.packed) > 100
        watching = start_task(attempt.watch(lambda _stats, _there: None), "watch")
        await attempt.set_path(True)
        await attempt.set_path(False)
        await attempt.close()
        await asyncio.wait([watching])
        second = trial.begin()
        await trial.connect_attempt()
        assert second.sent_bytes == 0
        await second.close()


async def test_an_agent_that_says_nothing_is_given_up(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(introduce, "AGENT_S", 0.1)
    async with Trial(tmp_path, monkeypatch) as trial:
        trial.begin()
        monkeypatch.setattr(trial.agent, "on_control", lambda _message: None)
        with pytest.raises(SidecarFailed, match="does not answer about QUIC"):
            await trial.connect_attempt()
        await trial.attempt.close()


async def test_what_is_of_another_attempt_is_ignored(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Trial(tmp_path, monkeypatch) as trial:
        attempt = trial.begin()
        attempt.take_message(quic.QuicEnded(7, "long ago", is_final=True))
        attempt.take_message(quic.QuicNeed("00" * 32, 0))
        await trial.connect_attempt()
        assert not attempt.is_final
        await attempt.close()


async def test_each_piece_is_sent_once_however_often_it_is_asked_for(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quic, "PART_BYTES", 10)
    async with Trial(tmp_path, monkeypatch) as trial:
        attempt, sent = trial.begin(), list[object]()
        monkeypatch.setattr(trial.link, "send_control", sent.append)
        digest = trial.host_tunnel.facts.digest
        for at in (quic.MAX_EXECUTABLE_BYTES, 0, 0, len(trial.host_tunnel.packed), 0):
            attempt._send_parts(quic.QuicNeed(digest, at))
        assert len(sent) == quic.PARTS_AHEAD
        attempt._send_parts(quic.QuicNeed(digest, 10))
        assert len(sent) == quic.PARTS_AHEAD + 1
        await attempt.close()


async def test_a_final_no_is_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Trial(tmp_path, monkeypatch) as trial:
        attempt = trial.begin()
        trial.tunnel._ssh = ""
        with pytest.raises(SidecarFailed, match="not reached by ssh"):
            await trial.connect_attempt()
        assert attempt.is_final
        await attempt.close()


async def test_the_end_of_the_connection_ends_the_attempt(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Trial(tmp_path, monkeypatch) as trial:
        attempt = trial.begin()
        await trial.connect_attempt()
        attempt._take(reports.Quiet())
        attempt._take(reports.Closed("peer-shutdown", ""))
        assert trial.events == [reports.Quiet()]
        error = await attempt.watch(lambda _stats, _there: None)
        assert "has ended" in error.message
        await attempt.close()
