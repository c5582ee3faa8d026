"""Between trials: after a verdict the arm returns to rest or goes home, or a person drives it by the leader."""

from __future__ import annotations

from services.live.phases import Phase
from services.live.requests import EvalRequest
from services.workers.arm.arm import Mode
from services.workers.arm.context import ArmContext
from services.workers.arm.motion import Pose, rest_path, start_path
from services.workers.evaluation.lineup import Lineup
from sessions.resets import Reset

FOLLOWS = "the follower follows the leader: drive it to where the next trial begins"
HOMING = "the arm goes to where the demonstrations began"
LEADER, POLICY = "the leader", "the policy"


class Resetting:
    """Use on the control loop's thread. Every move is speed-limited and can be stopped, as any of the arm's."""

    def __init__(self, request: EvalRequest, context: ArmContext, lineup: Lineup) -> None:
        """`lineup` has the policy that is on: home is where its demonstrations began."""
        self._request, self._context, self._lineup = request, context, lineup
        self.led = False
        """Whether the arm moved to the leader, or followed it, in this period."""

    def begin(self, trial: int) -> bool:
        """Move as the verdict on `trial` orders; False where the arm stays where it is."""
        context = self._context
        match self._request.reset:
            case Reset.RETURN if context.arm.can_rest:
                context.rest(f"trial {trial} is judged: the arm goes to rest")
            case Reset.HOME if path := self._way_home():
                context.waiting = 0
                context.arm.go(context.pose, path)
                context.enter(Phase.RESTING, HOMING)  # shown to people, who number trials without void ones
            case _:
                return False
        return True

    def _way_home(self) -> list[Pose]:
        """Poses on the way home, by rest unless it goes directly; empty if it is there, or where that is is unknown."""
        measured, motion = self._context.pose, self._context.profile.motion
        home = {name: value for name, value in self._lineup.current.start.items() if name in measured}
        if not home or self._request.direct_reset:
            return [measured | home] if home else []
        way = rest_path(measured, motion)
        return [*way, *start_path(way[-1] if way else measured, home, motion)]

    # --- by the leader ----------------------------------------------------------------------------

    def leads(self) -> bool:
        """Whether the arm moves to the leader, or follows it, from this period on."""
        phase, arm = self._context.phase, self._context.arm
        self.led = phase is Phase.RESET or (phase is Phase.ALIGNING and arm.mode in (Mode.ALIGN, Mode.FOLLOW))
        arm.guide = LEADER if self.led else POLICY
        if not self.led and self._context.guard.failing("leader"):
            self._context.read_leader()  # nothing else would find that it is back, and until then no trial starts
        return self.led

    def end(self) -> bool:
        """Follow the leader no longer, hold there; False where the hold failed, which the arm's own words tell."""
        self._context.debounce.check_bounce(self._context.since)
        self._context.hold()
        return self._context.phase is Phase.RESET
