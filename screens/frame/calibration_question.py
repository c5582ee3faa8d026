"""A calibration kept the session from starting: what was found, and whether file and motors shall agree now."""

from __future__ import annotations

from typing import Any

from textual.app import App

from screens.desk.desk import Desk
from screens.frame.dialogs import Choice, Question
from services.bench import calibration
from services.live.events import CalibrationRefused
from sessions.models import SessionKind


class CalibrationQuestion(Question):
    """Says what does not fit, of every arm at once; `y` mends what can be mended and begins the session anew."""

    def __init__(self, desk: Desk, refused: tuple[CalibrationRefused, ...]) -> None:
        offers = list(dict.fromkeys(offer for each in refused if (offer := calibration.offer(each))))
        choices = [Choice("q", "leave everything as it is", "leave")]
        if offers:
            then = "then hold the arm" if desk.kind is SessionKind.BENCH else "then begin again"
            choices.insert(0, Choice("y", f"{' and '.join(offers)}, {then}", "mend"))
        super().__init__(desk, "The session did not begin: a calibration does not fit.", _sentences(refused), choices)


def _sentences(refused: tuple[CalibrationRefused, ...]) -> list[str]:
    lines: list[str] = []
    for each in refused:
        lines.append(f"{calibration.problem(each)}.")
        if each.hindrance:
            lines.append(f"It cannot be written now: {each.hindrance}.")
        if more := calibration.the_other_way(each) if calibration.offer(each) else calibration.remedy(each):
            lines.append(f"{more[:1].upper()}{more[1:]}.")
    return [*dict.fromkeys(lines), "Nothing has moved."]


def ask(app: App[Any], desk: Desk) -> None:
    """Ask once for each session about the calibrations that kept it from starting."""
    refused = desk.take_refused_calibrations()

    def answered(answer: str | None) -> None:
        if answer == "mend":
            desk.mend_calibrations(refused)

    if refused:
        app.push_screen(CalibrationQuestion(desk, refused), answered)
