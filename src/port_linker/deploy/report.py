"""What stage 0 says about the target, parsed. Pure; the bytes are hostile until parsed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from port_linker.errors import TargetError
from port_linker.model import clean_text

MAX_NOISE_BYTES = 1 << 20  # start files may print before the marker, but not for ever
MAX_REPORT_BYTES = 64 << 10  # a true report has less than 4 KiB
MAX_CANDIDATES = 64
MAX_PATH_CHARS = 4096  # PATH_MAX of Linux

Version = tuple[int, int, int]


@dataclass(frozen=True)
class PythonFound:
    """A Python on the target; version None if it did not run."""

    path: str
    version: Version | None


@dataclass(frozen=True)
class DirFound:
    """A directory on the target. executable: a file that was written there could be run."""

    path: str
    writable: bool
    executable: bool


@dataclass(frozen=True)
class TargetReport:
    """What stage 0 found. os and arch as uname says ("Linux", "x86_64"); uid None if unknown."""

    os: str = ""
    arch: str = ""
    uid: int | None = None
    pythons: tuple[PythonFound, ...] = ()
    dirs: tuple[DirFound, ...] = ()


class ReportReader:
    """Finds stage 0's report in what the target prints.

    nonce: the random word that stage 0 was given; it makes the markers unguessable and unique.
    """

    def __init__(self, nonce: str) -> None:
        self._begin = f"PL1-STAGE0 {nonce} begin\n".encode()
        self._end = f"PL1-STAGE0 {nonce} end\n".encode()
        self._buffer = b""
        self._noise_bytes = 0
        self._begun = False

    def feed(self, data: bytes) -> TargetReport | None:
        """Return the report once it is whole, None while more is needed.

        Raises TargetError if there is more noise, or a longer report, than a shell would give.
        """
        self._buffer += data
        if not self._begun:
            self._skip_noise()
        if not self._begun:
            return None
        body, found, _ = self._buffer.partition(self._end)
        if len(body) > MAX_REPORT_BYTES:
            raise _not_a_shell("its report has no end")
        return parse_report(body.decode("utf-8", "surrogateescape")) if found else None

    def _skip_noise(self) -> None:
        at = self._buffer.find(self._begin)
        self._begun = at >= 0
        # The last bytes may be the first part of the marker, so they are kept.
        drop = at + len(self._begin) if self._begun else len(self._buffer) - len(self._begin)
        if drop > 0:
            self._noise_bytes += drop
            self._buffer = self._buffer[drop:]
        if self._noise_bytes > MAX_NOISE_BYTES:
            raise _not_a_shell("it printed more than 1 MiB instead")


def _not_a_shell(detail: str) -> TargetError:
    return TargetError(
        f"the target gave no POSIX shell: {detail}",
        "check what the login runs there: port-linker needs a plain sh",
        "PL-TARGET-NO-SHELL",
    )


def parse_report(text: str) -> TargetReport:
    """Return the report of its key=value lines; unknown lines are ignored."""
    os_name = arch = ""
    uid: int | None = None
    pythons: list[PythonFound] = []
    dirs: list[DirFound] = []
    for line in text.split("\n"):
        key, _, value = line.rstrip("\r").partition("=")
        if key == "os":
            os_name = clean_text(value, 32)
        elif key == "arch":
            arch = clean_text(value, 32)
        elif key == "uid":
            uid = int(value) if re.fullmatch(r"[0-9]{1,10}", value) else None
        elif key == "python":
            pythons += _parse_python(value)
        elif key == "dir":
            dirs += _parse_dir(value)
    return TargetReport(
        os_name, arch, uid, tuple(pythons[:MAX_CANDIDATES]), tuple(dirs[:MAX_CANDIDATES])
    )


def _parse_python(value: str) -> list[PythonFound]:
    version, _, path = value.partition(" ")
    if not _is_path(path):
        return []
    match = re.fullmatch(r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})", version)
    return [PythonFound(path, (int(match[1]), int(match[2]), int(match[3])) if match else None)]


def _parse_dir(value: str) -> list[DirFound]:
    facts, _, path = value.partition(" ")
    return [DirFound(path, "w" in facts, facts == "wx")] if _is_path(path) else []


def _is_path(path: str) -> bool:
    """Whether it is an absolute path without a byte that would break a line or a terminal."""
    if not path.startswith("/") or len(path) > MAX_PATH_CHARS:
        return False
    return all(char >= " " and char != "\x7f" for char in path)
