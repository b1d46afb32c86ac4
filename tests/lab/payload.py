"""Bytes for tests of integrity: fast to make, different in every block, hashed. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

BLOCK = 1 << 20
_BASE = bytes(hashlib.shake_256(b"port-linker lab").digest(BLOCK))


def blocks(size: int, seed: int = 0) -> Iterator[bytes]:
    """Yield `size` bytes in blocks of 1 MiB; every block begins with its number and the seed."""
    for number in range((size + BLOCK - 1) // BLOCK):
        head = number.to_bytes(8, "big") + seed.to_bytes(8, "big")
        yield (head + _BASE[16:])[: size - number * BLOCK]


def digest(size: int, seed: int = 0) -> str:
    """Return the SHA-256 of blocks(size, seed), in hex."""
    whole = hashlib.sha256()
    for block in blocks(size, seed):
        whole.update(block)
    return whole.hexdigest()
