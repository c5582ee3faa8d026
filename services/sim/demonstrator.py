"""The scripted person at the leader: locates the cube, plans, and moves like a hand.

A demonstration is a generator of moves; each move is planned when the previous one has ended, from the
cube's pose at that time. Between poses the hand follows minimum-jerk profiles in joint space. The caller
advances time: nothing here reads a clock, and all randomness comes from the seed and the take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import cos, pi, radians, sin
from typing import NamedTuple

import numpy as np

from services.sim.arm import HOME, LIFT, OutOfReach, Pose, azimuth, clip, reach_down
from services.sim.plant import BOWL, CUBE_HALF
from services.sim.settings import SimSettings

OPEN, WIDE, CLOSED = 50.0, 60.0, 3.0
GRASP_HEIGHT = 0.0135
HOVER_HEIGHT = 0.060
CARRY_HEIGHT = 0.095
RELEASE_HEIGHT = 0.075
_STATIC_PAD = 0.0145
"""The static finger's inner face, in metres from the gripper's axis."""
_PUSH = 0.030


class Cube(NamedTuple):
    """The cube as a person sees it: metres and degrees."""

    x: float
    y: float
    yaw: float


class Move(NamedTuple):
    """One stroke of the hand: to `target` in `seconds` (at tempo 1), then stay for `pause`."""

    target: Pose
    seconds: float
    pause: float = 0.0


@dataclass(frozen=True)
class Slip:
    """How a demonstration fails: metres beside the cube, metres beside the bowl, or a drop on the way."""

    beside_cube: float = 0.0
    beside_bowl: float = 0.0
    drops: bool = False


class Demonstrator:
    """The leader arm in a person's hand. `advance` it, read `pose`."""

    def __init__(self, settings: SimSettings, pose: Pose = HOME) -> None:
        self._settings = settings
        self._path = np.array(pose, dtype=np.float64)
        self._rng = np.random.default_rng([settings.seed, 0, 2])
        self._moves: Iterator[Move] = iter(())
        self._strokes: list[tuple[Pose, float]] = []
        self._start, self._stroke_time = self._path, 0.0
        self._cube = Cube(0.0, 0.0, 0.0)
        self._time = 0.0
        self._resting = True
        self._going_home = True
        noise = np.random.default_rng([settings.seed, 0, 3])
        self._noise_hz = noise.uniform(0.15, 0.9, (3, 6))
        self._tremor_hz = noise.uniform(3.0, 6.0, (3, 6))
        self._noise_phase = noise.uniform(0.0, 2 * pi, (3, 6))
        self._noise_size = np.array([0.10, 0.08, 0.08, 0.10, 0.20, 0.25])
        self._tremor_size = settings.jerkiness * np.array([0.35, 0.30, 0.30, 0.45, 0.8, 0.8])

    @property
    def pose(self) -> Pose:
        """The leader's joints now, with the hand's sway."""
        sway = np.sin(2 * pi * self._noise_hz * self._time + self._noise_phase).sum(axis=0)
        pose = self._path + self._noise_size * sway
        if self._settings.jerkiness:
            tremor = np.sin(2 * pi * self._tremor_hz * self._time + self._noise_phase).sum(axis=0)
            pose = pose + self._tremor_size * tremor
        return clip(pose)

    @property
    def at_home(self) -> bool:
        """Whether the hand waits at home."""
        return self._resting and self._going_home

    @property
    def finished(self) -> bool:
        """Whether the demonstration has ended and the hand waits where it ended."""
        return self._resting and not self._going_home

    def demonstrate(self, take: int) -> None:
        """Begin the demonstration of `take` from where the hand is."""
        self._rng = np.random.default_rng([self._settings.seed, take, 2])
        plan = {"roll": self._with_roll, "nudge": self._with_nudge}[self._settings.strategy]
        self._begin(plan(self._slip()), going_home=False)

    def go_home(self) -> None:
        """Open the gripper, raise the arm a little, go home."""
        self._begin(self._homeward(), going_home=True)

    def advance(self, seconds: float, locate: Callable[[], Cube]) -> None:
        """Advance by `seconds`; `locate` returns the cube's pose whenever a move is planned."""
        self._time += seconds
        if self._resting:
            return
        self._stroke_time += seconds * self._settings.tempo
        while self._strokes or self._next_move(locate):
            target, duration = self._strokes[0]
            if self._stroke_time < duration:
                share = self._stroke_time / duration
                self._path = self._start + (target - self._start) * _minimum_jerk(share)
                return
            self._stroke_time -= duration
            self._path = self._start = target
            self._strokes.pop(0)
        self._resting = True

    def _begin(self, moves: Iterator[Move], *, going_home: bool) -> None:
        self._moves, self._strokes = moves, []
        self._start, self._stroke_time = self._path, 0.0
        self._resting, self._going_home = False, going_home

    def _next_move(self, locate: Callable[[], Cube]) -> bool:
        """Split the next move into strokes; False if the plan is done or the cube is out of reach."""
        self._cube = locate()
        try:
            move = next(self._moves, None)
        except OutOfReach:
            return False
        if move is None:
            return False
        seconds = move.seconds * float(np.exp(self._rng.normal(0.0, 0.06)))
        self._strokes = self._jerky(move.target, seconds)
        if move.pause:
            self._strokes.append((move.target, move.pause))
        return True

    def _jerky(self, target: Pose, seconds: float) -> list[tuple[Pose, float]]:
        """One smooth stroke, or with jerkiness several short ones that stop in between and stray."""
        jerkiness = self._settings.jerkiness
        parts = 1 + int(self._rng.integers(0, 1 + round(3 * jerkiness)))
        if parts == 1:
            return [(target, seconds)]
        shares = np.sort(self._rng.uniform(0.2, 0.8, parts - 1))
        stray = self._rng.normal(0.0, 1.5 * jerkiness, (parts - 1, 6)) * (1, 0.5, 0.5, 1, 1, 1)
        via = [clip(self._start + (target - self._start) * s + e) for s, e in zip(shares, stray, strict=True)]
        return [(pose, seconds / parts) for pose in (*via, target)]

    # --- plans ----------------------------------------------------------------------------------

    def _slip(self) -> Slip:
        """Whether and how this demonstration fails."""
        if self._rng.random() >= self._settings.failure_rate:
            return Slip()
        way = int(self._rng.integers(0, 3))
        side = float(self._rng.choice((-1.0, 1.0)))
        return (Slip(beside_cube=0.045 * side), Slip(drops=True), Slip(beside_bowl=0.095))[way]

    def _with_roll(self, slip: Slip) -> Iterator[Move]:
        """Hover over the cube, turn the wrist to its angle, go down, grasp, place."""
        cube = self._cube
        x, y = self._aim(cube, slip)
        hover = HOVER_HEIGHT + self._rng.uniform(-0.008, 0.012)
        roll = _aligned_roll(cube) + self._rng.normal(0.0, 1.2)
        over = reach_down(x, y, hover, roll=0.25 * roll, gripper=OPEN)
        yield Move(over, 1.1)
        left = radians(azimuth(x, y) + roll + 90.0)
        x, y = x + 0.001 * cos(left), y + 0.001 * sin(left)
        yield Move(reach_down(x, y, hover, roll=roll, gripper=OPEN), 0.5)
        yield Move(reach_down(x, y, GRASP_HEIGHT, roll=roll, gripper=OPEN), 0.75, 0.08)
        yield from self._grasp_and_place(x, y, roll, slip)

    def _with_nudge(self, slip: Slip) -> Iterator[Move]:
        """Put the static finger beside the cube, push until it lies flush, then grasp and place."""
        cube = self._cube
        x, y = self._aim(cube, slip)
        left = radians(azimuth(x, y) + 90.0)
        corner = CUBE_HALF * (abs(cos(radians(_aligned_roll(cube)))) + abs(sin(radians(_aligned_roll(cube)))))
        aside = corner + 0.008 - _STATIC_PAD
        beside = (x + aside * cos(left), y + aside * sin(left))
        yield Move(reach_down(*beside, HOVER_HEIGHT, roll=0.0, gripper=WIDE), 1.1)
        yield Move(reach_down(*beside, GRASP_HEIGHT, roll=0.0, gripper=WIDE), 0.7)
        inwards = aside - _PUSH
        pushed = (x + inwards * cos(left), y + inwards * sin(left))
        roll = azimuth(*beside) - azimuth(*pushed)
        yield Move(reach_down(*pushed, GRASP_HEIGHT, roll=roll, gripper=WIDE), 0.9, 0.1)
        yield from self._grasp_and_place(*pushed, roll, slip)

    def _grasp_and_place(self, x: float, y: float, roll: float, slip: Slip) -> Iterator[Move]:
        grip = CLOSED if not slip.drops else OPEN
        yield Move(reach_down(x, y, GRASP_HEIGHT, roll=roll, gripper=CLOSED), 0.45, 0.10)
        yield Move(reach_down(x, y, CARRY_HEIGHT, roll=roll, gripper=CLOSED), 0.6)
        turn = radians(azimuth(*BOWL))
        off = slip.beside_bowl
        bowl_x = BOWL[0] + off * cos(turn - pi / 2) + self._rng.uniform(-0.006, 0.006)
        bowl_y = BOWL[1] + off * sin(turn - pi / 2) + self._rng.uniform(-0.006, 0.006)
        if slip.drops:
            half = clip((self._path + reach_down(bowl_x, bowl_y, CARRY_HEIGHT, roll=0.0, gripper=grip)) / 2)
            half[5] = grip
            yield Move(half, 0.6)
        yield Move(reach_down(bowl_x, bowl_y, CARRY_HEIGHT, roll=0.0, gripper=grip), 1.1)
        yield Move(reach_down(bowl_x, bowl_y, RELEASE_HEIGHT, roll=0.0, gripper=grip), 0.3, 0.08)
        yield Move(reach_down(bowl_x, bowl_y, RELEASE_HEIGHT, roll=0.0, gripper=OPEN), 0.35, 0.10)
        away = reach_down(bowl_x, bowl_y, CARRY_HEIGHT + 0.03, roll=0.0, gripper=OPEN)
        yield Move(away, 0.45)

    def _homeward(self) -> Iterator[Move]:
        raised = self._path.copy()
        raised[1] = max(raised[1] - 20.0, LIFT[1])
        raised[5] = OPEN
        yield Move(raised, 0.5)
        yield Move(HOME, 1.0)

    def _aim(self, cube: Cube, slip: Slip) -> tuple[float, float]:
        """Where the hand aims: about a millimetre off the cube, or beside it if it is to fail."""
        along = radians(azimuth(cube.x, cube.y) + 90.0)
        x, y = cube.x + slip.beside_cube * cos(along), cube.y + slip.beside_cube * sin(along)
        error = self._rng.normal(0.0, 0.0007, 2)
        return x + float(error[0]), y + float(error[1])


def _aligned_roll(cube: Cube) -> float:
    """The smallest wrist roll in degrees that sets the fingers on opposite faces of the cube."""
    return (cube.yaw - azimuth(cube.x, cube.y) + 45.0) % 90.0 - 45.0


def _minimum_jerk(share: float) -> float:
    return share**3 * (10.0 + share * (6.0 * share - 15.0))
