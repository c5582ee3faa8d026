"""What the phase panel says of keys, against what the keys do."""

from __future__ import annotations

import dataclasses

import pytest

from screens.views.alarms import after, large, line, shown, standing
from screens.views.measured import plain
from screens.views.phase import phase_view
from screens.views.record_panels import dataset_text, tally
from screens.views.take_strip import take_strip
from services.live import events as ev
from services.live import intents
from services.live.phases import Phase
from services.live.reasons import Advice, AlarmSource, Step
from services.live.snapshots import Snapshot, advance, replay
from services.tone import Tone
from sessions.models import EndedBy, SessionKind, SessionStatus, Verdict
from tests.support.phase_walk import Case, cases
from tests.support.runs import BEGAN, numbered, session_id, started

ARMS = [case for case in cases() if case.kind is SessionKind.RECORD]


@pytest.mark.parametrize("case", ARMS, ids=str)
def test_the_panel_names_no_key_that_does_nothing(case: Case) -> None:
    snapshot = dataclasses.replace(case.snapshot, step=Step.ENDING if case.ending else Step.NONE)
    says = phase_view(snapshot, None, driving=True, now=0.0).sentence
    if "follows again, slowly" in says:
        assert intents.pause(snapshot)
    if "aligns with the leader" in says:
        assert intents.take(snapshot)
    if "accepts take" in says:
        assert intents.mark(snapshot)


def test_after_a_stop_the_panel_names_the_key_that_takes_the_rejection_back() -> None:
    held = Case(SessionKind.RECORD, Phase.HELD, "saved").snapshot

    def says(*, accepted: bool) -> str:
        marked = advance(held, ev.EpisodeMarked(seq=held.last_seq + 1, index=0, accepted=accepted))
        return phase_view(marked, None, driving=True, now=0.0).sentence

    assert says(accepted=False).endswith(
        "take 1 is saved as rejected · p follows again, slowly · g goes to rest · r accepts take 1"
    )
    assert says(accepted=True).endswith("g goes to rest") and "rejected" not in says(accepted=True)


def test_a_take_is_called_saved_once_it_is() -> None:
    held = Case(SessionKind.RECORD, Phase.HELD, "saving").snapshot
    unsaved = advance(held, ev.TakeMarked(seq=held.last_seq + 1, take=held.take, accepted=False))
    for driving in (True, False):
        says = phase_view(unsaved, None, driving=driving, now=0.0).sentence
        assert f"take {held.take} is being saved as rejected" in says


# -- states as they are said -------------------------------------------------------------------------


def record(*events: ev.Event, **asked: object) -> Snapshot:
    return replay(numbered(started(session_id(1), kind=SessionKind.RECORD, at=BEGAN, **asked), *events))


def test_a_rejected_take_says_rejected_at_once_large_and_counted() -> None:
    running = record(ev.PhaseChanged(phase="recording"), ev.TakeStarted(take=1), episodes=5)
    rejected = advance(running, ev.TakeMarked(seq=running.last_seq + 1, take=1, accepted=False))
    view = phase_view(rejected, None, driving=True, now=BEGAN)
    assert view.word == "REJECTED" and view.sentence.endswith("r accepts it again")
    assert "✗   1 rejected" in "\n".join(row.plain for row in tally(rejected, None))
    saving = replay([ev.TakeEnded(seq=90, take=1, frames=9, reason="key")], rejected)
    assert "✗   1 rejected" in "\n".join(row.plain for row in tally(saving, None))
    saved = ev.EpisodeSaved(seq=91, take=1, index=0, frames=9, seconds=1, accepted=False, save_ms=1)
    assert "✗   1 rejected" in "\n".join(row.plain for row in tally(advance(saving, saved), None)), "not twice"


def test_a_start_says_that_it_is_late_and_how_late() -> None:
    starting = record(ev.PhaseChanged(phase="starting", detail="loading LeRobot", at=BEGAN))
    early = phase_view(starting, None, driving=True, now=BEGAN + 4)
    assert early.tone is Tone.ACCENT and "usually 6-10" in early.right_label and "late" not in early.sentence
    late = phase_view(starting, None, driving=True, now=BEGAN + 31)
    assert late.tone is Tone.WARNING and late.right_label == "s, 21 s late"
    assert "21 s late: it usually takes 6 to 10 s" in late.sentence


def test_a_stop_while_it_starts_is_answered_in_the_panel() -> None:
    starting = record(ev.PhaseChanged(phase="starting", detail="loading LeRobot", at=BEGAN))
    view = phase_view(starting, None, driving=True, now=BEGAN + 4, stopped=True)
    assert view.sentence.startswith("stopped: nothing moves and nothing is recorded until you press a key for it")


@pytest.mark.parametrize(("takes", "word", "tone"), [(1, "STOPPED", Tone.PLAIN), (2, "FINISHED", Tone.SUCCESS)])
def test_an_orderly_end_before_the_target_is_stopped_and_not_green(takes: int, word: str, tone: Tone) -> None:
    saved = [
        ev.EpisodeSaved(take=take, index=take - 1, frames=9, seconds=1, accepted=True, save_ms=1)
        for take in range(1, takes + 1)
    ]
    ended = record(*saved, ev.SessionEnded(status=SessionStatus.FINISHED, at=BEGAN + 60), episodes=2)
    view = phase_view(ended, None, driving=False, now=BEGAN)
    assert (view.word, view.tone) == (word, tone)


