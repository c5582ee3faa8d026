"""The first session of a new operator, through a pseudo-terminal, with nothing faked."""

from __future__ import annotations

import os
import re
import signal
import time

import numpy as np
import pytest

from services.datasets.marks import read_marks
from services.live.event_log import is_live
from services.live.phases import Phase
from services.live.running import live_runs
from sessions.models import SessionStatus
from tests.support.demo_desk import DemoDesk
from tests.support.replay import puts_the_cube_into_the_bowl
from tests.support.rig import wait_until
from tests.support.terminal import KEYS


@pytest.mark.parametrize("when", ["at its first paint", "on bench"])
def test_a_form_filled_in_faster_than_it_is_drawn_has_everything_in_its_field(demo: DemoDesk, when: str) -> None:
    """As a link does that stood still for a moment: all keys in one piece."""
    screen = demo.open()
    if when == "at its first paint":
        screen.wait_until(lambda: b"lab console" in screen.raw, 30, "it does not open")
    elif when == "on bench":
        screen.wait_for("F3 record", 30)
    f3, clear, enter = (KEYS[key] for key in ("F3", "ctrl+u", "enter"))
    fields = [b"quick", b"pick_place", b"ann", b"7", b"9"]
    screen.write(f3 + b"".join(clear + field + enter for field in fields))
    for label, value in [("dataset", "quick"), ("operator", "ann"), ("episodes to accept", "7"), ("per take", "9")]:
        screen.wait_until(lambda row=rf"{label} +{value}( |$)": re.search(row, screen.text, re.M), 20, f"no {label}")


def test_the_demo_has_the_keys_of_its_lab_toml_or_says_what_is_wrong_with_them(demo: DemoDesk) -> None:
    lab = demo.home.parent / "lab.toml"
    lab.write_text('[keymap]\n"session.finsh" = "F"\n', "utf-8")
    refused = demo.open()
    assert refused.wait(30) == 2
    said = bytes(refused.raw).decode()
    assert f'{lab}: keymap: "session.finsh" = "F": there is no such action; the nearest is "session.finish"' in said
    assert "Traceback" not in said and "1049h" not in said, "nothing was opened"
    lab.write_text('[keymap]\n"go.log" = "f8"\n"leave" = "ctrl+x"\n', "utf-8")
    screen = demo.open()
    screen.wait_for("F8 log", 30)
    screen.write(b"\x1b[19~")
    screen.wait_for("no session yet", 20)
    screen.write(b"\x18")
    assert screen.wait(20) == 0


def test_a_new_operator_records_rejects_finds_the_session_and_notes_it(cold_demo: DemoDesk) -> None:
    demo = cold_demo
    screen = demo.open()
    run = demo.start_recording(screen, dataset="first", episodes="2", seconds="8")
    demo.follow(screen, run)
    first = demo.start_take(screen, run)  # goes on to its time limit
    demo.saved(screen, run, first)
    second = demo.start_take(screen, run)
    time.sleep(1.0)
    screen.press("space")
    demo.saved(screen, run, second)
    screen.press("r")
    screen.wait_until(lambda: demo.state(run).rejected == 1, 20, "r does not reject")
    third = demo.start_take(screen, run)
    time.sleep(1.5)
    screen.press("space")
    demo.saved(screen, run, third)
    screen.wait_until(lambda: demo.state(run).phase is Phase.DONE, 20, "two accepted are not enough")
    screen.press("F")
    screen.wait_until(lambda: not is_live(run), 30, "it does not finish")
    state = demo.state(run)
    assert (state.status, state.accepted, state.rejected) == (SessionStatus.FINISHED, 2, 1)

    screen.press("F7")
    screen.wait_for("1 session", 20)
    screen.press("n")
    screen.wait_for("Ctrl+S saves", 20)
    screen.type("xylophone next to the bench")  # x is a letter here
    screen.write(b"\x13")  # ctrl+s
    screen.wait_until(lambda: len(demo.state(run).notes) == 1, 20, "the note is not in the session")
    screen.wait_for("xylophone", 20)
    screen.press("q")
    assert screen.wait(20) == 0

    root = demo.folder.datasets / "first"
    assert [mark.accepted for mark in read_marks(root).values()] == [True, False, True]
    frames = [e.frames for e in state.episodes]
    assert frames[0] == 240
    check_dataset(root, frames)
    assert puts_the_cube_into_the_bowl(root, episode=0, seed=0, take=1)


def check_dataset(root: object, frames: list[int]) -> None:
    from lerobot.datasets import LeRobotDataset

    dataset = LeRobotDataset("first", root=root, video_backend="pyav")
    assert [int(row["length"]) for row in dataset.meta.episodes] == frames
    last = dataset[len(dataset) - 1]
    assert last["observation.images.wrist"].shape == (3, 480, 640)
    assert last["observation.images.overhead"].shape == (3, 480, 640)


