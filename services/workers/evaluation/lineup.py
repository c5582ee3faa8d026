"""The policies of an evaluation, one of which is on: all loaded, or each when its trial comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.live import events as ev
from services.workers.arm.motion import Pose
from services.workers.evaluation.approach import Approach
from services.workers.inference.source import Source
from services.workers.preflight.preflight import DataReading


@dataclass
class Entrant:
    """One policy: what the arm follows, and what the journal says of it once it is loaded.

    `approach` is its way to where its trials begin, made once there is an arm.
    """

    checkpoint: str
    source: Source
    loaded: ev.PolicyLoaded
    approach: Approach | None = None
    reading: DataReading | None = None
    """What reads the data that it learnt from."""

    @property
    def start(self) -> Pose:
        """Start pose of its trials, empty if unknown."""
        return self.loaded.start_pose

    @property
    def cameras(self) -> frozenset[str]:
        """Those that it looks at."""
        return frozenset(self.loaded.cameras)


class Lineup:
    """Use on the control loop's thread."""

    def __init__(self, entrants: Sequence[Entrant], *, stay: bool = True) -> None:
        """The last one is on. Unless they `stay` loaded, only the one that is on is."""
        self.entrants, self._stay = tuple(entrants), stay
        self.current = self.entrants[-1]

    def turn_to(self, checkpoint: str) -> bool:
        """Let the policy in `checkpoint` be on, which begins to load where it has to; whether another one was before.

        Raises KeyError for one that has no part in it.
        """
        if checkpoint == self.current.checkpoint:
            return False
        if self.current.approach is not None:
            self.current.approach.withdraw()
        chosen = {each.checkpoint: each for each in self.entrants}[checkpoint]
        if not self._stay:
            self.current.source.policy.set_aside()
            chosen.source.ensure_running()
        self.current = chosen
        return True
