"""The list of runs on Train: shown, overlaid, smoothed, looked at closely; the live training stays attached."""

from __future__ import annotations

import random

import pytest

from screens.frame.lab_screen import LabScreen
from screens.train.lists import RunsPanel
from screens.widgets.line import Line, Lines
from screens.widgets.plot import Plot
from screens.widgets.rows import RowList
from services.live.event_log import read_events
from services.log import headline, logbook
from sessions.models import SessionStatus
from tests.support import foreign
from tests.support.fake_desk import NOON, empty_folder
from tests.support.fake_training import FakeTraining
from tests.support.past_trainings import past_training


@pytest.fixture
async def live(tmp_path):
    """A training that runs, two that ended, and a folder that no session names."""
    folder = empty_folder(tmp_path / "lab")
    past_training(folder, "20260201-010000-aaaa", name="first", at=NOON - 200_000, scale=2.0, points=300, steps=3_000)
    past_training(
        folder, "20260202-010000-aaaa", name="second", at=NOON - 100_000, steps=9_000,
        reason="stopped by the operator at step 2000 of 9000, checkpoint saved",
    )  # fmt: skip
    (folder.trainings / "theirs" / "checkpoints" / "000500" / "pretrained_model").mkdir(parents=True)
    training = FakeTraining(folder)
    await training.begin()
    training.train(300)
    yield training
    await training.stop()


def plot(console, name="loss") -> Plot:
    return console.screen.query_one(f"#{name}", Plot)


def rows(console) -> list[str]:
    return console.screen.query_one("#runs-rows", RowList).lines


async def choose(console, name: str) -> None:
    """Move the cursor to this run."""
    panel = console.screen.query_one(RunsPanel)
    for _ in range(10):
        if panel.chosen and panel.chosen.name == name:
            return
        await console.press("down")
    await console.press(*["up"] * 10)
    while panel.chosen.name != name:
        await console.press("down")


async def show(console) -> None:
    await console.press("f4")
    await console.until(lambda: len(console.desk.runs.runs) == 4 and console.desk.training.live)
    await console.until(lambda: plot(console).drawn > 0)


async def test_runs_are_shown_overlaid_and_read_off_while_the_live_one_goes_on(open_console, live):
    async with open_console((200, 60)) as console:
        theirs = foreign.hashes(console.folder.trainings / "theirs")
        await show(console)
        header = console.screen.query_one("#runs-header", Line).text.split()
        assert header == ["name", "policy", "dataset", "steps", "loss", "when", "state"]
        states = {line.split()[-1] for line in rows(console)}
        assert any("act_v2" in line and "1.81" in line for line in rows(console)), "the newest loss"
        assert states == {"running", "finished", "stopped", "session"}, "the last is of no session"
        await choose(console, "second")
        await console.press("enter")
        await console.until(lambda: console.text("#headline").startswith("■ STOPPED  second · step 2,000 of 9,000"))
        assert "stopped by the operator at step 2000 of 9000" in console.text("#underline")
        assert console.desk.training.live and "S stop" in console.keys
        session = next(s for s in logbook.sessions(console.folder).sessions if s.id == "20260202-010000-aaaa")
        assert console.text("#headline").endswith(f"took {headline.headline(session).duration}"), "as the Log says"

        await choose(console, "first")
        await console.press("space")
        await choose(console, "act_v2")
        await console.press("space")
        await console.until(lambda: len(console.desk.runs.beside) == 2)
        await console.press("left")
        legend = console.screen.query_one("#legend", Lines)
        await console.until(lambda: len(legend.text.splitlines()) == 4)
        names = [line.split()[-5] for line in legend.text.splitlines()[1:]]
        assert names == ["second", "first", "act_v2"]
        assert len({line[:4] for line in legend.text.splitlines()[1:]}) == 3, "each has its own line"
        assert "2,000" in legend.text and "loss, smoothed" in str(console.screen.query_one("#loss-box").border_title)
        live.train(20)
        await console.until(lambda: len(console.desk.training.curves) == 320)
        await console.press("space")
        await console.until(lambda: len(legend.text.splitlines()) == 3)

        await choose(console, "theirs")
        await console.press("enter")
        await console.until(lambda: console.text("#headline").startswith("○ NO SESSION  theirs · step 500"))
        assert "e evaluate" in console.keys and "n note" not in console.keys
        await choose(console, "act_v2")
        await console.press("enter")
        await console.until(lambda: console.text("#headline").startswith("● TRAINING  act_v2"))
        assert foreign.hashes(console.folder.trainings / "theirs") == theirs


