"""A recorded episode in sentences: which it is, what became of it, where its cursor is. Pure: values to Content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from textual.content import Content

from screens.views.measured import Part
from screens.views.signs import clean, signs
from services.datasets.episode_view import EpisodeOpened
from services.datasets.marks import Mark
from services.tone import Tone
from services.units import number, plural
from sessions.models import Verdict, times

VERDICTS = {
    Verdict.SUCCESS: ("success", Tone.SUCCESS),
    Verdict.FAILURE: ("failure", Tone.DANGER),
    Verdict.VOID: ("void", Tone.QUIET),
}


def facts(opened: EpisodeOpened, dataset: str) -> list[Part]:
    """Which episode of which dataset, its mark, verdict, flags, length, task, origin, and what is not shown."""
    mark, dot = opened.mark or Mark(), signs().dot
    parts = [
        Part(f"episode {opened.episode}", 0, Tone.ACCENT),
        *_mark(mark, doubtful=opened.doubtful),
        Part(f"{opened.seconds:.1f} s", 1),
    ]
    if mark.moments:
        parts.append(Part(f"marked at {times(mark.moments, opened.fps)}", 1, Tone.ACCENT))
    if opened.tasks:
        parts.append(Part(f" {dot} ".join(clean(task, 120) for task in opened.tasks), 2))
    parts.append(Part(f"{dataset}, {plural(opened.episodes, 'episode')}", 3, Tone.QUIET))
    if opened.left_out:
        parts.append(Part(f"not shown: {clean(', '.join(opened.left_out), 120)}", 4, Tone.QUIET))
    parts.append(Part(f"{plural(opened.frames, 'frame')} at {number(opened.fps)} per second", 5, Tone.QUIET))
    if mark.session:
        what = "trial" if mark.verdict else "take"
        parts.append(Part(f"{what} {mark.take} of session {clean(mark.session, 40)}", 6, Tone.QUIET))
    return parts


def _mark(mark: Mark, *, doubtful: bool) -> list[Part]:
    s = signs()
    verdict = [Part(_verdict_sign(mark.verdict) + VERDICTS[mark.verdict][0], 1, VERDICTS[mark.verdict][1])
               ] if mark.verdict in VERDICTS else []  # fmt: skip
    why = f": {clean(mark.why, 80)}" if mark.why else ""
    if doubtful:
        accepted = Part(f"{s.warning} its number is rejected, but with other values", 0, Tone.WARNING, "mark in doubt")
    elif mark.accepted:
        accepted = Part(f"{s.yes} accepted{why}", 0, Tone.SUCCESS, f"{s.yes} accepted")
    else:
        accepted = Part(f"{s.no} rejected{why}", 0, Tone.DANGER, f"{s.no} rejected")
    flags = [Part(f"{s.warning} {clean(', '.join(mark.flags), 120)}", 1, Tone.WARNING)] if mark.flags else []
    return [accepted, *verdict, *flags]


def _verdict_sign(verdict: Verdict | None) -> str:
    s = signs()
    return {Verdict.SUCCESS: s.yes, Verdict.FAILURE: s.no}.get(verdict, s.void) + " " if verdict else ""


@dataclass(frozen=True)
class Timeline:
    """One row: times, a bar from cell `left` to before cell `right`, the frame's number."""

    content: Content
    left: int
    right: int

    def frame_at(self, x: int, frames: int) -> int | None:
        """The frame at this cell of the row; None beside the bar."""
        if not self.left <= x < self.right:
            return None
        return round((x - self.left) / max(1, self.right - self.left - 1) * (frames - 1))


def timeline(
    frame: int, frames: int, seconds: float, whole: float, *, playing: bool, width: int, moments: Sequence[int] = ()
) -> Timeline:
    """`> 4.10 of 14.90 s ━━━━━●──────── frame 123 of 0 to 446`; without the frame's number where there is no room.

    `frame` is counted from 0, as LeRobot counts, and so are `moments`, which have a sign of their own in the bar.
    """
    s = signs()
    digits = len(str(max(0, frames - 1)))
    before = f"{'>' if playing else ' '} {seconds:{len(f'{whole:.2f}')}.2f} of {whole:.2f} s "
    after = f" frame {frame:{digits}} of {max(0, frames - 1)}" if width >= 48 else ""
    room = max(1, width - len(before) - len(after))

    def cell(of: int) -> int:
        return round(of / max(1, frames - 1) * (room - 1))

    at = cell(frame)
    bar = [(s.span, "$accent")] * at + [(s.live, "bold $accent")] + [(s.track, "$edge")] * (room - at - 1)
    for marked in {cell(moment) for moment in moments if 0 <= moment < frames} - {at}:
        bar[marked] = (s.up, "bold $warning")
    content = Content.assemble(
        (before, "bold $accent" if playing else "bold"),
        *(("".join(sign for sign, _ in run), style) for style, run in groupby(bar, key=itemgetter(1))),
        (after, "$quiet"),
    )  # fmt: skip
    return Timeline(content, len(before), len(before) + room)
