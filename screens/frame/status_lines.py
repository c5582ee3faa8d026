"""The status lines of the frame: header, alarm line, banner. Pure: from the desk to Content."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from screens.desk.desk import Desk
from screens.views import keys
from screens.views.advice import advice
from screens.views.phase_view import HOLD_AGAIN, holds
from screens.views.signs import clean, signs
from screens.views.trials import cameras_used
from services.checkpoints.checkpoint import label
from services.live import intents
from services.live.phases import Phase
from services.live.reasons import STOP_KEYS, AlarmSource
from services.live.snapshots import LINGER_S, Alarm, Snapshot
from services.tone import Tone
from services.units import duration
from sessions.models import SessionKind, SessionStatus


@dataclass(frozen=True)
class StatusLine:
    """A full-width line and its tone."""

    text: Content | str
    tone: Tone = Tone.PLAIN


def header(desk: Desk, screen: str, clock: str, width: int) -> Content:
    """Bench, session, operator and time, in `width` cells."""
    dot = f" {signs().dot} "
    left = " lab console  " if width >= 100 else " "
    bench = clean(desk.profile.name) + (" (demo)" if desk.demo else "")
    right = f"{clean(desk.operator)}  {clock} " if desk.operator and width >= 70 else f"{clock} "
    title, about = _session(desk, screen)
    room = width - len(left) - len(bench) - len(right) - len(title) - 6
    middle = about if len(about) <= room else about[: max(0, room - 1)] + signs().more if room > 8 else ""
    parts: list[tuple[str, str]] = [(left, "$quiet"), (bench, "bold"), (dot, "$quiet"), (title, "bold $accent")]
    parts += [(f"  {middle}", "")]
    used = sum(len(text) for text, _ in parts)
    return Content.assemble(*parts, (" " * max(1, width - used - len(right)), ""), (right, "$quiet"))


def _session(desk: Desk, screen: str) -> tuple[str, str]:
    started = desk.snapshot.started
    if not desk.live:
        return screen.upper(), ""
    if started is None:
        return screen.upper(), "starting"
    if started.kind is SessionKind.RECORD:
        about = f'{clean(started.dataset)} {signs().dot} "{clean(started.task)}"'
        return "RECORD", f"{desk.snapshot.phase.value} {signs().dot} {about}"
    if started.kind is SessionKind.EVAL:
        sees = cameras_used(desk.snapshot, tuple(desk.cameras))
        return "EVALUATE", f" {signs().dot} ".join(filter(None, [clean(label(started.request.checkpoint), 60), sees]))
    return "BENCH", desk.snapshot.phase.value


EVENT_ALARMS = frozenset({AlarmSource.POLICY, AlarmSource.REST})
"""Alarms about an event; all others are about a lasting state."""


def alarm_line(snapshot: Snapshot, now: float) -> StatusLine:
    """The newest alarm: what, since when, what to do about it; and how many more there are.

    Where none stands, the last one that was cleared within LINGER_S, so that nobody misses a short one.
    """
    if not snapshot.alarms:
        past = [a for a in snapshot.past_alarms if now - a.over < LINGER_S and a.source not in EVENT_ALARMS]
        return _past_alarm(max(past, key=lambda a: a.over)) if past else StatusLine("")
    alarm = max(snapshot.alarms, key=lambda a: a.since)
    more = f"  (+{len(snapshot.alarms) - 1} more)" if len(snapshot.alarms) > 1 else ""
    return StatusLine(f"{signs().warning} {_alarm(alarm, snapshot, now)}{more}", Tone.DANGER)


def _alarm(alarm: Alarm, snapshot: Snapshot, now: float) -> str:
    dot = f" {signs().dot} "
    since = ""
    if 0 < now - alarm.since < 360_000:
        ago = duration(now - alarm.since)
        since = f", {ago} ago" if alarm.source in EVENT_ALARMS else f" for {ago}"
    answer = f"{dot}{words}" if (words := advice(alarm, snapshot)) else ""
    return f"{clean(alarm.text)}{since}{_times(alarm)}{answer}"


def _past_alarm(alarm: Alarm) -> StatusLine:
    lasted = f"{alarm.lasted:.1f} s" if alarm.lasted < 10 else duration(alarm.lasted)
    text = f"{signs().warning} {clean(alarm.text)} {signs().dot} over after {lasted}{_times(alarm)}"
    return StatusLine(text, Tone.WARNING)


def _times(alarm: Alarm) -> str:
    return f" ({alarm.times} times)" if alarm.times > 1 else ""


def banner(desk: Desk, width: int, *, typing: bool = False) -> StatusLine:
    """The line above the keys: a hold, else who drives, else what was lost; often empty.

    `typing`: a text field has the focus, so letters are no keys.
    """
    dot = f" {signs().dot} "
    snapshot = desk.snapshot
    if desk.live and snapshot.phase is Phase.HELD:
        return StatusLine(_held(desk, width, typing), Tone.WARNING)
    if desk.live and snapshot.phase is Phase.LIMP:
        return StatusLine(f"{signs().warning} NOT HELD{dot}{clean(snapshot.detail)}{dot}{HOLD_AGAIN}", Tone.DANGER)
    if desk.watching:
        return StatusLine(f"{signs().void} {_driver(desk)}", Tone.ACCENT)
    if not desk.live and desk.lost_reason:
        return StatusLine(
            f"{signs().warning} {desk.lost_reason}{dot}{keys.new_session(desk.kind)} starts again", Tone.DANGER
        )
    if not desk.live and snapshot.status is SessionStatus.ABORTED and desk.kind is SessionKind.BENCH:
        return StatusLine(f"{signs().warning} {clean(snapshot.end_reason)}", Tone.WARNING)
    return StatusLine("")


def _held(desk: Desk, width: int, typing: bool) -> str:
    """Why the arm holds, and the keys that act on it; in a narrow terminal the keys come first."""
    dot = f" {signs().dot} "
    snapshot = desk.snapshot
    cause = clean(snapshot.held) or "the worker"
    named = snapshot.held_by is None or snapshot.held_by in STOP_KEYS
    held = f"by {cause}" if named else f"({cause})"
    after = f" after {desk.held_ms:.0f} ms" if desk.held_ms else ""
    answers = _answers(desk) if desk.driving else _driver(desk)
    answers = "Esc leaves the form, then keys act" if typing else answers
    if not holds(snapshot):
        return f"{signs().warning} STOPPED {held}{dot}the follower does not answer: whether it holds is not known"
    whole = f"{signs().stop} HELD {held}{after}{dot}torque is on{dot}{answers}"
    return whole if len(whole) <= width - 2 else f"{signs().stop} HELD{dot}{answers}{dot}{held}"


def _answers(desk: Desk) -> str:
    """The keys that act on a hold. An evaluation does not resume: its trial is judged, the arm goes to rest."""
    snapshot = desk.snapshot
    answers = (
        (f"{keys.SUCCESS} {keys.FAILURE} {keys.VOID} judge the trial", snapshot.pending),
        (f"{keys.PAUSE} resume (ramped)", intents.pause(snapshot)),
        (f"{keys.REST} go to rest", intents.rest(snapshot)),
        (f"{keys.RELEASE} release", intents.release(snapshot)),
    )
    return "   ".join(words for words, means in answers if means)


def _driver(desk: Desk) -> str:
    dot = f" {signs().dot} "
    who = f"{desk.driver} drives" if desk.driver else "nobody drives"
    return f"watching{dot}{who}{dot}{keys.TAKE_OVER} takes over{dot}{keys.stop_keys()} stop the arm"
