"""What the agent says, and whom it concerns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from port_linker.errors import PortLinkerError, ProtocolError, TargetError
from port_linker.model import Proto, Service, ServiceId
from port_linker.ports import events as port_events
from port_linker.protocol.messages import Facts, encode_changes
from port_linker.session.events import LogEvent, SessionEvent
from port_linker.session.news import AgentNews
from port_linker.session.reporter import Reporter

FACTS = Facts(7, "ann", "dev1", "boot", "net", (40000, 50000), 22, "3.9.2", "sock_diag", 9, 1.0)
SERVICE = Service(ServiceId(Proto.TCP, "127.0.0.1", 80), uid=0)


class Scene:
    """News between fakes of those whom it concerns."""

    def __init__(self, refusal: PortLinkerError | None = None) -> None:
        self.events: list[SessionEvent] = []
        self.bound: list[Any] = []
        self.quic: list[Any] = []
        self.refused: list[PortLinkerError] = []
        binder: Any = SimpleNamespace(handle=self.bound.append)
        quic: Any = SimpleNamespace(on_control=self.quic.append)
        reporter = Reporter("dev1", self.events.append)
        self.news = AgentNews(
            binder, quic, reporter, [lambda _: None, lambda _: refusal], self.refused.append
        )


def test_facts_tell_the_binder_for_which_target_flows_move() -> None:
    scene = Scene()
    scene.news.tell_link_up()
    assert scene.bound == []  # nothing is known yet
    scene.news.take(FACTS.to_json())
    (up,) = scene.bound
    assert isinstance(up, port_events.LinkUp)
    assert (up.target.login_uid, up.target.ephemeral, up.target.ssh_port) == (7, (40000, 50000), 22)
    scene.news.tell_link_up()
    assert len(scene.bound) == 2


def test_the_same_facts_again_are_no_news() -> None:
    scene = Scene()
    for _ in range(3):
        scene.news.take(FACTS.to_json())
    assert len(scene.bound) == 1
    scene.news.take({**FACTS.to_json(), "ssh_port": 2222})
    assert len(scene.bound) == 2


def test_many_services_reach_the_binder_in_parts() -> None:
    scene = Scene()
    many = [Service(ServiceId(Proto.TCP, "127.0.0.1", port), uid=0) for port in range(1, 121)]
    for message in encode_changes(many, [], [], is_full=True) + encode_changes([], many, []):
        scene.news.take(message)
    assert [len(event.appeared) for event in scene.bound] == [50, 50, 20, 0, 0, 0]
    assert [len(event.changed) for event in scene.bound] == [0, 0, 0, 50, 50, 20]
    assert [event.is_complete for event in scene.bound] == [True, *[False] * 5]


def test_a_target_that_is_refused_is_not_bound() -> None:
    scene = Scene(refusal := TargetError("this machine"))
    scene.news.take(FACTS.to_json())
    scene.news.tell_link_up()
    assert scene.refused == [refusal]
    assert scene.bound == []


def test_services_reach_the_binder_and_quic_its_own() -> None:
    scene = Scene()
    (message,) = encode_changes([SERVICE], [], [], is_full=True)
    scene.news.take(message)
    scene.news.take({"t": "quic-refused", "reason": "x"})
    (changed,) = scene.bound
    assert changed == port_events.ServicesChanged((SERVICE,), (), (), is_complete=True)
    assert [row["t"] for row in scene.quic] == ["quic-refused"]


def test_the_agents_warnings_are_shown() -> None:
    scene = Scene()
    scene.news.take({"t": "log", "level": "warning", "message": "the disk\x1b is full"})
    (event,) = scene.events
    assert isinstance(event, LogEvent)
    assert (event.side, event.message) == ("agent", "the disk\ufffd is full")


@pytest.mark.parametrize("message", [{}, {"t": 1}, {"t": "weather"}])
def test_what_is_unknown_is_ignored(message: dict[str, Any]) -> None:
    scene = Scene()
    scene.news.take(message)
    assert scene.bound == scene.events == []


@pytest.mark.parametrize("message", [{"t": "facts"}, {"t": "services", "appeared": [1]}])
def test_what_is_malformed_is_the_one_error(message: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        Scene().news.take(message)
