"""A sidecar is started, asked, heard, and its end noticed, however it misbehaves."""

from __future__ import annotations

import logging
import os
import pathlib
import signal
import socket

import pytest

from port_linker.link import control, reports, sidecar
from port_linker.link.door import Pass, enter_door
from port_linker.link.faults import SidecarFailed
from port_linker.link.relay import Relay
from tests.fakes.tunnel import Heard, write_fake


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def test_it_is_asked_and_answers(tmp_path: pathlib.Path, heard: Heard) -> None:
    it = heard.start(write_fake(str(tmp_path)))
    await it.greet()
    assert it.version == "0.0.1"
    listening = await it.ask(control.Start(control.ROLE_HOST), reports.Listening)
    assert listening.port > 0
    assert (await it.ask(control.AskStats(), reports.Stats)).connection is None
    await it.shut()
    assert not it.is_running
    with pytest.raises(ProcessLookupError):
        os.kill(it.pid, 0)


async def test_descriptors_travel_with_their_line(tmp_path: pathlib.Path, heard: Heard) -> None:
    it = heard.start(write_fake(str(tmp_path)))
    await it.greet()
    with socket.create_server(("127.0.0.1", 0)) as server:
        adopt = control.Adopt(7, "tcp/127.0.0.1:80")
        answer = await it.ask(adopt, reports.Adopted, [server.fileno()])
    assert answer == reports.Adopted(7)
    await it.shut()


async def test_a_late_answer_is_not_taken_for_the_next_one(
    tmp_path: pathlib.Path, heard: Heard
) -> None:
    it = heard.start(write_fake(str(tmp_path)))
    await it.greet()
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.kill(it.pid, signal.SIGSTOP)
        late, next_one = (control.Adopt(number, "tcp/127.0.0.1:80") for number in (7, 8))
        with pytest.raises(SidecarFailed, match="does not answer"):
            await it.ask(late, reports.Adopted, [server.fileno()], limit_s=0.01)
        os.kill(it.pid, signal.SIGCONT)
        answer = await it.ask(next_one, reports.Adopted, [server.fileno()])
        assert answer == reports.Adopted(8)
    assert heard.events.empty()
    await it.shut()


async def test_an_error_is_raised_by_its_code(tmp_path: pathlib.Path, heard: Heard) -> None:
    it = heard.start(write_fake(str(tmp_path), "no-port"))
    await it.greet()
    with pytest.raises(SidecarFailed, match="no UDP port") as raised:
        await it.ask(control.Start(control.ROLE_TARGET, "127.0.0.1"), reports.Listening)
    assert raised.value.fault == "no-udp-port"
    await it.shut()


async def test_another_version_is_refused(tmp_path: pathlib.Path, heard: Heard) -> None:
    it = heard.start(write_fake(str(tmp_path), "old"))
    with pytest.raises(SidecarFailed, match="another version"):
        await it.greet()
    await it.shut()


async def test_one_that_says_nothing_is_given_up(
    tmp_path: pathlib.Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecar, "READY_S", 0.2)
    it = heard.start(write_fake(str(tmp_path), "mute"))
    with pytest.raises(SidecarFailed, match="does not answer"):
        await it.greet()
    await it.shut()  # it takes no notice of its socket, and is killed


async def test_its_end_is_noticed_and_its_last_words_are_kept(
    tmp_path: pathlib.Path, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    it = heard.start(write_fake(str(tmp_path), "panics"))
    assert "ended by itself" in await heard.end()
    assert any("panicked" in str(vars(record).get("stderr")) for record in caplog.records)
    assert all(record.levelno < logging.WARNING for record in caplog.records)
    with pytest.raises(SidecarFailed, match="has ended"):
        await it.send(control.Rebind())
    await it.shut()


async def test_who_waits_hears_of_a_kill(tmp_path: pathlib.Path, heard: Heard) -> None:
    it = heard.start(write_fake(str(tmp_path)))
    await it.greet()
    os.kill(it.pid, signal.SIGSTOP)
    asking = it.ask(control.AskStats(), reports.Stats)
    os.kill(it.pid, signal.SIGKILL)
    with pytest.raises(SidecarFailed):
        await asking
    await heard.end()
    await it.shut()


async def test_its_log_lands_in_ours(
    tmp_path: pathlib.Path, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    it = heard.start(write_fake(str(tmp_path)))
    await it.greet()
    await it.send(control.Rebind())
    await it.ask(control.AskStats(), reports.Stats)
    assert "sidecar: rebound" in caplog.messages
    await it.shut()
    assert heard.ends.empty(), "an end that we asked for is no news"


async def test_what_does_not_exist_does_not_start(heard: Heard) -> None:
    with pytest.raises(SidecarFailed, match="does not start"):
        heard.start("/nowhere/at-all")


def no_descriptor(*_: object) -> None:
    raise OSError(24, "Too many open files")


async def test_without_a_descriptor_it_is_a_failure_like_any_other(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An OSError would end the session's search for QUIC for good, with a traceback in the log."""
    monkeypatch.setattr(socket, "socketpair", no_descriptor)
    with pytest.raises(SidecarFailed, match="does not start: Too many open files"):
        heard.start("/bin/true")
    with pytest.raises(SidecarFailed, match="no stream to the agent: Too many open files"):
        await enter_door(None, Pass("t", "h", "1", bytes(16)))  # type: ignore[arg-type]
    relay = Relay(lambda _: True)
    await relay.lay(None, True)  # type: ignore[arg-type]
    assert not relay.is_open
