"""The Textual program of the live table. Draws at most twice a second, and only what changed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.filter import LineFilter, NoColor
from textual.widgets import Static

from port_linker import clock
from port_linker.session.snapshot import Snapshot
from port_linker.ui.table import view
from port_linker.ui.table.dialogs import LogScreen, TextScreen
from port_linker.ui.table.driver import SteadyDriver
from port_linker.ui.table.filter import FilterLine
from port_linker.ui.table.frame import Frame
from port_linker.ui.table.grid import Grid
from port_linker.ui.table.hooks import AppHooks
from port_linker.ui.table.questioner import Questioner
from port_linker.ui.text import around, keys, links, names

DRAW_EVERY_S = 0.5


class TableApp(App[None]):
    """Header, path, notice, table, filter, keys."""

    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None  # keys are commands until a filter is being typed
    CSS = """
    Screen { layout: vertical; }
    #header, #foot { height: 1; }
    #path { height: 1; display: none; text-style: dim; }
    #notice { height: auto; max-height: 4; display: none; color: ansi_yellow; text-style: bold; }
    #empty { height: auto; display: none; text-style: dim; }
    Grid { height: 1fr; }
    """
    BINDINGS: ClassVar = [
        Binding("ctrl+c", "interrupt", priority=True),
        Binding("ctrl+q", "leave", priority=True),
        Binding("ctrl+z", "suspend_process", priority=True),
        # With priority, or a key right behind would be read as before: a command, a letter.
        *(
            Binding(key.key, key.action, priority=key.action in ("filter", "end_filter"))
            for key in keys.KEYS
        ),
    ]

    def __init__(
        self,
        picture: Snapshot,
        hooks: AppHooks,
        ascii_only: bool,
        no_color: bool = False,
        show_skipped: bool = True,
    ) -> None:
        super().__init__(driver_class=SteadyDriver)
        self.theme = "ansi-dark"  # the terminal's own colours, light or dark
        self._picture = picture
        self._hooks = hooks
        self._colourless = no_color
        self._wanted = ""
        self._show_skipped = show_skipped
        self._grid = Grid(ascii_only)
        self._frame = Frame(self, picture, self._grid, ascii_only, hooks.has_answer)
        self.failure: Exception | None = None
        self.is_away = False  # in the background, without the terminal
        self.questioner = Questioner(self, lambda: self.is_typing, self.draw)

    def compose(self) -> ComposeResult:
        """Build the screen from top to bottom."""
        yield Static(id="header")
        yield Static(id="path")
        yield Static(id="notice")
        yield Static(id="empty")
        yield self._grid
        yield FilterLine()
        yield Static(id="foot")

    def on_mount(self) -> None:
        """Draw now and from now on."""
        self.set_focus(None)
        self.set_interval(DRAW_EVERY_S, self.draw)
        self.call_after_refresh(self.draw)
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        self.questioner.start()

    def on_steady_driver_went_away(self) -> None:
        """Leave the screen to the shell; the session goes on."""
        self.is_away = True
        self.exit()

    def action_redraw(self) -> None:
        """Draw everything anew: the terminal was somebody else's, or missed something."""
        for screen in self.screen_stack:
            for widget in (screen, *screen.walk_children()):
                widget.refresh()

    def get_line_filters(self) -> list[LineFilter]:
        """Take the colours out where none are wanted."""
        filters = list(super().get_line_filters())
        return [*filters, NoColor()] if self._colourless else filters

    def draw(self) -> None:
        """Fold the counters in and draw what differs from the last time."""
        if not self.screen_stack or not self.screen_stack[0].query("#foot"):
            return  # the widgets are being taken down, or are not all there yet
        wall_s = clock.wall_s()
        self._picture.fold_traffic(self._hooks.traffic(), clock.monotonic_s())
        self._picture.prune(wall_s)
        rows = view.choose_rows(self._picture, self._wanted, self._show_skipped)
        self._grid.show(rows)
        empty = around.explain_empty(self._picture, self._wanted, self._show_skipped)
        waiting = self.questioner.waiting
        self._frame.draw(wall_s, clock.monotonic_s(), "" if rows else empty, waiting)

    def draw_foot(self) -> None:
        """Draw the keys that work now."""
        if self.screen_stack and self.screen_stack[0].query("#foot"):
            self._frame.draw_foot()

    @property
    def is_typing(self) -> bool:
        """Whether a filter is being typed."""
        return self._frame.is_typing

    def say(self, text: str) -> None:
        """Show a sentence for a moment."""
        self._frame.say(text, clock.monotonic_s())
        self.draw()

    # Keys

    def action_interrupt(self) -> None:
        """Ctrl-C: the same as without a table."""
        self._hooks.interrupt()

    def action_leave(self) -> None:
        """End the table; the session ends with it."""
        self.exit()

    async def action_reconnect(self) -> None:
        """Try the target at once, or say why not; where ssh needs the person, let it ask them."""
        if links.needs_you(self._picture):
            with self.suspend():
                await self._hooks.login()
            self.action_redraw()
            return
        why = links.why_not_reconnect(self._picture)
        if why is None:
            self._hooks.reconnect_now()
        self.say(why or "Trying now...")

    def action_toggle_skipped(self) -> None:
        """Show or hide what is left out."""
        self._show_skipped = not self._show_skipped
        self.say("Skipped services are shown." if self._show_skipped else "Skipped ones hidden.")

    def action_log(self) -> None:
        """Show what happened."""
        self.push_screen(LogScreen(self._hooks.log))

    def action_take_back(self) -> None:
        """Take back what was answered about the current row, and be asked again."""
        row = self._grid.current
        if row is None or not self._hooks.take_back(row.key):
            self.say("You have answered nothing about this service.")
        else:
            self.say(f"Your answer about {names.name_service(row.event)} is taken back.")

    def action_detail(self) -> None:
        """Show all that is known of the current row."""
        row = self._grid.current
        if row is None:
            self.say("There is no row to show.")
        else:
            self.push_screen(TextScreen(around.detail_lines(row, clock.wall_s())))

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(TextScreen(keys.help_lines()))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the slash to the filter that is being typed, and it and Esc to dialogs."""
        if action == "filter" and self.is_typing:
            return False
        if action in ("filter", "end_filter") and len(self.screen_stack) > 1:
            return False
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Start to type a filter."""
        self.query_one(FilterLine).begin()
        self.draw_foot()

    def action_end_filter(self) -> None:
        """End the filter."""
        self.query_one(FilterLine).end()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter while typing."""
        self._wanted = event.text
        self.draw()

    def on_filter_line_closed(self) -> None:
        """Give the keys back to the table, and what waited for that."""
        self.draw()
        self.questioner.wake()

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        self._grid.move_by(rows)
        self._frame.draw_foot()

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self._grid.move_by_page(pages)
        self._frame.draw_foot()

    def action_jump(self, row: int) -> None:
        """Move the cursor to a row."""
        self._grid.move_to(row)
        self._frame.draw_foot()

    # Errors: kept for the caller; never a traceback on the terminal

    def _handle_exception(self, error: Exception) -> None:
        self.failure = self.failure or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()
