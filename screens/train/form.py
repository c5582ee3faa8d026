"""The form of a new training: dataset, policy and length, and which cameras to exclude."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.suggester import Suggester

from screens.desk.desk import Desk
from screens.frame.entries import Entries
from screens.frame.field import Field
from screens.train.fields import FIELDS, ON
from screens.train.initial_weights import may_begin
from screens.train.measured_form import MeasuredForm
from screens.train.target_question import check_reached, may_train_there
from screens.views import keys
from screens.views.choices import Choice, dataset_choices
from screens.views.facts import Fact, Section
from screens.views.signs import clean
from services.live.requests import TrainRequest
from services.tone import Tone

if TYPE_CHECKING:
    from screens.frame.dialogs import Question
    from screens.views.measured import Part
    from screens.views.outlooks import Episodes, Training
    from services.datasets.care import Offer
    from services.datasets.summary import DatasetSummary
    from services.live.requests import AnyRequest
    from services.log.past import Past
    from services.refusal import Checks
    from services.training.episode_choice import Recorded
    from sessions.target import Target

POLICY, STEPS, BATCH = "act", 20_000, 8
USE, LEAVE_OUT = "use", "leave out"
"""What to do with flagged episodes."""
HERE = "this machine"


@dataclass(frozen=True)
class _Found:
    """What was read. `installs` has the command that installs what a policy type is missing."""

    past: Past
    types: tuple[str, ...]
    installs: dict[str, str]
    chunks: dict[str, tuple[int, int]]
    checkpoints: tuple[str, ...]
    names: frozenset[str]


class TrainForm(MeasuredForm):
    """Shows which episodes and cameras of the dataset are used, and what the training takes."""

    NEEDS_ARM = False
    TITLE = "new training"
    FIELDS: ClassVar = FIELDS
    ARGUMENTS: ClassVar = {
        **MeasuredForm.ARGUMENTS, "exclude_cameras": "without",
        "exclude_episodes": "without-episodes", "exclude_tags": "without-tag",
    }  # fmt: skip

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._found: _Found | None = None
        self._cameras = LastItemSuggester()
        self._tags = LastItemSuggester()
        self._recorded: dict[str, Recorded] = {}
        """What is known of the episodes of the datasets that were chosen."""
        self._looking = False
        """Whether marks are looked for, or carried over, before the training begins."""

    def defaults(self) -> dict[str, str]:
        """A small policy and batch; the newest demonstrations; what the console chooses for this many steps."""
        from services.training import plan as training

        found = {"dataset": self._usable, "policy": POLICY, "steps": str(STEPS), "batch-size": str(BATCH)}
        found |= {"flagged": USE, "processes": "1", "on": HERE}
        if not self.has_fields:
            return found
        entries = Entries(self.fields, self.typed(), found)
        if steps := int(entries.about("steps")):
            found["save-every"] = str(training.default_save_freq(steps))
            found["log-every"] = str(training.default_log_freq(steps))
        if entries.about("held-out"):
            found["held-out-every"] = str(int(entries.about("save-every")) or int(entries.about("steps")))
        if entries["dataset"] and "/" not in entries["policy"]:
            name = training.default_name(entries["policy"], entries["dataset"].rpartition("/")[2])
            found["name"] = training.free_name(name, self._found.names if self._found else ())
        return found

    @property
    def _usable(self) -> str:
        """The newest demonstrations; rollouts are only used on request."""
        from services.datasets.names import is_recordable

        known = self._found.past.datasets if self._found else ()
        usable = [d for d in known if d.accepted and not (d.problem or d.doubtful) and is_recordable(d.name)]
        return usable[0].name if usable else ""

    def suggester(self, name: str) -> Suggester | None:
        """Cameras and tags are completed, one after the other."""
        return {"without": self._cameras, "without-tag": self._tags}.get(name)

    @property
    def fields(self) -> tuple[Field, ...]:
        """Where it trains is asked if lab.toml names a place besides this machine."""
        return (*FIELDS, ON) if self.desk.benches.targets else FIELDS

    # --- reading (in threads) -------------------------------------------------------------------

    def gather(self) -> _Found:
        from services.checkpoints.checkpoint import newest
        from services.log.past import read_past
        from services.training import plan as training
        from services.training import policies

        types, folder = policies.known(), self.desk.folder
        lacks = {name: policies.missing_extra(name) for name in types}
        return _Found(
            past=read_past(folder),
            types=types,
            installs={name: policies.install_command(extra) for name, extra in lacks.items() if extra},
            chunks={name: policies.chunk(name) for name in types},
            checkpoints=tuple(text for text in newest(folder) if text == clean(text)),
            names=frozenset(training.names_taken(folder)),
        )

    def gathered(self, found: _Found) -> None:
        self._found = found

    # --- what there is --------------------------------------------------------------------------

    def choices(self, name: str) -> Sequence[Choice]:
        """Datasets, or policies: types, then checkpoints to go on from."""
        if self._found is None:
            return ()
        from screens.views.checkpoint_choices import checkpoint_choices, policy_choices

        found, root = self._found, self.desk.folder.root
        if name == "on":
            targets = self.desk.benches.targets.values()
            return (Choice(HERE), *(Choice(each.name, f"{each.kind.value} {clean(each.place)}") for each in targets))
        if name == "flagged":
            return (Choice(USE, "as accepted"), Choice(LEAVE_OUT, "as rejected"))
        if name == "dataset":
            return dataset_choices(found.past.datasets, self.now())
        types = policy_choices(found.types, found.installs, found.chunks)
        return [*types, *checkpoint_choices(root, found.checkpoints, found.past.sessions, self.now())]

    def help(self, field: Field) -> str:
        there = self._dataset.cameras if self._dataset else ()
        if field.id == "without" and there:
            return f"{field.help} There are {', '.join(map(clean, there))}."
        return field.help

    @property
    def _dataset(self) -> DatasetSummary | None:
        return self._found.past.dataset(self.value("dataset")) if self._found else None

    def sections(self, entries: Entries) -> list[Section]:
        if self._found is None:
            return []
        from screens.views.outlooks import train_sections

        past = self._found.past
        if not past.datasets:
            return [Section("datasets", (Fact("", f"no dataset here yet: {keys.RECORD} records one", Tone.QUIET),))]
        self._cameras.items = self._dataset.cameras if self._dataset else ()
        self._tags.items = sorted({tag for session in past.sessions for tag in session.tags if tag == clean(tag)})
        return self.with_needs(train_sections(past, self._planned(entries), self.now()))

    def brief(self, entries: Entries) -> Sequence[Part]:
        from screens.views.outlooks import train_brief

        return train_brief(self._found.past, self._planned(entries)) if self._found else ()

    def _planned(self, entries: Entries) -> Training:
        """What the fields say, for the views."""
        from screens.views.outlooks import Training

        return Training(
            dataset=entries["dataset"],
            policy=entries["policy"],
            steps=int(entries.about("steps")),
            batch_size=int(entries.about("batch-size")),
            processes=int(entries.about("processes")),
            save_every=int(entries.about("save-every")) if entries["save-every"] else -1,
            without=items(entries["without"]),
            episodes=self._episodes(entries),
            held_out=entries.about("held-out"),
            resize=entries["resize"],
        )

    def _episodes(self, entries: Entries) -> Episodes | None:
        """What is left out so far; None until the dataset was looked into. What is wrong is said at the fields."""
        from screens.views.outlooks import Episodes
        from services.datasets.episode_ranges import numbers, parse
        from services.refusal import Refusal
        from services.training.episode_choice import Wanted, choose, tagged_sessions

        recorded = self._recorded.get(entries["dataset"])
        if recorded is None or self._found is None:
            return None
        by_hand: tuple[int, ...] = ()
        tagged: tuple[str, ...] = ()
        tags = items(entries["without-tag"])
        with suppress(Refusal):
            by_hand = numbers(parse(entries["without-episodes"]), entries["dataset"], recorded.total)
        with suppress(Refusal):
            tagged = tagged_sessions(self._found.past.sessions, tags, recorded, entries["dataset"])
        flagged = entries["flagged"] == LEAVE_OUT
        wanted = Wanted(by_hand, entries["because"], tags, tagged, flagged, items(entries["without"]))
        return Episodes(recorded, choose(recorded, wanted))

    # --- the request ----------------------------------------------------------------------------

    def plan(self, entries: Entries, checks: Checks) -> TrainRequest:
        from services.targets.lab_targets import placed
        from services.training import plan as training

        typed = {name: text.strip() for name, text in entries.typed.items()}
        steps = checks.run("steps", entries.whole, "steps")
        batch = checks.run("batch_size", entries.whole, "batch-size")
        saved = checks.run("save_every", entries.whole, "save-every")
        logged = checks.run("log_every", entries.whole, "log-every")
        together = checks.run("processes", entries.whole, "processes")
        share = checks.run("held_out", entries.number, "held-out")
        measured = checks.run("held_out_every", entries.whole, "held-out-every")
        checks.run("flagged", _check_flagged, entries["flagged"])
        checks.run("settings", self.check_text)
        self._look_into(entries["dataset"])
        target = checks.run("on", self._target, entries)
        request = training.plan(
            self.desk.folder,
            dataset=entries["dataset"],
            policy=entries["policy"],
            steps=steps or 0,
            batch_size=batch or 0,
            processes=together or 0,
            save_freq=saved if typed["save-every"] else None,
            log_freq=logged if typed["log-every"] else None,
            exclude_cameras=items(entries["without"]),
            resize=entries["resize"],
            exclude_episodes=entries["without-episodes"],
            because=entries["because"],
            exclude_tags=items(entries["without-tag"]),
            leave_out_flagged=entries["flagged"] == LEAVE_OUT,
            held_out=share or 0.0,
            held_out_every=measured if typed["held-out-every"] else None,
            settings=checks.run("settings", _settings, entries["settings"]) or [],
            operator=self.desk.operator,
            name=typed["name"],  # an empty one is made unique
            plugins=self.desk.profile.plugins,
            shared=self.desk.profile.share_runs,
            checks=checks,
        )
        return checks.run("on", placed, request, target) or request

    def _target(self, entries: Entries) -> Target | None:
        """Where to train; None for this machine. Raises Refusal."""
        from services.targets.lab_targets import pick

        name = entries["on"] if "on" in entries.typed else HERE
        check_reached(name)
        return None if name in ("", HERE) else pick(self.desk.benches, name)

    def _look_into(self, name: str) -> None:
        """Note what is known of the dataset's episodes; in a thread."""
        from services.training.episode_plan import recorded

        there = self._found.past.dataset(name) if self._found else None
        if there is not None and not there.problem:
            self._recorded[name] = recorded(there)

    def go(self, request: AnyRequest) -> None:
        """Ask first what to do if the episodes' marks are in other datasets only; what cannot work is refused."""
        here = not (isinstance(request, TrainRequest) and request.on)  # what is missing here may be there
        if here and (why := self.needs_in_the_way()):
            self.refuse(why)
            return
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
                self.show_about("")

    async def _ask(self, request: AnyRequest) -> None:
        from services.datasets import care

        if not await may_train_there(self, request):
            return
        typed = self.typed()
        if not await may_begin(self, request):
            return
        self.show_about("looking for the marks of these episodes")
        offer = await asyncio.to_thread(care.offer, self.desk.folder, request.dataset)
        refused = isinstance(request, TrainRequest) and await self.refused_by_lerobot(request)
        if refused or not self.has_fields:
            return
        if self.typed() != typed:
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
        except Refusal as refusal:
            self.refuse(str(refusal))
            return
        found, request = await asyncio.to_thread(self._checked, self.entries)
        self.show_problems(found)
        if not found:
            self.post_message(self.Planned(request))


def _check_flagged(text: str) -> None:
    from services.refusal import Refusal

    if text not in (USE, LEAVE_OUT):
        raise Refusal(f"write `{USE}` or `{LEAVE_OUT}`")


def _settings(text: str) -> list[str]:
    """KEY=VALUE, split as in a shell: a value with spaces is quoted. Raises Refusal."""
    from services.refusal import Refusal

    try:
        return shlex.split(text)
    except ValueError as error:
        raise Refusal(f"other LeRobot keys: {str(error).lower()}; write KEY='VALUE WITH SPACES'") from None


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
