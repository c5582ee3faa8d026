"""A calibration that kept a session from starting: asked about on its screen, mended by a key, left alone by Esc."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import Input

import services.arm_commands
from screens.frame.calibration_question import CalibrationQuestion
from screens.frame.dialogs import TextEntry
from services.live import events as ev
from services.live.phases import Phase
from services.live.requests import Purpose
from sessions.calibration import CalibrationAct, CalibrationFault, JointCalibration, JointDifference
from sessions.models import SessionKind, SessionStatus
from tests.support.fake_desk import FakeWorker

SIZES = [(80, 24), (120, 40), (200, 60)]


def differs(**values: Any) -> ev.CalibrationRefused:
    joints = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
    facts: dict[str, Any] = {
        "arm": "follower", "fault": CalibrationFault.DIFFERS, "act": CalibrationAct.WRITE_MOTORS,
        "file": "/home/me/.cache/huggingface/lerobot/calibration/robots/so_follower/blue.json",
        "command": "lerobot-calibrate --robot.type=so101_follower --robot.port=/dev/ttyACM0 --robot.id=blue",
        "differences": tuple(
            JointDifference(joint=joint, file=JointCalibration(0, 1000, 3000), motor=JointCalibration(n, 1000, 3000))
            for n, joint in enumerate(joints, 1)
        ),
    }  # fmt: skip
    return ev.CalibrationRefused(**facts | values)


def missing(**values: Any) -> ev.CalibrationRefused:
    facts: dict[str, Any] = {"fault": CalibrationFault.MISSING, "act": CalibrationAct.SAVE_FILE, "differences": ()}
    return differs(**facts | values)


async def refuse(console: Any, make_worker: Any, *found: ev.CalibrationRefused, kind: Any = SessionKind.RECORD) -> Any:
    """Begin a session here that these calibrations keep from starting."""
    worker = await make_worker(open_dataset=False, kind=kind)
    console.desk.start(lambda: worker.run, kind)
    await console.until(lambda: console.desk.live and not console.desk.starting)
    for each in found:
        worker.tell(each)
    worker.end(SessionStatus.ABORTED, "follower: its motors hold another calibration")
    return worker


def said(console: Any) -> str:
    """What the dialog says, unwrapped."""
    asked = console.app.screen
    answers = (f"{each.key}   {each.text}" for each in asked._choices)
    return " ".join([asked._title, *asked._sentences, *answers])


@pytest.mark.parametrize("size", SIZES)
async def test_the_screen_of_the_session_says_what_differs_and_what_would_be_done(open_console, make_worker, size):
    async with open_console(size) as console:
        console.app.switch_mode("record")
        await refuse(console, make_worker, differs())
        await console.until(lambda: isinstance(console.app.screen, CalibrationQuestion))
        says = said(console)
        assert "homing offset of gripper by 0.5, wrist_roll by 0.4," in says and "degrees and 2 more" in says
        assert "y   write the file into the motors, then begin again" in says
        await console.sees("then begin again")
        await console.sees("leave everything as it is")
        await console.sees("Esc")


async def test_four_arms_that_do_not_fit_leave_room_for_the_answers(open_console, make_worker):
    arms = [f"{arm} {side}" for arm in ("follower", "leader") for side in ("left", "right")]
    async with open_console((80, 24)) as console:
        await refuse(console, make_worker, *(differs(arm=arm) for arm in arms))
        await console.until(lambda: isinstance(console.app.screen, CalibrationQuestion))
        for text in ("The session did not begin", "follower left: its", "y   write the file into", "Esc closes"):
            await console.sees(text)
        assert said(console).count("If the motors are right") == 1


async def test_y_begins_the_same_session_anew_with_the_answer(open_console, make_worker, monkeypatch):
    begun: list[Any] = []
    async with open_console() as console:
        console.app.switch_mode("record")
        worker = await refuse(console, make_worker, differs())
        await console.until(lambda: isinstance(console.app.screen, CalibrationQuestion))
        second = FakeWorker(console.folder)
        monkeypatch.setattr(services.arm_commands, "launch", lambda _, request: begun.append(request) or second.run)
        await second.start(open_dataset=False)
        await console.press("y")
        await console.until(lambda: console.desk.link.run.id == second.run.id and console.desk.live)
        (request,) = begun
        before = worker._started.request
        assert request.calibration == {"follower": CalibrationAct.WRITE_MOTORS} and not before.calibration
        assert (request.dataset, request.episodes, request.profile) == (before.dataset, before.episodes, before.profile)
        second.tell(ev.CalibrationWritten(arm="follower", act=CalibrationAct.WRITE_MOTORS, file="/x/blue.json"))
        await console.sees("follower: the calibration was written into the motors, from /x/blue.json")
        second.phase(Phase.IDLE, "holding")
        second.end()
        await console.until(lambda: not console.desk.live)
        await console.sees("the calibration was written into the motors, from /x/blue.json")
        await second.stop()


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_without_an_answer_nothing_begins_and_nobody_asks_again(open_console, make_worker, monkeypatch, key):
    monkeypatch.setattr(services.arm_commands, "launch", lambda *_: pytest.fail("nothing may begin"))
    async with open_console() as console:
        await refuse(console, make_worker, missing(), kind=SessionKind.BENCH)
        await console.until(lambda: isinstance(console.app.screen, CalibrationQuestion))
        assert "follower: not calibrated, there is no /home/me" in said(console)
        await console.until(lambda: not console.desk.just_stopped)  # an Esc by then may be the one that stopped the arm
        await console.press(key)
        assert not isinstance(console.app.screen, CalibrationQuestion)
        console.screen._tick()
        await console.pilot.pause()
        assert not isinstance(console.app.screen, CalibrationQuestion) and not console.desk.live


async def test_y_answers_for_the_arms_that_it_was_offered_for_only(open_console, make_worker, monkeypatch):
    begun: list[Any] = []
    left, right = missing(arm="follower left"), differs(arm="follower right", hindrance="another arm may be there")
    async with open_console() as console:
        await refuse(console, make_worker, left, right, kind=SessionKind.BENCH)
        await console.until(lambda: isinstance(console.app.screen, CalibrationQuestion))
        second = FakeWorker(console.folder)
        monkeypatch.setattr(services.arm_commands, "launch", lambda _, request: begun.append(request) or second.run)
        await second.start(open_dataset=False)
        assert "y   save the motors' calibration as the file, then hold the arm" in said(console)
        await console.press("y")
        await console.until(lambda: begun)
        assert begun[0].calibration == {"follower left": CalibrationAct.SAVE_FILE}
        assert begun[0].purpose is Purpose.HOLD, "with other values each joint may be elsewhere: nothing moves at once"
        await second.stop()


async def test_what_cannot_be_done_now_has_no_key_but_its_reason(open_console, make_worker):
    async with open_console() as console:
        await refuse(console, make_worker, differs(hindrance="its torque is on, and the arm would jump"))
        await console.until(lambda: isinstance(console.app.screen, CalibrationQuestion))
        assert "It cannot be written now: its torque is on, and the arm would jump." in said(console)
        assert "lerobot-calibrate --robot.type=so101_follower" in said(console)
        await console.press("y")
        assert isinstance(console.app.screen, CalibrationQuestion)


async def test_a_console_that_did_not_begin_the_session_is_not_asked(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker(open_dataset=False)
        await console.attach(worker)
        worker.tell(differs())
        worker.end(SessionStatus.ABORTED, "follower: its motors hold another calibration")
        await console.until(lambda: not console.desk.live)
        console.screen._tick()
        await console.pilot.pause()
        assert not isinstance(console.app.screen, CalibrationQuestion)


async def test_a_field_that_takes_keys_is_not_interrupted(open_console, make_worker):
    async with open_console() as console:
        console.app.switch_mode("log")
        await console.until(lambda: console.screen.id == "log")
        console.app.push_screen(TextEntry(console.desk, "Note"))  # the Log's own fields close as a session begins
        await console.until(lambda: isinstance(console.app.focused, Input))
        await refuse(console, make_worker, differs(), kind=SessionKind.BENCH)
        await console.until(lambda: not console.desk.live)
        console.screen._tick()
        await console.pilot.pause()
        assert not isinstance(console.app.screen, CalibrationQuestion)
        await console.press("ctrl+q")
        console.screen._tick()
        await console.until(lambda: isinstance(console.app.screen, CalibrationQuestion))
