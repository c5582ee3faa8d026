"""The tree of a dataset's life, and two sessions side by side, as the operator sees them."""

from __future__ import annotations

from typing import Any

import pytest

from services.folders import DataFolder
from services.live import events as ev
from sessions.models import SessionKind, Verdict
from tests.support import facts
from tests.support.runs import ended, saved, session_id, started, write_run

HOUR = 3600.0


def a_bench(folder: DataFolder) -> None:
    """A recording, a training on it, and two evaluations of its checkpoint."""
    data = str(folder.root)
    write_run(folder, session_id(1), started(session_id(1), data_dir=data), saved(0), saved(1), ended())
    output = f"{data}/outputs/train/act_v2"
    begun = ev.TrainingStarted(
        policy="act", output_dir=output, steps=10, batch_size=8, device="cpu", parameters=1,
        episodes=(0, 1), episodes_total=2, frames=400,
    )  # fmt: skip
    kept = ev.CheckpointSaved(step=10, path=f"{output}/checkpoints/000010", bytes=1, seconds=1.0, loss=0.5)
    trains = started(session_id(2), kind=SessionKind.TRAIN, data_dir=data, at=facts.BEGAN + HOUR)
    write_run(folder, session_id(2), trains, begun, kept, ended())
    for number, verdicts in ((3, (Verdict.SUCCESS, Verdict.SUCCESS)), (4, (Verdict.SUCCESS, Verdict.FAILURE))):
        tries = started(
            session_id(number), kind=SessionKind.EVAL, data_dir=data, at=facts.BEGAN + number * HOUR, task="lift it",
            checkpoint=f"{output}/checkpoints/000010/pretrained_model", dataset=f"rollout_{number}",
        )  # fmt: skip
        trials = [
            event
            for n, verdict in enumerate(verdicts, 1)
            for event in (ev.TrialStarted(trial=n), ev.TrialJudged(trial=n, verdict=verdict, judge="anna"))
        ]
        write_run(folder, session_id(number), tries, *trials, ended())


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40), (200, 60)])
async def test_a_dataset_and_all_that_came_of_it_stand_on_one_screen(open_console: Any, size: tuple[int, int]) -> None:
    async with open_console(size=size) as console:
        a_bench(console.folder)
        await console.press("f7")
        await console.until(lambda: console.screen.chosen is not None)
        await console.press("B")
        for part in ("cubes", "2 accepted episodes", "act_v2", "@ 000010", "2/2", "1/2"):
            await console.sees(part)
        assert console.screen.chosen.id == session_id(4), "the cursor is where it was"
        await console.press("up", "up", "up")
        assert console.screen.chosen.id == session_id(2)
        await console.press("enter")
        await console.until(lambda: console.screen.opened and console.screen.chosen.id == session_id(2))
        await console.press("B")
        await console.until(lambda: console.screen.growing)
        await console.press("escape")
        await console.until(lambda: not console.screen.growing)
        assert console.screen.chosen.id == session_id(2)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40)])
async def test_two_evaluations_lie_side_by_side_with_what_differs(open_console: Any, size: tuple[int, int]) -> None:
    async with open_console(size=size) as console:
        a_bench(console.folder)
        await console.press("f7")
        await console.until(lambda: console.screen.chosen is not None)
        await console.press("space")
        await console.sees("marked")
        await console.press("c")
        await console.sees("no other session is marked")
        await console.press("down", "c")
        await console.until(lambda: console.screen.beside)
        await console.sees("rows differ")
        assert "≠" in console.everything
        await console.press("pagedown", "up", "down", "escape")
        await console.until(lambda: not console.screen.beside)
        await console.press("space", "space")
        await console.until(lambda: not console.screen._marked)


async def test_two_trainings_go_to_their_comparison_on_train(open_console: Any) -> None:
    async with open_console(size=(120, 40)) as console:
        a_bench(console.folder)
        data = str(console.folder.root)
        begun = ev.TrainingStarted(
            policy="act", output_dir=f"{data}/outputs/train/act_v3", steps=20, batch_size=8, device="cpu", parameters=1,
            episodes=(0, 1), episodes_total=2, frames=400,
        )  # fmt: skip
        at = facts.BEGAN + 9 * HOUR
        trains = started(session_id(9), kind=SessionKind.TRAIN, data_dir=data, at=at)
        write_run(console.folder, session_id(9), trains, begun, ended())
        await console.press("f7")
        await console.until(lambda: console.screen.chosen is not None)
        await console.press("space", "down", "down", "down", "c")
        await console.until(lambda: console.screen.id == "train")
        await console.until(lambda: console.screen.comparing)
        await console.sees("act_v3")
        await console.sees("act_v2")
