"""What is sent to the target, built from our own files: the agent's zip, stage 0, the attacher.

The zip has the same bytes each time, so its digest names it and the target can keep it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import io
import os
import shlex
import zipfile
import zlib
from dataclasses import dataclass

from port_linker.deploy.keep import load_or_build
from port_linker.deploy.manifest import PACKAGE, compute_closure, drop_docstrings

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
# asyncio does without ssl where there is none; loading OpenSSL costs 6 ms and 3 MB, for nothing.
ENTRY_POINT = f"""import sys
sys.modules["ssl"] = None
from {PACKAGE}.agent.__main__ import main
sys.exit(main())
"""
_ATTACHER_PACKAGE = f"{PACKAGE}.deploy"
_ATTACHER_MODULES = (  # each after what it imports
    _ATTACHER_PACKAGE,
    f"{_ATTACHER_PACKAGE}.cache",
    f"{_ATTACHER_PACKAGE}.bytecode",
    f"{_ATTACHER_PACKAGE}.handle",
    f"{_ATTACHER_PACKAGE}.supply",
    f"{_ATTACHER_PACKAGE}.opener",
)


@dataclass(frozen=True)
class Bundle:
    """The agent as one file that Python runs. digest: SHA-256 of data, hex."""

    data: bytes
    digest: str


@functools.cache
def build_bundle() -> Bundle:
    """Return the agent's bundle: the one kept on this machine, or built now (100 ms).

    Raises manifest.ManifestError if our own files do not fit together.
    """
    data = load_or_build(os.path.dirname(os.path.dirname(__file__)), _build_data)
    return Bundle(data, hashlib.sha256(data).hexdigest())


def _build_data() -> bytes:
    sources = compute_closure(read_own_module)
    return pack_bundle({name: drop_docstrings(text, name) for name, text in sources.items()}).data


def read_own_module(name: str) -> str | None:
    """Return the text of a module of this package by its dotted name, None if there is none."""
    first, *rest = name.split(".")
    place = importlib.resources.files(first).joinpath(*rest) if rest else None
    package = importlib.resources.files(first).joinpath(*rest, "__init__.py")
    if package.is_file():
        return package.read_text("utf-8")
    if place is None:
        return None
    module = importlib.resources.files(first).joinpath(*rest[:-1], f"{rest[-1]}.py")
    return module.read_text("utf-8") if module.is_file() else None


def pack_bundle(sources: dict[str, str]) -> Bundle:
    """Return the zip of these modules with an entry point; a module that others lie in is a
    package."""
    packages = {name.rpartition(".")[0] for name in sources}
    files = {"__main__.py": ENTRY_POINT}
    for name, text in sources.items():
        path = name.replace(".", "/")
        files[f"{path}/__init__.py" if name in packages else f"{path}.py"] = text
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            entry.create_system = 3  # Unix, whatever we run on
            archive.writestr(entry, files[path], compresslevel=9)
    data = buffer.getvalue()
    return Bundle(data, hashlib.sha256(data).hexdigest())


def fill_stage0(nonce: str, wanted_python: str | None) -> bytes:
    """Return stage 0's text. nonce: hex. wanted_python: the user's own choice, quoted here."""
    wanted = shlex.quote(wanted_python) if wanted_python else "''"
    text = _read_text("stage0.sh").replace("@NONCE@", nonce, 1).replace("@PYTHON@", wanted, 1)
    return text.encode("utf-8", "surrogateescape")


@functools.cache
def pack_attacher() -> bytes:
    """Return the attacher's program, compressed: it makes its modules from texts, then runs."""
    lines = ["import sys, types"]
    for name in _ATTACHER_MODULES:
        text = _read_text(f"{name.rpartition('.')[2]}.py") if name != _ATTACHER_PACKAGE else ""
        lines.append(f"sys.modules[{name!r}] = module = types.ModuleType({name!r})")
        lines.append(f"exec({text!r}, module.__dict__)")
    lines.append(f"exec({_read_text('attacher.py')!r})")
    return zlib.compress("\n".join(lines).encode(), 9)


def _read_text(name: str) -> str:
    return importlib.resources.files("port_linker.deploy").joinpath(name).read_text("utf-8")
