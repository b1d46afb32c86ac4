"""No local address is claimed twice; guests find a place, and remember it."""

from __future__ import annotations

from port_linker.binding import claims as claims_module
from port_linker.binding.claims import Claims
from port_linker.binding.facts import LOOPBACK, Local, LocalFacts
from port_linker.binding.remap import MAX_TRIES
from port_linker.model import Proto, ServiceId

WEB = ServiceId(Proto.TCP, "0.0.0.0", 80)
OTHER = ServiceId(Proto.TCP, "127.0.0.1", 8080)


def both(port: int) -> tuple[Local, ...]:
    return tuple(Local(family, LOOPBACK[family], port) for family in (4, 6))


def guest(claims: Claims, id_: ServiceId = WEB) -> int | None:
    claims.invite(id_, id_.port, (4, 6))
    ((_, locals_),) = claims.settle_guests()
    return locals_[0].port if locals_ else None


def test_a_guest_takes_the_first_free_number() -> None:
    claims = Claims(LocalFacts(), {})
    claims.claim(OTHER, both(8080))
    assert guest(claims) == 18080
    assert claims.take_remembered() == {WEB.key: 18080}
    assert claims.take_remembered() is None


def test_a_remembered_number_comes_first_and_is_no_news() -> None:
    claims = Claims(LocalFacts(), {WEB.key: 9999})
    assert claims.remembers(WEB)
    assert guest(claims) == 9999
    assert claims.take_remembered() is None


def test_one_family_of_the_number_is_not_enough() -> None:
    claims = Claims(LocalFacts(), {})
    claims.claim(OTHER, both(8080)[1:])
    assert guest(claims) == 18080


def test_a_guest_that_was_driven_out_moves_on() -> None:
    claims = Claims(LocalFacts(), {})
    assert guest(claims) == 8080
    claims.claim(OTHER, both(8080))
    assert claims.settle_guests() == [(WEB, both(18080))]


def test_a_guest_stays_when_asked_to_and_leaves_when_released() -> None:
    claims = Claims(LocalFacts(), {})
    guest(claims)
    claims.release(WEB, keep_guest=True)
    assert guest(claims, ServiceId(Proto.TCP, "10.0.0.5", 80)) == 18080
    claims.release(WEB)
    assert guest(claims, ServiceId(Proto.TCP, "10.0.0.6", 80)) == 8080


def test_busy_numbers_are_passed_over_until_they_are_forgotten() -> None:
    claims = Claims(LocalFacts(), {})
    guest(claims)
    claims.mark_busy(WEB, both(8080)[0])
    assert guest(claims) == 18080
    claims.release(WEB)
    claims.forget_busy()
    claims.remembered.clear()
    assert guest(claims) == 8080


def test_a_guest_gives_up_after_enough_tries() -> None:
    claims = Claims(LocalFacts(), {})
    for _ in range(MAX_TRIES):
        port = guest(claims)
        assert port is not None
        claims.mark_busy(WEB, both(port)[0])
    assert guest(claims) is None
    claims.forget_busy()
    assert guest(claims) is not None


def test_what_is_remembered_is_bounded(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(claims_module, "MAX_REMEMBERED", 2)
    claims = Claims(LocalFacts(), {})
    for port in (80, 81, 82):
        guest(claims, ServiceId(Proto.TCP, "0.0.0.0", port))
    assert list(claims.remembered.values()) == [8081, 8082]
