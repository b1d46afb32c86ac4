"""The payload is as long as asked for and nowhere the same."""

from __future__ import annotations

import hashlib

import pytest

from tests.lab.payload import BLOCK, blocks, digest


@pytest.mark.parametrize("size", [0, 1, 15, 17, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_size_and_digest(size: int) -> None:
    whole = b"".join(blocks(size, 7))
    assert len(whole) == size
    assert hashlib.sha256(whole).hexdigest() == digest(size, 7)


def test_blocks_and_seeds_differ() -> None:
    first, second = blocks(2 * BLOCK)
    assert first != second
    assert digest(BLOCK, 1) != digest(BLOCK, 2)
