"""Every option, as data: parser, help, completion and docs/cli.md are made from it. Pure."""

from __future__ import annotations

from port_linker.cli.option import Kind, Option
from port_linker.cli.ssh_flags import SSH_FLAGS

CONFLICT_CHOICES = ("ask", "kill", "remap", "skip")
LINK_CHOICES = ("auto", "stdio", "quic")
_RULE = (
    "PORT, PORT-PORT, either with /tcp or /udp, ADDRESS:PORT, or a process name with * as a"
    " wildcard; separate with commas, or repeat the option"
)
_CONNECT = ("connect",)
_REACH = ("connect", "doctor")
_ALL = ("connect", "demo", "doctor")
OPTIONS = (
    Option(
        "only",
        Kind.WORDS,
        f"Mirror nothing but these services: {_RULE}.",
        _CONNECT,
        "Which services",
        "RULES",
    ),
    Option(
        "skip",
        Kind.WORDS,
        "Leave these services out; wins over --only. Written as for --only.",
        _CONNECT,
        "Which services",
        "RULES",
    ),
    Option(
        "allow",
        Kind.WORDS,
        "Mirror these though they are left out by default, such as ssh itself, or a port of"
        " this machine's ephemeral range. Written as for --only.",
        _CONNECT,
        "Which services",
        "RULES",
    ),
    Option(
        "all_users",
        Kind.FLAG,
        "Mirror other people's services too, not only yours, the system's and containers'.",
        _CONNECT,
        "Which services",
    ),
    Option(
        "max_services",
        Kind.NUMBER,
        "Mirror at most this many services at once; the rest waits for room.",
        _CONNECT,
        "Which services",
        "NUMBER",
    ),
    Option(
        "map",
        Kind.WORDS,
        "Give a service another port here: the port on HOST first, then the one on this machine"
        " (80:8080; 53:5353/udp). Separate with commas, or repeat the option.",
        _CONNECT,
        "Ports on this machine",
        "REMOTE:LOCAL",
    ),
    Option(
        "on_conflict",
        Kind.TEXT,
        "What to do when a port is already used on this machine: ask you; kill the process that"
        " holds it (only for ports named with --only); remap the service to another port; skip"
        " it. Without somebody to ask, ask means skip.",
        _CONNECT,
        "Ports on this machine",
        "WHAT",
        choices=CONFLICT_CHOICES,
    ),
    Option(
        "own_user_only",
        Kind.FLAG,
        "Refuse connections that other users of this machine make to the mirrored ports.",
        _CONNECT,
        "Ports on this machine",
    ),
    Option(
        "hold",
        Kind.FLAG,
        "Keep every port bound until the end, also while its service is gone: connections are reset"
        " then, and no other program takes the port and reads what clients send.",
        _CONNECT,
        "Ports on this machine",
    ),
    *SSH_FLAGS,
    Option(
        "target_python",
        Kind.TEXT,
        "The Python to use on HOST (3.9 or newer), if the usual names do not find it.",
        _REACH,
        "Reaching HOST",
        "PATH",
    ),
    Option(
        "lease",
        Kind.NUMBER,
        "How long the agent on HOST keeps open connections alive when it hears nothing from this"
        " machine, in seconds.",
        _CONNECT,
        "Reaching HOST",
        "SECONDS",
    ),
    Option(
        "outage_wait",
        Kind.NUMBER,
        "How long a new connection waits for HOST in an outage before it is reset, in seconds;"
        " 0 resets it at once.",
        _CONNECT,
        "Reaching HOST",
        "SECONDS",
    ),
    Option(
        "link",
        Kind.TEXT,
        "What carries the bytes: auto begins over ssh and moves to QUIC once that answers; stdio"
        " stays with ssh; quic ends the session if QUIC does not come up, and is a failure for"
        " the doctor then.",
        _REACH,
        "Reaching HOST",
        "WHICH",
        choices=LINK_CHOICES,
    ),
    Option(
        "udp_port",
        Kind.TEXT,
        "The UDP port that QUIC uses on HOST, or a range of which the first free one is taken;"
        " 60000-61000 unless told otherwise.",
        _REACH,
        "Reaching HOST",
        "PORT",
    ),
    Option(
        "json",
        Kind.FLAG,
        "Print JSON for scripts: one object per line and change (port-linker schema explains).",
        ("connect", "demo", "doctor", "config", "version"),
        "Output",
    ),
    Option(
        "plain",
        Kind.FLAG,
        "Print a line per change instead of the live table.",
        ("connect", "demo"),
        "Output",
    ),
    Option(
        "no_input",
        Kind.FLAG,
        "Ask nothing. Also set by CI=true, or without a terminal.",
        _ALL,
        "Output",
    ),
    Option("no_color", Kind.FLAG, "Print no colours. Also set by NO_COLOR.", _ALL, "Output"),
    Option(
        "verbose",
        Kind.COUNT,
        "Show the log on stderr too; twice for all of it.",
        _ALL,
        "Output",
        short="-v",
    ),
    Option(
        "log_file",
        Kind.TEXT,
        "Write the log there instead of the usual place.",
        _ALL,
        "Output",
        "PATH",
        file=True,
    ),
    Option(
        "forget",
        Kind.FLAG,
        "Forget what is listed. A session that runs keeps its own ports until its end.",
        ("config",),
        "Output",
    ),
    Option(
        "once",
        Kind.FLAG,
        "Leave when the demo is done; the exit code is 0 only if all of it worked.",
        ("demo",),
        "Output",
    ),
)


def options_of(verb: str) -> tuple[Option, ...]:
    """Return the options that stand with a verb."""
    return tuple(option for option in OPTIONS if verb in option.verbs)
