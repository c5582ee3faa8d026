"""The range of the plots, typed or by keys, and further metrics: what is offered, what it is called, and its unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from screens.train import plots, sight
from screens.train.axis import Axis, Scale, positions
from screens.train.sight import RunLine, Sight
from screens.views import metric_names
from screens.widgets.plotting import HELD_OUTS, STROKES, Ink
from services.live.metrics import EVAL_LOSS, encode_point
from services.training.bottleneck import Figure
from services.training.curves import Curves


def drawn(place: Path, points: int = 100, name: str = "a", **more: float) -> RunLine:
    """Points at steps 10, 20, ..., without times."""
    path = place / name
    path.write_bytes(b"".join(line(step, **more) for step in range(10, 10 * points + 1, 10)))
    read = Curves(path)
    read.read()
    return RunLine(name, name, read)


def line(step: int, **more: float) -> bytes:
    return encode_point(step=step, at=0.0, samples=0, epochs=0.0, metrics={"loss": 1 / step, **more})


def test_a_typed_range_is_shown_and_the_last_so_many_steps_go_on_with_the_run(tmp_path: Path) -> None:
    run = drawn(tmp_path)
    for text, window in (
        ("200-500", (200, 500)), ("0.2k to .5k", None), ("0.2k to 0.5k", (200, 500)), ("100-", (100, 1000)),
        ("-400", (600, 1000)), ("last 400", (600, 1000)), (" LAST 0.4K ", (600, 1000)), ("to 300", (10, 300)),
        ("", "all"),
    ):  # fmt: skip
        if window is None:
            with pytest.raises(ValueError, match="type 1000-5000"):
                sight.ranged([run], Sight(), text)
        else:
            assert sight.ranged([run], Sight(window=(1.0, 2.0)), text).window == (None if window == "all" else window)
    for text, why in (
        ("500-200", "ends before"),
        ("5k-6k", "reach from 10 to 1,000"),
        ("last 0", "none"),
        ("abc", "no"),
    ):
        with pytest.raises(ValueError, match=why):
            sight.ranged([run], Sight(), text)
    last = sight.ranged([run], Sight(), "last 400")
    assert "the last 400 steps" in plots.subtitle([run], plots.PLOTS[0], last).plain
    with run.curves.path.open("ab") as file:
        file.write(line(1010) + line(1020))
    run.curves.read()
    assert sight.followed([run], last).window == (620, 1020)
    assert sight.followed([run], sight.ranged([run], Sight(), "200-500")).window == (200, 500)
    closer = sight.zoomed([run], Sight(), 1)
    assert closer.last == 505 and closer.window == (515, 1020), "without a cursor the last half"
    read_off = sight.moved([run], closer, -1, 50)
    back = sight.moved([run], sight.moved([run], read_off, -40, 50), -40, 50)
    assert read_off.last == 505 and back.last is None, "a range that followed the cursor back stays there"
    assert sight.ranged([run], Sight(), "last 5000").window is None


def test_epochs_follow_from_the_frames_and_hours_by_the_mean_are_marked(tmp_path: Path) -> None:
    run = drawn(tmp_path)
    epochs = positions(run.curves, Axis.EPOCHS, Scale(batch=8, frames=800))
    assert epochs is not None and epochs[-1] == 10.0
    assert positions(run.curves, Axis.EPOCHS, Scale(batch=8)) is None
    hours = RunLine("a", "a", run.curves, positions(run.curves, Axis.HOURS, Scale(pace_s=36.0)), by_mean=True)
    over = Sight(axis=Axis.HOURS, window=(0.0, 2.5))
    assert plots.subtitle([hours], plots.PLOTS[1], over).plain.split(" · ")[1:] == [
        "times by the mean step time", "hours 0.00 to 2.50",
    ]  # fmt: skip
    read, _ = plots.reads([hours, run], plots.PLOTS, None)
    assert read.name == "~a"


def test_further_metrics_are_those_that_were_logged_the_policys_first(tmp_path: Path) -> None:
    run = drawn(tmp_path, l1_loss=0.25, update_s=1.5, cpu_load=0.5, text=float("nan"))
    assert metric_names.offered(plots.logged_by([run])) == ["l1_loss", "text", "update_s", "cpu_load"]
    assert set(metric_names.OWN) == {each.value for each in Figure}
    shown = [
        metric_names.shown(name, run.curves.reading(-1).values[name]) for name in ("l1_loss", "update_s", "cpu_load")
    ]
    assert shown == ["0.250", "1.50 s", "50%"]
    spec = plots.further("l1_loss")
    assert plots.figure([run], spec, Sight()).series[0].y.tolist() == [0.25] * 100
    bare = drawn(tmp_path, name="b")
    assert plots.figure([bare], spec, Sight()).placeholder == "no l1_loss was logged"
    read, other = plots.reads([run, bare], plots.drawn(Sight(more="l1_loss")), None)
    assert (read.values[-1], other.values[-1]) == ("0.250", "not logged")
    assert metric_names.title("evil\x1b[2J") == "evil"


def test_the_held_out_loss_of_each_of_several_runs_is_drawn_dotted_in_its_colour(tmp_path: Path) -> None:
    runs = [drawn(tmp_path, name=name) for name in "ab"]
    with runs[1].curves.path.open("ab") as file:
        file.write(encode_point(step=500, at=0.0, samples=0, epochs=0.0, metrics={EVAL_LOSS: 0.7}))
    runs[1].curves.read()
    inks = [one.ink for one in plots.figure(runs, plots.PLOTS[0], Sight()).series]
    assert inks.count(Ink.SECOND_HELD_OUT) == 1 and Ink.FIRST_HELD_OUT not in inks
    assert "dotted: held out" in plots.subtitle(runs, plots.PLOTS[0], Sight()).plain
    assert plots.read_titles(runs, plots.PLOTS)[-1] == "held out"
    assert [each.values[-1] for each in plots.reads(runs, plots.PLOTS, None)] == ["-", "0.700"]
    assert len({STROKES[ink].letter for ink in HELD_OUTS}) == 4, "told apart without colours"
