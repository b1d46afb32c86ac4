"""Signals end the program in good order, a second one at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

import pytest

from port_linker.cli.signals import run_main

# A session that cleans up for as long as its test lets it; its words go to stdout.
PROGRAM = """
import asyncio, sys
from port_linker.cli.signals import run_main

async def session():
    try:
        print("running", flush=True)
        await asyncio.sleep(60)
    finally:
        print("cleaning", flush=True)
        {clean}
        print("clean", flush=True)
    return 0

sys.exit(run_main(session))
"""


def start(clean: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", PROGRAM.format(clean=clean)]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    return child


def read_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_cleans_up(number: signal.Signals) -> None:
    with start("pass") as child:
        child.send_signal(number)
        out, err = child.communicate(timeout=30)
    assert out == "cleaning\nclean\n"
    assert err == ""
    assert child.returncode == 128 + number


def test_the_second_one_skips_the_clean_up_and_says_so() -> None:
    with start("await asyncio.sleep(60)") as child:
        child.send_signal(signal.SIGINT)
        assert read_line(child) == "cleaning\n"
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert out == ""
    assert "stopped without clean-up" in err
    assert child.returncode == 130


def test_a_long_clean_up_tells_how_to_skip_it() -> None:
    with start("await asyncio.sleep(1.5)") as child:
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert out.endswith("clean\n")
    assert err == "port-linker: ending; Ctrl-C again skips the clean-up\n"


def test_a_clean_up_that_hangs_has_an_end() -> None:
    limit = "import port_linker.cli.signals as s; s.CLEAN_UP_LIMIT_S = 0.2"
    words = [sys.executable, "-c", f"{limit}\n{PROGRAM.format(clean='await asyncio.sleep(60)')}"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert read_line(child) == "running\n"
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=30)
    assert "stopped without clean-up" in err
    assert child.returncode == 143


def test_results_and_errors_pass_through() -> None:
    async def succeed() -> int:
        return 7

    async def fail() -> int:
        raise ValueError("no")

    async def give_up() -> int:
        raise asyncio.CancelledError

    assert run_main(succeed) == 7
    with pytest.raises(ValueError, match="no"):
        run_main(fail)
    with pytest.raises(asyncio.CancelledError):
        run_main(give_up)


def test_errors_that_nobody_awaited_are_logged_not_printed(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def stray() -> int:
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return 0

    assert run_main(stray) == 0
    assert capfd.readouterr().err == ""
    assert "ZeroDivisionError" in caplog.text


def test_a_signal_that_comes_with_the_result_still_decides() -> None:
    async def interrupted() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return 0

    assert run_main(interrupted) == 143
