"""What events say of an evaluation's trials. Pure."""

from __future__ import annotations

import msgspec

from services.live import events as ev
from sessions.models import Trial

Trials = tuple[Trial, ...]
TrialEvent = (
    ev.TrialStarted
    | ev.TrialEnded
    | ev.TrialJudged
    | ev.SecondOpinionGiven
    | ev.NoSecondOpinion
    | ev.VerdictUndone
    | ev.TrialAnnotated
    | ev.TrialAssisted
    | ev.StageReached
)


def after(trials: Trials, event: TrialEvent, fps: int) -> Trials:
    """The trials after `event`; `fps` are the frames of a second of them."""
    match event:
        case ev.TrialStarted(trial=index, checkpoint=checkpoint, condition=condition, practice=practice):
            begun = Trial(index=index, checkpoint=checkpoint, condition=condition, practice=practice, began=event.at)
            return (*trials, begun)
        case ev.TrialEnded(frames=frames):
            seconds = frames / max(1, fps)
            told = {"ended_by": event.reason, "why": event.why, "measured": event.measured}
            return changed(trials, event.trial, frames=frames, seconds=seconds, **told)
        case ev.TrialJudged():
            told = {"verdict": event.verdict, "judge": event.judge, "failure_mode": ""}
            return changed(trials, event.trial, judged_at=event.at, **told)
        case ev.SecondOpinionGiven():
            return changed(trials, event.trial, second=event.opinion, judged_first=event.verdict)
        case ev.NoSecondOpinion():
            return changed(trials, event.trial, no_opinion=event.why)
        case ev.VerdictUndone():
            return changed(trials, event.trial, verdict=None, judge="", judged_at=0.0, failure_mode="")
        case ev.TrialAnnotated():
            return changed(trials, event.trial, failure_mode=event.failure_mode)
        case ev.TrialAssisted():
            return changed(trials, event.trial, assisted=event.assisted)
        case ev.StageReached():
            return changed(trials, event.trial, stages=event.stages)


def modes_after(typed: tuple[str, ...], event: TrialEvent) -> tuple[str, ...]:
    """The failure modes that were given so far: one that another took the place of stays among them."""
    if not isinstance(event, ev.TrialAnnotated) or not event.failure_mode or event.failure_mode in typed:
        return typed
    return (*typed, event.failure_mode)


def changed(trials: Trials, index: int, **changes: object) -> Trials:
    """With changes to the trial of that number, if there is one: a recording has none."""
    return tuple(msgspec.structs.replace(t, **changes) if t.index == index else t for t in trials)
