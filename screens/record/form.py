"""The form of a new recording: what to record, how often and how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from screens.desk.desk import Desk
from screens.frame.entries import Entries
from screens.frame.field import Field, FieldKind
from screens.frame.form import Form
from screens.views.choices import Choice, dataset_choices
from screens.views.facts import Section
from services.datasets.names import is_recordable, proposed_name
from services.units import number
from sessions.models import SessionKind

if TYPE_CHECKING:
    from services.live.requests import RecordRequest
    from services.log.past import Past
    from services.refusal import Checks


@dataclass(frozen=True)
class _Found:
    """What was read: the past, and a name for the dataset of each task of lab.toml."""

    past: Past
    proposed: dict[str, str]


class RecordForm(Form):
    """Shows whether the dataset is new or appended to, and what the recording adds to it."""

    TITLE = "new recording"
    FIELDS: ClassVar = (
        Field(
            "dataset",
            "dataset",
            "An existing dataset is appended to; a new name makes a new one.",
            FieldKind.PICKER,
            free=True,
        ),
        Field(
            "task",
            "task",
            "Stored with every frame: a task of lab.toml by its name, or a sentence.",
            FieldKind.PICKER,
            free=True,
        ),
        Field("operator", "operator", "Who holds the leader; the log names you.", FieldKind.PICKER, free=True),
        Field(
            "episodes",
            "episodes to accept",
            "The session ends after this many accepted episodes; rejected ones do not count.",
            FieldKind.WHOLE,
        ),
        Field("episode-seconds", "seconds per take", "A take ends after this time, or by space.", FieldKind.NUMBER),
        Field(
            "reset-seconds",
            "seconds to reset",
            "To put the scene back between takes; then a bell rings. Space starts the next take.",
            FieldKind.NUMBER,
        ),
        Field(
            "strategy",
            "strategy",
            "How you do the task, such as roll: kept with each episode. Empty: not said.",
            FieldKind.PICKER,
            placeholder="leave empty for none",
            free=True,
        ),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._found: _Found | None = None

    def defaults(self) -> dict[str, str]:
        profile, tasks = self.desk.profile, self.desk.profile.tasks
        task = tasks[0].name if tasks else ""
        wanted = (self.row("task").input.value.strip() if self.has_fields else "") or task
        proposed = self._found.proposed if self._found else {}
        return {
            "dataset": self._shown(wanted) or proposed.get(wanted, "") or proposed_name(wanted),
            "task": task,
            "operator": self.desk.operator,
            "episodes": str(profile.recording.episodes),
            "episode-seconds": number(profile.recording.episode_seconds),
            "reset-seconds": number(profile.recording.reset_seconds),
        }

    def _shown(self, task: str) -> str:
        """The dataset of the recording that the screen showed until now, if that was this task; else empty."""
        last, tasks = self.desk.snapshot.started, self.desk.profile.tasks
        text = next((known.text for known in tasks if known.name == task), task)
        return last.dataset if last is not None and last.kind is SessionKind.RECORD and last.task == text else ""

    # --- reading (in threads) -------------------------------------------------------------------

    def gather(self) -> _Found:
        from services.log.past import read_past
        from services.recording.resuming import proposed_dataset

        folder, profile = self.desk.folder, self.desk.profile
        names = {t.name: proposed_dataset(folder.datasets, profile, t.name) for t in profile.tasks}
        return _Found(read_past(folder), names)

    def gathered(self, found: _Found) -> None:
        self._found = found

    # --- what there is --------------------------------------------------------------------------

    def choices(self, name: str) -> Sequence[Choice]:
        """Datasets that can be recorded into, tasks, and operators."""
        if self._found is None:
            return ()
        from screens.views.people import operator_choices, strategy_choices, task_choices

        past, profile = self._found.past, self.desk.profile
        match name:
            case "dataset":
                return dataset_choices([d for d in past.datasets if is_recordable(d.name)], self.now())
            case "task":
                return task_choices(profile, past.sessions)
            case "strategy":
                return strategy_choices(past.sessions)
            case _:
                return operator_choices(profile, past.sessions, self.now())

    def sections(self, entries: Entries) -> list[Section]:
        if self._found is None:
            return []
        from screens.views.outlooks import Recording, record_sections

        plan = Recording(
            dataset=entries["dataset"],
            valid=is_recordable(entries["dataset"]) and not self.row("dataset").problem,
            task=self.desk.profile.task_text(entries["task"]),
            episodes=int(entries.about("episodes")),
            episode_seconds=entries.about("episode-seconds"),
            reset_seconds=entries.about("reset-seconds"),
        )
        return record_sections(self._found.past, self.desk.profile, plan, self.now())

    # --- the request ----------------------------------------------------------------------------

    def plan(self, entries: Entries, checks: Checks) -> RecordRequest:
        from services.recording import plan as recording

        name = entries["dataset"]
        known = self._found.past.dataset(name) if self._found else None
        return recording.plan(
            self.desk.folder,
            self.desk.profile,
            dataset=name,
            task=entries["task"],
            operator=entries["operator"],
            strategy=entries["strategy"],
            episodes=checks.run("episodes", entries.whole, "episodes"),
            episode_seconds=checks.run("episode_seconds", entries.number, "episode-seconds"),
            reset_seconds=checks.run("reset_seconds", entries.number, "reset-seconds"),
            resume=known is not None and known.episodes > 0,  # without a question: the form has shown that it will be
            checks=checks,
        )
