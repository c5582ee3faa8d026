"""`advance`: pure, split anywhere, twice is once; and the document that the log keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.live import events as ev
from services.live.alarms import ALARMS_KEPT, Alarm
from services.live.phases import Phase
from services.live.reasons import STOP_KEYS, Advice, AlarmSource, Step
from services.live.snapshots import Snapshot, advance, replay
from services.log.documents import document
from sessions.models import AlarmCount, Episode, Note, NoteKind, SessionKind, SessionStatus, Verdict
from sessions.times import utc
from tests.support.runs import BEGAN, ended, numbered, saved, session_id, started

ID = session_id(1)
takes = st.integers(1, 6)
words = st.text(max_size=12)
any_event = st.one_of(
    st.builds(
        started, st.just(ID), target=st.integers(0, 5), kind=st.sampled_from((SessionKind.RECORD, SessionKind.EVAL))
    ),
    st.builds(started, st.just(ID), kind=st.sampled_from(SessionKind)),
    st.builds(ev.BenchConnected, robot=words, leader=words, cameras=st.lists(words, max_size=2).map(tuple)),
    st.builds(ev.PhaseChanged, phase=st.sampled_from([*Phase, "dancing"]), detail=words),
    st.builds(ev.DatasetOpened, episodes=takes, accepted=takes, resumed=st.booleans()),
    st.builds(ev.DatasetRecovered, episodes=takes, frames=takes, summary=words),
    st.builds(ev.TakeStarted, take=takes),
    st.builds(ev.TakeEnded, take=takes, frames=st.integers(0, 500), reason=st.just("key")),
    st.builds(saved, st.integers(0, 5), accepted=st.booleans(), flags=st.lists(words, max_size=2).map(tuple)),
    st.builds(ev.TakeLost, take=takes, reason=words),
    st.builds(ev.EpisodeMarked, index=st.integers(0, 5), accepted=st.booleans()),
    st.builds(ev.TakeMarked, take=takes, accepted=st.booleans()),
    st.builds(ev.MomentMarked, take=takes, frame=st.integers(0, 999)),
    st.builds(ev.Held, cause=words),
    st.builds(ev.AlarmRaised, source=st.sampled_from(["disk", "wrist"]), text=words),
    st.builds(ev.AlarmCleared, source=st.sampled_from(["disk", "wrist"])),
    st.builds(ev.CameraAlarmed, camera=st.just("wrist"), state=st.just("black"), since=st.just(BEGAN)),
    st.builds(ev.CameraRecovered, camera=st.just("wrist")),
    st.builds(ev.NoteAdded, text=words, author=words),
    st.builds(ev.TagAdded, tag=st.sampled_from(["night", "day"])),
    st.builds(ev.TagRemoved, tag=st.sampled_from(["night", "day"])),
    st.builds(ev.TrialStarted, trial=takes, checkpoint=words, condition=words),
    st.builds(ev.TrialEnded, trial=takes, frames=st.integers(0, 500), reason=st.just("time")),
    st.builds(ev.TrialJudged, trial=takes, verdict=st.sampled_from(Verdict)),
    st.builds(ev.VerdictUndone, trial=takes),
    st.builds(ev.TrialAnnotated, trial=takes, failure_mode=words),
    st.builds(
        ev.TrainingStarted,
        policy=words,
        output_dir=words,
        steps=takes,
        batch_size=takes,
        device=words,
        parameters=takes,
        episodes=st.just((0, 2)),
        episodes_total=takes,
        frames=takes,
    ),
    st.builds(ev.TrainingProgressed, step=takes, metrics=st.just({"loss": 0.5})),
    st.builds(ev.CheckpointSaved, step=takes, path=words, bytes=takes, seconds=st.just(0.5)),
    st.builds(ended, st.sampled_from(SessionStatus)),
    st.builds(ev.UnknownEvent),
)
histories = st.lists(any_event, max_size=25).map(lambda told: numbered(*told))


# --- laws ---------------------------------------------------------------------------------------


@given(histories, st.data())
def test_a_history_may_be_split_anywhere(history: list[ev.Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(history)))
    assert replay(history[cut:], replay(history[:cut])) == replay(history)


@given(histories, st.data())
def test_an_event_that_comes_again_changes_nothing(history: list[ev.Event], data: st.DataObject) -> None:
    state = replay(history)
    for event in data.draw(st.lists(st.sampled_from(history), max_size=5)) if history else []:
        assert advance(state, event) is state


@given(histories, st.data())
def test_overlapping_reads_count_once(history: list[ev.Event], data: st.DataObject) -> None:
    """Attaching reads the file and hears the socket: what comes both ways counts once."""
    file = data.draw(st.integers(0, len(history)))
    socket = data.draw(st.integers(0, file))
    assert replay([*history[:file], *history[socket:]]) == replay(history)


@given(histories)
def test_events_survive_their_own_lines(history: list[ev.Event]) -> None:
    again = [ev.decode(ev.encode(event)) for event in history if not isinstance(event, ev.UnknownEvent)]
    assert replay(again) == replay([e for e in history if not isinstance(e, ev.UnknownEvent)])


@given(histories)
def test_counts_fit_the_episodes_and_the_document_fits_the_state(history: list[ev.Event]) -> None:
    state = replay(history)
    assert state.accepted + state.rejected == len(state.episodes)
    assert state.last_seq == len(history)
    if state.started is None:
        with pytest.raises(ValueError, match="SessionStarted"):
            document(state)
    else:
        told = document(state)
        assert (told.id, told.status, told.last_seq) == (ID, state.status, state.last_seq)
        assert (told.episodes, told.notes, told.tags) == (state.episodes, state.notes, state.tags)


@given(st.floats(allow_nan=False))
def test_any_time_that_a_line_can_hold_becomes_a_date(at: float) -> None:
    assert utc(at).endswith("Z")


# --- what single events mean --------------------------------------------------------------------


def state_after(*events: ev.Event) -> Snapshot:
    return replay(numbered(*events))


def test_nothing_told_is_a_worker_that_starts() -> None:
    assert (Snapshot().phase, Snapshot().running) == (Phase.STARTING, True)


def test_a_saved_take_becomes_an_episode_and_is_waited_for_no_longer() -> None:
    state = state_after(
        started(ID),
        ev.TakeStarted(take=1),
        ev.TakeEnded(take=1, frames=200, reason="key"),
        saved(0, flags=("late",)),
    )
    assert state.episodes == (Episode(index=0, take=1, frames=200, seconds=6.7, flags=("late",)),)
    assert (state.unsaved_take, state.flagged) == (0, 1)


def test_a_lost_take_is_waited_for_no_longer_and_is_no_episode() -> None:
    state = state_after(ev.TakeEnded(take=3, frames=9, reason="failed"), ev.TakeLost(take=3, reason="disk full"))
    assert (state.unsaved_take, state.episodes, len(state.lost)) == (0, (), 1)


def test_the_save_of_an_earlier_take_leaves_the_later_one_waiting() -> None:
    state = state_after(ev.TakeEnded(take=2, frames=9, reason="key"), saved(0))
    assert state.unsaved_take == 2


def test_a_mark_finds_its_episode_and_no_other() -> None:
    state = state_after(saved(0), saved(1), ev.EpisodeMarked(index=1, accepted=False))
    assert [e.accepted for e in state.episodes] == [True, False]
    assert state_after(saved(0), ev.EpisodeMarked(index=7, accepted=False)).rejected == 0


def test_a_new_take_begins_accepted() -> None:
    marked = numbered(ev.TakeStarted(take=1), ev.TakeMarked(take=1, accepted=False))
    assert not replay(marked).take_accepted
    assert replay(numbered(ev.TakeStarted(take=2), first=3), replay(marked)).take_accepted


def test_a_mark_for_another_take_leaves_the_running_one() -> None:
    assert state_after(ev.TakeStarted(take=2), ev.TakeMarked(take=1, accepted=False)).take_accepted


def test_a_hold_names_its_cause_until_the_arm_moves_on() -> None:
    held = numbered(ev.Held(cause="stop key"), ev.PhaseChanged(phase="held"))
    assert replay(held).held == "stop key"
    assert replay(numbered(ev.PhaseChanged(phase="aligning"), first=3), replay(held)).held == ""


def test_a_phase_told_again_keeps_the_time_when_it_began() -> None:
    state = state_after(ev.PhaseChanged(phase="idle", detail="a"), ev.PhaseChanged(phase="idle", detail="b"))
    assert (state.phase_since, state.detail) == (BEGAN, "b")


def test_a_phase_of_a_newer_console_keeps_the_old_one_and_shows_its_words() -> None:
    state = state_after(ev.PhaseChanged(phase="idle"), ev.PhaseChanged(phase="dancing", detail="to the music"))
    assert (state.phase, state.detail) == (Phase.IDLE, "to the music")


def test_alarms_of_one_source_replace_each_other_and_stay_in_the_history() -> None:
    black = ev.CameraAlarmed(camera="wrist", state="black", since=BEGAN, take=3)
    state = state_after(black, ev.AlarmRaised(source="disk", text="full"), replace_text("disk", "still full"))
    assert [a.text for a in state.alarms] == ["wrist: black in take 3", "still full"]
    about = {"advice": Advice.REJECT, "take": 3, "camera": "wrist", "state": "black"}
    assert state.alarms[0] == Alarm(AlarmSource("wrist"), "wrist: black in take 3", BEGAN, **about)
    assert len(state.alarm_history) == 3
    assert advance(state, ev.CameraRecovered(seq=9, camera="wrist")).alarms == state.alarms[1:]


def test_alarms_of_one_text_are_counted_from_the_first_on() -> None:
    def raised(text: str, at: float) -> ev.AlarmRaised:
        return ev.AlarmRaised(source="leader", text=text, at=BEGAN + at)

    state = replay([raised("no answer", 1), raised("unplugged", 2), raised("no answer", 3), raised("no answer", 4)])
    assert state.alarm_counts == (
        AlarmCount(text="no answer", first=BEGAN + 1, times=3, camera=""),
        AlarmCount(text="unplugged", first=BEGAN + 2, times=1, camera=""),
    )
    many = replay([raised(f"alarm {n}", n) for n in range(ALARMS_KEPT + 5)])
    assert len(many.alarm_counts) == ALARMS_KEPT and many.alarm_counts[-1].text == f"alarm {ALARMS_KEPT + 4}"


def test_an_alarm_that_comes_again_soon_is_counted_and_one_that_is_over_is_remembered_for_a_moment() -> None:
    def raised(at: float) -> ev.AlarmRaised:
        return ev.AlarmRaised(source="follower", text="follower: no answer", at=BEGAN + at)

    def cleared(at: float) -> ev.AlarmCleared:
        return ev.AlarmCleared(source="follower", at=BEGAN + at)

    once = replay([raised(0.0), cleared(0.3)])
    assert once.alarms == () and [(a.times, a.over) for a in once.past_alarms] == [(1, BEGAN + 0.3)]
    assert once.past_alarms[0].lasted == pytest.approx(0.3)
    thrice = replay([raised(1.0), cleared(1.2), raised(3.0)], once)
    assert [(a.times, a.over) for a in thrice.alarms] == [(3, 0.0)] and thrice.past_alarms == ()
    over = replay([cleared(3.1)], thrice)
    assert over.past_alarms[0].times == 3 and over.past_alarms[0].lasted == pytest.approx(0.3)
    later = replay([raised(60.0)], over)
    assert [(a.times, a.lasted) for a in later.alarms] == [(1, 0.0)], "a minute later it is another one"
    assert replay([ev.AlarmCleared(source="leader", at=BEGAN)]).past_alarms == ()


def test_an_outage_counts_from_its_beginning_though_more_is_known_of_it_later() -> None:
    def raised(at: float, source: AlarmSource, text: str) -> ev.AlarmRaised:
        return ev.AlarmRaised(source=source, text=text, at=BEGAN + at)

    unplugged = AlarmSource.FOLLOWER
    known = replay([raised(0.0, unplugged, "unplugged"), raised(60.0, unplugged, "another arm is at its port")])
    assert [(a.text, a.since, a.times) for a in known.alarms] == [("another arm is at its port", BEGAN, 1)]
    over = replay([ev.AlarmCleared(source=unplugged, at=BEGAN + 62)], known)
    assert [a.lasted for a in over.past_alarms] == [62.0]
    another = replay([raised(0.0, AlarmSource.POLICY, "died"), raised(60.0, AlarmSource.POLICY, "died again")])
    assert [a.since for a in another.alarms] == [BEGAN + 60], "what happens again is no outage"


def replace_text(source: str, text: str) -> ev.AlarmRaised:
    return ev.AlarmRaised(source=source, text=text)


def test_the_end_clears_the_alarms_and_notes_may_follow() -> None:
    state = state_after(
        started(ID),
        ev.AlarmRaised(source="disk", text="full"),
        ended(SessionStatus.ABORTED),
        ev.NoteAdded(text="belt slipped", author="anna"),
        ev.TagAdded(tag="night"),
        ev.TagAdded(tag="night"),
    )
    assert (state.phase, state.status, state.alarms) == (Phase.ENDED, SessionStatus.ABORTED, ())
    assert state.notes == (Note(text="belt slipped", author="anna", at_utc=utc(BEGAN + 3)),)
    assert state.tags == ("night",)


def test_a_note_has_a_kind_which_an_edit_keeps_unless_it_gives_another() -> None:
    noted = (started(ID), ended(), ev.NoteAdded(text="tilt trick", kind=NoteKind.HYPOTHESIS))
    kept = (*noted, ev.NoteEdited(note=1, text="the tilt trick"))
    told = [(n.text, n.kind) for n in state_after(*kept).notes]
    assert told == [("the tilt trick", NoteKind.HYPOTHESIS)]
    (lesson,) = state_after(*kept, ev.NoteEdited(note=1, text="never nudge", kind=NoteKind.LESSON)).notes
    assert (lesson.kind, lesson.edits) == (NoteKind.LESSON, 2)
    old = ev.decode(b'{"type":"NoteAdded","seq":3,"at":1.0,"text":"x"}\n')
    new = ev.decode(b'{"type":"NoteAdded","seq":3,"at":1.0,"text":"x","kind":"measurement"}\n')
    kinds = [note.kind for event in (old, new) for note in state_after(started(ID), event).notes]
    assert kinds == ["note", "measurement"], "old files are read, and a kind of a newer console is kept"


def test_the_target_is_reached_by_accepted_episodes_only() -> None:
    begun = [started(ID, target=2), saved(0), saved(1, accepted=False)]
    assert not state_after(*begun).reached
    assert state_after(*begun, saved(2)).reached
    assert not state_after(started(ID), saved(0)).reached  # without a target there is nothing to reach


def test_the_document_tells_when_it_began_and_ended() -> None:
    told = document(state_after(started(ID, operator="anna", fps=30), ended()))
    assert (told.started_utc, told.ended_utc) == ("2026-02-17T14:20:00Z", "2026-02-17T14:20:01Z")
    assert document(state_after(started(ID))).ended_utc is None


def test_an_event_without_a_number_is_applied_and_numbers_nothing() -> None:
    state = replace(Snapshot(), last_seq=5)
    assert advance(state, ev.TagAdded(tag="night")) == replace(state, tags=("night",))


# --- trials and trainings -------------------------------------------------------------------------


def evaluation(*told: ev.Event, trials: int = 2) -> Snapshot:
    return replay(numbered(started(ID, kind=SessionKind.EVAL, target=trials, trial_seconds=10.0), *told))


def tried(trial: int, reason: str = "key", **started: str) -> tuple[ev.Event, ...]:
    ended = ev.TrialEnded(trial=trial, frames=60, reason=reason)
    return ev.TrialStarted(trial=trial, **started), ended, saved(trial - 1)


def test_a_trial_waits_for_its_verdict_and_is_linked_to_its_episode() -> None:
    state = evaluation(*tried(1))
    assert state.pending is not None and state.pending.index == 1
    state = evaluation(*tried(1), ev.TrialJudged(trial=1, verdict=Verdict.SUCCESS, judge="tg"))
    (trial,) = document(state).trials
    assert (state.pending, trial.verdict, trial.ended_by, trial.episode_index) == (None, Verdict.SUCCESS, "key", 0)
    assert (trial.frames, trial.seconds, trial.judge) == (60, 2.0, "tg")


def test_each_trial_keeps_the_policy_that_drove_and_the_condition_it_was_tried_under() -> None:
    state = evaluation(*tried(1, checkpoint="/a", condition="lamp off"), *tried(2, checkpoint="/b"))
    assert [(t.checkpoint, t.condition) for t in document(state).trials] == [("/a", "lamp off"), ("/b", "")]
    assert (state.take, state.unsaved_take) == (0, 0), "a trial is no take"


def test_the_motion_of_a_trial_waits_to_be_saved() -> None:
    assert evaluation(*tried(1)[:2]).unsaved_take == 1


def test_a_trial_that_an_older_worker_told_as_a_take_comes_to_the_same_trial() -> None:
    begun = started(ID, kind=SessionKind.EVAL, checkpoint="/a")
    old = ev.TakeStarted(take=1), ev.TakeEnded(take=1, frames=60, reason="failed", why="the bus is gone"), saved(0)
    new = ev.TrialStarted(trial=1, checkpoint="/a"), ev.TrialEnded(trial=1, frames=60, reason="failed", why=old[1].why)
    assert replay(numbered(begun, *old)).trials == replay(numbered(begun, *new, saved(0))).trials != ()


def test_void_trials_do_not_count_towards_the_target() -> None:
    verdicts = (Verdict.SUCCESS, Verdict.VOID, Verdict.FAILURE)
    told = [e for n, v in enumerate(verdicts, 1) for e in (*tried(n), ev.TrialJudged(trial=n, verdict=v))]
    state = evaluation(*told)
    assert (state.judged, state.count(Verdict.VOID), state.reached) == (2, 1, True)
    assert not evaluation(*told[:-1]).reached


def test_an_undone_verdict_leaves_the_trial_pending_and_forgets_its_failure_mode() -> None:
    told = (
        *tried(1),
        ev.TrialJudged(trial=1, verdict=Verdict.FAILURE),
        ev.TrialAnnotated(trial=1, failure_mode="drops"),
    )
    assert evaluation(*told).trials[0].failure_mode == "drops"
    state = evaluation(*told, ev.VerdictUndone(trial=1))
    assert state.pending is not None and state.pending.failure_mode == ""


def test_takes_of_a_recording_are_no_trials() -> None:
    told = ev.TakeStarted(take=1), ev.TakeEnded(take=1, frames=60, reason="key"), saved(0)
    assert replay(numbered(started(ID), *told)).trials == ()


def test_the_document_of_a_training_holds_steps_loss_and_checkpoints() -> None:
    begun = ev.TrainingStarted(
        policy="act", output_dir="/lab/outputs/train/act_cubes", steps=100, batch_size=8, device="cpu", parameters=7,
        episodes=(0, 2), episodes_total=3, frames=400, cameras=("wrist",), excluded_cameras=("overhead",),
    )  # fmt: skip
    told = (
        started(ID, kind=SessionKind.TRAIN), begun, ev.TrainingProgressed(step=50, metrics={"loss": 0.25}, points=5),
        ev.CheckpointSaved(step=50, path="/c/000050", bytes=10, seconds=0.5, loss=0.25),
    )  # fmt: skip
    state = replay(numbered(*told))
    live = advance(
        state, ev.TrainingProgressed(step=60, metrics={"loss": 0.2}, points=6)
    )  # the socket's, without a number
    assert (live.training.step, live.last_seq) == (60, state.last_seq)  # type: ignore[union-attr]
    training = document(state).training
    assert training is not None
    assert (training.step, training.started.steps, training.loss) == (50, 100, 0.25)
    assert [c.step for c in training.checkpoints] == [50] and training.started.excluded_cameras == ("overhead",)


def test_the_steps_of_older_files_are_read_from_their_details() -> None:
    def state(phase: str, detail: str) -> Snapshot:
        return replay(numbered(ev.PhaseChanged(phase=phase, detail=detail)))

    assert state("held", "ending the session").ending
    stops = state("training", "stopping: a checkpoint is saved after the step in progress")
    assert stops.step is Step.STOPPING and not stops.ending
    assert not state("held", "holding; trial 3 waits for its verdict").ending
    assert replay(numbered(ev.PhaseChanged(phase="resting", detail="as you like", step=Step.ENDING))).ending


def test_words_of_another_version_stay_what_they_are() -> None:
    lines = (
        b'{"type":"Held","seq":1,"cause":"follower: no answer"}',
        b'{"type":"AlarmRaised","seq":2,"source":"overhead","text":"black"}',
        b'{"type":"TrialStarted","seq":3,"trial":1}',
        b'{"type":"TrialEnded","seq":4,"trial":1,"frames":3,"reason":"of tomorrow"}',
        b'{"type":"PhaseChanged","seq":5,"phase":"held","step":"of_tomorrow"}',
    )
    state = replay([ev.decode(line) for line in lines])
    assert state.held == "follower: no answer" and state.held_by not in STOP_KEYS
    assert state.alarms[0].source == "overhead" and not state.alarms[0].source.known
    assert state.step == "of_tomorrow" and not state.ending
    assert [t.ended_by for t in state.trials] == ["of tomorrow"] and state.pending is not None
    assert [ev.decode(ev.encode(event)) for event in map(ev.decode, lines)] == [ev.decode(line) for line in lines]
