"""The bundle's byte code, kept beside it so that an agent starts sooner. Runs there; Python 3.9.

Compiling the bundle takes 50 to 80 ms of a start (4,800 lines, 2026-11-21, two busy cores). What is
kept lies in a directory that is ours alone, is named after the bundle's digest and this Python's
magic number, and begins with its own SHA-256 against damage (a zip may have text before it).
Sent as source text in front of attacher.py (see bundle.py).
"""

from __future__ import annotations

import _frozen_importlib_external as importer
import contextlib
import io
import marshal
import os
import sys

from port_linker.deploy import cache

UNCHECKED_HASH = (1).to_bytes(4, "little") + bytes(8)  # PEP 552: never compared with a source


def code_path(bundle: str) -> str:
    """Return the file of a bundle's byte code for this very Python."""
    magic = importer.MAGIC_NUMBER.hex()
    return f"{bundle[: -len('.pyz')]}-{sys.implementation.cache_tag}-{magic}.pyz"


def find_code(bundle: str) -> str | None:
    """Return the bundle's byte code if it is there and whole, and mark it as used."""
    path = code_path(bundle)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            digest = file.readline(65).strip()
            data = file.read(2 * cache.MAX_BUNDLE_BYTES)
    except OSError:
        return None
    if cache.sha256_hex(data).encode() != digest:
        with contextlib.suppress(OSError):
            os.unlink(path)
        return None
    cache.touch(path)
    return path


def store_code(bundle: str) -> None:
    """Compile the bundle and keep the result. If that fails nothing is kept: it is a luxury."""
    if os.path.exists(code_path(bundle)):
        return
    with contextlib.suppress(Exception):
        data = compile_bundle(bundle)
        head = cache.sha256_hex(data).encode() + b"\n"
        cache.write_file(code_path(bundle), head + data)


def compile_bundle(bundle: str) -> bytes:
    """Return a zip with the byte code of every module of the bundle."""
    import zipfile  # 20 ms that no start shall pay

    buffer = io.BytesIO()
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(buffer, "w") as result:
        for name in source.namelist():
            code = compile(source.read(name), name, "exec", dont_inherit=True)
            result.writestr(
                name + "c", importer.MAGIC_NUMBER + UNCHECKED_HASH + marshal.dumps(code)
            )
    return buffer.getvalue()
