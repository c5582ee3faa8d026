"""The alarms that stand: which one is shown, how it reads in the alarm line and large in the phase panel. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from screens.views import keys
from screens.views.advice import answers
from screens.views.measured import Part
from screens.views.signs import clean, signs
from services.live.alarms import Alarm
from services.live.reasons import AlarmSource
from services.live.snapshots import Snapshot
from services.units import duration

EVENT_ALARMS = frozenset({AlarmSource.POLICY, AlarmSource.REST})
"""Alarms about an event; all others are about a lasting state."""
LARGE = {
    AlarmSource.FOLLOWER: "FOLLOWER LOST",
    AlarmSource.LEADER: "LEADER LOST",
    AlarmSource.OBSERVATION: "NO PICTURES",
    AlarmSource.ANSWERS: "BAD CABLE",
    AlarmSource.PORT: "PORT",
    AlarmSource.MOTION: "STUCK",
    AlarmSource.TORQUE: "NO TORQUE",
    AlarmSource.HEAT: "HOT SERVOS",
    AlarmSource.REST: "BLOCKED",
    AlarmSource.POLICY: "POLICY",
    AlarmSource.ORACLE: "ORACLE",
    AlarmSource.DATASET: "NOT SAVED",
    AlarmSource.MARKS: "NO MARKS",
    AlarmSource.DISK: "DISK FULL",
    AlarmSource.TRAINER: "TRAINER",
    AlarmSource.METRICS: "METRICS",
    AlarmSource.LOSS: "LOSS",
    AlarmSource.SPIKE: "LOSS JUMPS",
    AlarmSource.GRADIENT: "GRADIENT",
    AlarmSource.STALLED: "STALLED",
    AlarmSource.SPACE: "DISK LOW",
    AlarmSource.CHECKPOINT: "CHECKPOINT",
    AlarmSource.LAST: "CHECKPOINT",
    AlarmSource.TARGET: "NOT REACHED",
    AlarmSource.FETCHED: "NOT FETCHED",
}
"""What is wrong, for two metres. A camera's alarm is its state: BLACK, FROZEN, SLOW."""


@dataclass(frozen=True)
class Standing:
    """One of `count` alarms that stand, the `at`-th of them from 1, newest first; `state` is its session's."""

    alarm: Alarm
    state: Snapshot
    at: int
    count: int


@dataclass(frozen=True)
class Choice:
    """The alarm that the operator walked to; it holds until a newer alarm than `newest` (Unix time) is raised."""

    source: AlarmSource
    newest: float


def standing(*snapshots: Snapshot) -> tuple[Standing, ...]:
    """The alarms of these sessions, those of the first session first, newest first."""
    found: list[tuple[Alarm, Snapshot]] = []
    for snapshot in snapshots:
        found += [(a, snapshot) for a in sorted(snapshot.alarms, key=lambda a: a.since, reverse=True)]
    return tuple(Standing(alarm, of, at, len(found)) for at, (alarm, of) in enumerate(found, 1))


def shown(alarms: Sequence[Standing], choice: Choice | None) -> Standing | None:
    """The chosen alarm, else the first; None without any."""
    if not alarms:
        return None
    if choice is not None and choice.newest >= _newest(alarms):
        return next((each for each in alarms if each.alarm.source == choice.source), alarms[0])
    return alarms[0]


def after(alarms: Sequence[Standing], choice: Choice | None) -> Choice | None:
    """The choice of the next alarm, wrapping around; None without any."""
    now = shown(alarms, choice)
    if now is None:
        return None
    return Choice(alarms[now.at % now.count].alarm.source, _newest(alarms))


def _newest(alarms: Sequence[Standing]) -> float:
    return max(each.alarm.since for each in alarms)


# -- how it reads ------------------------------------------------------------------------------------


def large(one: Standing | None) -> tuple[str, ...]:
    """Wordings for the panel, longest first: `WRIST BLACK 1/3`, `BLACK 1/3`, `BLACK`; none without an alarm."""
    if one is None:
        return ()
    alarm = one.alarm
    what = LARGE.get(alarm.source) or (clean(alarm.state, 20) or "CAMERA").upper()
    count = f" {one.at}/{one.count}" if one.count > 1 else ""
    where = f"{clean(alarm.source, 20).upper()} " if alarm.source not in LARGE else ""
    first = what.split()[0]
    return tuple(dict.fromkeys((f"{where}{what}{count}", f"{what}{count}", f"{first}{count}", first)))


def line(one: Standing, now: float, *, driving: bool = True) -> tuple[Part, ...]:
    """What, since when, what to do about it, and how many there are; to a watcher, no key that is refused."""
    alarm = one.alarm
    since = ""
    if 0 < now - alarm.since < 360_000:
        ago = duration(now - alarm.since)
        since = f"{ago} ago" if alarm.source in EVENT_ALARMS else f"for {ago}"
    if alarm.source == AlarmSource.HEAT and one.state.phase_since:
        since = f"held for {duration(now - one.state.phase_since)}"
    count = (Part(f"{one.at} of {one.count}, {keys.NEXT_ALARM} next"),) if one.count > 1 else ()
    return (
        Part(f"{signs().warning} {clean(alarm.text)}{times(alarm)}", cut=True),
        Part(since, 2),
        *answers(alarm, one.state, driving=driving),
        *count,
    )


def over(alarm: Alarm) -> tuple[Part, ...]:
    """An alarm that was cleared a moment ago."""
    lasted = f"{alarm.lasted:.1f} s" if alarm.lasted < 10 else duration(alarm.lasted)
    return Part(f"{signs().warning} {clean(alarm.text)}", cut=True), Part(f"over after {lasted}{times(alarm)}")


def times(alarm: Alarm) -> str:
    """`(3 times)`; empty for once."""
    return f" ({alarm.times} times)" if alarm.times > 1 else ""
