"""The list on Bench: what runs, datasets, trainings, evaluations, sessions; or the first steps. Reads in threads."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from screens.desk.desk import Desk
from screens.views import keys
from screens.views.measured import Part, sentence
from screens.views.signs import clean, signs
from screens.widgets.line import Line, Lines
from screens.widgets.rows import RowList
from services.live.running import Running

if TYPE_CHECKING:  # the list's modules are imported after the first paint, when the disk is read
    from screens.views.board_rows import Entry, Target
    from services.log.board import Board, BoardReader
    from services.log.last_seen import LastSeen


class BoardPanel(Vertical):
    """The screen's keys move the cursor and open rows; headings are passed over."""

    @dataclass
    class Changed(Message):
        """The rows may have changed."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="board", classes="panel")
        self.desk = desk
        self._board: Board | None = None
        self._reader: BoardReader | None = None
        self._entries: list[Entry] = []
        self._key = ""
        self._now = 0.0
        self._steps = 0

    def compose(self) -> ComposeResult:
        yield Lines(id="steps")
        yield RowList(id="rows")
        yield Line(id="board-hint")

    def on_mount(self) -> None:
        self.border_title = "work"

    # --- reading --------------------------------------------------------------------------------

    @work(group="board", exclusive=True)
    async def reload(self) -> None:
        """Read everything again."""
        self._board = await asyncio.to_thread(self._read)
        self.post_message(self.Changed())

    def _read(self) -> Board:
        from services.log.board import BoardReader

        self._reader = self._reader or BoardReader(self.desk.folder)
        return self._reader.read(self.desk.profile)

    @work(group="board-refresh", exclusive=True)
    async def refresh_runs(self) -> None:
        """Update the running sessions; everything if one appeared or ended, or a dataset changed."""
        before, reader = self._board, self._reader
        if before is None or reader is None:
            return
        now = await asyncio.to_thread(reader.refresh, before, self.desk.profile)
        if now is not before and self._board is before:
            self._board = now
            self.post_message(self.Changed())

    # --- what is known --------------------------------------------------------------------------

    @property
    def read(self) -> bool:
        """Whether the disk has been looked at."""
        return self._board is not None

    @property
    def last(self) -> LastSeen | None:
        """How the arm of the current bench was left, as of the last reading."""
        return self._board.last if self._board else None

    @property
    def holder(self) -> Running | None:
        """A session, not attached to this console, that has the arm of the current bench."""
        return self._board.runs.holder_of_arm(self.desk.profile, but=self._attached) if self._board else None

    @property
    def choosable(self) -> bool:
        """Whether there is a row to open."""
        return any(entry.target is not None for entry in self._entries)

    @property
    def chosen(self) -> Target | None:
        """What the cursor is on."""
        row = self.query_one(RowList).cursor
        return self._entries[row].target if row < len(self._entries) else None

    @property
    def attachable(self) -> Running | None:
        """What `a` attaches to: the chosen session if it runs, else the one that has the arm, else the newest."""
        every = self._board.runs.running if self._board else ()
        running = [item for item in every if item.run.id not in self._attached]
        chosen = self.chosen
        if isinstance(chosen, Running) and any(item.run.id == chosen.run.id for item in running):
            return chosen
        return self.holder or next(iter(running), None)

    @property
    def _attached(self) -> frozenset[str]:
        """The ids of the session and the training that this console is attached to."""
        session = self.desk.link.run.id if self.desk.link and self.desk.live else ""
        return frozenset({session, self.desk.training.attached} - {""})

    def _present(self, board: Board) -> Board:
        """The board, with the session that is attached here as it is now: the disk is read less often."""
        run, snapshot = self.desk.link.run.id if self.desk.link and self.desk.live else "", self.desk.snapshot
        if not run or snapshot.started is None:
            return board
        running = tuple(replace(item, snapshot=snapshot) if item.run.id == run else item for item in board.runs.running)
        return replace(board, runs=replace(board.runs, running=running))

    # --- the cursor -----------------------------------------------------------------------------

    def move(self, by: int) -> None:
        """To the next row that can be chosen, up or down."""
        rows = self.query_one(RowList)
        places = [at for at, entry in enumerate(self._entries) if entry.target is not None]
        beyond = [at for at in places if (at > rows.cursor if by > 0 else at < rows.cursor)]
        if beyond:
            self._place(beyond[0] if by > 0 else beyond[-1])

    def settle(self) -> None:
        """After a click: a heading gives the cursor to the row below it."""
        rows = self.query_one(RowList)
        if self.chosen is None:
            places = [at for at, entry in enumerate(self._entries) if entry.target is not None]
            self._place(next((at for at in places if at > rows.cursor), places[-1] if places else 0))
        else:
            self._key = self._entries[rows.cursor].key

    def _place(self, at: int) -> None:
        self._key = self._entries[at].key if at < len(self._entries) else ""
        rows = self.query_one(RowList)
        rows.move(at - rows.cursor)

    # --- drawing --------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Another number of rows fits."""
        if self._now:
            self.draw(self._now)

    def draw(self, now: float) -> None:
        """The rows that fit, with the cursor where it was; on an empty folder, the first steps."""
        self._now = now
        if self._board is not None:
            self._draw_steps(self._board)
            self._draw_rows(self._board, now)
        self.query_one("#board-hint", Line).show(self._hint())

    def _draw_steps(self, board: Board) -> None:
        steps = self.query_one("#steps", Lines)
        steps.display = board.untouched and not self.desk.live
        if not steps.display:
            return
        from screens.views.first_steps import first_steps

        lines = first_steps(self.desk.profile, max(20, self.size.width - 4))
        if self._steps != len(lines):
            self._steps = steps.styles.height = len(lines)
        steps.show(lines)

    def _draw_rows(self, board: Board, now: float) -> None:
        from screens.views.board_rows import Look, entries

        rows = self.query_one(RowList)
        look = Look(rows.room or 60, self._attached, now)
        self._entries = entries(self._present(board), look, rows.size.height or 20)
        keys_of = [entry.key for entry in self._entries]
        first = next((at for at, entry in enumerate(self._entries) if entry.target is not None), 0)
        cursor = keys_of.index(self._key) if self._key and self._key in keys_of else first
        others = takewhile(lambda entry: entry.target is None, reversed(self._entries[:cursor]))
        rows.show([entry.row for entry in self._entries], cursor, lead=sum(1 for _ in others))

    def _hint(self) -> Content:
        """What Enter and `a` do now, or what cannot be read."""
        if self._board is None:
            return Content.styled(f"reading the log{signs().more}", "$quiet")
        if self._board.problem:
            return Content.styled(f"{signs().warning} {clean(self._board.problem)}", "$warning")
        if not self.choosable:
            return Content.styled("datasets, runs and evaluations appear here", "$quiet")
        from screens.views.board_rows import opens

        item, chosen = self.attachable, self.chosen
        if item is not None and isinstance(chosen, Running) and item.run.id == chosen.run.id:
            return Content.styled(f"{keys.OPEN} or {keys.ATTACH} attaches to it", "$quiet")
        parts = [Part(opens(chosen))]
        if item is not None:
            parts.append(Part(f"{keys.ATTACH} attaches to what runs"))
        return sentence(parts, self.query_one("#board-hint", Line).size.width or 60).stylize("$quiet")
