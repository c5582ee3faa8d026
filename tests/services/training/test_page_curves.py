"""The curves of a training's page: from its run folder, small, in blocks or in letters."""

from __future__ import annotations

from math import exp
from pathlib import Path

import pytest

from screens.views.page_lines import lines
from screens.views.signs import ASCII, UNICODE, use_signs
from services.folders import RunFolder
from services.live import events as ev
from services.live.metrics import encode_point
from services.log.page import page
from services.training.page_curves import COLUMNS, curve_section
from sessions.document import Session
from sessions.machine import MachineLoad
from sessions.models import SessionKind
from tests.support import facts
from tests.support.runs import make_folder, numbered, session_id, started

ID = session_id(1)


def a_run(path: Path, points: int, *, watts: float | None = None) -> RunFolder:
    run = make_folder(path).run(ID)
    run.root.mkdir(parents=True)
    told = [
        encode_point(
            step=100 * n, at=0.0, samples=n, epochs=0.1,
            metrics={"loss": float("nan") if n == 2 else exp(-n / 40), "lr": 1e-4, "grad_norm": 1.0 + n % 3},
        )
        for n in range(1, points + 1)
    ]  # fmt: skip
    run.metrics.write_bytes(b"".join(told))
    load = MachineLoad(cpu=0.5, memory_used=1, memory=2, gpu_watts=watts)
    progress = [
        ev.TrainingProgressed(step=n, machine=load, at=facts.BEGAN + at) for n, at in enumerate((0, 30, 60, 4000, 4030))
    ]
    run.events.write_bytes(b"".join(map(ev.encode, numbered(started(ID, kind=SessionKind.TRAIN), *progress))))
    return run


def a_training() -> Session:
    return facts.session(ID, kind=SessionKind.TRAIN, training=facts.training(loss=0.1), ended=facts.BEGAN + 3600)


def test_a_page_has_the_curves_of_its_run_and_what_it_cost(tmp_path: Path) -> None:
    made = curve_section(a_run(tmp_path, 200, watts=360.0))
    rows = {row.name: row for row in made.rows}
    curve = rows["loss curve"].curve
    assert curve is not None and len(curve.points) == COLUMNS
    assert curve.points[0] == 1.0 and curve.points[-1] == 0.0 and list(curve.points) == sorted(curve.points)[::-1]
    assert "least 0.00674 at step 20,000" in rows["loss curve"].text
    assert rows["energy"].text.startswith("0.00900 kWh"), "90 s at 360 W: over the long gap nothing is known"
    for width in (44, 76, 116):
        drawn = ["".join(text for text, _ in line) for line in lines(page(a_training(), curves=made), width)]
        assert max(map(len, drawn)) <= width
        assert sum("█" in line for line in drawn) >= 3 and any(line.startswith("cost") for line in drawn)
    use_signs(ASCII)
    try:
        drawn = ["".join(text for text, _ in line) for line in lines(page(a_training(), curves=made), 76)]
        assert all(line.isascii() for line in drawn if "@" in line) and any("@@" in line for line in drawn)
    finally:
        use_signs(UNICODE)


@pytest.mark.parametrize("points", [0, 1, 2])
def test_too_few_points_make_no_curve_and_no_power_no_energy(tmp_path: Path, points: int) -> None:
    made = curve_section(a_run(tmp_path, points))
    assert not [row for row in made.rows if row.name in ("loss curve", "energy")]


def test_a_run_folder_that_is_gone_or_damaged_adds_nothing(tmp_path: Path) -> None:
    assert not curve_section(make_folder(tmp_path).run(ID)).rows
    run = a_run(tmp_path / "b", 50)
    run.metrics.write_bytes(b"\xff\x00 nothing\n" * 20)
    run.events.write_bytes(b"no event\n")
    assert not curve_section(run).rows
