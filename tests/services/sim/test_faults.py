"""Faults as they reach the devices, in lockstep."""

import numpy as np
import pytest

from services.sim.lockstep import LockstepWorld
from services.sim.settings import decode
from services.sim.wire import DeviceFault


def world(**fault: object) -> LockstepWorld:
    world = LockstepWorld(decode({"faults": [fault]}), 30)
    world.set_torque(True)
    return world


def pass_frames(world: LockstepWorld, frames: int) -> None:
    for _ in range(frames):
        world.command([None] * 6)


def latest_frame(camera: object) -> np.ndarray:
    shot = camera.latest()  # type: ignore[attr-defined]
    assert shot is not None
    return shot[0]


def test_a_camera_goes_black_at_its_frame() -> None:
    bench = world(kind="black", device="overhead", episode=1, frame=3)
    camera, other = bench.camera("overhead", 160, 120), bench.camera("wrist", 160, 120)
    bench.take_started(1)
    pass_frames(bench, 2)
    assert latest_frame(camera).any()
    pass_frames(bench, 1)
    assert not latest_frame(camera).any()
    assert latest_frame(other).any()


def test_a_frozen_camera_repeats_its_last_frame() -> None:
    bench = world(kind="frozen", device="wrist", episode=1, frame=3)
    camera = bench.camera("wrist", 160, 120)
    bench.take_started(1)
    pass_frames(bench, 2)
    before = latest_frame(camera)
    pass_frames(bench, 5)
    assert np.array_equal(latest_frame(camera), before)


def test_a_slow_camera_delivers_fewer_frames() -> None:
    bench = world(kind="slow", device="wrist", episode=1, frame=0, fps=5)
    camera = bench.camera("wrist", 160, 120)
    bench.take_started(1)
    different = set()
    for _ in range(30):
        pass_frames(bench, 1)
        different.add(latest_frame(camera).tobytes())
    assert 4 <= len(different) <= 7


def test_a_raising_camera_says_so_and_only_for_its_frames() -> None:
    bench = world(kind="raise", device="wrist", episode=1, frame=2, frames=2, message="unplugged")
    camera = bench.camera("wrist", 160, 120)
    bench.take_started(1)
    pass_frames(bench, 2)
    with pytest.raises(DeviceFault, match="wrist camera failed: unplugged"):
        camera.latest()
    pass_frames(bench, 2)
    assert latest_frame(camera).any()


def test_a_stuck_follower_stays_while_goals_are_still_accepted() -> None:
    bench = world(kind="stuck", device="follower", episode=1, frame=5)
    bench.take_started(1)
    pass_frames(bench, 6)
    held = np.array(bench.joints())
    for _ in range(30):
        bench.command([40.0, *bench.joints()[1:]])
    assert np.abs(np.array(bench.joints()) - held).max() < 2
    assert bench.state().goals[0] == 40.0


@pytest.mark.parametrize("device", ["leader", "follower"])
def test_a_raising_device_raises_and_the_oracle_still_answers(device: str) -> None:
    bench = world(kind="raise", device=device, episode=1, frame=0)
    read = bench.leader if device == "leader" else bench.joints
    read()
    bench.take_started(1)
    with pytest.raises(DeviceFault, match=f"simulated {device} failed"):
        read()
    assert bench.state().take == 1
