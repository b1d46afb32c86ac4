"""Rows and owners become services."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from port_linker.model import MAX_COMMAND_CHARS, Proto, Service, ServiceId
from port_linker.scan.owners import (
    Names,
    Owner,
    ServiceBook,
    clean_command,
    is_for_container,
    make_owner,
    merge_rows,
)
from port_linker.scan.published import NO_CONTAINERS, Containers
from port_linker.scan.rows import Row

WEB = Row(Proto.TCP, "0.0.0.0", 80, 33, 700, False)
DNS = Row(Proto.UDP, "::", 53, 101, 800, True)
NGINX = Owner(9, "nginx", "nginx -g daemon off;")


def no_owner(inode: int) -> Owner | None:
    return None


def test_sockets_of_one_address_are_one_service() -> None:
    second, first = WEB._replace(inode=702), WEB._replace(inode=701)
    assert list(merge_rows([[second, first, WEB], [DNS]]).values()) == [WEB, DNS]


def test_our_own_sockets_are_left_out() -> None:
    assert list(merge_rows([[WEB], [DNS]], {800}).values()) == [WEB]
    nobody = WEB._replace(inode=0)
    assert list(merge_rows([[nobody]], {0}).values()) == [nobody]


def test_a_service_says_all_that_is_known() -> None:
    book = ServiceBook()
    rows = merge_rows([[WEB, DNS]])
    services = book.build(rows, {700: NGINX}.get, Names({33: "www"}), NO_CONTAINERS, ())
    assert services == [
        Service(
            ServiceId(Proto.TCP, "0.0.0.0", 80),
            uid=33,
            user="www",
            pid=9,
            process="nginx",
            command="nginx -g daemon off;",
        ),
        Service(ServiceId(Proto.UDP, "::", 53), uid=101, v6only=True),
    ]


def test_a_service_that_stays_the_same_is_the_same_object() -> None:
    book = ServiceBook()
    rows = merge_rows([[WEB, DNS]])
    before = book.build(rows, no_owner, Names(), NO_CONTAINERS, ())
    assert len(book.appeared) == 2
    after = book.build(rows, {700: NGINX}.get, Names(), NO_CONTAINERS, ())
    assert book.appeared == []
    assert after[0].process == "nginx"
    assert after[1] is before[1]


def test_a_container_is_named_and_a_new_socket_counts_as_new() -> None:
    book = ServiceBook()
    containers = Containers({}, {(Proto.TCP, 80): (("0.0.0.0", "web", WEB.uid),)})
    (service,) = book.build(merge_rows([[WEB]]), no_owner, Names(), containers, {WEB.inode})
    assert service.container == "web"
    other = merge_rows([[WEB._replace(inode=900)]])
    (service,) = book.build(other, no_owner, Names(), containers, {WEB.inode})
    assert book.appeared == [WEB[:3]]
    assert service.container is None, "the engine spoke of another socket"


def test_the_unit_is_the_holders_and_the_sockets_only_where_no_holder_is_seen() -> None:
    rows = merge_rows([[WEB._replace(cgroup=44)]])
    names = Names(units={44: "web.socket.service"})
    (service,) = ServiceBook().build(rows, no_owner, names, NO_CONTAINERS, ())
    assert service.unit == "web.socket.service"
    seen = {700: NGINX._replace(unit="nginx.service")}
    (service,) = ServiceBook().build(rows, seen.get, names, NO_CONTAINERS, ())
    assert service.unit == "nginx.service"
    (service,) = ServiceBook().build(rows, {700: NGINX}.get, names, NO_CONTAINERS, ())
    assert service.unit is None, "pid 1 made the socket, in whatever group"


def test_engines_are_asked_about_proxies_containers_and_the_unknown() -> None:
    assert is_for_container(None)
    assert is_for_container(Owner(1, "docker-proxy"))
    assert is_for_container(Owner(1, "python3", container_id="ab" * 32))
    assert not is_for_container(NGINX)


def test_names_and_commands_are_clean() -> None:
    owner = make_owner(7, b"a\x1b[2J\n\xff", clean_command(b"x\0\x1b]0;boo\x07\0\0"), b"", 0)
    assert owner == Owner(7, "a\ufffd[2J\ufffd\ufffd", "x \ufffd]0;boo\ufffd", None)
    assert clean_command(b"") is None
    assert clean_command(b"\0\0") is None
    assert len(clean_command(b"x" * 5000) or "") == MAX_COMMAND_CHARS


@given(st.binary(max_size=64), st.binary(max_size=64), st.binary(max_size=64))
def test_no_name_reaches_a_terminal_unharmed(name: bytes, words: bytes, group: bytes) -> None:
    cgroup = b"0::/" + group + b".service\n"
    owner = make_owner(7, name, clean_command(words), cgroup, 0)
    for text in (owner.process, owner.command or "", owner.unit or ""):
        text.encode("utf-8")
        assert not any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F for char in text)
