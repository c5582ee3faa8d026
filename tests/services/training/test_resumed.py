"""A training in parts, as its session, its curves, its page and the list tell it; what cannot go on says why."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import msgspec
import pytest

from services.folders import DataFolder
from services.live import events as ev
from services.live.crashes import close_crashed
from services.live.event_log import EventLog, read_events
from services.live.metrics import encode_point, last_points, newest
from services.live.snapshots import Snapshot, replay
from services.log import logbook
from services.log.headline import headline, seconds
from services.log.page import page
from services.refusal import Refusal
from services.training import resuming
from services.training.curves import Curves, Metric
from services.training.history import list_runs, open_run
from services.training.resumable import why_not
from services.training.schedule import lr_at, on_more_steps
from services.training.watching.own_run import OwnRun
from services.training.watching.watched_run import LoggedCurves
from sessions.models import SessionKind, SessionStatus
from tests.support import facts
from tests.support.past_trainings import past_training, resumed
from tests.support.runs import session_id

ONE = "20231114-221320-0001"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "lab").create()


def test_one_session_tells_of_all_its_parts(folder: DataFolder) -> None:
    run = past_training(folder, ONE, points=130, status=SessionStatus.CRASHED, reason="the worker vanished")
    before = replay(read_events(run.events))
    resumed(run, points=50, changed=("1 episode was rejected since: 3",))
    resumed(run, step=1_500, steps=3_000, points=100)
    state = replay(read_events(run.events))
    assert before.training is not None and state.training is not None and state.started is not None
    first, second = state.training.resumed
    assert (first.lost, second.lost, first.pause) == (300, 0, pytest.approx(7_200.0))
    assert state.training.started == msgspec.structs.replace(
        before.training.started, steps=3_000, seq=state.training.started.seq
    )
    assert [each.step for each in state.training.checkpoints] == [1_000, 1_500, 2_500]
    assert (state.status, state.training.step, state.training.unfinished) == (SessionStatus.FINISHED, 2_500, True)
    assert state.training.paused_s == pytest.approx(14_400.0)

    (session,) = logbook.sessions(folder).sessions
    assert seconds(session) == pytest.approx(142 + 62 + 112, abs=1)
    assert "resumed" in headline(session).marks
    words = [row.text for section in page(session, UTC).sections for row in section.rows if row.name == "resumed"]
    assert words[0].startswith("at 1,000 of 2,000, 2 h 00 m after it crashed, 2023-11-15 00:15 by tg on lab1")
    assert "the worker vanished, steps 1,001 to 1,300 were lost and made again, 1 episode was rejected" in words[0]
    assert words[1].startswith("at 1,500 of 3,000, 2 h 00 m after it was stopped, ")
    (row,) = list_runs(folder).runs
    assert (row.reached, row.steps) == (2_500, 3_000)
    assert open_run(folder, row).snapshot == state


def test_the_curves_are_those_of_the_steps_that_count(folder: DataFolder) -> None:
    run = past_training(folder, ONE, points=130)
    whole = past_training(folder, "20231114-221320-0002", name="act_v2", points=150)
    curves, reference = Curves(run.metrics), Curves(whole.metrics)
    assert (curves.read(), reference.read()) == (130, 150)
    seen = curves.column(Metric.LOSS)
    kept = seen.copy()
    resumed(run, points=50)
    assert curves.read() == 50 and (seen == kept).all()
    again = Curves(run.metrics)
    again.read()
    for each in (curves, again):
        assert each.steps.tolist() == reference.steps.tolist()
        for metric in (Metric.LOSS, Metric.SMOOTHED, Metric.LR):
            assert each.column(metric) == pytest.approx(reference.column(metric)), metric
        assert [(cut.step, cut.reached) for cut in each.resumed] == [(1_000, 1_300)]
    assert curves.pace(60) == pytest.approx(0.1), "without the pause"
    assert newest(run.metrics).step == 1_500  # type: ignore[union-attr]
    assert [step for step, _ in last_points(run.metrics, until=1_020, count=4)] == [990, 1_000, 1_010, 1_020]


def test_what_was_lost_leaves_no_mark_and_no_held_out_loss(folder: DataFolder) -> None:
    run = past_training(folder, ONE, points=98)
    odd = [encode_point(step=n, at=1, samples=8, epochs=1, metrics={"loss": float("nan")}) for n in (990, 1_000, 1_010)]
    measured = [encode_point(step=n, at=1, samples=8, epochs=1, metrics={"eval_loss": 0.5}) for n in (500, 1_010)]
    with run.metrics.open("ab") as file:
        file.write(b"".join([*odd, *measured]))
    curves = Curves(run.metrics)
    curves.read()
    assert (curves.marks(Metric.LOSS)[0].last, curves.marks(Metric.LOSS)[0].count) == (1_010, 3)
    resumed(run, points=1)
    curves.read()
    (mark,) = curves.marks(Metric.LOSS)
    assert (mark.first, mark.last, mark.count) == (990, 1_000, 2)
    assert curves.held_out[0].tolist() == [500] and curves.steps[-2:].tolist() == [1_000, 1_010]


def test_whoever_watches_it_sees_each_step_once(folder: DataFolder) -> None:
    run = past_training(folder, ONE, points=98)
    resumed(run, step=985, points=2)
    source = OwnRun(run.root)
    source.read()
    assert source.runs[0].points.steps == [*range(10, 981, 10), 995, 1_005]


def test_who_watches_it_sees_what_its_own_screen_shows(folder: DataFolder) -> None:
    run = past_training(folder, ONE, points=130)
    with run.metrics.open("ab") as lines:
        lines.write(encode_point(step=1_300, at=5.0, samples=2_600, epochs=1.0, metrics={"eval_loss": 0.5}))
    late, early = OwnRun(run.root), OwnRun(run.root)
    early.read()
    curves = LoggedCurves("here", early.runs[0])
    curves.read()
    assert len(curves) == 130 and curves.held_out_at(1_300) == 0.5
    resumed(run, points=50)
    resumed(run, step=1_100, steps=3_000, points=20)
    own = Curves(run.metrics)
    own.read()
    for source in (early, late):
        source.read()
        watched = curves if source is early else LoggedCurves("here", source.runs[0])
        watched.read()
        watched.read()
        assert watched.steps.tolist() == own.steps.tolist()
        assert watched.column(Metric.LOSS).tolist() == own.column(Metric.LOSS).tolist(), "the first steps stayed"
        assert watched.resumed == own.resumed and len(own.resumed) == 2
        assert watched.held_out_at(1_300) is None is own.held_out_at(1_300)


def test_a_training_that_did_not_go_on_stands_as_before(folder: DataFolder) -> None:
    run = past_training(folder, ONE, points=130, status=SessionStatus.ABORTED, reason="stopped by SIGTERM")
    before = replay(read_events(run.events))
    assert before.training is not None and before.ended is not None
    going = ev.TrainingResumed(
        step=1_000, steps=2_000, checkpoint="/c", reached=1_300, wanted=2_000, ended=before.ended
    )
    with EventLog(run) as log:
        log.append(going)
        log.append(ev.NoteAdded(text="with the new disk"))
    state = replay(read_events(run.events))
    assert state.running and state.resuming is not None and state.detail == "resuming at step 1,000"
    assert (state.training and state.training.step, state.training and len(state.training.checkpoints)) == (1_000, 1)
    closed = close_crashed(run)
    assert (closed.status, closed.ended_at) == (SessionStatus.ABORTED, before.ended_at)
    assert closed.end_reason == "stopped by SIGTERM; resuming it failed: the worker vanished without an end"
    assert closed.training == before.training and [note.text for note in closed.notes] == ["with the new disk"]
    resumed(run, points=100)
    assert replay(read_events(run.events)).end_reason == "trained all 2000 steps"


def test_what_cannot_be_resumed_says_why() -> None:
    def state(**more: object) -> Snapshot:
        return Snapshot(**{"started": facts.started(session_id(1), kind=SessionKind.TRAIN), "ended": over, **more})  # type: ignore[arg-type]

    over, training = ev.SessionEnded(status=SessionStatus.FINISHED), facts.training(save_freq=500)
    saved = msgspec.structs.replace(
        training, checkpoints=(ev.CheckpointSaved(step=500, path="/c", bytes=1, seconds=1.0),)
    )
    imported = msgspec.structs.replace(facts.started(session_id(1), kind=SessionKind.TRAIN), imported="/x/bench.toml")
    assert why_not(state(training=saved)) == ""
    assert "`lerobot-train --resume=true" in why_not(Snapshot(), foreign=True)
    assert "no session tells" in why_not(Snapshot())
    assert "is no training" in why_not(state(started=facts.started(session_id(1))))
    assert "imported from bench.toml" in why_not(state(started=imported, training=saved))
    assert why_not(state(ended=None, training=saved)) == "it is running"
    assert "before its first step" in why_not(state())
    assert "before its first checkpoint, one is saved every 500 steps" in why_not(state(training=training))


def test_a_run_without_its_files_is_refused(folder: DataFolder) -> None:
    run = past_training(folder, ONE)
    with pytest.raises(Refusal, match=r"act_v1 cannot be resumed: .*train/act_v1 holds no whole checkpoint"):
        resuming.look(folder, run.id)
    with pytest.raises(Refusal, match="only a training of this log can be resumed"):
        resuming.look(folder, "20231114-221320-9999")


def test_more_steps_say_what_the_learning_rate_does() -> None:
    cosine = {"type": "cosine_decay_with_warmup", "num_warmup_steps": 1_000, "num_decay_steps": 30_000,
              "peak_lr": 1e-4, "decay_lr": 2.5e-6}  # fmt: skip
    config = {"optimizer": {"lr": 1e-4}, "scheduler": cosine}
    assert on_more_steps(config, 20_000, 40_000, 20_000) == (
        "the schedule of the learning rate (cosine decay with warmup) is laid over 40,000 steps instead of 20,000: "
        "at step 20,000 it goes from 2.5e-6 to 2.69e-5"
    )
    assert on_more_steps(config, 40_000, 60_000, 40_000) == ""  # it has decayed either way
    assert on_more_steps({"scheduler": None}, 1, 2, 1) == on_more_steps(config, 5, 5, 1) == ""
    assert "it may jump at step 10" in on_more_steps({"scheduler": {"type": "diffuser"}}, 10, 20, 10)
    assert lr_at({"scheduler": cosine, "optimizer": None}, 1, 1) is None
