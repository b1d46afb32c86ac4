"""What leaves first, and what is kept of what cannot leave."""

from __future__ import annotations

import pytest

from port_linker.errors import ProtocolError
from port_linker.mux import frames, outbox
from port_linker.mux.journal import Journal
from port_linker.mux.outbox import Outbox


def kinds(taken: list[bytes]) -> list[int]:
    """Return the types of whole frames."""
    data, found = b"".join(taken), []
    while data:
        found.append(data[0])
        data = data[frames.HEADER_BYTES + int.from_bytes(data[5:8], "big") :]
    return found


def fill(box: Outbox) -> None:
    box.put_data(frames.DATA, 1, b"data")
    box.put_control(frames.CONTROL, 0, b"{}")
    box.put_fleeting(frames.PING, bytes(8))


def test_what_is_urgent_passes_what_waits() -> None:
    box = Outbox()
    box.open(0)
    fill(box)
    box.put_datagram(frames.DATAGRAM, 1, b"datagram")
    order = [frames.PING, frames.CONTROL, frames.DATAGRAM, frames.DATA]
    assert kinds(box.take(1 << 20)) == order
    assert not box.has_output


def test_before_the_hello_only_fleeting_frames_leave() -> None:
    box = Outbox()
    fill(box)
    assert box.room_bytes == 0
    assert not box.put_datagram(frames.DATAGRAM, 1, b"lost")
    assert box.dropped_datagrams == 1
    assert kinds(box.take(1 << 20)) == [frames.PING]


def test_an_outage_keeps_what_is_reliable_alone() -> None:
    box = Outbox()
    box.open(0)
    box.put_control(frames.CONTROL, 0, b"{}")
    box.take(1 << 20)  # sent, and never acknowledged
    fill(box)
    box.shut()
    assert not box.has_output
    box.open(0)
    box.put_fleeting(frames.PING, bytes(8))
    assert kinds(box.take(1 << 20)) == [
        frames.PING, frames.CONTROL, frames.CONTROL, frames.DATA,
    ]  # fmt: skip


def test_a_resend_that_does_not_fit_at_once_goes_first_the_next_time() -> None:
    box = Outbox()
    box.open(0)
    for _ in range(3):
        box.put_control(frames.CONTROL, 0, b"{}")
    box.take(1 << 20)
    box.shut()
    box.open(0)
    box.put_control(frames.CREDIT, 1, bytes(4))
    assert kinds(box.take(1)) == [frames.CONTROL]
    assert kinds(box.take(1 << 20)) == [frames.CONTROL, frames.CONTROL, frames.CREDIT]


def test_datagrams_past_the_queue_are_dropped() -> None:
    box = Outbox()
    box.open(0)
    body = bytes(60_000)
    kept = 0
    while box.put_datagram(frames.DATAGRAM, 1, body):
        kept += len(body)
    assert kept <= outbox.DATAGRAM_QUEUE_BYTES + 2 * len(body)
    assert box.dropped_datagrams == 1
    box.take(1 << 30)
    assert box.put_datagram(frames.DATAGRAM, 1, body)


def test_a_peer_that_pings_without_reading_is_not_answered_for_ever() -> None:
    box = Outbox()
    for _ in range(outbox.FLEETING_LIMIT + 10):
        box.put_fleeting(frames.PONG, bytes(8))
    assert len(kinds(box.take(1 << 20))) == outbox.FLEETING_LIMIT


def test_news_wait_when_much_waits() -> None:
    box = Outbox()
    for _ in range(outbox.CHOKED_AT):
        assert not box.is_choked
        box.put_control(frames.CONTROL, 0, b"{}")
    assert box.is_choked


def test_a_peer_that_takes_nothing_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "CONTROL_QUEUE_LIMIT", 2)
    box = Outbox()
    for _ in range(2):
        box.put_control(frames.CONTROL, 0, b"{}")
    box.check_limits()
    box.put_control(frames.CONTROL, 0, b"{}")
    with pytest.raises(ProtocolError):
        box.check_limits()


def test_a_peer_that_acknowledges_nothing_is_broken() -> None:
    box = Outbox()
    box.journal = Journal(limit_bytes=10)
    box.open(0)
    for _ in range(3):
        box.put_control(frames.CONTROL, 0, b"{}")
    box.check_limits()
    box.take(1 << 20)
    with pytest.raises(ProtocolError):
        box.check_limits()
