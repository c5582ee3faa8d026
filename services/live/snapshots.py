"""A session's state, derived in one way only: `advance(snapshot, event) -> snapshot`, a pure function.

Live view, re-attach, replay, crash recovery and the log's documents all use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce

import msgspec

from services.live import events as ev
from services.live import notes, trial_events
from services.live.alarms import Alarm, Alarms
from services.live.parts import resumed
from services.live.phases import Phase
from services.live.reasons import Advice, AlarmSource, Step, StopCause
from services.live.trial_events import TrialEvent
from sessions import blinding, upgrade
from sessions.document import Training
from sessions.early import standing_of
from sessions.models import Episode, Note, SessionKind, SessionStatus, Trial, Verdict
from sessions.statistics.rule import Decision, Standing
from sessions.trials import count


@dataclass(frozen=True)
class Snapshot(Alarms):
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
    moments: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Frames that a person marked, by take: one may be saved while the next runs."""
    unsaved_take: int = 0
    dataset_episodes: int = 0
    dataset_accepted: int = 0
    resumed: bool = False
    repairs: tuple[ev.DatasetRecovered, ...] = ()
    episodes: tuple[Episode, ...] = ()
    lost: tuple[ev.TakeLost, ...] = ()
    training: Training | None = None
    policy: ev.PolicyLoaded | None = None
    preflights: tuple[ev.PreflightMade | ev.PreflightConfirmed, ...] = ()
    trials: tuple[Trial, ...] = ()
    unblinded: ev.Unblinded | None = None
    typed_modes: tuple[str, ...] = ()
    """Failure modes that were given in this session, each once, in the order in which they came up."""
    held: str = ""
    held_by: StopCause | None = None
    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] = ()
    brought_in: ev.BroughtIn | None = None
    left: ev.ArmLeft | None = None
    ended: ev.SessionEnded | None = None
    ended_in: Phase | None = None
    """The phase in which it ended; None while it runs."""
    before_resuming: Snapshot | None = None
    """How a training stood that is being resumed, until its first step comes next."""
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
    def resuming(self) -> Training | None:
        """The training that is being resumed, as it stands at that step; None once its first step comes next."""
        return self.training if self.before_resuming is not None else None

    @property
    def cut_short(self) -> bool:
        """Whether this is a training that was stopped in order before its last step."""
        return self.status is SessionStatus.FINISHED and self.training is not None and self.training.unfinished

    @property
    def end_reason(self) -> str:
        """Why it ended, and why it could not go on; empty while it runs."""
        return self.ended.whole_reason if self.ended else ""

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
        """Whether the accepted episodes, or the judged trials, of this session reach the target, or a rule ends it."""
        started = self.started
        if started is None or started.kind not in (SessionKind.RECORD, SessionKind.EVAL):
            return False
        if started.kind is SessionKind.EVAL:
            ruled = self.standing is not None and self.standing.decision is not Decision.GO_ON
            return 0 < started.target <= self.judged or ruled
        return 0 < started.target <= self.accepted

    @cached_property
    def standing(self) -> Standing | None:
        """What the rule says that may end the comparison early; None without one."""
        return standing_of(self.started.request, self.trials) if self.started else None

    def count(self, verdict: Verdict) -> int:
        """Trials of this session with this verdict, without practice."""
        return count(self.trials, verdict)

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
            return replace(s, started=event, phase_since=event.at, trials=(), episodes=())  # a corrected import: anew
        case ev.BenchConnected() | ev.ArmLeft() | ev.CalibrationRefused() | ev.CalibrationWritten():
            return _connect(s, event)
        case ev.PhaseChanged():
            return _enter(s, event)
        case (
            ev.TakeStarted()
            | ev.TakeEnded()
            | ev.EpisodeSaved()
            | ev.TakeLost()
            | ev.TakeMarked()
            | ev.EpisodeMarked()
            | ev.MomentMarked()
        ):
            return _take(s, event)
        case ev.DatasetRecovered():
            return replace(s, repairs=(*s.repairs, event))
        case ev.DatasetOpened():
            return replace(s, dataset_episodes=event.episodes, dataset_accepted=event.accepted, resumed=event.resumed)
        case ev.Held():
            return replace(s, held=event.why or event.cause, held_by=event.cause)
        case ev.SessionEnded():
            return _end(s, event)
        case ev.TrainingStarted() | ev.TrainingResumed() | ev.TrainingProgressed() | ev.CheckpointSaved():
            return _train(s, event)
        case ev.PolicyLoaded() | ev.PreflightMade() | ev.PreflightConfirmed() | ev.Unblinded():
            return _prepare(s, event)
        case _ if isinstance(event, TrialEvent):
            return _on_trial(s, event)
        case _:
            return _remark(s, event)


