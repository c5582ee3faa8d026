"""The form of a new evaluation: what it fills in, says of a checkpoint, refuses, and starts."""

from __future__ import annotations

import json
import os
from pathlib import Path

from textual.widgets import Input

import services.evaluation.plan
from screens.evaluate.form import EvaluateForm
from services.checkpoints.checkpoint import Provenance, write_provenance
from services.evaluation.inference_place import HERE, REALTIME
from services.refusal import Checks
from sessions.models import SessionKind
from tests.support.fake_desk import FakeWorker
from tests.support.forms import form, meaning, problem, put, value


def checkpoint(root: Path, *, cameras: tuple[str, ...] = ("wrist",), age_s: float = 0.0, **provenance) -> Path:
    """A complete checkpoint without weights that mean anything."""
    pretrained, state = root / "pretrained_model", root / "training_state"
    pretrained.mkdir(parents=True)
    state.mkdir()
    visual = {f"observation.images.{name}": {"type": "VISUAL", "shape": [3, 480, 640]} for name in cameras}
    config = {
        "type": "act",
        "input_features": {"observation.state": {"type": "STATE", "shape": [6]}, **visual},
        "output_features": {"action": {"type": "ACTION", "shape": [6]}},
    }
    (pretrained / "config.json").write_text(json.dumps(config))
    header = b"{}"
    (pretrained / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    for name in ("training_step.json", "optimizer_state.safetensors", "optimizer_param_groups.json"):
        (state / name).write_text("{}")
    write_provenance(pretrained, Provenance(**provenance))
    os.utime(root, (1_770_000_000 - age_s,) * 2)
    return root


def train(console, run: str, step: str, **more) -> Path:
    return checkpoint(console.folder.outputs / "train" / run / "checkpoints" / step, **more)


async def open_form(console):
    await console.press("f5")
    await console.until(lambda: bool(console.screen.query(EvaluateForm)) and form(console).has_fields)


async def test_the_newest_complete_checkpoint_stands_there_and_says_what_it_is(open_console):
    async with open_console() as console:
        train(console, "act_v1", "000900", age_s=500)
        train(console, "act_v2", "000500", age_s=100)
        half = train(console, "act_v2", "001000")
        (half / "training_state" / "training_step.json").unlink()
        await open_form(console)
        await console.until(lambda: value(console, "checkpoint") == "outputs/train/act_v2/checkpoints/000500")
        await console.until(lambda: meaning(console).startswith("checkpoint act_v2 @ 000500 policy act looks at wrist"))
        await console.press("right")
        await console.sees("act_v1 @ 000900")
        await console.press("down", "enter")
        await console.until(lambda: "checkpoint act_v1 @ 000900" in meaning(console))
        assert console.screen.query_one("#checkpoint", Input).value == "outputs/train/act_v1/checkpoints/000900"


async def test_a_camera_slower_than_the_policy_is_said_beside_it(open_console):
    async with open_console() as console:
        train(console, "act_v1", "000900", fps=50)
        await open_form(console)
        slow = "camera wrist gives 30 pictures a second, and the loop runs at 50 Hz: some are seen twice"
        await console.until(lambda: f"⚠ {slow}" in meaning(console))


async def test_a_name_that_a_field_would_hand_on_to_the_terminal_is_not_offered(open_console):
    async with open_console() as console:
        train(console, "\x1b[31mhostile", "000100")
        await open_form(console)
        await console.until(lambda: "no checkpoint here yet: F4 trains one" in meaning(console))


async def test_no_checkpoint_says_where_one_comes_from(open_console):
    async with open_console() as console:
        await open_form(console)
        await console.until(lambda: "no checkpoint here yet: F4 trains one" in meaning(console))
        form(console).start()
        await console.until(lambda: "a checkpoint is needed" in problem(console, "checkpoint"))


async def test_what_was_chosen_on_train_stands_there_and_before_what_was_there(open_console):
    async with open_console() as console:
        first, second = train(console, "act_v1", "000100"), train(console, "act_v2", "000200")
        console.desk.chosen_checkpoint = str(first)
        await open_form(console)
        assert value(console, "checkpoint") == str(first)
        put(console, trials="many")
        form(console).start()  # is refused, and remembers the fields
        await console.until(lambda: "a whole number" in problem(console, "trials"))
        await console.press("escape", "f2")
        await console.until(lambda: console.screen.id == "bench")
        console.desk.chosen_checkpoint = str(second)
        await console.press("f5")
        await console.until(lambda: value(console, "checkpoint") == str(second))
        await console.until(lambda: "step 200" in meaning(console))
        assert console.desk.chosen_checkpoint == ""


async def test_where_the_policy_runs_is_one_field_which_says_what_is_refused_and_why(open_console):
    async with open_console() as console:
        train(console, "act_v1", "000100")
        await open_form(console)
        await console.until(lambda: value(console, "checkpoint") != "")
        assert value(console, "inference") == HERE
        for text, why in (
            ("gpu.lab:8080", "gpu.lab:8080 is not loopback, and LeRobot's server"),
            ("10.0.0.7:80", "then give `inference`: localhost:80"),
            (REALTIME, "LeRobot has no real-time chunking for act"),
            ("::", "the server's address is HOST:PORT"),
        ):
            form(console).show_problems({})
            put(console, inference=text)
            await console.until(lambda why=why: why in problem(console, "inference"), why)
        put(console, inference="localhost:8080 /there/act v1", task="pick")
        await console.until(lambda: not problem(console, "inference"))
        request = form(console).plan(form(console).entries, Checks())
        assert (request.server, request.server_path) == ("localhost:8080", "/there/act v1")


async def test_a_checkpoint_that_does_not_fit_is_said_in_words(open_console):
    async with open_console() as console:
        train(console, "other", "000100", cameras=("front", "wrist"))
        await open_form(console)
        needs = "the policy needs camera front; this bench has overhead, wrist"
        await console.until(lambda: f"⚠ {needs}" in meaning(console))
        form(console).start()
        await console.until(lambda: needs in problem(console, "checkpoint"))


WRONG = [
    "nowhere",
    "20260101*[",
    "20260101**/x",
    "~nobody-at-all/x",
    "x" * 5000,
    "/",
    "[bold]x[/]",
    "a\0b",
    "@@",
    "20260101@x",
]


async def test_any_text_for_a_checkpoint_gets_an_answer(open_console):
    async with open_console() as console:
        await open_form(console)
        for text in WRONG:
            form(console).show_problems({})
            put(console, checkpoint=text)
            await console.until(lambda: bool(problem(console, "checkpoint")), f"of {text[:40]!r} nothing is said")
        assert console.desk.link is None


async def test_the_task_that_the_policy_learnt_is_filled_in_until_somebody_writes_another(open_console):
    async with open_console() as console:
        train(console, "a", "000100", tasks=("Stack the cubes",))
        known = "Pick up the cube and place it in the bowl"
        train(console, "b", "000100", tasks=(known,), age_s=50)
        await open_form(console)
        await console.until(lambda: value(console, "task") == "Stack the cubes")
        put(console, checkpoint="outputs/train/b")
        await console.until(lambda: value(console, "task") == "pick_place", "a task of lab.toml by its name")
        put(console, task="my own words")
        put(console, checkpoint="outputs/train/a")
        await console.until(lambda: meaning(console).startswith("checkpoint a @ 000100"))
        assert value(console, "task") == "my own words"


async def test_typing_is_never_held_up_by_the_look_at_the_disk(open_console):
    async with open_console() as console:
        await open_form(console)
        await console.press(*"outputs/xq")
        assert value(console, "checkpoint") == "outputs/xq"


async def test_start_begins_the_evaluation_as_it_was_planned(open_console, monkeypatch):
    planned = []
    async with open_console() as console:
        worker = FakeWorker(console.folder, kind=SessionKind.EVAL)

        def begin(folder, request):
            planned.append(request)
            return worker.run

        monkeypatch.setattr(services.evaluation.plan, "begin", begin)
        await worker.start()
        root = train(console, "act_v2", "000500", session="20260101-000000-abcd", fps=30)
        await open_form(console)
        await console.until(lambda: value(console, "checkpoint") != "")
        put(console, trials="2", trial_seconds="7,5", condition=" lamp off ", judge="oracle")
        for _ in EvaluateForm.FIELDS:
            await console.press("enter")
        await console.until(lambda: console.word == "READY")
        (request,) = planned
        assert request.checkpoint == str(root / "pretrained_model")
        assert (request.trials, request.trial_seconds, request.judge) == (2, 7.5, "oracle")
        assert request.condition == "lamp off"
        assert request.task == "Pick up the cube and place it in the bowl"
        assert request.trained_in == "20260101-000000-abcd" and request.dataset.startswith("rollout_")
        assert not console.screen.query(EvaluateForm) and console.app.focused is None
        await worker.stop()


async def test_a_refusal_stands_at_the_form(open_console):
    async with open_console() as console:
        train(console, "act_v2", "000500")
        await open_form(console)
        await console.until(lambda: value(console, "checkpoint") != "")
        for values, words in (
            ({"trials": "many"}, "a whole number is needed, not 'many'"),
            ({"trials": "0"}, "trials must be at least 1"),
            ({"judge": "me", "trials": "3"}, "you (keys) or oracle, not 'me'"),
        ):
            put(console, **values)
            await console.until(lambda: not form(console).planning)
            form(console).start()
            field = next(iter(values))
            await console.until(lambda f=field, w=words: w in problem(console, f))
            await console.until(lambda f=field: console.app.focused.id == f, "the field to mend has the focus")


async def test_several_checkpoints_and_conditions_make_one_evaluation_of_pairs(open_console):
    async with open_console() as console:
        await open_form(console)
        put(console, checkpoint="sim-scripted@0.9, sim-scripted@0.4", conditions="x200 y30,x250 y-50,x220 y0")
        await console.until(lambda: "2 policies, 3 conditions: 2 trials each" in meaning(console))
        assert value(console, "trials") == "12", "as many as usual, and each pair as often as any other"
        made = form(console).plan(form(console).entries, Checks())
        assert made.checkpoints == ("sim-scripted@0.9", "sim-scripted@0.4")
        assert [each.name for each in made.conditions] == ["x200 y30", "x250 y-50", "x220 y0"]
        assert (made.trials, made.order.value) == (12, "random")
        put(console, conditions="bakc")
        await console.until(lambda: "there is no condition 'bakc'" in problem(console, "conditions"))


async def test_an_early_end_says_its_rule_which_is_made_beside_the_screen_and_refused_for_one_policy(open_console):
    async with open_console() as console:
        await open_form(console)
        assert value(console, "sequential") == "off"
        put(console, checkpoint="sim-scripted@0.9, sim-scripted@0.2", sequential="0.2 0.9")
        await console.until(lambda: "20 and 90 % in at least 80" in meaning(console))
        assert "at the bench with resets" not in meaning(console), "how many trials it takes is not known"
        made = form(console).plan(form(console).entries, Checks())
        assert made.sequential is not None and made.sequential.least == (0.2, 0.9)
        assert not made.sequential.better, "made in the thread that begins the evaluation"
        put(console, sequential="0.2 0.9 most 3")
        await console.until(lambda: "⚠ no comparison can end early so: 3 pairs are too few" in meaning(console))
        assert "its errors" not in meaning(console) and "allow more" in meaning(console)
        put(console, sequential="0.9")
        await console.until(lambda: "does not say when a comparison may end early" in problem(console, "sequential"))
        put(console, checkpoint="sim-scripted@0.9", sequential="0.2 0.9")
        await console.until(lambda: "of two checkpoints, and this is of one policy" in problem(console, "sequential"))
        put(console, sequential="off")
        await console.until(lambda: problem(console, "sequential") == "")
