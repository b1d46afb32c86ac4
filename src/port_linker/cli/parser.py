"""The parser: options.OPTIONS as a cyclopts program. Imported only when it is needed (50 ms)."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from port_linker import __version__
from port_linker.cli.args import Settings
from port_linker.cli.option import Kind, Option
from port_linker.cli.options import options_of
from port_linker.cli.usage import explain_extra_words
from port_linker.cli.verbs import VERBS, Verb
from port_linker.errors import UsageError

MAX_COUNT = 9  # more says no more
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Settings)}
_ABOUT = (
    "Mirror every network service of a machine you can ssh into on this machine's localhost:"
    " same port, TCP and UDP, as services come and go.\n\n"
    "`port-linker HOST` is short for `port-linker connect HOST`."
)


def build_app(verbs: Sequence[Verb] = VERBS) -> cyclopts.App:
    """Return the program; each verb's function returns Settings."""
    app = cyclopts.App(
        name="port-linker",
        help=_ABOUT,
        usage="Usage: port-linker HOST [OPTIONS]\n       port-linker VERB [OPTIONS]",
        version=__version__,
        version_flags=["--version"],
        help_format="markdown",
        help_epilogue="Every option can be set in the environment too: --on-conflict is"
        " PORT_LINKER_ON_CONFLICT.",
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        default_parameter=Parameter(negative=()),
    )
    for verb in verbs:
        app.command(_make_command(verb), name=verb.name, help=verb.help)
    return app


def parse_words(verb: str, words: Sequence[str]) -> Settings:
    """Return the settings of one verb's words. Raises UsageError."""
    try:
        app = build_app([known for known in VERBS if known.name == verb])  # the others cost 20 ms
        command, bound, _ = app.parse_args([verb, *_count_words(verb), *words])
    except cyclopts.CycloptsError as error:
        if isinstance(error, cyclopts.UnusedCliTokensError):
            raise explain_extra_words(verb, words, error.unused_tokens or ()) from error
        raise UsageError(_explain(error), f"port-linker {verb} --help") from error
    return command(*bound.args, **bound.kwargs)  # type: ignore[no-any-return]


def _count_words(verb: str) -> list[str]:
    """Return "-v" as often as PORT_LINKER_VERBOSE says: cyclopts counts no variables."""
    counted = [option for option in options_of(verb) if option.kind is Kind.COUNT]
    words: list[str] = []
    for option in counted:
        text = os.environ.get(option.env, "")
        if text and not text.isdecimal():
            raise UsageError(f"{option.env} is not a number: {text}", "set it to 1 or 2")
        words += [option.flag] * min(int(text or 0), MAX_COUNT)
    return words


def print_help(verb: str | None) -> None:
    """Print the help of a verb, or of all of them, on stdout."""
    if verb is None:
        app = build_app()
        app.default(_make_command(VERBS[0]))
        app.help_print([])
    else:
        build_app().help_print([verb])


def _explain(error: cyclopts.CycloptsError) -> str:
    """Return the parser's message as one sentence in one line."""
    return " ".join(str(error).split()).rstrip(".")


def _make_command(verb: Verb) -> Callable[..., Settings]:
    """Return a function whose signature is the verb's word and options."""

    def command(word: str | None = None, of: str | None = None, /, **options: Any) -> Settings:
        frozen = {key: _freeze(value) for key, value in options.items()}
        return Settings(verb.name, word, of=of, **frozen)

    signature = _make_signature(verb)
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {n: p.annotation for n, p in signature.parameters.items()}
    command.__name__ = verb.name
    return command


def _make_signature(verb: Verb) -> inspect.Signature:
    parameters = []
    if verb.argument:
        place = inspect.Parameter("word", inspect.Parameter.POSITIONAL_ONLY)
        parameters.append(place.replace(default=None, annotation=_word_type(verb)))
    if verb.second:
        place = inspect.Parameter("of", inspect.Parameter.POSITIONAL_ONLY)
        parameters.append(place.replace(default=None, annotation=_second_type(verb)))
    for option in options_of(verb.name):
        place = inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY)
        default, annotation = _DEFAULTS[option.name], _option_type(option)
        parameters.append(place.replace(default=default, annotation=annotation))
    return inspect.Signature(parameters)


def _word_type(verb: Verb) -> Any:
    base: Any = Literal[verb.choices] if verb.choices else str
    return Annotated[base | None, _positional(verb.argument, verb.argument_help)]


def _second_type(verb: Verb) -> Any:
    return Annotated[str | None, _positional(verb.second, verb.second_help)]


def _positional(name: str, help_text: str) -> Parameter:
    return Parameter(name=name, help=help_text, show_default=False, metavar=name)


_TYPES: dict[Kind, Any] = {
    Kind.FLAG: bool,
    Kind.COUNT: int,
    Kind.TEXT: str | None,
    Kind.NUMBER: int,
    Kind.WORDS: tuple[str, ...],
}


def _option_type(option: Option) -> Any:
    base: Any = Literal[option.choices] | None if option.choices else _TYPES[option.kind]
    groups = cyclopts.Group.create_ordered
    parameter = Parameter(
        name=option.flags,
        help=option.help,
        group=_GROUPS.setdefault(option.group, groups(option.group)),
        env_var=None if option.kind is Kind.COUNT else option.env,
        show_env_var=False,
        env_var_split=_split_lines,
        show_default=option.kind is Kind.NUMBER,
        count=option.kind is Kind.COUNT,
        metavar=option.metavar or None,
        negative=(),
        allow_leading_hyphen=False,
        consume_multiple=False,
    )
    return Annotated[base, parameter]


_GROUPS: dict[str, cyclopts.Group] = {}


def _split_lines(type_: Any, text: str, **_: Any) -> list[str]:
    """Return the words of a variable; rules are split at commas later, as on the command line."""
    del type_
    return [line.strip() for line in text.splitlines() if line.strip()]


def _freeze(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
