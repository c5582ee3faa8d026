"""The policy process itself: pictures in, LeRobot's own actions out, and the reason of its end."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.foreign_code import ForeignCode
from services.workers.inference.policy_process import Policy
from services.workers.inference.runner import Runner
from tests.support.checkpoints import make_checkpoint

FEATURES: dict[str, dict[str, Any]] = {
    "observation.state": {"dtype": "float32", "shape": (6,)},
    "observation.images.wrist": {"dtype": "video", "shape": (72, 96, 3)},
}


@pytest.fixture(scope="module")
def looking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that uses the wrist camera."""
    return make_checkpoint(tmp_path_factory.mktemp("run") / "000010", cube=False, cameras={"wrist": (96, 72)})


@pytest.fixture(scope="module")
def running(looking: Path) -> Iterator[Policy]:
    """Its process, started as a worker starts it."""
    policy = Policy(checkpoints.read(looking), task="pick")
    policy.start()
    policy.open(FEATURES, "so101")
    wait(policy)
    assert not policy.dead, policy.last_words()
    yield policy
    policy.close()


def wait(policy: Policy) -> None:
    for _ in range(600):
        if policy.ready is not None or policy.dead:
            return
        policy.poll(0.1)


def frames(count: int) -> list[dict[str, Any]]:
    chance = np.random.default_rng(3)
    return [
        {
            "observation.state": chance.normal(0, 30, 6).astype(np.float32),
            "observation.images.wrist": chance.integers(0, 255, (72, 96, 3), dtype=np.uint8),
        }
        for _ in range(count)
    ]


def test_chunks_equal_what_lerobot_predicts_from_the_same_pictures(running: Policy, looking: Path) -> None:
    import torch
    from lerobot.common.control_utils import predict_action
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    config = PreTrainedConfig.from_pretrained(looking)
    policy = get_policy_class("act").from_pretrained(looking, config=config)
    pre, post = make_pre_post_processors(config, pretrained_path=str(looking))
    different = []
    for frame in frames(2):
        running.reset()
        running.ask(frame, rows=6)
        ours = running.wait(20)
        assert ours is not None and ours.shape == (6, 6)
        policy.reset()
        theirs = [
            predict_action(frame, policy, torch.device("cpu"), pre, post, False, task="pick", robot_type="so101")[0]
            for _ in range(6)
        ]
        np.testing.assert_allclose(ours, torch.stack(theirs).numpy(), atol=1e-4)
        different.append(ours)
    assert np.abs(different[0] - different[1]).max() > 1e-3, "the pictures matter"


def test_the_saved_preprocessor_renames_what_bears_the_names_of_the_bench_and_resizes_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from lerobot.common.control_utils import predict_action
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    renames = {"observation.images.wrist": "observation.images.camera1"}
    path = make_checkpoint(
        tmp_path / "000010", cube=False, cameras={"camera1": (48, 36)}, renames=renames, resize=(48, 36)
    )
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    ours = Runner(path)
    config = PreTrainedConfig.from_pretrained(path)
    lerobot = get_policy_class("act").from_pretrained(path, config=config)
    pre, post = make_pre_post_processors(config, pretrained_path=str(path))
    look, seen, answers = ours.policy.predict_action_chunk, [], []
    monkeypatch.setattr(ours.policy, "predict_action_chunk", lambda batch: seen.append(batch) or look(batch))
    for frame in frames(2):
        ours.reset()
        answers.append(ours.act(frame, task="pick", robot_type="so101", rows=1))
        lerobot.reset()
        named = {renames.get(key, key): value for key, value in frame.items()}
        theirs = predict_action(named, lerobot, torch.device("cpu"), pre, post, False, task="pick")
        np.testing.assert_allclose(answers[-1], theirs.numpy(), atol=1e-4)
    assert {tuple(batch["observation.images.camera1"].shape) for batch in seen} == {(1, 3, 36, 48)}
    assert np.abs(answers[0] - answers[1]).max() > 1e-3, "the pictures matter"


def test_an_answer_to_the_trial_before_is_dropped(running: Policy) -> None:
    first, second = frames(2)
    running.ask(first)
    running.reset()
    while running.busy:
        running.poll(0.5)
    assert running.answer() is None
    running.ask(second)
    assert running.wait(20) is not None


def test_another_size_than_agreed_is_refused(running: Policy) -> None:
    bad = frames(1)[0] | {"observation.images.wrist": np.zeros((48, 64, 3), np.uint8)}
    with pytest.raises(ValueError, match=r"has shape \(48, 64, 3\), and had \(72, 96, 3\)"):
        running.ask(bad)


def test_it_yields_to_the_control_loop(running: Policy) -> None:
    assert psutil.Process(running.pid).nice() == 5


def test_a_kill_is_named(running: Policy) -> None:
    psutil.Process(running.pid).send_signal(signal.SIGKILL)
    while not running.dead:
        running.poll(0.5)
    assert running.last_words() == "the policy process ended: it was killed by signal 9 (out of memory?)"
    running.start()
    assert not running.dead


def test_weights_that_cannot_be_had_offline_are_reported() -> None:
    from services.workers.inference.policy_server import explain

    class OfflineModeIsEnabled(Exception):
        pass

    try:
        try:
            raise OfflineModeIsEnabled("Cannot reach https://hub/model: offline mode is enabled.\nMore")
        except OfflineModeIsEnabled as cause:
            raise OSError("We couldn't connect to load the files") from cause
    except OSError as error:
        said = explain(error)
    assert "needs files from the Hugging Face Hub that are not on this machine" in said
    assert "HF_HUB_OFFLINE" in said


def test_a_step_of_others_is_refused_though_the_console_did_not_look(tmp_path: Path, looking: Path) -> None:
    path = tmp_path / "000010" / "pretrained_model"
    shutil.copytree(looking, path)
    step = {"class": "os.system", "config": {"command": f"touch {tmp_path / 'mark'}"}}
    (path / "policy_preprocessor.json").write_text(json.dumps({"name": "p", "steps": [step]}))
    with pytest.raises(ForeignCode, match=r"step 1 of policy_preprocessor.json names the class 'os.system'"):
        Runner(path)
    assert not (tmp_path / "mark").exists()
