"""Curves over steps, samples or hours: each run by what is known of it."""

from __future__ import annotations

from pathlib import Path

from screens.train import plots, sight
from screens.train.axis import Axis, Scale, place, positions, scale
from screens.train.sight import RunLine, Sight
from services.live.events import SessionEnded
from services.live.metrics import encode_point
from services.training.curves import Curves
from sessions.models import SessionStatus
from tests.support.facts import training

BEGAN = 1_000_000.0


def curves(path: Path, *, at: float = BEGAN, batch: int = 8, points: int = 10, pace: float = 36.0) -> Curves:
    """Points at steps 10, 20, ...; `at` 0: without times. `batch` 0: without samples."""
    path.write_bytes(b"".join(
        encode_point(step=10 * n, at=at and at + pace * 10 * n, samples=10 * n * batch, epochs=0.0,
                     metrics={"loss": 1 / n})
        for n in range(1, points + 1)
    ))  # fmt: skip
    made = Curves(path)
    made.read()
    return made


def end(drawn: Curves, axis: Axis, by: Scale) -> float:
    """Where the last point lies."""
    found = positions(drawn, axis, by)
    assert found is not None
    return float(found[-1])


def test_what_a_run_does_not_tell_is_no_value_that_could_not_be_drawn(tmp_path: Path) -> None:
    lines = [
        encode_point(step=step, at=0.0, samples=step, epochs=0.0, metrics={"loss": loss, "lr": 1e-5})
        for step, loss in ((10, 0.5), (20, float("nan")))
    ]
    (tmp_path / "told").write_bytes(b"".join(lines))
    told = Curves(tmp_path / "told")
    told.read()
    read, _ = plots.reads([RunLine(name, name, told) for name in ("a", "b")], plots.PLOTS, None)
    assert sorted(read.values) == ["1e-5", "not finite", "not logged"]


def test_points_lie_at_steps_samples_and_hours_as_far_as_they_are_known(tmp_path: Path) -> None:
    own = curves(tmp_path / "own")
    assert end(own, Axis.STEP, Scale()) == 100
    assert end(own, Axis.SAMPLES, Scale()) == 800
    assert end(own, Axis.HOURS, Scale(began=BEGAN)) == 1.0
    written = curves(tmp_path / "written", at=0.0, batch=0)
    assert positions(written, Axis.SAMPLES, Scale()) is None and positions(written, Axis.HOURS, Scale()) is None
    assert end(written, Axis.SAMPLES, Scale(batch=64)) == 6_400
    imported = scale(training(done=100, batch_size=64), SessionEnded(status=SessionStatus.FINISHED, took_s=7_200.0))
    assert imported.pace_s == 72.0
    assert end(written, Axis.HOURS, imported) == 2.0
    back = curves(tmp_path / "back", pace=-1.0)  # a clock that was set back
    hours = positions(back, Axis.HOURS, Scale(began=BEGAN - 1_000))
    assert hours is not None and (hours[1:] >= hours[:-1]).all()


def test_a_step_between_and_beyond_the_points_has_its_place(tmp_path: Path) -> None:
    own = curves(tmp_path / "own")
    hours = positions(own, Axis.HOURS, Scale(began=BEGAN))
    assert hours is not None
    assert round(place(own, hours, 55), 6) == 0.55 and round(place(own, hours, 5), 6) == 0.05
    assert round(place(own, hours, 200), 6) == 2.0


def test_cursor_and_range_are_of_the_axis_and_the_cursor_stays_at_its_point(tmp_path: Path) -> None:
    own = curves(tmp_path / "own")
    steps = [RunLine("a", "a", own)]
    hours = [RunLine("a", "a", own, positions(own, Axis.HOURS, Scale(began=BEGAN)))]
    assert sight.whole(steps) == (10.0, 100.0) and sight.whole(hours) == (0.1, 1.0)
    seen = sight.turned(steps, Sight(cursor=50.0, window=(20.0, 60.0), log=True), Axis.HOURS, hours)
    assert (round(seen.cursor or 0, 6), seen.window, seen.log, seen.axis) == (0.5, None, True, Axis.HOURS)
    moved = sight.moved(hours, seen, 1, 10)
    assert round(moved.cursor or 0, 6) == 0.6 and moved.axis is Axis.HOURS
    closer = sight.zoomed(hours, moved, 1)
    assert closer.window is not None and closer.window[1] <= 1.0 + 1e-9
    shown = plots.title(hours[0], plots.PLOTS[0], moved).plain
    assert "at step 60" in shown
    assert "hours 0." in plots.subtitle([hours[0]], plots.PLOTS[0], closer).plain
    figure = plots.figure(hours, plots.PLOTS[0], moved)
    assert figure.x_name == "hours" and float(figure.series[0].x[-1]) == 1.0
    assert Axis.STEP.next.next.next.next is Axis.STEP
