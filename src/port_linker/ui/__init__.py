"""What a person or a script sees of a session; every front end reads the same events.

Front ends: `plain` (a line per change), `json_lines` (for scripts), `live` (the table, and plain
lines where there is none).
Their parts: `outlet` (a stream that cannot stall the session), `prompt` (questions without a
table), `terminal` (its mode, brought back on every way out), `colour`, `format` (figures, cells).
Folders: `text` (all sentences, pure), `table` (shows them). Words for people belong into `text`,
what draws into `table`; `text` imports nothing of `table`.
Textual is imported by `table` alone, which `live` imports only on a terminal.
The seam to the session is session/frontend.py.
"""
