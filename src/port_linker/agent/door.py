"""The sockets on which attachers hand over a channel. I/O; runs on Python 3.9.

An attacher is ssh's child on the target: it passes its stdin and stdout (SCM_RIGHTS) and waits.
While ssh is gone the host may come in through our own sidecar; then that socket is the channel.
Only the own user and root are let in (SO_PEERCRED), and only with the session's token.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import os
import socket
import struct
from typing import Any, Callable, Optional

from port_linker import clock
from port_linker.tasks import start_task

logger = logging.getLogger(__name__)

LINE_LIMIT_BYTES = 64 * 1024
WAIT_S = 10.0  # for an attacher's whole message; it writes at once or is broken
ACCEPT_PAUSE_S = 0.5  # with no descriptors left; flows that end give some back
_UCRED = struct.Struct("3i")  # pid, uid, gid


class Attachment:
    """A channel that was handed over: two descriptors and a way to say goodbye.

    is_carried: the channel is the control socket itself, a stream inside QUIC. It carries no QUIC
    in turn, and nothing but the link's bytes follows the answer.
    """

    def __init__(
        self, control: socket.socket, descriptors: tuple[int, int], message: dict[str, Any]
    ) -> None:
        self.control = control
        self.descriptors = list(descriptors)
        self.sync = bytes.fromhex(str(message["sync"]))
        self.host = str(message["host"])
        self.is_carried = message.get("carried") is True
        self.ssh = str(message.get("ssh") or "")  # SSH_CONNECTION of this login

    def end(self, reason: Optional[str]) -> None:
        """Close the channel on this side, once; with a reason the attacher leaves.

        Without one it sees that the agent ends unexpectedly, and starts another.
        """
        if reason is not None and not self.is_carried:
            with contextlib.suppress(OSError):
                self.control.send(encode_line({"bye": reason}))
        self.control.close()
        if not self.is_carried:
            close_all(self.descriptors)
        self.descriptors = []


def encode_line(message: dict[str, Any]) -> bytes:
    """Return one JSON line."""
    return json.dumps(message).encode() + b"\n"


def receive_line(sock: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Read one JSON line and the descriptors that travel with it; blocks at most WAIT_S.

    Raises OSError or ValueError if the peer does not keep to the form; no descriptor is left open
    then.
    """
    descriptors: list[int] = []
    try:
        message = json.loads(_read_line(sock, descriptors))
        if not isinstance(message, dict):
            raise ValueError("not an object")
    except (OSError, ValueError):
        close_all(descriptors)
        raise
    except RecursionError as error:
        close_all(descriptors)
        raise ValueError("nested too deeply") from error
    return message, descriptors


def _read_line(sock: socket.socket, descriptors: list[int]) -> bytes:
    until = clock.monotonic_s() + WAIT_S
    data = b""
    while not data.endswith(b"\n"):
        sock.settimeout(max(0.001, until - clock.monotonic_s()))
        # One byte at a time: the start line is followed at once by the attach line, and one read
        # could return both (seen on Linux 6.18), with the descriptors.
        part, fds, _flags, _address = socket.recv_fds(sock, 1, 2, socket.MSG_CMSG_CLOEXEC)
        descriptors += fds
        data += part
        if not part or len(data) > LINE_LIMIT_BYTES or len(descriptors) > 2:
            raise ValueError("no complete line")
    return data


def close_all(descriptors: list[int]) -> None:
    """Close descriptors that nobody wants."""
    for fd in descriptors:
        with contextlib.suppress(OSError):
            os.close(fd)


class Door:
    """Takes attachments from the socket that the agent was born with and from its own."""

    def __init__(self, token: str, on_attach: Callable[[Attachment], None]) -> None:
        self._token = token
        self._on_attach = on_attach
        self._listener: Optional[socket.socket] = None
        self._accepting: Optional[asyncio.Task[None]] = None
        self._path: Optional[str] = None
        self.address: Optional[str] = None  # where we listen: a path, or "@name"

    def open(self, address: Optional[str]) -> None:
        """Listen: a path (0600), "@name" for an abstract socket, None for no way back in.

        Raises OSError if that cannot be (a full disk, a path too long).
        """
        if address is None:
            return
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._bind(listener, address)
            listener.listen(8)
        except OSError:
            listener.close()
            raise
        listener.setblocking(False)
        self._listener, self.address = listener, address
        self._accepting = start_task(self._accept(listener), "door")

    def _bind(self, listener: socket.socket, address: str) -> None:
        if address.startswith("@"):
            listener.bind(b"\0" + address[1:].encode())
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address)
        mask = os.umask(0o177)
        try:
            listener.bind(address)
        finally:
            os.umask(mask)
        self._path = address

    def close(self) -> None:
        """Take no more attachments and remove the path."""
        if self._accepting is not None:
            self._accepting.cancel()
        if self._listener is not None:
            # The loop may watch it still: a descriptor of the same number would be mistaken for it.
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
            self._path = None

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                control, _ = await loop.sock_accept(listener)
            except OSError as error:
                logger.warning("an attacher must wait", extra={"reason": error.strerror})
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            start_task(self.admit(control), "admit")

    async def admit(self, control: socket.socket) -> bool:
        """Let one attacher in, or send it away with the reason; return whether it is in."""
        loop = asyncio.get_running_loop()
        descriptors: list[int] = []
        attach: Any = None
        try:
            refusal = _judge_peer(control)
            if refusal is None:
                # In a thread: the wait for a slow peer must not stop the flows.
                message, descriptors = await loop.run_in_executor(None, receive_line, control)
                attach = message.get("attach")
                refusal = self._judge(attach, descriptors)
            answer = {"attached": {"pid": os.getpid()}} if not refusal else {"refused": refusal}
            control.setblocking(False)
            control.send(encode_line(answer))
        except (OSError, ValueError) as error:
            refusal = str(error)
        if refusal is not None:
            logger.warning("an attacher was refused", extra={"reason": refusal})
            close_all(descriptors)
            control.close()
            return False
        channel = (*descriptors, *2 * [control.fileno()])[:2]  # a carried one brings none
        self._on_attach(Attachment(control, (channel[0], channel[1]), attach))
        return True

    def _judge(self, attach: Any, descriptors: list[int]) -> Optional[str]:
        if not isinstance(attach, dict):
            return "form"
        if len(descriptors) != (0 if attach.get("carried") is True else 2):
            return "form"
        token = str(attach.get("token", "")).encode("utf-8", "replace")
        if not hmac.compare_digest(token, self._token.encode()):
            return "token"
        try:
            is_sync = len(bytes.fromhex(str(attach.get("sync")))) == 16
        except ValueError:
            is_sync = False
        return None if is_sync and attach.get("host") else "form"


def _judge_peer(control: socket.socket) -> Optional[str]:
    """Return "uid" for another person's process, before a word of it is read. Raises OSError."""
    credentials = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(credentials)
    return None if uid in (0, os.getuid()) else "uid"
