"""The filter that is typed into the list itself: it applies at every key."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from screens.views.measured import Part
from screens.widgets.line import Sentence
from services.tone import Tone

EXAMPLE = "words  dataset:  kind:  verdict:failure  policy:  status:  operator:  bench:  #tag  after:2026-11-01  today"


class FilterLine(Vertical):
    """A field while it is typed in, and what is wrong with it; not there otherwise, so that no key goes to it."""

    DEFAULT_CSS = """
    FilterLine { height: 2; display: none; }
    """

    @dataclass
    class Changed(Message):
        """The filter is another one."""

        query: str

    def compose(self) -> ComposeResult:
        yield Input(id="filter", placeholder=EXAMPLE, disabled=True, select_on_focus=False)
        yield Sentence(id="filter-says")

    @property
    def typing(self) -> bool:
        """Whether keys go to the filter."""
        return bool(self.display)

    def open(self, query: str) -> None:
        """Let keys go to the filter."""
        self.display = True
        field = self.query_one(Input)
        field.disabled = False
        with field.prevent(Input.Changed):
            field.value = query
        field.cursor_position = len(query)
        field.focus()

    def close(self) -> None:
        """Let keys go to the screen again."""
        if self.typing:
            field = self.query_one(Input)
            field.blur()
            field.disabled = True
            self.display = False

    def say(self, matches: str, problem: str) -> None:
        """How many sessions match, or what is wrong, and what to press."""
        what = Part(problem or matches, 0, Tone.WARNING if problem else Tone.PLAIN, cut=bool(problem))
        more = Part(matches, 2, Tone.QUIET) if problem else Part("")
        keys = (Part("Enter keeps it", 1, Tone.QUIET), Part("Esc clears it", 0, Tone.QUIET))
        self.query_one(Sentence).say([what, more, *keys])

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