def _end(s: Snapshot, event: ev.SessionEnded) -> Snapshot:
    before = s.before_resuming
    if before is not None and before.ended is not None:  # not one step was made: it stands as it stood
        ended = msgspec.structs.replace(before.ended, not_resumed=event.reason or event.status.value)
        return replace(
            before, ended=ended, notes=s.notes, tags=s.tags, alarm_history=s.alarm_history, alarm_counts=s.alarm_counts
        )
    s = replace(s, phase=Phase.ENDED, ended_in=s.phase, phase_since=event.at, ended=event, before_resuming=None)
    return replace(s, alarms=(), past_alarms=())


def _resume(s: Snapshot, event: ev.TrainingResumed) -> Snapshot:
    """A training that had ended is starting again, at the step of its checkpoint."""
    if s.training is None or s.ended is None or s.started is None:
        return s
    detail = f"resuming at step {event.step:,}"
    before = replace(s, before_resuming=None)
    started = msgspec.structs.replace(s.started, pid=0)  # another process now, which a Welcome names
    training = resumed(s.training, event)
    s = replace(s, started=started, ended=None, ended_in=None, before_resuming=before, training=training)
    return replace(s, phase=Phase.STARTING, phase_since=event.at, detail=detail, step=Step.NONE)


BenchEvent = ev.BenchConnected | ev.ArmLeft | ev.CalibrationRefused | ev.CalibrationWritten


def _connect(s: Snapshot, event: BenchEvent) -> Snapshot:
    match event:
        case ev.BenchConnected():
            return replace(s, connected=event)
        case ev.ArmLeft():
            return replace(s, left=event)
        case _:
            return replace(s, calibrations=(*s.calibrations, event))


TakeEvent = (
    ev.TakeStarted | ev.TakeEnded | ev.EpisodeSaved | ev.TakeLost | ev.TakeMarked | ev.EpisodeMarked | ev.MomentMarked
)


def _take(s: Snapshot, event: TakeEvent) -> Snapshot:
    match event:
        case ev.TakeStarted():
            s = replace(s, take=event.take, take_since=event.at, take_accepted=True, take_frames=0)
            if s.started is None or not _evaluates(s):
                return s
            trial = ev.TrialStarted(trial=event.take, checkpoint=s.started.request.checkpoint, at=event.at)
            return _on_trial(s, trial)  # older files, from before trials had their own events
        case ev.TakeEnded():
            s = replace(s, unsaved_take=event.take, take_frames=event.frames)
            ended = ev.TrialEnded(trial=event.take, frames=event.frames, reason=event.reason, why=event.why)
            return _on_trial(s, ended) if _evaluates(s) else s
        case ev.EpisodeSaved() | ev.TakeLost():
            return _close_take(s, event)
        case ev.TakeMarked():
            return replace(s, take_accepted=event.accepted) if event.take == s.take else s
        case ev.MomentMarked():
            return replace(s, moments={**s.moments, event.take: (*s.moments.get(event.take, ()), event.frame)})
        case ev.EpisodeMarked():
            marked = tuple(_with_mark(e, event) if e.index == event.index else e for e in s.episodes)
            return replace(s, episodes=marked)


