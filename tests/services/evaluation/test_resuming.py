"""Going on with an evaluation days later: what is the same, what is said, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.__main__ import main
from services.bench.profiles import Benches, Profile, apply_settings, load_benches
from services.checkpoints.weights import weights_of
from services.evaluation import early, resuming
from services.evaluation import plan as evaluation
from services.evaluation.bench_changes import changes
from services.evaluation.schedule import schedule_of
from services.folders import DataFolder
from services.live import events as ev
from services.live.event_log import EventLog
from services.log import logbook
from services.log.listing import as_json
from services.log.lookup import find
from services.log.page import page
from services.log.trials.conclusion import sentences
from services.refusal import Refusal
from sessions.before import Tried
from sessions.bench import Task
from sessions.chains import evaluation_of
from sessions.early import standing_of
from sessions.models import SessionStatus, Trial, Verdict
from sessions.requests import Counted, EvalRequest
from sessions.resets import Reset
from tests.services.evaluation.test_plan import bench, write_policy
from tests.support.runs import BEGAN, make_folder, session_id, write_run

S, F, V = Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID
FIRST, SECOND = session_id(1), session_id(2)
CALIBRATED = {"follower": "aa"}


def ran(folder: DataFolder, request: EvalRequest, run: str, *verdicts: Verdict | None, **more: Any) -> None:
    """A session as its worker leaves it; the verdict None is a trial that has none."""
    told: list[ev.Event] = [ev.SessionStarted(id=run, pid=1, host="h", request=request, at=more.pop("at", BEGAN))]
    told.append(ev.BenchConnected(robot="sim", calibration=more.pop("calibration", CALIBRATED)))
    tried = more.pop("tried", [request.checkpoint] * len(verdicts))
    for number, (checkpoint, verdict) in enumerate(zip(tried, verdicts, strict=True), 1):
        told += [
            ev.TrialStarted(trial=number, checkpoint=checkpoint, condition=request.condition),
            ev.TrialEnded(trial=number, frames=30, reason="key"),
        ]
        told += [ev.TrialJudged(trial=number, verdict=verdict, judge="anna")] if verdict else []
    end = more.pop("ended", SessionStatus.ABORTED)
    told += [ev.SessionEnded(status=end, reason="over")] if end else []
    write_run(folder, run, *told)


def begun(
    tmp_path: Path,
    *verdicts: Verdict | None,
    profile: Profile | None = None,
    folder: DataFolder | None = None,
    **more: Any,
) -> Any:
    """(data folder, policy, request) of an evaluation of ten trials that ended after these verdicts."""
    folder = folder or make_folder(tmp_path)
    policy = write_policy(folder)
    asked: dict[str, Any] = {"checkpoint": str(policy), "task": "pick_place", "trials": 10, "operator": "anna"}
    run = {name: more.pop(name) for name in ("ended", "calibration") if name in more}
    planned = evaluation.plan(folder, profile or bench("sim-state"), **{**asked, **more})
    request = msgspec.structs.replace(planned, weights=weights_of(planned.checkpoints))
    ran(folder, request, FIRST, *verdicts, **run)
    return folder, policy, request


def benches(profile: Profile | None = None) -> Benches:
    known = load_benches(built_in=True)
    changed = profile or known.pick("sim-state")
    return msgspec.structs.replace(known, profiles={**known.profiles, "sim-state": changed})


def test_the_next_session_measures_the_same_and_wants_what_is_left(tmp_path: Path) -> None:
    folder, policy, asked = begun(tmp_path, S, F, V, S, condition="lamp", seed=5, trial_seconds=7.0, countdown=3.0)
    (folder.datasets / asked.dataset).mkdir(parents=True)
    on = resuming.look(folder, benches(), FIRST, operator="ben")
    assert on.standing == "3 of 10 trials are judged, 2 successes: 7 are left" and on.changed == () and on.notes == ()
    request = on.request
    assert (request.resumes, request.trials, request.target, request.operator) == (FIRST, 7, 7, "ben")
    assert request.before.tried == (Tried(str(policy), "lamp", 2, 1),)
    assert (request.before.attempts, request.before.void, request.before.calibration) == (4, 1, CALIBRATED)
    assert request.attempt(1) == 5, "seeds and scenes go on"
    assert request.dataset == f"{asked.dataset}-2", "the motion of each session is a dataset of its own"
    same = ("checkpoint", "task", "trial_seconds", "countdown", "condition", "seed", "fps", "judge", "weights")
    assert [getattr(request, name) for name in same] == [getattr(asked, name) for name in same]
    assert schedule_of(request).trials == 10 and schedule_of(request).following(()).number == 4


def test_a_chain_goes_on_from_its_newest_session_and_adds_up_on_page_list_and_json(tmp_path: Path) -> None:
    folder, _, _ = begun(tmp_path, S, F)
    on = resuming.look(folder, benches(), FIRST)
    ran(folder, on.request, SECOND, S, None, at=BEGAN + 1000)
    again = resuming.look(folder, benches(), FIRST)
    assert again.request.resumes == SECOND and again.request.trials == 7
    assert again.request.before.sessions == 2
    assert again.notes == (
        f"it was gone on with before: session {SECOND} is its newest, and is gone on with",
        f"a trial of session {SECOND} has no verdict: it is repeated unless you judge it in the Log before",
    )
    for run, place, other in ((FIRST, 1, f"resumed in session {SECOND}"), (SECOND, 2, f"resumes session {FIRST}")):
        found = find(folder, run)
        told = " ".join(
            f"{row.name} {row.text}" for s in page(found.session, whole=found.whole).sections for row in s.rows
        )
        assert other in told and "in all 3 of 10" in told and "67 % [21, 94]" in told, told
        assert place
    log = logbook.sessions(folder).sessions
    rows = as_json(log[:1], log)
    assert rows[0]["resumes"] == FIRST and rows[0]["evaluation"] == {
        "sessions": (FIRST, SECOND), "missing": "", "wanted": 10, "success": 2, "failure": 1, "void": 0,
    }  # fmt: skip


def test_a_comparison_that_may_end_early_goes_on_with_its_rule_and_the_pairs_so_far(tmp_path: Path) -> None:
    folder, (good, bad) = make_folder(tmp_path), ("sim-scripted@1", "sim-scripted@0")
    asked = evaluation.plan(
        folder, bench("sim-state"), checkpoint=f"{good},{bad}", task="x", sequential="0.2 0.9", operator="anna"
    )
    request = early.fixed(asked)
    assert request.sequential is not None and request.trials == 2 * request.sequential.most
    ran(folder, request, FIRST, S, F, V, S, tried=[good, bad, bad, good])
    on = resuming.look(folder, benches(), FIRST).request
    assert on.sequential == request.sequential and on.trials == request.trials - 3
    assert on.counted_before == (Counted(good, "", True), Counted(bad, "", False), Counted(good, "", True))
    now = standing_of(on, (Trial(index=1, checkpoint=bad, verdict=F),))
    assert now is not None and (now.pairs, now.lead) == (2, 2)
    ran(folder, on, SECOND, *[F, S] * 8, tried=[bad, good] * 8, at=BEGAN + 1000)
    with pytest.raises(Refusal, match=r"its rule has ended it after . pairs: a new evaluation is another measurement"):
        resuming.look(folder, benches(), FIRST)
    whole = find(folder, SECOND).whole
    assert whole is not None
    assert sentences(whole.last, whole)[-1].startswith(f"{good} is better than {bad}: it leads by ")


def test_the_list_of_the_shell_says_which_part_a_session_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _, _ = begun(tmp_path, S, F)
    ran(folder, resuming.look(folder, benches(), FIRST).request, SECOND, S, at=BEGAN + 1000)
    assert main(["--data-dir", str(folder.root), "sessions"]) == 0
    newest, oldest = capsys.readouterr().out.splitlines()
    assert newest.endswith("part 2 of 2, in all 3 of 10, 67 % [21, 94]") and "part 1 of 2" in oldest


def test_what_differs_on_the_bench_is_said_before_the_start(tmp_path: Path) -> None:
    slow, _ = apply_settings(bench("sim-state"), ["motion.max_joint_speed=20.0"])
    folder, _, asked = begun(tmp_path, S)
    tasks = tuple(
        msgspec.structs.replace(t, text="Pick up the red cube") if t.text == asked.task else t for t in slow.tasks
    )
    newer = evaluation.plan(folder, slow, checkpoint=asked.checkpoint, task="x")
    ran(folder, newer, SECOND, at=BEGAN + 500, calibration={"follower": "bb"})  # another evaluation, calibrated anew
    on = resuming.look(folder, benches(msgspec.structs.replace(slow, tasks=tasks)), FIRST)
    assert on.changed == (
        "motion.max_joint_speed was 60.0, and is 20.0 now",
        f'task pick_place is "Pick up the red cube" in lab.toml now: it goes on with "{asked.task}"',
        "follower has another calibration than in the session before",
    )
    assert on.request.profile.motion.max_joint_speed == 20.0 and on.request.task == asked.task


def test_cameras_rates_and_many_differences_are_named() -> None:
    camera = {"type": "opencv", "fps": 30, "width": 640}
    then = Profile(robot={"type": "r", "cameras": {"wrist": camera, "top": camera}}, tasks=(Task(name="t", text="do"),))
    now = Profile(robot={"type": "r", "cameras": {"wrist": camera | {"fps": 15}, "side": {"type": "\x1b[31mred"}}})
    found = changes(then, now, fps=(30, 15), task="do")
    assert found[0] == "the control loop ran at 30 Hz, and runs at 15 Hz now"
    assert "robot.cameras.wrist.fps was 30, and is 15 now" in found
    assert "robot.cameras.side.type is red now, and was not there" in found
    assert "robot.cameras.top.width was 640, and is not there now" in found
    assert found[-1] == 'lab.toml has no task t any more: it goes on with "do"'
    wild = Profile(robot={str(n): n for n in range(30)})
    assert changes(Profile(robot={}), wild, fps=(1, 1), task="")[-1] == "and 22 more in lab.toml"


def test_it_is_refused_in_a_sentence_where_it_would_measure_something_else(tmp_path: Path) -> None:
    folder, policy, asked = begun(tmp_path, S)
    with pytest.raises(Refusal, match="ran on bench sim-state, not sim: another bench measures something else"):
        resuming.look(folder, benches(), FIRST, bench="sim")
    without = benches()
    del without.profiles["sim-state"]
    with pytest.raises(Refusal, match="ran on bench sim-state, which is not in the built-in profiles; there are: "):
        resuming.look(folder, without, FIRST)
    weights = policy / "model.safetensors"
    weights.write_bytes((4).to_bytes(8, "little") + b"{}  ")
    with pytest.raises(Refusal, match=r"cubes @ 000500 .* is not what was tried, its files were written anew"):
        resuming.look(folder, benches(), FIRST)
    ran(folder, msgspec.structs.replace(asked, weights={}), SECOND, S)  # of an older console
    os.utime(weights, (BEGAN + 5, BEGAN + 5))
    with pytest.raises(Refusal, match="is not what was tried"):
        resuming.look(folder, benches(), SECOND)
    os.utime(weights, (BEGAN - 5, BEGAN - 5))
    assert "keeps no fingerprint of the policy" in resuming.look(folder, benches(), SECOND).notes[0]
    weights.unlink()
    with pytest.raises(Refusal, match=r"it has no model\.safetensors"):
        resuming.look(folder, benches(), SECOND)


def test_a_preflight_that_was_confirmed_then_is_not_confirmed_days_later_by_somebody_else(tmp_path: Path) -> None:
    folder, _, asked = begun(tmp_path, S, confirm_preflight=True)
    assert asked.confirm_preflight
    assert not resuming.look(folder, benches(), FIRST, operator="ben").request.confirm_preflight
    assert resuming.look(folder, benches(), FIRST, operator="ben", confirm_preflight=True).request.confirm_preflight


@pytest.mark.parametrize("path", ["/no\0where", f"/{'x' * 5000}", "", "~nobody-there/x", "sim-scripted@7"])
def test_a_foreign_session_with_a_path_that_cannot_be_is_refused_in_a_sentence(tmp_path: Path, path: str) -> None:
    folder, _, asked = begun(tmp_path, S)
    ran(folder, msgspec.structs.replace(asked, checkpoint=path, weights={}), SECOND, S)
    with pytest.raises(Refusal) as refusal:
        resuming.look(folder, benches(), SECOND)
    assert str(refusal.value).isprintable()


def test_the_arm_is_reset_as_before_or_it_does_not_go_on(tmp_path: Path) -> None:
    folder, _, _ = begun(tmp_path, S, reset=Reset.LEADER)
    assert resuming.look(folder, benches(), FIRST).request.reset is Reset.LEADER
    with pytest.raises(Refusal, match="bench sim-state has no leader"):
        resuming.look(folder, benches(msgspec.structs.replace(bench("sim-state"), teleop={})), FIRST)


def test_one_that_is_done_running_or_no_evaluation_does_not_go_on(tmp_path: Path) -> None:
    folder, _, asked = begun(tmp_path, *[S] * 10)
    with pytest.raises(Refusal, match="all of its 10 trials are judged: a new evaluation is another measurement"):
        resuming.look(folder, benches(), FIRST)
    ran(folder, asked, SECOND, S, ended=None)
    with EventLog(folder.run(SECOND)), pytest.raises(Refusal, match=f"session {SECOND} is still running"):
        resuming.look(folder, benches(), SECOND)
    assert resuming.look(folder, benches(), SECOND).request.trials == 9, "its worker vanished"
    write_run(folder, session_id(3))
    with pytest.raises(Refusal, match="is no evaluation, but of kind record"):
        resuming.look(folder, benches(), session_id(3))
    with pytest.raises(Refusal, match="is not in the log"):
        resuming.look(folder, benches(), session_id(4))


def test_several_policies_under_conditions_go_on_at_the_slot_where_they_stopped(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    paths = [str(write_policy(folder, name)) for name in ("a", "b")]
    asked = evaluation.plan(
        folder, bench("sim-state"), checkpoint=",".join(paths), task="pick_place", trials=8, order="random",
        order_seed=3, conditions="x180 y0, x200 y0",
    )  # fmt: skip
    asked = msgspec.structs.replace(asked, weights=weights_of(paths))
    whole = schedule_of(asked)
    first = [slot for block in (1, 2) for slot in whole.block(block)]
    told: list[ev.Event] = [ev.SessionStarted(id=FIRST, pid=1, host="h", request=asked, at=BEGAN)]
    for number, slot in enumerate(first[:5], 1):
        told += [
            ev.TrialStarted(trial=number, checkpoint=slot.checkpoint, condition=slot.name),
            ev.TrialEnded(trial=number, frames=9, reason="key"),
            ev.TrialJudged(trial=number, verdict=V if number == 2 else S),
        ]
    write_run(folder, FIRST, *told, ev.SessionEnded(status=SessionStatus.ABORTED))
    request = resuming.look(folder, benches(), FIRST).request
    assert (request.order, request.order_seed, request.conditions) == (asked.order, 3, asked.conditions)
    assert request.checkpoints == tuple(paths) and request.trials == 4
    assert schedule_of(request).following(()) == first[1], "the void one is made up for first"
    assert schedule_of(request).trials == whole.trials
    assert [schedule_of(request).block(number) for number in (1, 2, 3)] == [whole.block(number) for number in (1, 2, 3)]
    told = [event for event in told if not isinstance(event, ev.TrialJudged) or event.trial != 2]
    for number, slot in enumerate((first[1], *first[5:7]), 6):
        told += [
            ev.TrialStarted(trial=number, checkpoint=slot.checkpoint, condition=slot.name),
            ev.TrialEnded(trial=number, frames=9, reason="key"),
            ev.TrialJudged(trial=number, verdict=S),
        ]
    write_run(folder, SECOND, msgspec.structs.replace(told[0], id=SECOND), *told[1:])
    assert resuming.look(folder, benches(), SECOND).request.trials == 1, "fewer are left than there are pairs"


def test_a_log_that_lacks_the_first_session_goes_on_with_what_was_told(tmp_path: Path) -> None:
    folder, _, _ = begun(tmp_path, S, F)
    request = resuming.look(folder, benches(), FIRST).request
    ran(folder, msgspec.structs.replace(request, resumes="20200101-000000-0000"), SECOND, S, at=BEGAN + 9)
    on = resuming.look(folder, benches(), SECOND)
    assert on.request.trials == 7 and "is not in this log: it counts as it was told then" in on.notes[0]
    assert evaluation_of(logbook.sessions(folder).sessions[0], logbook.sessions(folder).sessions).missing


@pytest.mark.parametrize(
    "flag", ["--trials=4", "--task=x", "--checkpoint=p", "--seed=1", "--lockstep", "--condition=c"]
)
def test_the_shell_takes_no_flag_that_changes_what_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    folder = make_folder(tmp_path)
    assert main(["--data-dir", str(folder.root), "eval", "--resume", "last", flag]) == 2
    name = flag.partition("=")[0]
    assert f"else it measures something else: leave out {name}" in capsys.readouterr().err


def test_the_shell_says_what_is_needed_and_who_judges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _, _ = begun(tmp_path, S)
    assert main(["--data-dir", str(folder.root), "eval", "--judge", "oracle", "--trials", "3"]) == 2
    assert "required: --checkpoint, --task; or --resume SESSION to go on with" in capsys.readouterr().err
    assert main(["--data-dir", str(folder.root), "--bench", "sim-state", "eval", "--resume", FIRST]) == 2
    assert "is judged by a person, by a key for each trial" in capsys.readouterr().err
