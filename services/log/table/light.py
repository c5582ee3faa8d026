"""One session as a list needs it: the facts of its row, and the text that a filter searches. Pure.

A log of thousands of sessions is listed from these; the whole document is decoded for the page that is open.
"""

from __future__ import annotations

import msgspec

from services.log.headline import Headline, alarm_counts, headline, loss_of, outcome, policy_of, seconds
from services.log.table.searchable import searchable
from sessions.chains import resumes
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus, Verdict
from sessions.requests import BenchRequest, EvalRequest

LIGHT_VERSION = 2
"""To be raised with every change of what a Light says: those that were kept by an older console are made anew."""


class Light(msgspec.Struct, frozen=True, kw_only=True):
    """A session's row. Names that a Session has, too, mean the same.

    `at` is when it started (Unix seconds, 0 if not recorded), `seconds` how long it took, `head` its headline without
    `part`, which is what evaluation it belongs to if that went over several sessions. `flagged` counts episodes,
    `notes` and `checkpoints` how many there are; `alarm` is the text of the last one of `alarms` different ones,
    `trials` counts attempts.
    `policy` is what was trained, `step` and `loss` the training's last, `step_s` the seconds of a step (0 if unknown).
    `text` is all that a filter searches, case-folded.
    """

    id: str
    kind: SessionKind
    status: SessionStatus
    started_utc: str
    at: float
    seconds: float
    head: Headline
    part: str = ""
    operator: str = ""
    host: str = ""
    bench: str = ""
    task: str = ""
    dataset: str = ""
    checkpoint: str = ""
    trained_in: str = ""
    policy: str = ""
    tags: tuple[str, ...] = ()
    notes: int = 0
    target: int = 0
    accepted: int = 0
    rejected: int = 0
    flagged: int = 0
    success: int = 0
    failure: int = 0
    void: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    checkpoints: int = 0
    excluded_cameras: tuple[str, ...] = ()
    alarm: str = ""
    alarms: int = 0
    reset: str = ""
    reset_name: str = ""
    purpose: str = ""
    end_reason: str = ""
    outcome: str = ""
    imported: bool = False
    resumes: str = ""
    dataset_root: str = ""
    trials: int = 0
    loss_words: str = ""
    conditions: tuple[str, ...] = ()
    step_s: float = 0.0
    cut_short: bool = False
    text: str = ""


def light(session: Session) -> Light:
    """The row of this session, without `part`, which other sessions decide."""
    request, training = session.request, session.training
    success, failure, void = (session.count(verdict) for verdict in Verdict)
    return Light(
        id=session.id,
        kind=session.kind,
        status=session.status,
        started_utc=session.started_utc,
        at=session.started.at,
        seconds=seconds(session),
        head=headline(session),
        operator=session.operator,
        host=session.host,
        bench=session.bench,
        task=session.task,
        dataset=session.dataset,
        checkpoint=session.checkpoint,
        trained_in=session.trained_in,
        policy=policy_of(session),
        tags=session.tags,
        notes=len(session.notes),
        target=session.target,
        accepted=session.accepted,
        rejected=session.rejected,
        flagged=sum(bool(episode.flags) for episode in session.episodes),
        success=success,
        failure=failure,
        void=void,
        step=training.step if training else 0,
        steps=training.started.steps if training else 0,
        loss=training.loss if training else None,
        checkpoints=len(training.checkpoints) if training else 0,
        excluded_cameras=training.started.excluded_cameras if training else (),
        alarm=session.alarms[-1] if session.alarms else "",
        alarms=len(alarm_counts(session)),
        reset=session.reset,
        reset_name=_reset_name(session),
        purpose=request.purpose.value if isinstance(request, BenchRequest) else "",
        end_reason=session.end_reason,
        outcome=outcome(session),
        imported=bool(session.started.imported),
        resumes=resumes(session),
        dataset_root=session.dataset_root,
        trials=len(session.trials),
        loss_words=loss_of(training) if training else "",
        conditions=tuple(dict.fromkeys(trial.condition for trial in session.trials if trial.condition)),
        step_s=training.step_seconds if training else 0.0,
        cut_short=session.cut_short,
        text=searchable(session),
    )


def _reset_name(session: Session) -> str:
    """In a word or two; of an imported evaluation as it was written down."""
    if session.started.imported or not isinstance(session.request, EvalRequest):
        return session.reset
    return session.request.reset_name if session.reset else ""
