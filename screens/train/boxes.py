"""Boxes of Train whose text depends on their size, which follows the terminal's a layout later."""

from __future__ import annotations

from textual.containers import Container
from textual.message import Message

from screens.widgets.line import Lines
from screens.widgets.plot import Plot


class PanelLines(Lines):
    """Lines that are laid out for the width of their box, which follows its terminal's a layout later."""

    class Sized(Message):
        """The box has another size."""

    def on_resize(self) -> None:
        self.post_message(self.Sized())


class PlotBox(Container):
    """A plot with its title, which is worded for the width of the box."""

    class Sized(Message):
        """The box has another size."""

    def __init__(self, id: str) -> None:
        super().__init__(Plot(id=id), id=f"{id}-box", classes="panel plot-box")

    def on_resize(self) -> None:
        self.post_message(self.Sized())
