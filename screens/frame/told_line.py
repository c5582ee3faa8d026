"""What a form tells below its fields: why it does not start, or what it does at the moment."""

from __future__ import annotations

from screens.widgets.line import Line


class ToldLine(Line):
    """Hidden while there is nothing to say; otherwise seen whole, however many rows it needs."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._wanted = False

    def say(self, text: str, *, reveal: bool = False) -> None:
        """Show it; an empty text hides the line. With `reveal` it is scrolled into view, now and when it grows."""
        self._wanted = reveal and bool(text)
        self.show(text)
        self.display = bool(text)
        self.refresh(layout=True)  # it may need another row
        self.call_after_refresh(self.reveal)

    def let_go(self) -> None:
        """The operator does something else: from now on the focused field is what is to be seen."""
        self._wanted = False

    def on_resize(self) -> None:
        """Its rows are known after its text: the last of them says what to do."""
        self.reveal()

    def reveal(self) -> bool:
        """Scroll it into view, if that is wanted still; returns whether it was."""
        if self._wanted:
            self.scroll_visible(animate=False)
        return self._wanted
