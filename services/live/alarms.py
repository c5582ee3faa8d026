"""A session's alarms: those that stand, those just cleared, and all of them, folded. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import msgspec

from services.live.reasons import Advice, AlarmSource
from sessions.models import AlarmCount

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
    in which it was raised; 0 outside of one. `camera` is the one that it is about, if any, `state` is what that shows:
    black, frozen or slow; empty for no picture at all.
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
    camera: str = ""
    state: str = ""


@dataclass(frozen=True)
class Alarms:
    """The part of a snapshot that alarms change. One source has one alarm at a time."""

    alarms: tuple[Alarm, ...] = ()
    past_alarms: tuple[Alarm, ...] = ()
    """The last cleared alarm of each source. Those over for LINGER_S go when the next alarm is cleared."""
    alarm_history: tuple[str, ...] = ()
    alarm_counts: tuple[AlarmCount, ...] = ()

    def raised(self, alarm: Alarm) -> Self:
        """With this alarm, in place of the one that its source had."""
        counts = _counted(self.alarm_counts, alarm)
        before = next((a for a in (*self.alarms, *self.past_alarms) if a.source == alarm.source), None)
        if before is not None and not before.over:  # the same alarm with another text
            since = min(before.since, alarm.since) if alarm.source in OUTAGES else alarm.since
            alarm = replace(alarm, since=since, times=before.times, lasted=before.lasted)
        elif before is not None and alarm.since - before.over < LINGER_S:
            alarm = replace(alarm, times=before.times + 1, lasted=before.lasted)
        return replace(
            self,
            alarms=(*_without(self.alarms, alarm.source), alarm),
            past_alarms=_without(self.past_alarms, alarm.source),
            alarm_history=(*self.alarm_history, alarm.text)[-ALARMS_KEPT:],
            alarm_counts=counts,
        )

    def cleared(self, source: str, at: float) -> Self:
        """Without the source's alarm, which was cleared at the Unix time `at`; unchanged if it has none."""
        cleared = next((a for a in self.alarms if a.source == source), None)
        if cleared is None:
            return self
        lasted = max(cleared.lasted, at - cleared.since)
        recent = tuple(a for a in _without(self.past_alarms, source) if at - a.over < LINGER_S)
        past = (*recent, replace(cleared, lasted=lasted, over=at))
        return replace(self, alarms=_without(self.alarms, source), past_alarms=past)


def _counted(counts: tuple[AlarmCount, ...], alarm: Alarm) -> tuple[AlarmCount, ...]:
    if not any(count.text == alarm.text for count in counts):
        return (*counts, AlarmCount(text=alarm.text, first=alarm.since, camera=alarm.camera))[-ALARMS_KEPT:]
    return tuple(
        msgspec.structs.replace(count, times=count.times + 1) if count.text == alarm.text else count for count in counts
    )


def _without(alarms: tuple[Alarm, ...], source: str) -> tuple[Alarm, ...]:
    return tuple(a for a in alarms if a.source != source)
