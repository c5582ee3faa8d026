"""The status lines of the frame: alarm line and banner. Pure: from the desk to Content."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from screens.desk.desk import Desk
from screens.desk.messages import Noticed
from screens.views import keys
from screens.views.advice import HOLD_AGAIN
from screens.views.alarms import EVENT_ALARMS, Choice, line, over, shown, standing
from screens.views.measured import Part, plain
from screens.views.phase_view import holds
from screens.views.signs import clean, signs
from services.live import intents
from services.live.alarms import LINGER_S
from services.live.phases import Phase
from services.live.reasons import STOP_KEYS
from services.live.snapshots import Snapshot
from services.tone import Tone
from sessions.models import SessionKind, SessionStatus


@dataclass(frozen=True)
class StatusLine:
    """A full-width line and its tone."""

    text: Content | str
    tone: Tone = Tone.PLAIN
    parts: tuple[Part, ...] = ()

    @classmethod
    def of(cls, parts: tuple[Part, ...], tone: Tone) -> StatusLine:
        """A line in parts, to be laid out in its width."""
        return cls(plain(parts), tone, parts)

    @classmethod
    def noticed(cls, notice: Noticed) -> StatusLine:
        """A notice: what happened, cut if need be, and what to press."""
        if not notice.then:
            return cls(notice.text, notice.tone)
        return cls.of((Part(notice.text, cut=True), Part(notice.then)), notice.tone)

    def fitting(self, width: int) -> tuple[Part, ...]:
        """Its parts; a plain text is one, shortened to `width` cells (0: unknown)."""
        text = str(self.text)
        return self.parts or (Part(shortened(text, width) if 0 < width < len(text) else text),)


def alarm_line(*snapshots: Snapshot, now: float, choice: Choice | None = None, watching: bool = False) -> StatusLine:
    """The chosen alarm, else the newest: what, since when, what to do about it; and which of how many it is.

    Where none stands, the last one that was cleared within LINGER_S, so that nobody misses a short one.
    """
    one = shown(standing(*snapshots), choice)
    if one is not None:
        return StatusLine.of(line(one, now, driving=not watching), Tone.DANGER)
    cleared = [alarm for snapshot in snapshots for alarm in snapshot.past_alarms]
    past = [a for a in cleared if now - a.over < LINGER_S and a.source not in EVENT_ALARMS]
    return StatusLine.of(over(max(past, key=lambda a: a.over)), Tone.WARNING) if past else StatusLine("")


def banner(desk: Desk, *, typing: bool = False, here: str = "") -> StatusLine:
    """The line above the keys: a hold, else who drives, else what was lost; often empty.

    `typing`: a text field has the focus, so letters are no keys. `here` is the mode of the screen that shows it.
    """
    snapshot = desk.snapshot
    if desk.live and snapshot.phase is Phase.HELD:
        return StatusLine.of(_held(desk, typing), Tone.WARNING)
    if desk.live and snapshot.phase is Phase.LIMP:
        state = Part(f"{signs().warning} NOT HELD")
        return StatusLine.of((state, Part(clean(snapshot.detail), 1, cut=True), HOLD_AGAIN), Tone.DANGER)
    if desk.watching:
        return StatusLine.of(_watching(desk), Tone.ACCENT)
    if not desk.live and desk.lost_reason:
        again = Part(keys.starts_again(desk.kind, here))
        return StatusLine.of((Part(f"{signs().warning} {desk.lost_reason}", cut=True), again), Tone.DANGER)
    if not desk.live and snapshot.status is SessionStatus.ABORTED and desk.kind is SessionKind.BENCH:
        return StatusLine(f"{signs().warning} {clean(snapshot.end_reason)}", Tone.WARNING)
    return StatusLine("")


def _held(desk: Desk, typing: bool) -> tuple[Part, ...]:
    """Why the arm holds, and the keys that act on it."""
    snapshot = desk.snapshot
    cause = clean(snapshot.held) or "the worker"
    named = snapshot.held_by is None or snapshot.held_by in STOP_KEYS
    held = f"by {cause}" if named else cause
    after = f" after {desk.held_ms:.0f} ms" if desk.held_ms else ""
    if not holds(snapshot):
        unknown = "the follower does not answer: whether it holds is not known"
        short = "no answer: it may not hold"
        return Part(f"{signs().warning} STOPPED"), Part(held, 2, cut=True), Part(unknown, short=short)
    state = (Part(f"{signs().stop} HELD"), Part(f"{held}{after}", 1, cut=True), Part("torque is on", 2))
    if typing:
        return *state, Part("Esc leaves this field, then keys act")
    return *state, *(_answers(desk) if desk.driving else _watching(desk))


def _answers(desk: Desk) -> tuple[Part, ...]:
    """The keys that act on a hold. An evaluation does not follow again: its trial is judged, the arm goes to rest."""
    snapshot = desk.snapshot
    verdicts = f"{keys.SUCCESS} {keys.FAILURE} {keys.VOID}"
    found = (
        (Part(f"{verdicts} judge the trial", short=f"{verdicts} judge"), snapshot.pending),
        (Part(f"{keys.PAUSE} follows again, slowly", short=f"{keys.PAUSE} follows"), intents.pause(snapshot)),
        (Part(f"{keys.REST} goes to rest", short=f"{keys.REST} rests"), intents.rest(snapshot)),
        (Part(f"{keys.RELEASE} releases"), intents.release(snapshot)),
    )
    return tuple(part for part, acts in found if acts)


def _watching(desk: Desk) -> tuple[Part, ...]:
    who = f"{desk.driver} drives" if desk.driver else "nobody drives"
    return (
        Part(f"{signs().void} watching"),
        Part(who, 1, cut=True),
        Part(f"{keys.TAKE_OVER} takes control", short=f"{keys.TAKE_OVER} takes"),
        Part(f"{keys.stop_keys()} STOP the arm", short=f"{keys.stop_keys()} STOP"),
    )


def shortened(text: str, width: int) -> str:
    """A service's sentence in `width` cells, of which only the punctuation is known here.

    The beginning says what is wrong, the last clause what to do: each may have half of the room.
    """
    for mark in ("; ", ": "):
        before, found, last = text.rpartition(mark)
        if found:
            room = max(2, width - len(mark))
            said = max(room // 2, room - len(last))
            return f"{clean(before, said)}{mark}{clean(last, max(1, room - min(said, len(before))))}"
    return clean(text, max(1, width))
