"""Which policy tries next, and under which condition: the schedule of a running evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any

from services.evaluation.schedule import Slot, schedule_of
from services.live import events as ev
from services.live.codes import Code
from services.live.requests import EvalRequest
from services.units import plural
from services.workers.arm.context import ArmContext
from services.workers.evaluation.lineup import Lineup
from services.workers.evaluation.trials import Trials
from services.workers.inference.source import Source
from services.workers.process.mailbox import Refused
from sessions.conditions import Place
from sessions.early import standing_of
from sessions.models import Trial
from sessions.statistics.rule import Decision

MM = 1000.0


class Course:
    """The slot of the trial that runs, waits for its verdict or comes next. Use on the control loop's thread."""

    def __init__(self, request: EvalRequest, context: ArmContext, trials: Trials, lineup: Lineup) -> None:
        self._request, self._context, self._trials, self._lineup = request, context, trials, lineup
        self._schedule = schedule_of(request)
        self.blind = request.blinded
        """Whether it is not told which policy is which."""
        self._slots: dict[int, Slot] = {}
        """By attempt, of those that have begun."""
        self.begin()

    @property
    def condition(self) -> str:
        """What the trial is tried under: its condition's name, else what the operator wrote for all of them."""
        return self.slot.name if self._request.conditions else self._request.condition

    def begun(self, trial: int) -> None:
        """Attempt `trial` has begun under the slot."""
        self._slots[trial] = self.slot

    def turn(self) -> None:
        """Once a verdict is given or taken back: turn to the next slot, and to its policy, if a trial is to come."""
        if not self.end:
            self._lineup.wait_alike()
            self.begin()

    @property
    def end(self) -> str:
        """Why no trial has to come, in words that name no policy; empty while one has to."""
        if (now := standing_of(self._request, self._filled())) and now.decision is not Decision.GO_ON:
            return f"the rule ends the comparison after {plural(now.pairs, 'pair')}"
        return f"{self._trials.judged} trials are judged" if self._trials.reached else ""

    def begin(self) -> None:
        """At first, and as a trial starts: the same, whether or not enough are judged."""
        self.slot = self._schedule.following(self._filled())
        if self._lineup.turn_to(self.slot.checkpoint):
            self._context.emit(self._lineup.current.loaded)

    def _filled(self) -> Iterable[Trial]:
        trials = self._trials
        for number, slot in self._slots.items():
            verdict, practice = trials.verdicts.get(number), number in trials.practices
            yield Trial(
                index=number,
                verdict=verdict,
                practice=practice,
                checkpoint=slot.checkpoint,
                condition=slot.name,
            )

    @property
    def why_blind(self) -> Mapping[Code, str]:
        """Why it cannot be unblinded now, if it cannot."""
        why = {} if self.blind else {Code.NOT_BLINDED: "no policy is hidden here"}
        if pending := self._trials.pending:
            why[Code.PENDING_VERDICT] = f"trial {pending} waits for its verdict: judge it first"
        return why

    def unblind(self, by: str, reason: str, done: Callable[[], None]) -> None:
        """Tell which policy is which. Raises Refused without a reason before enough trials are judged."""
        if not reason.strip() and not self.end:
            left = plural(self._trials.target - self._trials.judged, "trial")
            raise Refused(f"{left} are still to be judged: say why it is unblinded before its end", Code.REASON)
        self.blind = False
        self._context.emit(ev.Unblinded(by=by, reason=reason.strip()), done)
        self._context.emit(self._lineup.current.loaded)

    def set_scene(self) -> bool:
        """On the simulated bench, lay the object exactly where the condition says; elsewhere a person does.

        False where the bench failed in it, which was told: the trial would not be what it is called.
        """
        place = self.slot.condition.place if self.slot.condition else None
        if place is None or not self._context.profile.simulated:
            return True
        return bool(self._context.guard.call("follower", lambda: _lay(place)))


def timing(source: Source) -> dict[str, Any]:
    """How a policy is doing, as telemetry has it."""
    queue = source.queue
    return {"infer_ms": source.policy.infer_ms, "action_queue": len(queue), "starved": queue.starved}


def _lay(place: Place) -> bool:
    from services.sim import bench  # only a simulated bench can be told

    with closing(bench.open_world()) as world:
        world.lay(place.x / MM, place.y / MM, place.yaw)
    return True
