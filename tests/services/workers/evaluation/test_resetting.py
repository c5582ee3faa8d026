"""Three resets between trials, on the simulated arm's physics: they reach their pose, slowly, and a stop holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from services.live import events as ev
from services.live import intents, protocol
from services.live.phases import Phase
from services.live.requests import EvalRequest
from services.sim.arm import HOME, JOINTS, OutOfReach, reach
from services.sim.plant import Plant
from services.workers.arm.arm import Mode
from services.workers.arm.control_loop import ControlLoop
from services.workers.arm.devices import Devices
from services.workers.arm.motion import Pose, distance, speed_limits
from services.workers.arm.serial_bus import Unplugged
from services.workers.evaluation.lineup import Entrant, Lineup
from services.workers.evaluation.strategy import EvaluateStrategy
from services.workers.process.mailbox import Refused
from services.workers.process.replies import NoReply
from services.workers.recording.takes import Takes
from sessions.conditions import Condition
from sessions.models import SessionStatus, Verdict
from sessions.resets import Reset
from tests.support.evaluating import evaluating, pending, start, state_bench
from tests.support.phase_walk import FakeDataset, Workers
from tests.support.rig import Rig, finish, press

POSES = 100
WITHIN = 2.0
"""Degrees from its pose that a reset may leave each joint."""
STEPS = 900
SETTLES = 15
"""Periods, half a second, in which the arm comes to a stand once its goal is there."""
LOWEST, HIGHEST = (0.12, -0.20, 0.02), (0.34, 0.20, 0.25)
"""Metres between which the fingers are where a trial ends: all over the table, some at the cube's height."""
FPS = 30
AT_HOME = dict(zip(JOINTS, map(float, HOME), strict=True))
WAYS = [(Reset.RETURN, False), (Reset.HOME, False), (Reset.HOME, True), (Reset.LEADER, False)]


class PlantArm:
    """The simulated arm without a process: a follower that moves by one control period with every goal."""

    name = "plant"

    def __init__(self) -> None:
        self.plant = Plant(1 / FPS)
        self.plant.set_torque(on=True)
        self.bus = self
        self.cameras: dict[str, Any] = {}
        self.action_features = {f"{name}.pos": float for name in JOINTS}
        self.sent: list[Pose] = []

    def sync_read(self, what: str) -> Pose:
        values = self.plant.joints if what == "Present_Position" else np.ones(len(JOINTS))
        return dict(zip(JOINTS, map(float, values), strict=True))

    def get_observation(self) -> Pose:
        return {f"{name}.pos": value for name, value in self.sync_read("Present_Position").items()}

    def send_action(self, action: Pose) -> Pose:
        self.sent.append({name: action[f"{name}.pos"] for name in JOINTS})
        self.plant.goals = np.array([action[f"{name}.pos"] for name in JOINTS])
        self.plant.step(self.plant.steps_per_period)
        return action

    def place(self, pose: Pose) -> None:
        self.plant.place_arm(np.array([pose[name] for name in JOINTS]))
        self.sent = []


class Leader:
    """A leader that a person holds still."""

    def __init__(self) -> None:
        self.pose = dict(AT_HOME)

    def get_action(self) -> Pose:
        return {f"{name}.pos": value for name, value in self.pose.items()}


