"""The ghost's number: it leads whoever sees nothing else to where the cube lay, and light and noise do not move it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from math import cos, hypot, pi, sin

import av
import numpy as np
import pytest

from services.ghost.difference import WIDTH, Compared, size_for
from services.ghost.nearness import MATCHED
from services.ghost.pictures import blended, picture, resized
from services.sim.arm import HOME, REST, Pose
from services.sim.painter import Painter
from services.sim.plant import Plant, spawn_pose
from services.workers.viewing.video import scaled

STEPS_MM = (40.0, 20.0, 10.0, 5.0, 2.5)
"""How far the blind operator moves the cube at a time: coarse, then fine."""
LOOKS = 150
"""Readings of the number that it may take."""
PLACES = range(1, 7)
SIZE = (320, 240)
"""Of the camera in pixels: half of what the bench's has, which is quicker to paint."""


SAME = 1.5
"""The number of another frame of the same scene is below it, that of a cube 5 mm off above, if no video lost a part."""


class Overhead:
    """The simulated bench's camera above the table, with a sensor that is noisier than its own."""

    def __init__(self, noise: float = 0.0, light: float = 1.0, pose: Pose = HOME) -> None:
        """`noise` is a standard deviation in counts; `light` multiplies the picture; `pose` is the arm's."""
        self._plant = Plant()
        self._plant.place_arm(pose)
        self._painter = Painter(self._plant.model, "overhead", *SIZE)
        self._noise, self._light, self._random = noise, light, np.random.default_rng(4)

    def frame(self, x: float, y: float, yaw: float):
        """One frame of the cube there; no two have the same noise."""
        self._plant.place_cube(x, y, yaw)
        return self._painter.paint(self._plant.data, int(self._random.integers(0, 64)))

    def picture(self, x: float, y: float, yaw: float):
        """The cube there, as a preview has it."""
        small = resized(self.frame(x, y, yaw), *size_for(*SIZE)).astype(np.float32) * self._light
        return np.clip(small + self._random.normal(0, self._noise, small.shape), 0, 255).astype(np.uint8)


def recorded(frame):
    """The frame as it is read out of a video that was encoded as LeRobot's recorder does by default."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libsvtav1", rate=30, options={"crf": "30", "g": "2", "preset": "12"})
        stream.height, stream.width = frame.shape[:2]
        stream.pix_fmt = "yuv420p"
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")), *stream.encode()]:
            container.mux(packet)
    with av.open(io.BytesIO(file.getvalue())) as container:
        read = scaled(next(container.decode(video=0)), *SIZE)
    return picture(read, *SIZE)


def five_off(x: float, y: float) -> list[tuple[float, float]]:
    """Places 5 mm from this one."""
    return [(x + 0.005 * cos(turn), y + 0.005 * sin(turn)) for turn in np.arange(8) * pi / 4]


def blind(camera: Overhead, wanted: Compared, x: float, y: float, yaw: float) -> tuple[float, float, int]:
    """Where an operator leaves the cube who begins at (x, y), turns and moves it, and sees the number alone."""
    looks = 1
    best = wanted.difference(camera.picture(x, y, yaw))
    turn = 40.0
    for step in (mm / 1000 for mm in STEPS_MM):
        better = True
        while better and looks < LOOKS:
            better = False
            for dx, dy, turned in _moves(step, turn):
                looks += 1
                seen = wanted.difference(camera.picture(x + dx, y + dy, yaw + turned))
                if seen < best:
                    best, x, y, yaw, better = seen, x + dx, y + dy, yaw + turned, True
                    break
        turn /= 2
    return x, y, looks


def _moves(step: float, turn: float) -> Iterator[tuple[float, float, float]]:
    for sign in (1, -1):
        yield sign * step, 0.0, 0.0
        yield 0.0, sign * step, 0.0
        yield 0.0, 0.0, sign * turn


@pytest.fixture(scope="module")
def camera() -> Overhead:
    """Clean, as the simulated bench's is."""
    return Overhead()