def test_a_take_survives_its_console_and_another_terminal_goes_on(demo: DemoDesk) -> None:
    screen = demo.open()
    run = demo.start_recording(screen, dataset="kept", episodes="5", seconds="3")
    demo.follow(screen, run)
    for how in ("kill -9", "terminal closed"):
        take = demo.start_take(screen, run)
        time.sleep(0.5)
        if how == "kill -9":
            screen.kill(signal.SIGKILL)
        else:
            screen.hang_up()
        wait_until(lambda take=take: any(e.take == take for e in demo.state(run).episodes), 20, "a take is not saved")
        wait_until(lambda: demo.state(run).phase is Phase.HELD, 10, "the arm does not hold")
        assert demo.state(run).episodes[-1].frames == 90
        pose = np.array(demo.world().state().joints)
        screen = demo.attach(cols=80, rows=24)
        screen.wait_for("kept", 20)
        assert np.abs(np.array(demo.world().state().joints) - pose)[:5].max() < 2.0
        screen.press("p")
        screen.wait_until(lambda: demo.state(run).phase.following, 30, "it does not resume")
    demo.saved(screen, run, demo.start_take(screen, run))
    screen.press("F")
    screen.wait_until(lambda: not is_live(run), 30, "it does not finish")
    assert [e.index for e in demo.state(run).episodes] == [0, 1, 2]


def test_a_second_console_watches_and_takes_over(demo: DemoDesk) -> None:
    first = demo.open()
    run = demo.start_recording(first, dataset="shared", episodes="5")
    second = demo.attach()
    second.wait_for("watching", 20)
    demo.follow(first, run)
    second.press("x")
    first.wait_until(lambda: demo.state(run).phase is Phase.HELD, 5, "a watcher's stop is not obeyed")
    second.press("T")
    first.wait_for("watching", 20)
    time.sleep(1.2)
    second.press("p")
    second.wait_until(lambda: demo.state(run).phase.following, 30, "the new driver cannot resume")


def test_a_worker_that_does_not_answer_gives_the_warning_and_then_the_rescue(demo: DemoDesk) -> None:
    screen = demo.open()
    run = demo.start_recording(screen, dataset="stuck", episodes="5")
    demo.follow(screen, run)
    os.kill(demo.pid(run), signal.SIGSTOP)
    time.sleep(0.3)
    screen.press("escape")
    screen.wait_for("NO ANSWER", 3)
    wait_until(lambda: not is_live(run), 20, "the stuck worker is not replaced")
    others = []  # whoever closes the crash holds its events for a moment, as a worker does

    def rescued() -> bool:
        others[:] = [other for other in live_runs(demo.folder) if other != run]
        return bool(others)

    screen.wait_until(rescued, 20, "no rescue worker")
    rescue = others[0]
    screen.wait_until(lambda: demo.state(rescue).phase is Phase.IDLE, 60, "the rescue does not hold")
    screen.wait_for("a rescue worker holds the arm", 20)
    assert demo.state(run).status is SessionStatus.CRASHED
    world = demo.world()
    pose = np.array(world.state().joints)
    time.sleep(1.0)
    assert world.state().torque
    assert np.abs(np.array(world.state().joints) - pose)[:5].max() < 2.0


def test_a_dead_worker_shows_its_last_words_and_what_to_do(demo: DemoDesk) -> None:
    screen = demo.open()
    run = demo.start_recording(screen, dataset="dead", episodes="5")
    os.kill(demo.pid(run), signal.SIGKILL)
    screen.wait_for("N", 20)
    screen.wait_until(lambda: "worker" in screen.text.lower() and "new session" in screen.text, 20, "no words")
    assert "Traceback" not in screen.text


def test_it_opens_at_any_size_and_says_what_it_is(demo: DemoDesk) -> None:
    screens = [demo.open(cols=cols, rows=rows) for cols, rows in ((60, 15), (80, 24), (200, 60))]
    for screen in screens:
        screen.wait_for("sim", 20)
    for key in ("F3", "F7", "F2"):
        for screen in screens:
            screen.press(key)
        time.sleep(0.7)
        for screen in screens:
            assert "Traceback" not in screen.text
    for screen in screens:
        screen.press("q")
    assert [screen.wait(20) for screen in screens] == [0, 0, 0]


def test_without_a_utf8_locale_it_draws_with_ascii(demo: DemoDesk) -> None:
    screen = demo.open(wrap=["env", "LANG=C", "LC_ALL=C", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0"])
    screen.wait_for("lab console", 20)
    time.sleep(0.5)
    assert screen.text.isascii(), {c for c in screen.text if not c.isascii()}
    screen.press("q")
    assert screen.wait(20) == 0
