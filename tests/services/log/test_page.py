"""A session's page as data: everything that the log knows, in harmless text that nothing cuts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bench import calibration
from services.live import events as ev
from services.live.snapshots import replay
from services.log.documents import document
from services.log.page import page
from services.log.sections import Interval, Page, Row, Symbol, Value, as_json
from services.tone import Tone
from sessions.calibration import CalibrationFault, JointCalibration, JointDifference
from sessions.document import Session
from sessions.models import AlarmCount, Episode, Note, NoteKind, SessionKind, SessionStatus, Trial, Verdict
from sessions.slots import Slot
from sessions.statistics import wilson
from sessions.times import unix
from tests.support import facts

NASTY = "\x1b]0;owned\x07act\x1b[31m\n[b]v2[/b]\u202e"


def a_session(kind: SessionKind, session: str = "20260217-142001-0001", **more: Any) -> Session:
    bench = {} if kind is SessionKind.TRAIN else {"bench": "so101"}
    return facts.session(session, kind=kind, **({"at": facts.BEGAN + 1, "ended": facts.BEGAN + 32} | bench | more))


def rows(made: Page, name: str) -> list[Row]:
    return [row for section in made.sections for row in section.rows if row.name == name]


def texts(made: Page) -> list[str]:
    values = [v.text for section in made.sections for row in section.rows for v in row.values]
    return [made.session, made.state.text, *(row.name for s in made.sections for row in s.rows), *values]


def section(made: Page, name: str) -> list[Row]:
    return list(next(s.rows for s in made.sections if s.name == name))


@pytest.mark.parametrize("kind", list(SessionKind))
def test_every_kind_has_a_page_even_with_nothing_in_it(kind: SessionKind) -> None:
    bench = {} if kind is SessionKind.TRAIN else {"bench": ""}
    made = page(a_session(kind, "x", host="", status=SessionStatus.RUNNING, **bench), UTC)
    assert made.state == Value("running", Tone.ACCENT, Symbol.LIVE, strong=True)
    assert rows(made, "kind")[0].text == kind.value
    assert rows(made, "operator")[0].text == "not recorded"
    assert all(row.values for section in made.sections for row in section.rows)
    assert not any("None" in text for text in texts(made))


@pytest.mark.parametrize("kind", [SessionKind.RECORD, SessionKind.EVAL])
def test_a_page_lists_what_the_session_repaired_in_its_dataset(kind: SessionKind) -> None:
    where, moved = "quarantine/20260217-142001", tuple(f"data/chunk-000/file-{n:03d}.parquet" for n in range(25))
    two = (
        ev.DatasetRecovered(episodes=3, frames=90, summary="recovered 3 episodes", quarantined=moved[:2], where=where),
        ev.DatasetRecovered(
            episodes=3, frames=90, summary="again", quarantined=moved, rewritten=("meta/stats.json",), where=where
        ),
    )
    session = replay_of(ev.SessionStarted(id="s", pid=1, host="h", request=a_session(kind).request), *two)
    assert [repair.summary for repair in session.repairs] == ["recovered 3 episodes", "again"]
    told = [row.text for row in rows(page(session, UTC), "repaired")]
    assert told == [
        "recovered 3 episodes",
        f"moved: {moved[0]}, {moved[1]}, to {where}",
        "again",
        f"moved: {', '.join(moved[:20])} and 5 more, to {where}",
        f"rewritten: meta/stats.json, as before in {where}",
    ]
    assert rows(page(session, UTC), "repaired")[0].values[0].tone is Tone.WARNING


def replay_of(*events: ev.Event) -> Session:
    """The log's document of these events."""
    return document(replay(msgspec.structs.replace(event, seq=n) for n, event in enumerate(events, 1)))


