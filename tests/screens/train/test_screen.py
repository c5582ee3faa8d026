"""Train: what the operator sees of a run and may press, from the form to the end; nothing of the arm changes."""

from __future__ import annotations

import json
import time
import urllib.request
from urllib.error import URLError

import msgspec
import pytest
from rich.cells import cell_len
from textual._compositor import Compositor
from textual.css.query import DOMQuery
from textual.widgets import Input

import services.training.plan
from console.app import build
from screens.frame.dialogs import Question, TextEntry
from screens.train import plots
from screens.train.form import TrainForm
from screens.train.plots import PlotSpec, Trace
from screens.train.run_view import RunView
from screens.widgets import plot as plot_module
from screens.widgets.line import Lines
from screens.widgets.plot import Plot
from screens.widgets.plotting import Ink
from screens.widgets.rows import RowList
from services.bench.profiles import Benches
from services.live import events as ev
from services.live import protocol
from services.live.event_log import read_events
from services.live.phases import Phase
from services.live.reasons import Advice
from services.live.running import run_folders
from sessions.models import SessionStatus
from tests.support.fake_desk import empty_folder, sim_profile
from tests.support.fake_training import FakeTraining, train_request
from tests.support.forms import form, meaning, problem, value
from tests.support.forms import put as fill
from tests.support.headless import Console

HOSTILE = "x\x1b[31m[bold]y[/]\x07\x9b2J"


@pytest.fixture
async def make_training(tmp_path):
    made = []

    async def make(**values):
        started = values.pop("started", {})
        training = FakeTraining(empty_folder(tmp_path / "lab"), **values)
        made.append(training)
        return await training.begin(**started)

    yield make
    for training in made:
        await training.stop()


def a_dataset(folder, name="pick_place", episodes=81, cameras=("overhead", "wrist"), rejected=(3, 4)):
    meta = folder.datasets / name / "meta"
    meta.mkdir(parents=True)
    features = {f"observation.images.{c}": {"dtype": "video", "shape": [480, 640, 3]} for c in cameras}
    features["action"] = {"dtype": "float32", "shape": [6]}
    info = {
        "codebase_version": "v3.0",
        "fps": 30,
        "features": features,
        "total_episodes": episodes,
        "total_frames": 900,
    }
    (meta / "info.json").write_text(json.dumps(info))
    marks = {"schema": 1, "episodes": {str(n): {"accepted": n not in rejected} for n in range(episodes)}}
    (folder.datasets / name / "lab-console.json").write_text(json.dumps(marks))


NAMES = tuple(spec.id for spec in plots.PLOTS)


def plot(console, name="loss"):
    return console.screen.query_one(f"#{name}", Plot)


def title(console, name="loss"):
    return str(console.screen.query_one(f"#{name}-box").border_title)


def panel(console, name):
    return console.screen.query_one(f"#{name}-lines", Lines).text


async def show(console):
    await console.press("f4")
    await console.until(lambda: console.screen.id == "train" and console.desk.training.looked)


async def open_form(console):
    await show(console)
    await console.until(lambda: bool(console.screen.query(TrainForm)) and bool(console.screen.query("#meaning")))


# -- a run ------------------------------------------------------------------------------------------


async def test_the_numbers_of_a_run_that_ended_fit_after_the_terminal_grew(open_console, make_training):
    """Small, a terminal shows no numbers: their panels get another width only after the layout of a large one."""
    async with open_console((80, 24)) as console:
        training = await make_training()
        training.train(321)
        await show(console)
        await console.until(lambda: console.desk.training.live)
        training.end(SessionStatus.FINISHED, "trained all steps")
        await console.until(lambda: not console.desk.training.live)
        await console.pilot.resize_terminal(120, 40)
        for name in ("speed", "data"):
            lines = console.screen.query_one(f"#{name}-lines", Lines)
            await console.until(
                lambda lines=lines: (
                    lines.size.width and {cell_len(row) for row in lines.text.split("\n")} == {lines.size.width}
                ),
                f"{name} is laid out for another width than {lines.size.width}",
            )


async def test_a_key_typed_into_a_form_walks_through_its_widgets_a_few_times_only(open_console, monkeypatch):
    """Each walk takes a fraction of a millisecond: hundreds of them made the fields lag behind a typist."""
    walks: list[object] = []
    nodes = DOMQuery.nodes.fget
    monkeypatch.setattr(DOMQuery, "nodes", property(lambda query: walks.append(query) or nodes(query)))
    async with open_console((80, 24)) as console:
        a_dataset(console.folder)
        await open_form(console)
        await console.until(lambda: value(console, "dataset") == "pick_place")
        console.screen.query_one("#settings", Input).focus()
        await console.pilot.pause()
        typed = "policy.chunk_size"
        before = len(walks)
        await console.press(*typed)
        await console.until(lambda: value(console, "settings") == typed)
        assert (len(walks) - before) / len(typed) < 40


