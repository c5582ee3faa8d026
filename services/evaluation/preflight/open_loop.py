"""What the policy says to recorded frames of its own training data, against what was done then. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from sessions.preflight import Check, Level

Values = NDArray[np.float32]

OWN_DATA = "own data"
OFF, FAR_OFF = 0.6, 2.0
"""The error as a share of what the recorded actions vary by: what always says their mean has about 0.8."""
LEAST = 0.5
"""Degrees, or percent of a gripper: joints that vary less in the data are measured against this."""
SEAM_TIMES, SEAM_LEAST = 3.0, 5.0
"""A seam is rough beyond so many times the largest recorded step, and beyond so many degrees."""
USED = 0.8
"""The share of the time between two inferences that one may take."""
MENDS = "see that this is the right checkpoint for these data, and that it is trained far enough"


@dataclass(frozen=True)
class Asked:
    """An observation of an episode that the policy was asked about.

    `predicted` and `recorded` are actions from frame `at` on, (rows, joints); `before` is the action before them,
    (joints,). `ms` is how long the inference took.
    """

    episode: int
    at: int
    predicted: Values
    recorded: Values
    before: Values
    ms: float

    @property
    def rows(self) -> int:
        """Actions that can be compared."""
        return min(len(self.predicted), len(self.recorded))


@dataclass(frozen=True)
class Learnt:
    """The recorded actions as a whole: names and standard deviations by joint, and the largest step of any."""

    joints: Sequence[str]
    spread: Values
    step: float


def learnt(joints: Sequence[str], episodes: Sequence[Values]) -> Learnt:
    """Of the actions of several episodes, each (frames, joints)."""
    steps = [float(np.abs(np.diff(actions, axis=0)).max()) for actions in episodes if len(actions) > 1]
    spread = np.nan_to_num(np.concatenate(episodes).std(axis=0))
    return Learnt(joints, np.asarray(spread, np.float32), max(steps, default=0.0))


def open_loop_checks(asked: Sequence[Asked], data: Learnt, *, steps: int, fps: float) -> list[Check]:
    """Error, latency and seams; `steps` actions of each inference are used."""
    there = [each for each in asked if each.rows]
    if there and not all(np.isfinite(e.recorded).all() and np.isfinite(e.before).all() for e in there):
        found = "the recorded actions are no numbers in places: nothing to compare with"
        return [Check(name=OWN_DATA, level=Level.UNCHECKED, found=found), _latency(there, steps, fps)]
    if not there:
        return [Check(name=OWN_DATA, level=Level.UNCHECKED, found="the policy gave no answer to a recorded frame")]
    return [_error(there, data), _latency(there, steps, fps), *_seams(there, data, steps)]


def _error(asked: Sequence[Asked], data: Learnt) -> Check:
    name = OWN_DATA
    wrong = next((e for e in asked if e.predicted.shape[1] != e.recorded.shape[1]), None)
    if wrong is not None:
        found = f"it gives {wrong.predicted.shape[1]} values, the data have {wrong.recorded.shape[1]}"
        return Check(name=name, level=Level.BAD, found=found, mends=MENDS)
    errors = np.concatenate([np.abs(e.predicted[: e.rows] - e.recorded[: e.rows]) for e in asked])
    still = np.concatenate([np.abs(e.before - e.recorded[: e.rows]) for e in asked])
    spread = np.maximum(data.spread, LEAST)
    share, standing = float((errors.mean(axis=0) / spread).mean()), float((still.mean(axis=0) / spread).mean())
    if not np.isfinite(errors).all():
        return Check(name=name, level=Level.BAD, found="it gives actions that are no numbers", mends=MENDS)
    by_joint = dict(zip(data.joints, errors.mean(axis=0).tolist(), strict=False))
    worst = sorted(by_joint, key=by_joint.__getitem__, reverse=True)[:3]
    told = ", ".join(f"{joint} {by_joint[joint]:.1f}" for joint in worst) or f"{errors.mean():.1f} a value"
    found = f"off by {100 * share:.0f} % of what the actions vary by ({told})"
    found += f"; repeating the last action is by {100 * standing:.0f} %"
    if share > FAR_OFF:
        return Check(name=name, level=Level.BAD, found=found, mends=MENDS)
    if share > OFF or (share > standing and share > 0.1):
        return Check(name=name, level=Level.WARNING, found=found, mends=MENDS)
    return Check(name=name, level=Level.GOOD, found=found)


def _latency(asked: Sequence[Asked], steps: int, fps: float) -> Check:
    name, each = "latency", sorted(e.ms for e in asked)
    there = 1000 * max(1, steps) / fps
    found = f"{median(each):.0f} ms an inference (at most {each[-1]:.0f}), one is due every {there:.0f} ms"
    if median(each) > USED * there:
        mends = "a faster device, more actions of each inference (n_action_steps), or a smaller policy"
        return Check(name=name, level=Level.WARNING, found=f"{found}: the arm will wait for it", mends=mends)
    return Check(name=name, level=Level.GOOD, found=found)


def _seams(asked: Sequence[Asked], data: Learnt, steps: int) -> list[Check]:
    """From the last action used of one inference to the first of the next one, in the same episode."""
    if steps < 2:
        return []
    ordered = sorted(asked, key=lambda e: (e.episode, e.at))
    jumps = [
        float(np.abs(after.predicted[0] - before.predicted[steps - 1]).max())
        for before, after in pairwise(ordered)
        if before.episode == after.episode and after.at == before.at + steps and len(before.predicted) >= steps
    ]
    if not jumps or not np.isfinite(jumps).all():  # no numbers: told with the error
        return []
    found = f"at most {max(jumps):.1f} degrees from one inference to the next, {data.step:.1f} a step in the data"
    if max(jumps) > max(SEAM_LEAST, SEAM_TIMES * data.step):
        mends = "train it longer, or use fewer actions of each inference"
        return [Check(name="seams", level=Level.WARNING, found=found, mends=mends)]
    return [Check(name="seams", level=Level.GOOD, found=found)]
