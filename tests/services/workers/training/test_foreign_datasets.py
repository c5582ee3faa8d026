"""Datasets that others made are trained on as they lie there: not a byte of them changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.checkpoints.checkpoint import Provenance
from services.datasets import content
from services.datasets.lock import DatasetProblem
from services.datasets.marks import Mark, write_mark
from services.datasets.matching import EVERY_EPISODE_COUNTS
from services.datasets.summary import INFO, summarize
from services.datasets.video_content import videos_of
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.snapshots import Snapshot
from services.refusal import Refusal
from services.training.dataset_drift import Drift, drift
from services.training.dataset_fit import raw
from services.workers.dataset.survey import STATS, TASKS, Survey
from services.workers.training import config as train_config
from services.workers.training import left_out_cameras
from services.workers.training.demonstrations import Demonstrations, read_demonstrations
from sessions.models import SessionStatus
from tests.support import facts, foreign
from tests.support.mounts import bind, needs_mounts
from tests.support.rig import Rig, gone, wait_until
from tests.support.trainings import plan, train

CUBE = "observation.environment_state"
TOP, WRIST = "observation.images.top", "observation.images.wrist"
ARM = {"observation.state": foreign.vector(), "action": foreign.vector()}
DEPTH = {"dtype": "video", "info": {"is_depth_map": True}, "channels": 1}
MADE: dict[str, dict[str, Any]] = {
    "plain": {"features": {**ARM, TOP: foreign.camera()}},
    "two": {"features": {**ARM, TOP: foreign.camera(), WRIST: foreign.camera()}},
    "cube": {"features": {**ARM, CUBE: foreign.vector()}},
    "pictures": {"features": {**ARM, TOP: foreign.camera("image")}},
    "tasks": {"features": ARM, "tasks": ("Pick the cube", "Push it", "Lift [it]")},
    "keys": {
        "features": {"observation.state": foreign.vector(None), "action": foreign.vector(("x", "y", "grip"))}
        | {"observation.image": foreign.camera(), "next.reward": foreign.vector(None, 1)}
    },
    "rate": {"features": {**ARM, TOP: foreign.camera()}, "fps": 12},
    "depth": {"features": {**ARM, TOP: foreign.camera(), "observation.images.far": foreign.camera(**DEPTH)}},
}
CHANGES = (
    foreign.own_statistics, foreign.own_totals, foreign.few_keys, foreign.named_by_group, foreign.own_files,
)  # fmt: skip


class Silent:
    """A channel nobody listens to."""

    def progress(self, detail: str) -> None:
        """What the trainer does."""

    def send(self, event: ev.Event) -> None:
        """Nothing may be repaired."""
        raise AssertionError(event)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One dataset of each kind, to copy."""
    folder = tmp_path_factory.mktemp("made")
    return {name: foreign.make(folder / name, **options) for name, options in MADE.items()}


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "lab").create()


def put(folder: DataFolder, source: Path) -> Path:
    """The dataset, as `other` of this data folder."""
    shutil.copytree(source, folder.datasets / "other")
    return folder.datasets / "other"


def over(rig: Rig, run: RunFolder) -> Snapshot:
    """How the training ended."""
    wait_until(lambda: not rig.snapshot(run).running and gone(run)(), 60)
    return rig.snapshot(run)


def learn(folder: DataFolder, **asked: Any) -> tuple[Demonstrations, Any]:
    """What a training reads of it: the plan's look, the accepted episodes, and LeRobot's own datasets."""
    from lerobot.datasets.factory import make_train_eval_datasets

    request = plan(folder, dataset="other", **asked)
    demonstrations = read_demonstrations(request, Silent())  # type: ignore[arg-type]
    config = train_config.build(
        request, root=demonstrations.root, output=folder.outputs / "x", episodes=demonstrations.episodes
    )
    return demonstrations, make_train_eval_datasets(config)[0]


