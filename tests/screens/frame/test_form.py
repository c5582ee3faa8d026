"""The form of a new recording: what it knows, refuses, starts and remembers."""

from __future__ import annotations

import asyncio

from textual.widgets import Input

import services.recording.plan
from screens.frame import form
from screens.record.form import RecordForm
from services.bench.device_locks import DeviceLocks, device_keys
from services.bench.profiles import Profile, load_benches
from services.live.running import live_runs
from tests.support.fake_desk import FakeWorker, sim_profile
from tests.support.fake_training import FakeTraining
from tests.support.forms import meaning, problem

OTHER_ARM = Profile(name="other", robot={"type": "so101_follower", "port": "/dev/null"})


async def open_form(console):
    await console.press("f3")
    await console.until(lambda: bool(console.screen.query(RecordForm)) and bool(console.screen.query("#reset-seconds")))


def fill(console, **values):
    for name, value in values.items():
        console.screen.query_one(f"#{name.replace('_', '-')}", Input).value = value


async def test_a_refusal_stands_at_the_form(open_console):
    async with open_console() as console:
        await open_form(console)
        fill(console, dataset="two words")
        await console.until(lambda: bool(problem(console, "dataset")), "said before the start")
        await console.pilot.click("#start")
        await console.until(lambda: problem(console, "dataset").startswith("the name contains a space: use letters"))
        await console.until(lambda: console.app.focused.id == "dataset")
        assert "a new dataset" not in meaning(console)
        fill(console, episodes="many", reset_seconds="-1")
        await console.until(lambda: problem(console, "episodes") == "a whole number is needed, not 'many'")
        assert problem(console, "reset-seconds").startswith("reset seconds must be at least 0"), "each at its field"
        await console.sees("⚠ a whole number is needed, not 'many'")
        fill(console, dataset="twowords", episodes="3")
        await console.until(lambda: not problem(console, "dataset") + problem(console, "episodes"), "mended, and gone")
        assert problem(console, "reset-seconds") and "a new dataset" in meaning(console)
        assert console.screen.query_one("#reset-seconds", Input).value == "-1", "what was refused stays"
        assert console.desk.link is None


async def test_start_begins_and_attaches_and_the_values_are_remembered(open_console, monkeypatch):
    planned = []
    async with open_console() as console:
        worker = FakeWorker(console.folder)

        def begin(folder, request):
            planned.append(request)
            return worker.run

        monkeypatch.setattr(services.recording.plan, "begin", begin)
        await worker.start()
        await open_form(console)
        assert console.app.focused.id == "dataset"
        await console.press(*"pick_place")
        for _ in RecordForm.FIELDS:
            await console.press("enter")
            await console.pilot.pause()
        await console.until(lambda: console.word == "HOLDING")
        assert planned[0].dataset == "pick_place"
        assert planned[0].task == "Pick up the cube and place it in the bowl"
        assert planned[0].episodes == 10 and not planned[0].resume
        assert not console.screen.query(RecordForm)
        await console.press("F")
        await console.until(lambda: console.word == "STOPPED")
        await console.press("N")
        await console.until(lambda: bool(console.screen.query("#dataset")))
        assert console.screen.query_one("#dataset", Input).value == "pick_place"
        fill(console, dataset="other")
        await console.press("escape", "escape")
        await console.until(lambda: not console.screen.query(RecordForm))
        await console.press("N")
        await console.until(lambda: bool(console.screen.query("#dataset")))
        assert console.screen.query_one("#dataset", Input).value == "other", "what was typed is there again"
        await worker.stop()


async def test_an_existing_dataset_is_resumed_in_words(open_console):
    async with open_console() as console:
        info = '{"codebase_version": "v3.0", "fps": 30, "features": {}, "total_episodes": 7, "total_frames": 70}'
        meta = console.folder.datasets / "pick_place" / "meta"
        meta.mkdir(parents=True)
        (meta / "info.json").write_text(info)
        await open_form(console)
        await console.until(lambda: meaning(console).startswith("dataset pick_place"))
        assert "episodes 7 episodes (no marks: every episode counts)" in meaning(console)
        fill(console, dataset="another")
        await console.until(lambda: meaning(console).startswith("dataset another a new dataset"))
        fill(console, dataset="pick_place")
        await console.until(lambda: problem(console, "dataset").startswith("dataset pick_place cannot be resumed"))


async def test_letters_typed_into_the_form_are_text(open_console):
    async with open_console() as console:
        await open_form(console)
        await console.press(*"qNx")
        assert console.screen.query_one("#dataset", Input).value == "qNx"
        await console.press("escape", "left_square_bracket")
        await console.until(lambda: console.screen.id == "bench")


async def test_the_form_says_at_once_that_a_session_has_the_arm_and_where_to_find_it(open_console):
    async with open_console() as console:
        worker = FakeWorker(console.folder)
        await worker.start()
        await open_form(console)
        await console.until(lambda: "a recording runs on this bench: F2, then a" in console.text("#refusal"))


async def test_the_form_names_the_bench_on_which_this_arm_is_in_use(open_console):
    async with open_console() as console:
        await FakeWorker(console.folder, profile=load_benches(built_in=True).pick("sim-state")).start()
        await open_form(console)
        said = "a recording has this arm, on bench sim-state: F2, then a attaches to it"
        await console.until(lambda: said in console.text("#refusal"))


async def test_another_arms_session_and_a_training_do_not_matter_to_the_form(open_console):
    async with open_console() as console:
        await FakeWorker(console.folder, profile=OTHER_ARM).start()
        await (training := FakeTraining(console.folder)).begin()
        await open_form(console)
        await console.app.workers.wait_for_complete([w for w in console.app.workers if w.group == "operator"])
        assert console.text("#refusal") == ""
        assert training.run in live_runs(console.folder)


async def test_the_form_says_at_once_that_somebody_elsewhere_holds_the_arm(open_console):
    async with open_console() as console:
        keys = device_keys(sim_profile().robot, {}, console.folder.root)
        with DeviceLocks(keys, {"session": "20260217-142001-aaaa", "bench": "other", "operator": "bo"}):
            await open_form(console)
            said = "the simulated bench is held by session 20260217-142001-aaaa (bench other, operator bo"
            await console.until(lambda: said in console.text("#refusal"))


async def test_the_warning_that_the_arm_is_in_use_goes_with_that_session(open_console, make_worker, monkeypatch):
    monkeypatch.setattr(form, "LOOK_AGAIN_S", 0.05)
    async with open_console() as console:
        worker = await make_worker()
        await open_form(console)
        await console.until(lambda: "a recording runs on this bench" in console.text("#refusal"))
        worker.end()
        await console.until(lambda: not console.text("#refusal"))
        console.screen.query_one(RecordForm).refuse("for another reason")
        for _ in range(10):
            await asyncio.sleep(0.02)
            await console.pilot.pause()
        assert "another reason" in console.text("#refusal"), "what was refused for another reason stays"
