"""The weights that a policy begins with are looked for before the session begins."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import URLError

import pytest
from huggingface_hub import constants

from console.__main__ import main
from services.folders import DataFolder
from services.live.running import run_folders
from services.refusal import Refusal
from services.training.initial_weights import check_weights, torch_cache
from tests.services.training.test_plan import plan, write_dataset
from tests.support.runs import make_folder

RESNET18, RESNET34 = "resnet18-f37072fd.pth", "resnet34-b627a593.pth"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """No network, and no weights; the client of the Hub is offline in all tests."""

    def unreachable(*_: object, **__: object) -> NoReturn:
        raise URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    made = make_folder(tmp_path)
    write_dataset(made)
    return made


def put_weights(name: str) -> None:
    torch_cache().mkdir(parents=True, exist_ok=True)
    (torch_cache() / name).touch()


def test_a_backbone_that_is_nowhere_is_refused_with_three_ways_round(folder: DataFolder) -> None:
    with pytest.raises(Refusal) as refused:
        check_weights(plan(folder))
    said = str(refused.value)
    assert "act begins with the weights ResNet18_Weights.IMAGENET1K_V1 of torchvision, which are not on this m" in said
    assert "cannot be fetched (no route to host): " in said
    assert "from scratch (--set policy.pretrained_backbone_weights=null), start once with a network, or copy " in said
    assert said.endswith(f"copy {RESNET18} into {torch_cache()}")
    put_weights(RESNET18)
    check_weights(plan(folder))


@pytest.mark.parametrize(
    "asked",
    [
        {"settings": ["policy.pretrained_backbone_weights=null"]},
        {"exclude_cameras": ["overhead"], "settings": ["policy.pretrained_backbone_weights='~'"]},
        {"policy": "tdmpc", "exclude_cameras": ["overhead"]},
        {"dataset": "blind"},
        {"policy": "smolvla", "settings": ["policy.vlm_model_name=/"]},
    ],
    ids=["from scratch", "none", "no backbone", "a policy that sees nothing", "a folder"],
)
def test_what_begins_with_nothing_is_not_looked_for(folder: DataFolder, asked: dict[str, Any]) -> None:
    write_dataset(folder, "blind", cameras=())
    check_weights(plan(folder, **asked))


def test_the_weights_are_those_that_the_settings_or_the_pretrained_policy_name(folder: DataFolder) -> None:
    put_weights(RESNET18)
    other = plan(
        folder,
        settings=["policy.vision_backbone=resnet34", "policy.pretrained_backbone_weights=ResNet34_Weights.DEFAULT"],
    )
    with pytest.raises(Refusal, match=RESNET34):
        check_weights(other)
    policy = folder.root / "own"
    policy.mkdir()
    (policy / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    config = {"type": "act", "input_features": {}, "output_features": {}}
    for weights, missing in (("ResNet34_Weights.IMAGENET1K_V1", True), (None, False)):
        (policy / "config.json").write_text(json.dumps({**config, "pretrained_backbone_weights": weights}))
        request = plan(folder, policy=str(policy))
        if missing:
            with pytest.raises(Refusal, match=f"act begins with the weights {weights}"):
                check_weights(request)
        else:
            check_weights(request)


def test_what_comes_from_the_hub_is_looked_for_in_its_cache(folder: DataFolder) -> None:
    with pytest.raises(Refusal, match=r"begins with HuggingFaceTB/SmolVLM2-.*HF_HUB_OFFLINE.*policy\.vlm_model_name="):
        check_weights(plan(folder, policy="smolvla"))
    with pytest.raises(Refusal, match="policy lab/nowhere is not in the cache of the Hugging Face Hub"):
        check_weights(plan(folder, policy="lab/nowhere"))


def test_the_shell_refuses_before_the_session_begins(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data-dir", str(folder.root), "train", "--dataset", "cubes", "--policy", "act", "--steps", "5"]
    assert main(words) == 2
    assert "not on this machine and cannot be fetched" in capsys.readouterr().err
    assert not list(run_folders(folder))


def test_an_upload_that_cannot_be_is_refused_before_the_session_begins(
    folder: DataFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_weights(RESNET18)
    words = ["--data-dir", str(folder.root), "train", "--dataset", "cubes", "--policy", "act", "--steps", "5"]
    assert main([*words, "--push", "lab/act"]) == 2
    said = capsys.readouterr()
    assert "--push: the Hub's client is offline (HF_HUB_OFFLINE is set): unset it, or leave it out, and" in said.err
    assert "uploads" not in said.out
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN_PATH", "/nowhere")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere")
    assert main([*words, "--push", "lab/act"]) == 2
    assert (
        "--push: nobody is logged in to the Hub here: `hf auth login` does, or leave it out" in capsys.readouterr().err
    )
    assert not list(run_folders(folder))
