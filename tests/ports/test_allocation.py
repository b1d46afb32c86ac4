"""No local address is claimed twice; guests find a place, and remember it."""

from __future__ import annotations

from port_linker.model import Proto, ServiceId
from port_linker.ports import allocation as allocation_module
from port_linker.ports.allocation import MAX_TRIES, Allocation
from port_linker.ports.types import LOOPBACK, Local, LocalFacts

WEB = ServiceId(Proto.TCP, "0.0.0.0", 80)
OTHER = ServiceId(Proto.TCP, "127.0.0.1", 8080)


def both(port: int) -> tuple[Local, ...]:
    return tuple(Local(family, LOOPBACK[family], port) for family in (4, 6))


def guest(allocation: Allocation, id_: ServiceId = WEB) -> int | None:
    allocation.invite(id_, id_.port, (4, 6))
    ((_, locals_),) = allocation.place_guests()
    return locals_[0].port if locals_ else None


def test_a_guest_takes_the_first_free_number() -> None:
    allocation = Allocation(LocalFacts(), {})
    allocation.claim(OTHER, both(8080))
    assert guest(allocation) == 18080
    assert allocation.take_remembered() == {WEB.key: 18080}
    assert allocation.take_remembered() is None


def test_a_remembered_number_comes_first_and_is_no_news() -> None:
    allocation = Allocation(LocalFacts(), {WEB.key: 9999})
    assert allocation.remembers(WEB)
    assert guest(allocation) == 9999
    assert allocation.take_remembered() is None


def test_one_family_of_the_number_is_not_enough() -> None:
    allocation = Allocation(LocalFacts(), {})
    allocation.claim(OTHER, both(8080)[1:])
    assert guest(allocation) == 18080


def test_a_guest_that_was_driven_out_moves_on() -> None:
    allocation = Allocation(LocalFacts(), {})
    assert guest(allocation) == 8080
    allocation.claim(OTHER, both(8080))
    assert allocation.place_guests() == [(WEB, both(18080))]


def test_a_guest_stays_when_asked_to_and_leaves_when_released() -> None:
    allocation = Allocation(LocalFacts(), {})
    guest(allocation)
    allocation.release(WEB, keep_guest=True)
    assert guest(allocation, ServiceId(Proto.TCP, "10.0.0.5", 80)) == 18080
    allocation.release(WEB)
    assert guest(allocation, ServiceId(Proto.TCP, "10.0.0.6", 80)) == 8080


def test_busy_numbers_are_passed_over_until_they_are_forgotten() -> None:
    allocation = Allocation(LocalFacts(), {})
    guest(allocation)
    allocation.mark_busy(WEB, both(8080)[0])
    assert guest(allocation) == 18080
    allocation.release(WEB)
    allocation.forget_busy()
    allocation.remembered.clear()
    assert guest(allocation) == 8080


def test_a_guest_gives_up_after_enough_tries() -> None:
    allocation = Allocation(LocalFacts(), {})
    for _ in range(MAX_TRIES):
        port = guest(allocation)
        assert port is not None
        allocation.mark_busy(WEB, both(port)[0])
    assert guest(allocation) is None
    allocation.forget_busy()
    assert guest(allocation) is not None


def test_what_is_remembered_is_bounded(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(allocation_module, "MAX_REMEMBERED", 2)
    allocation = Allocation(LocalFacts(), {})
    for port in (80, 81, 82):
        guest(allocation, ServiceId(Proto.TCP, "0.0.0.0", port))
    assert list(allocation.remembered.values()) == [8081, 8082]
