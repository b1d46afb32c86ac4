"""The command line: the only place that prints errors and turns them into exit codes.

Pure: `verbs`, `option`, `options` and `ssh_flags` (as data), `args` (all options as one frozen
dataclass), `fast` and `early` (what is known without the parser), `usage` (mistakes), `scripts`
(completion).
I/O: `main` (the entry), `parser` (cyclopts, imported when needed), `connect` (a session and its
front end), `report` (errors), `signals`, `completion`, `reference` (writes docs/cli.md).
The path of `--version` imports neither cyclopts nor asyncio; a test watches it.
"""
