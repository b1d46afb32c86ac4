"""The live table, with Textual; its words are those of ui/text.

`app`: the program: keys, drawing twice a second. `hooks`: what it may cause in the session.
`view`: rows as cells in columns that fit (pure). `grid`: the widget that draws them.
`frame`: header, path, notice and foot. `filter`: the line in which a filter is typed.
`dialogs`: windows above the table. `pager`: text that scrolls in them (pure).
`questioner`: asks one question after the other.
`driver`: the terminal's driver, which a stalled terminal does not stall.
"""
