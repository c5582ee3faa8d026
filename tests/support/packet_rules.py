"""Replays what an arm's host said against the rules of robot safety: no torque without a goal where the arm stands, no
step above the limit, nothing that moves a stopped arm, no torque cut but at rest or after a confirmed release.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from pathlib import Path

from services.live import events as ev
from services.live.event_log import read_events
from services.live.phases import Phase
from services.sim.servos.emulator import JOINTS, RANGE
from services.sim.servos.packets import READ, SYNC_READ, Said
from services.sim.servos.registers import GOAL_POSITION, PRESENT_POSITION, TORQUE_ENABLE
from services.workers.arm.motion import REST_WITHIN
from services.workers.arm.stance import NEAR
from sessions.bench import Motion, is_gripper

TICKS_PER_DEGREE = 4095 / 360
EXACT = 2
"""Ticks by which a pose differs after it was made degrees and ticks again."""
FALL = 60
"""Ticks by which an arm may have moved between the reading of a pose and the packet that holds it there."""
READS = 4
"""The newest readings: the one that the host went by is among them."""
RELEASE_S = 20.0
"""How long after a confirmed release torque may be cut: it is lowered first. It is used up once torque comes on."""


class Rule(StrEnum):
    """What a packet may break."""

    GOAL_FIRST = "torque on without goal := present position before it"
    STEP = "a step above the limit"
    HELD = "a goal that moves an arm that was stopped"
    SLOW_STOP = "more than one step after a stop was asked for"
    DROPPED = "torque cut away from rest, without a confirmed release"


@dataclass(frozen=True)
class Broken:
    """A rule that a packet breaks: when (monotonic s), at which servo, and the numbers."""

    rule: Rule
    at: float
    servo: int
    why: str


@dataclass(frozen=True)
class Bench:
    """Limits of an arm, by servo in ticks per control period, and its rest pose in ticks (none taught: empty)."""

    own: Mapping[int, float]
    follow: Mapping[int, float]
    rest: Mapping[int, float] = field(default_factory=dict)
    gripper: int = JOINTS.index("gripper") + 1

    @classmethod
    def of(cls, motion: Motion, fps: int, ranges: Mapping[int, tuple[int, int]] | None = None) -> Bench:
        """As lab.toml has it, for servos that are calibrated to `ranges`."""
        ranges = ranges or dict.fromkeys(range(1, len(JOINTS) + 1), RANGE)
        percent = {i: (high - low) / 100 for i, (low, high) in ranges.items()}
        scale = {i: percent[i] if is_gripper(name, motion.gripper) else TICKS_PER_DEGREE for i, name in _ids()}
        zero = {i: low if is_gripper(name, motion.gripper) else (low + high) / 2 for (i, name), (low, high) in
                zip(_ids(), ranges.values(), strict=True)}  # fmt: skip
        gripper = {i: is_gripper(name, motion.gripper) for i, name in _ids()}
        own = {i: (motion.max_gripper_speed if gripper[i] else motion.max_joint_speed) / fps * scale[i] for i in scale}
        follow = {i: inf if gripper[i] else motion.max_follow_speed / fps * scale[i] for i in scale}
        rest = {i: zero[i] + motion.rest[name] * scale[i] for i, name in _ids() if name in motion.rest}
        return cls(own, follow, rest)


def _ids() -> list[tuple[int, str]]:
    return list(enumerate(JOINTS, start=1))


@dataclass
class Story:
    """What the sessions on the arm said and were asked; times in monotonic s, in order."""

    phases: list[tuple[float, Phase]] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    """When a stop was sent."""
    releases: list[float] = field(default_factory=list)
    """When a confirmed release was sent."""

    def add(self, events: Path) -> Story:
        """The phases of a session by its events file, in which times are Unix times."""
        offset = time.time() - time.monotonic()
        told = read_events(events)
        self.phases.append((told[0].at - offset if self.phases else 0.0, Phase.STARTING))
        for event in told:
            if isinstance(event, ev.PhaseChanged):
                self.phases.append((event.at - offset, Phase(event.phase)))
        return self

    def index_at(self, when: float) -> int:
        """The index of the phase at that time."""
        return max(0, bisect_right(self.phases, when, key=lambda each: each[0]) - 1)


def broken(log: Iterable[Said], bench: Bench, story: Story) -> list[Broken]:
    """Every rule that a packet of the log breaks."""
    replay = _Replay(bench, story)
    for said in log:
        replay.take(said)
    return replay.found


class _Replay:
    def __init__(self, bench: Bench, story: Story) -> None:
        self._bench, self._story = bench, story
        self.found: list[Broken] = []
        self._goal: dict[int, int] = {}
        self._here: set[int] = set()
        """Servos whose goal was set to where they stood, and not changed since."""
        self._ours: set[int] = set()
        """Servos whose torque the host switched on, and not off again: they may have lost it by themselves."""
        self._reads: deque[Mapping[int, int]] = deque(maxlen=READS)
        self._on_at = 0.0
        self._phase = -1
        self._before = Phase.STARTING
        self._moves: dict[float, int] = {}

    def take(self, said: Said) -> None:
        if said.code in (READ, SYNC_READ) and said.address == PRESENT_POSITION:
            self._reads.append(said.positions)
        if goals := said.values(GOAL_POSITION, 2):
            self._take_goals(said, goals)
        for servo, value in said.values(TORQUE_ENABLE, 1).items():
            self._take_torque(said, servo, on=bool(value))

    # --- torque -----------------------------------------------------------------------------------

    def _take_torque(self, said: Said, servo: int, *, on: bool) -> None:
        if on and servo not in said.torque:
            off = abs(self._goal.get(servo, -9999) - said.positions[servo])
            if servo not in self._here or off > FALL:
                self._break(Rule.GOAL_FIRST, said, servo, f"its goal is {self._goal.get(servo)}")
        if not on and servo in said.torque and not self._may_let_go(said):
            self._break(Rule.DROPPED, said, servo, f"in {self._story.phases[self._story.index_at(said.at)][1]}")
        self._on_at = said.at if on else self._on_at
        (self._ours.add if on else self._ours.discard)(servo)

    def _may_let_go(self, said: Said) -> bool:
        rest = {i: ticks for i, ticks in self._bench.rest.items() if i != self._bench.gripper}
        within = REST_WITHIN * TICKS_PER_DEGREE
        at_rest = bool(rest) and all(abs(said.positions[i] - ticks) <= within for i, ticks in rest.items())
        asked = (when for when in self._story.releases if when > self._on_at)
        return at_rest or any(0 <= said.at - when < RELEASE_S for when in asked)

    # --- goals ------------------------------------------------------------------------------------

    def _take_goals(self, said: Said, goals: Mapping[int, int]) -> None:
        now = self._story.index_at(said.at)
        phases = {self._story.phases[now][1]}
        if now != self._phase:  # the last step of the phase before may be in the wire still
            phases.add(self._before)
        self._phase, self._before = now, self._story.phases[now][1]
        moved = False
        for servo, goal in goals.items():
            kept, here = self._kept(servo, goal), self._measured(said, servo, goal)
            moved |= not (kept or here)
            if servo in said.torque:
                self._check_goal(said, servo, goal, phases, kept=kept, here=here)
            elif servo not in self._ours and not (kept or here):
                self._break(Rule.GOAL_FIRST, said, servo, f"it is limp, and gets the goal {goal}")
            if not kept or servo not in self._here:
                (self._here.add if here else self._here.discard)(servo)
            self._goal[servo] = goal
        if moved:
            self._count_after_stop(said)

    def _check_goal(self, said: Said, servo: int, goal: int, phases: set[Phase], *, kept: bool, here: bool) -> None:
        follows = any(phase.following or phase is Phase.RUNNING for phase in phases)
        if not any(phase.moving for phase in phases):
            if not kept and not (here and self._is_far(said, servo)):
                self._break(Rule.HELD, said, servo, f"{self._goal.get(servo)} became {goal}")
            return
        limit = (self._bench.follow if follows else self._bench.own)[servo] + EXACT
        from_where = [self._goal[servo]] if servo in self._goal else []
        nearest = min(abs(goal - at) for at in [*from_where, *self._places(said, servo)])
        if nearest > limit:
            self._break(Rule.STEP, said, servo, f"{nearest} ticks, where {limit:.0f} are allowed")

    def _count_after_stop(self, said: Said) -> None:
        """A step that was taken between a stop and the end of the phase in which it came."""
        for asked in self._story.stops:
            if asked < said.at and self._story.index_at(asked) == self._story.index_at(said.at):
                self._moves[asked] = self._moves.get(asked, 0) + 1
                if self._moves[asked] > 1:
                    self._break(Rule.SLOW_STOP, said, 0, f"{self._moves[asked]} steps")

    def _kept(self, servo: int, goal: int) -> bool:
        return servo in self._goal and abs(self._goal[servo] - goal) <= EXACT

    def _measured(self, said: Said, servo: int, goal: int) -> bool:
        return any(abs(goal - at) <= EXACT for at in self._places(said, servo))

    def _places(self, said: Said, servo: int) -> Sequence[int]:
        """Where it was measured lately."""
        return [at[servo] for at in (*self._reads, said.positions) if servo in at]

    def _is_far(self, said: Said, servo: int) -> bool:
        """Whether it stood so far from its goal that it is held where it is measured; of a gripper both are fine."""
        if servo == self._bench.gripper or servo not in self._goal:
            return True
        near = NEAR * TICKS_PER_DEGREE - EXACT
        return any(abs(self._goal[servo] - at) > near for at in self._places(said, servo))

    def _break(self, rule: Rule, said: Said, servo: int, why: str) -> None:
        self.found.append(Broken(rule, said.at, servo, why))
