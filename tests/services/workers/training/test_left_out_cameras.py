"""A camera that is left out costs nothing: LeRobot's own classes decode what is left, and know of nothing else."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from lerobot.datasets import dataset_reader, streaming_dataset
from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
from lerobot.datasets.factory import make_train_eval_datasets
from lerobot.datasets.io_utils import load_info
from lerobot.policies.act.configuration_act import ACTConfig

from services.folders import DataFolder
from services.workers.training import config as train_config
from services.workers.training import normalization
from services.workers.training.left_out_cameras import left_out, taken_out
from tests.support import foreign
from tests.support.demos import FRONT, WRIST
from tests.support.trainings import make_dataset, plan

TOP, SIDE, FAR = (f"observation.images.{name}" for name in ("top", "side", "far"))
ARM = {"observation.state": foreign.vector(), "action": foreign.vector()}
KINDS: dict[str, dict[str, Any]] = {
    "videos": {TOP: foreign.camera(), SIDE: foreign.camera()},
    "pictures": {TOP: foreign.camera("image"), SIDE: foreign.camera("image")},
    "depth": {TOP: foreign.camera(), SIDE: foreign.camera("video", 1, info={"is_depth_map": True})},
    "depth pictures": {TOP: foreign.camera("image"), SIDE: foreign.camera("image", 1, info={"is_depth_map": True})},
}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often LeRobot decodes each camera's video."""
    seen: Counter[str] = Counter()
    decode = dataset_reader.decode_video_frames

    def counted(path: Path, *args: Any, **kwargs: Any) -> torch.Tensor:
        seen[path.parts[-3]] += 1
        return decode(path, *args, **kwargs)

    monkeypatch.setattr(dataset_reader, "decode_video_frames", counted)
    return seen


def read(
    root: Path,
    name: str,
    *settings: str,
    without: tuple[str, ...],
    episodes: tuple[int, ...] = (0, 2),
    held_out: float = 0.0,
) -> list[Any]:
    """The datasets that LeRobot's factory makes of it for a training: to train on, and held out."""
    folder = DataFolder(root.parent.parent)
    settings = (*settings, "dataset.image_transforms.enable=true")
    request = plan(folder, dataset=name, exclude_cameras=without, settings=settings, held_out=held_out)
    config = train_config.build(request, root=root, output=folder.outputs / "x", episodes=episodes)
    with taken_out(left_out(config, without, load_info(root).features)):
        return [made for made in make_train_eval_datasets(config) if made is not None]


def test_each_item_decodes_one_video_instead_of_two_also_of_those_held_out(
    tmp_path: Path, decoded: Counter[str]
) -> None:
    root = make_dataset(DataFolder(tmp_path).create(), cameras=True, frames=4)
    before = foreign.hashes(root)
    whole, held_out = read(root, "cubes", without=(), held_out=0.5)
    assert {FRONT, WRIST} <= whole[1].keys() & held_out[1].keys()
    assert decoded == {FRONT: 2, WRIST: 2}, "LeRobot decodes what no policy looks at: where not, this module may go"
    decoded.clear()
    trained, held_out = read(root, "cubes", without=("front",), held_out=0.5)
    assert (trained.episodes, held_out.episodes) == ([0], [2])
    for item in (trained[1], held_out[1]):
        assert not [key for key in item if "front" in key] and WRIST in item
    assert decoded == {WRIST: 2}
    normalization.narrow(trained, normalization.trained_episodes(trained))
    assert trained.meta.camera_keys == [WRIST] and FRONT not in trained.meta.stats
    assert foreign.hashes(root) == before


def test_processes_that_load_data_leave_it_out_too_and_the_next_training_has_it_again(tmp_path: Path) -> None:
    """A spawned loader is given the dataset pickled, and knows nothing of `taken_out`."""
    root = make_dataset(DataFolder(tmp_path).create(), cameras=True, frames=4)
    (dataset,) = read(root, "cubes", without=("front",))
    (root / f"videos/{FRONT}/chunk-000/file-000.mp4").write_bytes(b"nobody decodes it")
    item = pickle.loads(pickle.dumps(dataset))[0]
    assert WRIST in item and FRONT not in item
    assert LeRobotDatasetMetadata("lab/cubes", root=root).camera_keys == [FRONT, WRIST]


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_and_depth_of_foreign_datasets_are_left_out_as_videos_are(
    tmp_path: Path, kind: str, decoded: Counter[str]
) -> None:
    folder = DataFolder(tmp_path).create()
    root = foreign.make(folder.datasets / "other", {**ARM, **KINDS[kind]})
    (dataset,) = read(root, "other", without=("side",))
    item = dataset[0]
    assert TOP in item and not [key for key in item if "side" in key]
    assert SIDE not in dataset.meta.stats and not decoded[SIDE]
    assert SIDE not in dataset.hf_dataset.column_names


def test_a_policy_that_looks_back_in_time_is_not_given_the_past_of_a_camera_left_out(
    tmp_path: Path, decoded: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As diffusion policies do, which ask for each observation twice: at the step before, and now."""
    monkeypatch.setattr(ACTConfig, "observation_delta_indices", [-1, 0])
    root = make_dataset(DataFolder(tmp_path).create(), cameras=True, frames=4)
    (dataset,) = read(root, "cubes", without=("front",))
    item = dataset[2]
    assert item[WRIST].shape[0] == 2 and f"{FRONT}_is_pad" not in item
    assert decoded == {WRIST: 1}


def test_of_a_stream_the_videos_of_a_camera_left_out_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_files: list[str] = []

    def decode(path: str, times: list[float], *_: Any, **__: Any) -> torch.Tensor:
        """LeRobot's needs torchcodec and FFmpeg's libraries; which files it is given is what matters here."""
        read_files.append(Path(path).parts[-3])
        return torch.zeros(len(times), 3, 48, 64, dtype=torch.uint8)

    monkeypatch.setattr(streaming_dataset, "decode_video_frames_torchcodec", decode)
    root = make_dataset(DataFolder(tmp_path).create(), cameras=True, frames=4)
    (stream,) = read(root, "cubes", "dataset.streaming=true", "num_workers=1", without=("front",), episodes=(0, 1, 2))
    item = next(iter(stream))
    assert WRIST in item and FRONT not in item
    assert set(read_files) == {WRIST}