async def test_a_plot_is_looked_at_closely_and_smoothed_otherwise(open_console, live):
    async with open_console() as console:
        await show(console)
        box = console.screen.query_one("#loss-box")
        await console.until(lambda: "smoothed over 500 steps" in str(box.border_subtitle))
        for key, words in (("+", "over 1,000 steps"), ("-", "over 500 steps"), ("-", "over 200 steps")):
            version = console.desk.training.curves.version
            await console.press({"+": "plus", "-": "minus"}[key])
            await console.until(lambda w=words: w in str(box.border_subtitle))
            assert console.desk.training.curves.version > version
        await console.press("z", "left", "up")
        await console.until(lambda: "steps 1,505 to 3,000" in str(box.border_subtitle))
        assert not console.screen.query_one(RunsPanel).is_on_screen
        await console.until(lambda: plot(console)._drawing.low > 1000)
        await console.press(*["left"] * 3, "up", "up", "right")
        assert plot(console)._overlay.cursor is not None
        await console.press("down")
        await console.press("0")
        assert "steps 1" not in str(box.border_subtitle)
        await console.press("escape", "up", "escape")
        assert "to 3,000" not in str(box.border_subtitle)
        await console.press("escape")
        await console.until(lambda: console.screen.query_one(RunsPanel).is_on_screen)


async def test_a_note_to_a_run_that_is_not_watched_goes_into_its_session(open_console, live):
    async with open_console() as console:
        await show(console)
        await choose(console, "first")
        await console.press("enter")
        await console.until(lambda: "first" in console.text("#headline"))
        await console.press("n", *"good", "enter")
        run = console.folder.run("20260201-010000-aaaa")
        await console.until(lambda: getattr(read_events(run.events)[-1], "text", "") == "good")


async def test_without_a_training_folders_that_no_session_names_are_shown(open_console):
    async with open_console((80, 24)) as console:
        (console.folder.trainings / "theirs" / "checkpoints" / "000500" / "pretrained_model").mkdir(parents=True)
        await console.press("f4")
        await console.until(lambda: "NO SESSION  theirs" in console.text("#headline"))
        await console.sees("no curves: this folder holds no metrics.jsonl")


async def test_no_sequence_of_keys_and_sizes_breaks_the_screen(open_console, live, monkeypatch):
    hands = random.Random(7)
    keys = ["left", "right", "up", "down", "z", "l", "d", "plus", "minus", "0", "tab", "space", "enter", "escape"]
    monkeypatch.setattr("screens.widgets.plot.EVERY_S", 0.0)
    async with open_console() as console:
        await show(console)
        for number in range(8):
            if number % 2 == 0:
                await console.pilot.resize_terminal(hands.randint(20, 210), hands.randint(5, 62))
            if number % 5 == 0:
                live.train(1, loss=hands.choice([float("nan"), 0.0, 1e9, -1.0]))
            await console.press(*hands.choices(keys, k=3))
            for each in console.screen.query(Plot):
                for y in range(each.size.height):
                    assert each.render_line(y).cell_length == each.size.width
        assert isinstance(console.screen, LabScreen) and console.app._exception is None


def test_states_of_the_list_are_those_of_the_headline(tmp_path):
    from screens.views.run_rows import run_state
    from services.training.history import list_runs

    folder = empty_folder(tmp_path / "lab")
    for number, status in enumerate((SessionStatus.FINISHED, SessionStatus.ABORTED, SessionStatus.CRASHED)):
        past_training(folder, f"2026020{number + 1}-010000-aaaa", name=f"n{number}", status=status, at=NOON + number)
    words = [run_state(run, live=False).word for run in list_runs(folder).runs]
    assert words == ["CRASHED", "ABORTED", "FINISHED"]