async def test_the_screen_watches_the_training_that_runs(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(321)
        await show(console)
        await console.until(lambda: console.desk.training.live and plot(console).drawn > 0)
        training.progress()
        await console.until(lambda: "step 3,210 of 20,000" in console.text("#headline"))
        bar = console.text("#progress-bar")
        assert bar.endswith("16 %") and len(bar) > 110 and bar.count("━") == round(0.1605 * (len(bar) - 6))
        assert console.text("#headline").startswith("● TRAINING  act_v2")
        assert "ETA 27 m 59 s" in console.text("#headline")
        assert "epoch 5.3" in console.text("#underline") and "25,680 samples" in console.text("#underline")
        assert title(console).startswith("loss  ") and "(smoothed " in title(console)
        assert title(console, "lr").startswith("learning rate  ")
        assert title(console, "grad_norm").startswith("gradient norm  ")
        await console.until(lambda: all(plot(console, name).drawn for name in NAMES))
        assert "1k" in plot(console).text
        speed, data = panel(console, "speed"), panel(console, "data")
        told = {" ".join(row.split()) for row in f"{speed}\n{data}".splitlines()}
        assert {"step 1.74 s", "update 1.19 s", "loading data 32 % · 0.55 s", "throughput 36 samples/s"} <= told
        assert {"GPU memory 21 GB", "policy act · 51.6 M parameters", "episodes 79 of 81 · 24,252 frames"} <= told
        assert {"left out 2: rejected or held out", "looks at wrist", "without overhead"} <= told
        assert len({len(row) for row in speed.splitlines()}) == 1, "numbers stand at the right edge"
        assert console.desk.link is None and not console.desk.live


async def test_a_plot_is_one_entry(open_console, make_training, monkeypatch):
    step = PlotSpec(
        "step", "seconds a step", (Trace("update_s", Ink.LINE), Trace("dataloading_s", Ink.RAW, beside="data")),
        log=False, format_value=lambda seconds: f"{seconds:.1f} s", short="step",
    )  # fmt: skip
    monkeypatch.setattr(plots, "PLOTS", (*plots.PLOTS, step))
    async with open_console((200, 60)) as console:
        training = await make_training()
        training.train(20)
        await show(console)
        await console.until(lambda: plot(console, "step").drawn > 0 and "200" in plot(console, "step").text)
        assert all(part in title(console, "step") for part in ("step  ", "1.2 s", " (data 0.6 s)"))
        await console.press("l")
        await console.until(lambda: "(log)" in title(console))
        assert "(log)" not in title(console, "step")
        for large in (*NAMES, "step"):
            await console.press("z")
            await console.until(lambda name=large: plot(console, name).is_on_screen)
            assert [n for n in (*NAMES, "step") if plot(console, n).is_on_screen] == [large]


async def test_new_points_move_the_curves_and_the_numbers(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(10)
        await show(console)
        await console.until(lambda: len(console.desk.training.curves or ()) == 10)
        training.train(10)
        await console.until(lambda: len(console.desk.training.curves) == 20)
        await console.until(lambda: "step 200 of" in console.text("#headline"))
        await console.until(lambda: plot(console).drawn >= 2)


async def test_a_new_point_repaints_the_rows_that_changed_and_leaves_nothing_old(
    open_console, make_training, monkeypatch
):
    monkeypatch.setattr(plot_module, "EVERY_S", 0.0)
    async with open_console() as console:
        training = await make_training()
        training.train(1000)
        await show(console)
        await console.until(lambda: all(plot(console, name).drawn for name in NAMES))
        await console.still()
        painted, drawn, render = [], [plot(console, name).drawn for name in NAMES], Compositor.render_update

        def counted(compositor, *args, **kwargs):
            painted.extend(region.area for region in compositor._dirty_regions)
            return render(compositor, *args, **kwargs)

        monkeypatch.setattr(Compositor, "render_update", counted)
        training.train(1)
        await console.until(lambda: [plot(console, name).drawn for name in NAMES] == [n + 1 for n in drawn])
        await console.until(lambda: "step 10,010 of" in console.text("#headline"))
        assert 0 < sum(painted) < console.app.size.area / 3, "a panel or a plot was painted whole"
        seen = console.everything
        for widget in console.screen.walk_children():
            widget.refresh()
        await console.pilot.pause()
        assert console.everything == seen


async def test_before_the_first_point_it_says_when_it_comes(open_console, make_training):
    async with open_console() as console:
        await make_training()
        await show(console)
        await console.sees("appears after step 10")
        assert "none yet: one is saved every 1,000 steps" in console.everything
        assert "evaluate" not in console.keys and "read off" not in console.keys


async def test_a_starting_worker_says_what_it_does(open_console, tmp_path):
    async with open_console() as console:
        training = FakeTraining(console.folder)
        await training.start(open_dataset=False)
        training.phase(Phase.STARTING, "reading the dataset")
        await show(console)
        await console.until(lambda: "STARTING  act_v2 · reading the dataset" in console.text("#headline"))
        await training.stop()


async def test_checkpoints_are_listed_and_the_chosen_one_goes_to_evaluate(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(300)
        paths = [training.save_checkpoint(step) for step in (1000, 2000, 3000)]
        await show(console)
        rows = console.screen.query_one("#checkpoints-rows", RowList)
        await console.until(lambda: len(rows.lines) == 3)
        assert rows.lines[0].split() == ["3,000", "0.0410", "865", "MB", rows.lines[0].split()[4], "3.1", "s"]
        header = console.text("#checkpoints-header").split()
        assert header == ["step", "loss", "size", "saved", "took"]
        await console.press("tab", "down")
        assert (
            plot(console)._overlay.chosen == 2000.0
            and plot(console).render_line(plot(console)._axis).text.count("▲") == 1
        )
        training.save_checkpoint(4000)
        await console.until(lambda: len(rows.lines) == 4)
        assert rows.cursor == 2
        await console.press("e")
        await console.until(lambda: console.screen.id == "evaluate")
        await console.until(lambda: bool(console.screen.query("#checkpoint")))
        assert console.screen.query_one("#checkpoint", Input).value == paths[1]
        await console.press("escape", "f4")
        await console.until(lambda: console.screen.id == "train")


async def test_the_cursor_reads_off_steps(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(200)
        await show(console)
        await console.until(lambda: all(plot(console, name).drawn for name in NAMES))
        await console.press("left")
        assert "at step 2,000" in title(console)
        await console.press("left", "left")
        await console.until(lambda: "at step 2,000" not in title(console) and " at 1,9" in title(console, "lr"))
        drawn = plot(console).drawn
        for _ in range(4):
            await console.press("right")
        assert "at step" not in title(console)
        await console.press("left", "escape")
        assert "at step" not in title(console) and plot(console).drawn == drawn


async def test_zoom_and_log_axis(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(200)
        await show(console)
        await console.until(lambda: all(plot(console, name).drawn for name in NAMES))
        for large in NAMES:
            await console.press("z")
            await console.until(lambda n=large: plot(console, n).size.width > 100)
            assert [n for n in NAMES if plot(console, n).is_on_screen] == [large]
        await console.press("z")
        await console.until(lambda: all(plot(console, n).is_on_screen for n in NAMES))
        await console.press("l")
        assert title(console).startswith("loss (log)  ")
        await console.press("z", "escape")
        await console.until(lambda: all(plot(console, n).is_on_screen for n in NAMES))


async def test_nan_is_named_marked_and_rings(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(31)
        await show(console)
        await console.until(lambda: console.desk.training.live)
        rung = []
        console.desk.bells.play = rung.append
        training.train(1, loss=float("nan"), grad_norm=float("inf"))
        training.tell(ev.AlarmRaised(source="loss", text="loss is NaN since step 320", answer="S stops and saves"))
        await console.until(lambda: "⚠ loss is NaN since step 320" in console.text("#alarm"))
        assert "S stops and saves" in console.text("#alarm") and "alarm" in rung
        await console.until(lambda: "⚠ NaN since step 320" in title(console))
        assert "not finite" in title(console) and "⚠ infinite since 320" in title(console, "grad_norm")
        training.train(2)
        await console.until(lambda: "⚠ NaN at step 320" in title(console))


async def test_a_training_that_ends_in_nan_is_no_success(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(1, durable=True, loss=float("nan"))
        await show(console)
        await console.until(lambda: console.desk.training.live)
        await console.until(lambda: plot(console).text == "not one value is a number")
        training.end(SessionStatus.FINISHED, "trained all 20,000 steps; the loss is NaN since step 10")
        await console.until(lambda: console.text("#headline").startswith("⚠ FINISHED"))
        assert "the loss is NaN since step 10" in console.text("#underline")


async def test_values_of_zero_are_left_out_of_a_log_axis_in_words(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(5, lr=0.0)
        training.train(5)
        await show(console)
        await console.until(lambda: len(console.desk.training.curves or ()) == 10)
        assert "⚠" not in title(console, "lr")
        await console.press("l")
        assert "⚠ 1 <= 0" in title(console, "lr")
        await console.pilot.resize_terminal(200, 60)
        await console.until(lambda: "⚠ 1 at 0 or less" in title(console, "lr"))


# -- the end ----------------------------------------------------------------------------------------


async def test_stop_asks_saves_and_stays_to_be_read(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(100)
        await show(console)
        await console.until(lambda: console.desk.training.can_stop and "S stop" in console.keys)
        await console.press("S")
        assert isinstance(console.app.screen, Question) and not training.heard_of(protocol.Finish)
        await console.press("escape")
        assert not training.heard_of(protocol.Finish)
        await console.press("S", "y")
        await console.until(lambda: console.text("#headline").startswith("■ STOPPED"))
        assert "stopped by the operator" in console.text("#underline") and "took" in console.text("#headline")
        assert len(console.screen.query_one("#checkpoints-rows", RowList).lines) == 1
        assert "S stop" not in console.keys and "N new" in console.keys
        assert not console.screen.query(TrainForm) and not console.screen.has_class("-form")


async def test_stopping_what_another_console_commands_says_so(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        await show(console)
        await console.until(lambda: console.desk.training.can_stop)
        training.drive("anna")
        await console.until(lambda: console.desk.training.other_driver == "anna")
        await console.press("S")
        await console.sees("anna commands this training: stopping it takes over.")
        await console.press("y")
        await console.until(lambda: bool(training.heard_of(protocol.Finish)))
        assert training.heard_of(protocol.TakeOver)


async def test_a_trainer_that_hangs_after_the_stop_is_killed_by_s_again(open_console, make_training):
    async with open_console((80, 24)) as console:
        training = await make_training()
        training.train(321, durable=True)
        stopping = "stopping: a checkpoint is saved after the step in progress"
        training._obey_more = lambda _: training.phase(Phase.TRAINING, stopping)
        await show(console)
        await console.until(lambda: console.desk.training.can_stop)
        await console.press("S")
        await console.sees("Stop this training?")
        await console.press("enter")
        await console.sees("the training saves one checkpoint and ends")
        await console.until(lambda: console.text("#alarm").strip() == stopping)
        await console.press("S")
        await console.sees("Stop it once more?")
        await console.press("y")
        await console.until(lambda: len(training.heard_of(protocol.Finish)) == 2)
        silent = "trainer silent, at step 3210"
        training.tell(ev.AlarmRaised(source="trainer", text=silent, advice=Advice.KILL_TRAINER, at=time.time() - 34))
        await console.until(lambda: f"{silent} · for 34 s · S again kills the trainer" in console.text("#alarm"))
        await console.press("S")
        await console.sees("Kill the trainer?")
        await console.sees("Whole checkpoints stay")
        await console.press("enter")  # what is lost for good is not a default
        assert len(training.heard_of(protocol.Finish)) == 2
        await console.press("y")
        await console.until(lambda: len(training.heard_of(protocol.Finish)) == 3)
        training.tell(ev.AlarmCleared(source="trainer"))
        await console.until(lambda: console.text("#alarm").strip() == stopping)
        training.end(SessionStatus.ABORTED, "stopped by the operator, but the trainer did not react for 34 s")
        await console.until(lambda: console.text("#headline").startswith("○ ABORTED"))
        assert "did not react for 34 s" in console.text("#underline") and not console.text("#alarm").strip()


async def test_what_the_worker_says_of_a_second_stop_is_shown(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(10)
        await show(console)
        await console.until(lambda: console.desk.training.can_stop)
        said = "it stops already and is silent for 12 s; S again in 18 s kills the trainer, if it stays silent"
        send = training._send

        def answering(writer, line):
            message = protocol.decode_message(line)
            again = isinstance(message, protocol.Answer) and isinstance(training.heard[-1], protocol.Finish)
            send(writer, protocol.encode(msgspec.structs.replace(message, error=said)) if again else line)

        training._send, training._obey_more = answering, lambda _: None
        await console.press("S", "y")
        await console.sees(said)


async def test_out_of_memory_is_named_with_the_last_words(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(100, durable=True)
        training.save_checkpoint(1000)
        await show(console)
        await console.until(lambda: console.desk.training.live)
        training.say_last(*(f"step {n}" for n in range(30)), f"torch.OutOfMemoryError: {HOSTILE}")
        training.end(SessionStatus.CRASHED, "out of memory at step 1,000: use a smaller --batch-size")
        await console.until(lambda: console.text("#headline").startswith("✗ CRASHED  act_v2 · step 1,000"))
        assert "out of memory at step 1,000: use a smaller --batch-size" in console.text("#underline")
        await console.sees("torch.OutOfMemoryError: x[bold]y[/]")
        await console.sees("training crashed: out of memory")
        assert "\x1b" not in console.everything and "step 29" in console.everything
        words = console.screen.query_one("#words")
        await console.until(lambda: words.is_vertical_scroll_end)
        assert "e evaluate" in console.keys and plot(console).is_on_screen


async def test_a_worker_that_vanishes_is_closed_as_crashed(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(5, durable=True)
        await show(console)
        await console.until(lambda: console.desk.training.live)
        training.say_last("killed")
        await training.stop()
        await console.until(lambda: console.text("#headline").startswith("✗ CRASHED"))
        assert "the worker vanished without an end" in console.text("#underline")
        await console.sees("killed")
        assert read_events(training.run.events)[-1].status is SessionStatus.CRASHED


async def test_a_lost_link_is_taken_up_again(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(5)
        await show(console)
        await console.until(lambda: console.desk.training.live)
        for writer, _ in training._clients:
            writer.close()
        training._clients.clear()
        await console.until(lambda: len(training.heard_of(protocol.Attach)) == 2 and console.desk.training.live)
        training.train(5)
        await console.until(lambda: "step 100 of" in console.text("#headline"))


async def test_without_one_that_runs_the_newest_that_ended_is_shown(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(2000, durable=True)
        training.save_checkpoint(20_000)
        training.end(reason="trained all steps")
        await training.stop()
        await show(console)
        await console.until(lambda: console.text("#headline").startswith("✓ FINISHED  act_v2 · step 20,000 of 20,000"))
        await console.until(lambda: plot(console).drawn > 0)
        assert "trained all steps" in console.text("#underline")
        assert "S stop" not in console.keys and "e evaluate" in console.keys


async def test_a_note_goes_into_the_trainings_session(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        await show(console)
        await console.until(lambda: console.desk.training.can_stop)
        await console.press("n")
        assert isinstance(console.app.screen, TextEntry)
        await console.press(*"warm", "enter")
        await console.until(lambda: bool(training.heard_of(protocol.AddNote)))
        training.end()
        await training.stop()
        await console.until(lambda: not console.desk.training.live)
        await console.press("n", *"late", "enter")
        await console.until(
            lambda: (
                [e.text for e in read_events(training.run.events) if isinstance(e, ev.NoteAdded)] == ["warm", "late"]
            )
        )


# -- the form ---------------------------------------------------------------------------------------


async def test_where_nobody_trained_the_form_is_up_and_knows_the_dataset(open_console):
    async with open_console() as console:
        a_dataset(console.folder)
        await open_form(console)
        await console.until(lambda: value(console, "dataset") == "pick_place")
        await console.until(lambda: "uses 79 of 81 episodes left out rejected: " in meaning(console))
        assert "cameras overhead, wrist" in meaning(console)
        fill(console, **{"without-episodes": "11, 26,49-52", "because": "failed grasps"})
        await console.until(lambda: "uses 73 of 81" in meaning(console))
        assert "by hand: 11, 26, 49-52 (failed grasps)" in meaning(console)
        fill(console, **{"without-episodes": "11,90", "held-out": "0.1"})
        await console.until(lambda: "no episode 90 in dataset pick_place" in problem(console, "without-episodes"))
        assert "held out 73-80, the last of each task: loss does not rank policies: trials do" in meaning(console)
        fill(console, **{"without-episodes": "", "held-out": ""})
        await console.until(lambda: "a reason, and no episodes" in problem(console, "because"))
        assert "name them (`episodes to leave out`: 11,26,49-52)" in problem(console, "because")
        fill(console, settings="policy.type=act")
        await console.until(lambda: "itself (use `policy`)" in problem(console, "settings"))
        assert problem(console, "settings").startswith("`other LeRobot keys`: policy.type: the console sets")
        fill(console, settings="", **{"held-out-every": "5"})
        await console.until(lambda: "choose a share (`held out, share`: 0.1)" in problem(console, "held-out-every"))
        fill(console, **{"held-out-every": "", "batch-size": "1"})
        await console.until(lambda: "878 batches each" in meaning(console))
        fill(console, processes="2")
        await console.until(lambda: "439 batches each" in meaning(console))
        fill(console, processes="0")
        await console.until(lambda: problem(console, "processes") == "processes must be at least 1, not 0")
        fill(console, processes="")
        fill(console, without="overhead")
        await console.until(lambda: "cameras wrist, without overhead" in meaning(console))
        fill(console, dataset="nowhere")
        await console.until(lambda: problem(console, "dataset").startswith("there is no dataset nowhere"))


async def test_cameras_and_policies_are_suggested(open_console):
    async with open_console() as console:
        a_dataset(console.folder)
        await open_form(console)
        await console.until(lambda: "79 of 81" in meaning(console))
        without = console.screen.query_one("#without", Input)
        assert await without.suggester.get_suggestion("overhead, w") == "overhead, wrist"
        assert await without.suggester.get_suggestion("wrist, w") is None
        without.focus()
        await console.until(lambda: "There are overhead, wrist." in form(console).row("without").note)
        console.screen.query_one("#policy", Input).focus()
        await console.press(*"smol")
        await console.until(lambda: meaning(console).startswith("policy smolvla type registered"))
        await console.press("enter")
        await console.until(lambda: value(console, "policy") == "smolvla" and console.app.focused.id == "steps")


async def test_policies_whose_packages_are_missing_are_marked_with_what_installs_them(open_console, monkeypatch):
    from services.training import policies

    monkeypatch.setattr(policies, "missing_extra", lambda name: "wallx" if name == "wall_x" else "")
    async with open_console(size=(200, 50)) as console:
        a_dataset(console.folder)
        await open_form(console)
        await console.until(lambda: "79 of 81" in meaning(console))
        console.screen.query_one("#policy", Input).focus()
        await console.press(*"wall")
        await console.sees("not installed")
        await console.until(lambda: "uv pip install 'lerobot[wallx]==0.6.1'" in meaning(console))
        await console.press("enter")
        await console.until(lambda: "uv pip install 'lerobot[wallx]==0.6.1'" in problem(console, "policy"))
        fill(console, policy="act")
        await console.until(lambda: not problem(console, "policy"))


REFUSALS = [
    ({"steps": "many"}, "a whole number is needed, not 'many'"),
    ({"batch_size": "1.5"}, "a whole number is needed"),
    ({"save_every": "x"}, "a whole number is needed"),
    ({"steps": "0"}, "steps must be at least 1"),
    ({"dataset": "nowhere"}, "there is no dataset nowhere"),
    ({"policy": "akt"}, "did you mean act?"),
    ({"without": "overhead, wrist"}, "all cameras"),
    ({"without": "ceiling"}, "'ceiling'"),
    ({"settings": "a='b"}, "other LeRobot keys: no closing quotation"),
    ({"settings": "steps=3"}, "steps"),
    ({"name": "../x"}, "the name contains '/'"),
]


async def test_a_refusal_stands_at_the_form(open_console):
    async with open_console() as console:
        a_dataset(console.folder)
        await open_form(console)
        await console.until(lambda: "79 of 81" in meaning(console))
        fields = console.screen.query_one(TrainForm)
        good = {field.id.replace("-", "_"): fields.value(field.id) for field in TrainForm.FIELDS}
        for values, words in REFUSALS:
            fill(console, **(good | values))
            console.screen.query_one(TrainForm).start()
            (field,) = values
            await console.until(lambda f=field, w=words: w in problem(console, f.replace("_", "-")))
        assert not console.desk.training.shown


async def test_weights_that_cannot_be_had_are_said_in_full_and_nothing_begins(open_console, monkeypatch, tmp_path):
    def unreachable(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    async with open_console((80, 24)) as console:
        a_dataset(console.folder)
        await open_form(console)
        await console.until(lambda: value(console, "dataset") == "pick_place")
        console.screen.query_one(TrainForm).start()
        await console.until(lambda: "begins with the weights ResNet18" in console.text("#refusal"))
        way = "train from scratch (`other LeRobot keys`: policy.pretrained_backbone_weights=null), start once with a "
        way += "network, or copy resnet18-f37072fd.pth into"

        def whole() -> bool:
            return way in " ".join(console.everything.split())

        await console.until(whole)
        form = console.screen.query_one(TrainForm)
        form.look()  # what there is to choose from is read anew, and the fields are checked: nothing moves
        form.show_problems({})
        await console.pilot.pause(0.5)
        assert whole()
        await console.press("down")
        await console.until(lambda: not whole())
        assert not console.desk.training.shown and not list(run_folders(console.folder))
        assert not console.screen.check_action("resume_run", ()), "the form hides what would be resumed"


async def test_start_launches_and_watches(open_console, monkeypatch):
    planned = []
    async with open_console() as console:
        a_dataset(console.folder)
        await open_form(console)
        training = FakeTraining(console.folder)

        def begin(folder, request):
            planned.append(request)
            return training.run

        monkeypatch.setattr(services.training.plan, "begin", begin)
        await console.until(lambda: "79 of 81" in meaning(console))
        fill(
            console,
            steps="500",
            without="overhead",
            settings="policy.dim_model=64 seed=3",
            name="small",
            save_every="100",
        )
        await training.begin()
        console.screen.query_one(TrainForm).start()
        await console.until(lambda: console.desk.training.live and not console.desk.training.starting)
        await console.until(lambda: not console.screen.query(TrainForm))
        asked = planned[0]
        assert (asked.dataset, asked.policy, asked.steps, asked.name) == ("pick_place", "act", 500, "small")
        assert asked.exclude_cameras == ("overhead",) and asked.save_freq == 100
        assert asked.settings == ("policy.dim_model=64", "seed=3")
        await console.press("N")
        await console.until(lambda: bool(console.screen.query("#dataset")))
        assert console.screen.query_one("#steps", Input).value == "500"
        await console.press("escape", "escape")
        await console.until(lambda: not console.screen.query(TrainForm))
        await training.stop()


async def test_a_launch_that_fails_is_said(open_console, monkeypatch):
    async with open_console() as console:
        a_dataset(console.folder)

        def begin(folder, request):
            raise OSError("no space left on device")

        monkeypatch.setattr(services.training.plan, "begin", begin)
        await open_form(console)
        console.desk.training.start(train_request(console.folder))
        await console.until(lambda: "no space left on device" in console.text("#banner"))
        await console.until(lambda: bool(console.screen.query(TrainForm)))


# -- beside the arm ---------------------------------------------------------------------------------


async def test_a_recording_goes_on_beside_a_training(open_console, make_worker, make_training):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        training = await make_training()
        training.train(50)
        await show(console)
        await console.until(lambda: console.desk.training.live)
        assert console.desk.live and console.desk.link.run.id == worker.run.id
        worker.phase(Phase.READY)
        await console.until(lambda: "STOP" in console.keys)
        await console.press("x")
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)))
        assert not training.heard_of(protocol.Stop)
        await console.until(lambda: console.text("#banner").startswith("■ HELD"))
        assert "HELD" in console.text("#header") and console.text("#headline").startswith("● TRAINING")
        training.end()
        await console.until(lambda: not console.desk.training.live)
        assert console.desk.live


async def test_the_arms_alarms_come_first(open_console, make_worker, make_training):
    async with open_console() as console:
        worker = await make_worker()
        training = await make_training()
        await console.attach(worker, "train")
        training.tell(ev.AlarmRaised(source="loss", text="loss is NaN"))
        await console.until(lambda: "loss is NaN" in console.text("#alarm"))
        worker.alarm_camera()
        await console.until(lambda: "overhead: black" in console.text("#alarm"))


async def test_with_an_arm_at_hand_no_form_takes_the_keys_by_itself(open_console, make_worker):
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        await show(console)
        await console.sees("no training yet")
        assert not console.screen.query(TrainForm) and console.app.focused is None
        await console.press("N")
        await console.until(lambda: bool(console.screen.query(TrainForm)) and console.app.focused is not None)
        await console.sees("Esc stops the arm")
        worker.phase(Phase.RECORDING)
        await console.until(lambda: console.app.focused is None)
        await console.press("x")
        await console.until(lambda: bool(worker.heard_of(protocol.Stop)))


async def test_bench_lists_a_training_and_attaches_to_it(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(10)
        console.screen._refresh_all()
        await console.until(lambda: any("act_v2" in line for line in console.screen.query_one(RowList).lines))
        assert console.word == "NO SESSION" and "m teleoperate" in console.keys and "R release" in console.keys
        await console.press("a")
        await console.until(lambda: console.screen.id == "train" and console.desk.training.live)
        assert console.desk.link is None
        await console.press("f2")
        await console.until(lambda: "attached" in "".join(console.screen.query_one(RowList).lines))
        assert "a attach" not in console.keys
        await console.press("enter")
        await console.until(lambda: console.screen.id == "train")


async def test_attach_from_the_shell_opens_train(tmp_path, make_training):
    training = await make_training()
    profile = sim_profile()
    folder = empty_folder(tmp_path / "lab")
    app = build(folder, Benches({"sim": profile}, "sim", None), profile, demo=False, attach=training.run, headless=True)
    async with app.run_test(size=(120, 40)) as pilot:
        console = Console(app, pilot, folder)
        await console.until(lambda: app.current_mode == "train" and app.desk.training.live)
        await console.sees("TRAINING  act_v2")
        assert app.desk.link is None
        await console.press("f2")
        await console.until(lambda: console.screen.id == "bench")
        await app.desk.leave()


async def test_every_binding_has_an_id_and_a_tooltip(open_console):
    async with open_console() as console:
        await show(console)
        own = [b for _, b in console.screen._bindings if b.action not in ("app.focus_next", "app.focus_previous")]
        assert [b.key for b in own if not (b.id and b.tooltip) and not b.action.startswith("screen.")] == []


async def test_leaving_lets_a_training_go_on_without_a_question(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        await show(console)
        await console.until(lambda: console.desk.training.live)
        await console.press("q")
        await console.until(lambda: console.app._exit)
        assert not training.heard_of(protocol.Finish)


# -- sizes, signs, strangers ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_size_shows_what_it_has_room_for(open_console, make_training, size):
    async with open_console(size) as console:
        training = await make_training()
        training.train(200)
        training.save_checkpoint()
        await show(console)
        await console.until(lambda: console.desk.training.live and plot(console).drawn > 0)
        seen = [name for name in NAMES if plot(console, name).is_on_screen and plot(console, name).size.height > 0]
        assert seen == (["loss"] if size == (80, 24) else list(NAMES))
        assert plot(console).size.width > (70 if size == (80, 24) else 55)
        await console.until(lambda: "N new" in console.keys and "e evaluate" in console.keys)
        if size == (80, 24):
            await console.press("z")
            await console.until(lambda: plot(console, "lr").drawn > 0 and plot(console, "lr").is_on_screen)
            await console.press("d")
            await console.sees("2,000  0.0410  865 MB")
            await console.sees("name    policy  dataset")
            assert not plot(console, "lr").is_on_screen and "enter show" in console.keys
            await console.press("d")
            await console.sees("32 % · 0.55 s")
            await console.sees("79 of 81 · 24,252 frames")
            await console.press("d")
            await console.until(lambda: plot(console).is_on_screen)


async def test_text_from_outside_is_text(open_console, make_training, tmp_path):
    async with open_console() as console:
        request = train_request(console.folder, name="n", dataset="d" + HOSTILE, exclude_cameras=(HOSTILE,))
        training = await make_training(
            request=request,
            started={
                "cameras": (HOSTILE,), "excluded_cameras": (HOSTILE,), "policy": HOSTILE, "device": HOSTILE,
                "output_dir": f"/data/{HOSTILE.replace('/', '')}",
            },
        )  # fmt: skip
        training.train(10)
        training.tell(ev.AlarmRaised(source="loss", text=HOSTILE, answer=HOSTILE))
        training.tell(ev.CheckpointSaved(step=10, path=f"/x/{HOSTILE}", bytes=1, seconds=1.0))
        await show(console)
        await console.until(lambda: "[bold]y[/]" in panel(console, "data"))
        assert (
            "\x1b" not in console.everything and "\x07" not in console.everything and "\x9b" not in console.everything
        )
        assert "[bold]y[/]" in console.text("#alarm") and "x[bold]y[]" in console.text("#headline")
        await console.press("n")
        training.end(SessionStatus.ABORTED, HOSTILE)
        await console.until(lambda: not console.desk.training.live)


async def test_nothing_is_drawn_while_another_screen_is_seen(open_console, make_training):
    async with open_console() as console:
        training = await make_training()
        training.train(10)
        await show(console)
        await console.until(lambda: plot(console).drawn > 0)
        view = console.screen.query_one(RunView)
        drawn = view.query_one("#loss", Plot).drawn
        await console.press("f2")
        await console.until(lambda: console.screen.id == "bench")
        training.train(10)
        await console.until(lambda: len(console.desk.training.curves) == 20)
        assert view.query_one("#loss", Plot).drawn == drawn
        await console.press("f4")
        await console.until(lambda: view.query_one("#loss", Plot).drawn > drawn)


async def test_twenty_thousand_points_are_there_at_once(open_console, make_training):
    async with open_console() as console:
        training = await make_training(request=train_request(console.folder, steps=200_000))
        training.train(20_000)
        begin = time.monotonic()
        await show(console)
        await console.until(lambda: plot(console).drawn > 0 and len(console.desk.training.curves) == 20_000)
        assert time.monotonic() - begin < 10.0  # tests.bench.bench_curves measures it
        await console.until(lambda: "200k" in plot(console).text)


async def test_a_screen_that_comes_back_leaves_the_focus_where_it_was(open_console):
    async with open_console() as console:
        await console.press("f4")
        await console.until(lambda: bool(console.screen.query("#dataset")))
        assert console.app.focused.id == "dataset"
        await console.press("escape", "f2", "f4")
        await console.until(lambda: console.screen.id == "train")
        await console.pilot.pause(0.2)
        assert console.app.focused is None and "N new" in console.keys
