"""The filter of the Log: what was typed, as terms; which sessions they fit; and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches

from services.log.table.light import Light, light
from services.log.table.searchable import FIELDS
from services.text import clean
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus

_TERM = re.compile(r'(?P<open>\w+):(?=\s|$)|(?:(?P<key>\w+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))')
_DATES = ("after", "before", "on")
_DAYS = {"today": 0, "yesterday": 1}
FIRST_YEAR, LAST_YEAR = 1971, 2999
"""Years that every clock of a computer has."""
KEYS = frozenset({*FIELDS, *_DATES, "policy", "tag", "verdict"})
VERDICTS = ("success", "failure", "void", "accepted", "rejected", "flagged")
"""What trials and episodes were found to be; a Light counts each."""
_WORDS = {
    "kind": [kind.value for kind in SessionKind],
    "status": [status.value for status in SessionStatus],
    "verdict": list(VERDICTS),
}
"""The values of the keys that have few."""


@dataclass(frozen=True)
class Term:
    """One term: `part` (case-folded) in the field `key`, or anywhere with an empty key.

    With `begin` and `end` (Unix time), a term on the start of a session: not before the one, before the other.
    """

    key: str
    part: str
    begin: float = 0.0
    end: float = float("inf")

    def fits(self, session: Light) -> bool:
        """Whether the session matches."""
        match self.key:
            case "":
                return self.part in session.text
            case "tag":
                return any(self.part in tag.casefold() for tag in session.tags) or not self.part
            case "policy":
                return self.part in session.policy.casefold() or self.part in _evaluated(session)
            case "verdict":
                return any(getattr(session, word) for word in VERDICTS if self.part in word) or not self.part
            case "kind":
                return _is_kind(self.part, session.kind)
            case key if key in _DATES:
                return bool(session.started_utc) and self.begin <= session.at < self.end
            case key:
                return self.part in str(getattr(session, key)).casefold()


@dataclass(frozen=True)
class Query:
    """The terms that all have to fit, and what is wrong with what was typed: one sentence, or empty."""

    terms: tuple[Term, ...] = ()
    problem: str = ""

    def of(self, listed: Iterable[Light]) -> list[Light]:
        """The sessions that fit, in their order."""
        terms = sorted(self.terms, key=lambda term: not term.key)  # text is what takes time
        return [session for session in listed if all(term.fits(session) for term in terms)]

    def sessions(self, listed: Iterable[Session]) -> list[Session]:
        """The same of whole documents."""
        return [session for session in listed if self.of([light(session)])]

    @property
    def kind(self) -> SessionKind | None:
        """The kind of session that is asked for; None without one, or where several fit."""
        asked = [term for term in self.terms if term.key == "kind" and term.part]
        fitting = [kind for kind in SessionKind if asked and all(_is_kind(term.part, kind) for term in asked)]
        return fitting[0] if len(fitting) == 1 else None


def parse(query: str, today: date | None = None) -> Query:
    """What was typed into the filter; a term that is wrong is said and left out, or is text.

    A term is `key:part` (kind, status, dataset, operator, bench, task, host, checkpoint, policy, verdict, tag, id),
    `#tag`, a date (`after:2026-11-01`, `before:`, `on:`, `today`, `yesterday`), or text that may occur anywhere in the
    session. `verdict:failure` are sessions with such a trial, `verdict:rejected` those with such an episode. Dates are
    local; `after` includes its day. Case is ignored, quotes enclose a term with spaces, and a term with an
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
    return parse(query).sessions(listed)


def _is_kind(part: str, kind: SessionKind) -> bool:
    return part in kind or part.startswith(kind)  # also `evaluation`


def _evaluated(session: Light) -> str:
    """What an evaluation tried, as its row says."""
    return session.head.what.casefold() if session.kind is SessionKind.EVAL else ""


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
