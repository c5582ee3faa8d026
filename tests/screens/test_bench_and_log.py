"""Bench and Log: what runs, what was, filters and notes; leaving."""

from __future__ import annotations

import msgspec
import pytest
from textual.widgets import Input

import services.arm_commands
from screens.bench.board_panel import BoardPanel
from screens.frame.dialogs import Question, TextEntry
from screens.frame.help_page import HelpPage
from screens.frame.leave import LeaveQuestion
from screens.log.entries import NoteEditor
from screens.views.equipment import other_lines, part_line, retried_lines
from screens.widgets.line import Lines
from screens.widgets.rows import RowList
from services.bench.equipment import Equipment, Part
from services.bench.profiles import load_benches
from services.live import events as ev
from services.live import protocol
from services.live.event_log import EventLog, read_events
from services.live.phases import Phase
from services.live.requests import Purpose
from sessions.models import SessionKind, SessionStatus
from tests.support.facts import started
from tests.support.fake_desk import FakeWorker, past_session, sim_profile
from tests.support.usb_tree import Usb


def rows(console):
    return console.screen.query_one(RowList).lines


def chosen(console):
    """The rows of Bench's list that can be chosen: no headings."""
    return [entry.row.plain for entry in console.screen.query_one(BoardPanel)._entries if entry.target is not None]


async def test_an_empty_bench_says_what_to_press(open_console):
    async with open_console() as console:
        await console.sees("1  F3 record")
        await console.sees("sim_so101_follower")
        await console.sees("not known: no session here has had this arm yet")
        assert console.word == "NO SESSION"
        assert "[F2 bench] F3 record  F4 train  F5 evaluate  F7 log " in console.text("#header")
        for key in ("m teleoperate", "g go to rest", "R release", "H hold"):
            assert key in console.keys
        assert "F2" not in console.keys and "STOP" not in console.keys


