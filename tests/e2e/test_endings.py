"""Endings: FIN, RST, half-close, in every order at both ends, over both links and over none.

What each end reads is compared: its bytes first, then the end, as the other side made it.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios
import threading
from collections.abc import Callable

import pytest

from tests.lab.fixtures import Start
from tests.lab.hosts import TwoHosts
from tests.lab.netns import Namespace
from tests.lab.quic import wait_carried, wait_quic
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab

LINKS = ("stdio", "quic")
PORT = 7001
WORDS = b"x" * 50_000  # the kernel takes them from a reader that does not read yet
UPLOAD = b"u" * 2_000_000
ANSWER = b"a" * 65_536
TRIES = 40

Opened = tuple[socket.socket, socket.socket]  # the client's end and the service's
Open = Callable[[], Opened]
Step = tuple[int, str]  # which of the two, and how it ends
CLIENT, SERVICE = 0, 1


def serve(lab: TwoHosts) -> socket.socket:
    """Return a listening socket of the target."""
    listening = lab.target.listen("127.0.0.1", PORT)
    listening.settimeout(10)
    return listening


def begin(lab: TwoHosts, start: Start, link: str) -> None:
    """Start the program; wait until the port goes over this link."""
    program = start(lab, "target", "--link", link)
    if link == "quic":
        wait_quic(program, "up")
    program.wait_service(PORT)
    if link == "quic":
        wait_carried(lab, PORT)


def opener(listening: socket.socket, near: Namespace) -> Open:
    """Return what makes a connection from this side."""

    def open_both() -> Opened:
        client = near.connect("127.0.0.1", PORT)
        service, _ = listening.accept()
        service.settimeout(10)
        return client, service

    return open_both


def end(sock: socket.socket, how: str) -> None:
    """End a connection: "fin" (our half), "rst" (SO_LINGER 0), "close" (what is unread resets)."""
    if how == "fin":
        sock.shutdown(socket.SHUT_WR)
        return
    if how == "rst":
        # What is not acknowledged when we reset never leaves our kernel: not what is tested here.
        wait_until(lambda: unacknowledged(sock) == 0, "the kernel has sent all")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def unacknowledged(sock: socket.socket) -> int:
    """Return how many bytes the other kernel has not acknowledged (SIOCOUTQ)."""
    raw = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(raw, "little")


def read_end(sock: socket.socket) -> tuple[int, str]:
    """Read to the end; return the bytes and how it ended."""
    size = 0
    try:
        while data := sock.recv(1 << 20):
            size += len(data)
    except ConnectionResetError:
        return size, "rst"
    return size, "fin"


def has_reset(sock: socket.socket) -> bool:
    """Whether a reset has come behind the FIN that was read."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


ORDERS: dict[str, list[Step]] = {
    "client ends, service ends": [(CLIENT, "fin"), (SERVICE, "fin")],
    "service ends, client ends": [(SERVICE, "fin"), (CLIENT, "fin")],
    "client ends, service resets": [(CLIENT, "fin"), (SERVICE, "rst")],
    "service ends, client resets": [(SERVICE, "fin"), (CLIENT, "rst")],
    "client resets": [(CLIENT, "rst")],
    "service resets": [(SERVICE, "rst")],
    "client ends, then resets": [(CLIENT, "fin"), (CLIENT, "rst")],
    "service ends, then resets": [(SERVICE, "fin"), (SERVICE, "rst")],
    "client ends, service closes": [(CLIENT, "fin"), (SERVICE, "close")],
    "service ends, client closes": [(SERVICE, "fin"), (CLIENT, "close")],
    "client closes": [(CLIENT, "close")],
    "service closes": [(SERVICE, "close")],
}


def play(opened: Opened, steps: list[Step], reads_late: bool) -> list[str]:
    """Carry out the steps; return what the other end reads, after each step or after the last."""
    for sock in opened:
        sock.sendall(WORDS)
    full = [len(WORDS)] * 2
    wait_until(lambda: [readable(sock) for sock in opened] == full, "each has the other's bytes")
    seen, ended = [], set[int]()
    moments = [steps] if reads_late else [[step] for step in steps]
    for moment in moments:
        for who, how in moment:
            end(opened[who], how)
        for who, _ in moment:
            reader = opened[1 - who]
            if reader.fileno() >= 0:
                seen.append(
                    read_second(reader)
                    if who in ended
                    else "{} bytes, {}".format(*read_end(reader))
                )
            ended.add(who)
    for sock in opened:
        sock.close()
    return seen


def readable(sock: socket.socket) -> int:
    """Return how many bytes wait to be read."""
    return int.from_bytes(fcntl.ioctl(sock, termios.FIONREAD, bytes(4)), "little")


def read_second(reader: socket.socket) -> str:
    """Return what comes behind a FIN: a reset, at once."""
    wait_until(lambda: has_reset(reader), "a reset behind the FIN", timeout_s=3)
    return "rst"


def play_all(open_both: Open) -> dict[str, list[str]]:
    """Return what is read in every order, at once and late."""
    return {
        f"{name}, read {'late' if reads_late else 'at once'}": play(open_both(), steps, reads_late)
        for name, steps in ORDERS.items()
        for reads_late in (False, True)
    }


@pytest.mark.parametrize("link", LINKS)
def test_every_order_of_endings_reads_as_it_does_without_a_link(
    lab: TwoHosts, start: Start, link: str
) -> None:
    listening = serve(lab)
    direct = play_all(opener(listening, lab.target))
    assert direct["service resets, read late"] == ["50000 bytes, rst"]
    assert direct["client ends, then resets, read at once"] == ["50000 bytes, fin", "rst"]
    begin(lab, start, link)
    assert play_all(opener(listening, lab.host)) == direct


def refuse_upload(closer: socket.socket) -> None:
    """Read a KiB, answer, and close while the other end still sends: an HTTP 413."""
    size = 0
    while size < 1024:
        size += len(closer.recv(1024 - size))
    closer.sendall(ANSWER)
    closer.close()


def upload_and_read(sender: socket.socket) -> int:
    """Send much and read meanwhile; return how many bytes of the answer came."""

    def send() -> None:
        with contextlib.suppress(OSError):
            sender.sendall(UPLOAD)

    thread = threading.Thread(target=send, name="upload", daemon=True)
    thread.start()
    size, _ = read_end(sender)
    thread.join(10)
    sender.close()
    return size


@pytest.mark.parametrize("closer", [CLIENT, SERVICE], ids=["client closes", "service closes"])
@pytest.mark.parametrize("link", LINKS)
def test_an_answer_arrives_whole_while_its_reader_still_sends(
    lab: TwoHosts, start: Start, link: str, closer: int
) -> None:
    listening = serve(lab)
    begin(lab, start, link)
    open_both = opener(listening, lab.host)
    whole = 0
    for _ in range(TRIES):
        opened = open_both()
        closing = threading.Thread(target=refuse_upload, args=(opened[closer],), daemon=True)
        closing.start()
        whole += upload_and_read(opened[1 - closer]) == len(ANSWER)
        closing.join(10)
    assert whole >= TRIES - 1