class Desk:
    """An evaluation that waits for the verdict on a trial, its arm wherever the test puts it."""

    def __init__(self, workers: Workers, reset: Reset, *, direct: bool = False, **more: Any) -> None:
        self.workers, self.arm, self.leader = workers, PlantArm(), Leader()
        self.profile = state_bench()
        request = EvalRequest(
            data_dir=str(workers.folder.root), profile=self.profile, checkpoint="c", task="t", dataset="rollout_r",
            reset=reset, direct_reset=direct, trials=10_000, fps=FPS, **more,
        )  # fmt: skip
        dataset: Any = FakeDataset(workers.folder.datasets / "rollout_r")
        takes = Takes(dataset, workers.journal, features={}, task="t", session="s", fps=FPS)
        workers._savers.append(takes)
        policy = SimpleNamespace(ready=object(), infer_ms=0.0)
        source: Any = SimpleNamespace(policy=policy, ensure_running=lambda: None, queue=())
        source.queue = type("Queue", (tuple,), {"starved": 0})()
        loaded = ev.PolicyLoaded(checkpoint="c", policy="act", device="cpu", parameters=1, start_pose=AT_HOME)
        self.strategy = EvaluateStrategy(request, takes=takes, lineup=Lineup([Entrant("c", source, loaded)]))
        leader: Any = self.leader if reset is Reset.LEADER else None
        devices = Devices(self.arm, leader)  # type: ignore[arg-type]
        self.loop = ControlLoop(workers.context, devices, self.profile, self.strategy, fps=FPS, lockstep=True)
        self.strategy.setup(self.loop.context)
        self.dispatch = partial(self.loop.commands.dispatch, reply=NoReply())

    @property
    def phase(self) -> Phase:
        return self.loop.context.phase

    def judge(self, pose: Pose, phase: Phase = Phase.JUDGING) -> None:
        """A trial has ended at `pose`; its verdict."""
        context, trials = self.loop.context, self.strategy.trials
        self.arm.place(pose)
        context.arm.adopt(pose)
        context.pose = dict(pose)
        context.phase = phase
        if phase is Phase.RELEASED:
            context.arm.mode = Mode.LIMP
        trials.started += 1
        self.dispatch(protocol.JudgeTrial(trial=trials.started, verdict=Verdict.FAILURE))

    def stop(self) -> None:
        self.dispatch(protocol.Stop())

    def lose_driver(self) -> None:
        self.loop.context.lose_driver()

    def tick(self, times: int) -> None:
        for _ in range(times):
            self.loop.tick()

    def run_until(self, *phases: Phase) -> None:
        for _ in range(STEPS):
            if self.phase in phases:
                return
            self.loop.tick()
        pytest.fail(f"still {self.phase}: {self.loop.context.detail}")

    def reset(self, pose: Pose, leader: Pose | None = None) -> None:
        """The whole reset after a trial that ended at `pose`."""
        self.judge(pose)
        if leader is not None:
            self.leader.pose = dict(leader)
            assert self.phase is Phase.IDLE, "only a key has it follow"
            self.loop.tick()
            assert self.arm.sent[-1] == pytest.approx(pose)
            self.dispatch(protocol.Follow())
            self.run_until(Phase.RESET, Phase.HELD)
            self.loop.tick()
            self.dispatch(protocol.EndReset())
        self.run_until(Phase.RESTED, Phase.IDLE, Phase.HELD)

    def highest_step(self, begin: Pose) -> float:
        """The largest step of a goal, as a share of the arm's limit."""
        limits = speed_limits(self.profile.motion, list(JOINTS), FPS)
        goals = np.array([[pose[name] for name in JOINTS] for pose in (begin, *self.arm.sent)])
        return float((np.abs(np.diff(goals, axis=0)) / [limits[name] for name in JOINTS]).max())


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    made = Workers(Path(tmp_path_factory.mktemp("resets")))
    yield made
    made.close()


def drawn(arm: PlantArm, random: np.random.Generator, *, above: float = 0.0) -> Pose:
    """A pose in which the arm touches nothing, its fingers at least so many metres `above` the table."""
    while True:
        x, y, z = random.uniform(LOWEST, HIGHEST)
        with suppress(OutOfReach):
            values = reach(
                x, y, max(z, above), roll=random.uniform(-90, 90), gripper=random.uniform(0, 100),
                pitch=random.uniform(30, 90),
            )  # fmt: skip
            arm.plant.place_arm(values)
            if not arm.plant.touches("table", "bowl", "cube"):
                return dict(zip(JOINTS, map(float, values), strict=True))


@pytest.mark.parametrize(("reset", "direct"), WAYS)
def test_a_reset_reaches_its_pose_from_anywhere_with_no_step_above_the_limit(
    workers: Workers, reset: Reset, direct: bool
) -> None:
    desk, random = Desk(workers, reset, direct=direct), np.random.default_rng(13)
    goals = {Reset.RETURN: desk.profile.motion.rest, Reset.HOME: AT_HOME}
    ends = {Reset.RETURN: Phase.RESTED}.get(reset, Phase.IDLE)
    worst, steepest = 0.0, 0.0
    for _ in range(POSES):
        begin = drawn(desk.arm, random)
        leader = drawn(desk.arm, random, above=0.1) if reset is Reset.LEADER else None
        desk.reset(begin, leader)
        assert desk.phase is ends, (begin, leader, desk.loop.context.detail)
        desk.tick(SETTLES)
        goal = leader or goals[reset]
        worst = max(worst, distance(desk.arm.sync_read("Present_Position"), goal)[0])
        steepest = max(steepest, desk.highest_step(begin))
    print(f"{reset}{' directly' if direct else ''}: {worst:.2f} degrees off at most")
    assert worst <= WITHIN
    assert steepest <= 1.0 + 1e-6