async def test_bench_lists_what_runs_and_attaches_to_it(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        worker.take()
        past_session(console.folder, "20260101-080000-aaaa")
        console.screen._refresh_all()
        await console.until(lambda: len(chosen(console)) == 2)
        assert "done" in chosen(console)[0] or "reset" in chosen(console)[0]
        assert "1/2" in chosen(console)[0]
        assert "2/3" in chosen(console)[1]
        await console.press("a")
        await console.until(lambda: console.screen.id == "record" and console.desk.live)
        await console.press("f2")
        await console.until(lambda: "attached" in chosen(console)[0])


async def test_a_run_that_cannot_be_read_is_said_beside_the_others(open_console, make_worker):
    async with open_console() as console:
        await make_worker()
        bad = console.folder.run("20260101-080000-aaaa")
        bad.events.mkdir(parents=True)
        console.screen._refresh_all()
        await console.until(lambda: len(chosen(console)) == 1)
        await console.sees("run 20260101-080000-aaaa cannot be read (")
        bad.events.rmdir()
        console.screen.query_one(BoardPanel).refresh_runs()
        await console.until(lambda: "cannot be read" not in console.everything)


async def test_enter_on_an_ended_session_opens_it_in_the_log(open_console):
    async with open_console() as console:
        past_session(console.folder, "20260101-080000-aaaa", dataset="stack_cubes")
        console.screen._refresh_all()
        await console.until(lambda: len(chosen(console)) == 1)
        await console.press("enter")
        await console.until(lambda: console.screen.id == "log" and console.screen.has_class("-open"))
        await console.sees("session 20260101-080000-aaaa")


async def test_teleoperate_starts_a_bench_session(open_console, monkeypatch):
    began = []
    async with open_console() as console:
        worker = FakeWorker(console.folder, kind=SessionKind.BENCH)

        def begin(folder, profile, purpose, **_):
            began.append(purpose)
            return worker.run

        monkeypatch.setattr(services.arm_commands, "begin", begin)
        await worker.start(open_dataset=False)
        await console.press("m")
        await console.until(lambda: console.desk.live and not console.desk.starting)
        worker.phase(Phase.READY)
        worker.telemetry()
        await console.until(lambda: console.word == "FOLLOWING")
        assert began == [Purpose.TELEOPERATE]
        await console.sees("6 joints, torque on")
        await console.sees("lit 29.9 fps")
        assert "p pause" in console.keys and "m teleoperate" not in console.keys
        await console.press("g")
        await console.until(lambda: console.word == "AT REST")
        assert "m follow" in console.keys
        await console.press("F")
        await console.until(lambda: not console.desk.live)
        await worker.stop()


async def test_release_without_a_session_asks_first(open_console, monkeypatch):
    began = []
    async with open_console() as console:
        monkeypatch.setattr(
            services.arm_commands, "begin", lambda *a, **k: began.append(a[2]) or console.folder.run("x")
        )
        await console.press("R")
        assert isinstance(console.app.screen, Question) and began == []
        await console.press("escape")
        assert not isinstance(console.app.screen, Question) and began == []


async def test_another_bench_can_be_chosen(open_console):
    other = msgspec.structs.replace(sim_profile(), name="second", operators=("bo",))
    async with open_console(profiles={"sim": sim_profile(), "second": other}) as console:
        await console.press("b", "2")
        await console.until(lambda: console.desk.profile.name == "second")
        assert "second" in console.text("#header") and "bo" in console.text("#header")


async def test_an_arm_that_another_bench_drives_is_in_use(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker(profile=load_benches(built_in=True).pick("sim-state"))
        worker.phase(Phase.READY)
        console.screen._refresh_all()
        await console.until(lambda: console.word == "IN USE")
        for key in ("m teleoperate", "g go to rest", "R release", "H hold"):
            assert key not in console.keys


async def test_the_log_filters_and_takes_notes(open_console):
    async with open_console() as console:
        past_session(console.folder, "20260101-080000-aaaa", task="[bold]x[/]")
        past_session(console.folder, "20260102-080000-bbbb", kind=SessionKind.BENCH)
        await console.press("f7")
        await console.until(lambda: len(rows(console)) == 2)
        assert "bench" in rows(console)[0]
        await console.press("slash")
        await console.press(*"kind:r")
        await console.until(lambda: len(rows(console)) == 1)
        await console.sees("1 of 2 sessions")
        await console.press(*"ecord", "enter")
        await console.sees("filter: kind:record")
        assert not console.screen.focus_chain
        await console.press("enter")
        await console.sees('"[bold]x[/]"')
        await console.sees("⚠ take 03: overhead black")
        await console.press("n")
        await console.press(*"[b]lamp", "enter", *"was off", "ctrl+s")
        await console.sees("[b]lamp")
        run = console.folder.run("20260101-080000-aaaa")
        assert [e.text for e in read_events(run.events) if isinstance(e, ev.NoteAdded)] == ["[b]lamp\nwas off"]
        await console.press("t", *"night", "enter")
        await console.sees("#night")
        await console.press("escape", "escape")
        await console.until(lambda: len(rows(console)) == 2)


async def test_a_trial_that_nobody_judged_is_judged_in_the_log(open_console):
    async with open_console() as console:
        run = console.folder.run("20260101-080000-eeee")
        run.root.mkdir(parents=True)
        with EventLog(run) as log:
            for event in (
                started(run.id, kind=SessionKind.EVAL, dataset="rollout_a", target=3),
                ev.TakeStarted(take=1),
                ev.TakeEnded(take=1, frames=200, reason="driver"),
                ev.SessionEnded(status=SessionStatus.CRASHED, reason="the worker vanished"),
            ):
                log.append(event, sync=False)
        past_session(console.folder, "20260102-080000-aaaa")
        await console.press("f7")
        await console.until(lambda: len(rows(console)) == 2)
        await console.until(lambda: "f failure" in console.keys)
        await console.press("down")
        await console.until(lambda: "f failure" not in console.keys)  # a recording
        await console.press("up")
        await console.press("f")
        assert isinstance(console.app.screen, Question)
        await console.press("escape")
        await console.press("f", "y")
        await console.sees("trial 1: failure")
        judged = [e for e in read_events(run.events) if isinstance(e, ev.TrialJudged)]
        assert [(e.trial, e.verdict.value, e.judge) for e in judged] == [(1, "failure", console.desk.operator)]
        await console.until(lambda: "f failure" not in console.keys)


async def test_a_refused_tag_is_said(open_console):
    async with open_console() as console:
        past_session(console.folder, "20260101-080000-aaaa")
        await console.press("f7")
        await console.until(lambda: len(rows(console)) == 1)
        await console.press("t", *"night run", "enter")
        await console.sees("tags cannot contain spaces: try night-run")
        assert console.app.screen.query_one(Input).value == "night run", "what was typed stays"
        await console.press("ctrl+u", *"night-run", "enter")
        await console.sees("tagged: #night-run")


async def test_nobody_types_while_a_take_runs(open_console, make_worker):
    async with open_console() as console:
        past_session(console.folder, "20260101-080000-aaaa")
        worker = await make_worker()
        worker.phase(Phase.RECORDING)
        await console.attach(worker, "log")
        await console.until(lambda: bool(rows(console)))
        await console.press("slash")
        await console.press("n")
        assert not isinstance(console.app.screen, TextEntry | NoteEditor) and not console.screen.focus_chain
        assert "filter" not in console.keys


async def test_leaving_asks_and_leaves_it_running(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        await console.press("q")
        assert isinstance(console.app.screen, LeaveQuestion)
        await console.sees("the arm holds where it is")
        await console.press("escape")
        assert not isinstance(console.app.screen, LeaveQuestion)
        await console.press("ctrl+q")
        assert isinstance(console.app.screen, LeaveQuestion)
        await console.press("q")
        await console.until(lambda: console.app._exit)
        assert not worker.heard_of(protocol.Finish)
        assert console.app.farewell == (
            f"session {worker.run.id} goes on: the arm holds, torque on; a in a console attaches to it again"
        )


async def test_leaving_can_finish_the_session(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        await console.press("q", "F")
        await console.until(lambda: console.app._exit)
        assert len(worker.heard_of(protocol.Finish)) == 1


async def test_without_a_session_q_leaves_at_once(open_console):
    async with open_console() as console:
        await console.press("q")
        await console.until(lambda: console.app._exit)


async def test_the_key_list_tells_every_key(open_console):
    async with open_console() as console:
        await console.press("question_mark")
        assert isinstance(console.app.screen, HelpPage)
        await console.sees("Lower the arm, then cut torque; asks first")
        await console.press("question_mark")
        assert not isinstance(console.app.screen, HelpPage)


async def test_the_palette_has_what_can_be_done(open_console):
    async with open_console() as console:
        await console.press("colon")
        await console.sees("teleoperate         Follow the leader, record nothing")
        await console.press(*"bells off", "enter")
        await console.until(lambda: not console.desk.bells.on)


async def test_brackets_step_through_the_screens(open_console):
    async with open_console() as console:
        for expected in ("record", "train", "evaluate", "log", "bench"):
            await console.press("escape", "right_square_bracket")
            await console.until(lambda e=expected: console.screen.id == e)


async def test_every_binding_has_an_id_and_a_tooltip(open_console):
    async with open_console() as console:
        for screen in ("bench", "record", "log"):
            console.app.switch_mode(screen)
            await console.until(lambda s=screen: console.screen.id == s)
            own = [b for _, b in console.screen._bindings if b.action not in ("app.focus_next", "app.focus_previous")]
            lacking = [b.key for b in own if not (b.id and b.tooltip) and not b.action.startswith("screen.")]
            assert lacking == []


@pytest.mark.parametrize(
    ("free", "per_second", "bad"),
    [(80e9, 0.0, False), (1e9, 0.0, True), (80e9, 1e6, False), (3e9, 1e6, True)],
)
def test_the_disk_is_red_where_it_runs_out_and_not_where_nothing_is_filmed(free, per_second, bad):
    lines = other_lines(sim_profile(), Equipment(disk_free=int(free), bytes_per_second=per_second), [], 60)
    assert any("error" in str(span.style) for span in lines[0].spans) is bad


def test_disk_rest_and_benches_are_shortened_to_what_fits():
    equipment = Equipment(disk_free=65_000_000_000, bytes_per_second=1e6)
    for width in (26, 30, 40, 60, 100):
        disk, rest, benches = (line.plain for line in other_lines(sim_profile(), equipment, ["so101", "koch"], width))
        assert max(map(len, (disk, rest, benches))) <= width and "65 GB free" in disk and "b " in benches
        assert "…" not in disk + rest and "taught" in rest
    assert "≈ 18 h of recording" in disk and "so101, koch" in benches


@pytest.mark.parametrize(("purpose", "needed"), [("hold", False), ("rest", False), ("teleoperate", True)])
async def test_a_session_that_connects_no_leader_does_not_miss_it(open_console, make_worker, purpose, needed):
    async with open_console() as console:
        worker = await make_worker(kind=SessionKind.BENCH, purpose=purpose)
        worker.phase(Phase.HELD)
        await console.attach(worker)
        await console.press("f2")
        await console.until(lambda: console.screen.id == "bench")

        def leader():
            worker.telemetry(leader={})
            rows = console.screen.query_one("#parts", Lines).text.splitlines()
            return next((row for row in rows if row.strip().startswith("leader")), "")

        await console.until(lambda: ("no answer" if needed else "not needed") in leader())


def test_an_evaluation_does_not_miss_its_leader():
    part, telemetry = Part("leader", "so101_leader", "/dev/x"), protocol.Telemetry(at=0.0, joints={"a": 1.0}, leader={})
    assert "no answer" in part_line(part, telemetry, 60).plain
    assert "not needed" in part_line(part, telemetry, 60, needed=False).plain


def test_an_arm_whose_answers_get_lost_says_so_on_its_line():
    wires = {"follower": protocol.WireView(asked=9000, retried=31, lately=0.062), "leader left": protocol.WireView()}
    telemetry = protocol.Telemetry(at=0.0, joints={"a": 1.0}, leader={"left_a": 1.0}, wires=wires)
    arm = Part("follower", "so101_follower", "/dev/x")
    for width in (46, 80):
        line = part_line(arm, telemetry, width).plain
        assert "1 joint, torque on, 6 % retried" in line and len(line) <= width
    assert "retried" not in part_line(Part("leader", "bi_so_leader", "/dev/y", prefix="left_"), telemetry, 80).plain
    assert [line.plain for line in retried_lines(telemetry)] == ["retried follower 31"]
    quiet = msgspec.structs.replace(
        telemetry, wires={"follower": protocol.WireView(asked=900, retried=1, lately=0.002)}
    )
    assert "retried" not in part_line(arm, quiet, 80).plain
    assert not retried_lines(protocol.Telemetry(at=0.0))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_camera_in_a_slow_port_is_said_on_bench_and_in_the_form_and_refuses_nothing(
    open_console, tmp_path, monkeypatch, size
):
    usb = Usb(tmp_path / "usb", monkeypatch)
    camera = {"type": "opencv", "index_or_path": usb.webcam("video0", "1-2", version=" 2.10"), "width": 640}
    bench = msgspec.structs.replace(sim_profile(), robot={**sim_profile().robot, "cameras": {"overhead": camera}})
    async with open_console(size, profiles={"sim": bench}) as console:
        await console.sees("overhead is on USB 2 (480 Mbit/s)")
        await console.sees("3 port")  # the line may end before it
        await console.press("f3")
        await console.until(lambda: bool(console.screen.query("#cameras")))
        await console.sees("overhead is on USB 2 (480 Mbit/s)")
        await console.sees("start")
        assert not console.text("#refusal")
