"""Texts on an evaluation: trial numbers, how a trial ended or failed, the policy. Pure: from the snapshot."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from screens.views import keys
from screens.views.signs import clean, fit, signs
from screens.views.start_scene import to_come
from services.checkpoints import scripted
from services.live.protocol import Telemetry
from services.live.requests import ORACLE, EvalRequest
from services.live.snapshots import Snapshot
from services.log.rows.measured_words import of_trial
from services.units import plural
from sessions.before import Before
from sessions.blinding import is_code
from sessions.models import EndedBy, Trial, Verdict
from sessions.trials import place

MODES_MOST = 9
"""A failure mode has one digit."""

ENDED_BY = {
    EndedBy.VERDICT: "its verdict was taken back",
    EndedBy.KEY: "ended by key",
    EndedBy.TIME: "time is over",
    EndedBy.STOPPED: "stopped",
    EndedBy.DRIVER: "the driving console was lost, so the arm held",
    EndedBy.FAILED: "the policy or the robot failed",
    EndedBy.ENDED: "the session ended",
    EndedBy.ORACLE: "the oracle ended it",
}


# -- numbers -----------------------------------------------------------------------------------------


def upcoming(snapshot: Snapshot) -> int:
    """The number of the trial that runs, is pending, or comes next."""
    return snapshot.judged + 1


def target(snapshot: Snapshot) -> int:
    """How many judged trials are wanted."""
    return snapshot.started.target if snapshot.started else 0


def ruled(snapshot: Snapshot) -> bool:
    """Whether a rule may end the comparison early: then it alone says what follows, and `target` are the most."""
    request = snapshot.started.request if snapshot.started else None
    return isinstance(request, EvalRequest) and request.sequential is not None


def modes(snapshot: Snapshot) -> tuple[str, ...]:
    """The failure modes of the keys 1 to 9: those that the session began with, then those typed in it.

    A key never changes its meaning in a session.
    """
    started = snapshot.started
    if started is None or started.profile is None:
        return ()
    request = started.request
    own = request.failure_modes if isinstance(request, EvalRequest) else ()
    return tuple(dict.fromkeys((*(own or started.profile.failure_modes), *snapshot.typed_modes)))[:MODES_MOST]


def condition(snapshot: Snapshot) -> str:
    """The condition of the current or the next trial, as the operator wrote it; may be empty."""
    request = snapshot.started.request if snapshot.started else None
    if (slot := to_come(snapshot)) is not None and slot.condition is not None:
        return slot.name
    if snapshot.trial is not None:
        return snapshot.trial.condition
    return request.condition if isinstance(request, EvalRequest) else ""


def by_oracle(snapshot: Snapshot) -> bool:
    """Whether the oracle of the simulated bench judges."""
    request = snapshot.started.request if snapshot.started else None
    return isinstance(request, EvalRequest) and request.judge == ORACLE


def before(snapshot: Snapshot) -> Before:
    """What the sessions came to that this one goes on with; nothing where it goes on with none."""
    request = snapshot.started.request if snapshot.started else None
    return request.before if isinstance(request, EvalRequest) else Before()


def in_all(snapshot: Snapshot, verdict: Verdict) -> int:
    """Trials of the whole evaluation with this verdict, without practice."""
    return snapshot.count(verdict) + before(snapshot).count(verdict)


def judged_in_all(snapshot: Snapshot) -> int:
    """Trials of the whole evaluation that count."""
    return snapshot.judged + before(snapshot).judged


# -- one trial ---------------------------------------------------------------------------------------


def verdict_mark(verdict: Verdict) -> tuple[str, str]:
    """Sign and tone of a verdict."""
    s = signs()
    return {
        Verdict.SUCCESS: (s.yes, "$success"),
        Verdict.FAILURE: (s.no, "$error"),
        Verdict.VOID: (s.void, "$quiet"),
    }[verdict]


def how_it_ended(trial: Trial) -> str:
    """Why a pending trial is over; empty if unknown."""
    return ENDED_BY.get(trial.ended_by, "")


def modes_line(snapshot: Snapshot, width: int) -> Content:
    """`how it failed:  1 grasps air  2 drops it  o other`: what the digits mean after a failure.

    Where they have no room, all are cut to the same length, but for the one that was chosen; then `o other` goes.
    """
    last = snapshot.trial
    chosen = last.failure_mode if last else ""
    named = [(clean(mode, 40), mode == chosen) for mode in modes(snapshot)]
    heading = ("it failed:", "bold") if chosen else ("how it failed:", "bold $warning")
    other = [(f"  {keys.NEW_MODE} ", "bold $accent"), ("other", "$quiet")]
    longest = _longest(named, width - _cells(heading, *other))
    if not longest:
        other, longest = [], _longest(named, width - _cells(heading)) or 5
    told = [heading]
    for digit, (name, is_it) in enumerate(named, 1):
        told += [(f"  {digit} ", "bold $accent"), (_mode(name, longest, is_it), "bold" if is_it else "")]
    return Content.assemble(*told, *other)


def _cells(*parts: tuple[str, str]) -> int:
    return sum(cell_len(text) for text, _ in parts)


def _longest(named: Sequence[tuple[str, bool]], room: int) -> int:
    """The length that all names are cut to for this room, each with its digit before it; 0 if it is less than 6."""
    room -= 4 * len(named)
    fits = (n for n in range(40, 5, -1) if sum(cell_len(_mode(name, n, is_it)) for name, is_it in named) <= room)
    return next(fits, 0)


def _mode(name: str, longest: int, chosen: bool) -> str:
    """What a digit means: whole where it was chosen, else cut to `longest`."""
    return f"{signs().yes}{name}" if chosen else fit(name, min(longest, len(name)))


def stages_line(snapshot: Snapshot) -> Content | None:
    """`stage: ✓ reached  ✓ grasped  lifted  placed   . next`: how far the trial came; None where that is not asked."""
    last, started = snapshot.trial, snapshot.started
    known = started.profile.stages(started.task) if started and started.profile else ()
    if last is None or last.verdict is not None or not (known or last.assisted):
        return None
    parts: list[tuple[str, str]] = [("stage:", "bold")] if known else []
    for number, name in enumerate(known, 1):
        reached = number <= len(last.stages)
        mark = f"{signs().yes} " if reached else ""
        parts.append((f"  {mark}{clean(name, 20)}", "bold $success" if reached else "$quiet"))
    if len(last.stages) < len(known):
        parts += [(f"   {keys.STAGE} ", "bold $accent"), ("next", "")]
    if last.assisted:
        parts.append(("   helped: no success", "bold $warning"))
    return Content.assemble(*parts)


# -- the policy --------------------------------------------------------------------------------------


def cameras_used(snapshot: Snapshot, cameras: tuple[str, ...]) -> str:
    """The cameras that the policy uses, of the bench's `cameras`: `wrist only`, `overhead, wrist`, `no camera`."""
    policy = snapshot.policy
    if policy is None or is_code(policy.checkpoint):
        return ""
    if not policy.cameras:
        return "no camera"
    only = " only" if set(policy.cameras) < set(cameras) else ""
    return clean(", ".join(policy.cameras), 60) + only


