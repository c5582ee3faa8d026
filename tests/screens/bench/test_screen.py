"""Bench with a session and without: pictures, joints, pose and torque, who has the arm, what Enter opens."""

from __future__ import annotations

from screens.bench.board_panel import BoardPanel
from screens.widgets.pictures import Pictures
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.requests import Purpose
from sessions.models import SessionKind
from tests.support import facts, plain_datasets
from tests.support.fake_desk import past_session
from tests.support.runs import ended, session_id, write_run

STARTED = {
    "policy": "act", "steps": 200, "batch_size": 8, "device": "cpu", "parameters": 9, "episodes": (0,),
    "episodes_total": 1, "frames": 9,
}  # fmt: skip


def shown(console) -> dict[str, tuple[int, int]]:
    return {box.camera: box.picture.wanted for box in console.screen.query_one(Pictures).boxes if box.display}


async def test_a_session_on_bench_shows_pictures_joints_pose_and_torque(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker(kind=SessionKind.BENCH)
        await console.attach(worker, "bench")
        worker.phase(Phase.READY, "following the leader")
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"overhead", "wrist"})
        worker.telemetry()
        await console.sees("following the leader, torque on")
        await console.sees("loop 30.0 Hz")
        await console.sees("shoulder_pan")
        assert min(height for _, height in shown(console).values()) >= 20
        await console.press("w")
        await console.until(lambda: set(shown(console)) == {"overhead"})
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"overhead"})
        await console.press("w", "w")
        await console.press("d")  # pictures off, everything else stays
        await console.until(lambda: not console.screen.query_one(Pictures).display)
        worker.telemetry()
        await console.until(lambda: worker.sizes == {})
        await console.sees("shoulder_pan")
        await console.press("d")
        await console.press("f3")  # Record shows no pictures of a bench session
        worker.telemetry()
        await console.until(lambda: worker.sizes == {})
        await console.press("f2")
        worker.telemetry()
        await console.until(lambda: set(worker.sizes) == {"overhead", "wrist"})
        for phase, torque, said in (
            (Phase.RESTED, True, "at rest, torque on"),
            (Phase.HELD, True, "held where it stands, torque on"),
            (Phase.RELEASED, False, "limp, torque off"),
        ):
            worker.phase(phase)
            worker.telemetry(torque=torque)
            await console.sees(said)
        worker.tell(ev.BenchConnected(robot="so101_follower"))
        worker.tell(ev.ArmLeft(torque=False, at_rest=True))
        worker.end()
        await console.sees("last seen at rest, torque off")
        assert "FINISHED" not in console.everything and shown(console) == {}


async def test_a_session_that_only_holds_asks_for_no_pictures(open_console, make_worker):
    async with open_console((80, 24)) as console:
        worker = await make_worker(kind=SessionKind.BENCH, purpose=Purpose.HOLD)
        await console.attach(worker, "bench")
        worker.phase(Phase.HELD, "the arm holds")
        worker.telemetry()
        await console.sees("held where it stands, torque on")
        await console.sees("shoulder_pan")
        assert worker.sizes == {} and "w enlarge" not in console.keys and "d pictures" not in console.keys


async def test_of_an_arm_in_use_it_is_said_who_has_it_and_one_key_attaches(open_console, make_worker):
    async with open_console() as console:
        past_session(console.folder, "20260101-080000-aaaa", dataset="stack_cubes")
        worker = await make_worker(operator="bo", dataset="pick_place")
        worker.phase(Phase.READY, "following the leader")
        console.screen._refresh_all()
        await console.until(lambda: console.word == "IN USE")
        await console.sees("bo records pick_place since")
        await console.sees("following the leader, torque on")
        assert "Esc x STOP" in console.keys and "a attach" in console.keys
        await console.press("down", "a")  # the cursor is on an ended session
        await console.until(lambda: console.screen.id == "record" and console.desk.live)


async def test_the_first_steps_go_after_the_first_take_and_a_dataset_opens_its_recording(open_console, make_worker):
    async with open_console((80, 24)) as console:
        await console.sees("1  F3 record")
        await console.sees("3  F5 evaluate")
        root = plain_datasets.make(console.folder.datasets / "cubes", [1.0, 2.0])
        plain_datasets.mark(root, 1)
        past_session(
            console.folder, "20260101-080000-aaaa", dataset="cubes", episodes=5, data_dir=str(console.folder.root)
        )
        console.screen.query_one(BoardPanel).refresh_runs()
        await console.sees("1/5")
        assert "3  F5 evaluate" not in console.everything
        await console.pilot.resize_terminal(60, 15)  # the list is hidden there
        await console.until(lambda: "1/5" not in console.everything)
        await console.pilot.resize_terminal(80, 24)
        await console.sees("datasets  ")  # its heading stays above the first row
        await console.press("enter")
        await console.until(lambda: console.screen.id == "log" and console.screen.has_class("-open"))
        await console.sees("20260101-080000-aaaa")


async def test_previews_follow_the_screen_that_is_seen(open_console, make_worker):
    """From Bench to Record and back while a recording runs: what the left screen asked for never wins."""
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker, "bench")
        worker.phase(Phase.READY)
        for key in ("f3", "f2", "f3"):
            await console.press(key)
            await console.until(lambda: bool(shown(console)))
            worker.telemetry()
            await console.until(lambda: worker.sizes == console.screen.query_one(Pictures).sizes() != {})
        assert all(command.sizes for command in worker.heard_of(protocol.SetPreviews))


async def test_enter_opens_a_run_on_train_and_headings_are_passed_over(open_console):
    async with open_console() as console:
        await console.until(lambda: console.screen.query_one(BoardPanel).read)
        for number, name in ((1, "act_old"), (2, "act_new")):
            run = session_id(number)
            begun = facts.started(run, kind=SessionKind.TRAIN, dataset="cubes", policy="act", name=name, steps=200)
            made = {**STARTED, "output_dir": f"{console.folder.root}/outputs/train/{name}"}
            write_run(console.folder, run, begun, ev.TrainingStarted(**made), ended())
        past_session(console.folder, "20260101-080000-aaaa", dataset="cubes")
        console.screen.query_one(BoardPanel).reload()
        await console.sees("enter opens the run in train")  # the newest one
        await console.press("down")
        await console.press("down")  # past the heading of the sessions
        await console.sees("enter opens the session in the log")
        await console.press("up", "enter")
        await console.until(lambda: console.screen.id == "train")
        await console.until(lambda: console.desk.runs.shown.id == session_id(1))
