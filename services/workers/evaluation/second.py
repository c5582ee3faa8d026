"""A second judge who watches each trial and tells his opinion once the verdict is given. He never decides."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from services.live import events as ev
from services.live.requests import EvalRequest
from services.workers.evaluation.oracle import Oracle
from sessions.models import Verdict
from sessions.second_judge import error_of


class Second:
    """The simulated bench's oracle, wrong in a chosen share of trials. Use on the control loop's thread.

    What he thinks stands nowhere before the verdict: no event, no telemetry tells it. If he cannot see the bench he has
    no opinion of that trial, and nothing else happens.
    """

    def __init__(self, request: EvalRequest, emit: Callable[[ev.Event], None]) -> None:
        self._request, self._emit = request, emit
        error = error_of(request.second_judge)
        self._error = error or 0.0
        self._oracle = Oracle(request.fps) if error is not None else None
        self._seen: bool | None = None
        self._opinions: dict[int, Verdict] = {}

    def begin(self) -> None:
        """A trial begins."""
        self._seen = False if self._oracle is not None else None
        if self._oracle is not None:
            self._oracle.begin()

    def step(self) -> None:
        """Look, once per period of a trial."""
        if self._oracle is None or self._seen is None:
            return
        try:
            self._seen = self._oracle.success() or self._seen
        except OSError:
            self._seen = None

    def end(self, trial: int) -> None:
        """The trial is over: what is in the bowl now counts, however short it has been there."""
        if self._oracle is None or self._seen is None:
            return
        success = self._seen or self._oracle.in_bowl
        if self._random(trial).random() < self._error:
            success = not success
        self._opinions[trial] = Verdict.SUCCESS if success else Verdict.FAILURE
        self._seen = None

    def _random(self, trial: int) -> Random:
        """Of one trial: the same again with the same seed."""
        seed = self._request.seed
        return Random() if seed is None else Random(f"second judge {seed} {self._request.attempt(trial)}")

    def speak(self, trial: int, verdict: Verdict) -> None:
        """The verdict was given: tell the opinion, once. A void trial needs none, one judged again has it already."""
        if verdict is Verdict.VOID or (opinion := self._opinions.pop(trial, None)) is None:
            return
        self._emit(ev.SecondOpinionGiven(trial=trial, opinion=opinion, verdict=verdict, by=self._request.second_judge))

    def close(self) -> None:
        """Disconnect from the bench."""
        if self._oracle is not None:
            self._oracle.close()
