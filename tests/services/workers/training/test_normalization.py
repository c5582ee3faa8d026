"""What a training normalizes with: the statistics of the episodes it learns from, in a real LeRobot dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from services.checkpoints import checkpoint as checkpoints
from services.folders import DataFolder
from services.live import events as ev
from services.workers.training import config as train_config
from services.workers.training import normalization
from sessions.models import SessionStatus
from tests.support.rig import Rig, gone, wait_until
from tests.support.trainings import CUBE, make_dataset, plan, state_frame, train

STATE, FRONT = "observation.state", "observation.images.front"
FRAMES = 8


def loaded(folder: DataFolder, episodes: Sequence[int], *settings: str) -> Any:
    """The dataset `cubes` as LeRobot's factory makes it for a training."""
    from lerobot.datasets.factory import make_train_eval_datasets

    root = folder.datasets / "cubes"
    config = train_config.build(
        plan(folder, settings=settings), root=root, output=folder.outputs / "x", episodes=episodes
    )
    return make_train_eval_datasets(config)[0]


def expected(feature: str, episodes: Sequence[int], *, wild: Sequence[int] = ()) -> dict[str, Any]:
    """The statistics of the frames themselves."""
    values = np.array([state_frame(e, n, wild=e in wild)[feature] for e in episodes for n in range(FRAMES)], float)
    return {
        "min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0),
        "count": np.array([len(values)]),
    }  # fmt: skip


def check(stats: dict[str, Any], feature: str, episodes: Sequence[int], *, wild: Sequence[int] = ()) -> None:
    for name, value in expected(feature, episodes, wild=wild).items():
        np.testing.assert_allclose(stats[name], value, rtol=1e-5, atol=1e-4, err_msg=f"{feature} {name}")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Ours, without LeRobot's."""
    return [r.getMessage() for r in caplog.records if r.name == normalization.logger.name]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "lab").create()


def test_the_checkpoint_normalizes_with_the_trained_episodes_and_its_sidecar_names_them(quick_rig: Rig) -> None:
    """Episode 1 is rejected and 4 held out by LeRobot: both are wild, and neither is seen anywhere."""
    from safetensors.numpy import load_file

    make_dataset(quick_rig.folder, episodes=5, rejected=[1], wild=[1, 4])
    run = train(quick_rig.folder, steps=1, held_out=0.25)
    wait_until(lambda: quick_rig.snapshot(run).started is not None, 60)
    wait_until(gone(run), 60)
    assert quick_rig.snapshot(run).status is SessionStatus.FINISHED
    (started,) = quick_rig.events(run, ev.TrainingStarted)
    assert (started.episodes, started.episodes_total, started.frames) == ((0, 2, 3), 5, 24)
    saved = checkpoints.resolve(quick_rig.folder, run.id)
    assert saved.provenance.episodes == (0, 2, 3)
    files = list(saved.path.glob("policy_p*processor*.safetensors"))
    assert len(files) == 2
    for path in files:
        flat = load_file(path)
        for feature in ("action", STATE, CUBE):
            names = ("min", "max", "mean", "std", "count")
            check({name: flat[f"{feature}.{name}"] for name in names}, feature, [0, 2, 3])
        assert flat["action.q99"].max() <= 51


def test_where_all_episodes_are_used_nothing_is_touched(folder: DataFolder, caplog: pytest.LogCaptureFixture) -> None:
    make_dataset(folder)
    dataset = loaded(folder, [0, 1, 2])
    before = dataset.meta.stats
    values = {(f, n): v for f, stats in before.items() for n, v in stats.items()}
    normalization.narrow(dataset, normalization.trained_episodes(dataset))
    assert dataset.meta.stats is before
    assert all(before[f][n] is v for (f, n), v in values.items())
    assert not warnings(caplog)


