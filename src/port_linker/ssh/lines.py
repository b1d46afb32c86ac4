"""Bytes of a stream become lines of bounded length. Pure."""

from __future__ import annotations

from port_linker.model import clean_text

MAX_LINE_BYTES = 4096  # a longer one is cut: the target must not fill our memory


class LineSplitter:
    """Cuts a stream into lines, each of at most limit bytes; what is longer is dropped."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._partial = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that data completes, cleaned for a terminal, without their end."""
        *complete, last = data.split(b"\n")
        lines = []
        for piece in complete:
            lines.append(self._decode(self._partial + piece[: self._limit]))
            self._partial = b""
        self._partial = (self._partial + last[: self._limit])[: self._limit]
        return lines

    def flush(self) -> list[str]:
        """Return the unfinished last line, if there is one."""
        rest, self._partial = self._partial, b""
        return [self._decode(rest)] if rest else []

    def _decode(self, line: bytes) -> str:
        text = line[: self._limit].rstrip(b"\r").decode("utf-8", "replace")
        return clean_text(text.replace("\t", "    "), self._limit)
