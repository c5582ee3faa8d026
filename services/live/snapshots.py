"""A session's state, derived in one way only: `advance(snapshot, event) -> snapshot`, a pure function.

Live view, re-attach, replay, crash recovery and the log's documents all use it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

import msgspec

from services.live import events as ev
from services.live.phases import Phase
from services.live.reasons import Advice, AlarmSource, Step, StopCause
from sessions import upgrade
from sessions.document import Training
from sessions.models import AlarmCount, Episode, Note, SessionKind, SessionStatus, Trial, Verdict
from sessions.times import utc

ALARMS_KEPT = 100
"""Alarms kept in a session's document; a loose cable raises thousands."""
LINGER_S = 4.0
"""How long an alarm stays visible after it was cleared; one that is raised again within this time is counted."""
OUTAGES = frozenset({AlarmSource.FOLLOWER, AlarmSource.LEADER, AlarmSource.OBSERVATION, AlarmSource.CHECKPOINT})
"""Sources that fail until they work again: an alarm that is raised again meanwhile says more of the same outage."""


@dataclass(frozen=True)
class Alarm:
    """Something that needs the operator: what, since when (Unix time), what to do, and which command helps.

    `times` counts how often it was raised in short succession, `lasted` is the longest of those times in seconds, the
    present one not included. `over` is when it was cleared (Unix time); 0 while it stands. `take` is the take or trial
    in which it was raised; 0 outside of one.
    """

    source: AlarmSource
    text: str
    since: float
    answer: str = ""
    advice: Advice = Advice.NONE
    times: int = 1
    lasted: float = 0.0
    over: float = 0.0
    take: int = 0


@dataclass(frozen=True)
class Snapshot:
    """A session's state, from its events. Counts and marks are derived, never stored twice."""

    started: ev.SessionStarted | None = None
    connected: ev.BenchConnected | None = None
    calibrations: tuple[ev.CalibrationRefused | ev.CalibrationWritten, ...] = ()
    phase: Phase = Phase.STARTING
    phase_since: float = 0.0
    detail: str = "starting the worker"
    step: Step = Step.NONE
    take: int = 0
    take_since: float = 0.0
    take_accepted: bool = True
    take_frames: int = 0
    unsaved_take: int = 0
    dataset_episodes: int = 0
    dataset_accepted: int = 0
    resumed: bool = False
    repairs: tuple[ev.DatasetRecovered, ...] = ()
    episodes: tuple[Episode, ...] = ()
    lost: tuple[ev.TakeLost, ...] = ()
    training: Training | None = None
    policy: ev.PolicyLoaded | None = None
    trials: tuple[Trial, ...] = ()
    held: str = ""
    held_by: StopCause | None = None
    alarms: tuple[Alarm, ...] = ()
    past_alarms: tuple[Alarm, ...] = ()
    """The last cleared alarm of each source. Those over for LINGER_S go when the next alarm is cleared."""
    alarm_history: tuple[str, ...] = ()
    alarm_counts: tuple[AlarmCount, ...] = ()
    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] = ()
    ended: ev.SessionEnded | None = None
    last_seq: int = 0

    @property
    def refused_calibrations(self) -> tuple[ev.CalibrationRefused, ...]:
        """The calibrations that kept the session from starting."""
        return tuple(c for c in self.calibrations if isinstance(c, ev.CalibrationRefused))

    @property
    def accepted(self) -> int:
        """Accepted episodes of this session."""
        return sum(e.accepted for e in self.episodes)

    @property
    def rejected(self) -> int:
        """Rejected episodes of this session."""
        return len(self.episodes) - self.accepted

    @property
    def flagged(self) -> int:
        """Episodes that carry a quality flag."""
        return sum(bool(e.flags) for e in self.episodes)

    @property
    def status(self) -> SessionStatus:
        """Running, or how the session ended."""
        return self.ended.status if self.ended else SessionStatus.RUNNING

    @property
    def end_reason(self) -> str:
        """Why it ended; empty while it runs."""
        return self.ended.reason if self.ended else ""

    @property
    def ended_at(self) -> float:
        """When it ended (Unix time); 0 while it runs."""
        return self.ended.at if self.ended else 0.0

    @property
    def running(self) -> bool:
        """Whether there is no end event yet."""
        return self.status is SessionStatus.RUNNING

    @property
    def ending(self) -> bool:
        """Whether the worker is ending the session by itself: it holds, saves, rests."""
        return self.step is Step.ENDING

    @property
    def reached(self) -> bool:
        """Whether the accepted episodes, or the judged trials, of this session reach the target."""
        started = self.started
        if started is None or started.kind not in (SessionKind.RECORD, SessionKind.EVAL):
            return False
        return 0 < started.target <= (self.judged if started.kind is SessionKind.EVAL else self.accepted)

    def count(self, verdict: Verdict) -> int:
        """Trials of this session with this verdict."""
        return sum(t.verdict is verdict for t in self.trials)

    @property
    def judged(self) -> int:
        """Trials that count: judged, and not void."""
        return self.count(Verdict.SUCCESS) + self.count(Verdict.FAILURE)

    @property
    def trial(self) -> Trial | None:
        """The running trial, or the last one."""
        return self.trials[-1] if self.trials else None

    @property
    def pending(self) -> Trial | None:
        """The ended trial that awaits its verdict; the next one cannot start before that."""
        last = self.trial
        return last if last is not None and last.ended_by and last.verdict is None else None


