"""Which Python and directories are used, or one sentence about what is missing."""

from __future__ import annotations

import pytest

from port_linker.deploy.plan import plan_cache_dirs, plan_deploy
from port_linker.deploy.report import DirFound, PythonFound, TargetReport
from port_linker.errors import TargetError

NEW = PythonFound("/usr/bin/python3", (3, 11, 2))
OLD = PythonFound("/usr/bin/python3", (3, 6, 8))
TWO = PythonFound("/usr/bin/python", (2, 7, 18))
BROKEN = PythonFound("/opt/python3", None)


def report(*pythons: PythonFound, os: str = "Linux") -> TargetReport:
    return TargetReport(os, "x86_64", 1000, pythons, (DirFound("/tmp", True, True),))


def fail(found: TargetReport, wanted: str | None = None) -> TargetError:
    with pytest.raises(TargetError) as caught:
        plan_deploy(found, "dev1", wanted)
    assert caught.value.hint
    return caught.value


def test_the_first_python_that_is_new_enough_is_taken() -> None:
    floor = PythonFound("/usr/bin/python3.9", (3, 9, 0))
    assert plan_deploy(report(BROKEN, OLD, floor, NEW), "dev1").python is floor


def test_directories_that_run_programs_come_first_and_unwritable_ones_not_at_all() -> None:
    dirs = (
        DirFound("/home/ann/.cache", True, False),
        DirFound("/var/tmp", False, False),
        DirFound("/tmp", True, True),
    )
    found = TargetReport("Linux", "x86_64", 1, (NEW,), dirs)
    assert plan_deploy(found, "dev1").bases == ("/tmp", "/home/ann/.cache")


def test_no_directory_means_memory() -> None:
    assert plan_deploy(TargetReport("Linux", "", 1, (NEW,), ()), "dev1").bases == ()


@pytest.mark.parametrize(
    ("pythons", "code", "words"),
    [
        ((), "PL-TARGET-NO-PYTHON", "dev1 has no Python (looked for python3"),
        ((BROKEN,), "PL-TARGET-NO-PYTHON", "one that does not run at /opt/python3"),
        (
            (OLD, TWO),
            "PL-TARGET-PYTHON-OLD",
            "3.9 or newer (found: 3.6.8 at /usr/bin/python3, 2.7.18 at /usr/bin/python)",
        ),
    ],
)
def test_a_missing_python_is_one_sentence(
    pythons: tuple[PythonFound, ...], code: str, words: str
) -> None:
    error = fail(report(*pythons))
    assert error.code == code
    assert words in error.message
    assert "--target-python" in str(error.hint)


@pytest.mark.parametrize(
    ("pythons", "code", "message"),
    [
        ((), "PL-TARGET-NO-PYTHON", "/opt/py is not there on dev1"),
        (
            (PythonFound("/opt/py", None),),
            "PL-TARGET-NO-PYTHON",
            "/opt/py does not run on dev1",
        ),
        (
            (PythonFound("/opt/py", (3, 8, 1)),),
            "PL-TARGET-PYTHON-OLD",
            "/opt/py on dev1 is Python 3.8.1, older than 3.9",
        ),
    ],
)
def test_a_python_that_the_user_named_is_judged_by_name(
    pythons: tuple[PythonFound, ...], code: str, message: str
) -> None:
    error = fail(report(*pythons), "/opt/py")
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize("name", ["Darwin", "FreeBSD", ""])
def test_another_system_is_refused(name: str) -> None:
    error = fail(report(NEW, os=name))
    assert error.code == "PL-TARGET-OS"
    assert (name or "an unknown system") in error.message


def test_shared_directories_carry_the_uid() -> None:
    bases = ("/home/ann/.cache", "/run/user/7/", "/var/tmp", "/tmp", "/dev/shm")
    assert plan_cache_dirs(bases, 7) == [
        "/home/ann/.cache/port-linker",
        "/run/user/7/port-linker",
        "/var/tmp/port-linker-7",
        "/tmp/port-linker-7",
        "/dev/shm/port-linker-7",
    ]
