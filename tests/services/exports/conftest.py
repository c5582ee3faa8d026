"""A log with a recording, a training, an evaluation and a blinded comparison."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.folders import DataFolder
from services.live import events as ev
from services.live.metrics import encode_point
from services.log.logbook import add_note
from sessions.models import EndedBy, SessionKind, Verdict
from tests.support.facts import BEGAN, checkpoint_saved, training
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

RECORDING, TRAINING, EVALUATION, BLINDED = (session_id(n) for n in (1, 2, 3, 4))
FORMULA = '=HYPERLINK("http://x","y")\x1b[31m\nsecond line, "quoted"'


def tried(*verdicts: Verdict, checkpoints: str = "") -> list[ev.Event]:
    """Trials, of the policies with these codes in turn."""
    made: list[ev.Event] = []
    for number, verdict in enumerate(verdicts, 1):
        code = checkpoints[(number - 1) % len(checkpoints)] if checkpoints else ""
        made += [
            ev.TrialStarted(trial=number, checkpoint=code, condition="lamp, left"),
            ev.TrialEnded(trial=number, frames=100, reason=EndedBy.VERDICT),
            ev.TrialJudged(trial=number, verdict=verdict, judge="anna"),
        ]
    return made


def make_log(path: Path) -> DataFolder:
    folder = make_folder(path)
    write_run(folder, RECORDING, started(RECORDING, operator="anna", target=7), saved(0, flags=("late",)),
              saved(1, accepted=False), ended())  # fmt: skip
    add_note(folder, RECORDING, FORMULA, "@anna")
    progress = ev.TrainingProgressed(step=300, metrics={"loss": 0.25})
    begun = (started(TRAINING, kind=SessionKind.TRAIN), training().started)
    run = write_run(folder, TRAINING, *begun, progress, checkpoint_saved(300), ended())
    lines = [encode_point(step=step, at=BEGAN + step, samples=8 * step, epochs=step / 100,
                          metrics={"loss": float("nan") if step == 200 else 1 / step, "lr": 1e-5})
             for step in (100, 200, 300)]  # fmt: skip
    run.metrics.write_bytes(b"".join(lines) + b"torn")
    verdicts = (Verdict.SUCCESS, Verdict.VOID, Verdict.FAILURE)
    write_run(folder, EVALUATION, started(EVALUATION, kind=SessionKind.EVAL, task="pick", target=2), *tried(*verdicts),
              ev.TrialAnnotated(trial=3, failure_mode="grasps air"), ended())  # fmt: skip
    blind = started(
        BLINDED, kind=SessionKind.EVAL, task="pick", checkpoint="A", further_checkpoints=("B",), blinded=True
    )
    write_run(folder, BLINDED, blind, *tried(Verdict.SUCCESS, Verdict.FAILURE, checkpoints="AB"), ended())
    return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """The log, which tests only read."""
    return make_log(tmp_path_factory.mktemp("exports"))