def advance(snapshot: Snapshot, event: ev.Event) -> Snapshot:
    """The state after `event`. An event already applied (seq not above last_seq) changes nothing."""
    if event.seq and event.seq <= snapshot.last_seq:
        return snapshot
    return replace(_apply(snapshot, event), last_seq=max(event.seq, snapshot.last_seq))


def replay(events: Iterable[ev.Event], start: Snapshot | None = None) -> Snapshot:
    """Fold events into a snapshot."""
    return reduce(advance, events, start or Snapshot())


def _apply(s: Snapshot, event: ev.Event) -> Snapshot:
    match event:
        case ev.SessionStarted():
            return replace(s, started=event, phase_since=event.at)
        case ev.BenchConnected() | ev.CalibrationRefused() | ev.CalibrationWritten():
            return _connect(s, event)
        case ev.PhaseChanged():
            return _enter(s, event)
        case (
            ev.TakeStarted() | ev.TakeEnded() | ev.EpisodeSaved() | ev.TakeLost() | ev.TakeMarked() | ev.EpisodeMarked()
        ):
            return _take(s, event)
        case ev.DatasetRecovered():
            return replace(s, repairs=(*s.repairs, event))
        case ev.DatasetOpened():
            return replace(s, dataset_episodes=event.episodes, dataset_accepted=event.accepted, resumed=event.resumed)
        case ev.Held():
            return replace(s, held=event.why or event.cause, held_by=event.cause)
        case ev.SessionEnded():
            return replace(s, phase=Phase.ENDED, phase_since=event.at, ended=event, alarms=(), past_alarms=())
        case ev.TrainingStarted() | ev.TrainingProgressed() | ev.CheckpointSaved():
            return _train(s, event)
        case ev.TrialStarted() | ev.TrialEnded():
            return _start_or_end_trial(s, event)
        case ev.PolicyLoaded() | ev.TrialJudged() | ev.VerdictUndone() | ev.TrialAnnotated():
            return _judge(s, event)
        case _:
            return _remark(s, event)


def _connect(s: Snapshot, event: ev.BenchConnected | ev.CalibrationRefused | ev.CalibrationWritten) -> Snapshot:
    if isinstance(event, ev.BenchConnected):
        return replace(s, connected=event)
    return replace(s, calibrations=(*s.calibrations, event))


TakeEvent = ev.TakeStarted | ev.TakeEnded | ev.EpisodeSaved | ev.TakeLost | ev.TakeMarked | ev.EpisodeMarked


