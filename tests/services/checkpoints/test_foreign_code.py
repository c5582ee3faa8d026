"""A checkpoint names code: what is LeRobot's own passes, everything else is refused before anything is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.bench.profiles import load_benches
from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.checkpoint import CheckpointProblem
from services.evaluation import plan as evaluation
from services.refusal import Refusal
from services.training import plan as training
from tests.services.checkpoints.test_checkpoint import write
from tests.support.runs import make_folder

OWN = {"registry_name": "normalizer_processor", "config": {}}
PROCESSORS = ("policy_preprocessor.json", "policy_postprocessor.json")


def planted(folder: Path, *steps: dict[str, Any], name: str = PROCESSORS[0]) -> Path:
    """A checkpoint whose processor has these steps; its pretrained_model folder."""
    pretrained = write(folder, 100) / "pretrained_model"
    (pretrained / name).write_text(json.dumps({"name": "x", "steps": [OWN, *steps]}))
    return pretrained


@pytest.mark.parametrize("name", PROCESSORS)
@pytest.mark.parametrize(
    "step",
    [
        {"class": "os.system", "config": {"command": "touch /tmp/x"}},
        {"class": "subprocess.run", "config": {"args": ["true"]}},
        {"class": "lerobot.utils.utils.subprocess.run", "config": {}},
        {"class": "lerobot.processor.pipeline.importlib", "config": {}},
        {"class": "lerobot.robots.so_follower.SOFollower", "config": {}},
        {"class": "lerobotx.steps.MyProcessorStep", "config": {}},
        {"class": "numpy.save", "config": {}},
        {"class": ["os.system"], "config": {}},
        {"class": "system"},
        {"registry_name": 7},
        {"registry_name": "nobody_registered_this"},
        {"registry_name": None, "class": "lerobot.processor.device_processor.DeviceProcessorStep"},
        {},
    ],
    ids=str,
)
def test_a_step_that_is_not_lerobots_own_is_refused(tmp_path: Path, step: dict[str, Any], name: str) -> None:
    pretrained = planted(tmp_path, step, name=name)
    with pytest.raises(CheckpointProblem, match=rf"is not loaded: step 2 of {name} names the .*lab.toml"):
        checkpoints.read(pretrained)


def test_lerobots_own_steps_pass_by_both_names(tmp_path: Path) -> None:
    by_class = {"class": "lerobot.processor.device_processor.DeviceProcessorStep", "config": {"device": "cpu"}}
    identity = {"class": "lerobot.processor.pipeline.IdentityProcessorStep"}
    assert checkpoints.read(planted(tmp_path, by_class, identity)).policy == "act"


@pytest.mark.parametrize("text", ["", "{", "\x80", "[" * 100_000], ids=["empty", "cut", "no text", "deep"])
def test_a_processor_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    pretrained = write(tmp_path, 100) / "pretrained_model"
    (pretrained / PROCESSORS[1]).write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointProblem, match=r"policy_postprocessor\.json cannot be read"):
        checkpoints.read(pretrained)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed package that brings two steps, and leaves a mark where it is imported."""
    package = tmp_path / "site" / "benchkit_steps"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\n")
    (package / "inner.py").write_text(
        "from os import system\n"
        "class OurProcessorStep(ObservationProcessorStep):\n    pass\n"
        '@ProcessorStepRegistry.register("our_step")\nclass Other(ProcessorStep):\n    pass\n'
    )
    monkeypatch.syspath_prepend(str(package.parent))
    return package.name


def test_a_plug_ins_steps_pass_where_lab_toml_lists_it(tmp_path: Path, plugin: str) -> None:
    steps = ({"class": f"{plugin}.inner.OurProcessorStep"}, {"registry_name": "our_step"})
    pretrained = planted(tmp_path / "a", *steps)
    with pytest.raises(CheckpointProblem, match=rf'plugins = \["{plugin}"\]'):
        checkpoints.read(pretrained)
    assert checkpoints.read(pretrained, [plugin]).policy == "act"
    with pytest.raises(CheckpointProblem, match="step 2"):
        checkpoints.read(planted(tmp_path / "b", {"class": f"{plugin}.inner.system"}), [plugin])
    assert not (tmp_path / "imported").exists(), "its text was read, nothing was imported"


