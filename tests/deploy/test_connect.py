"""open_agent_channel: the main way, directories, Pythons, and a fake ssh."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from port_linker.deploy import connect
from port_linker.deploy.bundle import pack_bundle
from port_linker.deploy.settings import (
    Progress,
    Stage,
    StageDone,
)
from port_linker.errors import UsageError
from port_linker.ssh.target import parse_target
from tests.deploy.channels import (
    Open,
    ask,
    fail,
    make_settings,
    read_command_lines,
    shell,
)
from tests.deploy.rig import FAKE, FAKE_SOURCES


async def test_a_cold_start_uploads_and_a_warm_one_does_not(opened: Open, home: Path) -> None:
    warm = [stage for stage in Stage if stage is not Stage.UPLOAD]
    for stages in (list(Stage), warm):
        done: list[Progress] = []
        channel = await opened(shell("exec sh"), on_progress=done.append)
        assert [item.stage for item in done if isinstance(item, StageDone)] == stages
        assert await ask(channel, b"hello") == b"hello"
        said = await ask(channel, b"!who\n")
        assert said == f"{channel.agent_pid} {channel.sync.hex()}\n".encode()
        assert not channel.resumed
        assert channel.report.os == "Linux"
        assert channel.plan is not None
        assert channel.plan.bases[0] == f"{home}/.cache"
    assert (home / ".cache/port-linker").stat().st_mode & 0o777 == 0o700


async def test_nothing_of_the_login_reaches_the_agent(opened: Open, tmp_path: Path) -> None:
    note = tmp_path / "note"
    settings = make_settings(version=json.dumps({"note": str(note)}))
    await opened(shell("exec 7</dev/zero; exec sh"), settings)
    begun = json.loads(note.read_text().splitlines()[0])
    assert begun["cwd"] == "/"
    assert begun["fds"][:2] == ["/dev/null", "/dev/null"]
    assert [fd.partition(":")[0] for fd in begun["fds"][2:]] == ["pipe", "socket"]


async def test_no_secret_stands_in_any_command_line(opened: Open) -> None:
    settings = make_settings()
    await opened(shell("exec sh"), settings)
    assert not any(settings.token.encode() in line for line in read_command_lines())


# Directories


async def test_a_read_only_home_leads_to_another_directory(
    opened: Open, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder there is one for all of this user's sessions: what is not ours in it stays."""
    ours = pack_bundle({**FAKE_SOURCES, "port_linker.ours": repr(str(home))})
    monkeypatch.setattr(connect, "build_bundle", lambda: ours)
    (home / ".cache").write_text("not a directory")
    settings = make_settings()
    channel = await opened(shell("unset XDG_RUNTIME_DIR; exec sh"), settings)
    assert channel.plan is not None
    assert channel.plan.bases[0] == "/var/tmp"
    names = (f"{ours.digest}.pyz", f"{settings.agent_id}.sock", f"{settings.agent_id}.attacher")
    for name in names:
        os.unlink(f"/var/tmp/port-linker-{os.getuid()}/agent-{name}")


async def test_a_linked_cache_directory_is_not_used(opened: Open, home: Path) -> None:
    (home / "elsewhere").mkdir(mode=0o700)
    (home / ".cache").mkdir()
    (home / ".cache/port-linker").symlink_to(home / "elsewhere")
    channel = await opened(shell("exec sh"))
    assert await ask(channel, b"hello") == b"hello"
    assert os.listdir(home / "elsewhere") == []


async def test_a_damaged_bundle_is_uploaded_again(opened: Open, home: Path) -> None:
    await opened(shell("exec sh"))
    bundle = home / f".cache/port-linker/agent-{FAKE.digest}.pyz"
    bundle.write_bytes(b"damaged")
    seen: list[Progress] = []
    await opened(shell("exec sh"), on_progress=seen.append)
    assert Stage.UPLOAD in [item.stage for item in seen if isinstance(item, StageDone)]
    assert bundle.read_bytes() == FAKE.data


def put_python(folder: Path, text: str) -> Path:
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def test_the_python_that_the_user_names_is_taken(opened: Open, tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "py").symlink_to(sys.executable)
    settings = make_settings(target_python=str(folder / "py"))
    channel = await opened(shell("exec sh"), settings)
    assert channel.plan is not None
    assert channel.plan.python.path == str(folder / "py")


async def test_an_old_python_is_named_with_its_place(home: Path, tmp_path: Path) -> None:
    old = put_python(tmp_path, f"echo 3.6.8 {tmp_path}/python3")
    error = await fail(shell("exec sh"), make_settings(target_python=str(old)))
    assert error.code == "PL-TARGET-PYTHON-OLD"
    assert "3.6.8" in error.message


async def test_no_python_is_one_sentence(home: Path) -> None:
    error = await fail(shell("exec sh"), make_settings(target_python="/no/such/python"))
    assert error.code == "PL-TARGET-NO-PYTHON"


async def test_a_python_without_its_library_is_one_sentence(home: Path, tmp_path: Path) -> None:
    text = '[ "$1" = -E ] && { echo 3.11.2 "$0"; echo os=Linux; exit; }\n'
    text += 'echo "no module named zlib" >&2; exit 1'
    broken = put_python(tmp_path, text)
    error = await fail(shell("exec sh"), make_settings(target_python=str(broken)))
    assert error.code == "PL-TARGET-CUT"
    assert "no module named zlib" in error.message


# A fake ssh: what it is given, and what it says


async def test_ssh_is_called_as_planned(opened: Open, fake_ssh: Callable[[str], Path]) -> None:
    argv = fake_ssh("exec sh")
    settings = make_settings(ssh_options=("Port=2222",))
    await opened(parse_target("ann@dev1"), settings, unattended=True)
    words = argv.read_text().splitlines()
    assert words[-4:] == ["--", "ann@dev1", "exec", "sh"]
    for option in ("Port=2222", "ControlPath=none", "BatchMode=yes", "SessionType=default"):
        assert words[words.index(option) - 1] == "-o"


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ("ann@dev1: Permission denied (publickey).", 255, "PL-SSH-AUTH"),
        ("Host key verification failed.", 255, "PL-SSH-HOST-KEY"),
        ("ssh: connect to host dev1 port 22: Connection refused", 255, "PL-SSH-REFUSED"),
        ("This account is currently not available.", 1, "PL-TARGET-NO-SHELL"),
    ],
)
async def test_what_ssh_says_is_explained(
    fake_ssh: Callable[[str], Path], said: str, status: int, code: str
) -> None:
    fake_ssh(f"echo '{said}' >&2; exit {status}")
    assert (await fail(parse_target("dev1"))).code == code


async def test_without_ssh_there_is_one_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert (await fail(parse_target("dev1"))).code == "PL-SSH-MISSING"


async def test_a_bad_ssh_option_is_a_usage_error(home: Path) -> None:
    error = await fail(parse_target("dev1"), make_settings(ssh_options=("-v",)))
    assert isinstance(error, UsageError)
