"""Two policies compared by keys: who judges sees what the oracle sees, and the log says the same of each."""

from __future__ import annotations

import time

from screens.evaluate.form import EvaluateForm
from services.live.event_log import is_live
from services.live.phases import Phase
from services.live.running import live_runs
from services.log import logbook
from services.sim.client import WorldClient
from sessions.models import Verdict
from tests.support.demo_desk import DemoDesk
from tests.support.evaluate_screen import start_trial
from tests.support.forms import in_order

BOTH = ("sim-scripted@1", "sim-scripted@0")


def test_the_verdicts_of_two_policies_by_keys_are_the_oracles(demo: DemoDesk) -> None:
    screen = demo.open("--data-dir", str(demo.folder.root), "--bench", "sim-state")
    screen.wait_for("F3", 60)
    screen.press("F5")
    screen.wait_for("new evaluation", 40)
    for text in in_order(
        EvaluateForm, checkpoint=",".join(BOTH), trials="2", trial_seconds="10", conditions="x200 y60"
    ):
        if text:
            screen.press("ctrl+u")
            screen.type(text)
        time.sleep(0.15)
        screen.press("enter")
    screen.wait_until(lambda: bool(live_runs(demo.folder)), 90, "no worker was started")
    run = live_runs(demo.folder)[0]
    screen.wait_until(lambda: demo.state(run).phase is Phase.IDLE, 120, "the worker does not get past starting")
    screen.wait_for("x200 y60", 20)

    world, seen = WorldClient(demo.folder.root), list[Verdict]()
    for number in (1, 2):
        start_trial(demo, screen, run)
        screen.wait_until(
            lambda: world.state().cube_in_bowl or demo.state(run).phase is Phase.JUDGING, 60, "the trial does not end"
        )
        seen.append(Verdict.SUCCESS if world.state().cube_in_bowl else Verdict.FAILURE)
        screen.press("s" if seen[-1] is Verdict.SUCCESS else "f")
        screen.wait_for(f"{number}{'✓' if seen[-1] is Verdict.SUCCESS else '✗'}", 20)
        screen.wait_until(lambda: demo.state(run).phase in (Phase.RESTED, Phase.DONE), 60, "no rest")
    time.sleep(0.7)
    screen.press("F")
    screen.wait_until(lambda: not is_live(run), 60, "it does not end")

    session = next(s for s in logbook.sessions(demo.folder).sessions if s.id == run.id)
    assert [t.verdict for t in session.trials] == seen
    told = {trial.checkpoint: trial.verdict for trial in session.trials}
    assert {name: told[name] for name in told} == {
        name: Verdict.SUCCESS if name.endswith("@1") else Verdict.FAILURE for name in told
    }
    assert len(told) == len(BOTH) and {t.condition for t in session.trials} == {"x200 y60"}
