"""Names of users. The local file answers at once; a directory service may take its time.
Runs on Python 3.9.
"""

from __future__ import annotations

import os
import pwd

from port_linker.model import clean_text
from port_linker.scan.background import Background

_OVERFLOW_UID = 65534  # "nobody": whom the kernel names where a uid means nothing here
_MAX_FILE_BYTES = 8 << 20
_MAX_NAMES = 4096


def parse_passwd(text: bytes) -> dict[int, str]:
    """Return uid → name of an /etc/passwd; the first name of a uid counts, odd lines do not."""
    names: dict[int, str] = {}
    for line in text.splitlines():
        columns = line.split(b":")
        if len(columns) >= 3 and columns[2].isdigit() and not line.startswith((b"#", b"+", b"-")):
            names.setdefault(int(columns[2]), clean_text(columns[0].decode("utf-8", "replace")))
    return names


def ask_name(uid: int) -> str | None:
    """Return a user's name from all sources that the system is set up with; may block for long."""
    try:
        return clean_text(pwd.getpwuid(uid).pw_name) or None
    except (KeyError, OverflowError):
        return None


class UserNames:
    """uid → name, without ever waiting: a name that must be asked for comes in a later scan."""

    def __init__(self, path: str = "/etc/passwd") -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._local: dict[int, str] = {}
        self._asked: dict[int, str | None] = {}
        self._background: Background[int, str | None] = Background(ask_name, "user-names")

    @property
    def has_news(self) -> bool:
        """Whether a name came that was not known at the last read."""
        return self._background.has_answers

    def read_names(self, uids: set[int]) -> dict[int, str]:
        """Return the names known by now; uid 65534 has none."""
        self._refresh_local()
        self._asked.update(self._background.take())
        unknown = [
            uid
            for uid in uids
            if uid != _OVERFLOW_UID and uid not in self._local and uid not in self._asked
        ]
        if unknown:
            if len(self._asked) > _MAX_NAMES:
                self._asked.clear()
            self._background.request(unknown)
            self._asked.update(self._background.take(wait_s=0.01))
        names = {uid: self._local.get(uid) or self._asked.get(uid) for uid in uids}
        return {uid: name for uid, name in names.items() if name and uid != _OVERFLOW_UID}

    def _refresh_local(self) -> None:
        """Read the local file again if it changed; without one only the system is asked."""
        try:
            status = os.stat(self._path)
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return
            with open(self._path, "rb") as file:
                self._local = parse_passwd(file.read(_MAX_FILE_BYTES))
            self._stamp = stamp
        except OSError:
            self._local, self._stamp = {}, None
