"""The table from above, drawn in whatever room there is."""

from __future__ import annotations

from collections.abc import Sequence

from screens.views.table_map import table_map
from screens.widgets.line import Lines
from sessions.conditions import Condition


class PlaceMap(Lines):
    """The places of start conditions and the one that comes next."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._conditions: Sequence[Condition] = ()
        self._to_come = ""

    def draw_places(self, conditions: Sequence[Condition], to_come: str) -> None:
        """Draw these; `to_come` names the next one."""
        self._conditions, self._to_come = conditions, to_come
        width, height = self.size
        self.show(table_map(conditions, to_come, width, height) if width and height else [])

    def on_resize(self) -> None:
        """It has its room only once it is shown."""
        self.draw_places(self._conditions, self._to_come)
