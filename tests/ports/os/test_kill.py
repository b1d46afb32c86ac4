"""Ending the holder of a port, and nobody else: real processes, all of them ours."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

from port_linker.ports.os.holder import describe_process
from port_linker.ports.os.kill import KillResult, kill_holder
from port_linker.ports.types import PortHolder
from tests.ports.children import NOBODY, holding, run_as_nobody


async def test_a_polite_process_ends_at_sigterm() -> None:
    with holding() as (child, _):
        assert await kill_holder(describe_process(child.pid)) == KillResult(True)
        assert child.wait(timeout=5) == -signal.SIGTERM


async def test_a_stubborn_process_ends_at_sigkill() -> None:
    with holding("tcp", "127.0.0.1", "stubborn") as (child, _):
        assert await kill_holder(describe_process(child.pid), polite_s=0.05) == KillResult(True)
        assert child.wait(timeout=5) == -signal.SIGKILL


async def test_a_process_that_does_not_end_is_given_up() -> None:
    with holding("tcp", "127.0.0.1", "stubborn") as (child, _):
        holder = describe_process(child.pid)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signal, "SIGKILL", signal.SIGTERM)  # which it does not heed
            result = await kill_holder(holder, 0.02, 0.02)
        assert result == KillResult(False, f"pid {child.pid} did not end within 0.04 s")
        assert child.poll() is None


async def test_a_process_that_is_gone_is_no_trouble() -> None:
    with holding() as (child, _):
        holder = describe_process(child.pid)
    assert await kill_holder(holder) == KillResult(True)


async def test_a_pid_that_was_given_to_another_process_is_never_hit() -> None:
    with holding() as (child, _):
        holder = describe_process(child.pid)
        assert holder.start_ticks is not None
        stale = replace(holder, start_ticks=holder.start_ticks - 1)
        assert await kill_holder(stale) == KillResult(True)
        assert child.poll() is None


@pytest.mark.parametrize(
    ("pid", "why"),
    [(1, "pid 1 is an ancestor"), (os.getppid(), "ancestor"), (os.getpid(), "another port-linker")],
    ids=["init", "parent", "ourselves"],
)
async def test_some_are_never_ended_whatever_the_holder_says(
    monkeypatch: pytest.MonkeyPatch, pid: int, why: str
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("signalled")

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
    lie = replace(describe_process(pid), is_ours=True, is_protected=False, is_port_linker=False)
    result = await kill_holder(lie)
    assert not result.is_ok
    assert why in (result.detail or "")


async def test_what_cannot_be_named_cannot_be_ended() -> None:
    assert await kill_holder(PortHolder(uid=5)) == KillResult(
        False, "its process is not ours to see"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to start another user's process")
async def test_even_root_leaves_other_users_alone() -> None:
    with holding(uid=NOBODY) as (child, _):
        holder = replace(describe_process(child.pid), is_ours=True)
        result = await kill_holder(holder)
        assert result == KillResult(False, f"pid {child.pid} belongs to nobody")
        assert child.poll() is None


KILL = """
import sys
from dataclasses import asdict, replace
from port_linker.ports.os.holder import describe_process
from port_linker.ports.os.kill import kill_holder
holder = replace(describe_process(int(sys.argv[-1])), is_ours=True)
print(json.dumps(asdict(asyncio.run(kill_holder(holder)))))
"""


def test_a_user_without_privilege_ends_nobody_elses_process() -> None:
    with holding() as (child, _):
        result = run_as_nobody(KILL, str(child.pid))
        assert result == {"is_ok": False, "detail": f"pid {child.pid} belongs to root"}
        assert child.poll() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to start another user's process")
def test_a_user_without_privilege_ends_his_own() -> None:
    with holding(uid=NOBODY) as (child, _):
        assert run_as_nobody(KILL, str(child.pid)) == {"is_ok": True, "detail": None}
        assert child.wait(timeout=5) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (ProcessLookupError(), KillResult(True)),
        (PermissionError(1, "not permitted"), None),
    ],
)
async def test_the_kernels_refusal_is_a_value(
    monkeypatch: pytest.MonkeyPatch, error: OSError, result: KillResult | None
) -> None:
    def refuse(*_: object) -> None:
        raise error

    with holding() as (child, _):
        monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
        said = await kill_holder(describe_process(child.pid))
        expected = result or KillResult(
            False, f"pid {child.pid} cannot be signalled (not permitted)"
        )
        assert said == expected


async def test_a_kernel_without_pidfd_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    with holding() as (child, _):
        result = await kill_holder(describe_process(child.pid))
    assert not result.is_ok
    assert "cannot name a process safely" in (result.detail or "")