def _take(s: Snapshot, event: TakeEvent) -> Snapshot:
    match event:
        case ev.TakeStarted():
            s = replace(s, take=event.take, take_since=event.at, take_accepted=True, take_frames=0)
            if s.started is None or not _evaluates(s):
                return s
            trial = ev.TrialStarted(trial=event.take, checkpoint=s.started.request.checkpoint)
            return _start_or_end_trial(s, trial)  # older files, from before trials had their own events
        case ev.TakeEnded():
            s = replace(s, unsaved_take=event.take, take_frames=event.frames)
            ended = ev.TrialEnded(trial=event.take, frames=event.frames, reason=event.reason, why=event.why)
            return _start_or_end_trial(s, ended) if _evaluates(s) else s
        case ev.EpisodeSaved() | ev.TakeLost():
            return _close_take(s, event)
        case ev.TakeMarked():
            return replace(s, take_accepted=event.accepted) if event.take == s.take else s
        case ev.EpisodeMarked():
            marked = tuple(_with_mark(e, accepted=event.accepted) if e.index == event.index else e for e in s.episodes)
            return replace(s, episodes=marked)


def _start_or_end_trial(s: Snapshot, event: ev.TrialStarted | ev.TrialEnded) -> Snapshot:
    if isinstance(event, ev.TrialStarted):
        trial = Trial(index=event.trial, checkpoint=event.checkpoint, condition=event.condition)
        return replace(s, trials=(*s.trials, trial))
    seconds = event.frames / max(1, s.started.request.fps) if s.started else 0.0
    s = replace(s, unsaved_take=event.trial)
    return _change_trial(s, event.trial, ended_by=event.reason, why=event.why, frames=event.frames, seconds=seconds)


def _judge(s: Snapshot, event: ev.PolicyLoaded | ev.TrialJudged | ev.VerdictUndone | ev.TrialAnnotated) -> Snapshot:
    match event:
        case ev.PolicyLoaded():
            return replace(s, policy=event)
        case ev.TrialJudged():
            return _change_trial(s, event.trial, verdict=event.verdict, judge=event.judge, failure_mode="")
        case ev.VerdictUndone():
            return _change_trial(s, event.trial, verdict=None, judge="", failure_mode="")
        case _:
            return _change_trial(s, event.trial, failure_mode=event.failure_mode)


def _evaluates(s: Snapshot) -> bool:
    return s.started is not None and s.started.kind is SessionKind.EVAL


def _change_trial(s: Snapshot, index: int, **changes: object) -> Snapshot:
    """Change the trial with that index, if there is one (a recording has none)."""
    changed = tuple(msgspec.structs.replace(t, **changes) if t.index == index else t for t in s.trials)
    return replace(s, trials=changed)


def _train(s: Snapshot, event: ev.TrainingStarted | ev.TrainingProgressed | ev.CheckpointSaved) -> Snapshot:
    if isinstance(event, ev.TrainingStarted):
        return replace(s, training=Training(started=event))
    training = s.training
    if training is None:
        return s
    if isinstance(event, ev.CheckpointSaved):
        saved = msgspec.structs.replace(training, checkpoints=(*training.checkpoints, event))
        return replace(s, training=saved)
    return replace(s, training=msgspec.structs.replace(training, progress=event))


def _remark(s: Snapshot, event: ev.Event) -> Snapshot:
    """Events that may come in any phase: alarms, notes and tags."""
    match event:
        case ev.AlarmRaised():
            return _alarm(s, Alarm(event.source, event.text, event.at, event.answer, event.advice))
        case ev.CameraAlarmed():
            attempt, advice = ("trial", Advice.VOID) if _evaluates(s) else ("take", Advice.REJECT)
            during = f" in {attempt} {event.take}" if event.take else ""
            text = f"{event.camera}: {event.state}{during}"
            return _alarm(s, Alarm(AlarmSource(event.camera), text, event.since, advice=advice, take=event.take))
        case ev.AlarmCleared(source=source) | ev.CameraRecovered(camera=source):
            return _clear_alarm(s, source, event.at)
        case ev.NoteAdded():
            note = Note(text=event.text, author=event.author, at_utc=utc(event.at))
            return replace(s, notes=(*s.notes, note))
        case ev.TagAdded():
            return s if event.tag in s.tags else replace(s, tags=(*s.tags, event.tag))
        case ev.TagRemoved():
            return replace(s, tags=tuple(t for t in s.tags if t != event.tag))
        case _:
            return s


