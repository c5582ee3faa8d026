"""The ghost on Evaluate and Record: switched by a key between trials, chosen from what there is, refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from screens.arm_session import ghost as ghost_screen
from screens.frame.dialogs import Question, TextEntry
from screens.widgets.pictures import Pictures
from services.datasets.episode_view import EpisodeProblem, Picture
from services.ghost.reference import Reference
from services.live.phases import Phase
from sessions.conditions import Condition
from sessions.models import SessionKind, Verdict
from tests.support.fake_desk import picture


@pytest.fixture
def reading(monkeypatch):
    """The episodes that were read; `problem` is what the next reading fails with. No process is started."""

    class Reading:
        def __init__(self):
            self.episodes, self.problem = [], ""
            self.cameras, self.shape = ("overhead",), (640, 480)

        async def __call__(self, episode):
            self.episodes.append(episode)
            if self.problem:
                raise EpisodeProblem(self.problem)
            rgb = picture(64, 48, 20)
            found = {name: Picture(camera=name, frame=0, width=64, height=48, rgb=rgb) for name in self.cameras}
            return Reference(episode.name, found, dict.fromkeys(found, self.shape))

    made = Reading()
    monkeypatch.setattr(ghost_screen, "read", made)
    return made


async def ready(console, worker):
    """Evaluate with pictures, between trials."""
    await console.attach(worker, "evaluate")
    worker.telemetry()
    await console.until(lambda: console.word == "READY")


def pictures(console):
    return console.screen.query_one(Pictures)


def dataset_of(console):
    """The session's dataset is on the disk."""
    Path(console.desk.snapshot.started.dataset_root).mkdir(parents=True, exist_ok=True)


async def laid(console, worker):
    """Until the ghost lies over a picture and is measured."""
    await console.until(lambda: pictures(console).ghost is not None, "there is no ghost")

    def measured():
        worker.telemetry()
        return any("ghost" in box.title.text and "best" in box.title.text for box in pictures(console).boxes)

    await console.until(measured, "it is not measured")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_paired_trial_is_laid_over_by_a_key_and_taken_off_by_it(open_console, make_worker, reading, size):
    async with open_console(size) as console:
        worker = await make_worker(kind=SessionKind.EVAL)
        await ready(console, worker)
        worker.trial(Verdict.SUCCESS)
        await console.until(lambda: len(console.desk.snapshot.trials) == 1 and console.word == "READY")
        dataset_of(console)
        await console.press("G")
        await laid(console, worker)
        assert [(e.number, e.name) for e in reading.episodes] == [(0, "trial 1")]
        assert pictures(console).large == "overhead"
        (box,) = [box for box in pictures(console).boxes if box.display]
        assert (
            box.title.text.startswith(("ghost ", "overhead  ghost ")) and "trial 1, 0 = the same" in box.border_subtitle
        )
        await console.press("G")
        await console.until(lambda: pictures(console).ghost is None and not pictures(console).large)
        await console.press("G")
        await laid(console, worker)


async def test_it_is_out_of_sight_while_a_trial_runs_and_follows_the_next_one(open_console, make_worker, reading):
    conditions = (Condition(name="left", like="pick#3"), Condition(name="right", like="pick#7"))
    async with open_console() as console:
        worker = await make_worker(kind=SessionKind.EVAL, conditions=conditions, condition="left")
        (console.desk.folder.datasets / "pick").mkdir(parents=True)
        await ready(console, worker)
        await console.press("G")
        await laid(console, worker)
        assert reading.episodes[-1].name == "pick#3"
        worker.begin_trial(1)
        await console.until(lambda: console.word == "RUNNING")
        await console.until(lambda: pictures(console).ghost is None)
        await console.press("G")
        await console.sees("a trial runs: the ghost is for setting the scene between two of them")
        worker.end_trial(1, "key")
        worker.save(1)
        worker.phase(Phase.JUDGING)
        await console.press("f")
        await console.until(lambda: reading.episodes[-1].name == "pick#7")
        await laid(console, worker)


async def test_without_an_episode_to_propose_it_asks_and_takes_one_that_is_typed(open_console, make_worker, reading):
    async with open_console((80, 24)) as console:
        worker = await make_worker(kind=SessionKind.EVAL)
        (console.desk.folder.datasets / "pick").mkdir(parents=True)
        await ready(console, worker)
        await console.press("G")
        await console.until(lambda: isinstance(console.app.screen, Question))
        await console.sees("Which episode is the ghost?")
        await console.press("enter")
        await console.until(lambda: isinstance(console.app.screen, TextEntry))
        await console.press(*"pick", "number_sign", "3", "enter")
        await laid(console, worker)
        assert reading.episodes[-1].name == "pick#3"


REFUSED = (
    ("pick", {}, "'pick' names no episode: write DATASET#EPISODE"),
    ("gone#1", {}, "no ghost of gone#1: there is no dataset at"),
    ("pick#9", {"problem": "dataset pick has no episode 9"}, "no ghost of pick#9: dataset pick has no episode 9"),
    ("pick#1", {"cameras": ("front",)}, "pick#1 has the cameras front, this bench overhead, wrist"),
    ("pick#1", {"shape": (1280, 720)}, "pictures of another shape cannot be laid over each other"),
)


async def test_what_cannot_be_a_ghost_is_refused_in_a_sentence(open_console, make_worker, reading):
    whole = {"problem": "", "cameras": ("overhead",), "shape": (640, 480)}
    async with open_console((200, 50)) as console:
        worker = await make_worker(kind=SessionKind.EVAL)
        (console.desk.folder.datasets / "pick").mkdir(parents=True)
        await ready(console, worker)
        for typed, change, says in REFUSED:
            for name, value in (whole | change).items():
                setattr(reading, name, value)
            console.screen._ghost_typed(typed)
            await console.sees(says)
            await console.sees("L chooses another")
            assert pictures(console).ghost is None


async def test_on_record_the_last_take_is_the_ghost(open_console, make_worker, reading):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker, "record")
        worker.telemetry()
        worker.take()
        await console.until(lambda: bool(console.desk.snapshot.episodes))
        worker.phase(Phase.READY)
        dataset_of(console)
        await console.press("G")
        await laid(console, worker)
        assert reading.episodes[-1].name == "take 1"
