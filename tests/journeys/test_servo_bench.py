"""The bench of LeRobot's own drivers: recorded, evaluated and broken over emulated servos that MuJoCo moves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lerobot.datasets import LeRobotDataset

from services import arm_commands
from services.bench.profiles import Profile, apply_settings, load_benches
from services.live import protocol
from services.live.phases import Phase
from services.live.requests import RecordRequest
from services.log.documents import document
from services.log.page import page
from services.sim import bench as simulated
from services.sim.place import place_of
from services.sim.servo_arms import CALIBRATION, LOGS, RANGES
from services.sim.servos import control
from services.sim.servos import registers as reg
from services.sim.servos.packets import read_log
from sessions.calibration import CalibrationAct
from sessions.models import SessionStatus, Verdict
from tests.support.evaluating import copycat, evaluating, start
from tests.support.packet_rules import Bench as PacketBench
from tests.support.packet_rules import Story, broken
from tests.support.rig import Rig, finish, follow, press, recorded, take

SEED = 5


OPENCV = 'robot.cameras.overhead={type="opencv", index_or_path="sim:overhead", warmup_s=0}'


def servo_bench() -> Profile:
    """The built-in bench with small pictures, and LeRobot's own class for the overhead camera."""
    size = [f"robot.cameras.{c}.{k}={v}" for c in ("wrist", "overhead") for k, v in (("width", 96), ("height", 72))]
    return apply_settings(load_benches(built_in=True).pick("so101-sim"), [OPENCV, *size])[0]


def actions_of(root: Path) -> Any:
    dataset = LeRobotDataset("local/demo", root=root)
    return np.stack(dataset.hf_dataset.with_format("numpy")[:]["action"])


async def test_what_was_recorded_over_the_bus_a_policy_repeats_over_the_bus(
    quick_rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, bench = quick_rig, servo_bench()
    logs = tmp_path / "packets"
    logs.mkdir()
    monkeypatch.setenv(LOGS, str(logs))
    run = rig.record(bench, episodes=1, episode_seconds=9.0, reset_seconds=0.0, seed=SEED)
    async with rig.attached(run) as link:
        await follow(link)
        await take(link)
        assert rig.world().state().cube_in_bowl, "the scripted hand's demonstration came through"
        state = await finish(link)
    assert state.status is SessionStatus.FINISHED, state.end_reason
    assert not rig.world().state().torque, "at rest, torque off"
    actions = actions_of(rig.folder.datasets / "demo")

    policy = copycat(rig, "over-the-bus", actions)
    async with evaluating(
        rig, bench, policy=policy, trials=1, trial_seconds=10.0, lockstep=False, seed=SEED, judge="oracle"
    ) as link:
        await start(link)
        state = await link.until(lambda s: s.trials[-1].verdict is not None, 60)
        assert state.trials[-1].verdict is Verdict.SUCCESS
        await finish(link)
    story = Story().add(run.events).add(link.run.events)
    log = read_log(logs / "follower.log")
    assert sum(bool(said.values(reg.GOAL_POSITION, 2)) for said in log) > 200
    assert broken(log, PacketBench.of(bench.motion, 30, RANGES), story) == []


async def test_a_cable_pulled_in_a_take_and_plugged_in_elsewhere_goes_on_by_a_key(quick_rig: Rig) -> None:
    rig = quick_rig
    run = rig.record(servo_bench(), episodes=2, episode_seconds=20.0, reset_seconds=0.0)
    async with rig.attached(run) as link:
        await follow(link)
        await press(link, lambda: protocol.StartTake(take=1))
        await link.until(lambda s: s.phase is Phase.RECORDING, 20)
        await recorded(link)
        rig.world().do(control.Unplug(arm="follower"))
        state = await link.until(lambda s: s.phase is Phase.HELD and bool(s.alarms), 10)
        assert any("unplugged" in alarm.text for alarm in state.alarms), state.alarms
        stand = rig.world().do(control.Plug(arm="follower"))
        assert all(stand.torque.values()), "the servos kept their power"
        await link.until(lambda s: not any("unplugged" in alarm.text for alarm in s.alarms), 20)
        await follow(link)
        await take(link, seconds=1.5)
        state = await finish(link)
    assert state.status is SessionStatus.FINISHED, state.end_reason
    assert [episode.take for episode in state.episodes] == [1, 2]
    assert "failed" in state.episodes[0].flags
    assert not {"failed", "stopped"} & set(state.episodes[1].flags)


async def test_a_file_that_does_not_fit_the_motors_is_written_into_them_on_wish_and_the_session_goes_on(
    quick_rig: Rig,
) -> None:
    rig, bench = quick_rig, servo_bench()
    simulated.prepare(rig.folder.root, {"seed": SEED}, lockstep=False, fps=30, servos=True)
    file = place_of(rig.folder.root).servos / CALIBRATION / "follower.json"
    values = json.loads(file.read_text("utf-8"))
    values["wrist_flex"]["homing_offset"] = 60
    file.write_text(json.dumps(values), "utf-8")

    run = rig.record(bench, episodes=1, episode_seconds=1.0, reset_seconds=0.0)
    async with rig.attached(run) as link:
        state = await link.until(lambda s: not s.running, 30)
    (found,) = state.refused_calibrations
    assert (found.arm, found.act, found.hindrance) == ("follower", CalibrationAct.WRITE_MOTORS, "")
    assert [joint.joint for joint in found.differences] == ["wrist_flex"]
    assert not (rig.folder.datasets / "demo").exists()

    assert state.started is not None and isinstance(state.started.request, RecordRequest)
    again = arm_commands.begin_again(rig.folder, state.started.request, state.refused_calibrations)
    async with rig.attached(again) as link:
        await follow(link)
        await take(link)
        state = await finish(link)
    assert state.status is SessionStatus.FINISHED, state.end_reason
    assert len(state.episodes) == 1
    page_says = [row.text for section in page(document(state)).sections for row in section.rows]
    assert any(text.startswith("follower: the calibration was written into the motors") for text in page_says)