@pytest.mark.parametrize("kind", MADE)
def test_datasets_of_every_kind_are_read_and_stay_as_they_are(
    folder: DataFolder, made: dict[str, Path], kind: str
) -> None:
    root = put(folder, made[kind])
    before = foreign.hashes(root)
    assert summarize(root).problem is None
    left_out = {"exclude_cameras": ("far",)} if kind == "depth" else {}  # ACT takes colour pictures only
    demonstrations, dataset = learn(folder, **left_out)
    assert demonstrations.episodes == (0, 1, 2) and demonstrations.notes == (EVERY_EPISODE_COUNTS,)
    assert len(dataset) == 3 * foreign.FRAMES and "action" in dataset[0]
    assert foreign.hashes(root) == before


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_other_tools_write_is_read_and_stays(
    folder: DataFolder, made: dict[str, Path], change: Callable[[Path], None]
) -> None:
    root = put(folder, made["plain"])
    change(root)
    before = foreign.hashes(root)
    assert summarize(root).problem is None
    demonstrations, dataset = learn(folder)
    assert demonstrations.total == 3 and len(dataset) == 3 * foreign.FRAMES
    if change is foreign.own_statistics:
        assert dataset.meta.stats["action"]["mean"].tolist() == [123.0] * 3
    assert foreign.hashes(root) == before


@pytest.mark.parametrize("change", [foreign.own_totals, foreign.own_statistics, foreign.own_files])
def test_nothing_of_it_counts_as_left_by_a_crash(
    tmp_path: Path, made: dict[str, Path], change: Callable[[Path], None]
) -> None:
    root = shutil.copytree(made["plain"], tmp_path / "other")
    change(root)
    survey = Survey(root)
    assert survey.healthy, (survey.strays, survey.info_right, survey.stats_torn)


def test_of_a_camera_that_is_left_out_no_file_is_needed(folder: DataFolder, made: dict[str, Path]) -> None:
    root = put(folder, made["two"])
    shutil.rmtree(root / "videos" / WRIST)
    with pytest.raises(
        DatasetProblem, match=f"0 are whole: episode 0 is broken .missing: videos/{WRIST}/.*--exclude-cameras wrist"
    ):
        read_demonstrations(plan(folder, dataset="other"), Silent())  # type: ignore[arg-type]
    request = plan(folder, dataset="other", exclude_cameras=("wrist",))
    demonstrations = read_demonstrations(request, Silent())  # type: ignore[arg-type]
    assert demonstrations.episodes == (0, 1, 2) and [*demonstrations.videos] == ["top"]
    config = train_config.build(request, root=root, output=folder.outputs / "x", episodes=(0, 1, 2))
    from lerobot.datasets.factory import make_train_eval_datasets

    with left_out_cameras.taken_out({WRIST: "wrist"}):
        dataset = make_train_eval_datasets(config)[0]
        assert TOP in dataset[0] and WRIST not in dataset[0]


def test_a_video_that_is_another_now_is_noticed_before_a_training_goes_on(
    folder: DataFolder, made: dict[str, Path]
) -> None:
    root = put(folder, made["two"])
    learnt = Provenance(contents=content.contents_of(root, 3), videos=videos_of(root, range(3)))
    started = facts.training(episodes=(0, 1, 2), episodes_total=3, excluded_cameras=()).started

    def found() -> Drift:
        return drift(folder, "other", learnt, started)

    assert found() == Drift()
    shutil.copytree(made["plain"] / "videos" / TOP, root / "videos" / WRIST, dirs_exist_ok=True)
    assert found() == Drift(), "the same pictures in a file of another time"
    (video,) = (root / "videos" / WRIST).glob("*/*.mp4")
    head, tag, frames = video.read_bytes().partition(b"mdat")
    video.write_bytes(head + tag + bytes(each ^ 255 for each in frames))
    assert found().changed == ("wrist shows other pictures than it has learnt from in 3 episodes: 0-2",)
    only_top = msgspec.structs.replace(learnt, videos={"top": learnt.videos["top"]})
    left_out = msgspec.structs.replace(started, excluded_cameras=("wrist",))
    assert drift(folder, "other", only_top, left_out) == Drift()
    old = msgspec.structs.replace(learnt, videos={})
    assert "no fingerprint of its videos" in drift(folder, "other", old, started).notes[0]
    shutil.rmtree(root / "videos" / WRIST)
    with pytest.raises(Refusal, match=r"the video of wrist is missing or cannot be read in 3 episodes .*0-2; put a"):
        found()


