"""The start of a trial: the arm moves to the start pose, and the policy's first action must be close to it."""

from __future__ import annotations

import time
from typing import Any

from services.bench.profiles import Motion
from services.live.reasons import Advice
from services.workers.arm.arm import Arm
from services.workers.arm.motion import Pose, distance, start_path
from services.workers.inference.action_source import PolicyFailed
from services.workers.inference.source import Source

MAX_ATTEMPTS = 5
"""Moves towards the policy's first action before the trial counts as impossible to start."""
APPROACH_S = 90.0
"""Seconds that the approach may take, including a reload of the policy."""


class Stranded(Exception):
    """The trial cannot begin. `str()` is the reason, `answer` and `advice` what to do, for the operator."""

    def __init__(self, why: str, answer: str = "see the log", advice: Advice = Advice.NONE) -> None:
        super().__init__(why)
        self.answer, self.advice = answer, advice


class Approach:
    """Moves the arm to the start of a trial. Use on the control loop's thread.

    A policy's action alone must not send the arm across the table: beyond `jump_limit` from where the demonstrations
    began (or, if unknown, from where the arm is) it moves only after the operator was shown the distance and
    started the trial again.
    """

    def __init__(
        self,
        arm: Arm,
        action_source: Source,
        motion: Motion,
        start: Pose,
        *,
        trusting: bool,
        countdown: float = 0.0,
    ) -> None:
        """`start` is where trials begin, empty if unknown. If `trusting`, nobody can confirm, so the arm may go far.

        There it waits `countdown` seconds, at first, before the policy is asked.
        """
        self._arm, self._action_source, self._motion, self._trusting = arm, action_source, motion, trusting
        self._start, self._start_known = dict(start), bool(start)
        self._allowed_starts = [dict(start)] if start else []
        self._proposed: Pose = {}
        self._path_end: Pose = {}
        self._attempts, self._restarted = 0, False
        self._seed: int | None = None
        self._since = 0.0
        self._countdown, self._waits_until = countdown, 0.0
        self.first: dict[str, Any] | None = None
        """The observation that the trial's first actions were made from."""

    def withdraw(self) -> None:
        """A start that was proposed is no longer: another policy's turn came, and the next key is no answer to it."""
        self._proposed = {}

    @property
    def reloads(self) -> bool:
        """Whether the policy is being loaded."""
        return self._action_source.policy.ready is None

    @property
    def countdown(self) -> float:
        """Seconds that the arm still waits where the trial begins; 0 if it does not wait."""
        return max(0.0, self._waits_until - time.monotonic()) if self._waits_until else 0.0

    def begin(self, measured: Pose, seed: int | None) -> None:
        """Start moving to the start pose; a policy that died is reloaded meanwhile."""
        self._attempts, self._restarted, self.first, self._seed = 0, False, None, seed
        if self._proposed:  # starting again confirms the proposal
            self._allowed_starts.append(self._proposed)
            self._proposed = {}
        self._since, self._waits_until = time.monotonic(), 0.0
        self._action_source.ensure_running()
        goal = self._start or (self._allowed_starts[-1] if self._allowed_starts else {})
        path = start_path(measured, goal, self._motion)
        self._path_end = path[-1] if path else dict(measured)
        self._arm.go(measured, path)

    def step(self, observation: dict[str, Any], measured: Pose) -> bool | None:
        """Advance one period. None until the trial can begin; then whether it must begin ramped. Raises Stranded."""
        try:
            return self._step(observation, measured)
        except PolicyFailed as failure:
            if failure.died and not self._restarted:
                self._restarted, self.first = True, None
                self._action_source.ensure_running()
                return None
            raise Stranded(str(failure) or self._action_source.policy.last_words()) from failure

    def _step(self, observation: dict[str, Any], measured: Pose) -> bool | None:
        if self._arm.trouble:
            raise Stranded(self._arm.trouble)
        if time.monotonic() - self._since > APPROACH_S + self._countdown:
            doing = "the policy is still being loaded" if self.reloads else "the policy has not agreed with the arm"
            raise Stranded(f"the trial did not begin within {APPROACH_S:g} s: {doing}")
        if not self._arm.arrived or self._counts_down():
            return None
        if self.first is None:
            self._request_first(observation)
        first = self._action_source.first() if self.first is not None else None
        return None if first is None else self._compare(first, measured)

    def _counts_down(self) -> bool:
        """Whether the countdown runs, which begins when the arm first is where the trial begins."""
        self._waits_until = self._waits_until or time.monotonic() + self._countdown
        return self.countdown > 0

    def _request_first(self, observation: dict[str, Any]) -> None:
        """Request the first actions for this observation, once the policy is idle."""
        if self._action_source.idle:
            self.first = observation
            self._action_source.begin_trial(observation, self._seed)

    def _compare(self, first: Pose, measured: Pose) -> bool | None:
        """Accept a first action close to the goal; else move towards it and ask again, or accept it ramped.

        None while moving. Raises Stranded if it stays too far away.
        """
        motion = self._motion
        off, name = distance(first, self._arm.goal, but=motion.gripper)
        if off <= motion.agree_within:
            return self._accept(ramped=False)
        near = self._may_go(first)
        if near and self._attempts < MAX_ATTEMPTS:
            self._attempts, self.first = self._attempts + 1, None
            self._arm.go(measured, [first])
            return None
        if off <= motion.jump_limit:
            return self._accept(ramped=True)
        if near:
            raise Stranded(f"the policy begins {off:.0f} degrees away at {name}, wherever the arm waits for it")
        raise self._propose(first)

    def _may_go(self, first: Pose) -> bool:
        """Whether the arm may move there without confirmation."""
        return self._trusting or self._distance_to_start(first)[0] <= self._motion.jump_limit

    def _distance_to_start(self, first: Pose) -> tuple[float, str]:
        """Degrees from the nearest allowed start, and the joint that is furthest off."""
        starts = self._allowed_starts or [self._path_end]
        return min(distance(first, start, but=self._motion.gripper) for start in starts)

    def _propose(self, first: Pose) -> Stranded:
        """Remember `first` as an allowed start if the operator starts again; returns the error that asks for it."""
        self._proposed = dict(first)
        far, name = self._distance_to_start(first)
        where = (
            "where its demonstrations began"
            if self._start_known
            else "the arm, and where it learnt to begin is not known"
        )
        return Stranded(
            f"the policy wants to begin {far:.0f} degrees from {where}: {name} at {first[name]:.0f}",
            "check calibration and checkpoint",
            Advice.REST_THEN_TRIAL if self._arm.can_rest else Advice.TRIAL,
        )

    def _accept(self, *, ramped: bool) -> bool:
        if not self._start:
            self._start = dict(self._arm.goal)  # later trials begin here too
            self._allowed_starts.append(self._start)
        return ramped
