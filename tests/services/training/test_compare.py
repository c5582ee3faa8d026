"""Runs side by side: their figures, what differs, and only explanations that the facts support."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console.__main__ import main
from screens.views.comparison import lines
from services.folders import DataFolder
from services.log.importing import adding, training
from services.log.importing.file import read
from services.refusal import Refusal
from services.training.compare import Comparison, compare
from services.training.compare_causes import About, Cause, Change
from services.training.compare_facts import RunFacts, State, facts
from services.training.compare_runs import compare_named
from services.training.compare_text import as_json, markdown
from services.training.history import run_of
from sessions.models import SessionKind, SessionStatus
from tests.support import facts as told
from tests.support.past_trainings import past_training

HISTORY = Path(__file__).parents[2] / "bench_history.toml"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """The log of the bench whose history was imported."""
    folder = DataFolder(tmp_path_factory.mktemp("bench")).create()
    adding.add(folder, training.imports(read(HISTORY)))
    return folder


def change(made: Comparison, about: About) -> Change:
    return next(each for each in made.changes if each.about is about)


def cells(made: Comparison) -> dict[str, tuple[str, ...]]:
    return {row.name: row.cells for row in made.rows}


def run(name: str = "a", **more: Any) -> RunFacts:
    """A run on two decoded cameras."""
    known: dict[str, Any] = {
        "policy": "act", "dataset": "cubes", "cameras": ("wrist", "overhead"), "decoded": 2, "batch": 8, "steps": 100,
        "wanted": 100, "loss": 0.1, "loss_step": 100, "loss_kind": "L1 + KL", "update_s": 1.0, "data_s": 0.5,
        "step_s": (1.5,), "state": State.FINISHED, "hardware": "cuda on lab1",
    }  # fmt: skip
    return RunFacts(**({"id": name, "name": name} | known | more))


def test_time_beside_the_steps_is_explained_by_a_held_out_loss_that_was_measured() -> None:
    """A run with a held-out loss every 10 steps takes longer though its steps are shorter."""
    measured = {"eval_steps": "10", "dataset.eval_split": "0.25"}
    plain = run("a", took_s=160.0, settings={"eval_steps": "0", "dataset.eval_split": "0.0"}, checkpoints=2)
    longer = run("b", took_s=260.0, step_s=(1.2,), settings=measured, checkpoints=2)
    made = compare([plain, longer])
    took = change(made, About.TOOK)
    assert took.causes == (Cause.HELD_OUT,)
    assert took.sentence.endswith(": the held-out loss was measured 10 times instead of 0")
    says = "b took 2 m 20 s beside its steps: it measured the held-out loss 10 times; it saved 2 checkpoints"
    assert says in made.sentences
    assert run(settings={"eval_steps": "10", "dataset.eval_split": "0.0"}).held_out_measured == 0
    assert run().held_out_measured is None


def test_a_camera_that_was_still_decoded_explains_the_data_time(bench: DataFolder) -> None:
    made = compare_named(bench, ["D3", "D4"])
    data = change(made, About.DATA)
    assert data.causes == (Cause.DECODED,) and round(data.part, 3) == -0.737
    assert data.sentence == (
        "D4 against D3: data time fell 74 % (0.95 to 0.25 s a step): one camera is decoded instead of two"
    )
    assert "D4 against D3: total time fell 44 % (10 h 00 m to 5 h 38 m)" in change(made, About.TOOK).sentence
    assert "update time is the same (0.75 s a step)" in change(made, About.UPDATE).sentence
    assert "D3 left out overhead, and its video was still decoded: that saved no data time" in made.warnings
    shown = cells(made)
    assert shown["data loading"] == ("0.95 s", "0.25 s") and shown["took"] == ("10 h 00 m", "5 h 38 m")
    assert shown["update"] == ("0.75 s (step less data)",) * 2 and shown["final loss"] == ("0.006", "0.006")
    assert {row.name for row in made.differing} == {"dataset", "left out"}


def test_the_size_of_a_dataset_explains_no_time(bench: DataFolder) -> None:
    made = compare_named(bench, ["B1", "C1"])
    data = change(made, About.DATA)
    assert data.causes == () and "not explained by what is known, both decode two cameras" in data.sentence
    assert not any("dataset" in each.sentence or "episodes" in each.sentence for each in made.changes)
    assert cells(made)["epochs"] == ("57.0", "52.8") and cells(made)["step"] == ("1.73 s", "1.79 s")
    assert {"dataset", "episodes", "frames", "cameras", "left out"} == {row.name for row in made.differing}
    assert [row.name for row in made.unsure] == ["images"]


def test_losses_of_other_policies_are_not_ranked_and_runs_say_how_they_went(bench: DataFolder) -> None:
    made = compare_named(bench, ["B2", "D1", "D2", "D4"])
    notes = "\n".join(made.sentences)
    assert "losses are not ranked: the policies are of different types and measure different things" in notes
    assert "act logs L1 + KL; smolvla logs flow matching (mean squared error)" in notes
    unknown = compare([RunFacts("1", "a", policy="act", loss=0.1), RunFacts("2", "b", loss=0.2)]).sentences
    assert "losses are not ranked: the policy of a run is not known" in unknown, "a log without its head"
    assert "B2 was stopped at step 40,000 of 50,000" in notes
    assert "D1 was stopped and resumed at step 10,000" in notes
    assert "D2 took 3 h 50 m beside its steps, which is not explained; it saved 20 checkpoints" in notes
    shown = cells(made)
    assert shown["steps"][:2] == ("40,000 of 50,000, stopped", "20,000, resumed at 10,000")
    assert shown["final loss"] == ("0.046 at step 37,000", "0.005", "0.052", "0.006")
    assert shown["learning rate"] == ("1e-5", "2.7e-5 at the end", "1e-5", "2.7e-5 at the end")
    assert change(made, About.UPDATE).causes == (Cause.POLICY, Cause.BATCH)


@pytest.mark.parametrize(
    ("other", "about", "causes"),
    [
        ({"data_s": 0.25, "decoded": 1}, About.DATA, (Cause.DECODED,)),
        ({"data_s": 0.75, "decoded": 1}, About.DATA, ()),
        ({"data_s": 1.0, "batch": 16}, About.DATA, (Cause.BATCH,)),
        ({"data_s": 0.25, "batch": 16}, About.DATA, ()),
        ({"data_s": 0.25, "settings": {"num_workers": "8"}}, About.DATA, (Cause.WORKERS,)),
        ({"data_s": 0.75, "settings": {"num_workers": "8"}}, About.DATA, ()),
        ({"data_s": 0.25, "hardware": "cuda on lab2"}, About.DATA, (Cause.HARDWARE,)),
        ({"data_s": 0.25, "episodes": 3, "frames": 9, "dataset": "few"}, About.DATA, ()),
        ({"data_s": 0.25, "decoded": None, "batch": None, "hardware": ""}, About.DATA, ()),
        ({"update_s": 0.5, "cameras": ("wrist",)}, About.UPDATE, (Cause.CAMERAS,)),
        ({"update_s": 0.5, "images": "224x224"}, About.UPDATE, (Cause.IMAGES,)),
        ({"update_s": 2.0, "images": "224x224"}, About.UPDATE, ()),
        ({"update_s": 1.01}, About.UPDATE, ()),
    ],
)
def test_a_cause_is_named_only_if_it_differs_and_acts_that_way(
    other: dict[str, Any], about: About, causes: tuple[Cause, ...]
) -> None:
    first = run(settings={"num_workers": "4"}, images="640x480")
    same = {"settings": {"num_workers": "4"}, "images": "640x480"}
    found = change(compare([first, run("b", **(same | other))]), about)
    assert found.causes == causes
    assert ("not explained" in found.sentence) is (not causes and abs(found.part) >= 0.02)


def test_our_own_runs_are_compared_by_their_curves_and_lerobots_configuration() -> None:
    config = {
        "optimizer": {"type": "adamw", "lr": 1e-4}, "scheduler": {"type": "cosine_decay_with_warmup",
        "num_warmup_steps": 1_000}, "num_workers": 4, "policy": {"type": "act", "chunk_size": 100, "input_features": {
        "observation.images.wrist": {"type": "VISUAL", "shape": [3, 480, 640]}}},
    }  # fmt: skip
    other = config | {"num_workers": 2, "policy": config["policy"] | {"chunk_size": 50, "use_vae": False}}  # type: ignore[operator]
    made, chunk = [], ("policy.chunk_size=50",)
    for name, each, keys in (("20261126-101010-0001", config, ()), ("20261126-101010-0002", other, chunk)):
        training = told.training(
            loss=0.1, config=each, cameras=("wrist",), excluded_cameras=("overhead",), frames=100, episodes=(0,),
            episodes_total=2, device="cuda",
        )  # fmt: skip
        asked = {"name": "x", "policy": "act", "settings": keys}
        session = told.session(name, kind=SessionKind.TRAIN, training=training, **asked)
        made.append(facts(run_of(session), training, None))
    first, second = made
    assert (first.schedule, first.lr_start) == ("cosine decay with warmup, 1,000 warm-up steps", 1e-4)
    assert (first.images, first.decoded, first.hardware) == ("640x480", 2, "cuda on robot")
    assert (first.loss_kind, second.loss_kind) == ("L1 + KL", "L1")
    shown = compare(made)
    differ = {row.name: row.cells for row in shown.differing}
    assert differ["num_workers"] == ("4", "2") and differ["policy.chunk_size (set)"] == ("100", "50")
    assert list(differ).index("policy.chunk_size (set)") < list(differ).index("num_workers"), "set by the operator"
    assert "losses are not ranked: the losses are defined differently" in "".join(shown.notes)
    assert cells(shown)["episodes"] == ("1 of 2", "1 of 2")


def test_odd_runs_are_compared_as_far_as_they_go(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path).create()
    past_training(folder, "20261126-101010-0001", name="act_v1")
    past_training(folder, "20261126-101010-0002", name="act_v2", points=50, steps=2_000)
    empty = past_training(folder, "20261126-101010-0003", name="no_point", points=1)
    empty.metrics.unlink()
    kept = [line for line in empty.events.read_bytes().splitlines(keepends=True) if b"TrainingProgressed" not in line]
    empty.events.write_bytes(b"".join(kept))
    broken = past_training(folder, "20261126-101010-0004", name="nan")
    broken.metrics.write_bytes(broken.metrics.read_bytes() + b'{"step":2010,"loss":null,"nonfinite":{"loss":"nan"}}\n')
    weights = folder.outputs / "train" / "[bold]theirs" / "checkpoints" / "000500" / "pretrained_model"
    weights.mkdir(parents=True)
    (weights / "train_config.json").write_text('{"steps": 1000, "batch_size": 4, "policy": {"type": "act"}}')
    made = compare_named(folder, ["act_v1", "act_v2", "nan", "[bold]theirs"])
    shown = cells(made)
    assert shown["steps"][1] == "500 of 2,000, stopped" and "found in outputs/" in shown["steps"][3]
    assert shown["final loss"][2] == "not a number at step 2,010" and shown["final loss"][3] == "not recorded"
    assert shown["data loading"][0] == "0.550 s" and shown["batch size"][3] == "4"
    assert "a loss that is not a number is not compared" in "".join(made.notes)
    assert "\\[bold\\]theirs" not in str(made) and "[bold]theirs" in "".join(
        t for line in lines(made, 80) for t, _ in line
    )
    assert "no_point has no point" in "".join(compare_named(folder, ["no_point"]).warnings)
    twice = compare_named(folder, ["act_v1", "20261126-101010-0001"])
    assert len(twice.runs) == 1 and "act_v1 was named twice" in "".join(twice.notes)
    running = run("live", state=State.RUNNING, steps=50)
    assert "live is still running at step 50 of 100" in compare([run(), running]).warnings


def test_runs_are_named_by_name_key_id_or_last_and_what_fits_none_is_said(bench: DataFolder, tmp_path: Path) -> None:
    assert compare_named(bench, ["last"]).runs[0].key == "D4"
    assert compare_named(bench, ["smolvla_so101_10cm_v2_wrist"]).runs[0].key == "C1"
    assert compare_named(bench, ["00000000-000000-0001"]).runs[0].key == "B1"
    for names, said in (
        (["B1", "B3"], "no training is called 'B3', nor does an id begin so; there are D4, D3, "),
        (["00000"], "fits 7 trainings"),
        (["B1"] * 5, "at most 4 runs are compared at once, and 5 are named"),
    ):
        with pytest.raises(Refusal, match=said):
            compare_named(bench, names)
    with pytest.raises(Refusal, match="no trainings yet"):
        compare_named(DataFolder(tmp_path / "none"), ["last"])


def test_the_table_fits_any_width_and_says_the_same_as_markdown_and_json(bench: DataFolder) -> None:
    made = compare_named(bench, ["B2", "D1", "D2", "D4"])
    for width in (24, 40, 60, 80, 120, 200):
        drawn = ["".join(text for text, _ in line) for line in lines(made, width)]
        assert max(map(len, drawn)) <= width
        together = " ".join(" ".join(drawn).split())
        assert "losses are not ranked" in together and "3.915" in together
    text = markdown(made)
    assert "| gradient norm | 3.6 | 0.11 | 3.915 | 0.111 |" in text and "- B2 was stopped at step 40,000" in text
    plain = json.loads(as_json(made))
    assert set(plain) == {"runs", "rows", "changes", "warnings", "notes"} and plain["runs"][0]["took_s"] == 43_200
    assert plain["changes"][0]["causes"] == ["batch size"] and plain["changes"][0]["part"] > 0


def test_the_shell_prints_each_form(bench: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--data-dir", str(bench.root), "compare"]
    assert main([*place, "D3", "D4"]) == 0
    assert "one camera is decoded instead of two" in " ".join(capsys.readouterr().out.split())
    assert main([*place, "D3", "D4", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("# D3 against D4\n")
    assert main([*place, "D3", "D4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][1]["data_s"] == 0.25
    assert main([*place, "D3", "D5"]) == 2
    assert "no training is called 'D5'" in capsys.readouterr().err


def test_what_is_the_same_is_said_once_and_a_running_run_has_no_total_time() -> None:
    left_out = {"cameras": ("wrist",), "left_out": ("overhead",)}
    made = compare([run("a", took_s=10.0, **left_out), run("b", state=State.RUNNING, took_s=1.0, **left_out)])
    assert made.told == ("b against a: data time, update time and step time are the same",)
    assert made.warnings[0].startswith("a and b left out overhead, and its video was still decoded")
    assert change(compare([run("a", took_s=10.0), run("b", took_s=20.0)]), About.TOOK).causes == ()


def test_a_run_without_a_step_has_no_time_to_compare() -> None:
    made, none = run("a", took_s=100.0), run("b", took_s=20.0, steps=0)
    assert any("total time" in text for text in compare([made, run("c", took_s=20.0)]).sentences)
    for runs in ([made, none], [none, made]):
        assert not any("total time" in text for text in compare(runs).sentences)


def test_a_running_training_counts_its_time_so_far() -> None:
    training = told.training(done=100, loss=0.2, at=told.BEGAN + 5)
    session = told.session(
        "20261126-101010-0001", kind=SessionKind.TRAIN, training=training, status=SessionStatus.RUNNING, name="x"
    )
    found = facts(run_of(session), training, None)
    assert found.state is State.RUNNING and found.loss == 0.2
