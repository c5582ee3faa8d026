"""The key that writes a report of the chosen session and of what belongs to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.binding import Binding

from screens.log.following import FollowingScreen
from screens.views.signs import clean
from services.log.problem import LogbookProblem
from services.refusal import Refusal
from services.tone import Tone

if TYPE_CHECKING:
    from services.folders import DataFolder

REPORT_KEY = Binding(
    "E", "report", "report", id="log.report",
    tooltip="Write a report of the chosen session and what belongs to it, as a page for a browser",
)  # fmt: skip


class ReportingScreen(FollowingScreen):
    """Writes reports below reports/ of the data folder, and says where."""

    def action_report(self) -> None:
        session = self.chosen
        if session is not None:
            self.desk.notice("writing the report", Tone.PLAIN)
            self._report(session.id)

    @work(group="report", exclusive=True)
    async def _report(self, session_id: str) -> None:
        try:
            path = await asyncio.to_thread(_write, self.desk.folder, session_id)
        except (Refusal, LogbookProblem, OSError) as problem:
            self.desk.notice(clean(str(problem)), Tone.WARNING)
            return
        self.desk.notice(f"report written: {path.parent.name}/{path.name} in {self.desk.folder.root}", Tone.SUCCESS)


def _write(folder: DataFolder, session_id: str) -> Path:
    from services.report.make import report
    from services.report.writing import below, write

    made = report(folder, [session_id])
    where = below(folder, made.name)
    write(made, where)
    return where.path
