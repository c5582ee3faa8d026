"""The stop key on the screens: how long it took, and what happens when nothing answers."""

from __future__ import annotations

import asyncio
import time

import pytest

import console.stop_key_driver as console_driver
import services.arm_commands
from screens.desk.stop_watch import StopWatch
from screens.frame.dialogs import Choice, NoAnswer, Question
from screens.frame.palette import Palette
from services.bench.device_locks import DeviceLocks, device_keys
from services.bench.profiles import load_benches
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.reasons import AlarmSource, StopCause
from services.live.stop_line import StopLine
from sessions.models import SessionKind, SessionStatus
from tests.support.fake_desk import sim_profile


async def test_the_banner_says_how_fast_it_held(open_console, make_worker):
    line = StopLine()
    async with open_console(line=line) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        assert line.aimed
        await console.press("x")
        await console.until(lambda: " ms · torque is on" in console.text("#banner"))
        assert "HELD · by stop key after" in console.text("#banner")
        await console.press("F")
        await console.until(lambda: not console.desk.live)
        assert not line.aimed


async def test_silence_says_cut_the_power_and_a_rescue_worker_takes_over(open_console, make_worker, monkeypatch):
    async with open_console(line=StopLine()) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        worker.mute = {protocol.Stop}
        await console.attach(worker)
        rescuer = await make_worker(kind=SessionKind.BENCH, purpose="hold")
        rescuer.phase(Phase.HELD)
        asked = []

        def rescue(folder, run, pid, profile, operator):
            asked.append(run.id)
            return rescuer.run

        monkeypatch.setattr(services.arm_commands, "rescue", rescue)
        await console.press("escape")
        await console.until(lambda: isinstance(console.app.screen, NoAnswer))
        await console.sees("NO ANSWER: cut the power")
        await console.until(lambda: console.desk.link is not None and console.desk.link.run.id == rescuer.run.id)
        await console.until(lambda: not isinstance(console.app.screen, NoAnswer))
        assert asked == [worker.run.id]
        assert "R release" in console.keys


async def stop_in_silence(console, make_worker, monkeypatch):
    """A session whose worker does not hear the stop key, and the worker that is started in its place."""
    worker = await make_worker()
    worker.phase(Phase.RECORDING)
    worker.mute = {protocol.Stop}
    await console.attach(worker)
    rescuer = await make_worker(kind=SessionKind.BENCH, purpose="hold", open_dataset=False)
    monkeypatch.setattr(services.arm_commands, "rescue", lambda *_: rescuer.run)
    await console.press("escape")
    await console.until(lambda: console.desk.link is not None and console.desk.link.run.id == rescuer.run.id)
    await console.sees("not known to be held yet")
    return rescuer


async def test_no_answer_stays_until_the_rescue_worker_has_the_arm(open_console, make_worker, monkeypatch):
    async with open_console(line=StopLine()) as console:
        rescuer = await stop_in_silence(console, make_worker, monkeypatch)
        await asyncio.sleep(0.2)
        assert isinstance(console.app.screen, NoAnswer), "it loads LeRobot: nothing has measured the arm"
        rescuer.phase(Phase.IDLE)
        await console.until(lambda: not isinstance(console.app.screen, NoAnswer))
        await console.until(lambda: "a rescue worker holds the arm; take" in console.everything)


async def test_a_rescue_worker_that_cannot_hold_leaves_the_warning(open_console, make_worker, monkeypatch):
    async with open_console(line=StopLine()) as console:
        rescuer = await stop_in_silence(console, make_worker, monkeypatch)
        rescuer.end(SessionStatus.ABORTED, "the follower does not answer")
        await console.sees("the rescue worker does not hold the arm: the follower does not answer")
        assert isinstance(console.app.screen, NoAnswer)


async def test_a_stop_that_is_refused_late_was_answered_and_gives_the_keys_back(open_console, make_worker, monkeypatch):
    shown, compose = [], NoAnswer.compose
    monkeypatch.setattr(NoAnswer, "compose", lambda dialog: shown.append(dialog) or compose(dialog))
    async with open_console(line=StopLine()) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        worker.slow = {protocol.Stop: 0.45}  # three tries on a silent bus
        worker.refuse = {protocol.Stop: "the follower does not answer, the hold did not reach it: CUT THE POWER"}
        await console.attach(worker)
        await console.press("x")
        await console.until(lambda: bool(shown))  # for a quarter of a second, which a busy machine may not look at
        await console.until(lambda: not isinstance(console.app.screen, NoAnswer))
        await console.sees("the hold did not reach it: CUT THE POWER")
        worker.refuse, worker.slow = {}, {}
        worker.phase(Phase.HELD, "holding")
        await console.press("p")
        await console.until(lambda: any(isinstance(c, protocol.Follow) for c in worker.heard))


