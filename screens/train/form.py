"""The form of a new training: dataset, policy and length, and which cameras to exclude."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.events import DescendantBlur, DescendantFocus
from textual.suggester import Suggester, SuggestFromList
from textual.widgets import Input

from screens.desk.desk import Desk
from screens.frame.form import Form
from screens.views import keys
from screens.views.signs import clean, signs
from services.units import plural

if TYPE_CHECKING:
    from screens.frame.dialogs import Question
    from services.datasets.care import Offer
    from services.datasets.summary import DatasetSummary
    from services.live.requests import AnyRequest, TrainRequest

STEPS, BATCH = 20_000, 8


class TrainForm(Form):
    """Shows how many episodes of the dataset are used and its cameras. Empty numbers get defaults."""

    NEEDS_ARM = False
    TITLE = "new training"
    FIELDS: ClassVar = (
        ("dataset", "dataset"),
        ("policy", "policy"),
        ("steps", "steps"),
        ("batch-size", "batch size"),
        ("save-every", "save every, steps"),
        ("log-every", "log every, steps"),
        ("without", "cameras to leave out"),
        ("settings", "other LeRobot keys"),
        ("name", "name of the run"),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._known: dict[str, DatasetSummary] = {}
        self._cameras = LastItemSuggester()
        self._types: Sequence[str] = ()
        self._lacks: dict[str, str] = {}
        self._hint = ""
        self._looking = False
        """Whether marks are looked for, or carried over, before the training begins."""

    def defaults(self) -> dict[str, str]:
        """A small policy and batch; the console chooses the rest."""
        return {"policy": "act", "steps": str(STEPS), "batch-size": str(BATCH)}

    # --- reading (in threads) -------------------------------------------------------------------

    def look(self) -> None:
        """Read which datasets and policies there are."""
        self.query_one("#without", Input).suggester = self._cameras
        self._look()

    @work(exclusive=True)
    async def _look(self) -> None:
        from services.datasets.names import is_recordable
        from services.datasets.summary import list_datasets
        from services.training import policies

        types = await asyncio.to_thread(policies.known)
        lacks = await asyncio.to_thread(lambda: {name: policies.missing_extra(name) for name in types})
        found = await asyncio.to_thread(list_datasets, self.desk.folder.datasets)
        if not self.has_fields:
            return
        self._known = {summary.name: summary for summary in found}
        dataset = self.query_one("#dataset", Input)
        dataset.suggester = SuggestFromList(list(self._known), case_sensitive=True)
        self.query_one("#policy", Input).suggester = SuggestFromList(types, case_sensitive=False)
        usable = [s.name for s in found if s.accepted and not (s.problem or s.doubtful) and is_recordable(s.name)]
        if not dataset.value and usable:
            dataset.value = usable[0]  # the newest demonstrations; rollouts are only used on request
        names = "   ".join(f"{clean(s.name)} {signs().dot} {plural(s.accepted, 'episode')}" for s in found[:4])
        datasets = f"datasets here: {names}" if names else f"no dataset here yet: {keys.RECORD} records one"
        self._types, self._lacks = types, lacks
        self._hint = f"empty: chosen by the console {signs().dot} keys as KEY=VALUE KEY=VALUE {signs().dot} {datasets}"
        self.show_known(self._hint)
        self.show_policy()

    @on(Input.Changed, "#dataset")
    def show_dataset(self) -> None:
        """Show what would be used of this dataset."""
        if self._looking:
            return
        summary = self._known.get(self.value("dataset"))
        self._cameras.items = summary.cameras if summary else ()
        if summary is None:
            self.show_about("there is no such dataset here" if self.value("dataset") and self._known else "")
        elif summary.problem or summary.doubtful:
            self.show_about(f"{signs().warning} {clean(summary.problem or doubts(summary))}")
        else:
            self.show_about(about(summary))

    @on(DescendantFocus, "#policy")
    def show_policies(self) -> None:
        """Show the policies that there are, and how to install what one of them lacks."""
        marked = [f"{name} (not installed)" if self._lacks.get(name) else name for name in self._types]
        self.show_known(f"policies: {', '.join(marked)}" if marked else "")

    @on(DescendantBlur, "#policy")
    def show_hint_again(self) -> None:
        """The line that was there before."""
        self.show_known(self._hint)

    @on(Input.Changed, "#policy")
    def show_policy(self) -> None:
        """Show how to install what the chosen policy needs; else what would be used of the dataset."""
        if extra := self._lacks.get(self.value("policy")):
            self.show_about(f"{signs().warning} {self.value('policy')} is not installed: {self._command(extra)}")
        else:
            self.show_dataset()

    @staticmethod
    def _command(extra: str) -> str:
        from services.training import policies

        return policies.install_command(extra)

    # --- the request ----------------------------------------------------------------------------

    def plan(self) -> TrainRequest:
        """The checked request. Raises Refusal."""
        from services.training import plan as training

        return training.plan(
            self.desk.folder,
            dataset=self.value("dataset"),
            policy=self.value("policy"),
            steps=int(self.number("steps", whole=True)),
            batch_size=int(self.number("batch-size", whole=True)),
            save_freq=self._optional_number("save-every"),
            log_freq=self._optional_number("log-every"),
            exclude_cameras=items(self.value("without")),
            settings=self._settings(),
            operator=self.desk.operator,
            name=self.value("name"),
            plugins=self.desk.profile.plugins,
            shared=self.desk.profile.share_runs,
        )

    def go(self, request: AnyRequest) -> None:
        """Ask first what to do if the episodes' marks are in other datasets only."""
        if not self._looking:
            self._looking = True
            self._go(request)

    @work(group="go")
    async def _go(self, request: AnyRequest) -> None:
        try:
            await self._ask(request)
        finally:
            self._looking = False
            if self.has_fields:
                self.show_dataset()

    async def _ask(self, request: AnyRequest) -> None:
        from services.datasets import care

        self.show_about("looking for the marks of these episodes")
        values = self.values()
        offer = await asyncio.to_thread(care.offer, self.desk.folder, request.dataset)
        if not self.has_fields:
            return
        if self.values() != values:
            self.refuse("the form was changed meanwhile: start again")
            return
        if offer is None:
            self.post_message(self.Planned(request))
            return
        answer = await self.app.push_screen_wait(marks_question(self.desk, request.dataset, offer))
        if answer == "carry":
            await self._carry_marks(request.dataset, offer.sources)
        elif answer == "train":
            self.post_message(self.Planned(request))

    async def _carry_marks(self, name: str, sources: Sequence[str]) -> None:
        """Carry the marks over, and begin; or show why not."""
        from services.datasets.care import Act, attend
        from services.refusal import Refusal

        self.show_about(f"carrying marks over to {clean(name)}")
        try:
            await asyncio.to_thread(attend, self.desk.folder, name, Act.CARRY, sources)
            request = self.plan()
        except Refusal as refusal:
            self.refuse(str(refusal))
            return
        self.post_message(self.Planned(request))

    def _optional_number(self, name: str) -> int | None:
        """The number in a field that may be empty."""
        return int(self.number(name, whole=True)) if self.value(name) else None

    def _settings(self) -> list[str]:
        """KEY=VALUE, split as in a shell: a value with spaces is quoted. Raises Refusal."""
        from services.refusal import Refusal

        try:
            return shlex.split(self.value("settings"))
        except ValueError as error:
            raise Refusal(f"other LeRobot keys: {str(error).lower()}; write KEY='VALUE WITH SPACES'") from None


