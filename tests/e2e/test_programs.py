"""Real programs across port-linker: PostgreSQL, Redis, nginx, a WebSocket, dnsmasq, iperf3."""

from __future__ import annotations

import base64
import glob
import hashlib
import os
import shutil
import subprocess

import pytest

from tests.lab import services as kinds
from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.probe import read_exactly
from tests.lab.quic import wait_carried, wait_quic
from tests.lab.services import Services
from tests.lab.shell import run, wait_until

pytestmark = pytest.mark.lab


def need(*programs: str) -> None:
    """Skip the test if a program is not installed."""
    for program in programs:
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            pytest.skip(f"{program} is not installed")


def as_user(lab: TwoHosts, *words: str) -> subprocess.Popen[bytes]:
    """Start a program on the target as the login user; its words go to a file in the home."""
    with open(os.path.join(lab.folder, os.path.basename(words[0]) + ".log"), "ab") as log:
        command = lab.user.command(*words)
        return lab.target.start(*command, stdout=log, stderr=log, cwd=lab.user.home)


def on_host(lab: TwoHosts, *words: str, timeout_s: float = 30) -> str:
    """Return what a program of the host writes."""
    pipe = subprocess.PIPE
    process = lab.start(*words, stdout=pipe, stderr=pipe)
    out, err = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, err.decode(errors="replace")
    return out.decode(errors="replace")


def test_postgresql(lab: TwoHosts, start: Start) -> None:
    need("psql")
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not folders:
        pytest.skip("postgresql is not installed")
    data = os.path.join(lab.user.home, "pg")
    initdb = [f"{folders[-1]}/initdb", "-D", data, "-U", "lab", "-A", "trust", "--no-sync"]
    run(
        *lab.user.command(*initdb), timeout_s=60, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    )
    as_user(lab, f"{folders[-1]}/postgres", "-D", data, "-k", data, "-F", "-c", "fsync=off")
    program = start(lab, "target")
    event = program.wait_service(5432, timeout_s=20, remote="127.0.0.1:5432")
    assert event["process"] == "postgres"
    psql = ["psql", "-h", "127.0.0.1", "-U", "lab", "-d", "postgres", "-tA", "-c"]
    assert on_host(lab, *psql, "select sum(n) from generate_series(1, 100000) n") == "5000050000\n"
    rows = on_host(lab, *psql, "select n, md5(n::text) from generate_series(1, 20000) n")
    lines = rows.splitlines()
    assert len(lines) == 20_000
    assert lines[-1] == f"20000|{hashlib.md5(b'20000').hexdigest()}"  # noqa: S324 - a checksum


def test_redis(lab: TwoHosts, start: Start) -> None:
    need("redis-server", "redis-cli", "redis-benchmark")
    as_user(lab, "/usr/bin/redis-server", "--port", "6379", "--save", "", "--bind", "127.0.0.1")
    start(lab, "target").wait_service(6379, timeout_s=15)
    redis = ["redis-cli", "-h", "127.0.0.1"]
    big = "x" * 100_000
    assert on_host(lab, *redis, "set", "key", big) == "OK\n"
    assert on_host(lab, *redis, "get", "key") == big + "\n"
    bench = ["redis-benchmark", "-q", "-n", "5000", "-c", "50", "-P", "8", "-t", "set,get"]
    assert on_host(lab, *bench).count("requests per second") == 2


NGINX = """
daemon off; pid {home}/nginx.pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log {home}/access.log; client_body_temp_path {home}/a; proxy_temp_path {home}/b;
  fastcgi_temp_path {home}/c; uwsgi_temp_path {home}/d; scgi_temp_path {home}/e;
  server {{
    listen 127.0.0.1:8088; root {home}/www;
    location /chunked/ {{ alias {home}/www/; gzip on; gzip_types *; gzip_min_length 1; }}
  }}
}}
"""


