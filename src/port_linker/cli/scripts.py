"""The completion scripts, made from options.OPTIONS. Pure; reference.py writes them as files."""

from __future__ import annotations

from port_linker.cli.option import Option
from port_linker.cli.options import OPTIONS, options_of
from port_linker.cli.verbs import VERBS, Verb

_HOSTS = (
    'awk \'tolower($1) == "host"'
    " { for (i = 2; i <= NF; i++) if ($i ~ /^[A-Za-z0-9._@-]+$/) print $i }'"
    ' "$HOME/.ssh/config" 2>/dev/null'
)
_HEAD = "# Completion of port-linker for {shell}; made by port_linker.cli.reference. {how}\n"
_BASH = """\
_port_linker_hosts() {{
    {hosts}
}}

_port_linker() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local verb="" word place words=""
    for ((place = 1; place < COMP_CWORD; place++)); do
        word=${{COMP_WORDS[place]}}
        case $word in
            {valued}) ((place++)) ;;
            -*) ;;
            *) verb=$word; break ;;
        esac
    done
    COMPREPLY=()
    case $previous in
{values}
        {valued}) return ;;
    esac
    case $verb in
{verbs}
        "") words="{names} $(_port_linker_hosts) {connect}" ;;
        *) words="{connect}" ;;
    esac
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(compgen -W "$words" -- "$current")
}}
complete -F _port_linker port-linker
"""
_ZSH = """\
#compdef port-linker
_port_linker_hosts() {{
    local -a hosts
    hosts=(${{(f)"$({hosts})"}})
    _describe 'host' hosts
}}

_port_linker() {{
    local -a verbs
    local place=2 verb=""
    while (( place < CURRENT )); do
        case $words[place] in
            ({valued}) (( place++ )) ;;
            (-*) ;;
            (*) verb=$words[place]; break ;;
        esac
        (( place++ ))
    done
    verbs=(
{names}
    )
    if [[ -z $verb && $words[CURRENT] != -* ]]; then
        _describe 'verb' verbs
        _port_linker_hosts
        return
    fi
    case $verb in
{verbs}
        (*) _arguments -S {connect} ;;
    esac
}}
if [[ $funcstack[1] == _port_linker ]]; then
    _port_linker "$@"
else
    compdef _port_linker port-linker
fi
"""


def build_script(shell: str) -> str:
    """Return the completion script of one of SHELLS."""
    builders = {"bash": _build_bash, "zsh": _build_zsh, "fish": _build_fish}
    return builders[shell]()


def _head(shell: str, how: str) -> str:
    return _HEAD.format(shell=shell, how=how)


def _flags(verb: str) -> str:
    return " ".join([*(flag for option in options_of(verb) for flag in option.flags), "--help"])


def _valued() -> str:
    return "|".join(flag for option in OPTIONS if option.takes_value for flag in option.flags)


# bash


def _build_bash() -> str:
    return _head("bash", 'Use: eval "$(port-linker completion bash)"') + _BASH.format(
        hosts=_HOSTS,
        valued=_valued(),
        values="\n".join(
            _bash_value(option)
            for option in OPTIONS
            if option.takes_value and (option.choices or option.file)
        ),
        verbs="\n".join(_bash_verb(verb) for verb in VERBS),
        names=" ".join(verb.name for verb in VERBS),
        connect=_flags("connect"),
    )


def _bash_value(option: Option) -> str:
    made = f'-W "{" ".join(option.choices)}"' if option.choices else "-f"
    reply = f'COMPREPLY=($(compgen {made} -- "$current"))'
    return f"        {'|'.join(option.flags)}) {reply}; return ;;"


def _bash_verb(verb: Verb) -> str:
    words = [_flags(verb.name), *verb.choices]
    if verb.argument == "HOST":
        words.append("$(_port_linker_hosts)")
    if verb.argument == "VERB":
        words += [other.name for other in VERBS]
    return f'        {verb.name}) words="{" ".join(words)}" ;;'


# zsh


def _build_zsh() -> str:
    how = "Use: port-linker completion zsh > a directory of $fpath/_port-linker"
    body = _ZSH.format(
        hosts=_HOSTS,
        valued=_valued(),
        names="\n".join(f"        {_quote(f'{v.name}:{v.help}')}" for v in VERBS),
        verbs="\n".join(_zsh_verb(verb) for verb in VERBS),
        connect=_zsh_options("connect"),
    )
    first, rest = body.split("\n", 1)
    return f"{first}\n{_head('zsh', how)}{rest}"


def _zsh_verb(verb: Verb) -> str:
    places = {"HOST": "':verb:' ':host:_port_linker_hosts'"}
    words = verb.choices or (tuple(v.name for v in VERBS) if verb.argument == "VERB" else ())
    place = places.get(verb.argument, f"':verb:' ':word:({' '.join(words)})'" if words else "")
    return f"        ({verb.name}) _arguments -S {_zsh_options(verb.name)} {place} ;;".replace(
        "  ;;", " ;;"
    )


def _zsh_options(verb: str) -> str:
    return " ".join(_zsh_option(option) for option in options_of(verb)) or "'--help[explain]'"


def _zsh_option(option: Option) -> str:
    words = ""
    if option.takes_value:
        action = f"({' '.join(option.choices)})" if option.choices else ""
        words = f":{option.metavar.replace(':', ' ')}:{'_files' if option.file else action}"
    text = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    return " ".join(_quote(f"*{flag}[{text}]{words}") for flag in option.flags)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# fish


def _build_fish() -> str:
    lines = [
        "function __port_linker_hosts",
        f"    {_HOSTS}",
        "end",
        "complete -c port-linker -f",
    ]
    first = "__fish_use_subcommand"
    for verb in VERBS:
        lines.append(_fish(f"-n {first} -a {verb.name} -d {_fish_quote(verb.help)}"))
        words = verb.choices or (tuple(v.name for v in VERBS) if verb.argument == "VERB" else ())
        made = "(__port_linker_hosts)" if verb.argument == "HOST" else " ".join(words)
        if made:
            seen = f"'__fish_seen_subcommand_from {verb.name}'"
            lines.append(_fish(f"-n {seen} -a {_fish_quote(made)}"))
    lines.append(_fish(f"-n {first} -a '(__port_linker_hosts)' -d host"))
    others = " ".join(verb.name for verb in VERBS if verb.name != "connect")
    for option in OPTIONS:
        if "connect" in option.verbs:
            seen = f"'not __fish_seen_subcommand_from {others}; or {_seen(option)}'"
        else:
            seen = f"'{_seen(option)}'"
        lines.append(_fish(f"-n {seen} {_fish_option(option)}"))
    return _head("fish", "Use: port-linker completion fish | source") + "\n".join(lines) + "\n"


def _seen(option: Option) -> str:
    return f"__fish_seen_subcommand_from {' '.join(option.verbs)}"


def _fish(rest: str) -> str:
    return f"complete -c port-linker {rest}"


def _fish_option(option: Option) -> str:
    parts = [f"-l {option.flag.removeprefix('--')}"]
    parts += [f"-s {option.short.removeprefix('-')}"] if option.short else []
    if option.takes_value:
        parts.append("-r -F" if option.file else "-x")
    if option.choices:
        parts.append(f"-a {_fish_quote(' '.join(option.choices))}")
    return " ".join([*parts, f"-d {_fish_quote(option.help)}"])


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