def test_a_recordings_page_marks_episodes_and_says_why_some_are_flagged() -> None:
    episodes = (
        Episode(index=7, take=1, frames=200, seconds=6.7),
        Episode(index=8, take=2, frames=200, seconds=6.7, flags=("wrist black", "late")),
        Episode(index=9, take=3, frames=200, seconds=6.7, accepted=False, flags=("late",)),
    )
    made = page(a_session(SessionKind.RECORD, target=5, episodes=episodes, dataset="cubes"), UTC)
    assert rows(made, "episodes")[0].text == "2 of 5 accepted, 1 rejected"
    assert [row.text for row in rows(made, "flagged")] == ["take 02: wrist black, late", "take 03: late"]
    table = section(made, "episodes")
    assert [(row.name, row.values[0].mark, row.values[0].tone) for row in table] == [
        ("take 01", Symbol.YES, Tone.SUCCESS),
        ("take 02", Symbol.WARNING, Tone.WARNING),
        ("take 03", Symbol.NO, Tone.DANGER),
    ]


def test_how_often_an_arm_was_asked_again_stands_at_its_episode_and_a_trials_flags_on_its_page() -> None:
    flags = ("follower retried 14",)
    noisy = Episode(
        index=0, take=1, frames=200, seconds=6.7, flags=flags, retried={"follower": 14, "leader": 1}, moments=(20, 101)
    )
    made = page(a_session(SessionKind.RECORD, target=5, episodes=(noisy,), dataset="cubes"), UTC)
    assert (
        section(made, "episodes")[0].text == "6.7 s, retried: follower 14, leader 1, marked at 0.7 s, 3.4 s, episode 0"
    )
    assert [row.text for row in rows(made, "flagged")] == ["take 01: follower retried 14"]
    trials = (Trial(index=1, verdict=Verdict.VOID), Trial(index=2, verdict=Verdict.SUCCESS, episode_index=0))
    tried = Episode(index=0, take=2, frames=200, seconds=6.7, flags=flags)
    made = page(a_session(SessionKind.EVAL, episodes=(tried,), trials=trials), UTC)
    assert [row.text for row in rows(made, "flagged")] == ["trial 1: follower retried 14"]


def test_an_evaluations_page_has_the_interval_as_numbers_and_every_trial() -> None:
    trials = (
        Trial(index=1, verdict=Verdict.SUCCESS, ended_by="verdict", judge="tg", episode_index=0, seconds=6.2),
        Trial(index=2, verdict=Verdict.VOID, ended_by="stopped", judge="tg", episode_index=1),
        Trial(index=3, verdict=Verdict.FAILURE, ended_by="time", judge="an", failure_mode="grasps air"),
        Trial(index=4, ended_by="failed", why="no action for 2 s"),
    )
    made = page(a_session(SessionKind.EVAL, trials=trials, target=4, checkpoint="/o/act/checkpoints/010"), UTC)
    success = rows(made, "success")[0]
    low, high = wilson(1, 2)
    assert success.interval == Interval(low, 0.5, high) and "50 %" in success.text
    judged = rows(made, "judged")[0].text
    assert judged == "2 of 4, 1 success, 1 failure, 1 void, 1 without a verdict, by tg, an"
    told = [(row.name, row.values[0].mark, row.text) for row in section(made, "trials")]
    assert told == [
        ("1", Symbol.YES, "6.2 s, judged, episode 0"),
        ("2", Symbol.VOID, "0.0 s, Esc, episode 1"),
        ("2", Symbol.NO, "0.0 s, ran out, not saved, grasps air"),  # the void one is repeated under its number
        ("3", Symbol.OPEN, "0.0 s, failed, not saved, no action for 2 s"),
    ]


def test_a_trial_says_its_policy_and_condition_where_they_differ() -> None:
    first = Trial(index=1, verdict=Verdict.SUCCESS, checkpoint="/o/act/checkpoints/010", condition="bowl left")
    other = Trial(index=2, verdict=Verdict.SUCCESS, checkpoint="/o/act/checkpoints/020", condition="bowl right")
    alike = page(a_session(SessionKind.EVAL, trials=(first, msgspec.structs.replace(first, index=2))), UTC)
    assert rows(alike, "condition")[0].text == "bowl left"
    assert not [row for row in section(alike, "trials") if "bowl" in row.text or "act" in row.text]
    differ = page(a_session(SessionKind.EVAL, trials=(first, other)), UTC)
    assert rows(differ, "condition")[0].text == "bowl left, bowl right"
    assert "act @ 010, bowl left" in section(differ, "trials")[0].text


