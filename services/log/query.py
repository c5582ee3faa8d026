"""The filter of the Log: what was typed, as terms; which sessions they fit; and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches

from services.log.headline import counts, policy_of, subject
from services.text import clean
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus

_TERM = re.compile(r'(?P<open>\w+):(?=\s|$)|(?:(?P<key>\w+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))')
_FIELDS = ("bench", "checkpoint", "dataset", "host", "id", "kind", "operator", "status", "task")
_DATES = ("after", "before", "on")
_DAYS = {"today": 0, "yesterday": 1}
FIRST_YEAR, LAST_YEAR = 1971, 2999
"""Years that every clock of a computer has."""
KEYS = frozenset({*_FIELDS, *_DATES, "policy", "tag"})
_WORDS = {"kind": [kind.value for kind in SessionKind], "status": [status.value for status in SessionStatus]}
"""The values of the keys that have few."""


class Texts:
    """All searchable text of each session, case-folded and made once: a filter is applied at every key."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Session, str]] = {}

    def of(self, session: Session) -> str:
        """The text of this session, one of its parts a line."""
        known = self._known.get(session.id)
        if known is None or known[0] is not session:
            known = self._known[session.id] = session, searchable(session)
        return known[1]

    def prepare(self, listed: Iterable[Session]) -> None:
        """Make the texts of these sessions, in a thread."""
        for session in listed:
            self.of(session)


@dataclass(frozen=True)
class Term:
    """One term: `part` (case-folded) in the field `key`, or anywhere with an empty key.

    With `begin` and `end` (Unix time), a term on the start of a session: not before the one, before the other.
    """

    key: str
    part: str
    begin: float = 0.0
    end: float = float("inf")

    def fits(self, session: Session, texts: Texts) -> bool:
        """Whether the session matches."""
        match self.key:
            case "":
                return self.part in texts.of(session)
            case "tag":
                return any(self.part in tag.casefold() for tag in session.tags) or not self.part
            case "policy":
                return self.part in policy_of(session).casefold()
            case "kind":
                return self.part in session.kind or self.part.startswith(session.kind)  # also `evaluation`
            case key if key in _DATES:
                return bool(session.started_utc) and self.begin <= session.started.at < self.end
            case key:
                return self.part in str(getattr(session, key)).casefold()


@dataclass(frozen=True)
class Query:
    """The terms that all have to fit, and what is wrong with what was typed: one sentence, or empty."""

    terms: tuple[Term, ...] = ()
    problem: str = ""

    def of(self, listed: Iterable[Session], texts: Texts | None = None) -> list[Session]:
        """The sessions that fit, in their order. `texts` keeps what was made for the query before."""
        made = Texts() if texts is None else texts
        return [session for session in listed if all(term.fits(session, made) for term in self.terms)]


def parse(query: str, today: date | None = None) -> Query:
    """What was typed into the filter; a term that is wrong is said and left out, or is text.

    A term is `key:part` (kind, status, dataset, operator, bench, task, host, checkpoint, policy, tag, id), `#tag`, a
    date (`after:2026-11-01`, `before:`, `on:`, `today`, `yesterday`), or text that may occur anywhere in the session.
    Dates are local; `after` includes its day. Case is ignored, quotes enclose a term with spaces, and a term with an
    unknown key is text.
    """
    terms: list[Term] = []
    problems: list[str] = []
    for found in _TERM.finditer(query):
        try:
            terms.append(_term(found, today or date.today()))
        except ValueError as problem:
            problems.append(str(problem))
    unknown = [_unknown_key(found) for found in _TERM.finditer(query)]
    return Query(tuple(terms), next(filter(None, [*problems, *unknown]), ""))


def matching(listed: Iterable[Session], query: str) -> list[Session]:
    """The sessions that match every term of `query`, in their order."""
    return parse(query).of(listed)


def _term(found: re.Match[str], today: date) -> Term:
    """Raises ValueError, with a sentence, for a value that no session can have."""
    key = (found["key"] or found["open"] or "").casefold()
    quoted = found["quoted"]
    part = (quoted if quoted is not None else found["plain"] or "").casefold()
    if not key and quoted is None:
        if part in _DAYS:
            return _on("on", part, today)
        if part.startswith("#"):
            return Term("tag", part.removeprefix("#"))
    if key in _DATES and part:
        return _on(key, part, today)
    if key in _WORDS and part and not any(part in word or part.startswith(word) for word in _WORDS[key]):
        raise ValueError(f"no {key} is '{clean(part)}': {', '.join(_WORDS[key])}")
    if key == "tag":
        return Term(key, part.removeprefix("#"))
    return Term(key, part) if not key or key in KEYS else Term("", f"{key}:{part}")


def _unknown_key(found: re.Match[str]) -> str:
    """The key that was probably meant, as a question; empty if the key is known, or like none."""
    key = (found["key"] or found["open"] or "").casefold()
    near = get_close_matches(key, KEYS, 1, 0.75) if key and key not in KEYS else []
    return f"'{key}:' is searched as text: did you mean {near[0]}:?" if near else ""


# -- dates ------------------------------------------------------------------------------------------


def _on(key: str, part: str, today: date) -> Term:
    first, last = _days(part, today)
    begin, end = (_midnight(first), _midnight(last + timedelta(days=1)))
    match key:
        case "after":
            return Term(key, part, begin=begin)
        case "before":
            return Term(key, part, end=begin)
        case _:
            return Term(key, part, begin, end)


def _days(part: str, today: date) -> tuple[date, date]:
    """The first and the last day that `part` names: a day, a month or a year. Raises ValueError."""
    if part in _DAYS:
        day = today - timedelta(days=_DAYS[part])
        return day, day
    try:
        numbers = [int(number) for number in part.rstrip("-").split("-")]
        year, month, day_of_month = [*numbers, 0, 0][:3]
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise ValueError
        first = date(year, month or 1, day_of_month or 1)
        if day_of_month:
            return first, first
        after = date(year + 1, 1, 1) if not month else date(year + month // 12, month % 12 + 1, 1)
        return first, after - timedelta(days=1)
    except ValueError:
        raise ValueError(f"'{clean(part)}' is no date: write 2026-11-01, 2026-11, today or yesterday") from None


def _midnight(day: date) -> float:
    """The Unix time of the day's beginning on this machine."""
    return datetime.combine(day, time()).astimezone().timestamp()


# -- text -------------------------------------------------------------------------------------------


def searchable(session: Session) -> str:
    """All text of this session that a filter searches, case-folded, one of its parts a line."""
    return "\n".join(_texts(session)).casefold()


def _texts(session: Session) -> list[str]:
    """All of a session's searchable text."""
    plain = [str(getattr(session, key)) for key in _FIELDS]
    flags = {text for episode in session.episodes for text in (*episode.flags, episode.why)}
    notes = [text for note in session.notes for text in (note.text, note.author)]
    words = [subject(session), counts(session), session.trained_in, session.end_reason]
    modes = {trial.failure_mode for trial in session.trials}
    tags = [f"#{tag}" for tag in session.tags]
    origin = f"imported from {session.started.imported}" if session.started.imported else ""
    return [*plain, *words, origin, *_training_texts(session), *tags, *session.alarms, *notes, *flags, *modes]


def _training_texts(session: Session) -> list[str]:
    """A training's searchable text."""
    training = session.training
    if training is None:
        return [policy_of(session)]
    facts = training.started
    without = [f"without {camera}" for camera in facts.excluded_cameras]
    return [facts.policy, facts.output_dir, *facts.cameras, *without]
