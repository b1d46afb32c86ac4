"""What can be wrong with a command line, found before anything begins. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from port_linker.cli.args import Settings, check_settings, parse_udp_ports
from port_linker.cli.verbs import VERB_NAMES
from port_linker.errors import UsageError
from port_linker.ports.rules import parse_maps, parse_rules
from port_linker.ssh.command import check_ssh_option
from port_linker.ssh.target import parse_target


def check_usage(settings: Settings) -> None:
    """Raise UsageError for whatever can be known to be wrong without reaching HOST."""
    check_settings(settings)
    parse_target(settings.host, settings.ssh_flags)
    for option in ("only", "skip", "allow"):
        parse_rules(getattr(settings, option), f"--{option}")
    parse_maps(settings.map)
    parse_udp_ports(settings.udp_port)
    for line in settings.ssh_option:
        check_ssh_option(line)
    _check_flags(settings)


def _check_flags(settings: Settings) -> None:
    port = settings.ssh_port
    if port is not None and not (port.isdecimal() and 0 < int(port[:6]) <= 0xFFFF):
        raise UsageError(f"-p takes a port within 1-65535, not {port!r}", "for example -p 2222")
    if any(len(flag) < 3 for flag in settings.ssh_flags):
        raise UsageError("an option of ssh has an empty value", "leave the option out")


def explain_extra_words(verb: str, words: Sequence[str], extra: Sequence[str]) -> UsageError:
    """Return the error for more words than a verb takes.

    words: all that were typed behind the verb. extra: those that were too many.
    """
    text = " ".join(extra)
    digit = next((word for word in words if re.fullmatch("-[0-9]+", word)), None)
    if digit is not None:  # a number, to the parser; to ssh -4 and -6 are the IP version
        version = {"-4": "inet", "-6": "inet6"}.get(digit)
        instead = f"-o AddressFamily={version}" if version else f"port-linker {verb} --help"
        return UsageError(f"unknown option {digit}", instead)
    first = next((word for word in words if not word.startswith("-")), "")
    if first.startswith("exec:"):
        command = f'"{first} {text}"'
        return UsageError(
            f"exec: takes its command as one word, and {text!r} stands outside of it",
            f"quote it: port-linker {command}",
        )
    near = difflib.get_close_matches(first, VERB_NAMES, n=1)
    if verb == VERB_NAMES[0] and near:
        return UsageError(
            f"there is no verb {first}; did you mean {near[0]}?",
            f"port-linker {near[0]} {text}",
        )
    return UsageError(f"more words than expected: {text}", f"port-linker {verb} --help")