async def test_an_answer_that_comes_before_no_answer_is_drawn_gives_the_keys_back(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        watch = StopWatch(console.desk, StopLine())
        watch._on_silent(1)  # after 200 ms
        watch._on_held(248.0)
        await console.pilot.pause()
        await console.until(lambda: not isinstance(console.app.screen, NoAnswer))
        await console.press("F")
        await console.until(lambda: any(isinstance(c, protocol.Finish) for c in worker.heard))


async def test_an_answer_under_another_dialog_is_not_missed(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        watch = StopWatch(console.desk, StopLine())
        watch._on_silent(1)
        await console.until(lambda: isinstance(console.app.screen, NoAnswer))
        console.app.push_screen(Question(console.desk, "Sure?", [], [Choice("y", "yes", "yes")]))
        await console.until(lambda: isinstance(console.app.screen, Question))
        watch._on_held(300.0)
        await console.press("y")
        await console.until(lambda: not isinstance(console.app.screen, NoAnswer | Question))


async def test_a_lost_torque_is_not_called_held_and_esc_holds_again(open_console, make_worker):
    async with open_console(line=StopLine()) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        worker.phase(Phase.LIMP, "torque is off")
        await console.sees("NOT HELD · torque is off · support the arm, then Esc holds it where it is")
        assert "torque is on" not in console.text("#banner")
        await console.press("escape")
        await console.until(lambda: any(isinstance(c, protocol.Stop) for c in worker.heard))


async def test_a_stop_that_did_not_reach_the_follower_is_not_called_a_hold(open_console, make_worker):
    async with open_console(line=StopLine()) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        worker.tell(ev.AlarmRaised(source=AlarmSource.FOLLOWER, text="the follower was unplugged"))
        worker.tell(ev.Held(cause=StopCause.DEVICE, why="the follower was unplugged"))
        worker.phase(Phase.HELD, "the hold did not reach the follower: it does not answer")
        await console.sees("STOPPED · the follower was unplugged · the follower does not answer: whether it holds")
        worker.tell(ev.AlarmCleared(source=AlarmSource.FOLLOWER))
        await console.sees("HELD · the follower was unplugged")


@pytest.mark.parametrize("key", ["escape", "x"])
async def test_a_console_that_is_not_attached_stops_the_session_that_has_its_arm(open_console, make_worker, key):
    async with open_console(line=StopLine()) as console:
        worker = await make_worker(profile=load_benches(built_in=True).pick("sim-state"))
        worker.phase(Phase.READY)
        console.screen._refresh_all()
        await console.until(lambda: console.word == "IN USE" and "STOP" in console.keys)
        await console.press(key)
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)))
        assert "held by session" not in console.everything, "no motor was asked yet"
        worker.telemetry(at=time.time() + 1)
        said = f"held by session {worker.run.id} (bench sim-state) after "
        await console.until(lambda: said in console.text("#banner"))
        assert console.desk.link is None and len(worker.heard_of(protocol.Stop)) == 1


@pytest.mark.parametrize(
    ("refuse", "torque", "said"),
    [
        ("the follower does not answer", True, "not stopped: session {}: the follower does not answer"),
        ("", False, "NOT HELD: session {} answered, but torque is not on at every motor"),
    ],
)
async def test_a_stop_from_afar_is_called_a_hold_by_the_motors_only(open_console, make_worker, refuse, torque, said):
    async with open_console() as console:
        worker = await make_worker()  # the list of sessions need not show it yet
        worker.phase(Phase.READY)
        worker.refuse = {protocol.Stop: refuse} if refuse else {}
        await console.press("x")
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)))
        worker.telemetry(at=time.time() + 1, torque=torque)
        await console.until(lambda: said.format(worker.run.id) in console.text("#banner"))


async def test_a_stop_from_afar_that_nothing_answers_says_cut_the_power(open_console, make_worker):
    async with open_console((64, 24)) as console:  # too narrow for all of it
        worker = await make_worker()
        worker.mute = {protocol.Stop}
        await console.press("escape")
        await console.until(lambda: "CUT THE POWER if the arm moves" in console.text("#banner"))
        assert console.text("#banner").startswith("not stopped: session ")


async def test_a_stop_key_says_who_has_the_arm_elsewhere_and_nothing_where_it_is_free(open_console):
    async with open_console() as console:
        await console.press("x", "escape")
        await console.until(lambda: not console.desk._tasks)
        assert console.text("#banner") == ""
        keys = device_keys(sim_profile().robot, {}, console.folder.root)
        with DeviceLocks(keys, {"session": "20260217-142001-aaaa", "bench": "other", "operator": "bo"}):
            await console.press("x")
            await console.until(lambda: "not stopped: the simulated bench is held by" in console.text("#banner"))


async def test_esc_that_closes_something_stops_no_session_of_others(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        for key in ("f3", "escape", "f7", "escape"):
            await console.press(key)
        await console.until(lambda: not console.desk._tasks)
        assert not worker.heard_of(protocol.Stop)


async def test_the_console_names_the_key_that_lets_a_watcher_command(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        worker.refuse = {protocol.GoToRest: "anna drives: a watcher may not ask for this"}
        worker.code = protocol.Code.NOT_DRIVING  # it took over as the key was pressed
        await console.press("g")
        await console.sees("anna drives: a watcher may not ask for this · T takes control")


async def test_x_is_a_letter_only_while_keys_go_to_a_text(open_console, make_worker):
    async with open_console() as console:
        typing = console_driver._text_entry.is_set
        await console.press("f3")
        await console.until(typing, "the form's field has the keys")
        await console.press("escape")
        await console.until(lambda: not typing(), "left the fields")
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.press("tab")
        await console.until(typing)
        await console.attach(worker)
        await console.until(lambda: not typing(), "the form is gone")
        await console.press("n")
        await console.until(typing, "a note")
        await console.press("enter")
        await console.until(lambda: not typing(), "the note is closed")
        await console.press("colon")
        await console.until(lambda: isinstance(console.app.screen, Palette))
        assert not typing(), "nothing takes the focus there, and the arm follows: x stops it"
        worker.phase(Phase.HELD)
        await console.until(typing, "the palette, once the arm holds")
        await console.press("x")
        assert console.app.screen.query_text == "x"
        await console.press("escape")
        await console.until(lambda: not typing(), "the palette is closed")
