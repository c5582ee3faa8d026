"""The bench's whole job by keys: demonstrations, a policy trained on them, trials judged, three sessions in the log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from screens.evaluate.form import EvaluateForm
from services.folders import RunFolder
from services.live.event_log import is_live
from services.live.phases import Phase
from services.live.running import live_runs
from services.log import logbook
from services.report.make import report
from services.report.rendering import Format, render
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus, Verdict
from tests.support.demo_desk import DemoDesk
from tests.support.forms import in_order
from tests.support.terminal import Terminal

TINY_ACT = (
    "policy.dim_model=32 policy.n_heads=2 policy.dim_feedforward=32 policy.n_encoder_layers=1 policy.use_vae=false "
    "policy.chunk_size=20 policy.n_action_steps=20 policy.pretrained_backbone_weights=null num_workers=0"
)


def fill(screen: Terminal, title: str, values: Sequence[str]) -> None:
    """Type into the form's fields in order (empty: leave it as it is); Enter in the last one starts."""
    screen.wait_for(title, 40)
    for value in values:
        if value:
            screen.press("ctrl+u")
            screen.type(value)
        time.sleep(0.1)
        screen.press("enter")


def only_live(demo: DemoDesk, screen: Terminal, seconds: float = 90.0) -> RunFolder:
    screen.wait_until(lambda: bool(live_runs(demo.folder)), seconds, "no worker was started")
    return live_runs(demo.folder)[0]


def over(demo: DemoDesk, screen: Terminal, run: RunFolder, seconds: float) -> None:
    screen.wait_until(lambda: not is_live(run), seconds, "it does not end")
    state = demo.state(run)
    assert state.status is SessionStatus.FINISHED, state.end_reason


def record_three(demo: DemoDesk, screen: Terminal) -> RunFolder:
    run = demo.start_recording(screen, dataset="loop", episodes="3", seconds="2", reset="0")
    demo.follow(screen, run)
    for _ in range(3):
        demo.saved(screen, run, demo.start_take(screen, run))
    screen.press("F")
    over(demo, screen, run, 60)
    return run


def train(demo: DemoDesk, screen: Terminal) -> RunFolder:
    screen.press("F4")
    fill(screen, "new training", ["loop", "act", "4", "2", "2", "1", "overhead", "96x72", *[""] * 7, TINY_ACT, "loop"])
    run = only_live(demo, screen)
    screen.wait_until(lambda: demo.state(run).training is not None, 120, "no step is made")
    over(demo, screen, run, 180)
    screen.wait_for("checkpoints · 2", 60)
    return run


def start_trial(demo: DemoDesk, screen: Terminal, run: RunFolder) -> None:
    tried = len(demo.state(run).trials)
    time.sleep(0.7)  # a start right after another key is not believed
    screen.press("space")
    screen.wait_until(lambda: len(demo.state(run).trials) > tried, 90, "no trial starts")


def back_at_rest(demo: DemoDesk, screen: Terminal, run: RunFolder) -> None:
    at_rest = (Phase.RESTED, Phase.DONE)
    screen.wait_until(lambda: demo.state(run).phase in at_rest, 60, "the arm does not return to rest")


def evaluate_three(demo: DemoDesk, screen: Terminal) -> RunFolder:
    """A success in mid-trial, a failure after its end with its mode, a success that was a failure first."""
    screen.press("e")
    answers = in_order(EvaluateForm, trials="3", trial_seconds="3", condition="lamp off")
    fill(screen, "new evaluation", answers)
    run = only_live(demo, screen)
    screen.wait_until(lambda: demo.state(run).phase is Phase.IDLE, 120, "the worker does not get past starting")

    start_trial(demo, screen, run)
    time.sleep(1.0)
    screen.press("s")
    screen.wait_for("1✓", 20)
    back_at_rest(demo, screen, run)

    start_trial(demo, screen, run)
    screen.wait_until(lambda: demo.state(run).phase is Phase.JUDGING, 60, "the trial does not end")
    screen.press("space")
    assert len(demo.state(run).trials) == 2
    screen.press("f")
    screen.wait_until(lambda: demo.state(run).judged == 2, 20, "f does not judge")
    screen.press("1")
    screen.wait_until(lambda: bool(demo.state(run).trials[1].failure_mode), 20, "1 does not annotate")
    back_at_rest(demo, screen, run)

    start_trial(demo, screen, run)
    time.sleep(1.0)  # of one frame no episode is made
    screen.press("f")
    screen.wait_for("3✗", 20)  # a verdict is on disk before this console knows of it, and can take it back
    screen.press("u")
    screen.wait_for("3?", 20)
    assert demo.state(run).judged == 2
    screen.press("s")
    screen.wait_until(lambda: demo.state(run).judged == 3, 20, "s does not judge")
    back_at_rest(demo, screen, run)
    time.sleep(0.7)
    screen.press("F")
    over(demo, screen, run, 60)
    return run


