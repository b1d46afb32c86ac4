"""open_agent_channel over real shells, with noise and start files."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from port_linker.deploy.settings import (
    Progress,
    StderrLine,
)
from port_linker.ssh.target import Target, TargetKind
from tests.deploy.channels import (
    Open,
    ask,
    shell,
)

SHELLS = ["sh", "bash", "dash", "busybox sh", "fish", "csh", "tcsh"]


@pytest.mark.parametrize("name", SHELLS)
async def test_each_login_shell_will_do(opened: Open, home: Path, name: str) -> None:
    """sshd runs SHELL -c "exec sh"; start files print and set what they like."""
    words = shlex.split(name)
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    noise = "echo welcome to $HOME; echo and to stderr >&2\n"
    (home / ".config/fish").mkdir(parents=True)
    (home / ".config/fish/config.fish").write_text(noise)
    for file in (".cshrc", ".tcshrc"):
        (home / file).write_text("echo welcome\nset noclobber\n")
    (home / ".bashrc").write_text(noise + "set -C\n")
    channel = await opened(Target(TargetKind.EXEC, (*words, "-c", "exec sh")))
    assert await ask(channel, b"hello") == b"hello"


@pytest.mark.parametrize("name", ["sh", "bash", "dash", "busybox sh"])
async def test_each_sh_runs_stage_0(opened: Open, name: str, tmp_path: Path) -> None:
    words = shlex.split(name)
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    (tmp_path / "sh").symlink_to(str(shutil.which(words[0])))  # busybox looks at its name
    channel = await opened(Target(TargetKind.EXEC, (str(tmp_path / "sh"),)))
    assert await ask(channel, b"hello") == b"hello"


ECHOING = """
while IFS= read -r line; do
    printf '%s\\n' "$line"
    text="$text
$line"
    [ "$line" = port_linker ] && eval "$text"
done
"""


@pytest.mark.parametrize(
    "noise",
    [
        "echo welcome; exec sh",
        "head -c 500000 /dev/urandom; exec sh",
        "yes | head -c 1000000; exec sh",
        "printf 'PL1-STAGE0 0000 begin\\n'; exec sh",
        ECHOING,
        "set -u; set -C; exec sh",
        "unset HOME PATH; PATH=/usr/bin:/bin; export PATH; exec sh",
        "exec env -i sh",
        "exec sh -eu",
        "IFS=xyz; export IFS; exec sh",
        "umask 0; exec sh",
    ],
)
async def test_noise_before_the_shell_is_skipped(opened: Open, noise: str) -> None:
    channel = await opened(shell(noise))
    assert await ask(channel, b"hello") == b"hello"


async def test_a_terminal_in_between_is_made_to_pass_every_byte(opened: Open) -> None:
    if shutil.which("script") is None:
        pytest.skip("script is not installed")
    channel = await opened(Target(TargetKind.EXEC, ("script", "-qfec", "exec sh", "/dev/null")))
    data = bytes(range(256)) * 4
    answer = b""
    while len(answer) < len(data):
        answer += await ask(channel, data if not answer else b"")
    assert answer == data


async def test_stderr_is_shown_until_the_shell_answers_and_logged_then(opened: Open) -> None:
    seen: list[Progress] = []
    script = "echo 'Warning: \x1b[31mkey' >&2; sleep 0.05; exec sh"
    await opened(shell(script), on_progress=seen.append)
    assert StderrLine("Warning: \ufffd[31mkey", login=True) in seen
