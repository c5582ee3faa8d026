"""kill -9 between a verdict's key and its confirmation: on disk or visibly not taken, never lost once confirmed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from services.datasets.marks import read_marks
from services.folders import RunFolder
from services.live import protocol
from services.live.crashes import close_crashed
from services.live.link import LinkLost
from services.log.documents import document
from sessions.models import SessionStatus, Verdict
from tests.support.evaluating import evaluate, pending, start
from tests.support.rig import Rig, gone, wait_until

KILLS = 6


async def killed_verdict(rig: Rig, delay_ms: float | None, *, during: bool) -> tuple[RunFolder, bool]:
    """A verdict's key, on a running or a pending trial, and a kill `delay_ms` after it; whether it was confirmed.

    Without a delay the kill comes the moment it is confirmed.
    """
    run = evaluate(rig, trial_seconds=1e6 if during else 0.1)
    async with rig.attached(run) as link:
        await start(link)
        if not during:
            await pending(link)
        pid = rig.pid(run)
        answer = link.send(protocol.JudgeTrial(trial=1, verdict=Verdict.FAILURE))
        if delay_ms is not None:
            await asyncio.sleep(delay_ms / 1000)
            os.kill(pid, signal.SIGKILL)
        try:
            confirmed = (await asyncio.wait_for(answer, 5)).ok
        except LinkLost:
            confirmed = False
        if delay_ms is None:
            os.kill(pid, signal.SIGKILL)
    wait_until(gone(run))
    return run, confirmed


def marked(root: Path, index: int) -> tuple[Verdict | None, bool]:
    """What the mark of a rollout says."""
    mark = read_marks(root)[index]
    return mark.verdict, mark.accepted


async def test_a_verdict_is_on_disk_or_visibly_not_taken_whenever_the_worker_is_killed(
    quick_rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(11)
    outcomes: list[str] = []
    for number in range(KILLS):
        delay_ms = chance.choice((0.0, 0.5, 1, 2, 4, 8)) if number % 6 else None
        run, confirmed = await killed_verdict(quick_rig, delay_ms, during=number % 3 == 0)
        # The scribe may be at it in this very moment: its lock looks like a worker's.
        wait_until(lambda r=run: close_crashed(r).status is SessionStatus.CRASHED)
        told = close_crashed(run)
        trial = document(told).trials[0]
        if confirmed:
            assert trial.verdict is Verdict.FAILURE, "a confirmed verdict is never lost"
        assert trial.verdict is None or trial.ended_by, "a verdict belongs to a trial that has ended"
        if trial.episode_index is not None and told.started is not None:
            root, index, expected = Path(told.started.dataset_root), trial.episode_index, (trial.verdict, False)
            wait_until(
                lambda r=root, i=index, e=expected: marked(r, i) == e
            )  # log and marks agree; the scribe closes, too
        outcomes.append("confirmed" if confirmed else "on disk" if trial.verdict else "not taken")
    with capsys.disabled():
        print(f"\n  killed: {', '.join(f'{o} {outcomes.count(o)}' for o in sorted(set(outcomes)))}", end=" ")
    assert len(set(outcomes)) > 1, "the kills all fell on one side of the confirmation"
