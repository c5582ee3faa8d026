"""What was measured of a trial, in words: inference, seams, periods without an action. Pure."""

from __future__ import annotations

from services.log.sections import Row, quiet, row, text
from services.tone import Tone
from services.units import plural
from sessions.document import Session
from sessions.models import Measured


def inference(measured: Measured | None) -> str:
    """`41 ms, 120 at most`: the median and the longest inference; empty if the policy has none."""
    if measured is None or not measured.inferences:
        return ""
    return f"{_ms(measured.infer_ms)} ms, {_ms(measured.infer_ms_most)} at most"


def median(measured: Measured | None) -> str:
    """`41 ms`: the median inference, where there is little room."""
    return f"{_ms(measured.infer_ms)} ms" if measured is not None and measured.inferences else ""


def seam(measured: Measured | None) -> str:
    """`1.2°`: the largest step of a joint from one inference's actions to the next one's; empty if there was none."""
    return f"{measured.seam:.1f}°" if measured is not None and measured.inferences > 1 else ""


def starved(measured: Measured | None) -> str:
    """`12`: the control periods without an action; empty if each had one."""
    return str(measured.starved) if measured is not None and measured.starved else ""


def of_trial(measured: Measured | None) -> tuple[str, ...]:
    """`inference 41 ms, 120 at most`, `seam 1.2°`, `starved in 12 periods`: what there is to say of one trial."""
    parts = (("inference", inference(measured)), ("seam", seam(measured)))
    said = [f"{name} {value}" for name, value in parts if value]
    return (*said, f"starved in {plural(measured.starved, 'period')}") if measured and measured.starved else tuple(said)


def over_trials(session: Session) -> list[Row]:
    """The same over all trials of a session: the range of the medians, the longest, the largest seam."""
    known = [t.measured for t in session.trials if t.measured is not None and t.measured.inferences]
    if not known:
        return []
    least, most = (_ms(choose(m.infer_ms for m in known)) for choose in (min, max))
    medians = f"{least} ms" if least == most else f"{least} to {most} ms"
    longest = f"{_ms(max(m.infer_ms_most for m in known))} ms at most"
    seams = [m.seam for m in known if m.inferences > 1]
    lack = sum(m.starved for m in known)
    return [
        row(
            "inference",
            medians,
            quiet(longest),
            quiet(f"seams up to {max(seams):.1f}°" if seams else ""),
            text(f"starved in {plural(lack, 'period')}" if lack else "", Tone.WARNING),
        )
    ]


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