def test_lost_takes_say_why_and_where_what_is_left_lies() -> None:
    lost = (ev.TakeLost(take=2, reason="the disk is full", where="/data/quarantine/2"), ev.TakeLost(take=3, reason="x"))
    told = rows(page(a_session(SessionKind.RECORD, lost=lost), UTC), "lost")
    assert [row.text for row in told] == [
        "take 2: the disk is full, what there is of it: /data/quarantine/2",
        "take 3: x",
    ]
    trials = (Trial(index=1, verdict=Verdict.VOID), Trial(index=2, verdict=Verdict.SUCCESS))
    told = rows(page(a_session(SessionKind.EVAL, lost=lost[:1], trials=trials), UTC), "lost")
    assert told[0].values[0] == Value("motion of trial 1: the disk is full", Tone.WARNING, Symbol.WARNING)


def test_an_evaluations_page_tells_what_was_loaded_and_under_which_condition_it_was_to_run() -> None:
    loaded = ev.PolicyLoaded(
        checkpoint="/c", policy="act", device="cuda", parameters=51_600_000, cameras=("wrist",),
        notes=("the bench has a camera that it does not look at: overhead",),
        slots=(Slot(name="top", camera="wrist", gives=(640, 480), mapped=True), Slot(name="side", left_out=True)),
    )  # fmt: skip
    made = page(a_session(SessionKind.EVAL, policy=loaded, condition="lamp off"), UTC)
    assert [row.text for row in rows(made, "policy")] == [
        "act, 51.6 M parameters, on cuda, looks at wrist",
        "the bench has a camera that it does not look at: overhead",
    ]
    assert [row.text for row in rows(made, "camera")] == [
        "top  <- wrist 640x480   as they are", "side <- none: left out"
    ]  # fmt: skip
    assert rows(made, "condition")[0].text == "lamp off"


def test_a_bench_sessions_page_tells_its_purpose() -> None:
    assert rows(page(a_session(SessionKind.BENCH), UTC), "purpose")[0].text == "teleoperate"


def test_a_long_note_is_whole_and_signed() -> None:
    text = "slower " * 1000
    note = Note(text=text, author="", at_utc="2026-02-17T14:31:00Z")
    said = rows(page(a_session(SessionKind.BENCH, notes=(note,)), UTC), "notes")[0]
    assert said.values == (Value(text.strip()), Value("unsigned, 2026-02-17 14:31", Tone.QUIET))


def test_a_possible_cause_and_a_lesson_are_called_so() -> None:
    notes = [Note(text=f"{kind} text", author="anna", at_utc="", kind=NoteKind(kind)) for kind in (*NoteKind, "[b]x")]
    told = section(page(a_session(SessionKind.BENCH, notes=tuple(notes)), UTC), "remarks")
    assert [row.name for row in told][:4] == ["notes", "possible cause", "lesson", "[b]x"]


def test_a_checkpoint_says_when_it_was_saved_on_the_operators_clock() -> None:
    times = (unix("2026-02-17T16:20:00Z"), 1e20, -1.0)
    saved = [facts.checkpoint_saved(1, bytes=865_000_000, seconds=3.1, at=at) for at in times]
    made = page(a_session(SessionKind.TRAIN, training=facts.training(checkpoints=tuple(saved))), UTC)
    told = [row.text for row in section(made, "checkpoints")]
    assert told[0] == "865 MB, 2026-02-17 16:20, 3.1 s"
    assert "9999" in told[1] and "1970" in told[2]


