"""What a session that is being planned will mean: data, time at the bench, disk, cameras. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from screens.views.choices import dataset_facts, flagged, when
from screens.views.facts import Fact, Section, warning
from screens.views.measured import Part
from screens.views.picture_facts import picture_facts, resized, size_of
from screens.views.signs import signs
from services.bench.profiles import Profile
from services.datasets.matching import EVERY_EPISODE_COUNTS, why_doubtful
from services.datasets.summary import DatasetSummary
from services.recording import outlook as recording
from services.tone import Tone
from services.training import outlook as training
from services.training import plan as training_plan
from services.training.episode_choice import Chosen, Recorded, hold_out
from services.units import duration, number, plural, size
from sessions.left_out import ABOUT_BEST, as_ranges, explained

if TYPE_CHECKING:
    from services.log.past import Past

SHOWN_RANGES = 6
"""Ranges of episodes that are named for one reason."""
NEARLY_FULL = 0.9
"""The part of the free disk above which a plan is warned of."""


# -- record ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recording:
    """A planned recording; numbers that cannot be read are 0. `valid`: the dataset's name can be used."""

    dataset: str
    valid: bool
    task: str
    episodes: int
    episode_seconds: float
    reset_seconds: float


def unread(past: Past) -> Section:
    """What of the log cannot be read."""
    return Section("log", (warning(past.message),) if past.message else ())


def record_sections(past: Past, profile: Profile, plan: Recording, now: float) -> list[Section]:
    """The dataset, and what this recording adds to it."""
    there = past.dataset(plan.dataset)
    return [
        _record_dataset(past, profile, plan, there, now),
        _this_recording(past, profile, plan, there),
        unread(past),
    ]


def _record_dataset(past: Past, profile: Profile, plan: Recording, there: DatasetSummary | None, now: float) -> Section:
    if there is None or (not there.episodes and not there.problem):
        new = (Fact("", "a new dataset", Tone.ACCENT),) if plan.dataset and plan.valid else ()
        return Section(f"dataset {plan.dataset}", new)
    arms = recording.recalibrated(past.sessions, plan.dataset, profile)
    facts = [warning(f"recorded with another calibration of {' and '.join(arms)} than now")] if arms else []
    if plan.valid and there.episodes:
        facts.append(Fact("", "appends to it", Tone.ACCENT))
    return Section(f"dataset {plan.dataset}", (*facts, *dataset_facts(there, now)))


def _this_recording(past: Past, profile: Profile, plan: Recording, there: DatasetSummary | None) -> Section:
    facts = [warning(f"{text}, in the last session here") for text in recording.camera_alarms(past.sessions, profile)]
    adds = plan.episodes * plan.episode_seconds
    if adds:
        at_bench = duration(adds + plan.episodes * plan.reset_seconds)
        most = f"{plan.episodes:,} x {number(plan.episode_seconds)} s = {duration(adds)} at most"
        facts.append(Fact("adds", f"{most}; {at_bench} at the bench"))
        if there and there.seconds:
            facts.append(
                Fact("then", f"{duration(there.seconds + adds)} in {there.episodes + plan.episodes:,} episodes")
            )
        facts += _record_disk(past, profile, plan)
    facts.append(Fact("cameras", cameras_of(profile) or "none"))
    if plan.task:
        times = past.accepted.get(plan.task, 0)
        facts.append(Fact("task", f'"{plan.task}"' + (f", {plural(times, 'episode')} of it so far" if times else "")))
    return Section("this recording", tuple(facts))


def _record_disk(past: Past, profile: Profile, plan: Recording) -> list[Fact]:
    """`about 120 MB, as pick_place has it; 212 GB free: room for 1,700 takes`."""
    rate = recording.rate(past.datasets, plan.dataset, profile.pictures)
    if past.free is None or rate is None:
        return [] if past.free is None else [Fact("disk", f"{size(past.free)} free")]
    take = rate.bytes_per_second * plan.episode_seconds
    needed, room = take * plan.episodes, int(past.free / take) if take else 0
    text = f"about {size(needed)} as in {rate.dataset}; {size(past.free)} free: room for {plural_takes(room)}"
    return [_disk(text, needed, past.free)]


def plural_takes(count: int) -> str:
    """`1 take`, `1,700 takes`."""
    return f"{count:,} {'take' if count == 1 else 'takes'}"


def _disk(text: str, needed: float, free: int) -> Fact:
    return warning(f"disk: {text}") if needed > free * NEARLY_FULL else Fact("disk", text)


def cameras_of(profile: Profile) -> str:
    """`overhead 640x480 at 30, wrist 640x480 at 30`, as lab.toml has them."""
    return ", ".join(f"{name}{_picture(table)}" for name, table in profile.cameras.items())


def _picture(table: Mapping[str, object]) -> str:
    width, height, fps = (table.get(key) for key in ("width", "height", "fps"))
    return (f" {width}x{height}" if width and height else "") + (f" at {fps} fps" if fps else "")


# -- train -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Episodes:
    """What is known of a dataset's episodes, and which of them are chosen."""

    recorded: Recorded
    chosen: Chosen