def _on_trial(s: Snapshot, event: TrialEvent) -> Snapshot:
    fps = s.started.request.fps if s.started else 0
    unsaved = event.trial if isinstance(event, ev.TrialEnded) else s.unsaved_take
    modes = trial_events.modes_after(s.typed_modes, event)
    return replace(s, unsaved_take=unsaved, trials=trial_events.after(s.trials, event, fps), typed_modes=modes)


def _prepare(s: Snapshot, event: ev.PolicyLoaded | ev.PreflightMade | ev.PreflightConfirmed | ev.Unblinded) -> Snapshot:
    """What comes before an evaluation's trials, and which policies they are of."""
    if isinstance(event, ev.Unblinded):
        return _unblind(s, event)
    if isinstance(event, ev.PolicyLoaded):
        return replace(s, policy=event)
    return replace(s, preflights=(*s.preflights, event))


def _unblind(s: Snapshot, event: ev.Unblinded) -> Snapshot:
    """From here on, and in all that it told before, policies have their names."""
    if s.started is None or s.unblinded is not None or not blinding.blind(s.started.request):
        return s
    started = msgspec.structs.replace(s.started, request=blinding.revealed(s.started.request, event))
    policy, trials = blinding.revealed_policy(s.policy, event), blinding.revealed_trials(s.trials, event)
    return replace(s, started=started, policy=policy, trials=trials, unblinded=event)


def _evaluates(s: Snapshot) -> bool:
    return s.started is not None and s.started.kind is SessionKind.EVAL


TrainingEvent = ev.TrainingStarted | ev.TrainingResumed | ev.TrainingProgressed | ev.CheckpointSaved


def _train(s: Snapshot, event: TrainingEvent) -> Snapshot:
    training = s.training
    if isinstance(event, ev.TrainingResumed):
        return _resume(s, event)
    if isinstance(event, ev.TrainingStarted):
        if training is None or not training.resumed:
            return replace(s, training=Training(started=event))
        first = msgspec.structs.replace(event, at=training.started.at)
        return replace(s, training=msgspec.structs.replace(training, started=first), before_resuming=None)
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
            alarm = Alarm(event.source, event.text, event.at, event.answer, event.advice, camera=event.camera)
            return s.raised(alarm)
        case ev.CameraAlarmed():
            return s.raised(_of_camera(s, event))
        case ev.AlarmCleared(source=source) | ev.CameraRecovered(camera=source):
            return s.cleared(source, event.at)
        case ev.NoteAdded():
            trial = s.trial.index if s.trial is not None and s.running else 0
            return replace(s, notes=notes.added(s.notes, event, trial))
        case ev.NoteEdited():
            return replace(s, notes=notes.edited(s.notes, event))
        case ev.TagAdded():
            return s if event.tag in s.tags else replace(s, tags=(*s.tags, event.tag))
        case ev.TagRemoved():
            return replace(s, tags=tuple(t for t in s.tags if t != event.tag))
        case ev.BroughtIn():
            return replace(s, brought_in=event)
        case _:
            return s


def _of_camera(s: Snapshot, event: ev.CameraAlarmed) -> Alarm:
    attempt, advice = ("trial", Advice.VOID) if _evaluates(s) else ("take", Advice.REJECT)
    during = f" in {attempt} {event.take}" if event.take else ""
    text = f"{event.camera}: {event.state}{during}"
    return Alarm(
        AlarmSource(event.camera), text, event.since, advice=advice, take=event.take, camera=event.camera,
        state=event.state,
    )  # fmt: skip


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
        moments=s.moments.get(event.take, ()),
        strategy=event.strategy,
        light=event.light,
        grasp=event.grasp,
    )
    trials = trial_events.changed(s.trials, event.take, episode_index=event.index)
    return replace(s, unsaved_take=unsaved, episodes=(*s.episodes, episode), trials=trials)


def _with_mark(episode: Episode, mark: ev.EpisodeMarked) -> Episode:
    return msgspec.structs.replace(episode, accepted=mark.accepted, why=mark.why, marked_by=mark.by)
