"""What Bench lists: datasets and their targets, trainings and their best checkpoint, how the arm was left."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from services.bench.profiles import Profile
from services.folders import DataFolder
from services.live import events as ev
from services.live.event_log import EventLog
from services.live.phases import Phase
from services.log.board import Board, BoardReader, Tried
from sessions.models import SessionKind, SessionStatus, Verdict
from tests.support import plain_datasets
from tests.support.fake_desk import sim_profile
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


def recording(folder: DataFolder, number: int, target: int, *episodes: bool, dataset: str = "cubes") -> str:
    """A recording of that many episodes, accepted or not, that is over."""
    name = session_id(number)
    begun = started(name, dataset=dataset, episodes=target, data_dir=str(folder.root))
    marks = [saved(index, accepted=accepted) for index, accepted in enumerate(episodes)]
    write_run(folder, name, begun, *marks, ended())
    return name


def board(folder: DataFolder, profile: Profile | None = None) -> Board:
    return BoardReader(folder).read(profile or sim_profile())


# --- datasets ---------------------------------------------------------------------------------------


def test_a_dataset_goes_towards_the_target_of_its_newest_recording(folder: DataFolder) -> None:
    root = plain_datasets.make(folder.datasets / "cubes", [1.0, 2.0, 3.0, 4.0])
    plain_datasets.mark(root, 1)
    recording(folder, 1, 50, True, False)
    newest = recording(folder, 2, 10, True, True)
    (found,) = board(folder).datasets
    assert (found.summary.accepted, found.summary.episodes) == (3, 4)
    assert found.target == 1 + 10, "one was there before"
    assert found.session is not None and found.session.id == newest
    assert found.seconds == pytest.approx(16 / 30)


def test_foreign_and_broken_datasets_are_listed_with_their_reason_and_untouched(folder: DataFolder) -> None:
    plain_datasets.make(folder.datasets / "owner" / "foreign", [1.0])
    torn = plain_datasets.make(folder.datasets / "torn", [1.0])
    (torn / "meta/info.json").write_text("{")
    (folder.datasets / "empty").mkdir()
    plain_datasets.make(folder.datasets / "rollout_act", [1.0])
    before = {path: path.stat().st_mtime_ns for path in folder.datasets.rglob("*")}
    found = {one.summary.name: one for one in board(folder).datasets}
    assert found.keys() == {"owner/foreign", "torn", "empty"}, "rollouts are an evaluation's"
    assert not found["owner/foreign"].summary.problem and found["owner/foreign"].target == 0
    assert "torn" in str(found["torn"].summary.problem) and "no meta" in str(found["empty"].summary.problem)
    assert before == {path: path.stat().st_mtime_ns for path in folder.datasets.rglob("*")}


def test_a_dataset_is_summarized_again_only_where_it_changed(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.datasets import summary

    looked: list[str] = []
    whole = summary.summarize
    monkeypatch.setattr(summary, "summarize", lambda root, name: looked.append(name) or whole(root, name))
    roots = [plain_datasets.make(folder.datasets / name, [1.0]) for name in ("a", "b")]
    reader = BoardReader(folder)
    first = reader.read(sim_profile())
    assert sorted(looked) == ["a", "b"]
    assert reader.refresh(first, sim_profile()) is first and len(looked) == 2
    os.utime(roots[1] / "meta/info.json", ns=(1, 1))
    assert reader.refresh(first, sim_profile()) is not first
    assert looked[2:] == ["b"]


def test_a_folder_without_a_take_is_untouched(folder: DataFolder) -> None:
    assert board(folder).untouched
    recording(folder, 1, 5)
    assert board(folder).untouched, "a recording without an episode"
    recording(folder, 2, 5, False)
    assert not board(folder).untouched


# --- trainings and evaluations ----------------------------------------------------------------------


def trained(folder: DataFolder, number: int, *steps: int) -> str:
    name, output = session_id(number), str(folder.trainings / f"act_{number}")
    facts = {
        "policy": "act", "output_dir": output, "steps": 200, "batch_size": 8, "device": "cpu", "parameters": 1,
        "episodes": (0,), "episodes_total": 1, "frames": 9, "cameras": (), "excluded_cameras": (),
    }  # fmt: skip
    made = [
        ev.CheckpointSaved(step=step, path=f"{output}/checkpoints/{step:06}", bytes=1, seconds=1.0) for step in steps
    ]
    begun = started(name, kind=SessionKind.TRAIN, dataset="cubes", policy="act", steps=200)
    write_run(folder, name, begun, ev.TrainingStarted(**facts), *made, ended())  # type: ignore[arg-type]
    return output


def evaluated(folder: DataFolder, number: int, checkpoint: str, *verdicts: Verdict) -> None:
    judged: list[ev.Event] = []
    for trial, verdict in enumerate(verdicts, 1):
        judged += [ev.TrialStarted(trial=trial, checkpoint=checkpoint), ev.TrialJudged(trial=trial, verdict=verdict)]
    begun = started(session_id(number), kind=SessionKind.EVAL, dataset="rollout_a", checkpoint=checkpoint, trials=4)
    write_run(folder, session_id(number), begun, *judged, ended())


def test_the_best_checkpoint_is_the_one_that_is_surest_to_be_good(folder: DataFolder) -> None:
    output = trained(folder, 1, 100, 200)
    good, bad = Verdict.SUCCESS, Verdict.FAILURE
    evaluated(folder, 2, f"{output}/checkpoints/000100/pretrained_model", good)
    evaluated(folder, 3, f"{output}/checkpoints/000200/pretrained_model", *[good] * 8, Verdict.VOID)
    evaluated(folder, 4, f"{output}/checkpoints/000200/pretrained_model", bad, bad)
    trained(folder, 5, 100)
    newest, older = board(folder).trainings
    assert newest.best is None
    assert older.best == Tried(200, 8, 10)
    assert [s.id for s in board(folder).evaluations] == [session_id(n) for n in (4, 3, 2)]


def test_a_comparison_counts_for_each_of_its_checkpoints_and_a_blinded_one_for_none(folder: DataFolder) -> None:
    output = trained(folder, 1, 100, 200)
    one, other = (f"{output}/checkpoints/{step}/pretrained_model" for step in ("000100", "000200"))
    for number, names in ((2, (one, other)), (3, ("A", "B"))):
        judged = [
            event
            for trial, (name, verdict) in enumerate(zip(names, (Verdict.SUCCESS, Verdict.FAILURE), strict=True), 1)
            for event in (ev.TrialStarted(trial=trial, checkpoint=name), ev.TrialJudged(trial=trial, verdict=verdict))
        ]
        begun = started(
            session_id(number), kind=SessionKind.EVAL, dataset="rollout_a", checkpoint=names[0],
            further_checkpoints=names[1:], blinded=number == 3, trials=2,
        )  # fmt: skip
        write_run(folder, session_id(number), begun, *judged, ended())
    assert board(folder).trainings[0].best == Tried(100, 1, 1)


# --- how the arm was left ---------------------------------------------------------------------------


def bench(number: int, bench_name: str = "sim", kind: SessionKind = SessionKind.BENCH) -> list[ev.Event]:
    return [started(session_id(number), kind=kind, bench=bench_name), ev.BenchConnected(robot="sim_so101_follower")]


def phase(value: Phase) -> ev.PhaseChanged:
    return ev.PhaseChanged(phase=value.value)


def test_an_arm_was_left_as_its_last_session_says(folder: DataFolder) -> None:
    left = ev.ArmLeft(torque=False, at_rest=True)
    write_run(folder, session_id(1), *bench(1), phase(Phase.RESTED), left, ended())
    write_run(folder, session_id(2), started(session_id(2), kind=SessionKind.BENCH), ended(SessionStatus.ABORTED))
    seen = board(folder).last
    assert seen is not None and seen.session.id == session_id(1), "the second one never had the arm"
    assert (seen.torque, seen.at_rest, seen.phase, seen.crashed) == (False, True, Phase.RESTED, False)


@pytest.mark.parametrize(
    ("last", "torque", "at_rest"),
    [
        (Phase.READY, True, False), (Phase.RESTED, True, True), (Phase.RELEASED, False, False),
        (Phase.LIMP, False, False), (Phase.STARTING, None, False),
    ],
)  # fmt: skip
def test_a_session_that_says_nothing_of_its_end_left_the_arm_as_its_last_phase_had_it(
    folder: DataFolder, last: Phase, torque: bool | None, at_rest: bool
) -> None:
    write_run(folder, session_id(1), *bench(1), phase(last))  # its worker vanished
    seen = board(folder).last
    assert seen is not None and seen.crashed
    assert (seen.torque, seen.at_rest, seen.phase) == (torque, at_rest, last)


def test_a_session_of_another_arm_says_nothing_of_this_one(folder: DataFolder) -> None:
    other = sim_profile()
    robot = {"type": "so101_follower", "port": "/dev/serial/by-id/usb-other"}
    elsewhere = msgspec.structs.replace(other, name="elsewhere", robot=robot)
    begun = started(session_id(1), kind=SessionKind.BENCH, profile=elsewhere)
    write_run(folder, session_id(1), begun, ev.BenchConnected(robot="so101_follower"), phase(Phase.HELD), ended())
    assert board(folder).last is None
    assert board(folder, elsewhere).last is not None


def test_a_session_that_begins_is_seen_by_a_refresh(folder: DataFolder) -> None:
    reader = BoardReader(folder)
    before = reader.read(sim_profile())
    run = folder.run(session_id(1))
    run.root.mkdir(parents=True)
    with EventLog(run) as log:
        log.append(started(run.id, bench="sim"))
        assert [r.run.id for r in reader.refresh(before, sim_profile()).runs.running] == [run.id]