@dataclass(frozen=True)
class Training:
    """A planned training; numbers that cannot be read are 0, but `save_every` is then -1.

    `episodes` is None until the dataset was looked into; `held_out` is the share that is only measured.
    """

    dataset: str
    policy: str
    steps: int
    batch_size: int
    save_every: int
    without: Collection[str] = ()
    episodes: Episodes | None = None
    held_out: float = 0.0
    resize: str = ""
    processes: int = 1

    @property
    def samples(self) -> int:
        """What a step learns from, all processes together."""
        return self.batch_size * max(1, self.processes)

    @property
    def measured(self) -> tuple[int, ...]:
        """The episodes that would be held out."""
        if self.episodes is None or not 0 < self.held_out < 1:
            return ()
        return hold_out(self.episodes.chosen.episodes, self.episodes.recorded.tasks, self.held_out)


def train_sections(past: Past, plan: Training, now: float) -> list[Section]:
    """The dataset's use, and what the training takes."""
    there = past.dataset(plan.dataset)
    used = Section(f"dataset {plan.dataset}", _used(there, plan, now)) if there else Section("dataset", ())
    return [used, Section("this training", _this_training(past, there, plan, now)), unread(past)]


def train_brief(past: Past, plan: Training) -> tuple[Part, ...]:
    """The same in a line, for a terminal where the fields need the whole height; empty where nothing is known."""
    there = past.dataset(plan.dataset)
    if there is None or there.problem or there.doubtful:
        return ()
    frames, exact = _frames(there, plan)
    about = "" if exact else f"{signs().about} "
    learnt = _learnt(there, plan.episodes, plan.measured) if plan.episodes else training_plan.episodes_used(there)
    parts = (
        [Part(learnt), Part(f"{about}{duration(frames / there.fps)} of data", 1)] if there.fps > 0 else [Part(learnt)]
    )
    if frames and plan.batch_size > 0 and plan.steps > 0:
        parts.append(Part(f"{about}{plan.steps / _batches(frames, plan):,.1f} epochs", 3))
    if plan.steps > 0 and (like := _like(past, plan)) is not None:
        lasts = f"{signs().about} {duration(plan.steps * like.step_seconds)}"
        parts.append(Part(f"takes {lasts}", 2, short=lasts))
        parts += [part for part in [_brief_disk(past, like, plan)] if part]
    return tuple(parts)


def _brief_disk(past: Past, like: training.LikeRun, plan: Training) -> Part | None:
    if plan.save_every < 0 or not like.checkpoint_bytes:
        return None
    needed = training.checkpoints(plan.steps, plan.save_every) * like.checkpoint_bytes
    short = past.free is not None and needed > past.free * NEARLY_FULL
    if short and past.free is not None:
        return Part(f"{signs().warning} disk {size(needed)} of {size(past.free)}", 0, Tone.WARNING)
    return Part(f"disk {size(needed)}", 4)


def _batches(frames: float, plan: Training) -> int:
    """Steps of an epoch."""
    return max(1, ceil(frames / plan.samples))


def _like(past: Past, plan: Training) -> training.LikeRun | None:
    """The run of the log that tells how long this one takes."""
    return training.like_run(
        past.sessions,
        policy=plan.policy,
        dataset=plan.dataset,
        batch_size=plan.batch_size,
        resize=size_of(plan.resize),
    )


def _used(there: DatasetSummary, plan: Training, now: float) -> tuple[Fact, ...]:
    if there.problem:
        return (warning(there.problem),)
    if there.doubtful:
        return (warning(why_doubtful(there.name, there.doubtful)),)
    facts = _episodes(there, plan)
    if flags := flagged(_flags_used(there, plan), plan.without):
        facts.append(warning(f"flagged, but accepted and used: {flags}"))
    frames, exact = _frames(there, plan)
    about = "" if exact else f"{signs().about} "
    seconds = frames / there.fps if there.fps > 0 else 0.0
    facts.append(Fact("length", f"{about}{duration(seconds)} at {there.fps:g} frames a second"))
    kept_cameras = [name for name in there.cameras if name not in plan.without]
    gone = [name for name in there.cameras if name in plan.without]
    without = f", without {', '.join(gone)}" if gone else ""
    facts.append(Fact("cameras", (", ".join(kept_cameras) or "none") + without))
    if there.changed:
        facts.append(Fact("recorded", when(there.changed, now)))
    return tuple(facts)


def _episodes(there: DatasetSummary, plan: Training) -> list[Fact]:
    """How many episodes are learnt from, and a line for each reason why the others are not."""
    if plan.episodes is None or not there.episodes:
        return [Fact("uses", training_plan.episodes_used(there))]
    chosen, held_out = plan.episodes.chosen, plan.measured
    marks = "" if there.marked else f", {EVERY_EPISODE_COUNTS}"
    facts = [Fact("uses", f"{_learnt(there, plan.episodes, held_out)}{marks}")]
    facts += [Fact("left out", explained(group, SHOWN_RANGES), Tone.WARNING) for group in chosen.left_out]
    if held_out:
        facts.append(Fact("held out", f"{as_ranges(held_out, SHOWN_RANGES)}, the last of each task: {ABOUT_BEST}"))
    return facts


