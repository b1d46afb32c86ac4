"""The options that ssh itself has under the same letters, as data. Pure."""

from __future__ import annotations

from port_linker.cli.option import Kind, Option

_SSH = (("connect", "doctor"), "Reaching HOST")
SSH_FLAGS = (
    Option(
        "ssh_option",
        Kind.WORDS,
        "Pass an option to ssh, as ssh -o does (ProxyJump=bastion). Repeat for more.",
        *_SSH,
        "OPTION",
        short="-o",
    ),
    Option("ssh_port", Kind.TEXT, "As ssh -p: the port of HOST's sshd.", *_SSH, "PORT", short="-p"),
    Option("ssh_user", Kind.TEXT, "As ssh -l: the user to log in as.", *_SSH, "USER", short="-l"),
    Option(
        "ssh_jump",
        Kind.TEXT,
        "As ssh -J: the machines to go through, separated by commas.",
        *_SSH,
        "HOSTS",
        short="-J",
    ),
    Option(
        "ssh_identity",
        Kind.WORDS,
        "As ssh -i: the file of a private key. Repeat for more.",
        *_SSH,
        "FILE",
        short="-i",
        file=True,
    ),
    Option(
        "ssh_config",
        Kind.TEXT,
        "As ssh -F: ssh's configuration, instead of yours and the machine's.",
        *_SSH,
        "FILE",
        short="-F",
        file=True,
    ),
)