def test_a_real_training_changes_nothing_and_says_that_there_are_no_marks(
    quick_rig: Rig, made: dict[str, Path]
) -> None:
    root = put(quick_rig.folder, made["cube"])
    for change in CHANGES:
        change(root)
    foreign.edit_json(root / STATS, lambda stats: stats.pop(CUBE))
    before = foreign.hashes(root)
    run = train(quick_rig.folder, dataset="other", steps=1)
    state = over(quick_rig, run)
    assert state.status is SessionStatus.FINISHED, state.end_reason
    assert state.training and state.training.started.notes == (EVERY_EPISODE_COUNTS, raw("act", (CUBE,)))
    assert not quick_rig.events(run, ev.DatasetRecovered)
    assert foreign.hashes(root) == before


@needs_mounts
@pytest.mark.parametrize("reached", ["mount", "link to the mount", "folder of links"])
def test_a_read_only_dataset_is_trained_on(quick_rig: Rig, made: dict[str, Path], tmp_path: Path, reached: str) -> None:
    disk, folder = tmp_path / "disk", quick_rig.folder
    shutil.copytree(made["plain"], disk / "other")
    before = foreign.hashes(disk)
    target = folder.datasets / "other" if reached == "mount" else tmp_path / "mounted"
    source = disk / "other" if reached == "mount" else disk
    with bind(source, target, read_only=True):
        if reached == "link to the mount":
            (folder.datasets / "other").symlink_to(target / "other")
        elif reached == "folder of links":
            folder.datasets.rmdir()
            folder.datasets.symlink_to(target)
        run = train(folder, dataset="other", steps=1)
        state = over(quick_rig, run)
    assert state.status is SessionStatus.FINISHED, state.end_reason
    assert foreign.hashes(disk) == before


# -- what cannot be trained on as it lies there ------------------------------------------------------------------


def torn(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_bytes(b"PAR1 half")  # type: ignore[return-value]


REFUSED = {
    "a stray data file": (torn("data/chunk-000/file-009.parquet"), r"file-009.parquet cannot be read.* --repair"),
    "torn statistics": (torn(STATS), "meta/stats.json cannot be read"),
    "torn tasks": (torn(TASKS), "meta/tasks.parquet cannot be read"),
    "a count that runs ahead": (
        lambda root: foreign.edit_json(root / INFO, lambda info: info.update(total_episodes=4)),
        "counts 4 episodes, and 3 are whole: episode 3 is missing",
    ),
    "no statistics": (lambda root: (root / STATS).unlink(), "meta/stats.json is missing"),
    "no tasks": (lambda root: (root / TASKS).unlink(), "meta/tasks.parquet is missing"),
    "tasks that are not counted": (
        lambda root: foreign.edit_json(root / INFO, lambda info: info.pop("total_tasks")),
        "counts no tasks",
    ),
    "a damaged sidecar": (lambda root: (root / "lab-console.json").write_bytes(b"{"), "remove the file if every"),
    "edited episodes": (
        lambda root: write_mark(root, 1, Mark(accepted=False), "f" * 32),
        "reject episode 1, but of other values",
    ),
}


@pytest.mark.parametrize("damage", REFUSED)
def test_what_lerobot_would_stumble_on_is_refused_and_stays(
    folder: DataFolder, made: dict[str, Path], damage: str
) -> None:
    spoil, words = REFUSED[damage]
    root = put(folder, made["tasks"])
    request = plan(folder, dataset="other")
    spoil(root)
    before = foreign.hashes(root)
    with pytest.raises(DatasetProblem, match=words):
        read_demonstrations(request, Silent())  # type: ignore[arg-type]
    assert foreign.hashes(root) == before


def test_rejected_episodes_are_left_out_after_lerobot_renumbered_them(
    folder: DataFolder, made: dict[str, Path]
) -> None:
    from lerobot.datasets.dataset_tools import delete_episodes
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    from services.datasets.fitting import bind_marks

    source = shutil.copytree(made["tasks"], folder.datasets / "source")
    bind_marks(source, Survey(source).contents)
    write_mark(source, 2, Mark(accepted=False))
    delete_episodes(LeRobotDataset("me/source", root=source), [0], output_dir=folder.datasets / "other")
    told = learn(folder)[0].notes
    assert told == (
        EVERY_EPISODE_COUNTS,
        "`lab-console dataset other --carry-marks` looks for them in the other datasets here",
    )
    shutil.copy(source / "lab-console.json", folder.datasets / "other")
    demonstrations, _ = learn(folder)
    assert demonstrations.episodes == (0,), "number 1 is the one that was rejected as number 2"
    assert "renumbered" in demonstrations.notes[0]
