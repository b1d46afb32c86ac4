"""What is remembered can be seen and forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from port_linker.cli.main import main
from port_linker.ports.os.remaps import write_remaps
from port_linker.ssh.target import parse_target


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["config", *words])
    return code, capsys.readouterr().out


def test_nothing_is_remembered_at_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "remembered") == (0, "nothing is remembered\n")


def test_all_targets_are_listed_and_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    write_remaps("dev2", {"tcp/0.0.0.0:80": 18080})
    write_remaps("dev1", {"tcp/0.0.0.0:80": 8080})
    told = "dev1  tcp/0.0.0.0:80 is 8080 here\ndev2  tcp/0.0.0.0:80 is 18080 here\n"
    assert run(capsys, "remembered") == (0, told)
    _, lines = run(capsys, "remembered", "--json")
    assert json.loads(lines.splitlines()[0]) == {
        "target": "dev1",
        "service": "tcp/0.0.0.0:80",
        "port": 8080,
        "forgotten": False,
    }
    _, forgotten = run(capsys, "remembered", "--forget")
    assert forgotten.startswith("forgotten: dev1")
    assert run(capsys, "remembered") == (0, "nothing is remembered\n")


@pytest.mark.parametrize("words", [("dev1", "--forget"), ("--forget", "dev1")])
def test_one_target_is_forgotten_by_its_name(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    for host, port in (("dev1", 8080), ("dev2", 18080)):
        target = parse_target(host)
        write_remaps(target.key, {"tcp/0.0.0.0:80": port}, names=(target.typed,))
    both = "dev1  tcp/0.0.0.0:80 is 8080 here\ndev2  tcp/0.0.0.0:80 is 18080 here\n"
    assert run(capsys, "remembered") == (0, both)
    told = "forgotten: dev1  tcp/0.0.0.0:80 is 8080 here\n"
    assert run(capsys, "remembered", *words) == (0, told)
    assert run(capsys, "remembered", *words) == (0, "nothing is remembered of dev1\n")
    assert run(capsys, "remembered") == (0, "dev2  tcp/0.0.0.0:80 is 18080 here\n")


@pytest.mark.parametrize("words", [(), ("remembers",)])
def test_other_words_are_no_surprise(capsys: pytest.CaptureFixture[str], words: tuple[str]) -> None:
    assert main(["config", *words]) == 2
    assert "remembered" in capsys.readouterr().err