# --- whatever comes between ------------------------------------------------------------------------

AWAY = dict(zip(JOINTS, (40.0, -10.0, 20.0, 60.0, 0.0, 5.0), strict=True))
"""Where a trial ended: above the table, far from rest and home."""
UNDER_WAY = 12
"""Periods after which the arm moves and has not arrived."""


def moving(workers: Workers, reset: Reset, *, direct: bool) -> Desk:
    """A desk in the middle of a reset."""
    desk = Desk(workers, reset, direct=direct)
    desk.judge(AWAY)
    if reset is Reset.LEADER:
        desk.dispatch(protocol.Follow())
    desk.tick(UNDER_WAY)
    assert desk.phase in (Phase.RESTING, Phase.ALIGNING)
    assert desk.arm.sent[-1] != desk.arm.sent[-2]
    return desk


def following(workers: Workers) -> Desk:
    """A desk whose arm follows the leader."""
    desk = moving(workers, Reset.LEADER, direct=False)
    desk.run_until(Phase.RESET)
    return desk


def assert_holds(desk: Desk) -> None:
    """It stays where it was, whatever the leader does."""
    assert desk.phase is Phase.HELD
    stood, held = desk.arm.sync_read("Present_Position"), desk.arm.sent[-1]
    desk.leader.pose = {name: value + 10.0 for name, value in desk.leader.pose.items()}
    desk.tick(UNDER_WAY)
    assert desk.arm.sent[-1] == held and distance(held, stood)[0] < 6.0
    assert desk.phase is Phase.HELD


@pytest.mark.parametrize(("reset", "direct"), WAYS)
def test_a_stop_holds_at_once_in_every_reset(workers: Workers, reset: Reset, direct: bool) -> None:
    desk = moving(workers, reset, direct=direct)
    desk.stop()
    assert_holds(desk)
    desk.dispatch(protocol.GoToRest())  # whatever the reset is
    desk.run_until(Phase.RESTED)
    desk.tick(SETTLES)
    assert distance(desk.arm.sync_read("Present_Position"), desk.profile.motion.rest)[0] < WITHIN


@pytest.mark.parametrize(("reset", "direct"), WAYS)
def test_a_lost_driver_holds_every_reset(workers: Workers, reset: Reset, direct: bool) -> None:
    desk = moving(workers, reset, direct=direct)
    desk.lose_driver()
    assert_holds(desk)


def test_what_is_shown_of_the_way_home_numbers_no_attempt_since_people_do_not_count_void_ones(workers: Workers) -> None:
    desk = moving(workers, Reset.HOME, direct=True)
    assert desk.loop.context.detail == "the arm goes to where the demonstrations began"


@pytest.mark.parametrize("end", [Desk.stop, Desk.lose_driver])
def test_a_stop_or_a_lost_driver_ends_following_the_leader(workers: Workers, end: Callable[[Desk], None]) -> None:
    desk = following(workers)
    desk.leader.pose["elbow_flex"] += 5.0
    desk.tick(2)
    end(desk)
    assert_holds(desk)


@pytest.mark.parametrize(("reset", "direct"), WAYS)
def test_a_verdict_moves_no_arm_that_was_stopped_or_has_no_torque(workers: Workers, reset: Reset, direct: bool) -> None:
    for phase in (Phase.HELD, Phase.RELEASED):
        desk = Desk(workers, reset, direct=direct)
        desk.judge(AWAY, phase)
        desk.tick(UNDER_WAY)
        assert desk.phase is phase
        assert all(goal == pytest.approx(AWAY) for goal in desk.arm.sent)


@pytest.mark.parametrize(("reset", "direct"), WAYS)
def test_an_orderly_end_goes_to_rest_from_every_reset(workers: Workers, reset: Reset, direct: bool) -> None:
    desk = moving(workers, reset, direct=direct)
    desk.dispatch(protocol.Finish(by="mara"))
    for _ in range(STEPS):
        if desk.loop._done:
            break
        desk.loop.tick()
    assert desk.loop.outcome == (SessionStatus.FINISHED, "finished by mara")
    assert desk.loop.may_cut_torque


