"""The viewer over the other screens: what is shown is what was recorded, and the arm's keys act in it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from screens.episode.pictures import EpisodePictures
from screens.frame import availability
from screens.widgets.tabline import TabLine
from screens.widgets.traces import Traces
from services.datasets.content import contents, data_files
from services.datasets.marks import Mark, read_marks, write_mark
from services.live import protocol
from services.live.phases import Phase
from tests.support import painted

LENGTHS = (40, 30, 50)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """In the console's data folder; the second episode is rejected, the first one flagged."""
    root = painted.make(tmp_path / "lab/datasets/pick_place", LENGTHS)
    for number, content in contents(data_files(root)).items():
        flags = ("overhead black",) if number == 0 else ()
        write_mark(root, number, Mark(accepted=number != 1, flags=flags, session="s1", take=number + 1), content)
    return root


def painted_on(console) -> list[int]:
    """The numbers in the pictures that are shown, box by box."""
    found = []
    for box in console.screen.query_one(EpisodePictures).boxes:
        mean = box.picture._mean
        if mean is not None and box.display:
            found.append(painted.read(mean.astype("uint8").tobytes(), mean.shape[1], mean.shape[0]))
    return found


def both(episode: int, frame: int) -> list[int]:
    return [painted.number(camera, episode, frame) for camera in (0, 1)]


async def look(console, root: Path, episode: int) -> None:
    console.desk.look_at(root, episode)
    await console.until(lambda: console.screen.id == "episode", "the viewer does not open")
    await console.until(lambda: painted_on(console) == both(episode, 0), "no pictures")


async def test_the_pictures_follow_the_cursor_and_the_process_ends_with_the_viewer(open_console, dataset):
    async with open_console() as console:
        await look(console, dataset, 0)
        await console.sees("episode 0")
        assert "✓ accepted" in console.everything and "overhead black" in console.everything
        assert "1.3 s" in console.everything and painted.TASK in console.everything
        assert "pick_place, 3 episodes" in console.everything
        pid = console.screen._view.pid

        assert console.screen.query_one("#timeline").text.endswith("frame  0 of 39")
        assert len(console.screen.query_one("#timeline").text) == 118
        await console.press("right", "right", "left")
        await console.until(lambda: painted_on(console) == both(0, 1))
        await console.sees("frame  1 of 39")
        await console.press("greater_than_sign")
        await console.until(lambda: painted_on(console) == both(0, 31))
        await console.press("shift+left", "end")
        await console.until(lambda: painted_on(console) == both(0, 39))
        await console.press(*["left"] * 6)  # newest wins
        await console.until(lambda: painted_on(console) == both(0, 33))

        await console.press("equals_sign")
        expected = [painted.number(camera, 0, frame) for camera in (0, 1) for frame in (0, 39)]
        await console.until(lambda: painted_on(console) == expected)
        await console.sees("overhead first")
        await console.press("equals_sign", "home", "w")
        await console.until(lambda: painted_on(console) == both(0, 0)[:1])
        await console.press("w", "w")

        await console.press("down")
        await console.until(lambda: painted_on(console) == both(1, 0))
        await console.sees("✗ rejected")
        await console.press("up", "up")
        await console.sees("this is the first episode of the dataset")
        assert console.screen._view.pid == pid, "the process stays warm"

        await console.press("space")
        await console.until(lambda: console.screen.frame > 5, "it does not play")
        assert "space freeze" in console.keys and "> " in console.text("#timeline")
        await console.press("equals_sign", "equals_sign")
        assert "space play" in console.keys and ">" not in console.text("#timeline"), "first and last: it does not play"
        stood = console.screen.frame
        await console.until(lambda: painted_on(console) == both(0, stood))
        await console.pilot.click(Traces, offset=(40, 2))
        await console.until(lambda: console.screen.frame not in (0, stood))
        await console.press("space")
        await console.until(lambda: console.screen.frame == 39 and not console.screen._player.playing, "no end")

        await console.press("d")
        assert not console.screen.query_one(EpisodePictures).display
        assert "shoulder_pan" in console.everything
        await console.press("escape")
        await console.until(lambda: console.screen.id == "bench")
        assert not psutil.pid_exists(pid)


