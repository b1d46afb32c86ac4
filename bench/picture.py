"""Makes docs/table.svg: the real program in a real terminal, mirroring a target of the lab.

python -m bench.picture, as root from the repository's root: it needs network namespaces and tmux.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text
from tests.lab.hosts import TwoHosts
from tests.lab.netns import why_not
from tests.lab.shell import wait_until

SERVICES = (  # name, kind, address, port
    ("postgres", "tcp", "127.0.0.1", 5432),
    ("redis-server", "tcp", "127.0.0.1", 6379),
    ("nginx", "tcp", "0.0.0.0", 8080),
    ("node", "tcp", "127.0.0.1", 3000),
    ("jupyter-lab", "tcp", "::1", 8888),
    ("grafana", "tcp", "::", 3001),
    ("statsd", "udp", "127.0.0.1", 8125),
)
SERVE = """
import socket, sys, threading
name, kind, host, port = sys.argv[1:]
open("/proc/self/comm", "w").write(name)
family = socket.AF_INET6 if ":" in host else socket.AF_INET
sock = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind((host, int(port)))
if kind == "tcp":
    sock.listen()
print("up", flush=True)
def serve(conn):
    while data := conn.recv(65536):
        conn.sendall(data * 40)
while kind == "tcp":
    threading.Thread(target=serve, args=sock.accept()[:1], daemon=True).start()
while True:
    sock.recv(65536)
"""
WIDTH, HEIGHT = 116, 14


def main() -> int:
    reason = why_not()
    if reason:
        print(f"no picture: {reason}")
        return 0
    lab = TwoHosts()
    try:
        lab.add_ssh_config(Path(lab.ssh_config).read_text().replace("target", "dev1"))
        for row in SERVICES:
            words = lab.user.command("/usr/bin/python3", "-c", SERVE, *map(str, row))
            process = lab.target.start(*words, stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.readline()
        holder = lab.host.listen("127.0.0.1", 3000), lab.host.listen("::1", 3000)
        Path("docs/table.svg").write_text(draw(film(lab)))
        del holder
    finally:
        lab.close()
    return 0


def film(lab: TwoHosts) -> str:
    """Return the terminal's screen, colours included, while flows move."""
    socket_path = f"{lab.folder}/tmux"
    tmux = ["tmux", "-S", socket_path]
    program = f"{os.getcwd()}/.venv/bin/port-linker"
    command = f"{program} dev1 --on-conflict skip"
    words = [*tmux, "new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), command]
    lab.start(*words, env=lab.env(TERM="xterm-256color", COLORTERM="truecolor")).wait()

    def screen() -> str:
        return subprocess.run(
            [*tmux, "capture-pane", "-e", "-p"], capture_output=True, text=True, check=True
        ).stdout

    wait_until(lambda: "8125/udp" in screen(), "the table", timeout_s=20)
    flows = [lab.connect(port) for port in (5432, 5432, 6379, 8080, 3001)]
    for _ in range(12):
        for flow in flows:
            flow.sendall(bytes(900))
        time.sleep(0.25)  # the picture shows rates: there must be some
    picture = screen()
    subprocess.run([*tmux, "send-keys", "q"], check=True)
    for flow in flows:
        flow.close()
    return picture


def draw(screen: str) -> str:
    """Return the SVG, without fonts from elsewhere."""
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(screen.rstrip("\n")))
    svg = console.export_svg(title="port-linker dev1", unique_id="table")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
