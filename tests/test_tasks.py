"""Tasks are kept, named, and their faults are heard of."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from port_linker.errors import LinkLost
from port_linker.tasks import start_task, stop_task
from tests.fakes.waiting import until


async def test_a_task_that_nobody_holds_is_not_collected() -> None:
    ended = asyncio.Event()
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()
        ended.set()

    task = weakref.ref(start_task(work(), "work"))
    gc.collect()
    assert task() is not None
    go.set()
    await until(ended.is_set)


async def test_an_unexpected_error_is_logged_with_the_tasks_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    async def fail(error: Exception) -> None:
        raise error

    expected = start_task(fail(LinkLost("gone")), "expected")
    unexpected = start_task(fail(ValueError("odd")), "unexpected")
    await asyncio.wait([expected, unexpected])
    await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == [
        "task expected ended: gone",
        "task unexpected failed",
    ]
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]


async def test_a_stopped_task_has_cleaned_up() -> None:
    steps: list[str] = []
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("clean")

    task = start_task(work(), "work")
    await begun.wait()
    await stop_task(task)
    assert steps == ["clean"]
    assert task.cancelled()
    await stop_task(task)  # again is nothing