def _learnt(there: DatasetSummary, known: Episodes, held_out: Collection[int]) -> str:
    """`63 of 75 episodes`."""
    return f"{len(known.chosen.episodes) - len(held_out)} of {plural(there.episodes, 'episode')}"


def _flags_used(there: DatasetSummary, plan: Training) -> dict[int, tuple[str, ...]]:
    """The flags of the episodes that are used."""
    if plan.episodes is None:
        return there.flags
    used = set(plan.episodes.chosen.episodes)
    return {index: flags for index, flags in there.flags.items() if index in used}


def _frames(there: DatasetSummary, plan: Training) -> tuple[float, bool]:
    """(frames that are learnt from, whether that is exact)."""
    if plan.episodes is None:
        part = there.accepted / there.episodes if there.episodes else 0
        return there.frames * part, part == 1
    learnt = set(plan.episodes.chosen.episodes).difference(plan.measured)
    known = plan.episodes.recorded.frames(learnt)
    if known is not None:
        return known, True
    return there.frames * len(learnt) / max(1, there.episodes), len(learnt) == there.episodes


def _this_training(past: Past, there: DatasetSummary | None, plan: Training, now: float) -> tuple[Fact, ...]:
    like = _like(past, plan)
    facts = []
    frames, exact = _frames(there, plan) if there else (0.0, True)
    if frames and plan.batch_size > 0:
        batches = _batches(frames, plan)
        about = "" if exact else f"{signs().about} "
        epochs = plan.steps / batches
        facts.append(Fact("epochs", f"{about}{batches:,} batches each: {plan.steps:,} steps are {epochs:,.1f} epochs"))
    if there is not None:
        facts += picture_facts(there.features, plan.without, plan.policy, plan.resize)
    if plan.steps > 0:
        facts.append(_time(like, plan, now))
        facts += _checkpoints(past, like, plan)
    return tuple(facts)


def _time(like: training.LikeRun | None, plan: Training, now: float) -> Fact:
    if like is None:
        return Fact("time", f"not known: the log has no run of {plan.policy or 'this policy'} yet", Tone.QUIET)
    differs = [] if like.batch_size == plan.batch_size else [f"batch {like.batch_size}"]
    differs += [] if like.dataset == plan.dataset else [f"on {like.dataset}"]
    differs += [] if like.resize == size_of(plan.resize) else [resized(like.resize)]
    pace = f"{like.step_seconds:.2g} s a step as in {like.name} ({', '.join([*differs, when(like.began, now)])})"
    return Fact("time", f"{signs().about} {duration(plan.steps * like.step_seconds)} at {pace}")


def _checkpoints(past: Past, like: training.LikeRun | None, plan: Training) -> list[Fact]:
    if plan.save_every < 0:
        return []
    count = training.checkpoints(plan.steps, plan.save_every)
    free = f"; {size(past.free)} free" if past.free is not None else ""
    if like is None or not like.checkpoint_bytes:
        return [Fact("disk", f"{plural(count, 'checkpoint')}{free}")]
    needed = count * like.checkpoint_bytes
    each = f"{size(like.checkpoint_bytes)} as in {like.name}"
    text = f"{plural(count, 'checkpoint')} of {each}: {size(needed)}{free}"
    return [_disk(text, needed, past.free) if past.free is not None else Fact("disk", text)]


# -- evaluate ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluation:
    """A planned evaluation; numbers that cannot be read are 0."""

    task: str
    trials: int
    trial_seconds: float
    judge: str
    policies: int = 1
    pairs: int = 1
    """Of policy and start condition."""
    early: str = ""
    """The rule by which it may end early, in words."""
    no_rule: str = ""
    """Why there is none."""


def evaluate_section(profile: Profile, plan: Evaluation) -> Section:
    """What the trials take."""
    facts = []
    if plan.no_rule:
        facts.append(warning(plan.no_rule))
    elif plan.early:
        when, _, how_sure = plan.early.partition(": ")
        facts += [Fact("trials", when), *([Fact("its errors", how_sure)] if how_sure else [])]
    elif lasts := plan.trials * plan.trial_seconds:
        most = f"{plan.trials:,} x {number(plan.trial_seconds)} s = {duration(lasts)} at most"
        at_bench = duration(lasts + plan.trials * profile.recording.reset_seconds)
        facts.append(Fact("trials", f"{most}; {at_bench} at the bench with resets"))
    if plan.pairs > 1 and not (plan.early or plan.no_rule):
        each, more = divmod(plan.trials, plan.pairs)
        times = f"{each} or {each + 1} trials" if more else plural(each, "trial")
        of = f"{plan.pairs // plan.policies} conditions" if plan.policies < plan.pairs else "one condition"
        facts.append(Fact("compares", f"{plural(plan.policies, 'policy', 'policies')}, {of}: {times} each"))
    facts.append(Fact("cameras", cameras_of(profile) or "none"))
    if plan.task:
        facts.append(Fact("task", f'"{plan.task}"'))
    facts.append(Fact("judged by", plan.judge))
    return Section("this evaluation", tuple(facts))
