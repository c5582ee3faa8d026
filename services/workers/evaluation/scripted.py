"""The simulated bench's scripted person in a policy's place: what `sim-scripted@0.8` runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from services.checkpoints import scripted
from services.checkpoints.checkpoint import Checkpoint
from services.sim.arm import HOME, JOINTS
from services.sim.bench import oracle
from services.sim.demonstrator import Cube, Demonstrator
from services.sim.settings import SimSettings
from services.workers.arm.motion import Pose
from services.workers.inference import protocol as inference_protocol
from services.workers.inference.action_queue import ActionQueue
from services.workers.inference.action_source import PolicyFailed


class ScriptedPolicy:
    """A policy that is always loaded, and has no process."""

    dead = False
    infer_ms = 0.0

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.loaded: inference_protocol.Loaded | None = inference_protocol.Loaded(
            policy=scripted.NAME, device="none", parameters=0, chunked=False, steps=1, chunk=1
        )
        self.ready: inference_protocol.Ready | None = inference_protocol.Ready(ms=0.0)

    def start(self) -> None:
        """It has begun."""

    def set_aside(self) -> None:
        """It takes no memory."""

    def close(self) -> None:
        """There is nothing to end."""

    def last_words(self) -> str:
        """It does not die."""
        return ""


class ScriptedSource:
    """Gives the scripted person's pose as the action of each period, as ActionSource does of a policy.

    It looks where the cube is whenever it plans a move, and slips by chance, once in a trial at most.
    """

    def __init__(self, policy: ScriptedPolicy, sim: Mapping[str, Any], *, fps: int) -> None:
        """`sim` is the bench's table: the person's tempo, strategy and jerkiness."""
        rate = scripted.success_rate(str(policy.checkpoint.path))
        assert rate is not None
        own = {key: sim[key] for key in ("seed", "strategy", "jerkiness", "tempo") if key in sim}
        self.policy, self.queue = policy, ActionQueue(1, 1 / fps)
        self._settings = {**own, "failure_rate": 1 - rate}
        self._period = 1 / fps
        self._trials = 0
        self._person = Demonstrator(SimSettings(**self._settings))

    idle = True

    def ensure_running(self) -> None:
        """It is."""

    def begin_trial(self, observation: dict[str, Any], seed: int | None) -> None:
        """Begin a demonstration from where the arm is; `seed` fixes whether and how it fails."""
        self._trials += 1
        pose = np.array([float(observation[f"{joint}.pos"]) for joint in JOINTS])
        self._person = Demonstrator(SimSettings(**(self._settings | ({} if seed is None else {"seed": seed}))), pose)
        self._person.demonstrate(1 if seed is not None else self._trials)

    def first(self) -> Pose | None:
        """Where the hand is."""
        return self._pose()

    def act(self, observation: dict[str, Any]) -> Pose | None:
        """The next period's pose. Raises PolicyFailed if the bench is gone."""
        try:
            self._person.advance(self._period, self._locate)
        except ConnectionError as error:
            raise PolicyFailed(str(error)) from error
        return self._pose()

    def _locate(self) -> Cube:
        state = oracle()
        return Cube(state.cube[0], state.cube[1], state.cube_yaw)

    def _pose(self) -> Pose:
        return dict(zip(JOINTS, map(float, self._person.pose), strict=True))


def scripted_start() -> Pose:
    """Where its demonstrations begin, in degrees."""
    return dict(zip(JOINTS, map(float, HOME), strict=True))