async def test_while_the_arm_can_move_the_viewer_is_a_screen_of_its_session(
    open_console, make_worker, dataset, tmp_path
):
    worker = await make_worker(data_dir=str(tmp_path / "lab"), dataset="pick_place")
    async with open_console() as console:
        await console.attach(worker)
        assert not console.screen.check_action("look_at_last", ()), "nothing is saved yet"
        worker.take()
        write_mark(dataset, 0, Mark(session=worker.run.id, take=1), contents(data_files(dataset))[0])
        worker.phase(Phase.READY, "following the leader")
        await console.until(lambda: bool(console.screen.check_action("look_at_last", ())))
        assert availability.label("look_at_last", "", console.desk) == "look at 1", "as the strip numbers the take"
        await console.press("i")
        await console.until(lambda: console.screen.id == "episode" and bool(painted_on(console)))
        assert console.screen.focused is None
        await console.until(lambda: not worker.sizes, "the hidden screen asks for previews still")

        await console.press("r")
        await console.sees("Reject episode 0")
        await console.press(*"blurred", "enter")
        await console.sees("episode 0 is rejected: blurred")
        [marked] = worker.heard_of(protocol.MarkTake)
        assert (marked.take, marked.accepted, marked.why) == (1, False, "blurred"), "who drives marks by its own link"

        worker.alarm_camera()
        await console.sees("black")
        await console.press("escape")
        await console.until(lambda: any(isinstance(command, protocol.Stop) for command in worker.heard))
        assert console.screen.id == "episode", "Esc stops, i closes"
        worker.phase(Phase.RECORDING, "take 2")
        await console.until(lambda: console.desk.works)
        pid = console.screen._view.pid
        await console.press("i")
        await console.until(lambda: console.screen.id == "record")
        assert not psutil.pid_exists(pid)
        await console.press("i")
        await console.sees("a take runs: look at episodes between two of them, or after the session")
        assert console.screen.id == "record"


async def test_what_cannot_be_read_is_a_sentence_with_a_way_on(open_console, tmp_path):
    empty = painted.make(tmp_path / "lab/datasets/empty", ())
    async with open_console((80, 24)) as console:
        console.desk.look_at(tmp_path / "lab/datasets/gone", 0)
        await console.sees("dataset gone is not at")
        console.desk.look_at(empty, 0)
        await console.sees("dataset empty has no episodes yet")
        assert "i closes" in console.everything
        await console.press("space", "right", "equals_sign", "down", "r")
        tabs = {place.mode: place.start + 1 for place in console.screen.query_one(TabLine)._places}
        await console.pilot.click(TabLine, offset=(tabs["episode"], 0))
        assert console.screen.id == "episode", "it is here"
        pid = console.screen._view.pid
        await console.pilot.click(TabLine, offset=(tabs["log"], 0))
        await console.until(lambda: console.screen.id == "log")
        await console.until(lambda: not psutil.pid_exists(pid), "a click on a tab leaves the process behind")
        assert len(console.app.screen_stack) == 1
        await console.press("f2")
        await console.until(lambda: console.screen.id == "bench" and len(console.app.screen_stack) == 1)


async def test_an_episode_is_rejected_afterwards_with_a_reason_and_noted(open_console, make_worker, dataset, tmp_path):
    worker = await make_worker(data_dir=str(tmp_path / "lab"), dataset="pick_place")
    for number, content in contents(data_files(dataset)).items():
        worker.take()
        write_mark(dataset, number, Mark(session=worker.run.id, take=number + 1), content)
    async with open_console() as console:
        await console.attach(worker)
        worker.end()
        await console.until(lambda: not console.desk.live)
        await look(console, dataset, 2)
        await console.press("r")
        await console.sees("Reject episode 2")
        await console.press(*"cube fell", "enter")
        await console.sees("rejected: cube fell")
        assert read_marks(dataset)[2] == Mark(accepted=False, why="cube fell", session=worker.run.id, take=3)
        await console.until(lambda: "r accept" in console.keys)
        await console.press("n")
        await console.press(*"bad light", "enter")
        await console.sees("noted: bad light")
        assert "episode 2: bad light" in worker.run.events.read_text()
        assert [e.accepted for e in console.desk.snapshot.episodes] == [True, True, False], (
            "Record shows it as it is now"
        )

        write_mark(dataset, 0, Mark(session=""), contents(data_files(dataset))[0])
        await console.press("up", "up")
        await console.until(lambda: painted_on(console) == both(0, 0))
        await console.press("r")
        await console.sees("no session of this log recorded episode 0")
        pid = console.screen._view.pid
    assert not psutil.pid_exists(pid), "left behind when the console leaves"
