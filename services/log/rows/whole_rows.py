"""An evaluation over several sessions, on the page of each of them: the others, and what all come to. Pure."""

from __future__ import annotations

from services.log.headline import rate
from services.log.rows.trial_rows import VERDICTS
from services.log.sections import Interval, Row, Section, Value, quiet, row, section, text
from services.text import clean
from services.tone import Tone
from services.units import plural
from sessions.chains import Evaluation, resumes
from sessions.document import Session
from sessions.models import Verdict
from sessions.requests import EvalRequest


def part(session: Session, whole: Evaluation | None) -> str:
    """`part 2 of 3, in all 15 of 20, 60 % [36, 80]`; empty for an evaluation of one session."""
    if whole is None or not whole.several:
        return ""
    success, judged = whole.count(Verdict.SUCCESS), whole.judged
    words = (f"in all {judged} of {_wanted(whole)}", rate(success, judged))
    return ", ".join(filter(None, (f"part {_place(session, whole)} of {_parts(whole)}", *words)))


def whole_sections(session: Session, whole: Evaluation | None) -> list[Section]:
    """The sessions that it goes on with and that go on with it, and the sum; none for an evaluation of one session."""
    if whole is None or not whole.several:
        return []
    success, judged = whole.count(Verdict.SUCCESS), whole.judged
    counts = [text(f"{whole.count(verdict)} {verdict.value}", *VERDICTS[verdict]) for verdict in Verdict]
    rows = [
        *_before(session, whole),
        *(row("resumed in", f"session {other.id}") for other in whole.sessions if resumes(other) == session.id),
        row("in all", f"{judged} of {_wanted(whole)}", *counts, quiet(f"in {plural(_parts(whole), 'session')}")),
    ]
    if judged:
        words = text(rate(success, judged), strong=True)
        rows.append(row("success", words, quiet("95 % interval"), interval=Interval.of(success, judged)))
    return [section("the whole evaluation", rows)]


def _wanted(whole: Evaluation) -> str:
    request = whole.last.request
    early = isinstance(request, EvalRequest) and request.sequential is not None
    return f"{'at most ' if early else ''}{whole.wanted}"


def _before(session: Session, whole: Evaluation) -> list[Row]:
    earlier = resumes(session)
    if not earlier:
        return []
    missing: Value | str = ""
    if all(other.id != earlier for other in whole.sessions):
        missing = text("which this log does not have: it counts as it was told when this one began", Tone.WARNING)
    return [row("resumes", f"session {clean(earlier)}", missing)]


def _parts(whole: Evaluation) -> int:
    """Sessions, those included that the log does not have."""
    return max(0, whole.unknown.sessions) + len(whole.sessions)


def _place(session: Session, whole: Evaluation) -> int:
    ids = [each.id for each in whole.sessions]
    return max(0, whole.unknown.sessions) + 1 + ids.index(session.id)
