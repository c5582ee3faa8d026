"""A close look at a dataset, its repair, and marks carried over after LeRobot's own tools made another one of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from console.__main__ import main
from services.datasets import care
from services.datasets.care import Act
from services.datasets.lock import DatasetProblem, dataset_lock
from services.datasets.marks import SIDECAR, Mark, read_marks, write_mark
from services.datasets.matching import EVERY_EPISODE_COUNTS
from services.datasets.summary import INFO, summarize
from services.folders import DataFolder
from services.log.marking import mark_episode
from services.log.problem import LogbookProblem
from services.workers.dataset.durable import DurableDataset
from services.workers.dataset.encoder_settings import EncoderSettings
from services.workers.dataset.mend import report
from services.workers.dataset.survey import STATS
from tests.support import foreign, trainings
from tests.support.mounts import bind, needs_mounts
from tests.support.runs import ended, saved, session_id, started, write_run
from tests.support.trainings import make_dataset

ID = session_id(1)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings, `a` of five episodes (1 and 3 rejected) and `b` of two (0 rejected)."""
    folder = DataFolder(tmp_path_factory.mktemp("recorded")).create()
    make_dataset(folder, "a", episodes=5, rejected=[1, 3])
    make_dataset(folder, "b", episodes=2, frames=9, rejected=[0])
    return folder.root


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> DataFolder:
    return DataFolder(Path(shutil.copytree(recorded, tmp_path / "lab")))


def opened(folder: DataFolder, name: str):  # type: ignore[no-untyped-def]
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return LeRobotDataset(f"lab/{name}", root=folder.datasets / name)


def delete(folder: DataFolder, episodes: list[int]) -> None:
    from lerobot.datasets.dataset_tools import delete_episodes

    delete_episodes(opened(folder, "a"), episodes, output_dir=folder.datasets / "made", repo_id="lab/made")


def merge(folder: DataFolder, *names: str) -> None:
    from lerobot.datasets.dataset_tools import merge_datasets

    merge_datasets([opened(folder, n) for n in names], output_repo_id="lab/made", output_dir=folder.datasets / "made")


def look(folder: DataFolder, act: Act = Act.LOOK, *sources: str, name: str = "made") -> care.Report:
    """As `attend`, in this process."""
    chosen = [folder.datasets / source for source in sources]
    return report(folder.datasets / name, act, chosen)


def test_after_lerobots_delete_the_marks_are_carried_over(folder: DataFolder) -> None:
    delete(folder, [0])
    found = look(folder)
    assert (found.marked, found.notes) == (0, (EVERY_EPISODE_COUNTS,))
    assert not (folder.datasets / "made" / SIDECAR).exists(), "looking writes nothing"
    shutil.copy(folder.datasets / "a" / SIDECAR, folder.datasets / "made")
    found, listed = look(folder), summarize(folder.datasets / "made")
    assert found.rejected == (0, 2) and (listed.marked, listed.rejected) == (4, 2), "the list says so, too"
    (folder.datasets / "made" / SIDECAR).unlink()
    carried = look(folder, Act.CARRY, "b", "a")
    assert (carried.done, carried.rejected) == (("4 marks carried over from a",), (0, 2))
    assert look(folder, Act.CARRY, "a").rejected == (0, 2), "once more changes nothing"


def test_after_lerobots_merge_each_episode_has_its_own_mark(folder: DataFolder) -> None:
    merge(folder, "b", "a")
    carried = look(folder, Act.CARRY, "a", "b")
    assert carried.done == ("5 marks carried over from a", "2 marks carried over from b")
    assert carried.rejected == (0, 3, 5)
    assert not look(folder).notes


