"""Which Python and which directories of the target are used, or what is missing there. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from port_linker.deploy.report import DirFound, PythonFound, TargetReport
from port_linker.errors import TargetError
from port_linker.model import clean_text

PYTHON_FLOOR = (3, 9)
FLOOR_TEXT = "3.9"
SHARED_DIRS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - other people write there too


@dataclass(frozen=True)
class DeployPlan:
    """python: path on the target. bases: writable directories, the best first; none means that
    the agent runs from memory."""

    python: PythonFound
    bases: tuple[str, ...]


def plan_deploy(
    report: TargetReport, target_name: str, wanted_python: str | None = None
) -> DeployPlan:
    """Return the plan for a target.

    wanted_python: --target-python, which stage 0 looked at alone.
    Raises TargetError with one sentence that says what was found, and where.
    """
    if report.os != "Linux":
        raise TargetError(
            f"{target_name} runs {report.os or 'an unknown system'}; only Linux is supported",
            "connect to a Linux machine",
            "PL-TARGET-OS",
        )
    return DeployPlan(_choose_python(report, target_name, wanted_python), _order_bases(report.dirs))


def _choose_python(report: TargetReport, name: str, wanted: str | None) -> PythonFound:
    for python in report.pythons:
        if python.version is not None and python.version[:2] >= PYTHON_FLOOR:
            return python
    if wanted is not None:
        raise _wanted_python_error(report.pythons, name, wanted)
    if not any(python.version for python in report.pythons):
        raise TargetError(
            f"{name} has no Python ({_describe(report.pythons)})",
            f"install Python {FLOOR_TEXT} or newer there, or name one with --target-python PATH",
            "PL-TARGET-NO-PYTHON",
        )
    raise TargetError(
        f"{name} has no Python {FLOOR_TEXT} or newer (found: {_describe(report.pythons)})",
        "install one there, or name one with --target-python PATH",
        "PL-TARGET-PYTHON-OLD",
    )


def _wanted_python_error(pythons: tuple[PythonFound, ...], name: str, wanted: str) -> TargetError:
    shown = clean_text(wanted)
    if pythons and pythons[0].version:
        return TargetError(
            f"{shown} on {name} is Python {format_version(pythons[0])}, older than {FLOOR_TEXT}",
            "name a newer one with --target-python",
            "PL-TARGET-PYTHON-OLD",
        )
    reason = "does not run" if pythons else "is not there"
    return TargetError(
        f"{shown} {reason} on {name}",
        "--target-python takes the path of a Python on the target",
        "PL-TARGET-NO-PYTHON",
    )


def _describe(pythons: tuple[PythonFound, ...]) -> str:
    if not pythons:
        return "looked for python3, python3.9 to python3.14 and python in PATH and the usual places"
    return ", ".join(
        f"{format_version(python)} at {clean_text(python.path)}" for python in pythons[:4]
    )


def name_python(python: PythonFound) -> str:
    """Return "Python 3.11.2 at /usr/bin/python3"."""
    return f"Python {format_version(python)} at {python.path}"


def format_version(python: PythonFound) -> str:
    """Return "3.11.2", or "one that does not run"."""
    if python.version is None:
        return "one that does not run"
    return ".".join(map(str, python.version))


def _order_bases(dirs: tuple[DirFound, ...]) -> tuple[str, ...]:
    """Return writable directories; those where programs run come first."""
    both = [found.path for found in dirs if found.writable and found.executable]
    only = [found.path for found in dirs if found.writable and not found.executable]
    return tuple(both + only)


def plan_cache_dirs(bases: tuple[str, ...], uid: int | None) -> list[str]:
    """Return our own subdirectory of each base; where other people write it carries the uid."""
    return [
        f"{base}/port-linker-{uid}" if base in SHARED_DIRS else f"{base.rstrip('/')}/port-linker"
        for base in bases
    ]
