"""What tells processes apart that are run by the same interpreter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port_linker.ui.programs import name_program


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


words = st.sampled_from(
    ["python3", "-m", "-c", "-", "/", "//", "a.py", "-jar", "java", "", "x" * 99]
)


@given(st.one_of(st.none(), st.text(max_size=20)), st.lists(words, max_size=6))
def test_any_command_line_has_a_name(process: str | None, line: list[str]) -> None:
    assert isinstance(name_program(process, " ".join(line)), str)
