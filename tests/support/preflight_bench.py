"""The simulated bench's pictures and readings for a preflight, painted without its processes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.evaluation.preflight.facts import DEGREES, Live, Reference, Setting
from services.evaluation.preflight.pictures import Look, Slot, look
from services.sim.arm import HOME, JOINTS, REST
from services.sim.demonstrator import Cube, Demonstrator
from services.sim.painter import Painter
from services.sim.plant import Plant, spawn_pose
from services.sim.settings import SimSettings
from sessions.calibration import JointCalibration

TASK = "Pick up the cube and place it in the bowl"
FPS = 30
VIEWS = ("overhead", "wrist")
EPISODES, FRAMES = 10, 8
"""How many demonstrations the reference has, and how many pictures of each."""

Pictures = Mapping[str, NDArray[np.uint8]]
CALIBRATION = {joint: JointCalibration(100 * at, 900 - 40 * at, 3200 + 30 * at) for at, joint in enumerate(JOINTS)}


class PaintedBench:
    """One plant and its two painters."""

    def __init__(self) -> None:
        self._plant = Plant()
        self._painters = {view: Painter(self._plant.model, view) for view in VIEWS}

    def pictures(self, pose: NDArray[np.float64], cube: tuple[float, float, float], noise: int) -> Pictures:
        """What both cameras see; `noise` chooses the sensor's."""
        self._plant.place_arm(pose)
        self._plant.place_cube(*cube)
        return {view: painter.paint(self._plant.data, noise) for view, painter in self._painters.items()}


@cache
def bench() -> PaintedBench:
    """The bench, made once."""
    return PaintedBench()


def by_joint(pose: NDArray[np.float64]) -> dict[str, float]:
    """A pose by motor."""
    return dict(zip(JOINTS, map(float, pose), strict=True))


def setting(**others: object) -> Setting:
    """How the arm is read."""
    known = {
        "units": DEGREES,
        "fingerprint": "5e" * 32,
        "joints": CALIBRATION,
        "rest": by_joint(REST),
        "lay": by_joint(_limp()),
    }
    return Setting(**(known | others))  # type: ignore[arg-type]


@cache
def reference() -> Reference:
    """Of EPISODES demonstrations of the scripted person, each with the cube elsewhere."""
    looks: dict[str, list[Look]] = {view: [] for view in VIEWS}
    poses, starts = [], []
    for seed in range(500, 500 + EPISODES):
        cube, path = spawn_pose(seed, 1), _demonstration(seed)
        starts.append(by_joint(path[0]))
        poses += path
        for frame in np.linspace(0, len(path) - 1, FRAMES).astype(int):
            for view, picture in bench().pictures(path[frame], cube, int(frame)).items():
                looks[view].append(look(picture))
    low, high = np.min(poses, axis=0), np.max(poses, axis=0)
    return Reference(
        dataset="cubes",
        fps=FPS,
        tasks=(TASK, "Push the cube to the edge"),
        episodes=EPISODES,
        slots={view: Slot(each) for view, each in looks.items()},
        low=by_joint(low),
        high=by_joint(high),
        starts=starts,
        settings=(setting(),),
    )


def _demonstration(seed: int) -> list[NDArray[np.float64]]:
    cube, person, path = Cube(*spawn_pose(seed, 1)), Demonstrator(SimSettings(seed=seed)), []
    person.demonstrate(1)
    while not person.finished:
        path.append(person.pose.copy())
        person.advance(1 / FPS, lambda: cube)
    return path


def live_pictures(seed: int) -> tuple[NDArray[np.float64], dict[str, NDArray[np.uint8]]]:
    """The arm's true pose and what the cameras see on a clean bench of this seed.

    The arm is held at rest, lies there limp, or stands near where the demonstrations begin; the cube is anywhere; the
    light is a little different, and the sensor is noisy.
    """
    pose, pictures = _clean(seed)
    return pose.copy(), dict(pictures)


@cache
def _limp() -> NDArray[np.float64]:
    """The arm's pose a while after torque was cut at rest: it sags."""
    plant = Plant()
    plant.step(1500)
    return np.asarray(plant.joints)


@cache
def _clean(seed: int) -> tuple[NDArray[np.float64], Pictures]:
    rng = np.random.default_rng(seed)
    pose = (HOME, REST, _limp())[seed % 3] + rng.normal(0.0, 0.25, len(JOINTS))
    light, grain = rng.uniform(0.93, 1.07), rng.uniform(0.0, 4.0)
    seen = bench().pictures(pose, spawn_pose(seed, 3), seed)
    return pose, {view: _noisy(picture, light, grain, rng) for view, picture in seen.items()}


def _noisy(picture: NDArray[np.uint8], light: float, grain: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    noise = rng.normal(0.0, grain, (120, 160, 3)).astype(np.float32).repeat(4, axis=0).repeat(4, axis=1)
    return np.clip(picture * np.float32(light) + noise, 0, 255).astype(np.uint8)


def live(pose: NDArray[np.float64], pictures: Pictures, **others: object) -> Live:
    """What a preflight sees of it."""
    known = {
        "task": TASK,
        "fps": FPS,
        "pictures": {view: look(picture) for view, picture in pictures.items()},
        "pose": by_joint(pose),
        "setting": setting(),
    }
    return Live(**(known | others))  # type: ignore[arg-type]


def painted_dataset(root: Path, *, size: tuple[int, int] = (96, 72), episodes: int = 3) -> tuple[int, ...]:
    """A dataset of the simulated bench `sim` as a recording would leave it, in pictures of (width, height) `size`."""
    from services.workers.dataset.durable import DurableDataset
    from services.workers.dataset.encoder_settings import EncoderSettings

    plant, (width, height) = Plant(), size
    painters = {view: Painter(plant.model, view, width, height) for view in VIEWS}
    joints = {"dtype": "float32", "shape": (len(JOINTS),), "names": [f"{joint}.pos" for joint in JOINTS]}
    image = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    features = {"action": joints, "observation.state": joints} | {f"observation.images.{v}": image for v in VIEWS}
    asked = {"fps": FPS, "features": features, "robot_type": "sim_so101_follower", "encoder": EncoderSettings()}
    dataset = DurableDataset.open(root, f"lab/{root.name}", resume=False, **asked)
    for seed in range(700, 700 + episodes):
        plant.place_cube(*spawn_pose(seed, 1))
        path = _demonstration(seed)[::8]
        for at, pose in enumerate(path):
            plant.place_arm(pose)
            pictures = {f"observation.images.{v}": p.paint(plant.data, at) for v, p in painters.items()}
            values = pose.astype(np.float32)
            dataset.add_frame({"observation.state": values, "action": values, **pictures}, TASK)
        dataset.save()
    dataset.close()
    return tuple(range(episodes))