def test_a_start_that_waits_is_called_off_where_the_arm_is_to_follow_the_leader(workers: Workers) -> None:
    desk = Desk(workers, Reset.LEADER)
    desk.judge(AWAY)
    desk.loop.context.waiting = 2  # a key asked for it, and the trial before is still being saved
    desk.dispatch(protocol.Follow())
    desk.run_until(Phase.RESET)
    desk.loop.context.try_pending_start()
    desk.tick(UNDER_WAY)
    assert desk.phase is Phase.RESET, "nothing but the leader moves the arm now"


def test_a_leader_that_jumps_is_approached_again_and_ends_no_trial(workers: Workers) -> None:
    desk = following(workers)
    sent = len(desk.arm.sent)
    desk.leader.pose["shoulder_pan"] += 60.0
    desk.run_until(Phase.ALIGNING)
    assert "the leader jumped" in desk.loop.context.detail
    desk.run_until(Phase.RESET)
    pans = [goal["shoulder_pan"] for goal in desk.arm.sent[sent - 1 :]]
    limit = desk.loop.context.arm.limits["shoulder_pan"] * (1 + 1e-6)
    assert max(abs(b - a) for a, b in pairwise(pans)) <= limit
    assert not desk.strategy.trials.pending


def test_a_leader_that_is_plugged_in_again_can_be_followed_and_stops_no_trial(workers: Workers) -> None:
    desk = following(workers)

    def unplugged() -> Pose:
        raise Unplugged("the leader is gone")

    desk.leader.get_action = unplugged  # type: ignore[method-assign]
    desk.tick(UNDER_WAY)
    assert desk.phase is Phase.HELD
    with pytest.raises(Refused, match="the leader does not work yet"):
        desk.dispatch(protocol.Follow())
    del desk.leader.get_action
    held = desk.arm.sent[-1]
    desk.tick(UNDER_WAY)
    assert not desk.loop.context.guard.trouble, "it is looked whether it is back"
    assert desk.arm.sent[-1] == held, "nothing moves until a key asks for it"
    desk.dispatch(protocol.Follow())
    desk.run_until(Phase.RESET)


def test_no_trial_begins_where_the_simulated_bench_could_not_lay_the_object_as_its_condition_says(
    workers: Workers,
) -> None:
    desk = Desk(workers, Reset.RETURN, conditions=(Condition(name="back", x=270.0, y=0.0),))
    desk.arm.place(AWAY)
    assert desk.strategy.begin(1), "no bench was prepared, so that nobody lays anything: the start is dropped"
    desk.tick(UNDER_WAY)
    assert desk.phase is not Phase.ALIGNING
    assert all(goal == pytest.approx(AWAY) for goal in desk.arm.sent)


# --- real sessions ----------------------------------------------------------------------------------

SCRIPTED = Path("sim-scripted@1.0")


async def test_the_arm_goes_home_after_a_verdict_and_the_next_trial_begins_there(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, policy=SCRIPTED, reset=Reset.HOME, direct_reset=True) as link:
        await start(link)
        await pending(link)
        await press(link, lambda: protocol.JudgeTrial(trial=1, verdict=Verdict.FAILURE))
        await link.until(lambda s: s.phase is Phase.IDLE and s.trials[-1].verdict is not None, 60)
        await start(link)
        await pending(link)
        state = await finish(link)
    assert state.status is SessionStatus.FINISHED and state.left is not None and state.left.at_rest


async def test_a_key_has_the_arm_follow_the_leader_between_trials_and_a_key_ends_that(quick_rig: Rig) -> None:
    async with evaluating(quick_rig, policy=SCRIPTED, reset=Reset.LEADER) as link:
        await start(link)
        await pending(link)
        await press(link, lambda: protocol.JudgeTrial(trial=1, verdict=Verdict.FAILURE))
        state = await link.until(lambda s: s.phase is Phase.IDLE, 20)
        assert intents.pause(state) == protocol.Follow()
        await press(link, protocol.Follow)
        state = await link.until(lambda s: s.phase is Phase.RESET, 60)
        assert intents.pause(state) == protocol.EndReset() and intents.trial(state) is None
        await press(link, protocol.EndReset)
        await link.until(lambda s: s.phase is Phase.IDLE, 20)
        await start(link)
