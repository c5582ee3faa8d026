"""A training's metrics: the line format, the columns, what cannot be drawn, thinning out."""

from __future__ import annotations

import time

import msgspec
import numpy as np
import pytest

from services.folders import DataFolder
from services.live import events as ev
from services.live.crashes import close_crashed
from services.live.event_log import read_events
from services.live.metrics import encode_point, newest
from services.log.documents import document
from services.training.curves import Curves, Metric
from services.training.downsampling import downsample
from sessions.models import SessionKind, SessionStatus
from tests.support.runs import BEGAN, session_id, started, write_run

NAN, INF = float("nan"), float("inf")


def line(step, loss=0.5, **more):
    metrics = {"loss": loss, "lr": 1e-4, "grad_norm": 0.1, "update_s": 1.0, "dataloading_s": 0.5, **more}
    return encode_point(step=step, at=1000.0 + step, samples=8 * step, epochs=step / 10, metrics=metrics)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def write(path, *lines):
    with path.open("ab") as file:
        file.write(b"".join(lines))


def test_a_line_holds_full_precision_and_names_what_is_not_finite():
    told = msgspec.json.decode(line(3, loss=NAN, grad_norm=-INF, l1_loss=0.1234567890123456))
    assert told["loss"] is None and told["grad_norm"] is None
    assert told["nonfinite"] == {"loss": "nan", "grad_norm": "-inf"}
    assert told["l1_loss"] == 0.1234567890123456


def test_no_file_yet_is_no_point(path):
    curves = Curves(path)
    assert curves.read() == 0 and len(curves) == 0 and curves.version == 0
    assert curves.reading(-1) is None


def test_only_what_is_new_is_read_and_half_a_line_waits(path):
    curves = Curves(path)
    write(path, line(10), line(20)[:25])
    assert curves.read() == 1
    version = curves.version
    assert curves.read() == 0 and curves.version == version
    write(path, line(20)[25:], line(30, loss=0.25))
    assert curves.read() == 2
    assert curves.steps.tolist() == [10, 20, 30]
    assert curves.column(Metric.LOSS).tolist() == [0.5, 0.5, 0.25]
    assert curves.version > version
    newest = curves.reading(-1)
    assert newest.step == 30 and newest.at == 1030.0 and newest.values[Metric.LR] == 1e-4


def test_a_view_taken_before_stays_as_it_was(path):
    curves = Curves(path)
    write(path, *(line(n, loss=float(n)) for n in range(1, 200)))
    curves.read()
    before = curves.column(Metric.LOSS)
    write(path, *(line(n, loss=float(n)) for n in range(200, 5000)))
    curves.read()
    assert before.tolist() == list(map(float, range(1, 200)))
    assert curves.column(Metric.LOSS).tolist() == list(map(float, range(1, 5000)))


@pytest.mark.parametrize("bad", [b"nonsense\n", b'{"step": "x"}\n', b"\xff\xfe\n", b'{"step": 1e400}\n', b"[1]\n",
                                 b'{"step": 99999999999999999999999}\n', b'{"step": -3}\n', b"\n"])  # fmt: skip
def test_a_damaged_line_is_left_out(path, bad):
    curves = Curves(path)
    write(path, line(10), bad, line(20))
    curves.read()
    assert curves.steps.tolist() == [10, 20]


def test_steps_only_grow(path):
    curves = Curves(path)
    write(path, line(10), line(10), line(5), line(20))
    curves.read()
    write(path, line(15), line(30))
    curves.read()
    assert curves.steps.tolist() == [10, 20, 30]


def test_what_is_not_finite_is_masked_and_marked_once_per_stretch(path):
    curves = Curves(path)
    write(path, line(1), line(2, loss=NAN, grad_norm=INF), line(3, loss=NAN))
    curves.read()
    write(path, line(4, loss=NAN), line(5), line(6, loss=NAN))
    curves.read()
    assert np.isnan(curves.column(Metric.LOSS)).tolist() == [False, True, True, True, False, True]
    told = [(m.what, m.first, m.last, m.count) for m in curves.marks(Metric.LOSS)]
    assert told == [("NaN", 2, 4, 3), ("NaN", 6, 6, 1)]
    assert [(m.what, m.first) for m in curves.marks(Metric.GRAD_NORM)] == [("infinite", 2)]
    assert curves.marks(Metric.LR) == ()
    assert Metric.LOSS not in curves.reading(1).values


def test_the_smoothed_loss_goes_on_where_it_was_and_passes_over_gaps(path):
    losses = [4.0, 2.0, NAN, 3.0, 1.0, 0.0, 5.0, 2.5, 2.5]
    at_once, in_pieces = Curves(path, horizon=3), Curves(path, horizon=3)
    for n, loss in enumerate(losses, 1):
        write(path, line(n, loss=loss))
        in_pieces.read()
    at_once.read()
    smoothed = at_once.column(Metric.SMOOTHED)
    np.testing.assert_array_equal(smoothed, in_pieces.column(Metric.SMOOTHED))
    assert np.isnan(smoothed[2])


