"""The operator's verbs on the Evaluate screen and in `lab-console eval`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from services.arm_commands import tell
from services.bench.profiles import FASTEST_HZ, Profile
from services.checkpoints.checkpoint import Checkpoint, CheckpointProblem, resolve
from services.checkpoints.compatibility import fit_cameras
from services.datasets.names import LONGEST_NAME, ROLLOUT, check_rollout_name
from services.datasets.summary import summarize
from services.folders import DataFolder, RunFolder
from services.live import intents
from services.live.launch import launch
from services.live.link import Answered, Link
from services.live.requests import ORACLE, EvalRequest
from services.refusal import Refusal
from sessions.models import Verdict

TRIALS = 10
"""Trials to judge where nobody says how many."""


@dataclass(frozen=True)
class Look:
    """What a checkpoint turned out to be, as far as it and lab.toml tell: it, or the problem with it.

    `task` is what it learnt first, by its name on this bench where it has one.
    """

    checkpoint: Checkpoint | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()
    task: str = ""


def plan(
    folder: DataFolder,
    profile: Profile,
    *,
    checkpoint: str,
    task: str,
    trials: int | None = None,
    trial_seconds: float | None = None,
    operator: str = "",
    judge: str = "",
    condition: str = "",
    seed: int | None = None,
    lockstep: bool = False,
    dataset: str = "",
) -> EvalRequest:
    """A checked request; what is None comes from the profile. Raises Refusal with the reason."""
    found = find(folder, checkpoint)
    named = {t.name: t.text for t in profile.tasks}
    request = EvalRequest(
        data_dir=str(folder.root),
        profile=profile,
        checkpoint=str(found.path),
        task=named.get(task.strip(), task.strip()),
        dataset=dataset.strip() or rollout_name(folder, found),
        trained_in=found.provenance.session,
        trials=TRIALS if trials is None else trials,
        trial_seconds=profile.recording.episode_seconds if trial_seconds is None else trial_seconds,
        operator=operator,
        fps=pace(found, profile),
        judge=judge.strip(),
        condition=condition.strip(),
        seed=seed,
        lockstep=lockstep,
    )
    _check(folder, request, found)
    return request


def find(folder: DataFolder, wanted: str) -> Checkpoint:
    """The checkpoint that a path or a session's id means. Raises Refusal."""
    try:
        return resolve(folder, wanted)
    except CheckpointProblem as problem:
        raise Refusal(str(problem)) from problem


def pace(checkpoint: Checkpoint, profile: Profile) -> int:
    """The rate of the loop in Hz: the one that the policy learnt at, whatever the bench records at."""
    return checkpoint.provenance.fps or profile.recording.fps


def look_at(folder: DataFolder, profile: Profile, text: str) -> Look:
    """What `text` means, and whether its policy fits this bench. Reads disk: not on an event loop."""
    try:
        found = resolve(folder, text)
    except (CheckpointProblem, OSError, ValueError) as problem:
        return Look(problem=str(problem))
    task = next(iter(found.provenance.tasks), "")
    named = next((t.name for t in profile.tasks if t.text == task), task)
    fits = fit_cameras(found, profile.cameras, fps=pace(found, profile))
    return Look(checkpoint=found, problem="; ".join(fits.problems), notes=fits.notes, task=named)


def rollout_name(folder: DataFolder, checkpoint: Checkpoint) -> str:
    """`rollout_<run>_<step>`, with a number behind it where that one exists already."""
    name = ROLLOUT + (re.sub(r"[^A-Za-z0-9._]+", "_", checkpoint.label).strip("._") or "policy")
    name = re.sub(r"\.{2,}", ".", name)[: LONGEST_NAME - 5].rstrip("._")
    number, unique = 1, name
    while (folder.datasets / unique).exists():
        number += 1
        unique = f"{name}-{number}"
    return unique


def _check(folder: DataFolder, request: EvalRequest, checkpoint: Checkpoint) -> None:
    profile = request.profile
    if not request.task:
        raise Refusal("a task is needed: the instruction text that the policy and the dataset get")
    if problems := fit_cameras(checkpoint, profile.cameras).problems:
        raise Refusal(f"{checkpoint.label} does not fit bench {profile.name}: {'; '.join(problems)}")
    if not 0 < request.fps <= FASTEST_HZ:
        raise Refusal(f"{checkpoint.label} learnt at {request.fps} Hz: a control loop runs at 1 to {FASTEST_HZ} Hz")
    for name, value, least in (
        ("trials", request.trials, 1),
        ("trial seconds", request.trial_seconds, 2 / request.fps),
    ):
        if not least <= value < float("inf"):
            raise Refusal(f"{name} must be at least {least:.3g}, not {value:g}")
    if request.judge not in ("", ORACLE):
        raise Refusal(f"--judge knows {ORACLE} only, not {request.judge!r}; without it a person judges, by key")
    if request.judge and not profile.simulated:
        raise Refusal("the oracle judges on the simulated bench only: use the screen, where a person judges")
    if request.lockstep and not profile.simulated:
        raise Refusal("lockstep drives the simulated bench only; leave --lockstep out on hardware")
    _check_dataset(folder.datasets, request.dataset)


def _check_dataset(datasets: Path, name: str) -> None:
    try:
        check_rollout_name(name)
    except ValueError as error:
        raise Refusal(str(error)) from error
    if (datasets / name).exists() and (episodes := summarize(datasets / name).episodes):
        raise Refusal(f"dataset {name} exists with {episodes} episodes; choose another name")


def begin(folder: DataFolder, request: EvalRequest) -> RunFolder:
    """Start the evaluation worker. Raises FolderProblem where the data folder cannot be written."""
    folder.create()
    return launch(folder, request)


# -- by key --------------------------------------------------------------------------------------------


def start_or_end_trial(link: Link) -> Answered | None:
    """What space means now: start the next trial, or end the running one; None where it means nothing."""
    return tell(link, intents.trial(link.snapshot))


def judge(link: Link, verdict: Verdict, judge: str) -> Answered | None:
    """The verdict of the running or the pending trial; None where there is none."""
    return tell(link, intents.judge(link.snapshot, verdict, judge))


def undo(link: Link) -> Answered | None:
    """Take the last verdict back; None where the last trial has none, or the next one has begun."""
    return tell(link, intents.undo(link.snapshot))


def annotate(link: Link, failure_mode: str) -> Answered | None:
    """Say how the last trial failed; None where it did not, or the next one has begun."""
    return tell(link, intents.annotate(link.snapshot, failure_mode))