def test_nginx_keep_alive_chunked_and_range(lab: TwoHosts, start: Start) -> None:
    need("nginx", "curl")
    body = "".join(f"line {number}\n" for number in range(50_000))
    lab.user.write("www/file.txt", body)
    config = lab.user.write("nginx.conf", NGINX.format(home=lab.user.home))
    as_user(lab, "/usr/sbin/nginx", "-c", config, "-e", f"{lab.user.home}/error.log")
    start(lab, "target").wait_service(8088, timeout_s=15)
    url = "http://localhost:8088"
    said = on_host(lab, "curl", "-sv", "--stderr", "-", f"{url}/file.txt", f"{url}/file.txt")
    assert said.count("line 49999\n") == 2
    assert "Re-using existing connection" in said
    assert on_host(lab, "curl", "-s", "-r", "100-199", f"{url}/file.txt") == body[100:200]
    head = on_host(lab, "curl", "-s", "--compressed", "-D", "-", f"{url}/chunked/file.txt")
    assert "transfer-encoding: chunked" in head.lower()
    assert head.replace("\r\n", "\n").endswith(body)


async def websocket_echo(reader: kinds.Reader, writer: kinds.Writer) -> None:
    """Answer a WebSocket handshake, then send back each frame's payload unmasked (RFC 6455)."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(
        x.split(": ")[1] for x in head.split("\r\n") if x.lower().startswith("sec-websocket-key")
    )
    accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode())  # noqa: S324
    word = base64.b64encode(accept.digest()).decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {word}\r\n\r\n".encode()
    )
    while True:
        first, second = await reader.readexactly(2)
        length = second & 127
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2), "big")
        mask = await reader.readexactly(4)
        data = await reader.readexactly(length)
        plain = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
        writer.write(bytes([first]) + size + plain)
        await writer.drain()
        if first & 15 == 8:
            return


def test_a_websocket(lab: TwoHosts, services: Services, start: Start) -> None:
    services.tcp(websocket_echo, 8089)
    start(lab, "target").wait_service(8089)
    with lab.connect(8089) as sock:
        sock.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        for text in (b"hello", b"y" * 3000):
            size = (
                bytes([128 | len(text)])
                if len(text) < 126
                else b"\xfe" + len(text).to_bytes(2, "big")
            )
            sock.sendall(b"\x81" + size + b"\0\0\0\0" + text)
            answer_head = 2 if len(text) < 126 else 4
            assert read_exactly(sock, answer_head + len(text))[answer_head:] == text
        sock.sendall(b"\x88\x80\0\0\0\0")
        assert read_exactly(sock, 2) == b"\x88\x00"
        assert sock.recv(1) == b""


def test_dnsmasq_and_dig(lab: TwoHosts, start: Start) -> None:
    need("dnsmasq", "dig")
    words = ["--no-daemon", "--port=5300", "--no-resolv", "--no-hosts", "--conf-file=/dev/null"]
    words += ["--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file="]
    words += ["--address=/lab.test/192.0.2.7", f"--user={lab.user.name}"]
    as_user(lab, "/usr/sbin/dnsmasq", *words)
    program = start(lab, "target")
    program.wait_service(5300, proto="udp", timeout_s=15)
    program.wait_service(5300, proto="tcp")
    dig = ["dig", "@127.0.0.1", "-p", "5300", "+short", "+time=3", "+tries=1"]
    assert on_host(lab, *dig, "a.lab.test") == "192.0.2.7\n"
    assert on_host(lab, *dig, "+tcp", "b.lab.test") == "192.0.2.7\n"
    for number in range(20):
        assert on_host(lab, *dig, f"n{number}.lab.test") == "192.0.2.7\n"


@pytest.mark.parametrize("link", ["stdio", "quic"])
def test_iperf3_backwards(lab: TwoHosts, start: Start, link: str) -> None:
    """Its client resets the data connections; what the server says afterwards must arrive."""
    need("iperf3")
    as_user(lab, "iperf3", "-s", "--forceflush", "-B", "127.0.0.1", "-p", "5201")
    program = start(lab, "target", "--link", link)
    program.wait_service(5201, timeout_s=15)
    if link == "quic":
        wait_quic(program, "up")
        wait_carried(lab, 5201)
    for number in range(1, 21):
        # It closes its port after each test, and opens it anew.
        wait_until(lambda number=number: count_listens(lab) == number, "the server listens")  # type: ignore[misc]
        on_host(lab, "iperf3", "-c", "127.0.0.1", "-R", "-n", "1M")


def count_listens(lab: TwoHosts) -> int:
    """Return how often the iperf3 server has opened its port."""
    with open(os.path.join(lab.folder, "iperf3.log")) as log:
        return log.read().count("Server listening")