def logged(demo: DemoDesk, run: RunFolder) -> Session:
    return next(s for s in logbook.sessions(demo.folder).sessions if s.id == run.id)


def reported(demo: DemoDesk, trained: RunFolder, evaluated: RunFolder) -> None:
    """What became of the three sessions stands in one report, as Markdown and as a page with the training's curves."""
    made = report(demo.folder, dataset="loop")
    page, html = render(made, Format.MARKDOWN), render(made, Format.HTML)
    assert "- **episodes**: 3\n" in page and "- **camera**: wrist: sim_camera, 640x480" in page
    assert "- **steps**: 4\n" in page and "- **checkpoints**: 2, 4 (" in page
    assert "- **cameras**: wrist only; left out: overhead (not decoded)" in page
    assert "- **images**: resized to 96x72" in page
    assert "| 2/3 | 67 % | [21, 94] |" in page and "- **failure modes**: grasps air 1, of 1 that failed" in page
    assert "lamp off" in page
    assert all(f"| {run.id} |" in page and f'id="{run.id}"' in html for run in (trained, evaluated))
    assert html.count('<polyline class="curve"') == 3, "loss, learning rate, gradient norm"


@pytest.fixture
def loop(demo: DemoDesk) -> tuple[DemoDesk, RunFolder, RunFolder]:
    screen = demo.open()
    record_three(demo, screen)
    trained = train(demo, screen)
    evaluated = evaluate_three(demo, screen)
    screen.press("F7")
    screen.wait_for("3 sessions", 20)
    return demo, trained, evaluated


def test_record_train_and_evaluate_by_keys(loop: tuple[DemoDesk, RunFolder, RunFolder]) -> None:
    demo, trained, evaluated = loop
    verdicts = [t.verdict for t in logged(demo, evaluated).trials]
    assert verdicts == [Verdict.SUCCESS, Verdict.FAILURE, Verdict.SUCCESS]

    session, training = logged(demo, evaluated), logged(demo, trained).training
    assert [t.ended_by for t in session.trials] == ["verdict", "time", "verdict"]
    assert {t.condition for t in session.trials} == {"lamp off"}
    assert [t.episode_index for t in session.trials] == [0, 1, 2]
    assert session.trials[1].failure_mode == "grasps air"
    assert (session.kind, session.trained_in) == (SessionKind.EVAL, trained.id)
    assert training is not None
    assert (training.step, [c.step for c in training.checkpoints]) == (4, [2, 4])
    reported(demo, trained, evaluated)
    assert (training.started.cameras, training.started.excluded_cameras) == (("wrist",), ("overhead",))
    loads_without_the_camera(Path(training.checkpoints[-1].path) / "pretrained_model")


def loads_without_the_camera(checkpoint: Path) -> None:
    import lerobot.policies  # noqa: F401  (registers the policy types)
    from lerobot.configs import PreTrainedConfig
    from lerobot.policies.factory import get_policy_class

    config = PreTrainedConfig.from_pretrained(checkpoint)
    policy = get_policy_class(config.type).from_pretrained(checkpoint, config=config)
    assert policy.config.input_features["observation.images.wrist"].shape == (3, 72, 96)
    assert set(policy.config.input_features) == {"observation.state", "observation.images.wrist"}
