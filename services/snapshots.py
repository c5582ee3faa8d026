"""The one way to know a sitting's state: `advance(snapshot, event) -> snapshot`, pure.

Live view, re-attach, replay, crash recovery and the log's documents all come from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import reduce

from services import events as ev
from sessions.models import Episode, Note, Session, SessionStatus

ALARMS_KEPT = 100
"""Alarms that a session's document remembers; a loose cable tells thousands."""


class Phase(StrEnum):
    """The one big thing of the moment."""

    STARTING = "starting"
    IDLE = "idle"
    ALIGNING = "aligning"
    READY = "ready"
    RECORDING = "recording"
    RESET = "reset"
    DONE = "done"
    HELD = "held"
    RESTING = "resting"
    RESTED = "rested"
    RELEASING = "releasing"
    RELEASED = "released"
    ENDED = "ended"

    @property
    def moving(self) -> bool:
        """Whether the arm may move by itself or after the leader."""
        return self in MOVING

    @property
    def following(self) -> bool:
        """Whether the follower follows the leader."""
        return self in (Phase.READY, Phase.RECORDING, Phase.RESET, Phase.DONE)


MOVING = frozenset(
    {Phase.ALIGNING, Phase.READY, Phase.RECORDING, Phase.RESET, Phase.DONE, Phase.RESTING, Phase.RELEASING}
)


@dataclass(frozen=True)
class Alarm:
    """Something that needs the operator: what, since when (Unix time), and what answers it."""

    source: str
    text: str
    since: float
    answer: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A sitting as its events tell it. Counts and marks are derived, never stored twice."""

    started: ev.SessionStarted | None = None
    phase: Phase = Phase.STARTING
    phase_since: float = 0.0
    detail: str = "starting the worker"
    take: int = 0
    take_since: float = 0.0
    take_accepted: bool = True
    take_frames: int = 0
    unsaved_take: int = 0
    dataset_episodes: int = 0
    dataset_accepted: int = 0
    resumed: bool = False
    recovered: str = ""
    episodes: tuple[Episode, ...] = ()
    lost: tuple[ev.TakeLost, ...] = ()
    held: str = ""
    alarms: tuple[Alarm, ...] = ()
    alarm_history: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] = ()
    status: SessionStatus = SessionStatus.RUNNING
    end_reason: str = ""
    ended_at: float = 0.0
    last_seq: int = 0

    @property
    def accepted(self) -> int:
        """Accepted episodes of this sitting."""
        return sum(e.accepted for e in self.episodes)

    @property
    def rejected(self) -> int:
        """Rejected episodes of this sitting."""
        return len(self.episodes) - self.accepted

    @property
    def flagged(self) -> int:
        """Episodes that carry a quality flag."""
        return sum(bool(e.flags) for e in self.episodes)

    @property
    def running(self) -> bool:
        """Whether no end has been told yet."""
        return self.status is SessionStatus.RUNNING

    @property
    def reached(self) -> bool:
        """Whether the accepted episodes of this sitting reach the target."""
        return self.started is not None and 0 < self.started.target_episodes <= self.accepted


LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def utc(at: float) -> str:
    """Unix seconds as ISO 8601 UTC, to the second; what no calendar holds becomes its nearest day."""
    return datetime.fromtimestamp(min(max(at, 0.0), LATEST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
        case ev.PhaseChanged():
            return _enter(s, event)
        case ev.TakeStarted():
            return replace(s, take=event.take, take_since=event.at, take_accepted=True, take_frames=0)
        case ev.TakeEnded():
            return replace(s, unsaved_take=event.take, take_frames=event.frames)
        case ev.EpisodeSaved() | ev.TakeLost():
            return _close_take(s, event)
        case ev.TakeMarked():
            return replace(s, take_accepted=event.accepted) if event.take == s.take else s
        case ev.EpisodeMarked():
            marked = tuple(_with(e, accepted=event.accepted) if e.index == event.index else e for e in s.episodes)
            return replace(s, episodes=marked)
        case ev.DatasetRecovered():
            return replace(s, recovered=event.summary)
        case ev.DatasetOpened():
            return replace(s, dataset_episodes=event.episodes, dataset_accepted=event.accepted, resumed=event.resumed)
        case ev.Held():
            return replace(s, held=event.cause)
        case ev.SessionEnded():
            return replace(
                s,
                phase=Phase.ENDED,
                phase_since=event.at,
                status=event.status,
                end_reason=event.reason,
                ended_at=event.at,
                alarms=(),
            )
        case _:
            return _remark(s, event)


def _remark(s: Snapshot, event: ev.Event) -> Snapshot:
    """Alarms, notes and tags: what may come in any phase."""
    match event:
        case ev.AlarmRaised():
            return _alarm(s, Alarm(event.source, event.text, event.at, event.answer))
        case ev.CameraAlarmed():
            during = f" in take {event.take}" if event.take else ""
            text = f"{event.camera}: {event.state}{during}"
            return _alarm(s, Alarm(event.camera, text, event.since, "r rejects the take, w enlarges the picture"))
        case ev.AlarmCleared(source=source) | ev.CameraRecovered(camera=source):
            return replace(s, alarms=tuple(a for a in s.alarms if a.source != source))
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
    except ValueError:  # a phase of a newer console: keep the old one, show its words
        return replace(s, detail=event.detail)
    held = s.held if phase is Phase.HELD else ""
    since = s.phase_since if phase is s.phase else event.at
    return replace(s, phase=phase, phase_since=since, detail=event.detail, held=held)


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
    )
    return replace(s, unsaved_take=unsaved, episodes=(*s.episodes, episode))


def _alarm(s: Snapshot, alarm: Alarm) -> Snapshot:
    others = tuple(a for a in s.alarms if a.source != alarm.source)
    return replace(s, alarms=(*others, alarm), alarm_history=(*s.alarm_history, alarm.text)[-ALARMS_KEPT:])


def _with(episode: Episode, *, accepted: bool) -> Episode:
    return Episode(
        index=episode.index,
        take=episode.take,
        frames=episode.frames,
        seconds=episode.seconds,
        accepted=accepted,
        flags=episode.flags,
    )


def document(s: Snapshot) -> Session:
    """The log's document of this state. Raises ValueError before the SessionStarted event."""
    started = s.started
    if started is None:
        raise ValueError("a run without its SessionStarted event has no document")
    return Session(
        id=started.id,
        kind=started.kind,
        status=s.status,
        started_utc=utc(started.at),
        ended_utc=utc(s.ended_at) if s.ended_at else None,
        end_reason=s.end_reason,
        operator=started.operator,
        host=started.host,
        bench=started.bench,
        task=started.task,
        dataset=started.dataset,
        dataset_root=started.dataset_root,
        target_episodes=started.target_episodes,
        episodes=s.episodes,
        alarms=s.alarm_history,
        notes=s.notes,
        tags=s.tags,
        profile=started.profile,
        config=started.config,
        versions=started.versions,
        git_commit=started.git_commit,
        last_seq=s.last_seq,
    )
