"""Copies of a session come together the same way, whichever is joined to whichever."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.archive.versions import Damaged, Version, joined, read, with_names
from services.live import events as ev
from services.live.event_log import parse
from services.live.snapshots import replay
from services.log.documents import document
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus
from tests.support.facts import BEGAN, training
from tests.support.runs import ended, saved, session_id, started

ID = session_id(1)
RECORDED = (started(ID), saved(0), saved(1), ev.NoteAdded(text="while it ran", author="tg"), ended())
TRAINED = (started(ID, kind=SessionKind.TRAIN), training().started, ended(SessionStatus.ABORTED))
GOES_ON = (
    ev.TrainingResumed(step=0, steps=5, checkpoint="/c", reached=0, wanted=5,
                       ended=ev.SessionEnded(status=SessionStatus.ABORTED)),
    training().started, ev.TrainingProgressed(step=5), ended(),
)  # fmt: skip


def version(*events: ev.Event) -> Version:
    """The events numbered, those without a time a second after the one before."""
    at, lines = BEGAN, []
    for number, event in enumerate(events, 1):
        at = event.at or at + 1
        lines.append(ev.encode(msgspec.structs.replace(event, seq=number, at=at)))
    return read(b"".join(lines))


def told(version: Version) -> Session:
    return document(replay(parse(version.data)))


def facts(version: Version) -> tuple[object, ...]:
    """What a copy comes to, whatever its order: the document without its events' numbers, notes and tags as sets."""
    session = told(version)
    plain = msgspec.structs.replace(session, notes=(), tags=(), last_seq=0)
    text = re.sub(rb'"seq":\d+', b"", msgspec.json.encode(plain))
    return text, sorted(map(msgspec.json.encode, session.notes)), sorted(session.tags)


remark = st.one_of(
    st.builds(ev.NoteAdded, text=st.sampled_from("ab"), author=st.sampled_from(["tg", ""])),
    st.builds(ev.NoteEdited, note=st.integers(1, 3), text=st.sampled_from("xy")),
    st.builds(ev.TagAdded, tag=st.sampled_from(["night", "lamp"])),
    st.builds(ev.TagRemoved, tag=st.sampled_from(["night", "lamp"])),
)
mark = st.builds(ev.EpisodeMarked, index=st.integers(0, 1), accepted=st.booleans(), why=st.sampled_from("pq"))


@st.composite
def copies(draw: st.DrawFn) -> list[Version]:
    """Three copies of one session, to which people added things apart, each at a time of its own."""
    trains = draw(st.booleans())
    times = iter(draw(st.permutations([BEGAN + 100 + n for n in range(12)])))
    made = []
    for _ in range(3):
        added = draw(st.lists(remark if trains else st.one_of(remark, mark), max_size=4))
        own = sorted(next(times) for _ in added)
        later = [msgspec.structs.replace(event, at=at) for event, at in zip(added, own, strict=True)]
        more = [msgspec.structs.replace(e, at=BEGAN + 200 + n) for n, e in enumerate(GOES_ON)] if trains else []
        made.append(version(*(TRAINED if trains else RECORDED), *later, *(more if draw(st.booleans()) else ())))
    return made


@settings(max_examples=150, deadline=None)
@given(copies())
def test_joining_is_commutative_associative_and_idempotent(three: list[Version]) -> None:
    a, b, c = three
    assert facts(joined(a, b)) == facts(joined(b, a))
    assert facts(joined(joined(a, b), c)) == facts(joined(a, joined(b, c)))
    assert joined(a, a).data == a.data
    both = joined(a, b)
    assert joined(both, b).data == both.data == joined(both, a).data, "once more adds nothing"
    assert both.core == max(a, b, key=lambda v: v.rank).core and both.added == a.added | b.added
    numbers = [event.seq for event in parse(both.data)]
    assert numbers == sorted(set(numbers)) and len(numbers) == len(both.lines)


def after(base: Sequence[ev.Event], *more: ev.Event, at: float = 50.0) -> Version:
    return version(*base, *(msgspec.structs.replace(e, at=BEGAN + at + n) for n, e in enumerate(more)))


def test_notes_of_both_are_kept_and_an_edit_stays_with_its_note() -> None:
    ours = after(RECORDED, ev.NoteAdded(text="ours"), at=60)
    theirs = after(RECORDED, ev.NoteAdded(text="theirs"), ev.NoteEdited(note=2, text="theirs, edited"), at=50)
    for one in (joined(ours, theirs), joined(theirs, ours)):
        assert [note.text for note in told(one).notes] == ["while it ran", "theirs, edited", "ours"]
    later = after(RECORDED, ev.NoteAdded(text="ours"), ev.NoteEdited(note=2, text="ours, edited"), at=60)
    assert [n.text for n in told(joined(joined(ours, theirs), later)).notes][2] == "ours, edited"


def test_what_only_grew_there_is_appended_to_ours() -> None:
    ours = after(RECORDED)
    theirs = after(RECORDED, ev.TagAdded(tag="night"), ev.NoteAdded(text="later"))
    assert joined(ours, theirs).data == theirs.data
    assert joined(theirs, ours).data == theirs.data


def test_a_training_that_went_on_elsewhere_counts_as_it_is_there() -> None:
    ours = after(TRAINED, ev.NoteAdded(text="stopped early"))
    theirs = after(TRAINED, *GOES_ON, at=70)
    for one in (joined(ours, theirs), joined(theirs, ours)):
        session = told(one)
        assert session.status is SessionStatus.FINISHED and session.training is not None and session.training.step == 5
        assert [note.text for note in session.notes] == ["stopped early"]


def test_a_session_that_is_called_otherwise_is_the_same_one() -> None:
    theirs = after(RECORDED, ev.NoteAdded(text=ID))
    here = with_names(theirs, {ID: session_id(7)})
    assert (
        here.identity == theirs.identity
        and told(here).id == session_id(7)
        and told(here).notes[1].text == session_id(7)
    )
    assert joined(here, theirs).data == here.data
    other = version(started(ID, host="another"), ended())
    assert other.identity != theirs.identity


def test_what_this_version_does_not_know_is_kept_as_it_is() -> None:
    line = b'{"type":"FromTheFuture","seq":9,"at":1.5,"x":{"y":[1,2.50]}}\n'
    data = after(RECORDED).data + line
    assert joined(read(data), read(data)).data == data
    assert joined(after(RECORDED), read(data)).data == data


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no event in it can be read"),
        (b"\x00\xff\n[1]\n", "no event in it can be read"),
        (ev.encode(ev.TagAdded(tag="x")), "its first event is not that a session started"),
        (b'{"type":"TagAdded","tag":' + b"[" * 100_000 + b"\n", "no event in it can be read|nested too deeply"),
    ],
)
def test_what_is_no_session_is_said_to_be_damaged(data: bytes, why: str) -> None:
    with pytest.raises(Damaged, match=why):
        read(data)
    assert read(after(RECORDED).data + b'{"torn').damaged == 0
    assert read(b"nonsense\n" + after(RECORDED).data).damaged == 1