def test_the_json_of_a_page_is_the_page() -> None:
    trial = Trial(index=1, verdict=Verdict.SUCCESS, ended_by="verdict", judge="tg")
    made = page(a_session(SessionKind.EVAL, trials=(trial,)), UTC)
    assert msgspec.json.decode(as_json(made), type=Page) == made
    loaded = json.loads(as_json(made))
    documented = (as_json.__doc__ or "").replace("\n", " ")
    first = loaded["sections"][0]
    for keys in (loaded, first, first["rows"][0], first["rows"][0]["values"][0], loaded["state"]):
        assert all(key in documented for key in keys)
    assert all(f"{word.value}" in documented for kind in (Tone, Symbol) for word in kind)


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.sampled_from(list(SessionKind)))
def test_no_text_from_outside_acts(text: str, kind: SessionKind) -> None:
    evil = NASTY + text
    asked: dict[str, Any] = {} if kind is SessionKind.BENCH else {"dataset": evil, "data_dir": evil}
    if kind in (SessionKind.RECORD, SessionKind.EVAL):
        asked |= {"task": evil}
    if kind is SessionKind.EVAL:
        asked |= {"checkpoint": f"/c/{evil}", "trained_in": evil}
    asked |= {"settings": (evil,), "name": evil, "policy": evil} if kind is SessionKind.TRAIN else {"bench": evil}
    session = a_session(
        kind, end_reason=evil, operator=evil, host=evil, **asked,
        episodes=(Episode(index=1, take=1, frames=1, seconds=1.0, flags=(evil,)),),
        trials=(Trial(index=1, verdict=Verdict.FAILURE, ended_by=evil, failure_mode=evil, judge=evil, condition=evil,
        checkpoint=evil), Trial(index=2, ended_by=evil, why=evil)), alarms=(evil,),
        notes=(Note(text=evil, author=evil, at_utc=evil),), tags=(evil,), versions={evil: evil}, git_commit=evil,
        training=facts.training(policy=evil, output_dir=evil, cameras=(evil,), device=evil, excluded_cameras=(evil,),
        checkpoints=(facts.checkpoint_saved(1, path=evil),)), lost=(ev.TakeLost(take=1, reason=evil, where=evil),),
        **({} if kind is SessionKind.TRAIN else {"policy": ev.PolicyLoaded(
            checkpoint=evil, policy=evil, device=evil, parameters=1, cameras=(evil,), notes=(evil,))}),
    )  # fmt: skip
    for shown in texts(page(session, UTC)):
        assert shown.isprintable() or not [c for c in shown if ord(c) < 32 or c in "\x7f\u202e"]
        assert "owned" not in shown


def test_equal_alarms_are_one_row_with_their_count_and_first_time() -> None:
    counts = (
        AlarmCount(text="leader: no answer", first=facts.BEGAN + 5, times=3),
        AlarmCount(text="wrist: black", first=facts.BEGAN + 9, times=1),
    )
    alarms = ("leader: no answer", "wrist: black", "leader: no answer", "leader: no answer")
    made = page(a_session(SessionKind.RECORD, alarms=alarms, alarm_counts=counts), UTC)
    first, second = (datetime.fromtimestamp(facts.BEGAN + at, UTC).strftime("%H:%M:%S") for at in (5, 9))
    assert [[value.text for value in row.values] for row in rows(made, "alarms")] == [
        ["leader: no answer", f"3 times, first at {first}"], ["wrist: black", f"at {second}"],
    ]  # fmt: skip


def test_equal_alarms_of_an_older_session_are_one_row_without_a_time() -> None:
    made = page(a_session(SessionKind.RECORD, alarms=("a", "b", "a")), UTC)
    assert [[value.text for value in row.values] for row in rows(made, "alarms")] == [["a", "2 times"], ["b"]]


def test_why_a_calibration_kept_a_session_from_starting_is_said_once() -> None:
    """The headline has the reason; the row has the joints."""
    file, motor = JointCalibration(10, 0, 4095), JointCalibration(50, 0, 4095)
    refused = ev.CalibrationRefused(
        arm="follower", fault=CalibrationFault.DIFFERS, file="/cal/follower.json",
        differences=(JointDifference(joint="wrist_flex", file=file, motor=motor),),
    )  # fmt: skip
    why = calibration.problem(refused)
    over = a_session(SessionKind.BENCH, status=SessionStatus.ABORTED, end_reason=why, calibrations=(refused,))
    said = "\n".join(texts(page(over)))
    assert said.count("another calibration") == 1 and "wrist_flex: " in said
    running = a_session(SessionKind.BENCH, status=SessionStatus.RUNNING, calibrations=(refused,))
    assert "another calibration" in "\n".join(texts(page(running)))
