"""Trains a second judge on the trials that were judged so far, and keeps him if he is worth anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from services.folders import DataFolder
from services.judges import classifier
from services.judges.examples import Examples, read, wanted
from services.judges.kept import KeptJudge, Weights, check_new, fingerprint, keep, packed
from services.log.problem import LogbookProblem
from services.refusal import Refusal
from services.units import plural
from sessions.second_judge import MOST_ERROR
from sessions.statistics.intervals import score
from sessions.trained_judge import WEIGHT, TrainedJudge

FEWEST = 8
"""Trials of either kind: from fewer, an error rate is anything."""


@dataclass(frozen=True)
class Made:
    """A judge who is kept in `root`; `left_out` are the trials that he was not trained on, in words."""

    root: Path
    facts: KeptJudge
    left_out: tuple[str, ...]


async def train(
    folder: DataFolder,
    name: str,
    *,
    sessions: Sequence[str] = (),
    bench: str = "",
    task: str = "",
    progress: Callable[[str], None] = lambda words: None,
) -> Made:
    """A judge for one task on one bench. Raises Refusal if he cannot be trained, or judges no better than chance."""
    check_new(folder, name)
    try:
        made, trials = wanted(folder, sessions, bench, task)
    except LogbookProblem as problem:
        raise Refusal(str(problem)) from problem
    await read(folder, made, trials, lambda done: progress(f"{done} of {plural(len(trials), 'trial')} read"))
    check_enough(made)
    progress("judging trials that were left out")
    facts, weights = judge_of(made)
    return Made(keep(folder, name, facts, weights), facts, _left_out(made))


def check_enough(made: Examples) -> None:
    """Raises Refusal."""
    successes = sum(made.won)
    failures = len(made.won) - successes
    if min(successes, failures) < FEWEST:
        left_out = "; ".join(_left_out(made))
        raise Refusal(
            f"a judge needs {FEWEST} trials of either kind with pictures, here are "
            f"{plural(successes, 'success', 'successes')} and {plural(failures, 'failure')}"
            f"{f' ({left_out})' if left_out else ''}: judge more trials first"
        )


def judge_of(made: Examples) -> tuple[KeptJudge, bytes]:
    """The judge's facts and weights. Raises Refusal for one whose word is worth nothing."""
    import numpy as np

    rows, won = np.array(made.rows), np.array(made.won)
    judged = classifier.cross_validated(rows, won, made.sessions)
    successes, failures = int(won.sum()), int((~won).sum())
    found, rejected = int(judged.successes[won].sum()), int((~judged.successes[~won]).sum())
    if _worthless(found / successes, rejected / failures, WEIGHT * successes, WEIGHT * failures):
        raise Refusal(
            f"what was left out in turn was told too badly: {found} of {plural(successes, 'success', 'successes')} "
            f"and {rejected} of {plural(failures, 'failure')}, so this judge is not kept; more judged trials may "
            "help, or a camera that shows where it ends"
        )
    line = classifier.fitted(rows, won)
    weights = packed(Weights(line.weights.reshape(len(made.cameras), -1), line.bias))
    trained = TrainedJudge(
        fingerprint=fingerprint(weights),
        bench=made.bench,
        task=made.task,
        cameras=made.cameras,
        successes=successes,
        successes_found=found,
        failures=failures,
        failures_found=rejected,
    )
    facts = KeptJudge(
        trained=trained,
        made_utc=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        sessions=tuple(dict.fromkeys(made.sessions)),
        judged_by=tuple(sorted(filter(None, made.judged_by))),
        by_session=judged.by_group,
    )
    return facts, weights


def _worthless(finds: float, rejects: float, successes: float, failures: float) -> bool:
    """Whether he errs too often, or may be no better than chance: Newcombe's interval of Youden's index has 0 in it."""
    low, above = score(finds, successes)[0], score(1 - rejects, failures)[1]
    better = finds + rejects - 1 - sqrt((finds - low) ** 2 + (above - 1 + rejects) ** 2)
    return better <= 0 or max(1 - finds, 1 - rejects) > MOST_ERROR


def _left_out(made: Examples) -> tuple[str, ...]:
    return tuple(f"{plural(count, 'trial')}: {why}" for why, count in made.left_out.most_common(4))