def policy_text(snapshot: Snapshot) -> Content:
    """The policy, and its harmless differences from the bench."""
    policy = snapshot.policy
    if policy is None:
        return Content("the policy is being loaded" if snapshot.running else "no policy was loaded")
    if is_code(policy.checkpoint):
        return Content(f"policy {policy.checkpoint}: blinded, {keys.UNBLIND} tells which one it is")
    if policy.policy == scripted.NAME:
        return Content("the simulated bench's scripted person, not a policy that was trained")
    dot = f" {signs().dot} "
    lines = [Content(f"{clean(policy.policy, 30)}{dot}{_parameters(policy.parameters)}{dot}{clean(policy.device, 40)}")]
    if policy.actions_per_inference > 1:
        lines.append(Content(f"{plural(policy.actions_per_inference, 'action')} per inference"))
    lines += [Content(f"{signs().dot} {clean(note)}") for note in policy.notes]
    return Content("\n").join(lines)


def _parameters(count: int) -> str:
    if not count:
        return "parameters not told"
    return f"{count / 1e6:.1f} M parameters" if count >= 1e6 else f"{count / 1e3:.0f} k parameters"


def measured_line(snapshot: Snapshot) -> Content | None:
    """What was measured of the newest trial that is over: `trial 3: inference 41 ms, 120 at most, seam 1.2°`."""
    last = next((t for t in reversed(snapshot.trials) if t.measured is not None), None)
    said = of_trial(last.measured) if last is not None else ()
    if last is None or not said:
        return None
    name = "practice" if last.practice else f"trial {place(snapshot.trials, last.index)}"
    starved = bool(last.measured and last.measured.starved)
    *fine, end = said if starved else (*said, "")
    return Content.assemble(f"{name}: {', '.join(fine)}", (f"{', ' if fine and end else ''}{end}", "$warning"))


def loop_lines(telemetry: Telemetry) -> list[Content]:
    """Timing of the control loop and of the inference."""
    dot = f" {signs().dot} "
    t = telemetry
    starved = (f"starved {t.starved}", "bold $warning" if t.starved else "")
    return [
        Content(f"loop {t.loop_hz:4.1f} Hz{dot}p99 {t.loop_p99_ms:.0f} ms{dot}late {t.late}"),
        Content.assemble(f"infer {t.infer_ms:.0f} ms{dot}queue {t.action_queue}{dot}", starved),
    ]
