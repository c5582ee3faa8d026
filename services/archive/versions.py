"""The events of one session as several benches have them, and what they come to together. Pure.

What a worker wrote is the session's `core`; what people added (notes, tags, and after its end marks, verdicts and
unblinding) is a set, known by content. Of two copies the one with the longer core counts, with what people added to
either: so joining is commutative, associative and idempotent. Session ids are left out of every comparison: a bench
that has another session of the same id calls this one otherwise.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import orjson

from services.folders import SESSION_ID
from services.live import event_log
from services.log.importing.adding import IMPORTED

type Plain = dict[str, Any]

STARTED, ENDED, NOTED, EDITED, BROUGHT_IN = "SessionStarted", "SessionEnded", "NoteAdded", "NoteEdited", "BroughtIn"
REMARKS = frozenset({NOTED, EDITED, "TagAdded", "TagRemoved"})
LATER = frozenset({
    "EpisodeMarked", "TrialJudged", "VerdictUndone", "TrialAnnotated", "TrialAssisted", "StageReached",
    "SecondOpinionGiven", "Unblinded",
})  # fmt: skip
"""What people may add once the session is over; before, the worker does."""


class Damaged(Exception):
    """The events are no session's; the message says why."""


@dataclass(frozen=True)
class Line:
    """One event as it stands in its file, and what it is known by; `added` tells people's from the worker's.

    `note` is the key of the note that it edits.
    """

    raw: bytes
    event: Plain
    key: bytes
    added: bool
    note: bytes = b""

    @property
    def local(self) -> bool:
        """Whether it says how the session came into this log, which is no part of the session."""
        return bool(self.event.get("type") == BROUGHT_IN)


@dataclass(frozen=True)
class Version:
    """A copy of a session: its events in their order. `damaged` counts lines that cannot be read."""

    lines: tuple[Line, ...]
    damaged: int = 0

    @property
    def started(self) -> Plain:
        """Its first event."""
        return self.lines[0].event

    @property
    def identity(self) -> bytes:
        """What makes it the same session wherever it is: all that its first event says, but for its id."""
        return self.lines[0].key

    @cached_property
    def core(self) -> tuple[bytes, ...]:
        """What its worker wrote."""
        return tuple(line.key for line in self.lines if not line.added and not line.local)

    @cached_property
    def added(self) -> frozenset[bytes]:
        """What people added."""
        return frozenset(line.key for line in self.lines if line.added)

    @property
    def rank(self) -> tuple[int, bytes]:
        """The copy with the greater one counts."""
        return len(self.core), hashlib.sha256(b"\n".join(self.core)).digest()

    @property
    def data(self) -> bytes:
        """The file's content."""
        return b"".join(line.raw + b"\n" for line in self.lines)


def read(data: bytes) -> Version:
    """A copy from the content of its events.jsonl; a torn last line is left out. Raises Damaged."""
    whole = data[: data.rfind(b"\n") + 1].splitlines()
    try:
        events = [(raw, msgspec.json.decode(raw, type=dict[str, Any])) for raw in whole if _is_event(raw)]
        return _version(events, len(whole) - len(events))
    except RecursionError:
        raise Damaged("an event in it is nested too deeply") from None


def _version(events: Sequence[tuple[bytes, Plain]], damaged: int) -> Version:
    if not events:
        raise Damaged("no event in it can be read")
    if events[0][1].get("type") != STARTED:
        raise Damaged("its first event is not that a session started")
    return Version(tuple(_lines(events)), damaged)


def _is_event(raw: bytes) -> bool:
    return next(event_log.parse(raw), None) is not None


