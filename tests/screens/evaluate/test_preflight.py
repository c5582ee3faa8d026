"""The preflight on the screens: what is bad stands where it is looked for, and keys look again or confirm it."""

from __future__ import annotations

import dataclasses

import pytest

from screens.evaluate.preflight_dialog import PreflightDialog
from screens.views import preflight
from screens.views.measured import rows
from screens.views.phase import phase_view
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.preflights import unconfirmed
from services.live.snapshots import Snapshot, advance
from services.log.rows.preflight_rows import preflight_rows
from sessions.models import SessionKind
from sessions.preflight import Check, Level
from tests.support.phase_walk import Case

SWAPPED = Check(
    name="camera overhead",
    level=Level.BAD,
    found="it shows what camera wrist showed in the training",
    mends="swap the two cameras' paths in lab.toml",
)
PROMPT = Check(
    name="task",
    level=Level.BAD,
    found="not the data's: [-Pick up the cube-] [+pick up a cup+]",
    mends="ask for 'Pick up the cube'",
)
SLOW = Check(name="latency", level=Level.WARNING, found="93 ms an inference", mends="a faster device")
DARK = Check(name="camera wrist", level=Level.UNCHECKED, found="the training's pictures could not be read")
POSE = Check(name="pose", level=Level.GOOD, found="the arm is at its rest pose")
CHECKS = (POSE, SLOW, DARK, SWAPPED, PROMPT)
WORST_FIRST = ["camera overhead", "task", "latency", "camera wrist", "pose"]


def told(*checks: Check, confirmed: bool = False) -> Snapshot:
    """An evaluation that waits for its first trial, after a preflight that found this."""
    before = Case(SessionKind.EVAL, Phase.IDLE).snapshot
    seen = advance(before, ev.PreflightMade(seq=before.last_seq + 1, preflight=1, checks=checks, seconds=3.2))
    if confirmed:
        names = tuple(check.name for check in unconfirmed(seen.preflights))
        seen = advance(seen, ev.PreflightConfirmed(seq=seen.last_seq + 1, preflight=1, by="Ada", bad=names))
    return seen


def telemetry(**values: bool) -> protocol.Telemetry:
    return protocol.Telemetry(at=0.0, **values)


# --- the phase --------------------------------------------------------------------------------------


def test_while_it_looks_the_phase_says_so_and_what_a_pressed_start_waits_for() -> None:
    snapshot = Case(SessionKind.EVAL, Phase.IDLE).snapshot
    looks = phase_view(snapshot, telemetry(preflight=True), driving=True, now=0.0)
    assert looks.word == "LOOKS" and "nothing moves" in looks.sentence
    waits = phase_view(snapshot, telemetry(preflight=True, start_pending=True), driving=True, now=0.0)
    assert waits.word == "LOOKS" and "once the preflight is through" in waits.sentence


@pytest.mark.parametrize("box", [(58, 2), (36, 6), (36, 4), (44, 2), (76, 2)])
def test_a_bad_one_is_the_phase_until_it_is_confirmed_and_its_key_fits_every_size(box: tuple[int, int]) -> None:
    bad = phase_view(told(*CHECKS), None, driving=True, now=0.0)
    assert bad.word == "PREFLIGHT BAD"
    assert "camera overhead: it shows" in bad.sentence and "and 1 more" in bad.sentence
    assert "k shows what mends it" in " ".join(" ".join(row.plain for row in rows(bad.parts, *box)).split())
    assert "starts trial" not in bad.sentence
    assert "k shows" not in phase_view(told(*CHECKS), None, driving=False, now=0.0).sentence
    assert "more" not in phase_view(told(POSE, PROMPT), None, driving=True, now=0.0).sentence
    for may in (told(*CHECKS, confirmed=True), told(POSE, SLOW, DARK)):
        assert "space starts trial" in phase_view(may, None, driving=True, now=0.0).sentence


# --- the policy's panel and the log -------------------------------------------------------------------


def test_the_panel_names_what_is_not_good_the_worst_first() -> None:
    lines = [line.plain for line in preflight.panel(told(*CHECKS))]
    assert lines[0].startswith("preflight: 2 bad, 1 warning, 1 not checked") and lines[0].endswith("k")
    assert [line.split(" ", 1)[1].partition(":")[0] for line in lines[1:]] == ["camera overhead", "task", "latency"]
    assert preflight.panel(Case(SessionKind.EVAL, Phase.IDLE).snapshot) == []


def test_the_log_has_all_of_it_the_worst_first_with_what_mends_it_and_who_confirmed_it() -> None:
    snapshot = told(*CHECKS, confirmed=True)
    session = dataclasses.make_dataclass("S", ["preflights"])(snapshot.preflights)
    first, confirmed, *checks = preflight_rows(session)
    assert first.text.startswith("2 bad, 1 warning, 1 not checked, 3.2 s")
    assert "camera overhead, task: bad, and trials began all the same by Ada" in confirmed.text
    assert [row.values[0].text.partition(":")[0] for row in checks] == WORST_FIRST
    assert checks[1].text.endswith("mend: ask for 'Pick up the cube'") and "mend" not in checks[-1].text
    assert len({row.name for row in (first, confirmed, *checks)}) == 1, "longer names would not fit its column"


# --- the table --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [36, 55, 56, 76, 106])
def test_the_table_tells_each_check_with_what_mends_it_at_every_width(width: int) -> None:
    said = [" ".join(row.content.plain.split()) for row in preflight.table(told(*CHECKS), width)]
    whole = "\n".join(said)
    for check in CHECKS:
        assert check.found in whole and (not check.mends or f"mend: {check.mends}" in whole)
    places = [next(at for at, line in enumerate(said) if line[2:].startswith(name)) for name in WORST_FIRST]
    assert places == sorted(places)
    (head, _) = preflight.heading(told(*CHECKS, confirmed=True))
    assert head.content.plain == "preflight 1: 2 bad, 1 warning, 1 not checked  3.2 s  confirmed by Ada"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_k_shows_the_table_k_looks_again_and_y_confirms(open_console, make_worker, size) -> None:
    async with open_console(size) as console:
        worker = await make_worker(kind=SessionKind.EVAL)
        await console.attach(worker, "evaluate")
        worker.telemetry(preflight=True)
        await console.until(lambda: console.word == "LOOKS")
        await console.press("k")
        await console.sees("the preflight is not through yet")
        worker.telemetry()
        worker.tell(ev.PreflightMade(preflight=1, checks=CHECKS, seconds=3.2))
        await console.until(lambda: console.word == "PREFLIGHT BAD")
        await console.press("space")
        assert not worker.heard_of(protocol.StartTrial)
        await console.press("k")
        await console.until(lambda: isinstance(console.app.screen, PreflightDialog))
        await console.sees("2 bad, 1 warning, 1 not checked")
        await console.sees("swap the two cameras' paths")
        await console.sees("trials may begin although this is bad")
        await console.press("k")
        await console.until(lambda: bool(worker.heard_of(protocol.MakePreflight)))
        await console.press("y")
        await console.until(lambda: bool(worker.heard_of(protocol.ConfirmPreflight)))
        (confirmed,) = worker.heard_of(protocol.ConfirmPreflight)
        assert (confirmed.preflight, confirmed.by) == (1, "me")
        await console.press("n")
        await console.until(lambda: not isinstance(console.app.screen, PreflightDialog))
