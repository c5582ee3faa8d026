"""The loss of held-out episodes: a line and a sign of its own, and the checkpoint with the lowest is marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from screens.train import plots
from screens.views.shown_run import ShownRun
from screens.views.training_panels import checkpoint_table, data
from screens.widgets.plotting import STROKES, Ink
from services.live.metrics import EVAL_LOSS, encode_point, newest
from services.live.snapshots import Snapshot
from services.log.page import _left_out
from services.training.curves import Curves
from sessions.document import Training
from sessions.facts import CheckpointSaved, TrainingStarted
from sessions.left_out import LeftOut, Why

STARTED = TrainingStarted(
    policy="act", output_dir="/o", steps=40, batch_size=2, device="cpu", parameters=1, episodes=(), episodes_total=0,
    frames=1,
)  # fmt: skip


def curves(place: Path) -> Curves:
    """Four points, and a measurement after the second and the fourth."""
    lines = []
    for step in (10, 20, 30, 40):
        base: dict[str, Any] = {"step": step, "at": 0.0, "samples": step, "epochs": 0.0}
        lines.append(encode_point(**base, metrics={"loss": 1 / step}))
        if step in (20, 40):
            lines.append(encode_point(**base, metrics={EVAL_LOSS: 2 / step}))
    (place / "metrics.jsonl").write_bytes(b"".join(lines))
    read = Curves(place / "metrics.jsonl")
    assert read.read() == 4, "a measurement is no point of the training"
    return read


def test_the_loss_plot_draws_it_as_a_line_of_its_own_and_names_it_in_the_title(tmp_path: Path) -> None:
    read = curves(tmp_path)
    line, loss = plots.RunLine("a", "a", read), plots.PLOTS[0]
    drawn = plots.figure([line], loss, plots.Sight())
    held_out = next(series for series in drawn.series if series.ink is Ink.HELD_OUT)
    assert (held_out.x.tolist(), held_out.y.tolist()) == ([20, 40], [0.1, 0.05])
    assert "held out 0.0500" in plots.title(line, loss, plots.Sight()).plain
    assert "held out 0.100" in plots.title(line, loss, plots.Sight(cursor=30)).plain
    assert "held out" not in plots.title(line, loss, plots.Sight(cursor=10)).plain
    assert not [s for s in plots.figure([line], plots.PLOTS[1], plots.Sight()).series if s.ink is Ink.HELD_OUT]
    letters = [STROKES[ink].letter for ink in (Ink.RAW, Ink.MEAN, Ink.HELD_OUT)]
    assert len(set(letters)) == 3, "told apart without colours"
    last = newest(tmp_path / "metrics.jsonl")
    assert last is not None and last.metrics == {"loss": 1 / 40}


def test_the_checkpoint_with_the_lowest_is_the_best_in_the_list() -> None:
    saved = tuple(
        CheckpointSaved(step=step, path=f"/o/{step}", bytes=1, seconds=1.0, eval_loss=loss)
        for step, loss in ((10, 0.3), (20, 0.1), (30, None), (40, 0.1))
    )
    training = Training(started=STARTED, checkpoints=saved)
    assert training.best is saved[1]
    rows = [row.plain for row in checkpoint_table(saved, 60, 0.0, training.best).rows]
    assert ["best" in row for row in rows] == [False, True, False, False]
    assert "0.300" in rows[0] and "0.100" in rows[3]


def test_held_out_episodes_are_not_called_left_out() -> None:
    groups = (LeftOut(Why.REJECTED, (1,)), LeftOut(Why.HELD_OUT, (3, 4)))
    started = msgspec.structs.replace(STARTED, left_out=groups, episodes_total=5)
    rows = [
        " ".join(row.plain.split())
        for row in data(ShownRun(snapshot=Snapshot(training=Training(started=started))), 50, 0.0)
    ]
    assert "held out 3-4: measured, not learnt from" in rows
    assert [row for row in rows if row.startswith("left out")] == ["left out rejected: 1"]
    assert [_left_out(group).name for group in groups] == ["left out", "held out"]