def test_after_lerobots_split_the_marks_follow_or_are_said_missing(folder: DataFolder) -> None:
    from lerobot.datasets.dataset_tools import split_dataset

    split_dataset(opened(folder, "a"), {"train": [0, 1, 3], "val": [2, 4]}, output_dir=folder.datasets)
    for name in ("train", "val"):
        found = look(folder, name=name)
        assert (found.marked, found.notes) == (0, (EVERY_EPISODE_COUNTS,))
        assert not (folder.datasets / name / SIDECAR).exists(), "LeRobot copies no sidecar"
        assert training_says(folder, name) == (EVERY_EPISODE_COUNTS, f"`lab-console dataset {name} --carry-marks`")
    assert care.offer(folder, "train") == care.Offer(3, 2, ("a",))
    carried = look(folder, Act.CARRY, "a", name="train")
    assert (carried.done, carried.rejected) == (("3 marks carried over from a",), (1, 2))
    assert look(folder, Act.CARRY, "a", name="val").rejected == (), "episodes 2 and 4 were accepted"
    assert [summarize(folder.datasets / name).accepted for name in ("train", "val")] == [1, 2]


def test_a_sidecar_that_was_copied_beside_a_split_marks_its_own_episodes_only(folder: DataFolder) -> None:
    from lerobot.datasets.dataset_tools import split_dataset

    split_dataset(opened(folder, "a"), {"train": 0.4, "val": 0.6}, output_dir=folder.datasets)
    for name in ("train", "val"):
        shutil.copy(folder.datasets / "a" / SIDECAR, folder.datasets / name)
    assert look(folder, name="train").rejected == (1,) and look(folder, name="val").rejected == (1,), "1, and 3 as 1"
    notes = training_says(folder, "val")
    assert "renumbered" in notes[0] and "--carry-marks" not in " ".join(notes)


def training_says(folder: DataFolder, name: str) -> tuple[str, ...]:
    """What a training of it tells of the marks, each up to its verb."""
    from services.workers.training.demonstrations import read_demonstrations

    request = trainings.plan(folder, dataset=name)
    notes = read_demonstrations(request, SimpleNamespace(progress=str)).notes  # type: ignore[arg-type]
    return tuple(note.partition(" looks for")[0] for note in notes)


def test_marks_of_older_versions_are_carried_over_by_what_their_dataset_holds(folder: DataFolder) -> None:
    sidecar = folder.datasets / "a" / SIDECAR
    document = orjson.loads(sidecar.read_bytes())
    for entry in document["episodes"].values():
        del entry["content"]
    sidecar.write_bytes(orjson.dumps(document))
    delete(folder, [1])
    assert look(folder, Act.CARRY, "a").rejected == (2,)


def test_edited_episodes_are_doubtful_until_the_marks_are_kept_or_carried(folder: DataFolder) -> None:
    root = folder.datasets / "a"
    write_mark(root, 3, Mark(accepted=False), "e" * 32)
    assert look(folder, name="a").doubtful == (3,)
    kept = look(folder, Act.KEEP, name="a")
    assert (kept.rejected, kept.doubtful, kept.done) == ((1, 3), (), ("5 marks kept by the episodes' numbers",))


def test_a_foreign_dataset_is_looked_at_untouched_and_repaired_with_a_copy_of_what_changes(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "lab").create()
    root = foreign.make(folder.datasets / "made", {"observation.state": foreign.vector(), "action": foreign.vector()})
    for change in (foreign.own_totals, foreign.own_statistics, foreign.own_files):
        change(root)
    before = foreign.hashes(root)
    assert not look(folder).repairable
    assert look(folder, Act.REPAIR).done == ("nothing to repair",)
    assert foreign.hashes(root) == before
    (root / "data/chunk-000/file-001.parquet").write_bytes(b"PAR1 half")
    foreign.edit_json(root / INFO, lambda info: info.update(total_episodes=4))
    spoilt = (root / INFO).read_bytes()
    found = look(folder)
    assert found.repairable and found.left == ("data/chunk-000/file-001.parquet",)
    assert "file-001.parquet cannot be read" in found.unreadable
    repaired = look(folder, Act.REPAIR)
    assert not repaired.unreadable and INFO in repaired.done[0] and "quarantine/" in repaired.done[0]
    (where,) = (root / "quarantine").iterdir()
    assert (where / INFO).read_bytes() == spoilt
    assert (where / "data/chunk-000/file-001.parquet").read_bytes() == b"PAR1 half"
    after = foreign.hashes(root)
    assert after[STATS] == before[STATS], "statistics without counts are the owner's"
    assert orjson.loads((root / INFO).read_bytes())["splits"] == {"train": "0:2", "val": "2:3"}
    ours = {INFO, f"{INFO}.bak", "meta/tasks.parquet.bak"}
    assert {n: d for n, d in after.items() if n not in ours and not n.startswith("quarantine")} == {
        n: d for n, d in before.items() if n not in ours
    }


