"""LeRobot's configuration as text, over the form: what it differs in from the preset, and what LeRobot says of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static, TextArea

from screens.desk.desk import Desk
from screens.frame.dialogs import TextEntry
from screens.views.edited_config import GO_THERE, START_OVER, EditedConfig, Step, diff_rows, verdict
from screens.views.measured import sentence
from screens.views.signs import clean, signs
from screens.widgets.line import Line, Lines
from services.training.config_text import line_of

FIRST = "policy"
"""The group of keys that is most often edited."""
GROUP = re.compile(r' {1,4}"[^"]+": \{$')
BESIDE_FROM, SHORT_BELOW, LOW_BELOW = 110, 70, 18
"""Columns from which the difference stands beside the text, and below which the foot is short; rows below which there
is no frame."""
MANY = 3
"""Rows of a difference below the text from which it is given more room."""


class ConfigArea(TextArea):
    """The text; the line with a mistake is marked."""

    wrong = 0
    """The line, from 1; 0 if none is."""

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if line_index == self.wrong - 1:
            line.stylize("bold reverse")
        return line

    def mark(self, line: int) -> None:
        """Mark this line, and no other."""
        if line != self.wrong:
            self.wrong = line
            self.notify_style_update()
            self.refresh()


class ConfigEditor(TextEntry):
    """Esc goes back to the form with the text as it stands; while the arm moves it stops it, and ctrl+q goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+g", "go_there", "go there", id="config.go-there", priority=True,
                tooltip="The cursor to the line that is refused; without one, to the next group of keys"),
        Binding("ctrl+r", "start_over", "start over", id="config.start-over", priority=True,
                tooltip="The text again as the form has it; ctrl+z takes it back"),
    ]  # fmt: skip

    def __init__(self, desk: Desk, title: str, config: EditedConfig, typed: Callable[[str], None]) -> None:
        super().__init__(desk, title, goes_to="configuration")
        self._config, self._typed, self._loaded = config, typed, False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog config"):
            yield Line(id="config-title")
            with Container(id="config-texts"):
                area = ConfigArea("", id="text", soft_wrap=False, show_line_numbers=True, disabled=True)
                area.highlight_cursor_line = False
                yield area
                with Vertical(id="config-diff", classes="panel"):
                    yield Lines(id="config-diff-rows")
            yield Line(id="config-verdict")
            yield Static("", id="foot", markup=False)

    # --- what is known --------------------------------------------------------------------------

    def show(self, config: EditedConfig) -> None:
        """Show what is known of the text now."""
        self._config = config
        if self.is_mounted:
            self.draw()

    @property
    def types(self) -> bool:
        return super().types and self._config.step is not Step.LOADING and bool(self._config.opened)

    def draw(self) -> None:
        config = self._config
        self.set_class(self.size.width >= BESIDE_FROM, "-beside")
        self.set_class(self.size.height < LOW_BELOW, "-low")
        areas = self.query(ConfigArea)
        if not areas:
            return
        area = areas.first()
        if config.opened and not self._loaded:
            self._loaded = True
            area.load_text(config.text)
            self._go_to(config.line or line_of(config.text, FIRST))
        super().draw()
        area.mark(config.line if config.step is Step.REFUSED else 0)
        self._draw_lines()
        self.call_after_refresh(self._draw_difference)

    def _draw_lines(self) -> None:
        title, said = self.query_one("#config-title", Line), self.query_one("#config-verdict", Line)
        title.show(Content.styled(clean(self._title), "bold $accent"))
        room = said.size
        said.show(sentence(verdict(self._config), room.width or 40, room.height or 1))

    def _draw_difference(self) -> None:
        for rows in self.query("#config-diff-rows"):
            assert isinstance(rows, Lines)
            rows.show(diff_rows(self._config, rows.size.width, rows.size.height))
            self.query_one("#config-diff").border_title = Content("- preset   + this text")
            few = len(diff_rows(self._config, rows.size.width, MANY)) < MANY
            if few is not self.has_class("-few"):
                self.set_class(few, "-few")
                self.call_after_refresh(self._draw_difference)

    def closes(self) -> str:
        if not super().types:
            return super().closes()
        back = "ctrl+q goes back, Esc stops the arm" if self.desk.can_move else "Esc goes back and keeps the text"
        short = "ctrl+q goes back" if self.desk.can_move else "Esc goes back"
        wide = self.size.width >= SHORT_BELOW
        groups = f" {signs().dot} {GO_THERE} next group" if wide and not self._config.line else ""
        return f"{back if wide else short} {signs().dot} {START_OVER} as the form has it{groups}"

    # --- keys -----------------------------------------------------------------------------------

    def on_text_area_changed(self, message: TextArea.Changed) -> None:
        """Something was typed."""
        message.stop()
        if self._config.opened:
            self._typed(message.text_area.text)

    def action_go_there(self) -> None:
        """Move the cursor to the mistake, or to the next group of keys."""
        area = self.query_one(ConfigArea)
        groups = [at for at, text in enumerate(area.text.splitlines(), 1) if GROUP.match(text)]
        following = [at for at in groups if at > area.cursor_location[0] + 1] or groups or [1]
        self._go_to(self._config.line or following[0])

    def _go_to(self, line: int) -> None:
        """Move the cursor to the end of this line, which is shown at the top."""
        area = self.query_one(ConfigArea)
        line = max(1, min(line, area.document.line_count))
        area.move_cursor((line - 1, len(area.document.get_line(line - 1))))
        self.call_after_refresh(area.scroll_to, x=0, y=line - 2, animate=False, immediate=True)

    def action_start_over(self) -> None:
        """The text as the form has it."""
        area = self.query_one(ConfigArea)
        if self.types:
            area.replace(self._config.opened, (0, 0), area.document.end)

    def action_close(self) -> None:
        self.dismiss("")
