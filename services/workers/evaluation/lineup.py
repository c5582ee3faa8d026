"""The policies of an evaluation, one of which is on: all loaded, or each when its trial comes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.live import events as ev
from services.workers.arm.motion import Pose
from services.workers.evaluation.approach import Approach
from services.workers.inference.source import Source
from services.workers.preflight.preflight import DataReading

MARGIN = 1.25
"""Loading takes not always as long."""


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
    took: float = 0.0
    """Seconds that it was waited for when it was loaded alone."""

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

    def __init__(self, entrants: Sequence[Entrant], *, stay: bool = True, alike: bool = False) -> None:
        """The last one is on. Unless they `stay` loaded, only the one that is on is.

        `alike`: before each trial it is waited as long as the slowest takes to load, whichever comes.
        """
        self.entrants, self._stay = tuple(entrants), stay
        self.current = self.entrants[-1]
        slowest = max((each.took for each in self.entrants), default=0.0)
        self._alike = MARGIN * slowest if alike and not stay else 0.0
        self._since = -self._alike

    def wait_alike(self) -> None:
        """From now on, before the next trial."""
        self._since = time.monotonic()

    @property
    def waits(self) -> bool:
        """Whether the next trial is kept waiting, so that the wait tells nothing."""
        return time.monotonic() - self._since < self._alike

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
