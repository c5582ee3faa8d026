"""The desk: what fails while it attaches is said, and leaves it ready for the next session."""

from __future__ import annotations

import asyncio

import msgspec

from services.live import events as ev
from services.live import launch, protocol
from services.live.stop_line import StopLine
from services.refusal import Checks
from sessions.models import SessionKind
from tests.support.fake_desk import FakeWorker, sim_profile

start_scribe = launch.start_scribe


async def test_an_attachment_that_fails_leaves_the_desk_free(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.run.events.unlink()
        worker.run.events.mkdir()  # no file can be read there
        await console.desk.attach(worker.run)
        await console.sees("Not a file")
        assert not console.desk.live and not console.desk.starting
        next_worker = await make_worker()
        console.desk.start(lambda: next_worker.run, SessionKind.RECORD)
        await console.until(lambda: console.desk.live and console.desk.snapshot.started is not None)


async def test_a_repair_is_said_once(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        worker.tell(ev.DatasetRecovered(episodes=3, frames=90, summary="recovered 3 episodes, 90 frames"))
        await console.sees("the dataset was repaired: recovered 3 episodes, 90 frames")


async def test_a_scribe_that_cannot_start_is_said_and_the_session_is_attached_to(
    open_console, make_worker, monkeypatch
):
    monkeypatch.setattr(launch, "start_scribe", start_scribe)
    async with open_console() as console:
        worker: FakeWorker = await make_worker()
        (console.folder.root / "scribe.log").mkdir()

        def begin():
            launch._try_to_start_scribe(console.folder, worker.run)
            return worker.run

        console.desk.start(begin, SessionKind.RECORD)
        await console.sees("the session runs, but the log follows it later")
        await console.until(lambda: console.desk.live and not console.desk.starting)
        assert console.desk.snapshot.started is not None


async def test_the_settings_of_a_session_end_with_it(open_console, make_worker):
    async with open_console() as console:
        own = console.desk.profile
        fault = {"faults": [{"kind": "black", "device": "overhead", "episode": 1, "frame": 1}]}
        slow = msgspec.structs.replace(own.motion, max_joint_speed=7.0)
        asked = msgspec.structs.replace(own, sim={**(own.sim or {}), **fault}, motion=slow)
        worker = await make_worker(profile=asked)
        await console.attach(worker)
        assert console.desk.profile == asked, "what runs is shown as it was asked for"
        worker.end()
        await console.until(lambda: not console.desk.live)
        assert console.desk.profile == own
        await console.press("f3", "N")
        await console.until(lambda: bool(console.screen.query("#task")))
        console.screen.query_one("#dataset").value, console.screen.query_one("#task").value = "next", "pick"
        form = console.screen.query_one("Form")
        assert form.plan(form.entries, Checks()).profile == own


async def test_the_bench_of_a_session_stays_chosen_as_lab_toml_has_it(open_console, make_worker):
    own = sim_profile()
    other = msgspec.structs.replace(own, name="other")
    async with open_console(profiles={"sim": own, "other": other}) as console:
        worker = await make_worker(profile=msgspec.structs.replace(other, sim={"strategy": "nudge"}))
        await console.attach(worker)
        worker.end()
        await console.until(lambda: not console.desk.live)
        assert console.desk.profile == other


async def test_a_stop_of_a_session_that_never_came_is_not_sent_to_the_next(open_console, make_worker):
    async with open_console(line=StopLine()) as console:
        lost = await make_worker()
        lost.run.events.unlink()
        lost.run.events.mkdir()  # no file can be read there
        attaching = console.desk.attach(lost.run)
        await asyncio.sleep(0)
        assert console.desk.starting
        console.desk.stop()
        await attaching
        next_worker = await make_worker()
        await console.desk.attach(next_worker.run)
        await console.until(lambda: console.desk.live and console.desk.driving)
        answer = await console.desk.link.send(protocol.AddNote(text="heard"))
        assert answer.ok and not next_worker.heard_of(protocol.Stop)


async def test_a_stop_before_a_session_is_attached_promises_nothing_and_is_sent_first(open_console, make_worker):
    async with open_console(line=StopLine()) as console:
        worker = await make_worker()
        worker.slow[protocol.Attach] = 0.5
        console.desk.attach(worker.run)
        await asyncio.sleep(0)
        assert console.desk.starting
        console.desk.stop()
        await console.sees("the stop goes to the session as soon as it is attached")
        assert "nothing moves" not in console.everything
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)))
        assert not console.desk.stopped_at_start
