"""What is kept until it is acknowledged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.errors import ProtocolError
from port_linker.mux.journal import ACK_EVERY_BYTES, Journal, Receipt

FRAMES = st.lists(st.binary(max_size=40), min_size=1, max_size=20)


@given(FRAMES, st.data())
def test_what_the_other_end_misses_is_sent_again(bodies: list[bytes], data: st.DataObject) -> None:
    journal = Journal()
    ends = [0]
    for body in bodies:
        journal.append(b"HHHHHHHH", body)
        ends.append(ends[-1] + 8 + len(body))
    received = data.draw(st.integers(0, len(bodies)))
    acked = data.draw(st.integers(0, received))
    journal.acknowledge(ends[acked])
    again = journal.resend(ends[received])
    assert [body for _header, body in again] == bodies[received:]
    assert journal.kept_bytes == ends[-1] - ends[received]


def test_an_acknowledgement_within_a_frame_frees_the_frames_before_it() -> None:
    journal = Journal()
    journal.append(b"12345678", b"abc")
    journal.append(b"12345678", b"def")
    journal.acknowledge(15)
    assert journal.kept_bytes == 11


@pytest.mark.parametrize(
    ("received", "words"), [(5, "middle"), (99, "never sent"), (0, "had acknowledged")]
)
def test_a_resume_that_cannot_be_is_refused(received: int, words: str) -> None:
    journal = Journal()
    for _ in range(3):
        journal.append(b"12345678", b"abc")
    if received != 5:
        journal.acknowledge(11)
    with pytest.raises(ProtocolError, match=words):
        journal.resend(received)


def test_room_ends_at_the_limit() -> None:
    journal = Journal(limit_bytes=20)
    journal.append(b"12345678", b"abcdef")
    assert journal.room_bytes == 6
    journal.append(b"12345678", b"abcdef")
    assert journal.room_bytes == 0
    journal.acknowledge(14)
    assert journal.room_bytes == 6


def standing(receipt: Receipt) -> tuple[bool, bool]:
    return receipt.is_pending, receipt.is_due


def test_a_receipt_is_due_after_enough_bytes_and_pending_before() -> None:
    receipt = Receipt()
    assert standing(receipt) == (False, False)
    receipt.count(100)
    assert standing(receipt) == (True, False)
    receipt.count(ACK_EVERY_BYTES)
    assert standing(receipt) == (True, True)
    assert receipt.say() == ACK_EVERY_BYTES + 100
    assert standing(receipt) == (False, False)
