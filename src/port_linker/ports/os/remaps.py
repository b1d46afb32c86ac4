"""Store the ports that stood in for others, by target. I/O.

One JSON file per target, 0600, written whole and renamed:
{"v": 1, "target": "dev1-5f2c81d09a3b", "names": ["dev1"], "remaps": {"tcp/127.0.0.1:80": 8080}}.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from port_linker.folders import state_folder
from port_linker.model import clean_text, parse_service_key

logger = logging.getLogger(__name__)
VERSION = 1
_DIGEST = re.compile(r"(?<=.)-[0-9a-f]{12}\Z")  # that Target.key ends in
MAX_BYTES = 1 << 20  # 4,096 entries take about 150 KiB


class Remembered(NamedTuple):
    """One port of this machine that stands in. names: of its target, as a person writes it."""

    names: tuple[str, ...]
    service: str
    port: int


def default_folder() -> Path:
    """Return the folder of the files: ~/.local/state/port-linker/remaps on Linux."""
    return Path(state_folder("remaps"))


def read_remaps(target: str, folder: Path | None = None) -> dict[str, int]:
    """Return the remembered ports by service key; none if there is no file.

    A file that cannot be understood is moved aside (NAME.corrupt) with a warning.
    """
    path = _path_of(target, folder or default_folder())
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        logger.warning("remembered ports cannot be read: %s", error)
        return {}
    try:
        return parse_remaps(data)
    except ValueError as error:
        aside = path.with_suffix(".corrupt")
        logger.warning("remembered ports in %s are damaged (%s), moved to %s", path, error, aside)
        with contextlib.suppress(OSError):
            os.replace(path, aside)
        return {}


def write_remaps(
    target: str,
    remaps: Mapping[str, int],
    folder: Path | None = None,
    names: tuple[str, ...] = (),
) -> bool:
    """Write the remembered ports; False, with a warning, if that is not possible.

    names: of the target, as a person writes it, the one to show first.
    """
    path = _path_of(target, folder or default_folder())
    value = {"v": VERSION, "target": target, "names": names, "remaps": dict(remaps)}
    text = json.dumps(value, indent=1)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        logger.warning("ports cannot be remembered for the next time: %s", error)
        return False
    return True


def list_remembered(name: str | None = None, folder: Path | None = None) -> list[Remembered]:
    """Return all that is remembered, or what is of a target of that name.

    Damaged files are left out.
    """
    rows: list[Remembered] = []
    for path in _files(folder, "*.json"):
        names, remaps = _read_file(path)
        if name is None or name in names:
            rows += [Remembered(names, key, port) for key, port in remaps.items()]
    return sorted(rows)


def forget(name: str | None = None, folder: Path | None = None) -> None:
    """Remove what is remembered of a target of that name; without one all, damaged files too."""
    paths = [
        path for path in _files(folder, "*.json") if name is None or name in _read_file(path)[0]
    ]
    for path in paths if name is not None else (*paths, *_files(folder, "*.corrupt")):
        with contextlib.suppress(OSError):
            path.unlink()


def _read_file(path: Path) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names of a file's target and its ports; nothing of a damaged file."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        remaps = parse_remaps(data)
    except (OSError, ValueError):
        return (), {}
    return parse_names(data), remaps


def parse_names(data: bytes) -> tuple[str, ...]:
    """Return the names of the target of a file that parse_remaps() accepts.

    Files of older versions have only the key, which is returned without its digest.
    """
    value = json.loads(data)
    names = value.get("names")
    if isinstance(names, list) and names:
        return tuple(clean_text(str(name)) for name in names)
    return (clean_text(_DIGEST.sub("", str(value.get("target")))),)


def _files(folder: Path | None, pattern: str) -> list[Path]:
    return sorted((folder or default_folder()).glob(pattern))


def parse_remaps(data: bytes) -> dict[str, int]:
    """Return the ports of a file's bytes. Raises ValueError if they are not what we write."""
    if len(data) > MAX_BYTES:
        raise ValueError("too long")
    try:
        value: Any = json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    remaps = value.get("remaps") if isinstance(value, dict) else None
    if not isinstance(remaps, dict) or value.get("v") != VERSION:
        raise ValueError("not the file of this version")
    for key, port in remaps.items():
        parse_service_key(key)
        if type(port) is not int or not 1 <= port <= 0xFFFF:
            raise ValueError(f"{key} has no port")
    return remaps


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".remaps-")  # 0600
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _path_of(target: str, folder: Path) -> Path:
    """A readable name, and a digest that tells "a/b" from "a_b"."""
    digest = hashlib.sha256(target.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9.@-]+", "_", target)[:60].lstrip(".")
    return folder / f"{readable}-{digest}.json"
