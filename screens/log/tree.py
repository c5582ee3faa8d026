"""The life of a dataset on the Log: a tree of sessions with a cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content

from screens.log.beside import BesideScreen
from screens.views.life_rows import LifeRow, line, rows
from screens.views.signs import clean
from screens.widgets.rows import LaidOut, RowList
from screens.widgets.table import NARROW
from services.log.kinship.life import Node
from services.refusal import Refusal
from sessions.document import Session

TREE_KEYS: tuple[BindingType, ...] = (
    Binding("B", "tree", "tree", id="log.tree",
            tooltip="The life of its dataset: recordings, trainings, checkpoints, evaluations; again closes it"),
)  # fmt: skip


class LifeList(RowList):
    """The tree, laid out anew for another width."""

    def __init__(self) -> None:
        super().__init__(id="life")
        self.nodes: list[LifeRow] = []

    @property
    def node(self) -> Node | None:
        """The node under the cursor."""
        return self.nodes[self.cursor].node if self.cursor < len(self.nodes) else None

    def grow(self, trees: Sequence[Node], session_id: str) -> None:
        """Show these trees, with the cursor on the first node of this session."""
        self.nodes = rows(trees)
        at = next((n for n, row in enumerate(self.nodes) if row.node.session == session_id), 0)
        self._lay_out(at)

    def _lay_out(self, cursor: int | None = None) -> None:
        nodes, room = self.nodes, self.room or NARROW
        self.show(LaidOut(len(nodes), lambda at: Content.assemble(*line(nodes[at], room))), cursor)

    def on_resize(self) -> None:
        """Lay it out for the new width. (Textual calls the base class's handler as well.)"""
        self._lay_out()


class TreeScreen(BesideScreen):
    """The tree in the place of the list; what is under its cursor is the chosen session."""

    @property
    def growing(self) -> bool:
        """Whether the tree is shown."""
        return self.has_class("-tree")

    @property
    def chosen(self) -> Session | None:
        """The session under the cursor of the tree."""
        node = self.query_one(LifeList).node
        return self.document(self.index.get(node.session)) if node is not None and node.session else None

    def close_tree(self) -> None:
        """Back to the list, with the cursor on the session that was chosen in the tree."""
        chosen = self.chosen
        self.remove_class("-tree")
        if chosen is not None:
            self.choose(chosen.id)
        self.redraw()

    def action_tree(self) -> None:
        """Show the tree of the chosen session's dataset, or close it."""
        if self.growing:
            self.close_tree()
        elif (session := self.chosen) is not None:
            self._grow(session)

    @work(group="tree", exclusive=True)
    async def _grow(self, session: Session) -> None:
        try:
            trees = await asyncio.to_thread(self._trees, session)
        except Refusal as refusal:
            self.desk.refuse(str(refusal))
            return
        self.query_one(LifeList).grow(trees, session.id)
        self.query_one("#tree").border_title = Content(f"the life of {clean(trees[0].name)}")
        self.remove_class("-open", "-side")
        self.add_class("-tree")
        self.redraw()

    def _trees(self, session: Session) -> list[Node]:
        """Looks through the whole log, in a thread."""
        from services.log.kinship.life import life_of

        return [life_of(self.index.sessions(), session)]

    def log_was_read(self) -> None:
        """The tree may have grown."""
        node = self.query_one(LifeList).node
        if self.growing and node is not None and (session := self.index.session(node.session)) is not None:
            self._grow(session)