def test_a_cameras_statistics_from_imagenet_stay_and_its_others_are_narrowed(folder: DataFolder) -> None:
    make_dataset(folder, cameras=True, rejected=[1])
    dataset = loaded(folder, [0, 2])
    before = dataset.meta.stats
    normalization.narrow(dataset, normalization.trained_episodes(dataset))
    after = dataset.meta.stats
    assert after.keys() == before.keys()
    assert all(after[FRONT][name] is before[FRONT][name] for name in ("mean", "std"))
    assert after[FRONT]["count"] < before[FRONT]["count"]
    assert after[FRONT]["max"].shape == before[FRONT]["max"].shape == (3, 1, 1)
    assert after[STATE]["count"].tolist() == [16]
    assert {type(v) for v in after[STATE].values()} == {np.ndarray}


def test_without_imagenet_the_cameras_have_those_of_their_episodes(folder: DataFolder) -> None:
    make_dataset(folder, cameras=True)
    dataset = loaded(folder, [0], "dataset.use_imagenet_stats=false")
    normalization.narrow(dataset, [0])
    alone = make_dataset(folder, "alone", cameras=True, episodes=1)
    stats = json.loads((alone / "meta/stats.json").read_text())
    for name, value in stats[FRONT].items():
        np.testing.assert_allclose(dataset.meta.stats[FRONT][name], value)


def rewrite_rows(root: Path, without: str) -> None:
    """Take columns out of `meta/episodes`, as an older LeRobot may have left them."""
    for path in root.glob("meta/episodes/*/*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.drop_columns([n for n in table.column_names if n.startswith(without)]), path)


@pytest.mark.parametrize(
    ("without", "named"), [("stats/action/mean", ": action"), ("stats/action/q01", ": action (q01)"), ("stats/", CUBE)]
)
def test_what_the_episodes_lack_stays_the_datasets_with_a_warning(
    folder: DataFolder, caplog: pytest.LogCaptureFixture, without: str, named: str
) -> None:
    root = make_dataset(folder, rejected=[1], wild=[1])
    rewrite_rows(root, without)
    dataset = loaded(folder, [0, 2])
    before = dataset.meta.stats
    normalization.narrow(dataset, normalization.trained_episodes(dataset))
    after = dataset.meta.stats
    (warning,) = warnings(caplog)
    assert "the statistics of all 3 episodes of the dataset, not only of the 2" in warning and named in warning
    assert after["action"].keys() == before["action"].keys()
    assert np.array_equal(after["action"]["q01"], before["action"]["q01"])
    check(after["action"], "action", *([[0, 2]] if "q01" in without else [[0, 1, 2]]), wild=[1])
    check(after[STATE], STATE, [0, 1, 2] if without == "stats/" else [0, 2], wild=[1])


def test_statistics_that_no_episode_knows_are_kept(folder: DataFolder, caplog: pytest.LogCaptureFixture) -> None:
    """Those of relative actions, as `lerobot-edit-dataset` writes them into stats.json."""
    from lerobot.datasets.dataset_tools import recompute_stats
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    root = make_dataset(folder, rejected=[1], wild=[1])
    recompute_stats(LeRobotDataset("lab/cubes", root=root), relative_action=True, chunk_size=2)
    dataset = loaded(folder, [0, 2])
    before = dataset.meta.stats
    normalization.narrow(dataset, normalization.trained_episodes(dataset))
    assert all(np.array_equal(dataset.meta.stats["action"][n], v) for n, v in before["action"].items())
    check(dataset.meta.stats[STATE], STATE, [0, 2])
    (warning,) = warnings(caplog)
    assert warning.endswith(": action")


def test_a_stream_cannot_leave_an_episode_out_and_is_refused_where_one_is_rejected(folder: DataFolder) -> None:
    make_dataset(folder, rejected=[1])
    with pytest.raises(train_config.ConfigProblem, match="streams all episodes, and 1 of these are left out"):
        loaded(folder, [0, 2], "dataset.streaming=true", "num_workers=1")


def test_of_a_stream_all_episodes_are_used(folder: DataFolder) -> None:
    make_dataset(folder)
    dataset = loaded(folder, [0, 1, 2], "dataset.streaming=true", "num_workers=1")
    before = dataset.meta.stats
    used = normalization.trained_episodes(dataset)
    assert used == tuple(sorted({int(row["episode_index"]) for row in dataset})) == (0, 1, 2)
    normalization.narrow(dataset, used)
    assert dataset.meta.stats is before
