"""The preflight in a worker: over the policy's own data, beside an arm that it commands nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from console.commands.preflight import preflight
from console.exit import FAILED
from console.grammar import parser
from services.checkpoints.checkpoint import Provenance
from services.evaluation.preflight.facts import Reference, Setting
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.preflights import newest, unconfirmed
from services.live.protocol import Code
from services.live.requests import EvalRequest
from services.live.snapshots import Snapshot
from services.workers.inference.policy_process import Policy
from services.workers.inference.protocol import Loaded, Ready
from services.workers.preflight.preflight import Preflight
from services.workers.preflight.recorded_frames import RecordedFrame
from services.workers.preflight.reference import _with
from services.workers.preflight.training_data import Episode, TrainingData
from sessions.bench import Profile
from sessions.models import SessionStatus
from sessions.preflight import Check, Level
from tests.support.checkpoints import NAMES
from tests.support.evaluating import REAL_TIME, checkpoint, evaluate, evaluating
from tests.support.preflight_bench import painted_dataset
from tests.support.rig import Rig, gone, press, wait_until

CAMERAS = {"overhead": (96, 72), "wrist": (96, 72)}
NAMED = {"observation.state": NAMES, "action": NAMES}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Painted demonstrations, made once."""
    root = tmp_path_factory.mktemp("data") / "cubes"
    painted_dataset(root)
    yield root


def policy_of(rig: Rig, data: Path, **others: object) -> Path:
    """A tiny policy that says that it learnt from the data."""
    known = {"fps": 30, "names": NAMED, "dataset": data.name, "dataset_root": str(data)} | others
    return checkpoint(rig, "looks", cameras=CAMERAS, cube=False, spread=12.0, provenance=Provenance(**known))  # type: ignore[arg-type]


def levels(state: Snapshot) -> dict[str, Level]:
    made = newest(state.preflights)
    assert made is not None
    return {check.name: check.level for check in made.checks}


async def test_a_preflight_over_recorded_data_moves_nothing_and_blocks_trials_until_it_is_confirmed(
    quick_rig: Rig, data: Path
) -> None:
    bench = quick_rig.small()
    async with evaluating(quick_rig, bench, policy=policy_of(quick_rig, data), **REAL_TIME) as link:
        world = quick_rig.world()
        torque, pose = world.state().torque, world.joints()
        state = await link.until(lambda s: newest(s.preflights) is not None, 60)
        assert len({record.goals for record in world.goal_log(400)}) == 1, "the arm keeps the goal that it had"
        assert world.state().torque == torque
        assert max(abs(now - then) for now, then in zip(world.joints(), pose, strict=True)) < 0.5
        found = levels(state)
        good = {"camera overhead", "camera wrist", "pose", "known pose", "task", "rate"}
        assert good <= {name for name, level in found.items() if level is Level.GOOD}, state.preflights
        assert found["own data"] is not Level.GOOD, "the policy has random weights"
        assert found["latency"] in (Level.GOOD, Level.WARNING)
        await press(link, protocol.MakePreflight)
        state = await link.until(lambda s: len(s.preflights) == 2, 60)
        assert levels(state).keys() == found.keys()


async def test_what_is_bad_refuses_trials_and_practice_until_somebody_confirms_it(quick_rig: Rig, data: Path) -> None:
    other = policy_of(quick_rig, data, fps=15)
    async with evaluating(quick_rig, quick_rig.small(), policy=other) as link:
        assert "rate" in [check.name for check in unconfirmed(link.snapshot.preflights)]
        for practice in (False, True):
            answer = await link.ask(protocol.StartTrial(trial=1, practice=practice))
            assert answer.code is Code.PREFLIGHT and "15 Hz" in answer.error
        refused = await link.ask(protocol.ConfirmPreflight(preflight=7, by="Ada"))
        assert refused.code is Code.NO_PREFLIGHT
        assert (await link.ask(protocol.ConfirmPreflight(preflight=1, by="Ada"))).ok
        confirmed = link.snapshot.preflights[-1]
        assert isinstance(confirmed, ev.PreflightConfirmed)
        assert confirmed.by == "Ada" and "rate" in confirmed.bad
        await press(link, lambda: protocol.StartTrial(trial=1))
        await link.until(lambda s: s.phase in (Phase.ALIGNING, Phase.RUNNING), 30)


