"""Datasets and policies of the Hub, from the client's own cache: its layout is made here, and the client is offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from console.__main__ import main
from services.checkpoints import checkpoint as checkpoints
from services.checkpoints import hub
from services.datasets.summary import summarize
from services.evaluation.plan import rollout_name
from services.folders import DataFolder
from services.refusal import Refusal

COMMIT, OLDER = "0123456789abcdef0123456789abcdef01234567", "fedcba9876543210fedcba9876543210fedcba98"
MODEL = {
    "config.json": json.dumps({"type": "act", "input_features": {}, "output_features": {}}).encode(),
    "model.safetensors": (2).to_bytes(8, "little") + b"{}",
}
DATASET = {"meta/info.json": json.dumps({"codebase_version": "v3.0", "fps": 30, "features": {}, "total_episodes": 2,
                                         "total_frames": 20}).encode()}  # fmt: skip


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The client's cache, as `snapshot_download` leaves it: blobs, and a snapshot of links."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for kind, files in (("models--lab--act_there", MODEL), ("datasets--lab--cubes_there", DATASET)):
        root = tmp_path / "hub" / kind
        (root / "refs").mkdir(parents=True)
        (root / "refs" / "main").write_text(COMMIT)
        (root / "blobs").mkdir()
        for number, (name, data) in enumerate(files.items()):
            (root / "blobs" / str(number)).write_bytes(data)
            link = root / "snapshots" / COMMIT / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(root / "blobs" / str(number))
    yield tmp_path / "hub"


def test_a_policy_is_taken_by_its_id_once_it_is_in_the_cache(cache: Path, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "lab").create()
    found = checkpoints.resolve(folder, "lab/act_there")
    assert found.policy == "act" and found.path.is_relative_to(cache)
    other = cache / "models--lab--no_policy" / "snapshots" / COMMIT / "config.json"
    other.parent.mkdir(parents=True)
    other.write_text('{"model_type": "llama"}')
    assert hub.policies() == ["lab/act_there"], "what a form offers"
    with pytest.raises(checkpoints.CheckpointProblem, match="lab-console fetch lab/nowhere --from hub"):
        checkpoints.resolve(folder, "lab/nowhere")


def test_a_policy_is_taken_by_its_revision_and_is_called_by_its_id_and_commit(cache: Path, tmp_path: Path) -> None:
    folder, root = DataFolder(tmp_path / "lab").create(), cache / "models--lab--act_there"
    (root / "snapshots" / OLDER).mkdir()
    for name in MODEL:
        (root / "snapshots" / OLDER / name).symlink_to((root / "snapshots" / COMMIT / name).resolve())
    (root / "refs" / "v1").write_text(OLDER)
    newest = checkpoints.resolve(folder, "lab/act_there")
    for revision in ("v1", OLDER):
        found = checkpoints.resolve(folder, f"lab/act_there@{revision}")
        assert (found.path.name, found.label) == (OLDER, "lab/act_there @ fedcba9")
    assert (newest.path.name, newest.label) == (COMMIT, "lab/act_there @ 0123456")
    assert checkpoints.label(str(newest.path)) == newest.label, "the log calls it so, too"
    assert rollout_name(folder, newest) == "rollout_lab_act_there_0123456"
    with pytest.raises(checkpoints.CheckpointProblem) as refused:
        checkpoints.resolve(folder, "lab/act_there@v2")
    assert str(refused.value) == (
        "the Hub's cache has lab/act_there, but not its revision 'v2': "
        "`lab-console fetch lab/act_there@v2 --from hub` brings it"
    )


def test_a_policy_of_which_the_cache_has_not_all_says_what_brings_the_rest(cache: Path, tmp_path: Path) -> None:
    weights = cache / "models--lab--act_there" / "snapshots" / COMMIT / "model.safetensors"
    weights.resolve().unlink()
    with pytest.raises(checkpoints.CheckpointProblem) as refused:
        checkpoints.resolve(DataFolder(tmp_path / "lab").create(), "lab/act_there")
    assert str(refused.value) == (
        "the Hub's cache has not all of lab/act_there: it has no model.safetensors; "
        "`lab-console fetch lab/act_there --from hub` brings the rest"
    )


def test_fetch_copies_a_dataset_of_the_hub_and_leaves_the_cache_alone(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = DataFolder(tmp_path / "lab").create()

    def fetch(what: str) -> tuple[int, str]:
        status = main(["--data-dir", str(folder.root), "fetch", what, "--from", "hub"])
        said = capsys.readouterr()
        return status, said.out + said.err

    assert fetch("lab/cubes_there") == (
        0,
        f"dataset lab/cubes_there of the Hub is here: {folder.datasets}/lab/cubes_there\n",
    )
    copy = folder.datasets / "lab" / "cubes_there"
    assert summarize(copy, "lab/cubes_there").episodes == 2
    info = copy / "meta" / "info.json"
    assert not info.is_symlink(), "what is ours may be marked; the client's cache is not ours"
    status, said = fetch("lab/cubes_there")
    assert status == 2 and "is there already: nothing was changed" in said
    status, said = fetch("lab/act_there")
    assert status == 0 and "`--policy lab/act_there` and `--checkpoint lab/act_there` take it" in said
    status, said = fetch(f"lab/act_there@{COMMIT}")
    assert status == 0 and f"; `--checkpoint lab/act_there@{COMMIT}` takes it" in said
    status, said = fetch("lab/act_there@v9")
    assert status == 2 and "model lab/act_there@v9 cannot be had from the Hub" in said
    status, said = fetch("lab/nowhere")
    assert status == 2 and "cannot be had from the Hub" in said
    with pytest.raises(Refusal, match="write OWNER/NAME"):
        hub.download("nowhere", hub.Kind.DATASET)