@pytest.mark.parametrize(
    ("kind", "key", "own"),
    [
        ("pi0_fast", "action_tokenizer_name", "lerobot/fast-action-tokenizer"),
        ("wall_x", "action_tokenizer_path", "lerobot/fast-action-tokenizer"),
        ("groot", "base_model_path", "nvidia/GR00T-N1.7-3B"),
        ("gaussian_actor", "vision_encoder_name", "helper2424/resnet10"),
    ],
)
def test_a_repository_whose_code_would_run_is_refused(tmp_path: Path, kind: str, key: str, own: str) -> None:
    assert checkpoints.read(write(tmp_path / "own", 100, type=kind, **{key: own})).policy == kind
    foreign = write(tmp_path / "other", 100, type=kind, **{key: "./evil"})
    with pytest.raises(CheckpointProblem, match=rf"config.json: {key} is './evil', whose own code"):
        checkpoints.read(foreign)
    assert checkpoints.read(foreign, ["./evil"]).policy == kind


def test_a_tokenizer_step_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    config = {"action_tokenizer_name": "evil/tokenizer"}
    by_class = "lerobot.processor.tokenizer_processor.ActionTokenizerProcessorStep"
    for number, named in enumerate(({"registry_name": "action_tokenizer_processor"}, {"class": by_class})):
        pretrained = planted(tmp_path / str(number), {**named, "config": config})
        with pytest.raises(CheckpointProblem, match="action_tokenizer_name is 'evil/tokenizer'"):
            checkpoints.read(pretrained)
        planted(tmp_path / f"safe{number}", {**named, "config": {**config, "trust_remote_code": False}})
        assert checkpoints.read(tmp_path / f"safe{number}").policy == "act"


def test_eval_and_train_refuse_it_and_a_listed_plug_in_goes_into_the_request(tmp_path: Path, plugin: str) -> None:
    folder = make_folder(tmp_path)
    pretrained = planted(tmp_path / "out", {"registry_name": "our_step"})
    profile = load_benches(built_in=True).pick("sim-state")
    asked = {"checkpoint": str(pretrained), "task": "pick"}
    with pytest.raises(Refusal, match="names the step 'our_step'"):
        evaluation.plan(folder, profile, **asked)
    assert "names the step 'our_step'" in evaluation.inspect(folder, profile, str(pretrained)).problem
    with pytest.raises(Refusal, match="names the step 'our_step'"):
        training._policy(folder, str(pretrained), ())
    lab = tmp_path / "lab.toml"
    bench = '[bench.sim-state]\nrobot = { type = "sim_so101_follower" }\nsim = {}\n'
    lab.write_text(f'plugins = ["{plugin}"]\n{bench}')
    profile = load_benches(lab).pick("sim-state")
    assert profile.plugins == (plugin,)
    assert evaluation.inspect(folder, profile, str(pretrained)).checkpoint is not None
    assert training._policy(folder, str(pretrained), profile.plugins) == (str(pretrained), "act")


def test_reading_it_loads_neither_torch_nor_lerobot(tmp_path: Path) -> None:
    pretrained = planted(tmp_path, {"class": "os.system"})
    script = (
        "import sys; from pathlib import Path; from services.checkpoints import checkpoint\n"
        f"try: checkpoint.read(Path({str(pretrained)!r}))\n"
        "except checkpoint.CheckpointProblem as e: print(e)\n"
        "print(sorted({'torch', 'lerobot'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "os.system" in done.stdout and done.stdout.strip().endswith("[]")
