"""How a trial begins: the arm goes to where it should, the policy says what it would do there, and both agree first."""

from __future__ import annotations

import time
from typing import Any

from services.bench.profiles import Motion
from services.workers.arm.arm import Arm
from services.workers.arm.motion import Pose, distance, start_path
from services.workers.inference.action_source import ActionSource, PolicyFailed

TRIES = 5
"""How often the arm goes to where the policy wants to begin, before that counts as a failure."""
APPROACH_S = 90.0
"""How long the way to where a trial begins may take, a policy that is loaded again included."""


class Stranded(Exception):
    """The trial cannot begin: why, for people, and what answers it."""

    def __init__(self, why: str, answer: str = "see the log") -> None:
        super().__init__(why)
        self.answer = answer


class Approach:
    """The way to where trials begin. Belongs to the control loop's thread.

    An action of a policy is no reason to cross the table: beyond `jump_limit` of where the demonstrations began (or,
    where that is not known, of where the arm is) the arm goes only after a person was told how far, and started again.
    """

    def __init__(self, arm: Arm, action_source: ActionSource, motion: Motion, start: Pose, *, trusting: bool) -> None:
        """`start` is where trials begin, empty where that is not known; `trusting`: nobody is there to be asked."""
        self._arm, self._action_source, self._motion, self._trusting = arm, action_source, motion, trusting
        self._start, self._told = dict(start), bool(start)
        self._places = [dict(start)] if start else []
        self._offered: Pose = {}
        self._here: Pose = {}
        self._tries, self._revived = 0, False
        self._seed: int | None = None
        self._since = 0.0
        self.first: dict[str, Any] | None = None
        """The observation that the trial's first actions were made from."""

    @property
    def reloads(self) -> bool:
        """Whether the policy is being loaded again."""
        return self._action_source.policy.ready is None

    def set_out(self, measured: Pose, seed: int | None) -> None:
        """Move to where trials begin; a policy that died loads again meanwhile."""
        self._tries, self._revived, self.first, self._seed = 0, False, None, seed
        if self._offered:  # started again, that is: agreed, and need not be asked again
            self._places.append(self._offered)
            self._offered = {}
        self._since = time.monotonic()
        self._action_source.ensure_running()
        goal = self._start or (self._places[-1] if self._places else {})
        path = start_path(measured, goal, self._motion)
        self._here = path[-1] if path else dict(measured)
        self._arm.go(measured, path)

    def step(self, observation: dict[str, Any], measured: Pose) -> bool | None:
        """Each period: None on the way; at its end whether the trial has to begin ramped. Raises Stranded."""
        try:
            return self._step(observation, measured)
        except PolicyFailed as failure:
            if failure.died and not self._revived:
                self._revived, self.first = True, None
                self._action_source.ensure_running()
                return None
            raise Stranded(str(failure) or self._action_source.policy.last_words()) from failure

    def _step(self, observation: dict[str, Any], measured: Pose) -> bool | None:
        if self._arm.trouble:
            raise Stranded(self._arm.trouble)
        if time.monotonic() - self._since > APPROACH_S:
            doing = "the policy is still being loaded" if self.reloads else "the policy has not agreed with the arm"
            raise Stranded(f"the trial did not begin within {APPROACH_S:g} s: {doing}")
        if not self._arm.arrived:
            return None
        if self.first is None:
            self._ask(observation)
        first = self._action_source.first() if self.first is not None else None
        return None if first is None else self._agree(first, measured)

    def _ask(self, observation: dict[str, Any]) -> None:
        """Have the policy think from here, as soon as it can."""
        if self._action_source.idle:
            self.first = observation
            self._action_source.begin_trial(observation, self._seed)

    def _agree(self, first: Pose, measured: Pose) -> bool | None:
        """Begin where the first action is near the goal, else ramp to it; one that runs away is followed slowly."""
        motion = self._motion
        off, name = distance(first, self._arm.goal, but=motion.gripper)
        if off <= motion.agree_within:
            return self._found(ramped=False)
        near = self._near(first)
        if near and self._tries < TRIES:
            self._tries, self.first = self._tries + 1, None
            self._arm.go(measured, [first])
            return None
        if off <= motion.jump_limit:
            return self._found(ramped=True)
        if near:
            raise Stranded(f"the policy begins {off:.0f} degrees away at {name}, wherever the arm waits for it")
        raise self._offer(first)

    def _near(self, first: Pose) -> bool:
        """Whether the arm may go there by itself."""
        return self._trusting or self._way(first)[0] <= self._motion.jump_limit

    def _way(self, first: Pose) -> tuple[float, str]:
        """How far it is, and at which joint, from the nearest place where a trial may begin."""
        return min(distance(first, place, but=self._motion.gripper) for place in self._places or [self._here])

    def _offer(self, first: Pose) -> Stranded:
        """Whoever starts the trial again has agreed to this way."""
        self._offered = dict(first)
        far, name = self._way(first)
        where = "where its demonstrations began" if self._told else "the arm, and where it learnt to begin is not known"
        keys = "g, then space" if self._arm.can_rest else "space"
        return Stranded(
            f"the policy wants to begin {far:.0f} degrees from {where}: {name} at {first[name]:.0f}",
            f"check calibration and checkpoint; {keys} lets it go there slowly",
        )

    def _found(self, *, ramped: bool) -> bool:
        if not self._start:
            self._start = dict(self._arm.goal)  # the next trials begin here, too
            self._places.append(self._start)
        return ramped
