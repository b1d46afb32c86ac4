"""Which sockets are one service, and what changes when sockets do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import Proto, Service, ServiceId
from port_linker.ports import services
from port_linker.ports.events import ServicesChanged
from port_linker.ports.services import Sockets, merge_sockets, order_of, rank_address
from tests.ports.kit import BOB, service

ANY4, ANY6 = service("0.0.0.0:80", pid=7), service("tcp/[::]:80", pid=7)
HOSTS = ("127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::", "10.0.0.1", "fe80::1", "::ffff:1.2.3.4")
BOTH = replace(ANY4, others=(ANY6.id,))


def names(services: list[Service]) -> list[list[str]]:
    return [[id_.host for id_ in one.sockets] for one in services]


@pytest.mark.parametrize(
    ("sockets", "found"),
    [
        ((ANY6, ANY4), [["0.0.0.0", "::"]]),
        ((ANY4, replace(ANY6, pid=8)), [["0.0.0.0"], ["::"]]),
        ((ANY4, replace(ANY6, uid=BOB)), [["0.0.0.0"], ["::"]]),
        ((ANY4, replace(ANY6, pid=None)), [["0.0.0.0", "::"]]),
        ((service("0.0.0.0:80"), service("tcp/[::]:80")), [["0.0.0.0", "::"]]),
        ((service("127.0.0.1:80"), service("tcp/[::1]:80")), [["127.0.0.1", "::1"]]),
        ((service("127.0.0.1:80"), service("10.0.0.5:80")), [["127.0.0.1"], ["10.0.0.5"]]),
        ((service("127.0.0.1:80"), service("tcp/[::]:80")), [["127.0.0.1"], ["::"]]),
        (
            (service("10.0.0.5:80", pid=7), service("127.0.0.1:80", pid=7), ANY6),
            [["127.0.0.1", "::", "10.0.0.5"]],
        ),
        (
            (replace(ANY4, container="shop"), replace(ANY6, pid=8, container="shop")),
            [["0.0.0.0", "::"]],
        ),
        (
            (replace(ANY4, container="shop"), replace(ANY6, container="other")),
            [["0.0.0.0"], ["::"]],
        ),
    ],
)
def test_one_process_is_one_service(sockets: tuple[Service, ...], found: list[list[str]]) -> None:
    assert names(merge_sockets(sockets, ())) == found


def test_what_comes_and_goes_is_told_of_services() -> None:
    sockets = Sockets()
    assert sockets.take(ServicesChanged(appeared=(ANY6, ANY4))) == ServicesChanged((BOTH,))
    again = ServicesChanged(appeared=(ANY4, ANY6), is_complete=True)
    assert sockets.take(again) == ServicesChanged()
    alone = sockets.take(ServicesChanged(vanished=(ANY6.id,)))
    assert alone == ServicesChanged(changed=(ANY4,))
    assert sockets.take(ServicesChanged(is_complete=True)) == ServicesChanged()
    assert sockets.has_unnamed
    assert sockets.drop_unnamed(1) == ServicesChanged(vanished=(ANY4.id,))
    assert sockets.drop_unnamed(1) == ServicesChanged()
    assert sockets.take(ServicesChanged(vanished=(ANY4.id,))) == ServicesChanged()


def test_what_a_whole_list_names_late_is_not_dropped() -> None:
    many = [replace(ANY4, id=ServiceId(Proto.TCP, "127.0.0.1", port)) for port in range(1, 101)]
    sockets = Sockets()
    sockets.take(ServicesChanged(appeared=tuple(many)))
    sockets.take(ServicesChanged(appeared=tuple(many[:10]), is_complete=True))
    assert len(sockets.drop_unnamed(20).vanished) == 20
    assert sockets.take(ServicesChanged(appeared=tuple(many[30:60]))) == ServicesChanged()
    assert len(sockets.drop_unnamed(1000).vanished) == 40
    assert not sockets.has_unnamed


@given(st.lists(st.tuples(st.sampled_from(HOSTS), st.integers(0, 2), st.integers(0, 1))))
def test_the_marks_find_what_a_comparison_of_all_finds(rows: list[tuple[str, int, int]]) -> None:
    sockets = {}
    for host, pid, uid in rows:
        id_ = ServiceId(Proto.TCP, host, 80)
        sockets[id_] = Service(id_, uid, pid=pid or None, container="c" if pid == 2 else None)
    merged = merge_sockets(sockets.values(), ())
    assert names(merged) == names_by_comparison(list(sockets.values()))


def names_by_comparison(sockets: list[Service]) -> list[list[str]]:
    groups: list[list[Service]] = []
    for socket in sorted(sockets, key=lambda socket: order_of(socket.id)):
        group = next((one for one in groups if any(is_same(two, socket) for two in one)), None)
        if group is None:
            groups.append([socket])
        else:
            group.append(socket)
    return [[socket.id.host for socket in group] for group in groups]


def is_same(one: Service, two: Service) -> bool:
    if one.uid != two.uid or one.container != two.container:
        return False
    if one.container is not None or (one.pid is not None and one.pid == two.pid):
        return True
    (family, rank), (other_family, other_rank) = (
        rank_address(one.id.host),
        rank_address(two.id.host),
    )
    is_seen = one.pid is not None and two.pid is not None
    return not is_seen and rank == other_rank and family != other_family


def test_a_service_keeps_its_name_while_its_socket_is_there() -> None:
    sockets = Sockets()
    sockets.take(ServicesChanged(appeared=(ANY6,)))
    named = replace(ANY6, others=(ANY4.id,))
    assert sockets.take(ServicesChanged(appeared=(ANY4,))) == ServicesChanged(changed=(named,))
    renamed = sockets.take(ServicesChanged(vanished=(ANY6.id,)))
    assert renamed == ServicesChanged(appeared=(ANY4,), vanished=(ANY6.id,))


def test_a_target_cannot_fill_our_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_OF_PORT", 2)
    hosts = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    appeared = tuple(service(f"{host}:80", pid=7) for host in hosts)
    (one,) = Sockets().take(ServicesChanged(appeared=appeared)).appeared
    assert len(one.sockets) == 2
    monkeypatch.setattr(services, "MAX_SOCKETS", 2)
    sockets = Sockets()
    many = tuple(service(f"10.0.0.1:{port}") for port in (1, 2, 3))
    assert len(sockets.take(ServicesChanged(appeared=many)).appeared) == 2
    sockets.take(ServicesChanged(vanished=(many[0].id,)))
    assert sockets.take(ServicesChanged(appeared=(many[2],))).appeared == (many[2],)
