"""HOST as typed on the command line becomes a Target. Pure."""

from __future__ import annotations

import enum
import hashlib
import re
import shlex
from dataclasses import dataclass

from port_linker.errors import UsageError
from port_linker.model import clean_text

MAX_HOST_CHARS = 1024  # an exec: command may be long; a state file's name is made from its hash
DISPLAY_CHARS = 48
_HINT = "write HOST as for ssh, or docker:CONTAINER, or exec:COMMAND"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class TargetKind(enum.StrEnum):
    """Which program reaches the target."""

    SSH = "ssh"
    DOCKER = "docker"
    EXEC = "exec"


@dataclass(frozen=True)
class Target:
    """The machine to mirror.

    words: ssh: one word, the destination as ssh reads it; docker: the container's name or id;
    exec: the command that gives a shell, one word or more.
    flags: options that ssh has itself, one word each ("-p2222").
    """

    kind: TargetKind
    words: tuple[str, ...]
    flags: tuple[str, ...] = ()

    @property
    def display(self) -> str:
        """The short name that people see: "dev1", "docker:web", "exec:podman exec -i web sh"."""
        prefix = "" if self.kind is TargetKind.SSH else f"{self.kind}:"
        words = " ".join(self.words) if len(self.words) == 1 else shlex.join(self.words)
        text = prefix + clean_text(words, MAX_HOST_CHARS)
        return text if len(text) <= DISPLAY_CHARS else text[: DISPLAY_CHARS - 1] + "…"

    @property
    def typed(self) -> str:
        """What a person writes behind ssh to reach it: "-p 2222 dev1"."""
        words = [word for flag in self.flags for word in (flag[:2], flag[2:])]
        return clean_text(" ".join([*map(shlex.quote, words), self.display]), MAX_HOST_CHARS)

    @property
    def key(self) -> str:
        """A stable file name for what is kept per target, such as "dev1-5f2c81d09a3b"."""
        places = (flag for flag in self.flags if not flag.startswith("-i"))  # a key is no place
        identity = "\0".join((self.kind.value, *self.words, *places))
        digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", self.display).strip("-.")[:32]
        return f"{slug}-{digest}" if slug else digest

    def __str__(self) -> str:
        return self.display


def parse_target(text: str, flags: tuple[str, ...] = ()) -> Target:
    """Return the Target of HOST. flags: ssh's own options, which mean nothing to other kinds.

    Raises UsageError for an empty name, control characters, or a name that begins with "-",
    which ssh or docker would read as an option.
    """
    if not text.strip():
        raise UsageError("HOST is empty", _HINT)
    if len(text) > MAX_HOST_CHARS:
        raise UsageError(f"HOST is longer than {MAX_HOST_CHARS} characters", _HINT)
    if _CONTROL.search(text):
        raise UsageError("HOST contains a control character", _HINT)
    kind, colon, rest = text.partition(":")
    if colon and kind == TargetKind.EXEC:
        return Target(TargetKind.EXEC, _parse_words(rest))
    if colon and kind == TargetKind.DOCKER:
        return Target(TargetKind.DOCKER, (_parse_name(rest, "the container's name"),))
    return Target(TargetKind.SSH, (_parse_destination(text),), flags)


def _parse_words(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"exec: has an open quote: {text!r}", _HINT) from error
    if not words or not words[0]:
        raise UsageError("exec: needs a command", "for example exec:docker exec -i web sh")
    return words


def _parse_destination(text: str) -> str:
    name = _parse_name(text, "HOST")
    authority = name[len("ssh://") :] if name.lower().startswith("ssh://") else name
    user, at, host = authority.rpartition("@")
    if not host or host.startswith("-") or authority.startswith("-") or (at and not user):
        raise UsageError(f"HOST is not a name that ssh accepts: {text!r}", _HINT)
    return name


def _parse_name(text: str, what: str) -> str:
    if not text:
        raise UsageError(f"{what} is empty", _HINT)
    if text.startswith("-"):
        raise UsageError(f"{what} begins with '-': {text!r}", _HINT)
    if any(char.isspace() for char in text):
        raise UsageError(f"{what} contains a space: {text!r}", _HINT)
    return text
