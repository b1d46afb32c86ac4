"""Every verb, as data. Pure. Those of later versions are reserved now, so that no script breaks."""

from __future__ import annotations

from dataclasses import dataclass

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class Verb:
    """One verb. argument: its positional word in the help ("HOST"), "" for none.

    second: another word behind it, which may be left out.
    """

    name: str
    help: str
    argument: str = ""
    argument_help: str = ""
    choices: tuple[str, ...] = ()
    second: str = ""
    second_help: str = ""

    @property
    def usage(self) -> str:
        """The verb with its words: "config WHAT [HOST]"."""
        second = f"[{self.second}]" if self.second else ""
        return " ".join(word for word in (self.name, self.argument, second) if word)


_HOST = (
    "the machine whose services you want here: whatever ssh accepts (an alias of your"
    " ssh configuration, user@host, ssh://user@host:port), docker:CONTAINER,"
    ' or "exec:COMMAND" for any command that gives a shell there'
)
VERBS = (
    Verb("connect", "Mirror the services of HOST on this machine's localhost.", "HOST", _HOST),
    Verb("demo", "Try it here and now: a target of its own, nothing to set up."),
    Verb("doctor", "Check each stage on the way to HOST and say what to do.", "HOST", _HOST),
    Verb("completion", "Print a completion script for your shell.", "SHELL", "", SHELLS),
    Verb(
        "config",
        "List the ports that stand in for others, by target or of one HOST, or --forget them.",
        "WHAT",
        "",
        ("remembered",),
        "HOST",
        "as listed; all of them if left out",
    ),
    Verb("schema", "Print the JSON Schema of the --json lines."),
    Verb("version", "Print the version."),
    Verb("help", "Explain a verb.", "VERB"),
)
RESERVED = (
    *("status", "wait", "stop", "attach", "logs", "events", "explain", "ports"),
    *("open", "run", "ssh", "service", "web", "mcp", "reconnect", "pressure", "tune"),
    *("history", "incidents", "deployments", "decisions", "trace", "agent", "seccomp", "mount"),
    "fetch",
)
VERB_NAMES = tuple(verb.name for verb in VERBS)