def _lines(events: Iterable[tuple[bytes, Plain]]) -> Iterator[Line]:
    over, notes, seen = False, list[bytes](), Counter[bytes]()
    for raw, event in events:
        kind = str(event.get("type"))
        over = over or kind == ENDED
        added = kind in REMARKS or (over and kind in LATER)
        number = event.get("note")
        edited = notes[number - 1] if kind == EDITED and isinstance(number, int) and 0 < number <= len(notes) else b""
        key = _key(event, edited)
        if added:
            seen[key] += 1
            key += b"" if seen[key] == 1 else b"#%d" % seen[key]  # the same note twice at one time
        if kind == NOTED:
            notes.append(key)
        yield Line(raw, event, key, added, edited)


def _key(event: Mapping[str, Any], edited: bytes) -> bytes:
    """What an event says, without its number and the ids of sessions; of what was imported neither from where nor when,
    which may have been done on both benches.
    """
    left_out = {"seq", "imported"} | ({"note"} if edited else set())
    left_out |= {"at"} if event.get("type") == NOTED and event.get("author") == IMPORTED else set()
    plain = {name: renamed(value, None) for name, value in event.items() if name not in left_out}
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS) + (b"@" + edited if edited else b"")


def renamed(value: Any, names: Mapping[str, str] | None) -> Any:
    """The value with the sessions that it names called otherwise; without `names` all are masked."""
    match value:
        case str():
            if not SESSION_ID.fullmatch(value):
                return value
            return "*" if names is None else names.get(value, value)
        case dict():
            return {name: renamed(each, names) for name, each in value.items()}
        case list():
            return [renamed(each, names) for each in value]
        case _:
            return value


# -- joining --------------------------------------------------------------------------------------------


def joined(ours: Version, theirs: Version) -> Version:
    """Both copies of one session as one. It begins with all that `ours` has, unchanged, wherever that is possible."""
    base, other = (theirs, ours) if theirs.rank > ours.rank else (ours, theirs)
    extra = [line for line in other.lines if line.added and line.key not in base.added]
    marks = [line for line in ours.lines if line.local]
    lines = [line for line in base.lines if not line.local] if base is theirs else list(base.lines)
    marks = marks if base is theirs else []
    if not extra and not marks:
        return Version(tuple(lines), base.damaged)
    first = next((at for at, line in enumerate(lines) if line.event.get("type") == ENDED), len(lines))
    here = [line for line in lines[first:] if line.added]
    together = sorted([*here, *extra], key=_order)
    if together[: len(here)] == here:
        return Version(tuple(_numbered([*lines, *together[len(here) :], *marks])), base.damaged)
    rest = [line for line in lines[first:] if not line.added]
    return Version(tuple(_numbered([*lines[:first], *rest, *marks, *together])), base.damaged)


def _order(line: Line) -> tuple[float, bytes]:
    """Where it stands among those that people added."""
    return float(line.event.get("at", 0.0)), line.key


def with_names(version: Version, names: Mapping[str, str]) -> Version:
    """The copy with sessions called otherwise."""
    if not names:
        return version
    return Version(tuple(_line(line, renamed(line.event, names)) for line in version.lines), version.damaged)


def with_event(version: Version, event: Plain) -> Version:
    """The copy with an event more, which is not the session's."""
    line = Line(b"", event, _key(event, b""), added=False)
    return Version(tuple(_numbered([*version.lines, line])), version.damaged)


def _numbered(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines with increasing numbers, and edits of the notes that they are of."""
    last, notes = 0, list[bytes]()
    for line in lines:
        event = line.event
        number = event.get("seq", 0)
        if not isinstance(number, int) or number <= last or not line.raw:
            number = last + 1
            event = event | {"seq": number}
        if line.note and line.note in notes:
            event = event | {"note": notes.index(line.note) + 1}
        if event.get("type") == NOTED:
            notes.append(line.key)
        last = number
        yield _line(line, event)


def _line(line: Line, event: Plain) -> Line:
    """The line with this event; its bytes stay if nothing is other."""
    if event == line.event and line.raw:
        return line
    return Line(orjson.dumps(event), event, line.key, line.added, line.note)
