"""Which of the two pipes the contact is about: what the carried one says is not ssh's."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from port_linker.cause import cause_of
from port_linker.errors import AuthError, UnreachableError
from port_linker.session import contact as contact_module
from port_linker.session import inputs
from port_linker.session.contact import Contact
from port_linker.ssh.target import parse_target


class Fake:
    """Takes any call and notes its name."""

    is_active = is_up = False

    def __init__(self, **values: Any) -> None:
        self.calls: list[str] = []
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        return lambda *_words: self.calls.append(name)


class Scene:
    """A contact whose connector, link and carrier are fakes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reports: list[Any] = []
        self.stdio: list[bool] = []
        self.looks: list[Any] = []
        self.connector = Fake()
        self.link = Fake(received_bytes=0)
        self.carrier = Fake(look=self.looks.append)
        self.way: Any = None
        keeper: Any = SimpleNamespace(make_pass=None, plan_connect=lambda _resume: None)
        monkeypatch.setattr(contact_module, "Connector", lambda *_: self.connector)
        monkeypatch.setattr(contact_module, "MuxLink", lambda *_: self.link)
        monkeypatch.setattr(contact_module, "Carrier", lambda *_: self.carrier)
        owner: Any = self
        self.contact = Contact(parse_target("dev1"), "me", keeper, lambda _: None, owner)

    def on_report(self, command: Any) -> None:
        self.reports.append(command)

    def on_stdio(self, is_up: bool, _resumes: bool) -> None:
        self.stdio.append(is_up)

    def on_carried(self) -> None: ...

    def on_round_trip(self, _rtt_s: float) -> None: ...

    def lose_ssh(self) -> None:
        channel: Any = SimpleNamespace(sock=SimpleNamespace(fileno=lambda: 7), sync=b"")
        self.contact.handle(inputs.Begun())
        self.contact.on_channel_opened(channel)
        self.contact.on_attached(resumes=False)
        self.contact.on_link_lost("the cable")


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


async def test_quic_is_asked_to_carry_the_link_once_ssh_is_gone(scene: Scene) -> None:
    scene.way = "a sidecar"
    scene.lose_ssh()
    assert scene.stdio == [True, False]
    assert scene.looks[0] is None  # while ssh was there
    assert scene.looks[-1] == "a sidecar"


async def test_what_the_carried_link_says_is_not_about_ssh(scene: Scene) -> None:
    scene.lose_ssh()
    scene.carrier.is_active = scene.carrier.is_up = True
    scene.link.calls.clear()
    scene.carrier.calls.clear()
    scene.contact.on_attached(resumes=True)
    scene.contact.on_round_trip(0.1)
    scene.contact.on_link_lost("the flow ended")
    assert scene.carrier.calls == ["attached", "heard", "lost"]
    assert scene.stdio == [True, False]  # QUIC gets no path of last resort over itself
    scene.contact.handle(inputs.RetryAsked())
    assert scene.link.calls == []  # the pipe is the carrier's


async def test_who_waits_for_a_login_is_let_go_however_it_ends(scene: Scene) -> None:
    scene.lose_ssh()
    scene.contact.on_channel_failed(AuthError("refused"))
    login = asyncio.ensure_future(scene.contact.login())
    await asyncio.sleep(0)
    assert not login.done()
    scene.contact.on_channel_failed(UnreachableError("no way"))
    await asyncio.wait_for(login, 5)
    assert scene.reports[-1] == inputs.ReportOutage(cause_of(UnreachableError("no way")), None)
