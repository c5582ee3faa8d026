"""The form of a new recording: what to record, how often and how long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.suggester import SuggestFromList
from textual.widgets import Input

from screens.desk.desk import Desk
from screens.frame.form import Form
from screens.views.signs import clean, signs
from services.units import number, plural

if TYPE_CHECKING:
    from services.datasets.summary import DatasetSummary
    from services.live.requests import RecordRequest


class RecordForm(Form):
    """Shows whether the dataset is new or will be resumed."""

    TITLE = "new recording"
    FIELDS: ClassVar = (
        ("dataset", "dataset"),
        ("task", "task"),
        ("operator", "operator"),
        ("episodes", "episodes to accept"),
        ("episode-seconds", "seconds per take"),
        ("reset-seconds", "seconds to reset"),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._known: dict[str, DatasetSummary] = {}

    def defaults(self) -> dict[str, str]:
        profile = self.desk.profile
        from services.recording.resuming import proposed_dataset

        task = profile.tasks[0].name if profile.tasks else ""
        return {
            "dataset": proposed_dataset(self.desk.folder.datasets, profile, task),
            "task": task,
            "operator": self.desk.operator,
            "episodes": str(profile.recording.episodes),
            "episode-seconds": number(profile.recording.episode_seconds),
            "reset-seconds": number(profile.recording.reset_seconds),
        }

    def suggestions(self, name: str) -> Sequence[str]:
        """Tasks and operators of lab.toml."""
        profile = self.desk.profile
        return {"task": [t.name for t in profile.tasks], "operator": list(profile.operators)}.get(name, [])

    def look(self) -> None:
        """Read which datasets there are."""
        self.show_task()
        self._look()

    @work(exclusive=True)
    async def _look(self) -> None:
        from services.datasets.summary import list_datasets

        found = await asyncio.to_thread(list_datasets, self.desk.folder.datasets)
        if not self.has_fields:
            return
        self._known = {summary.name: summary for summary in found}
        self.query_one("#dataset", Input).suggester = SuggestFromList(list(self._known), case_sensitive=True)
        names = "   ".join(f"{clean(s.name)} {signs().dot} {plural(s.episodes, 'episode')}" for s in found[:6])
        self.show_known(f"datasets here: {names}" if names else "no dataset here yet")
        self.show_dataset()

    @on(Input.Changed, "#dataset")
    def show_dataset(self) -> None:
        """Show whether the dataset is new or will be resumed."""
        summary = self._known.get(self.value("dataset"))
        if summary is None:
            self.show_about("a new dataset" if self.value("dataset") else "")
        elif summary.problem:
            self.show_about(f"{signs().warning} {clean(summary.problem)}")
        else:
            from services.datasets.matching import EVERY_EPISODE_COUNTS

            kept = f"{summary.accepted} accepted, {summary.rejected} rejected"
            doubtful = f", {len(summary.doubtful)} doubtful" if summary.doubtful else ""
            kept = kept + doubtful if summary.marked or doubtful else EVERY_EPISODE_COUNTS
            self.show_about(f"resumes it: {plural(summary.episodes, 'episode')} ({kept})")

    @on(Input.Changed, "#task")
    def show_task(self) -> None:
        """Show the text of a task's short name."""
        named = {t.name: t.text for t in self.desk.profile.tasks}
        text = named.get(self.value("task"))
        self.show_known(f'task: "{clean(text)}"' if text else "")

    def plan(self) -> RecordRequest:
        """The checked request. Raises Refusal."""
        from services.recording import plan as recording

        return recording.plan(
            self.desk.folder,
            self.desk.profile,
            dataset=self.value("dataset"),
            task=self.value("task"),
            operator=self.value("operator"),
            episodes=int(self.number("episodes", whole=True)),
            episode_seconds=self.number("episode-seconds"),
            reset_seconds=self.number("reset-seconds"),
            resume=self._resumes(),
        )

    def _resumes(self) -> bool:
        """A listed dataset is resumed without a question: the form has shown that it will be."""
        summary = self._known.get(self.value("dataset"))
        return summary is not None and summary.episodes > 0
