"""Which policy tries next, and under which condition: the schedule of a running evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from services.evaluation.schedule import Slot, schedule_of
from services.live.requests import EvalRequest
from services.workers.arm.context import ArmContext
from services.workers.evaluation.lineup import Lineup
from services.workers.evaluation.trials import Trials
from sessions.conditions import Place
from sessions.models import Trial

MM = 1000.0


class Course:
    """The slot of the trial that runs, waits for its verdict or comes next. Use on the control loop's thread."""

    def __init__(self, request: EvalRequest, context: ArmContext, trials: Trials, lineup: Lineup) -> None:
        self._request, self._context, self._trials, self._lineup = request, context, trials, lineup
        self._schedule = schedule_of(request)
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
        if not self._trials.reached:
            self.begin()

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

    def set_scene(self) -> bool:
        """On the simulated bench, lay the object exactly where the condition says; elsewhere a person does.

        False where the bench failed in it, which was told: the trial would not be what it is called.
        """
        place = self.slot.condition.place if self.slot.condition else None
        if place is None or not self._context.profile.simulated:
            return True
        return bool(self._context.guard.call("follower", lambda: _lay(place)))


def _lay(place: Place) -> bool:
    from services.sim import bench  # only a simulated bench can be told

    with closing(bench.open_world()) as world:
        world.lay(place.x / MM, place.y / MM, place.yaw)
    return True