def test_the_smoothed_loss_does_not_lag_behind_a_loss_that_falls_steeply_at_first_and_calms_later(path):
    rng = np.random.default_rng(0)
    clean = 0.1 + 5.0 * np.exp(-np.arange(400) / 20)
    noisy = clean * (1 + 0.2 * rng.standard_normal(400))
    for n, loss in enumerate(noisy, 1):
        write(path, line(n, loss=float(loss)))
    curves = Curves(path)
    curves.read()
    smoothed = curves.column(Metric.SMOOTHED)
    assert smoothed[0] == noisy[0]
    assert np.all(smoothed[:60] < 1.6 * clean[:60]), "early: near the loss"
    late = slice(200, 400)
    assert np.std(smoothed[late]) < 0.5 * np.std(noisy[late]), "late: calmer than the loss"


def test_the_pace_is_that_of_the_last_points(path):
    curves = Curves(path)
    assert curves.pace() == 0.0
    write(path, *(line(n) for n in range(1, 100)))
    curves.read()
    assert curves.pace() == 1.0
    write(path, *(encode_point(step=100 + 10 * n, at=1100.0 + n, samples=0, epochs=0, metrics={}) for n in range(60)))
    curves.read()
    assert curves.pace() == 0.1


def test_a_file_that_was_cut_is_read_anew(path):
    curves = Curves(path)
    write(path, *(line(n) for n in range(1, 50)))
    curves.read()
    version = curves.version
    path.write_bytes(line(7))
    curves.read()
    assert curves.steps.tolist() == [7] and curves.version > version


def test_twenty_thousand_points_are_read_in_well_under_a_second(path):
    write(path, *(line(n, loss=1 / n if n % 100 else NAN) for n in range(1, 20_001)))
    curves = Curves(path)
    begin = time.process_time()
    assert curves.read() == 20_000
    assert time.process_time() - begin < 1.0
    assert len(curves.marks(Metric.LOSS)) == 200


def test_downsampling_keeps_the_peaks_and_two_points_per_column():
    x = np.arange(20_000)
    y = np.sin(x / 500)
    y[12_345] = 50.0
    kept = downsample(x, y, 80)
    assert len(kept) <= 160 and 12_345 in kept
    assert kept[0] == 0 and kept[-1] == 19_999 and bool(np.all(np.diff(kept) > 0))
    assert downsample(x[:5], y[:5], 80).tolist() == [0, 1, 2, 3, 4]
    assert downsample(x[:0], y[:0], 80).tolist() == []


# -- the newest point -------------------------------------------------------------------------------


def test_the_newest_whole_line_tells_how_far_it_is(path):
    assert newest(path) is None
    for n in (1, 2, 3):
        write(path, line(n, loss=float(n)))
    write(path, line(4, loss=NAN))
    with path.open("ab") as file:
        file.write(b'{"step":9000,"at":1.0,"sam')  # cut off by a kill
    told = newest(path)
    points = Curves(path)
    points.read()
    assert told.step == points.steps[-1] and "loss" not in told.metrics and told.metrics["lr"] > 0
    assert newest(path, after=told.step) is None


def test_a_crashed_training_ends_at_its_last_log_point(tmp_path):
    folder = DataFolder(tmp_path / "data").create()
    facts = ev.TrainingStarted(
        policy="act", output_dir="/o/a", steps=100, batch_size=8, device="cpu", parameters=1, episodes=(0,),
        episodes_total=1, frames=10, cameras=(), excluded_cameras=(), log_freq=10, save_freq=50,
    )  # fmt: skip
    run = write_run(folder, session_id(1), started(session_id(1), kind=SessionKind.TRAIN), facts)
    run.metrics.write_bytes(encode_point(step=70, at=BEGAN + 60, samples=560, epochs=0.5, metrics={"loss": 0.25}))
    state = close_crashed(run)
    assert (state.status, state.ended_at, state.training.step) == (SessionStatus.CRASHED, BEGAN + 60, 70)
    assert document(state).training.loss == 0.25
    assert len(read_events(run.events)) == 4 and close_crashed(run) == state


def test_what_a_policy_adds_is_a_column_of_its_own(path):
    """From where it is logged on; text, and values that are not finite, are no numbers of it."""
    odd = {"step": 40, "loss": 0.5, "l1_loss": "much", "words": [1], "row": 2, "(row)": "x"}
    write(path, line(10), line(20, l1_loss=0.25), line(30, l1_loss=NAN), msgspec.json.encode(odd) + b"\n", b"{\n")
    curves = Curves(path)
    assert curves.read() == 3, "the line with the reserved key is damaged"
    write(
        path,
        msgspec.json.encode({**odd, "(row)": {}, "step": 50}) + b"\n",
        *(line(n, l1_loss=1.0) for n in range(60, 400)),
    )
    curves.read()
    assert {"l1_loss", "row"} <= {*curves.more}
    assert np.isnan(curves.column("l1_loss")[[0, 2, 3]]).all()
    assert curves.column("l1_loss")[[1, 4, -1]].tolist() == [0.25, 1.0, 1.0]
    assert curves.column("row")[3] == 2
    assert [(mark.what, mark.first) for mark in curves.marks("l1_loss")] == [("NaN", 30)]
    assert curves.reading(1).values["l1_loss"] == 0.25 and "l1_loss" not in curves.reading(0).values
    assert np.isnan(curves.column("never logged")).all() and len(curves.column("never logged")) == len(curves)
    write(path, line(1000, **{f"m{n}": 1.0 for n in range(500)}))
    curves.read()
    assert len(curves.more) <= 100, "names come from outside"
