"""A robot of two arms, LeRobot's own bi_so_follower and bi_so_leader on emulated servos: held, measured, released."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tests.support.stripedcamera  # noqa: F401  # registers the camera
from services import arm_commands
from services.bench.profiles import Profile
from services.datasets.summary import summarize
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.reasons import Advice
from services.live.requests import Purpose
from services.sim.servos import control
from services.sim.servos.process import CALIBRATION, Servos
from services.workers.arm import devices as dev
from services.workers.arm.arm import Arm, Mode
from services.workers.arm.device_problem import DeviceProblem
from services.workers.arm.features import dataset_features
from services.workers.arm.motion import distance
from sessions.bench import Motion
from sessions.models import EndedBy
from tests.support.rig import Rig, finish, flags, follow, gone, press, take, wait_until

CAMERA = {"type": "striped_camera", "width": 32, "height": 24, "fps": 30}
ARMS = ("bench_left", "bench_right", "lead_left:leader", "lead_right:leader")


@pytest.fixture
def servos(tmp_path: Path) -> Iterator[Servos]:
    running = Servos(tmp_path / "servos", *ARMS)
    yield running
    running.close()


def profile(servos: Servos, *, left: Any = None, right: Any = None, cameras: Any = None, **motion: Any) -> Profile:
    def arms(kind: str, name: str, **more: dict[str, Any]) -> dict[str, Any]:
        sides = {f"{side}_arm_config": {"port": str(servos.folder / f"{name}_{side}")} for side in ("left", "right")}
        table: dict[str, Any] = {"type": kind, "id": name, "calibration_dir": str(servos.folder / CALIBRATION)}
        return table | {key: sides[key] | ({"cameras": more[key]} if more.get(key) else {}) for key in sides}

    robot = arms("bi_so_follower", "bench", left_arm_config=left, right_arm_config=right)
    robot |= {"cameras": cameras} if cameras else {}
    return Profile(robot=robot, teleop=arms("bi_so_leader", "lead"), name="bi", motion=Motion(**motion))


def connect(profile: Profile, **options: Any) -> dev.Devices:
    return dev.connect(profile, arm_only=options.pop("arm_only", False), progress=lambda _: None, **options)


def both(servos: Servos) -> tuple[str, str]:
    left, right = (servos.look(arm).torque.values() for arm in ("bench_left", "bench_right"))
    return "".join("01"[on] for on in left), "".join("01"[on] for on in right)


def torque_written(servos: Servos) -> list[str]:
    """Every value written to Torque_Enable (address 40) of the followers, in hexadecimal."""
    lines = [line.split() for arm in ("bench_left", "bench_right") for line in servos.log(arm).read_text().splitlines()]
    return [written.partition("=")[2] for line in lines if line[2] == "40" for written in line[3:] if "=" in written]


def test_a_held_pair_of_arms_is_connected_again_and_again_without_losing_torque(servos: Servos) -> None:
    devices = connect(profile(servos), arm_only=True)
    assert both(servos) == ("111111", "111111")
    dev.disconnect(devices, cut_torque=False)
    assert both(servos) == ("111111", "111111"), "the end of a session that holds keeps torque on"
    before = torque_written(servos).count("00")
    for _ in range(2):
        dev.disconnect(connect(profile(servos), arm_only=True), cut_torque=False)
    assert torque_written(servos).count("00") == before, "no servo was told to let go"
    dev.disconnect(connect(profile(servos), arm_only=True), cut_torque=True)
    assert both(servos) == ("000000", "000000")


def test_both_arms_are_measured_released_and_held_again(servos: Servos) -> None:
    devices = connect(profile(servos), arm_only=True)
    arm = Arm(devices, Motion(), 30)
    pose = arm.measure()
    assert set(pose) == set(devices.motors)
    assert {"left_gripper", "right_gripper"} <= set(pose)
    arm.hold()
    arm.cut_torque()
    assert (arm.mode, *both(servos)) == (Mode.LIMP, "000000", "000000")
    arm.align(arm.measure())
    assert both(servos) == ("111111", "111111")
    dev.disconnect(devices, cut_torque=True)


def test_a_camera_is_called_what_the_robots_observations_call_it(servos: Servos) -> None:
    bench = profile(servos, left={"wrist": CAMERA}, right={"wrist": CAMERA, "broken": CAMERA | {"broken": "no USB"}},
                    cameras={"top": CAMERA})  # fmt: skip
    assert set(bench.cameras) == {"top", "left_wrist", "right_wrist", "right_broken"}
    devices = connect(bench)
    assert set(devices.cameras) == {"top", "left_wrist", "right_wrist"}, devices.absent
    assert devices.absent == {"right_broken": "right_broken: no USB"}
    observed = devices.robot.get_observation()
    assert set(devices.cameras) <= set(observed)
    features = [key for key in dataset_features(devices.robot) if "images" in key]
    assert features == [f"observation.images.{name}" for name in ("left_wrist", "top", "right_wrist")]
    assert devices.bench_connected.cameras == ("left_wrist", "top", "right_wrist")
    assert set(devices.bench_connected.calibration) == {
        f"{arm} {side}_arm" for arm in ("follower", "leader") for side in ("left", "right")
    }
    dev.disconnect(devices, cut_torque=True)


def test_an_arm_alone_touches_no_camera_of_either_arm(servos: Servos) -> None:
    bench = profile(servos, left={"wrist": CAMERA | {"broken": "it hangs"}}, cameras={"top": CAMERA})
    devices = connect(bench, arm_only=True)
    assert (devices.cameras, devices.absent) == ({}, {})
    dev.disconnect(devices, cut_torque=True)


def test_the_calibration_hint_names_the_arm_and_the_file_that_lerobot_reads(servos: Servos) -> None:
    servos.do(control.SetRegister(arm="bench_right", servo=2, address=11, value=2800))  # two arms are never equal
    (servos.folder / CALIBRATION / "bench_right.json").unlink()
    with pytest.raises(DeviceProblem) as caught:
        connect(profile(servos), arm_only=True)
    text = str(caught.value)
    assert text.startswith("follower right: not calibrated")
    assert f"{CALIBRATION}/bench_right.json" in text
    assert "--robot.type=so10" in text
    assert f"--robot.port={servos.folder / 'bench_right'} --robot.id=bench_right" in text


def test_a_port_of_one_arm_that_is_missing_is_named(servos: Servos) -> None:
    bench = profile(servos)
    bench.robot["right_arm_config"]["port"] = "/dev/serial/by-id/nothing"
    with pytest.raises(DeviceProblem, match=r"^follower right: /dev/serial/by-id/nothing is not there"):
        connect(bench)
    assert torque_written(servos) == []


def test_each_gripper_is_left_out_where_an_object_may_keep_it_open() -> None:
    a = {"left_gripper": 0.0, "right_gripper": 0.0, "left_elbow_flex": 1.0}
    b = {"left_gripper": 50.0, "right_gripper": 60.0, "left_elbow_flex": 3.0}
    assert distance(a, b, but="gripper") == (2.0, "left_elbow_flex")


# --- a whole session ----------------------------------------------------------------------------------


async def test_two_arms_are_recorded_with_their_cameras_while_a_gripper_holds_an_object(
    quick_rig: Rig, servos: Servos
) -> None:
    bench = profile(servos, left={"wrist": CAMERA}, right={"wrist": CAMERA}, cameras={"top": CAMERA})
    servos.do(control.Block(arm="bench_left", servo=6, low=2000))
    closed = dict.fromkeys(range(1, 6), 2000.0) | {6: 1200.0}
    servos.do(control.Hand(arm="lead_left", ticks=closed))
    run = quick_rig.record(bench, task="Fold the cloth", episode_seconds=1.0, reset_seconds=0.1)
    async with quick_rig.attached(run) as link:
        assert link.snapshot.phase is Phase.IDLE, link.snapshot.end_reason
        await follow(link)
        await take(link)
        state = await finish(link)
    assert [(e.accepted, flags(e)) for e in state.episodes] == [(True, ())], state.lost
    assert state.alarm_history == ()
    assert both(servos) == ("111111", "111111"), "no rest pose is taught: the arms go on holding"
    summary = summarize(quick_rig.folder.datasets / "demo")
    assert set(summary.cameras) == {"top", "left_wrist", "right_wrist"}
    assert {"left_gripper.pos", "right_gripper.pos"} <= set(summary.features["action"]["names"])

    before = torque_written(servos).count("00")
    await asyncio.to_thread(wait_until, gone(run))
    hold = arm_commands.begin(quick_rig.folder, bench, Purpose.HOLD)
    async with quick_rig.attached(hold) as link:
        assert link.snapshot.phase is Phase.IDLE, link.snapshot.end_reason
        assert torque_written(servos).count("00") == before, "the new session let no servo go"
        await press(link, lambda: protocol.Release(confirmed=True))
        await link.until(lambda s: not s.running, 30)
    assert both(servos) == ("000000", "000000")


async def test_a_camera_that_stops_in_a_take_is_named_and_the_take_is_marked_as_failed(
    quick_rig: Rig, servos: Servos
) -> None:
    bench = profile(servos, cameras={"top": CAMERA, "overhead": CAMERA | {"dies_after_s": 4.0}})
    run = quick_rig.record(bench, task="Fold the cloth", episode_seconds=20.0)
    async with quick_rig.attached(run) as link:
        await follow(link)
        state = await take(link)
        assert [(a.camera, a.text, a.answer, a.advice) for a in state.alarms] == [
            ("overhead", "overhead: no pictures (read thread is not running)", "plug it in", Advice.RESUME)
        ]
        assert state.phase is Phase.HELD
        assert (await finish(link)).episodes[0].accepted is False
    (ended,) = quick_rig.events(run, ev.TakeEnded)
    assert ended.reason is EndedBy.FAILED