def about(summary: DatasetSummary) -> str:
    """`79 of 81 episodes, 2 rejected left out · cameras overhead, wrist`."""
    from services.training import plan as training

    cameras = ", ".join(clean(camera, 30) for camera in summary.cameras)
    has = f"{'cameras' if len(summary.cameras) > 1 else 'camera'} {cameras}" if cameras else "no camera"
    return f"{training.episodes_used(summary)} {signs().dot} {has}"


def doubts(summary: DatasetSummary) -> str:
    """Why a dataset with doubtful episodes is not trained on."""
    from services.datasets.matching import why_doubtful

    return why_doubtful(summary.name, summary.doubtful)


def marks_question(desk: Desk, name: str, offer: Offer) -> Question:
    """What to do with a dataset whose marks are elsewhere."""
    from screens.frame.dialogs import Choice, Question

    none = f"Dataset {name} has no marks, so every episode would count."
    train = Choice("2", "train on every episode", "train")
    if offer.dispute:
        return Question(desk, "Train on every episode?", [none, f"{offer.sentence}."], [train])
    sentences = [
        none,
        f"{offer.sentence}.",
        f"The marks are written into {name}; `lab-console dataset {name} --carry-marks` does the same.",
    ]
    carry = Choice("1", "carry the marks over, then train: rejected episodes are left out", "carry")
    return Question(desk, "Carry marks over?", sentences, [carry, train])


def items(text: str) -> tuple[str, ...]:
    """The items of a comma-separated list."""
    return tuple(item for part in text.split(",") if (item := part.strip()))


class LastItemSuggester(Suggester):
    """Completes the last item of a comma-separated list; listed items are not offered again."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.items: Sequence[str] = ()

    async def get_suggestion(self, value: str) -> str | None:
        """The text with its last item completed, or None."""
        before, _, last = value.rpartition(",")
        prefix, listed = last.lstrip(), items(before)
        for item in self.items:
            if prefix and item.startswith(prefix) and item not in listed:
                return value + item[len(prefix) :]
        return None