def test_from_the_shell_what_is_bad_is_the_exit_status(
    quick_rig: Rig, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--checkpoint", str(policy_of(quick_rig, data, fps=15)), "--task", "pick_place", "--bench", "small"]
    asked = parser().parse_args(["--data-dir", str(quick_rig.folder.root), "preflight", *words])
    with patch("console.commands.preflight.load_benches") as benches:
        benches().pick.return_value = quick_rig.small()
        assert preflight(asked) == FAILED
    said = capsys.readouterr().out
    assert "rate " in said and "BAD          15 Hz" in said


@pytest.mark.parametrize("confirms", [False, True])
async def test_a_run_that_nobody_watches_ends_where_the_preflight_is_bad_unless_it_is_confirmed_before(
    quick_rig: Rig, data: Path, confirms: bool
) -> None:
    other = policy_of(quick_rig, data, fps=15)
    asked = {"judge": "oracle", "trials": 1, "confirm_preflight": confirms}
    run = evaluate(quick_rig, quick_rig.small(), policy=other, **asked)
    async with quick_rig.attached(run) as link:
        if confirms:
            assert isinstance(link.snapshot.preflights[-1], ev.PreflightConfirmed)
            assert (await link.ask(protocol.Finish())).ok
        state = await link.until(lambda s: not s.running, 60)
    wait_until(gone(run))
    assert state.status is (SessionStatus.FINISHED if confirms else SessionStatus.ABORTED)
    assert confirms or "rate: 15 Hz" in state.end_reason


async def test_data_that_cannot_be_reached_are_not_checked_and_never_good(quick_rig: Rig, tmp_path: Path) -> None:
    async with evaluating(quick_rig, quick_rig.small(), policy=policy_of(quick_rig, tmp_path / "moved")) as link:
        made = newest(link.snapshot.preflights)
        assert made is not None
        unreached = made.checks[0]
        assert (unreached.name, unreached.level) == ("training data", Level.UNCHECKED)
        assert "moved" in unreached.found
        assert not [check for check in made.checks if check.name.startswith("camera") and check.level is Level.GOOD]


# --- without a worker ------------------------------------------------------------------------------


class SlowPolicy(Policy):
    """A policy that still infers for the trial before: it may be asked once it has answered twice."""

    def __init__(self) -> None:
        self.loaded = Loaded(policy="act", device="cpu", parameters=1, chunked=True, steps=2, chunk=4)
        self.ready, self.infer_ms, self.busy, self._polls = Ready(ms=1.0), 1.0, True, 0

    dead = False

    def poll(self, timeout_s: float = 0.0) -> None:
        self._polls += 1
        self.busy = self.busy and self._polls < 3

    def reset(self, seed: int | None = None) -> None:
        """It forgets."""

    def ask(self, frame: Any, rows: int = 1, used: int = 0, delay: int = 0) -> None:
        assert not self.busy

    def answer(self) -> Any:
        return np.zeros((4, 6), np.float32)


def preflight_of(policy: Policy, recorded: np.ndarray[Any, Any]) -> Preflight:
    """One that has read the data: what is left is to ask the policy."""
    request = EvalRequest(data_dir="/d", profile=Profile(robot={}), checkpoint="c", task="t", dataset="rollout_c")
    data = SimpleNamespace(named=lambda _: [], episodes=[SimpleNamespace(values={"action": recorded})])
    reading: Any = SimpleNamespace(data=data, checkpoint=SimpleNamespace(label="c"), join=lambda: None)
    source: Any = SimpleNamespace(policy=policy)
    made = Preflight(request, [(source, reading)], Setting())
    made._look = lambda parts, *_: parts[0].frames.append(  # type: ignore[method-assign]
        RecordedFrame(0, 0, True, {}, np.zeros((4, 6), np.float32), np.zeros(6, np.float32))
    )
    return made


def last(preflight: Preflight) -> list[Check]:
    """What it finds, period by period."""
    for _ in range(1000):
        if (made := preflight.step({}, {})) is not None:
            return list(made.checks)
        time.sleep(0.001)
    pytest.fail("it does not end")


def test_a_policy_that_still_infers_for_the_trial_before_is_asked_once_it_has_answered() -> None:
    assert "latency" in [check.name for check in last(preflight_of(SlowPolicy(), np.zeros((9, 6), np.float32)))]


def test_a_range_without_numbers_is_not_one_in_which_every_pose_is(tmp_path: Path) -> None:
    broken = Episode(0, {"observation.state": np.full((4, 1), np.nan, np.float32)})
    data = TrainingData(tmp_path, 30.0, [broken], {"observation.state": ("pan.pos",)})
    assert not _with(Reference(), data, []).low
    whole = Episode(1, {"observation.state": np.ones((4, 1), np.float32)})
    assert _with(Reference(), replace(data, episodes=[broken, whole]), []).low == {"pan": 1.0}


def test_names_of_any_length_make_no_event_of_any_length() -> None:
    preflight = preflight_of(SlowPolicy(), np.zeros((9, 6), np.float32))
    long = Check(name="n" * 10**6, level=Level.GOOD, found="f" * 10**6)

    def look(parts: Any, *_: Any) -> None:
        parts[0].checks = (long,)

    preflight._look = look  # type: ignore[method-assign, assignment]
    assert max(len(check.name) + len(check.found) for check in last(preflight)) < 10_000


def test_data_of_a_form_that_nobody_expects_end_no_session() -> None:
    (check,) = last(preflight_of(SlowPolicy(), np.zeros((9, 0), np.float32)))
    assert check.level is Level.UNCHECKED and "it failed" in check.found
