"""A second judge who watches each trial and tells his opinion once the verdict is given. He never decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Protocol

from services.live import events as ev
from services.live.requests import EvalRequest
from services.workers.evaluation.onlooker import Onlooker
from services.workers.evaluation.oracle import Oracle
from sessions.models import Verdict
from sessions.second_judge import error_of


class Watcher(Protocol):
    """One who watches trials. Use on the control loop's thread."""

    def begin(self) -> None:
        """A trial begins."""

    def step(self, observation: Mapping[str, Any]) -> None:
        """Look, once per period of a trial."""

    def end(self, trial: int) -> None:
        """The trial is over."""

    def opinion(self, trial: int, patience_s: float = 0.0) -> Verdict | str | None:
        """What he thinks of it, or why he thinks nothing; None while he does not know yet, after so many seconds."""

    def close(self) -> None:
        """Let go of what he watches with."""


class Second:
    """The second judge of an evaluation, if it has one. Use on the control loop's thread.

    What he thinks stands nowhere before the verdict: no event, no telemetry tells it. An opinion that is not there when
    the next trial begins is none.
    """

    def __init__(self, request: EvalRequest, emit: Callable[[ev.Event], None], watcher: Watcher | None = None) -> None:
        self._request, self._emit = request, emit
        self._watcher = watcher or _watcher(request)
        self._awaited: tuple[int, Verdict] | None = None
        self._told: set[int] = set()

    def begin(self) -> None:
        """A trial begins: what was awaited comes too late."""
        if self._awaited is not None:
            self._say("it was too slow")
        if self._watcher is not None:
            self._watcher.begin()

    def step(self, observation: Mapping[str, Any]) -> None:
        """Look, once per period of a trial."""
        if self._watcher is not None:
            self._watcher.step(observation)

    def end(self, trial: int) -> None:
        """The trial is over: how it looks now counts, however short it has been so."""
        if self._watcher is not None:
            self._watcher.end(trial)

    def speak(self, trial: int, verdict: Verdict) -> None:
        """The verdict was given: tell the opinion, once. A void trial needs none, one judged again has it already."""
        self._awaited = None
        if self._watcher is not None and verdict is not Verdict.VOID and trial not in self._told:
            self._awaited = trial, verdict
            self.listen()

    def hush(self) -> None:
        """The verdict was undone: nothing is told before the next one."""
        self._awaited = None

    def listen(self, patience_s: float = 0.0) -> None:
        """Tell what is awaited, if it is known by now. Call once per period."""
        if self._awaited is None or self._watcher is None:
            return
        if (opinion := self._watcher.opinion(self._awaited[0], patience_s)) is not None:
            self._say(opinion)

    def _say(self, opinion: Verdict | str) -> None:
        assert self._awaited is not None
        (trial, verdict), self._awaited, by = self._awaited, None, self._request.second_judge
        self._told.add(trial)
        if isinstance(opinion, Verdict):
            self._emit(ev.SecondOpinionGiven(trial=trial, opinion=opinion, verdict=verdict, by=by))
        elif opinion:
            self._emit(ev.NoSecondOpinion(trial=trial, why=opinion, by=by))

    def close(self) -> None:
        """Tell what is awaited still, within half a second, and let go."""
        self.listen(patience_s=0.5)
        if self._watcher is not None:
            self._watcher.close()


def _watcher(request: EvalRequest) -> Watcher | None:
    if request.trained_judge is not None:
        return Onlooker(request.data_dir, request.second_judge, request.trained_judge)
    error = error_of(request.second_judge)
    return None if error is None else ErringOracle(request, error)


class ErringOracle:
    """The simulated bench's oracle, wrong in a chosen share of trials; a bench that is gone is no opinion."""

    def __init__(self, request: EvalRequest, error: float) -> None:
        self._request, self._error = request, error
        self.oracle = Oracle(request.fps)
        self._seen: bool | None = None
        self._opinions: dict[int, Verdict] = {}

    def begin(self) -> None:
        """A trial begins."""
        self._seen = False
        self.oracle.begin()

    def step(self, observation: Mapping[str, Any]) -> None:
        """Look where the cube is."""
        if self._seen is None:
            return
        try:
            self._seen = self.oracle.success() or self._seen
        except OSError:
            self._seen = None

    def end(self, trial: int) -> None:
        """What is in the bowl now counts."""
        if self._seen is None:
            return
        success = self._seen or self.oracle.in_bowl
        if self._random(trial).random() < self._error:
            success = not success
        self._opinions[trial] = Verdict.SUCCESS if success else Verdict.FAILURE
        self._seen = None

    def opinion(self, trial: int, patience_s: float = 0.0) -> Verdict | str | None:
        """Known at once."""
        return self._opinions.get(trial, "")

    def _random(self, trial: int) -> Random:
        """Of one trial: the same again with the same seed."""
        seed = self._request.seed
        return Random() if seed is None else Random(f"second judge {seed} {self._request.attempt(trial)}")

    def close(self) -> None:
        """Disconnect from the bench."""
        self.oracle.close()
