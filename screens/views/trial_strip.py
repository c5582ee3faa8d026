"""The strip of trials: `1✓ 2✓ 3✗¹ 4✓ 5○ 5✓ 6●`; the number is the place among the trials that count.

The raised digit is the key of the failure mode; raised, it is not read as a trial.
"""

from __future__ import annotations

from textual.content import Content

from screens.views.signs import signs
from screens.views.trials import modes, verdict_mark
from services.live.snapshots import Snapshot
from sessions.models import Trial, Verdict
from sessions.trials import places

RAISED = "¹²³⁴⁵⁶⁷⁸⁹"
PRACTICE = "p"
TrialMark = tuple[str, str, str, str]
"""Number, or PRACTICE, sign, tone variable, raised digit of the failure mode."""


def trial_marks(snapshot: Snapshot) -> list[TrialMark]:
    """A mark for every attempt of the session, in order."""
    raised = RAISED if signs().unicode else [f"/{digit}" for digit in range(1, 10)]
    digits = dict(zip(modes(snapshot), raised, strict=False))
    marks, numbers = [], places(snapshot.trials)
    for trial in snapshot.trials:
        digit = digits.get(trial.failure_mode, "") if trial.verdict is Verdict.FAILURE else ""
        number = PRACTICE if trial.practice else str(numbers[trial.index])
        marks.append((number, *_mark(trial), digit))
    return marks


def _mark(trial: Trial) -> tuple[str, str]:
    if trial.verdict is not None:
        return verdict_mark(trial.verdict)
    return ("?", "$warning") if trial.ended_by else (signs().live, "$accent")


def trial_strip(snapshot: Snapshot, width: int) -> Content:
    """The newest trials that fit into `width` cells, or a legend if there are none."""
    marks = trial_marks(snapshot)
    if not marks:
        s = signs()
        return Content.styled(
            f"trials appear here: 1{s.yes} success, 2{s.no} failure, 3{s.void} void and repeated", "$quiet"
        )
    room, fits = width - 10, 0
    for number, _, _, digit in reversed(marks):
        room -= len(f"{number}{digit}") + 2
        if room < 0 and fits:
            break
        fits += 1
    hidden = len(marks) - fits
    parts: list[tuple[str, str]] = [(f"+{hidden} ", "$quiet")] if hidden > 0 else []
    for number, sign, tone, digit in marks[-fits:]:
        parts += [(number, "$quiet"), (sign, f"bold {tone}"), (f"{digit} ", "$quiet")]
    return Content.assemble(*parts)
