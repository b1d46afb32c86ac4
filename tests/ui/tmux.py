"""A real terminal for tests: tmux on a server of its own, with a shell in it."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import tempfile
import time
from types import TracebackType

PATIENCE_S = 20.0
STEP_S = 0.05


class Terminal:
    """One window of a tmux server that nobody else uses; ends with its test."""

    def __init__(self, width: int = 80, height: int = 16) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pl-tmux-")
        self._socket = os.path.join(self._folder.name, "tmux")
        self.commands = os.path.join(self._folder.name, "commands")
        os.mkfifo(self.commands)
        shell = "env -u CI -u NO_COLOR PS1='ready> ' bash --norc --noprofile"
        self._tmux(
            *("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height)),
            *("-e", f"FAKE_COMMANDS={self.commands}", "-e", "LC_ALL=C.UTF-8", shell),
        )

    def __enter__(self) -> Terminal:
        self.wait_for(r"^ready>$")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        self._folder.cleanup()

    def close(self) -> None:
        """Take the terminal away from whoever is in it."""
        self._tmux("kill-server")

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *words], capture_output=True, text=True, timeout=30
        )
        return done.stdout

    def start(self, *options: str) -> None:
        """Start the fake session in the shell."""
        words = " ".join([sys.executable, "-m", "tests.fakes.session", *options])
        self.type_line(f"clear; {words}")

    def type_line(self, text: str) -> None:
        """Type text and Enter."""
        self._tmux("send-keys", "-l", text)
        self.press("Enter")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._tmux("send-keys", *keys)

    def tell(self, command: str) -> None:
        """Tell the fake session what happens next."""
        with open(self.commands, "w", encoding="utf-8") as pipe:
            pipe.write(command + "\n")

    def resize(self, width: int, height: int) -> None:
        """Change the size of the terminal."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def lines(self) -> list[str]:
        """Return what is on the screen now."""
        return [line.rstrip() for line in self._tmux("capture-pane", "-p").split("\n")]

    def raw(self) -> str:
        """Return the screen with its colours as escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    def wait_for(self, pattern: str) -> str:
        """Wait until the screen matches; return it. Fails with the screen after PATIENCE_S."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            text = "\n".join(self.lines()).rstrip("\n")
            if re.search(pattern, text, re.MULTILINE):
                return text
            select.select([], [], [], STEP_S)
        raise AssertionError(f"{pattern!r} did not appear:\n" + "\n".join(self.lines()))

    def settings(self) -> str:
        """Return the terminal's mode, the cursor and the screen in use, seen from outside."""
        mode = subprocess.run(
            ["stty", "-a", "-F", self.tty],
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout
        flags = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{bracket_paste_flag}"
        return f"{self._tmux('display', '-p', flags)}{mode}"

    @property
    def tty(self) -> str:
        """The terminal's device."""
        return self._tmux("display", "-p", "#{pane_tty}").strip()

    def child(self) -> int:
        """Return the pid of the fake session."""
        shell = self._tmux("display", "-p", "#{pane_pid}").strip()
        with open(f"/proc/{shell}/task/{shell}/children", encoding="utf-8") as file:
            return int(file.read().split()[0])
