"""What a person or a script sees of a session; every front end reads the same events.

Pure: `frontend` (the seam to the session), `words` (figures), `programs` (names), `lines` (events
to plain lines), `view` (rows to cells), `sentences` (what stands around them), `pager`, `keys`,
`hooks`, `colour`.
I/O: `json_lines`, `plain`, `prompt` (questions without a table), `outlet` (a stream that cannot
stall the session), `live` (the table, in front of `app`, `frame`, `grid`, `filter`,
`dialogs`, `questioner`, `driver`), `terminal`.
Textual is imported by those in front of which `live` stands, and by them only on a terminal.
"""
