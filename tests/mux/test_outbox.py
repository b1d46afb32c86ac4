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


def take_bytes(box: Outbox, limit: int) -> dict[int, int]:
    """Return how many bytes of each type leave."""
    data, found = b"".join(box.take(limit)), dict[int, int]()
    while data:
        size = frames.HEADER_BYTES + int.from_bytes(data[5:8], "big")
        found[data[0]] = found.get(data[0], 0) + size
        data = data[size:]
    return found


def test_beside_data_datagrams_take_a_fifth_and_few_pass_at_once() -> None:
    box = Outbox()
    box.open(0)
    took = {frames.DATA: 0, frames.DATAGRAM: 0}
    for _ in range(200):
        while box.room_bytes:
            box.put_data(frames.DATA, 1, bytes(16_384))
        while box.put_datagram(frames.DATAGRAM, 2, bytes(100)):
            pass
        for kind, size in take_bytes(box, 256 * 1024).items():
            took[kind] += size
        box.journal.acknowledge(box.journal.sent_bytes)
    assert 0.18 <= took[frames.DATAGRAM] / sum(took.values()) <= 0.22
    box = Outbox()
    box.open(0)
    box.put_data(frames.DATA, 1, bytes(1 << 18))
    box.put_datagram(frames.DATAGRAM, 2, b"soon")
    assert kinds(box.take(1 << 20)) == [frames.DATAGRAM, frames.DATA]


def test_data_that_is_under_way_counts_though_none_waits() -> None:
    box = Outbox()
    box.open(0)
    box.put_data(frames.DATA, 1, bytes(outbox.BUSY_BYTES))
    box.take(1 << 20)
    for _ in range(8):
        box.put_datagram(frames.DATAGRAM, 2, bytes(60_000))
    assert take_bytes(box, 1 << 20)[frames.DATAGRAM] < 3 * 60_016
    assert take_bytes(box, 1 << 20) == {}
    box.journal.acknowledge(box.journal.sent_bytes)
    assert frames.DATAGRAM in take_bytes(box, 1 << 20)
    assert not box.has_output


def takes_openings(box: Outbox) -> bool:
    return box.takes_openings


def test_openings_of_associations_wait_among_the_datagrams_and_outlive_an_outage() -> None:
    box = Outbox()
    assert not takes_openings(box)
    box.open(0)
    assert takes_openings(box)
    box.put_among_datagrams(frames.OPEN, 1, b"service")
    while takes_openings(box):
        box.put_datagram(frames.DATAGRAM, 1, b"")  # an empty one takes room too
    box.put_among_datagrams(frames.RESET, 1, b"idle")
    box.shut()
    box.open(0)
    assert kinds(box.take(1 << 20)) == [frames.OPEN, frames.RESET]
    assert takes_openings(box)
    box.shut()
    box.open(0)
    assert kinds(box.take(1 << 20)) == [frames.OPEN, frames.RESET]  # they were not acknowledged


def test_packets_of_quic_have_a_queue_of_their_own() -> None:
    box = Outbox()
    assert not box.put_packet(frames.PACKET, b"x")
    box.open(0)
    box.put_datagram(frames.DATAGRAM, 1, b"x")
    kept = 0
    while box.put_packet(frames.PACKET, bytes(1200)):
        kept += 1200
    assert kept <= outbox.PACKET_QUEUE_BYTES + 2400
    assert kinds(box.take(1 << 20))[-2:] == [frames.PACKET, frames.DATAGRAM]
    assert box.put_packet(frames.PACKET, b"x")


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


def test_what_waits_as_control_is_bounded_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "CONTROL_QUEUE_BYTES", 3 * 1008)
    monkeypatch.setattr(outbox, "CHOKED_AT_BYTES", 2 * 1008)
    box = Outbox()
    box.open(0)
    for _ in range(3):
        assert not box.is_choked or len(box._control) == 2
        box.put_control(frames.CONTROL, 0, bytes(1000))
        box.check_limits()
    box.put_control(frames.CONTROL, 0, b"x")
    assert box.is_choked
    with pytest.raises(ProtocolError, match="does not take"):
        box.check_limits()
    box.take(1 << 20)
    box.check_limits()
    assert not box.is_choked
