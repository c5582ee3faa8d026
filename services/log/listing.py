"""The output of `lab-console sessions --json` and its JSON Schema, both made from the documents' structs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from sessions.chains import Evaluation, by_session, resumes
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus, Verdict
from sessions.trials import Result


class ListedEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluation that a session belongs to: the ids of its sessions, oldest first, and what all came to.

    `wanted` trials are to be judged in all. `missing` is the session that it began with, if the log does not have that.
    """

    sessions: tuple[str, ...]
    missing: str
    wanted: int
    success: int
    failure: int
    void: int


class ListedSession(Session, frozen=True, kw_only=True):
    """A session of the log; the list is newest first. The fields that scripts use most are flat; the facts follow.

    Times named `_utc` are ISO 8601, those named `at` Unix seconds. `target` counts accepted episodes, steps or judged
    trials; `results` are an evaluation's by checkpoint and condition. `ended` and `ended_utc` are null while the
    session runs; `evaluation` is, where it is none. `resumes` is the session that an evaluation goes on with.
    """

    id: str
    kind: SessionKind
    status: SessionStatus
    started_utc: str
    ended_utc: str | None
    end_reason: str
    operator: str
    host: str
    bench: str
    task: str
    dataset: str
    dataset_root: str
    checkpoint: str
    trained_in: str
    target: int
    accepted: int
    rejected: int
    reset: str
    results: tuple[Result, ...]
    resumes: str
    evaluation: ListedEvaluation | None


FIELDS = ListedSession.__struct_fields__
TOLD_OF_THE_LOG = ("resumes", "evaluation")
ORDER = sorted(FIELDS, key=lambda name: name in Session.__struct_fields__)
"""The flat fields first."""


def listed(session: Session, whole: Evaluation | None = None) -> ListedSession:
    """The session as it is printed; `whole` is its evaluation, if it is one."""
    own = {name: getattr(session, name) for name in FIELDS if name not in TOLD_OF_THE_LOG}
    return ListedSession(**own, resumes=resumes(session), evaluation=_evaluation(whole) if whole else None)


def _evaluation(whole: Evaluation) -> ListedEvaluation:
    counts = {verdict.value: whole.count(verdict) for verdict in Verdict}
    ids = tuple(session.id for session in whole.sessions)
    return ListedEvaluation(sessions=ids, missing=whole.missing, wanted=whole.wanted, **counts)


def as_json(sessions: Iterable[Session], log: Iterable[Session] | None = None) -> list[dict[str, Any]]:
    """Plain values for `sessions --json`; `log` has all sessions, of which these may be some."""
    sessions = tuple(sessions)
    wholes = by_session(sessions if log is None else log)
    plain = (msgspec.to_builtins(listed(session, wholes.get(session.id)), str_keys=True) for session in sessions)
    return [{name: values[name] for name in ORDER} for values in plain]


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `as_json` returns."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(list[ListedSession])}
