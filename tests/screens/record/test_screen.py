"""Record: what the operator sees and may press, phase by phase."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from textual.widgets import Input

from screens.frame.dialogs import Question, TextEntry
from screens.record.form import RecordForm
from screens.widgets.pictures import Pictures
from screens.widgets.preview import Preview
from services.bench.profiles import load_benches
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.reasons import Advice
from services.live.stop_line import StopLine
from services.refusal import Checks
from sessions.bench import Task
from sessions.models import SessionKind, SessionStatus
from tests.support.fake_desk import sim_profile


async def test_a_take_from_idle_to_saved(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        await console.until(lambda: console.word == "HOLDING")
        assert "space align" in console.keys
        await console.press("space")
        await console.until(lambda: console.word == "READY")
        assert "space start take 1" in console.keys and "Esc x STOP" in console.keys
        await console.press("space")
        await console.until(lambda: console.word == "RECORDING")
        worker.telemetry(take_seconds=7.4)
        await console.until(lambda: console.screen.query_one("#right").text == "7.4")
        assert console.text("#right-label") == "of 15 s · take 1"
        assert "01●" in console.text("#strip")
        await console.press("space")
        await console.until(lambda: "saving take 1" in console.tally)
        assert console.word == "RESET"
        worker.save(1)
        await console.until(lambda: "01✓" in console.text("#strip"))
        assert console.screen.query_one("#left").text == "1/2"
        heard = [c for c in worker.heard if not isinstance(c, protocol.Attach | protocol.SetPreviews)]
        assert [type(c).__name__ for c in heard] == ["Follow", "StartTake", "EndTake"]


async def test_reject_and_take_back_the_last_take(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.take()
        await console.attach(worker)
        await console.press("r")
        await console.until(lambda: "01✗" in console.text("#strip"))
        assert "r accept" in console.keys
        await console.press("r")
        await console.until(lambda: "01✓" in console.text("#strip"))


ACTS = {
    Phase.STARTING: (["STOP"], ["space", "release", "finish"]),
    Phase.IDLE: (["space align", "g go to rest", "R release", "F finish", "n note"], ["STOP", "p pause"]),
    Phase.ALIGNING: (["Esc x STOP"], ["space", "R release", "n note"]),
    Phase.READY: (["space start take 1", "p pause", "STOP"], ["m teleoperate"]),
    Phase.RECORDING: (["space end take", "STOP"], ["n note", "F finish", "R release", "g go"]),
    Phase.HELD: (["p follow again", "g go to rest", "R release"], ["space", "STOP"]),
    Phase.RESTING: (["STOP"], ["space", "R release", "n note"]),
    Phase.RESTED: (["space align", "R release"], ["STOP"]),
    Phase.RELEASED: (["F finish"], ["R release", "STOP"]),
    Phase.DONE: (["space start take", "F finish"], []),
}


async def test_the_footer_lists_only_keys_that_act(open_console, make_worker):
    async with open_console((200, 60)) as console:
        worker = await make_worker()
        await console.attach(worker)
        for phase, (shown, hidden) in ACTS.items():
            worker.phase(phase)
            await console.until(lambda p=phase: console.desk.snapshot.phase is p)
            await console.pilot.pause()
            assert (phase, [s for s in shown if s not in console.keys]) == (phase, [])
            assert (phase, [h for h in hidden if h in console.keys]) == (phase, [])


async def test_the_end_of_the_reset_rings_once_and_starts_nothing(open_console, make_worker):
    async with open_console() as console:
        rung = []
        worker = await make_worker()
        worker.take()
        await console.attach(worker)
        console.desk.bells.play = rung.append
        worker.telemetry(phase_seconds=1.0)
        await console.until(lambda: console.word == "RESET")
        for _ in range(3):
            worker.telemetry(phase_seconds=6.0)
            await asyncio.sleep(0.02)
        await console.until(lambda: console.word == "READY")
        assert console.says == "space starts take 2 · take 1 is accepted · r rejects it"
        assert rung == ["ready"]
        assert worker.heard_of(protocol.StartTake) == []


async def test_a_start_that_waits_for_the_save_says_so(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.RECORDING)
        worker.tell(ev.TakeStarted(take=1))
        worker.tell(ev.TakeEnded(take=1, frames=3, reason="key"))
        worker.phase(Phase.RESET)
        await console.attach(worker)
        worker.telemetry(start_pending=True, saving_take=1)
        await console.until(lambda: console.says == "take 2 starts when take 1 is saved")


async def test_a_refused_command_is_said_and_never_silent(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.refuse[protocol.Follow] = "the [bold]leader[/] \x1b[31mis absent"
        await console.attach(worker)
        await console.press("space")
        await console.until(lambda: "is absent" in console.text("#banner"))
        assert "the [bold]leader[/]" in console.text("#banner")
        assert "\x1b" not in console.everything


async def test_an_alarm_takes_its_line_and_moves_no_key(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.take()
        await console.attach(worker)
        before = console.screen.query_one("#keys").region
        worker.alarm_camera()
        worker.tell(ev.AlarmRaised(source="follower", text="follower: no answer", answer="check the cable"))
        await console.until(lambda: "1 of 2, ! next" in console.text("#alarm"))
        assert console.text("#alarm").startswith("⚠ follower: no answer")
        assert "check the cable" in console.text("#alarm")
        assert console.screen.query_one("#keys").region == before
        worker.tell(ev.AlarmCleared(source="follower"))
        await console.until(lambda: "overhead: black in take 1" in console.text("#alarm"))
        assert "r rejects the take" in console.text("#alarm")


async def test_an_alarm_of_a_moment_stays_visible_with_how_long_and_how_often(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.take()
        await console.attach(worker)
        for _ in range(3):
            worker.tell(ev.AlarmRaised(source="follower", text="follower: no answer", advice=Advice.RESUME))
            worker.tell(ev.AlarmCleared(source="follower"))
        await console.until(lambda: "follower: no answer · over after 0." in console.text("#alarm"))
        assert "(3 times)" in console.text("#alarm") and "p resumes" not in console.text("#alarm")
        worker.alarm_camera()
        await console.until(lambda: "overhead: black" in console.text("#alarm"), "what stands comes first")


async def test_after_a_stop_the_banner_says_what_holds(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        await console.press("x")
        await console.until(lambda: "HELD" in console.text("#banner"))
        for words in ("p follows again, slowly", "g goes to rest", "R releases"):
            assert words in console.text("#banner")
        await console.press("p")
        await console.until(lambda: console.word == "READY")


async def test_escape_stops_while_the_arm_moves_even_in_a_dialog(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        await console.press("n")
        assert isinstance(console.app.screen, TextEntry)
        await console.press("escape")
        await console.until(lambda: console.desk.snapshot.phase is Phase.HELD)
        assert isinstance(console.app.screen, TextEntry)
        await console.until(lambda: not console.desk.just_stopped)  # that one Esc may arrive twice
        await console.press("escape")
        assert not isinstance(console.app.screen, TextEntry)


async def test_a_note_asked_for_in_a_take_says_what_there_is_instead(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        worker.phase(Phase.RECORDING, "take 1")
        worker.tell(ev.TakeStarted(take=1))
        await console.sees("ends take 1")
        await console.press("n")
        await console.sees("a take runs: M marks this moment, n writes a note after it")


async def test_a_note_goes_to_the_session_and_its_keys_nowhere_else(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        await console.press("n")
        await console.sees("keys go to the note")
        await console.press(*"rx", "space", *"p", "enter")
        await console.until(lambda: bool(worker.heard_of(protocol.AddNote)))
        assert worker.heard_of(protocol.AddNote)[0].text == "rx p"
        assert not worker.heard_of(protocol.Follow) and not worker.heard_of(protocol.Stop)


async def test_release_asks_first(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        await console.press("R")
        assert isinstance(console.app.screen, Question)
        await console.press("escape")
        assert not worker.heard_of(protocol.Release)
        await console.press("R", "y")
        await console.until(lambda: bool(worker.heard_of(protocol.Release)))
        assert worker.heard_of(protocol.Release)[0].confirmed
        await console.until(lambda: console.word == "RELEASED")


async def test_no_focusable_widget_is_there_while_a_session_runs(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        for screen in ("record", "bench", "log"):
            console.app.switch_mode(screen)
            await console.until(lambda s=screen: console.screen.id == s)
            await console.until(lambda: not console.screen.query(RecordForm))
            assert [w for w in console.screen.query("*") if w.focusable] == []
            assert console.app.focused is None


async def test_a_watcher_sees_who_drives_and_may_stop_or_take_over(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        worker.drive("anna")
        worker._driver = object()  # somebody else's connection
        await console.attach(worker)
        worker.drive("anna")
        await console.until(
            lambda: "watching · anna drives · T takes control · Esc x STOP the arm" in console.text("#banner")
        )
        assert "space" not in console.keys and "T take control" in console.keys and "STOP" in console.keys
        await console.press("space", "r", "g")
        assert not worker.heard_of(protocol.StartTake) and not worker.heard_of(protocol.GoToRest)
        await console.press("x")
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)))
        await console.press("T")
        await console.until(lambda: console.desk.driving)
        assert "watching" not in console.text("#banner")


async def test_a_worker_that_died_shows_its_last_words(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.take()
        await console.attach(worker)
        worker.run.log.write_text("loading\n\x1b[31mRuntimeError: [bold]no power[/]\x1b[0m\n")
        await worker.stop()
        await console.sees("RuntimeError: [bold]no power[/]")
        assert console.desk.snapshot.status is SessionStatus.CRASHED
        assert console.word == "CRASHED"
        assert "N new session" in console.keys
        assert "N starts again" in console.text("#banner")


async def test_what_a_crashed_session_wrote_itself_is_shown_with_its_log(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker(open_dataset=False)
        await console.attach(worker)
        await console.until(lambda: console.word == "STARTING")
        assert console.says == "loading LeRobot"
        worker.run.log.write_text("ImportError: it is not there\n")
        worker.end(SessionStatus.CRASHED, "ImportError: it is not there")
        await console.until(lambda: console.word == "CRASHED")
        await console.sees("the worker's last words")


async def test_recovery_is_told_once(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker(open_dataset=False)
        await console.attach(worker)
        worker.tell(ev.DatasetRecovered(episodes=3, frames=90, summary="3 episodes kept, 1 torn one set aside"))
        await console.until(lambda: "1 torn one set aside" in console.text("#banner"))


async def test_an_ended_session_is_summed_up_and_n_opens_the_form(open_console, make_worker):
    async with open_console((80, 18)) as console:
        worker = await make_worker()
        worker.take()
        await console.attach(worker)
        await console.press("F")
        await console.until(lambda: console.word == "STOPPED", "an end before the target")
        await console.sees("kind        record")
        await console.press("down", "down")
        await console.sees("1 of 2 accepted, 0")
        await console.press("up", "up")
        await console.sees("kind        record")
        await console.press("N")
        await console.until(lambda: bool(console.screen.query(RecordForm)))
        await console.press("escape", "escape")
        await console.until(lambda: not console.screen.query(RecordForm))


async def test_previews_are_asked_for_as_large_as_they_are_shown(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"overhead", "wrist"})
        width, height = worker.sizes["overhead"]
        assert width * 3 // 4 - 2 <= height <= width * 3 // 4 + 2
        worker.telemetry()
        await console.until(lambda: "▀" in console.everything)
        await console.press("w")
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"overhead"})
        assert worker.sizes["overhead"][0] > width
        await console.press("f7")
        await console.until(lambda: worker.sizes == {})
        await console.press("f3")
        worker.telemetry()
        await console.until(lambda: worker.sizes != {})


async def test_a_small_terminal_shows_one_picture(open_console, make_worker):
    async with open_console((80, 24)) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"overhead"})
        assert console.word == "READY"
        assert console.screen.query_one("#word").scale("RECORDING") == 1
        await console.press("w", "w")
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"wrist"})
        await console.press("d")
        await console.until(lambda: console.screen.query_one("#joints-box").region.height > 5)
        assert not console.screen.query_one(Pictures).display or not console.screen.query_one(Preview).region


async def test_a_terminal_too_small_says_what_matters(open_console, make_worker):
    async with open_console((60, 15)) as console:
        worker = await make_worker()
        worker.phase(Phase.RECORDING)
        worker.tell(ev.TakeStarted(take=1))
        await console.attach(worker)
        worker.telemetry(take_seconds=3.0)
        await console.until(lambda: console.word == "RECORDING" and console.screen.query_one("#right").text == "3.0")
        assert console.screen.query_one("#left").text == "0/2"
        assert all(console.screen.query_one(part).scale("3.0") for part in ("#word", "#left", "#right")), "large"
        await console.sees("space ends take 1")
        await console.sees("STOP")
        for key in ("f2", "f7", "f3", "question_mark", "escape"):
            await console.press(key)
        await console.pilot.resize_terminal(20, 5)
        await console.pilot.pause()


async def test_a_bench_session_leaves_no_form_on_record(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker(kind=SessionKind.BENCH)
        worker.phase(Phase.READY)
        await console.attach(worker)
        await console.until(lambda: console.word == "FOLLOWING")
        assert not console.screen.query(Input)


async def test_the_forms_own_proposal_is_one_that_it_accepts(open_console):
    tasks = (Task(name="pick and place", text="Pick up the cube and place it in the bowl"),)
    profile = msgspec.structs.replace(sim_profile(), tasks=tasks)
    async with open_console(profiles={"sim": profile}) as console:
        console.app.switch_mode("record")
        await console.until(lambda: bool(console.screen.query(RecordForm)) and bool(console.screen.query("#meaning")))
        form = console.screen.query_one(RecordForm)
        assert (form.value("dataset"), form.value("task")) == ("pick_and_place", "pick and place")
        assert form.plan(form.entries, Checks()).dataset == "pick_and_place"


async def test_a_moment_of_a_take_is_marked_and_shown(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        await console.press("M")
        assert not worker.heard_of(protocol.MarkMoment), "no take runs"
        await console.press("space")
        await console.until(lambda: console.word == "RECORDING")
        await console.press("M", "M")
        await console.until(lambda: "2 moments marked" in console.says)
        assert [moment.take for moment in worker.heard_of(protocol.MarkMoment)] == [1, 1]
        await console.until(lambda: "01●²" in console.text("#strip"))


async def test_several_alarms_are_walked_through_and_the_chosen_one_is_large(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        worker.telemetry()
        region = console.screen.query_one(Pictures).region
        await console.press("!")
        await console.sees("no alarm stands")
        worker.tell(ev.CameraAlarmed(camera="overhead", state="black", since=time.time() - 5))
        worker.tell(ev.CameraAlarmed(camera="wrist", state="frozen", since=time.time()))
        large = console.screen.query_one("#alarm-word")
        await console.until(lambda: large.text == "FROZEN 1/2", "the newest first")
        await console.until(lambda: large.region.height == 3 and bool(large.scale(large.text)))
        await console.press("!")
        await console.until(lambda: large.text == "BLACK 2/2" and "overhead: black" in console.text("#alarm"))
        assert console.screen.query_one(Pictures).region == region, "the pictures stay where they are"
        await console.press("f7")
        await console.until(lambda: console.screen.id == "log" and "overhead: black" in console.text("#alarm"))
        await console.press("!")
        await console.until(lambda: "wrist: frozen" in console.text("#alarm"))
        worker.tell(ev.CameraRecovered(camera="wrist"))
        worker.tell(ev.CameraRecovered(camera="overhead"))
        await console.press("f3")
        await console.until(lambda: not console.screen.query_one("#alarm-word").text)


async def test_a_watcher_is_told_why_its_keys_do_nothing_and_sees_stop_at_every_size(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.phase(Phase.RECORDING)
        worker.tell(ev.TakeStarted(take=1))
        worker.drive("anna")
        worker._driver = object()  # somebody else's connection
        await console.attach(worker)
        worker.drive("anna")
        await console.until(lambda: "anna drives" in console.text("#banner"))
        for key in ("r", "p", "space", "M"):
            await console.press(key)
            await console.sees("anna drives, this console watches: T takes control")
            console.screen._notice = None
            console.screen.redraw()
        assert not any(word in console.everything for word in ("rejects", "ends take"))
        for size in ((60, 15), (80, 24), (200, 60)):
            await console.pilot.resize_terminal(*size)
            await console.until(lambda s=size: console.app.size == s)
            await console.until(lambda: "Esc x STOP" in console.text("#banner") and "Esc x STOP" in console.keys)


async def test_a_stop_before_the_worker_is_there_is_answered_and_sent_first(open_console, make_worker):
    async with open_console(line=StopLine()) as console:
        worker = await make_worker(open_dataset=False)
        worker.slow[protocol.Attach] = 0.5
        console.desk.start(lambda: worker.run, SessionKind.RECORD)
        await console.until(lambda: console.desk.live)
        console.desk.stop()
        await console.sees("nothing moves and nothing is recorded until you press a key")
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)))
        await console.press("f3")
        await console.until(lambda: console.desk.stopped_at_start)


async def test_a_stop_while_the_worker_loads_is_answered_in_panel_and_line(open_console, make_worker):
    async with open_console(line=StopLine()) as console:
        worker = await make_worker(open_dataset=False)
        await console.attach(worker)
        await console.until(lambda: console.word == "STARTING")
        await console.press("x")
        await console.until(lambda: console.says.startswith("stopped: nothing moves by itself"))


async def test_a_bench_without_cameras_gives_its_room_to_panels_joints_and_strip(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker(profile=load_benches(built_in=True).pick("sim-state"), episodes=90)
        for _ in range(40):
            worker.take()
        await console.attach(worker)
        worker.telemetry(cameras={})
        await console.until(lambda: console.screen.has_class("-blind"))
        await console.until(lambda: "40✓" in console.text("#strip") and "01✓" in console.text("#strip"))
        await console.until(lambda: console.screen.query_one("#phase-box").region.height > 25)
        assert console.screen.query_one("#word").scale("RECORDING") == 2


async def test_100x30_shows_every_camera_and_the_joints(open_console, make_worker):
    async with open_console((100, 30)) as console:
        worker = await make_worker()
        await console.attach(worker)
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"overhead", "wrist"})
        assert console.screen.query_one("#joints-box").region.height >= 8
        assert console.screen.query_one("#word").scale("RECORDING") == 1


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (200, 60)])
async def test_d_turns_the_pictures_off_at_every_size_and_asks_for_none(open_console, make_worker, size):
    async with open_console(size) as console:
        worker = await make_worker()
        await console.attach(worker)
        worker.telemetry()
        await console.until(lambda: bool(worker.sizes))
        await console.press("d")
        worker.telemetry()
        await console.until(lambda: worker.sizes == {} and not console.screen.query_one(Pictures).region)
        await console.press("d")
        worker.telemetry()
        await console.until(lambda: bool(worker.sizes))


async def test_a_key_that_comes_too_soon_after_a_stop_is_answered_at_once(open_console, make_worker):
    async with open_console((80, 24)) as console:
        worker = await make_worker()
        worker.phase(Phase.READY)
        await console.attach(worker)
        await console.press("x")
        await console.until(lambda: "HELD" in console.text("#banner"))
        worker.refuse[protocol.Follow] = "stopped a moment ago: press again"
        await console.press("p")
        await console.sees("stopped a moment ago: press again")
        assert "p follows" in console.text("#banner"), "the hold and its keys stay"


async def test_a_slow_link_turns_pictures_off_and_says_so(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        pictures = console.screen.query_one(Pictures)
        await console.until(lambda: bool(pictures.sizes()))
        console.app.link_state.takes_per_s = 12_000.0
        worker.telemetry()
        await console.sees("pictures off: slow link, 12 kB/s")
        assert pictures.sizes() == {}