def _enter(s: Snapshot, event: ev.PhaseChanged) -> Snapshot:
    try:
        phase = Phase(event.phase)
    except ValueError:  # a phase of a newer console: keep the old one, show its detail
        return replace(s, detail=event.detail, step=_step(event))
    held, held_by = (s.held, s.held_by) if phase is Phase.HELD else ("", None)
    since = s.phase_since if phase is s.phase else event.at
    s = replace(s, phase=phase, phase_since=since, detail=event.detail, step=_step(event))
    return replace(s, held=held, held_by=held_by)


def _step(event: ev.PhaseChanged) -> Step:
    return event.step or Step(upgrade.STEPS.get(event.detail, ""))


def _close_take(s: Snapshot, event: ev.EpisodeSaved | ev.TakeLost) -> Snapshot:
    unsaved = 0 if s.unsaved_take == event.take else s.unsaved_take
    if isinstance(event, ev.TakeLost):
        return replace(s, unsaved_take=unsaved, lost=(*s.lost, event))
    episode = Episode(
        index=event.index,
        take=event.take,
        frames=event.frames,
        seconds=event.seconds,
        accepted=event.accepted,
        flags=event.flags,
        retried=event.retried,
    )
    s = _change_trial(s, event.take, episode_index=event.index)
    return replace(s, unsaved_take=unsaved, episodes=(*s.episodes, episode))


def _counted(counts: tuple[AlarmCount, ...], alarm: Alarm) -> tuple[AlarmCount, ...]:
    if not any(count.text == alarm.text for count in counts):
        return (*counts, AlarmCount(text=alarm.text, first=alarm.since))[-ALARMS_KEPT:]
    return tuple(
        msgspec.structs.replace(count, times=count.times + 1) if count.text == alarm.text else count for count in counts
    )


def _alarm(s: Snapshot, alarm: Alarm) -> Snapshot:
    s = replace(s, alarm_counts=_counted(s.alarm_counts, alarm))
    before = next((a for a in (*s.alarms, *s.past_alarms) if a.source == alarm.source), None)
    if before is not None and not before.over:  # the same alarm with another text
        since = min(before.since, alarm.since) if alarm.source in OUTAGES else alarm.since
        alarm = replace(alarm, since=since, times=before.times, lasted=before.lasted)
    elif before is not None and alarm.since - before.over < LINGER_S:
        alarm = replace(alarm, times=before.times + 1, lasted=before.lasted)
    others, past = _without(s.alarms, alarm.source), _without(s.past_alarms, alarm.source)
    history = (*s.alarm_history, alarm.text)[-ALARMS_KEPT:]
    return replace(s, alarms=(*others, alarm), past_alarms=past, alarm_history=history)


def _clear_alarm(s: Snapshot, source: str, at: float) -> Snapshot:
    cleared = next((a for a in s.alarms if a.source == source), None)
    if cleared is None:
        return s
    lasted = max(cleared.lasted, at - cleared.since)
    recent = tuple(a for a in _without(s.past_alarms, source) if at - a.over < LINGER_S)
    past = (*recent, replace(cleared, lasted=lasted, over=at))
    return replace(s, alarms=_without(s.alarms, source), past_alarms=past)


def _without(alarms: tuple[Alarm, ...], source: str) -> tuple[Alarm, ...]:
    return tuple(a for a in alarms if a.source != source)


def _with_mark(episode: Episode, *, accepted: bool) -> Episode:
    return msgspec.structs.replace(episode, accepted=accepted)
