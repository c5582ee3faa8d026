"""The zero-motion preflight of an evaluation: it runs beside the loop, and says whether trials may begin."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec
import numpy as np

from services.checkpoints.checkpoint import ACTION, Checkpoint
from services.error_text import crash_reason
from services.evaluation.preflight.checks import checks
from services.evaluation.preflight.facts import Reference, Setting
from services.evaluation.preflight.open_loop import OWN_DATA, Asked, learnt, open_loop_checks
from services.live import events as ev
from services.live.protocol import Code
from services.live.requests import EvalRequest
from services.workers.inference.policy_process import Policy
from services.workers.inference.source import Source
from services.workers.preflight.recorded_frames import Differs, RecordedFrame, Shown, cameras_of, frames_to_ask
from services.workers.preflight.reference import live, pictures_of, read_reference
from services.workers.preflight.training_data import TrainingData
from services.workers.process.mailbox import Refused
from sessions.preflight import Check, Level, bad

NICENESS = 10
"""Reading recorded episodes takes no time from the control loop."""
ASKING_S = 6.0
"""A slow policy is asked about fewer recorded frames."""
OBSERVATION_S = 2.0
"""How long the first picture of every camera is waited for."""
READING_S = 60.0
"""Data on a disk or a network that does not answer are not checked: trials do not wait for them for ever."""
ANSWER_S = 60.0
LONGEST = 1000
"""Characters of what is said of one check."""
NO_ANSWER = "the policy does not answer to recorded frames"
NOTHING_BAD = "the preflight has nothing bad to confirm"

logger = logging.getLogger(__name__)


class DataReading(threading.Thread):
    """Has what a policy learnt from read (`reading`: in another process), beside its loading."""

    def __init__(self, checkpoint: Checkpoint, shown: Shown, data_dir: str) -> None:
        """`shown` is what of the bench the policy is shown; nothing where it looks for itself."""
        super().__init__(name="training data", daemon=True)
        self.checkpoint, self.shown, self._data_dir = checkpoint, shown, data_dir
        self.reference, self.data = Reference(problem="its training data were not read"), None

    data: TrainingData | None

    def run(self) -> None:
        """Leaves what it finds in `reference` and `data`."""
        _be_nice()
        cameras = cameras_of(self.checkpoint, self.shown)
        self.reference, self.data = read_reference(self.checkpoint, cameras, self._data_dir)


@dataclass
class _Part:
    """What is found of one policy. `unasked` says why it is not asked about recorded frames."""

    source: Source
    reading: DataReading
    checks: tuple[Check, ...] = ()
    frames: list[RecordedFrame] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    unasked: str = ""

    def of_the_policy(self, fps: float) -> list[Check]:
        """What it said to recorded frames."""
        data, loaded = self.reading.data, self.source.policy.loaded
        if self.unasked:
            return [Check(name=OWN_DATA, level=Level.UNCHECKED, found=self.unasked)]
        if data is None or loaded is None or not self.frames:
            return []
        whole = learnt(data.named(ACTION), [each.values[ACTION] for each in data.episodes if ACTION in each.values])
        return open_loop_checks(self.asked, whole, steps=loaded.steps, fps=fps)


class Preflight:
    """Use on the control loop's thread. It commands nothing to the arm.

    `due`: it begins as soon as the bench is observed. `made` is the newest that ended.
    """

    def __init__(self, request: EvalRequest, policies: Sequence[tuple[Source, DataReading]], setting: Setting) -> None:
        """Each policy comes with what has begun to read its data; `setting` is how the follower is read here."""
        self._request, self._policies, self._setting = request, tuple(policies), setting
        self.due = True
        self.made: ev.PreflightMade | None = None
        self._confirmed = self._number = 0
        self._began = self._asking_since = 0.0
        self._looking: threading.Thread | None = None
        self._parts: list[_Part] = []
        self._left: list[tuple[_Part, RecordedFrame]] | None = None
        self._open: tuple[_Part, RecordedFrame] | None = None

    # --- what it means for trials -----------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it looks now, or will as soon as it can: a trial waits for it."""
        return self.due or self._looking is not None

    @property
    def bad(self) -> tuple[Check, ...]:
        """What nobody has confirmed: no trial starts."""
        return () if self.made is None or self.made.preflight == self._confirmed else bad(self.made.checks)

    @property
    def words(self) -> str:
        """Why no trial starts."""
        said = "; ".join(f"{check.name}: {check.found}" for check in self.bad)
        return f"the preflight is bad ({said}): mend it and look again, or confirm it" if said else ""

    def confirm(self, number: int, by: str) -> ev.PreflightConfirmed:
        """Let trials begin. Raises Refused where preflight `number` is not the newest one, or is not bad."""
        found = self.bad
        if self.made is None or not found:
            raise Refused(NOTHING_BAD, Code.NO_PREFLIGHT)
        if number != self.made.preflight:
            raise Refused(f"preflight {self.made.preflight} is the newest one, not {number}", Code.NO_PREFLIGHT)
        self._confirmed = number
        return ev.PreflightConfirmed(preflight=number, by=by, bad=tuple(check.name for check in found))

    # --- running ----------------------------------------------------------------------------------

    def step(self, observation: Mapping[str, Any] | None, pose: Mapping[str, float]) -> ev.PreflightMade | None:
        """One control period; the event if it has ended now."""
        if self.due and self._looking is None and self._may_begin(observation):
            self._begin(observation or {}, pose)
        if self._looking is None or self._looking.is_alive():
            return None
        return self._end() if self._ask() else None

    def run(self, observation: Mapping[str, Any] | None, pose: Mapping[str, float]) -> ev.PreflightMade:
        """In lockstep, where time stands still: all of it at once."""
        self._begin(observation or {}, pose)
        assert self._looking is not None
        self._looking.join()
        while not self._ask():
            policy = self._open[0].source.policy if self._open is not None else None
            if isinstance(policy, Policy):
                policy.poll(0.2)
        return self._end()

    def _may_begin(self, observation: Mapping[str, Any] | None) -> bool:
        """Once the bench is observed, or has not been for a while: cameras that show nothing are then told."""
        self._began = self._began or time.monotonic()
        return observation is not None or time.monotonic() - self._began > OBSERVATION_S

    def _begin(self, observation: Mapping[str, Any], pose: Mapping[str, float]) -> None:
        self.due, self._began = False, time.monotonic()
        self._parts = [_Part(source, reading) for source, reading in self._policies]
        self._left = self._open = None
        seen = {key: np.array(value) if getattr(value, "ndim", 0) == 3 else value for key, value in observation.items()}
        look = partial(self._look, list(self._parts), seen, dict(pose))
        self._looking = threading.Thread(target=look, name="preflight", daemon=True)
        self._looking.start()

    def _look(self, parts: Sequence[_Part], observation: Mapping[str, Any], pose: Mapping[str, float]) -> None:
        """On its own thread: everything that needs no policy, and the recorded frames for what does."""
        _be_nice()
        for part in parts:
            reading = part.reading
            reading.join(READING_S)
            if reading.is_alive():
                late = f"its training data were not read within {READING_S:g} s: a disk or a network that is slow"
                reading.reference = replace(reading.reference, problem=late)
            try:
                pictures, dark = pictures_of(reading.checkpoint, reading.shown, observation)
                now = live(self._request, reading.checkpoint, pose, self._setting)
                part.checks = checks(reading.reference, replace(now, pictures=pictures, dark=dark))
                part.frames, part.unasked = _frames(part)
            except Exception as error:  # a preflight that fails must not end the session: it says what it lacks
                part.checks = (*part.checks, _failed(error))

    # --- the policy on recorded frames --------------------------------------------------------------

    def _ask(self) -> bool:
        """Ask about the next recorded frame, or take the answer; whether all are answered."""
        if self._left is None:
            self._asking_since = time.monotonic()
            self._left = [(part, frame) for part in self._parts for frame in part.frames]
        if self._open is not None and not self._answered(*self._open):
            return False
        while self._left and not self._may_be_asked(self._left[0][0]):
            self._left.pop(0)
        if not self._left:
            return True
        if self._infers(self._left[0][0].source.policy):
            return False
        self._ask_next(*self._left.pop(0))
        return False

    def _answered(self, part: _Part, shown: RecordedFrame) -> bool:
        """Whether the frame that is open was answered, or never will be."""
        policy = part.source.policy
        assert isinstance(policy, Policy)
        policy.poll()
        if policy.busy and not policy.dead and not self._gives_up:
            return False
        self._open, answer = None, policy.answer()
        if answer is None:
            part.unasked = policy.last_words() if policy.dead else NO_ANSWER
        else:
            each = Asked(shown.episode, shown.at, answer, shown.recorded, shown.before, policy.infer_ms)
            part.asked.append(each)
        return True

    def _may_be_asked(self, part: _Part) -> bool:
        """Not one that is not loaded, nor a slow one too often."""
        policy = part.source.policy
        if not isinstance(policy, Policy) or policy.ready is None or policy.dead:
            part.unasked = part.unasked or "the policy is loaded when its trial comes"
        elif policy.busy and self._gives_up:
            part.unasked = part.unasked or NO_ANSWER
        slow = time.monotonic() - self._asking_since > ASKING_S * len(self._parts) and len(part.asked) > 1
        return not part.unasked and not slow

    @property
    def _gives_up(self) -> bool:
        """Whether answers were waited for long enough."""
        return time.monotonic() - self._asking_since >= ANSWER_S

    @staticmethod
    def _infers(policy: object) -> bool:
        """Whether it is still busy with what a trial asked before; nobody takes that answer."""
        if isinstance(policy, Policy):
            policy.poll()
            return policy.busy
        return False

    def _ask_next(self, part: _Part, shown: RecordedFrame) -> None:
        policy = part.source.policy
        assert isinstance(policy, Policy)
        try:
            if shown.begins:
                policy.reset(0)
            policy.ask(shown.frame, rows=len(shown.recorded))
        except (KeyError, ValueError) as error:
            part.unasked = f"the policy cannot be shown the data's frames: {error}"
            return
        self._open = part, shown

    # --- the end ------------------------------------------------------------------------------------

    def _end(self) -> ev.PreflightMade:
        self._looking, self._left = None, None
        self._number += 1
        several = len(self._parts) > 1
        found = [
            _bounded(check, f"{part.reading.checkpoint.label}: " if several else "")
            for part in self._parts
            for check in (*_of_the_policy(part, self._request.fps), *part.checks)
        ]
        self._parts = []  # their pictures
        took = round(time.monotonic() - self._began, 2)
        self.made = ev.PreflightMade(preflight=self._number, checks=tuple(found), seconds=took)
        return self.made


def _bounded(check: Check, whose: str) -> Check:
    """Names and texts of data from elsewhere may be of any length, and an event is one line of a bounded one."""
    name, found, mends = (text[:LONGEST] for text in (whose + check.name, check.found, check.mends))
    return msgspec.structs.replace(check, name=name, found=found, mends=mends)


def _of_the_policy(part: _Part, fps: float) -> list[Check]:
    """What it said, in data that may be anybody's: they must not end a session with an arm."""
    try:
        return part.of_the_policy(fps)
    except Exception as error:  # whatever numpy raises on arrays of another form
        return [_failed(error)]


def _failed(error: Exception) -> Check:
    logger.error("the preflight failed", exc_info=error)
    return Check(name="preflight", level=Level.UNCHECKED, found=f"it failed: {crash_reason(error)}")


def _frames(part: _Part) -> tuple[list[RecordedFrame], str]:
    """The frames that the policy is asked about, or why it is not."""
    reading, loaded = part.reading, part.source.policy.loaded
    if reading.data is None or loaded is None or not reading.shown.names:
        return [], ""
    try:
        return frames_to_ask(reading.data, reading.checkpoint, reading.shown, loaded), ""
    except Differs as differs:
        return [], str(differs)


def _be_nice() -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
