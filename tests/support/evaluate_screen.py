"""An evaluation driven through the demo's screens: the form, and the start of a trial."""

from __future__ import annotations

import time

from screens.evaluate.form import EvaluateForm
from services.folders import RunFolder
from services.live.phases import Phase
from services.live.running import live_runs
from tests.support.checkpoints import make_checkpoint
from tests.support.demo_desk import DemoDesk
from tests.support.forms import in_order
from tests.support.terminal import Terminal

PATIENCE_S = 240


def start_evaluation(desk: DemoDesk, reading_s: float = 0.0) -> tuple[Terminal, RunFolder]:
    """The form as it fills itself in, one Enter per field, after `reading_s` seconds."""
    checkpoint = desk.folder.root / "outputs" / "train" / "tiny" / "checkpoints" / "000010"
    make_checkpoint(checkpoint)
    screen = desk.open("--data-dir", str(desk.folder.root), "--bench", "sim-state")
    screen.wait_for("F3", 60)
    screen.write(b"\x1b[15~")
    screen.wait_for("no camera", 60)
    time.sleep(reading_s)
    for text in in_order(EvaluateForm, trials="999", trial_seconds="30"):
        if text:
            screen.press("ctrl+u")
            screen.type(text)
        screen.press("enter")
        time.sleep(0.3)
    screen.wait_until(lambda: bool(live_runs(desk.folder)), 30, "no worker was started")
    run = live_runs(desk.folder)[0]
    screen.wait_until(lambda: desk.state(run).phase is Phase.IDLE, PATIENCE_S, "it does not get past starting")
    return screen, run


def start_trial(desk: DemoDesk, screen: Terminal, run: RunFolder) -> None:
    """Space, once the last key is long enough ago; returns while the policy drives."""
    time.sleep(0.7)
    screen.press("space")
    screen.wait_until(lambda: desk.state(run).phase is Phase.RUNNING, 60, "no trial runs")
    time.sleep(1.0)
