"""At every size, in every phase of every session, driving or watching: what says what to press is on the screen."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from screens.desk.desk import Desk
from screens.frame.status_lines import banner
from screens.views.alarms import line, standing
from screens.views.measured import Part, rows
from screens.views.phase import phase_view
from services.live import events as ev
from services.live.phases import Phase
from services.live.reasons import Advice, AlarmSource, Step
from services.live.snapshots import Snapshot, advance, replay
from sessions.models import SessionKind, SessionStatus
from tests.support.phase_walk import Case, cases

BOXES = {(60, 15): (58, 2), (80, 24): (36, 6), (100, 30): (36, 4), (120, 40): (44, 2), (200, 60): (76, 2)}
"""Columns and rows of the phase panel's sentence, by the terminal's size; an alarm never takes any of them."""
ARMS = [case for case in cases() if case.kind is not SessionKind.TRAIN]
LONG = "the follower is 38 degrees away from the leader at shoulder_lift, which is more than a start may jump"


def unsaid(parts: tuple[Part, ...], width: int, height: int) -> list[str]:
    """Parts of rank 0 that are not whole in a box of this size."""
    said = " ".join(" ".join(row.plain for row in rows(parts, width, height)).split())
    return [
        p.text for p in parts if not p.rank and not p.cut and p.text not in said and (p.short or p.text) not in said
    ]


@pytest.mark.parametrize("driving", [True, False])
def test_the_panel_keeps_what_to_press_at_every_size(driving: bool) -> None:
    for case in ARMS:
        told = dataclasses.replace(case.snapshot, step=Step.ENDING if case.ending else Step.NONE)
        crashed = dataclasses.replace(told, ended=ev.SessionEnded(status=SessionStatus.CRASHED, reason=LONG, at=9.0))
        wordy = dataclasses.replace(told, detail=LONG)
        for snapshot in (told, wordy, *([crashed] if case.phase is Phase.ENDED else [])):
            view = phase_view(snapshot, None, driving=driving, now=100.0)
            for size, box in BOXES.items():
                assert unsaid(view.parts, *box) == [], (str(case), size, view.sentence)


def desk(snapshot: Snapshot, **values: Any) -> Desk:
    about = {"driving": True, "watching": False, "driver": "somebody with a long name", "live": True, "held_ms": 12.0}
    about |= {"lost_reason": "", "kind": snapshot.started.kind if snapshot.started else None}
    return SimpleNamespace(snapshot=snapshot, **(about | values))  # type: ignore[return-value]


@pytest.mark.parametrize("driving", [True, False])
def test_the_banner_keeps_what_to_press_at_every_size(driving: bool) -> None:
    for case in ARMS:
        snapshot = advance(case.snapshot, ev.Held(cause="the driving console is gone, and nobody took over", why=LONG))
        said = banner(desk(snapshot, driving=driving, watching=not driving))
        for width in (58, 78, 98, 118, 198):
            assert unsaid(said.parts, width, 1) == [], (str(case), width, said.text)


def test_the_alarm_line_keeps_its_key_at_every_size_whatever_the_alarm_says() -> None:
    for advice in Advice:
        alarm = ev.AlarmRaised(source=AlarmSource.MOTION, text=LONG, answer=LONG, advice=advice, at=1.0)
        other = ev.CameraAlarmed(camera="overhead", state="black", since=1.0)
        parts = line(standing(replay([other, alarm]))[0], 100.0)
        assert any("!" in part.text for part in parts)
        for width in (58, 78, 98, 118, 198):
            assert unsaid(parts, width, 1) == [], (advice, width)


def test_the_38_degree_warning_keeps_what_to_do() -> None:
    snapshot = dataclasses.replace(Case(SessionKind.RECORD, Phase.HELD).snapshot, detail=LONG)
    view = phase_view(snapshot, None, driving=True, now=0.0)
    said = " ".join(row.plain for row in rows(view.parts, 44, 2))
    assert said.startswith("the follower") and "p follows again" in said and "g goes to rest" in said


def test_a_crash_says_that_saved_takes_are_safe() -> None:
    crashed = dataclasses.replace(
        Case(SessionKind.RECORD, Phase.ENDED).snapshot, ended=ev.SessionEnded(status=SessionStatus.CRASHED, reason=LONG)
    )
    for box in BOXES.values():
        said = " ".join(
            " ".join(row.plain for row in rows(phase_view(crashed, None, driving=False, now=0).parts, *box)).split()
        )
        assert "saved takes are safe" in said and "F2, then H" in said and "N starts again" in said