def test_a_held_evaluation_beyond_its_target_counts_no_sixth_of_five_trials() -> None:
    trials = []
    for trial in range(1, 6):
        trials += [
            ev.TrialStarted(trial=trial),
            ev.TrialEnded(trial=trial, frames=9, reason=EndedBy.TIME),
            ev.TrialJudged(trial=trial, verdict=Verdict.SUCCESS),
        ]
    begun = started(session_id(1), kind=SessionKind.EVAL, trials=5)
    held = replay(numbered(begun, *trials, ev.PhaseChanged(phase="held")))
    view = phase_view(held, None, driving=True, now=BEGAN)
    assert (view.left, view.left_label) == ("5/5", "judged 5 of 5") and "trial 6" not in view.sentence
    more = replay([ev.TrialStarted(seq=90, trial=6), ev.PhaseChanged(seq=91, phase="running")], held)
    view = phase_view(more, None, driving=True, now=BEGAN)
    assert (view.left, view.left_label) == ("6", "trial 6, 5 wanted")


def test_a_take_says_what_pause_does_and_which_moments_were_marked() -> None:
    running = record(ev.PhaseChanged(phase="recording"), ev.TakeStarted(take=1))
    says = phase_view(running, None, driving=True, now=BEGAN).sentence
    assert "p or Esc holds the arm and rejects it" in says and "M marks this moment" in says
    marked = replay([ev.MomentMarked(seq=90, take=1, frame=30), ev.MomentMarked(seq=91, take=1, frame=60)], running)
    assert "2 moments marked" in phase_view(marked, None, driving=True, now=BEGAN).sentence
    assert take_strip(marked, 60).plain.startswith("01●²")
    saved = ev.EpisodeSaved(seq=93, take=1, index=0, frames=90, seconds=3, accepted=True, save_ms=1)
    assert advance(marked, saved).episodes[0].moments == (30, 60)
    next_one = advance(marked, ev.TakeStarted(seq=92, take=2))
    assert advance(next_one, saved).episodes[0].moments == (30, 60), "saved while the next take runs"
    assert "marked" not in phase_view(next_one, None, driving=True, now=BEGAN).sentence
    after_it = advance(advance(marked, saved), ev.PhaseChanged(seq=94, phase="reset"))
    assert take_strip(after_it, 60).plain.startswith("01✓²")


def test_the_dataset_is_not_said_before_it_is_known() -> None:
    assert dataset_text(record()) == ""
    saved = ev.EpisodeSaved(take=1, index=0, frames=9, seconds=1, accepted=False, save_ms=1)
    assert dataset_text(record(ev.DatasetOpened(episodes=5, accepted=5, resumed=True), saved)) == (
        "dataset: 5 accepted of 6"
    )


# -- alarms ------------------------------------------------------------------------------------------


def alarms(*cameras: str) -> Snapshot:
    return record(*(ev.CameraAlarmed(camera=c, state="black", since=BEGAN + at) for at, c in enumerate(cameras)))


def test_an_alarm_is_large_with_its_count_in_the_longest_wording_that_fits() -> None:
    one = shown(standing(alarms("overhead")), None)
    assert large(one) == ("OVERHEAD BLACK", "BLACK")
    assert large(shown(standing(alarms("overhead", "wrist")), None)) == ("WRIST BLACK 1/2", "BLACK 1/2", "BLACK")
    assert large(None) == ()
    heat = record(ev.AlarmRaised(source=AlarmSource.HEAT, text="hot", at=BEGAN))
    assert large(shown(standing(heat), None)) == ("HOT SERVOS", "HOT")


def test_the_key_walks_through_all_alarms_and_a_new_one_is_shown_at_once() -> None:
    three = alarms("one", "two", "three")
    choice, seen = None, []
    for _ in range(4):
        seen.append(shown(standing(three), choice).alarm.source)  # type: ignore[union-attr]
        choice = after(standing(three), choice)
    assert seen == ["three", "two", "one", "three"]
    walked = after(standing(three), None)
    newer = advance(three, ev.CameraAlarmed(seq=99, camera="four", state="slow", since=BEGAN + 9))
    assert shown(standing(newer), walked).alarm.source == "four"  # type: ignore[union-attr]
    assert after(standing(record()), None) is None and shown((), walked) is None


def test_a_watcher_is_not_offered_a_key_that_is_refused() -> None:
    black = record(
        ev.PhaseChanged(phase="recording"),
        ev.TakeStarted(take=1),
        ev.CameraAlarmed(camera="wrist", state="black", since=BEGAN, take=1),
    )
    one = standing(black)[0]
    assert "r rejects the take" in plain(line(one, BEGAN)) and "r rejects" not in plain(line(one, BEGAN, driving=False))
    lost = record(ev.AlarmRaised(source=AlarmSource.TORQUE, text="limp", advice=Advice.SUPPORT_THEN_STOP, at=BEGAN))
    assert "Esc holds it" in plain(line(standing(lost)[0], BEGAN, driving=False)), "anyone's stop is obeyed"
