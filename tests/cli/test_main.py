"""The entry of the program: speed, verbs, errors and exit codes."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from port_linker import __version__
from port_linker.cli import main as entry
from port_linker.cli.args import Settings
from port_linker.errors import AuthError
from port_linker.session.lock import target_folder
from port_linker.session.state_file import StateFile
from port_linker.ssh.target import parse_target

VERSION_LIMIT_MS = 60.0
FIRST_WORD_LIMIT_MS = 100.0
COMMAND = [sys.executable, "-m", "port_linker.cli.main"]
HEAVY = {"asyncio", "cyclopts", "textual", "rich", "logging", "dataclasses", "typing", "psutil"}


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PORT_LINKER_")}
    return subprocess.run(
        [*COMMAND, *words], env={**clean, **environ}, capture_output=True, text=True, timeout=60
    )


def uncovered() -> dict[str, str]:
    """Return an environment without coverage's own start-up cost: the figure is that of a user."""
    return {key: value for key, value in os.environ.items() if "COV" not in key}


def test_version_is_fast() -> None:
    # CPU time: wall time on an idle machine, and not our neighbours' work on a busy one.
    cpu_ms = []
    for _ in range(9):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        words = [*COMMAND, "--version"]
        done = subprocess.run(words, env=uncovered(), capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cpu_ms.append(spent_s * 1000)
        assert done.stdout == f"port-linker {__version__}\n"
    assert statistics.median(cpu_ms) <= VERSION_LIMIT_MS, cpu_ms


def loaded_modules(code: str) -> set[str]:
    """Return the top-level modules that the code adds to those of a bare interpreter."""
    script = f"import sys; before = set(sys.modules)\n{code}\nprint(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", script], env=uncovered(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("word", ["--version", "version"])
def test_version_loads_nothing_heavy(word: str) -> None:
    loaded = loaded_modules(f"from port_linker.cli.main import main; main(['{word}'])")
    assert not loaded & HEAVY


def test_the_first_word_comes_before_parser_and_asyncio() -> None:
    code = (
        "from port_linker.cli import main, fast\n"
        "main._announce(fast.scan_words(['dev1', '--only', '80']).host)"
    )
    assert not loaded_modules(code) & {"asyncio", "cyclopts", "textual", "rich"}


def test_something_stands_on_the_screen_within_a_tenth_of_a_second(tmp_path: Path) -> None:
    environ = {**uncovered(), "XDG_STATE_HOME": str(tmp_path)}
    cpu_ms = []
    for _ in range(9):
        words = [*COMMAND, "connect", "exec:false"]
        with subprocess.Popen(
            words, env=environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as child:
            assert child.stderr is not None
            assert child.stderr.readline() == "connecting to exec:false...\n"
            spent_ns = Path(f"/proc/{child.pid}/schedstat").read_text().split()[0]
            cpu_ms.append(int(spent_ns) / 1e6)
            child.kill()
    limit_ms = max(FIRST_WORD_LIMIT_MS, 1.5 * asyncio_ms())
    assert min(cpu_ms) <= limit_ms, (cpu_ms, limit_ms)  # neighbours can only add to it


def asyncio_ms() -> float:
    """Return what an interpreter with asyncio costs on this machine now: 45 ms on an idle one."""
    cpu_ms = []
    for _ in range(5):
        code = "import asyncio, time; print(time.process_time(), flush=True)"
        told = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True)
        cpu_ms.append(float(told.stdout) * 1e3)
    return min(cpu_ms)


def test_a_session_that_runs_already_is_told_before_anything_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    state = StateFile(target_folder(), parse_target("exec:false").key, "exec:false")
    assert entry.main(["exec:false"]) == 2
    state.close()
    said = capsys.readouterr().err
    assert "already links exec:false" in said
    assert "connecting" not in said


def test_no_words_print_four_lines() -> None:
    done = run()
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 4
    for word in ("demo", "HOST", "doctor", "help"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("status",), 2, "status is reserved"),
        (("connect",), 2, "connect needs a HOST"),
        (("doctor",), 2, "doctor needs a HOST"),
        (("dev1", "--only", "99999"), 2, "PL-USAGE-RULE"),
        (("dev1", "--map", "80:8080,80:81"), 2, "PL-USAGE-MAP"),
        (("dev1", "--bogus"), 2, "Unknown option: --bogus"),
        (("dev1", "--json", "--plain"), 2, "exclude each other"),
        (("help", "nonsense"), 2, "there is no verb nonsense"),
        (("completion",), 2, "needs the name of a shell"),
    ],
)
def test_usage_errors(
    words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.main(list(words)) == code
    out, err = capsys.readouterr()
    assert said in err
    assert "\nTry: " in err
    assert "Traceback" not in err
    if "--json" in words:
        assert json.loads(out)["exit_code"] == code
    else:
        assert out == ""


@pytest.mark.parametrize(
    "words",
    ["--bogus", "--only 99999", "--json --plain", "-o bad", "-p 0", "--link ftp", "--lease 1"],
)
def test_a_wrong_line_is_not_announced(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["dev1", *words.split()]) == 2
    assert "connecting" not in capsys.readouterr().err


def test_ssh_is_quoted_once() -> None:
    done = run("dev1.invalid:22", "-F", "/dev/null", CI="true")
    assert done.returncode == 3
    assert done.stderr.count("Could not resolve hostname") == 1
    assert "Try: for port 22 write ssh://dev1.invalid:22, or -p 22 dev1.invalid" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help"], "Which services"),
        (["help"], "Which services"),
        (["help", "demo"], "--once"),
        (["doctor", "--help"], "--target-python"),
        (["dev1", "--version"], f"port-linker {__version__}"),
        (["completion", "fish"], "complete -c port-linker"),
        (["schema"], '"$schema"'),
        (["version", "--json"], f'"version": "{__version__}"'),
    ],
)
def test_what_goes_to_stdout(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.main(words) == 0
    out, err = capsys.readouterr()
    assert said in out
    assert err == ""


@pytest.mark.parametrize("verb", ["connect", "demo", "doctor"])
def test_verbs_are_handed_their_settings(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []

    def run_verb(settings: Settings) -> int:
        seen.append(settings)
        return 6

    monkeypatch.setitem(entry._RUNS, verb, run_verb)
    assert entry.main([verb, *(["dev1"] if verb != "demo" else [])]) == 6
    assert seen[0].verb == verb


@pytest.mark.parametrize(
    ("verb", "place"),
    [
        ("connect", "port_linker.cli.connect.run_connect"),
        ("demo", "port_linker.cli.demo.run_demo"),
        ("doctor", "port_linker.cli.doctor.run_doctor"),
    ],
)
def test_verbs_are_carried_out_where_they_live(
    verb: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, lambda settings: 7 if settings.verb == verb else 1)
    assert entry.main([verb, *(["dev1"] if verb != "demo" else [])]) == 7


def fails_with(error: BaseException) -> Callable[[object], int]:
    def run_verb(settings: object) -> int:
        raise error

    return run_verb


@pytest.mark.parametrize(
    ("error", "code"),
    [(AuthError("no"), 4), (KeyboardInterrupt(), 130), (ZeroDivisionError("x"), 1)],
)
def test_exit_codes_follow_the_errors(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: object,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setitem(entry._RUNS, "demo", fails_with(error))
    assert entry.main(["demo"]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_of_stdout_that_leaves_is_no_error() -> None:
    script = f"set -o pipefail; {sys.executable} -m port_linker.cli.main schema | head -c 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "{"
    assert done.stderr == ""
    assert done.returncode == 0