@pytest.mark.parametrize("seed", PLACES)
def test_by_the_number_alone_the_cube_ends_within_5_mm_of_its_place(camera, seed):
    x, y, yaw = spawn_pose(seed, 1)
    wanted = Compared(camera.picture(x, y, yaw))
    found_x, found_y, looks = blind(camera, wanted, *spawn_pose(seed, 2))
    assert hypot(found_x - x, found_y - y) < 0.005, looks


@pytest.mark.parametrize("seed", (1, 2))
def test_a_noisy_camera_in_other_light_leads_there_too(camera, seed):
    x, y, yaw = spawn_pose(seed, 1)
    wanted = Compared(camera.picture(x, y, yaw))
    found_x, found_y, _ = blind(Overhead(noise=2.0, light=1.1), wanted, *spawn_pose(seed, 2))
    assert hypot(found_x - x, found_y - y) < 0.005


def test_an_arm_that_stands_elsewhere_does_not_lead_astray(camera):
    x, y, yaw = spawn_pose(6, 1)  # the farthest off of 14 places
    found_x, found_y, _ = blind(Overhead(pose=REST), Compared(camera.picture(x, y, yaw)), *spawn_pose(6, 2))
    assert hypot(found_x - x, found_y - y) < 0.005


@pytest.mark.parametrize("seed", PLACES)
def test_another_frame_of_the_same_scene_is_told_from_a_cube_5_mm_off(camera, seed):
    x, y, yaw = spawn_pose(seed, 1)
    wanted = Compared(camera.picture(x, y, yaw))
    for other in (camera, Overhead(noise=1.5), Overhead(light=0.85), Overhead(light=1.15)):
        assert wanted.difference(other.picture(x, y, yaw)) < SAME
        assert min(wanted.difference(other.picture(*place, yaw)) for place in five_off(x, y)) > SAME


def test_a_reference_out_of_a_recorded_video_leads_there_and_is_matched_within_5_mm(camera):
    x, y, yaw = spawn_pose(2, 1)
    wanted = Compared(recorded(camera.frame(x, y, yaw)))
    assert wanted.difference(camera.picture(x, y, yaw)) < MATCHED
    assert min(wanted.difference(camera.picture(*place, yaw)) for place in five_off(x, y)) > MATCHED
    found_x, found_y, _ = blind(camera, wanted, *spawn_pose(2, 2))
    assert hypot(found_x - x, found_y - y) < 0.005


def test_the_number_grows_with_the_distance_also_where_the_two_cubes_do_not_overlap(camera):
    x, y, yaw = spawn_pose(3, 1)
    wanted = Compared(camera.picture(x, y, yaw))
    seen = [wanted.difference(camera.picture(x, y + mm / 1000, yaw)) for mm in (0, 2.5, 5, 10, 20, 40, 80)]
    assert seen == sorted(seen) and seen[3] == pytest.approx(10, abs=5)
    assert seen[6] > 2.5 * seen[4]


def test_a_picture_is_compared_at_one_size_whatever_size_it_comes_in(camera):
    frame = camera.picture(0.2, 0.0, 10.0)
    assert size_for(1280, 720) == (WIDTH, 72) and size_for(0, 0) == (WIDTH, 96)
    large = np.repeat(np.repeat(frame, 3, axis=0), 3, axis=1)
    assert Compared(large).difference(frame) == pytest.approx(0, abs=1e-4)


def test_a_blend_is_half_of_each_in_the_size_of_the_lower_one():
    over, under = np.full((4, 6, 3), 200, np.uint8), np.full((2, 3, 3), 100, np.uint8)
    assert np.array_equal(blended(over, under), np.full((2, 3, 3), 150, np.uint8))


def test_a_smaller_picture_has_the_mean_of_each_area():
    rgb = np.zeros((2, 4, 3), np.uint8)
    rgb[:, :2] = 90
    assert resized(rgb, 2, 1)[0, :, 0].tolist() == [90, 0]
    assert resized(rgb, 1, 1)[0, 0, 0] == 45
