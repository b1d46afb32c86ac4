"""How many fit, and who waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import Proto, ServiceId
from port_linker.ports.capacity import Capacity


def ids(count: int) -> list[ServiceId]:
    return [ServiceId(Proto.TCP, "127.0.0.1", 1 + port) for port in range(count)]


def filled(count: int, max_services: int, fd_services: int = 1000) -> Capacity:
    room = Capacity(max_services, fd_services)
    for id_ in ids(count):
        room.enqueue(id_)
    room.rebalance()
    return room


def test_who_comes_first_is_in_and_the_next_follows() -> None:
    room = filled(3, 2)
    one, two, three = ids(3)
    assert [id_ in room for id_ in (one, two, three)] == [True, True, False]
    assert list(room.waiting()) == [three]
    room.leave(one)
    assert room.rebalance() == [three]
    assert not room.has_space


def test_nobody_inside_is_queued_again() -> None:
    room = filled(1, 2)
    room.enqueue(ids(1)[0])
    assert list(room.waiting()) == []


def test_the_limit_that_binds_is_named() -> None:
    assert filled(0, 2000, 9000).explain() == (
        "the limit of 2,000 services is reached; raise it with --max-services"
    )
    assert filled(0, 2000, 480).explain() == (
        "this machine's descriptor limit leaves room for 480 services; raise it with ulimit -n"
    )


def test_a_lower_limit_sends_the_last_out_and_they_are_next() -> None:
    room = filled(5, 4)
    room.set_limits(2, 1000)
    one, two, three, four, five = ids(5)
    assert room.rebalance() == [four, three]
    assert list(room.waiting()) == [three, four, five]
    assert one in room
    assert two in room


def test_pressure_is_the_number_that_fits_until_it_is_relaxed() -> None:
    room = filled(5, 4)
    _, _, three, four, five = ids(5)
    room.lower([three, four, five])
    assert room.limit == 2
    assert "room for 2 services" in room.explain()
    assert room.rebalance() == []
    room.relax()
    assert set(room.rebalance()) == {three, four}


def test_who_has_sockets_already_is_counted_whatever_the_limit() -> None:
    room = filled(2, 1)
    two = ids(2)[1]
    room.enter(two)
    assert two in room
    assert room.rebalance() == [two], "the last in is the first out"


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["enqueue", "leave", "enter", "limit", "lower"]), st.integers(0, 9))
)


@given(OPERATIONS)
def test_the_limit_holds_and_nobody_waits_without_need(operations: list[tuple[str, int]]) -> None:
    room, all_ids = Capacity(3, 100), ids(10)
    for name, number in operations:
        id_ = all_ids[number]
        actions = {
            "limit": lambda number=number: room.set_limits(number, 100),
            "lower": lambda id_=id_: room.lower([id_]),
        }
        actions.get(name, lambda name=name, id_=id_: getattr(room, name)(id_))()
        room.rebalance()
        inside = [one for one in all_ids if one in room]
        assert len(inside) <= room.limit
        assert not room.has_space or not list(room.waiting())
        assert not set(inside) & set(room.waiting())
