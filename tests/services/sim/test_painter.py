"""The painted cameras."""

import mujoco
import numpy as np
import pytest

from services.sim.arm import HOME
from services.sim.painter import Painter
from services.sim.plant import Plant


@pytest.fixture(scope="module")
def plant() -> Plant:
    plant = Plant()
    plant.place_arm(HOME)
    mujoco.mj_forward(plant.model, plant.data)
    return plant


def reddish(frame: np.ndarray) -> np.ndarray:
    red, green, blue = (frame[..., i].astype(int) for i in range(3))
    return (red > 90) & (green < red // 2) & (blue < red // 2)


@pytest.mark.parametrize("view", ["overhead", "wrist"])
def test_a_frame_is_rgb_and_shows_the_cube(plant: Plant, view: str) -> None:
    painter = Painter(plant.model, view)
    plant.place_cube(0.22, 0.0, 20)
    frame = painter.paint(plant.data)
    assert frame.shape == (480, 640, 3)
    assert frame.dtype == np.uint8
    assert reddish(frame).sum() > 150
    assert frame.std() > 25  # contrast


def test_the_cube_moves_in_the_picture_as_it_moves_on_the_table(plant: Plant) -> None:
    painter = Painter(plant.model, "overhead")
    plant.place_cube(0.25, -0.05, 0)
    _, left = np.nonzero(reddish(painter.paint(plant.data)))
    plant.place_cube(0.25, 0.05, 0)
    _, right = np.nonzero(reddish(painter.paint(plant.data)))
    assert right.mean() > left.mean() + 40  # the camera faces the arm: the arm's left is on the right


def test_a_still_scene_never_gives_the_same_frame_twice(plant: Plant) -> None:
    painter = Painter(plant.model, "overhead")
    first, second = painter.paint(plant.data, 1), painter.paint(plant.data, 2)
    assert (first != second).mean() > 0.5
    assert np.abs(first.astype(int) - second).max() <= 5
    assert np.array_equal(first, painter.paint(plant.data, 1))


def test_other_sizes_are_painted_too(plant: Plant) -> None:
    assert Painter(plant.model, "wrist", 160, 120).paint(plant.data).shape == (120, 160, 3)


def test_an_unknown_view_is_refused_with_the_choice(plant: Plant) -> None:
    with pytest.raises(ValueError, match="overhead or wrist"):
        Painter(plant.model, "side")