def test_statistics_that_lerobot_cannot_add_to_are_refused_before_a_take_is_lost(tmp_path: Path) -> None:
    features = {"observation.state": foreign.vector(), "action": foreign.vector()}
    root = foreign.make(tmp_path / "made", features)
    foreign.own_statistics(root)
    before = foreign.hashes(root)
    with pytest.raises(DatasetProblem, match=r"action lacks count; observation.state lacks count.*recompute_stats"):
        DurableDataset.open(
            root, "me/made", fps=30, features=features, robot_type="so_follower", encoder=EncoderSettings(), resume=True
        )
    assert foreign.hashes(root) == before


@needs_mounts
def test_a_read_only_dataset_is_looked_at_and_a_repair_says_why_it_cannot_be(
    folder: DataFolder, tmp_path: Path
) -> None:
    with bind(folder.root, tmp_path / "mounted", read_only=True) as mounted:
        seen = DataFolder(mounted)
        assert look(seen, name="a").rejected == (1, 3)
        assert "its file system is read-only" in look(seen, Act.REPAIR, name="a").refused


def test_the_verb_prints_what_is_wrong_and_what_mends_it(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    delete(folder, [0])
    lab = ["--data-dir", str(folder.root), "dataset", "made"]
    assert main(lab) == 0
    out = capsys.readouterr().out
    assert "made: 4 episodes, 32 frames at 30 fps" in out and "no marks: every episode counts" in out
    assert "`lab-console dataset made --carry-marks` looks for their marks" in out
    assert main([*lab, "--carry-marks"]) == 0
    assert "done: 4 marks carried over from a\nmarks: 2 accepted, 2 rejected: 0, 2\n" in capsys.readouterr().out
    (folder.datasets / "made/data/chunk-000/file-009.parquet").write_bytes(b"PAR1 half")
    assert main(lab) == 1
    out = capsys.readouterr().out
    assert "it cannot be trained on: data/chunk-000/file-009.parquet cannot be read" in out
    assert "--repair` keeps the whole episodes" in out
    assert main([*lab, "--from", "a"]) == 2 and main([*lab[:-1], "nowhere"]) == 2


def test_an_episode_that_has_another_number_now_is_not_marked_under_the_old_one(folder: DataFolder) -> None:
    root = folder.datasets / "a"
    write_run(folder, ID, started(ID, dataset="a", data_dir=str(folder.root)), saved(0), saved(1), ended())
    mark_episode(folder, ID, 1, accepted=True)
    assert read_marks(root).accepted(1)
    delete(folder, [0])
    shutil.copy(root / SIDECAR, folder.datasets / "made")
    shutil.rmtree(root)
    (folder.datasets / "made").rename(root)
    before = foreign.hashes(root)
    with pytest.raises(LogbookProblem, match="episode 1 of a is not the one that was recorded under this number"):
        mark_episode(folder, ID, 1, accepted=False)
    assert foreign.hashes(root) == before


def test_a_dataset_in_use_is_looked_at_and_not_changed(folder: DataFolder) -> None:
    with dataset_lock(folder.datasets / "a", "somebody"):
        assert look(folder, name="a").rejected == (1, 3)
        assert "in use by session somebody" in look(folder, Act.CARRY, name="a").refused
    assert dict(read_marks(folder.datasets / "a"))[1] == Mark(accepted=False)
