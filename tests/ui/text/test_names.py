"""Names of services, and what tells processes apart that the same interpreter runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.ports.types import ServiceState
from port_linker.session.events import ServiceEvent
from port_linker.ui.text import names
from port_linker.ui.text.names import name_program, name_server, name_unit


@pytest.mark.parametrize(
    ("process", "command", "name"),
    [
        ("python3", "python3 -m http.server 8000", "http.server 8000"),
        ("python3", "/usr/bin/python3.11 -u -m http.server --bind ::1", "http.server"),
        (
            "python3",
            "python3 -X dev /srv/shop/manage.py runserver 0:80",
            "shop/manage.py runserver",
        ),
        ("uvicorn", "/venv/bin/python /venv/bin/uvicorn app:main --port 80", "uvicorn app:main"),
        ("python3", "python3 -c import x", "python3 -c"),
        ("python3", "python3", "python3"),
        ("node", "node --inspect /srv/api/server.js", "api/server.js"),
        ("demo-target", "python3 -m port_linker.demo.target", "demo-target"),
        ("node", "/usr/bin/python3 -c pass", "node"),
        ("python3.11", "/usr/bin/python3 -m http.server", "http.server"),
        ("gunicorn: maste", "/usr/bin/python3 /usr/bin/gunicorn app:x", "gunicorn: maste"),
        ("node-MainThread", "node /srv/web/vite.js --port 5173", "vite.js"),
        ("java", "java -Xmx1g -cp /a:/b org.example.Search", "Search"),
        ("java", "/opt/jdk/bin/java -jar /srv/jenkins.war --port=80", "jenkins.war"),
        ("postgres", "/usr/lib/postgresql/15/bin/postgres -D /data", "postgres"),
        ("nginx", "nginx: master process /usr/sbin/nginx", "nginx"),
        ("long-name-of-th", "/usr/bin/long-name-of-the-program --x", "long-name-of-the-program"),
        ("redis-server", None, "redis-server"),
        (None, "/usr/bin/x y", "x"),
        (None, None, ""),
    ],
)
def test_a_name_says_what_runs(process: str | None, command: str | None, name: str) -> None:
    assert name_program(process, command) == name


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("nginx.service", "nginx"),
        ("postgresql@15-main.service", "postgresql@15-main"),
        (r"serial\x2dgetty@ttyS0.service", "serial-getty@ttyS0"),
        (r"caf\xc3\xa9.service", "café"),
        (r"evil\x1b\x5b2J.service", "evil\ufffd[2J"),
        ("app-foo.scope", "foo"),
        ("app-gnome-org.gnome.Maps-2211.scope", "org.gnome.Maps"),
        (r"app-gnome-gnome\x2dterminal-77.scope", "gnome-terminal"),
        ("app-org.kde.kate@0a1b2c3d.service", "org.kde.kate"),
        ("app-feed.scope", "feed"),
        ("x@.service", "x"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_unit_is_named_as_people_do(unit: str | None, name: str) -> None:
    assert name_unit(unit) == name


@pytest.mark.parametrize(
    ("process", "command", "unit", "name"),
    [
        (None, None, "nginx.service", "nginx"),
        (None, None, "app-foo.scope", "foo"),
        ("nginx", "nginx: master process nginx", "web.service", "nginx"),
        ("postgres", "postgres -D /x", "postgresql@15-main.service", "postgresql@15-main"),
        ("python3", "python3 -c import x", "shop.service", "shop"),
        ("python3", "python3 /srv/a/main.py", "shop.service", "shop"),
        ("python3", None, "shop.service", "shop"),
        ("python3", "python3 /srv/a/main.py", "app-gnome-term-7.scope", "a/main.py"),
        ("python3", "python3 -m http.server 8000", "shop.service", "http.server 8000"),
        ("node", "node /srv/billing.js", "supervisor.service", "billing.js"),
        (None, None, None, ""),
    ],
)
def test_a_unit_stands_where_it_says_more(
    process: str | None, command: str | None, unit: str | None, name: str
) -> None:
    assert name_server(process, command, unit) == name


words = st.sampled_from(
    ["python3", "-m", "-c", "-", "/", "//", "a.py", "-jar", "java", "", "x" * 99]
)


@given(st.one_of(st.none(), st.text(max_size=20)), st.lists(words, max_size=6))
def test_any_command_line_has_a_name(process: str | None, line: list[str]) -> None:
    assert isinstance(name_program(process, " ".join(line)), str)
    assert isinstance(name_server(process, " ".join(line), "a.service"), str)


@given(st.text(max_size=40))
def test_a_unit_of_any_text_is_safe_on_a_terminal(unit: str) -> None:
    name = name_unit(unit + ".service")
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F for char in name)


@pytest.mark.parametrize(
    ("local", "text"),
    [
        ((), ""),
        (("127.0.0.1:80", "[::1]:80"), "localhost:80"),
        (("127.0.0.1:80",), "127.0.0.1:80"),
        (("127.0.0.1:80", "[::1]:8080"), "127.0.0.1:80 [::1]:8080"),
        (("odd",), "odd"),
    ],
)
def test_local(local: tuple[str, ...], text: str) -> None:
    assert names.format_local(local) == text


@pytest.mark.parametrize(
    ("process", "container", "user", "text"),
    [
        ("nginx", None, "root", "80/tcp (nginx)"),
        ("nginx", "web", None, "80/tcp (web/nginx)"),
        (None, "web", None, "80/tcp (web)"),
        (None, None, "alice", "80/tcp of alice"),
        (None, None, None, "80/tcp"),
    ],
)
def test_names(process: str | None, container: str | None, user: str | None, text: str) -> None:
    event = ServiceEvent(
        0.0,
        "dev1",
        ServiceState.READY,
        "tcp",
        80,
        "0.0.0.0:80",
        process=process,
        container=container,
        user=user,
    )
    assert names.name_service(event) == text


def test_every_state_has_its_own_symbol_and_letter() -> None:
    for signs in (names.SYMBOLS, names.LETTERS):
        assert set(signs) == set(ServiceState)
        assert len(set(signs.values())) == len(ServiceState)
