"""LeRobot's processor steps: their names are read from its text, and the guard stands where names become steps."""

from __future__ import annotations

import importlib
import json
import pickle
import pkgutil
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from services.checkpoints.foreign_code import ForeignCode, _steps_of, check_code
from services.workers.process.step_guard import guard_steps
from tests.support.checkpoints import make_checkpoint


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """LeRobot's own class, whatever an earlier test guarded, and afterwards as it was."""
    from lerobot.processor.pipeline import DataProcessorPipeline

    own = DataProcessorPipeline.__dict__["_build_steps_from_config"]
    if (build := getattr(DataProcessorPipeline, "_unguarded_build", None)) is not None:
        own = staticmethod(build)
    monkeypatch.setattr(DataProcessorPipeline, "_unguarded_build", None, raising=False)
    monkeypatch.setattr(
        DataProcessorPipeline, "_build_steps_from_config", DataProcessorPipeline.__dict__["_build_steps_from_config"]
    )
    DataProcessorPipeline._build_steps_from_config = own


def test_every_step_that_lerobot_registers_is_found_in_its_text() -> None:
    import lerobot.policies
    from lerobot.processor import ProcessorStepRegistry

    for module in pkgutil.iter_modules(lerobot.policies.__path__, "lerobot.policies."):
        if not module.ispkg:
            continue
        for inner in pkgutil.iter_modules(importlib.import_module(module.name).__path__, f"{module.name}."):
            if ".processor_" in inner.name:
                importlib.import_module(inner.name)
    own = {name for name, step in ProcessorStepRegistry._registry.items() if step.__module__.startswith("lerobot.")}
    removed = {name for name in own if "Removed" in ProcessorStepRegistry.get(name).__name__}
    classes = {f"{(step := ProcessorStepRegistry.get(name)).__module__}.{step.__name__}" for name in own - removed}
    known = _steps_of("lerobot")
    assert len(own) > 40
    assert own - removed <= known.registered
    assert classes <= known.classes


def test_the_guard_stands_where_names_become_steps(tmp_path: Path, unguarded: None) -> None:
    from lerobot.processor.pipeline import DataProcessorPipeline

    mark = tmp_path / "mark"
    step = {"class": "os.system", "config": {"command": f"touch {mark}"}}
    (tmp_path / "p.json").write_text(json.dumps({"name": "p", "steps": [step]}))
    with pytest.raises(Exception, match=r"Expected|instantiate|int"):
        DataProcessorPipeline.from_pretrained(tmp_path, config_filename="p.json")
    assert mark.exists(), "LeRobot calls it: what the guard is for"
    mark.unlink()
    guard_steps()
    with pytest.raises(ForeignCode, match=r"step 1 of the processor names the class 'os\.system'"):
        DataProcessorPipeline.from_pretrained(tmp_path, config_filename="p.json")
    assert not mark.exists()


class Planted:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (open, (str(self.mark), "w"))


def pickles(mark: Path) -> Iterator[tuple[str, bytes]]:
    """The same pickle as every kind of file that some library would unpickle."""
    import io

    import numpy as np
    import torch

    plain = pickle.dumps(Planted(mark))
    yield "plain", plain
    saved = io.BytesIO()
    torch.save(Planted(mark), saved)
    yield "torch", saved.getvalue()
    array = io.BytesIO()
    np.save(array, np.array([Planted(mark)], dtype=object), allow_pickle=True)
    yield "numpy", array.getvalue()


def test_the_planted_pickles_do_leave_their_mark(tmp_path: Path) -> None:
    import numpy as np
    import torch

    mark = tmp_path / "mark"
    for kind, content in pickles(mark):
        path = tmp_path / "file"
        path.write_bytes(content)
        if kind == "plain":
            pickle.loads(content)
        elif kind == "numpy":
            np.load(path, allow_pickle=True)
        else:
            torch.load(path, weights_only=False)
        assert mark.exists()
        mark.unlink()


def test_no_file_of_a_checkpoint_is_unpickled(tmp_path: Path) -> None:
    """Policy, processors, optimizer, scheduler, random numbers: LeRobot's own loaders on planted files."""
    from lerobot.common.train_utils import load_training_state, save_training_state
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.optim.optimizers import AdamWConfig
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    mark = tmp_path / "mark"
    whole = make_checkpoint(tmp_path / "whole" / "000010").parent
    policy = get_policy_class("act").from_pretrained(whole / "pretrained_model")
    optimizer = AdamWConfig().build(policy.parameters())
    sum(p.sum() for p in policy.parameters()).backward()
    optimizer.step()
    save_training_state(whole, 10, optimizer, None)
    names = [path.relative_to(whole) for path in sorted(whole.rglob("*")) if path.is_file()]
    assert len([n for n in names if n.suffix == ".safetensors"]) >= 4
    for name in names:
        for kind, content in pickles(mark):
            there = tmp_path / "planted"
            shutil.copytree(whole, there)
            (there / name).write_bytes(content)
            pretrained = there / "pretrained_model"
            for load in (
                lambda folder=pretrained: check_code(folder),
                lambda folder=pretrained: get_policy_class("act").from_pretrained(folder),
                lambda folder=pretrained: make_pre_post_processors(
                    PreTrainedConfig.from_pretrained(folder), pretrained_path=str(folder)
                ),
                lambda folder=there: load_training_state(folder, optimizer, None),
            ):
                with suppress(Exception):  # a damaged file may end in any error, but never in a mark
                    load()
            assert not mark.exists(), f"{name} was unpickled as {kind}"
            shutil.rmtree(there)


def test_no_file_of_a_dataset_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    mark = tmp_path / "mark"
    root = tmp_path / "whole"
    features = {
        "action": {"dtype": "float32", "shape": (2,), "names": ["a", "b"]},
        "observation.state": {"dtype": "float32", "shape": (2,), "names": ["a", "b"]},
    }
    made = LeRobotDataset.create("whole", 10, features, root=root, use_videos=False)
    for _ in range(3):
        values = np.zeros(2, np.float32)
        made.add_frame({"action": values, "observation.state": values, "task": "pick"})
    made.save_episode()
    made.finalize()
    names = [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file()]
    assert len(names) >= 5
    for name in names:
        for kind, content in pickles(mark):
            there = tmp_path / f"planted-{kind}"
            shutil.copytree(root, there)
            (there / name).write_bytes(content)
            with suppress(Exception):
                dataset = LeRobotDataset("whole", root=there, video_backend="pyav")
                dataset[0]
            assert not mark.exists(), f"{name} was unpickled as {kind}"
            shutil.rmtree(there)
