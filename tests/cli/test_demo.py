"""The demo is given the front end that fits the streams."""

from __future__ import annotations

from typing import Any

import pytest

from port_linker.cli import demo
from port_linker.cli.args import Settings, Surroundings
from port_linker.demo.main import DemoOptions

TERMINAL = Surroundings(
    stdin_is_terminal=True, stdout_is_terminal=True, stderr_is_terminal=True, term="xterm"
)


@pytest.mark.parametrize(
    ("settings", "around", "expected"),
    [
        (Settings("demo"), Surroundings(), DemoOptions()),
        (Settings("demo", once=True), TERMINAL, DemoOptions(once=True)),
        (Settings("demo", json=True), TERMINAL, DemoOptions(as_json=True)),
        (
            Settings("demo", verbose=2, log_file="x", plain=True),
            TERMINAL,
            DemoOptions(verbosity=2, log_file="x", log_to_stderr=True),
        ),
        (Settings("demo", verbose=1), TERMINAL, DemoOptions(verbosity=1)),
    ],
)
def test_options_and_front_end(
    settings: Settings,
    around: Surroundings,
    expected: DemoOptions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []

    async def play(options: DemoOptions, open_ordinary: Any) -> int:
        seen.append(options)
        open_ordinary()
        return 5

    def open_front(settings: Settings, around: Surroundings) -> None:
        seen.append(settings.host)

    monkeypatch.setattr(demo, "play_demo", play)
    monkeypatch.setattr(demo, "open_front", open_front)
    monkeypatch.setattr(demo, "look_around", lambda settings: around)
    assert demo.run_demo(settings) == 5
    assert seen == [expected, "demo"]
