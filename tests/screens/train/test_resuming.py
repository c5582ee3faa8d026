"""Train resumes the run that is shown: what it asks before, what it says where it cannot, and how it looks after."""

from __future__ import annotations

import pytest
from textual.widgets import Input

import services.live.launch
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.event_log import read_events
from sessions.models import SessionStatus
from tests.support import plain_datasets
from tests.support.fake_desk import NOON, empty_folder
from tests.support.fake_training import FakeTraining
from tests.support.past_trainings import past_training, resumed, whole_checkpoint

ONE = "20260201-010000-aaaa"


@pytest.fixture
def crashed(tmp_path) -> RunFolder:
    folder = empty_folder(tmp_path / "lab")
    plain_datasets.mark(plain_datasets.make(folder.datasets / "pick_place", range(81)))
    run = past_training(
        folder, ONE, at=NOON - 9_000, points=130, status=SessionStatus.CRASHED, reason="the worker vanished"
    )
    whole_checkpoint(folder, run)
    return run


async def shown(console, headline: str) -> None:
    await console.press("f4")
    await console.until(lambda: headline in console.text("#headline") and console.desk.runs.shown.points > 0)


async def test_a_run_is_resumed_after_what_changed_was_accepted_and_for_more_steps_than_it_has_made(
    open_console, crashed, monkeypatch
):
    asked = []
    monkeypatch.setattr(services.live.launch, "spawn", lambda run, module, lock: asked.append((run.id, module)))
    async with open_console((120, 40)) as console:
        await shown(console, "CRASHED  act_v1")
        assert "C resume" in console.keys
        plain_datasets.mark(console.folder.datasets / "pick_place", 3)
        await console.press("C")
        await console.until(lambda: "The dataset has changed since. Resume?" in console.everything)
        assert "1 episode that it learns from was rejected since: 3." in console.everything
        await console.press("escape")
        await console.until(lambda: console.app.screen is console.screen)
        assert not asked

        await console.press("C")
        await console.until(lambda: "resume all the same" in console.everything)
        await console.press("y")
        await console.until(lambda: bool(console.app.screen.query("#meaning")))
        await console.until(lambda: "steps 1,001 to 1,300 are made again" in console.everything)
        assert "of 2,000 steps" in console.everything and "2000" in console.app.screen.query_one(Input).value
        console.app.screen.query_one(Input).value = "900"
        await console.press("enter")
        await console.until(lambda: "act_v1 has made 1,000 steps: " in console.everything)
        console.app.screen.query_one(Input).value = "4000"
        await console.press("enter")
        await console.until(lambda: bool(asked))
        assert asked == [(ONE, "services.workers.train")]
        await console.until(lambda: "resuming it failed" in console.text("#underline"))  # nobody came for it
        assert console.text("#headline").startswith("✗ CRASHED  act_v1 · step 1,300 of 2,000")
    (going,) = (each for each in read_events(crashed.events) if isinstance(each, ev.TrainingResumed))
    assert (going.step, going.steps, going.reached, going.wanted) == (1_000, 4_000, 1_300, 2_000)
    assert going.changed == ("1 episode that it learns from was rejected since: 3",)
    assert going.ended.reason == "the worker vanished"


async def test_a_resumed_run_is_one_run_with_a_mark_where_it_was_interrupted(open_console, crashed):
    resumed(crashed, points=100)
    async with open_console((200, 60)) as console:
        await shown(console, "FINISHED  act_v1 · step 2,000 of 2,000")
        assert "resumed at 1,000 of 2,000, 2 h 00 m after it crashed" in console.text("#underline")
        assert len(console.desk.runs.runs) == 1
        box = console.screen.query_one("#loss-box")
        assert "╎ resumed at 1,000" in str(box.border_subtitle)
        await console.until(lambda: console.screen.query_one("#loss").drawn > 0)
        await console.until(lambda: sum("╎" in line for line in console.everything.splitlines()) > 6)


async def test_where_a_run_cannot_be_resumed_its_key_says_why(open_console, crashed):
    training = FakeTraining(DataFolder(crashed.root.parents[1]))
    await training.begin()
    training.train(30)
    async with open_console((120, 40)) as console:
        await shown(console, "TRAINING  act_v2")
        assert "C resume" not in console.keys
        await console.press("C")
        await console.until(lambda: "this training is running: S stops it" in console.everything)
    await training.stop()
