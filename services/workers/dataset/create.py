"""Creates a dataset, or checks that the bench can continue an existing one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.utils.constants import DEFAULT_FEATURES

from services.datasets.claim import CLAIM
from services.datasets.lock import DatasetProblem
from services.datasets.marks import SIDECAR
from services.datasets.summary import INFO, QUARANTINE
from services.error_text import whole_reason
from services.workers.dataset.quarantine import Quarantine
from services.workers.dataset.recorded_files import sync_file
from services.workers.dataset.recovery import Recovery
from services.workers.dataset.survey import STATS, read_info, read_json
from sessions.files import sync_folder

ADDED_UP = ("min", "max", "mean", "std", "count")
"""What LeRobot aggregates of each feature."""
_OWN_FILES = {"meta", "data", "videos", "images", QUARANTINE, SIDECAR}
"""What the folder of a dataset without episodes may hold; anything else is foreign."""


def create_dataset(
    root: Path, repo_id: str, fps: int, features: dict[str, dict[str, Any]], robot_type: str | None
) -> Recovery | None:
    """Create an empty dataset at `root`, moving its previous contents to quarantine. All or nothing.

    Raises DatasetProblem if the folder holds foreign files, or if LeRobot or the disk refuses.

    LeRobot insists on creating the folder itself, so it creates one beside `root`, with only info.json in it.
    """
    foreign = sorted(
        p.name for p in _children(root) if p.name not in _OWN_FILES and not p.name.startswith(("tmp", "."))
    )
    if foreign:
        raise DatasetProblem(f"{root} is a folder with other things in it ({foreign[0]}): choose another name")
    staging = root.parent / f".{root.name}.new"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        LeRobotDataset.create(
            repo_id, fps, features, root=staging, robot_type=robot_type, video_backend="pyav"
        ).finalize()
        recovery = _clear(root)
        if root.exists():
            (staging / "meta").rename(root / "meta")
        else:
            staging.rename(root)
        sync_file(root / INFO)
        for folder in (root / "meta", root, root.parent):
            sync_folder(folder)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise DatasetProblem(f"dataset {root.name} cannot be made: {reason_of(error)}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return recovery


def _clear(root: Path) -> Recovery | None:
    """Quarantine everything in a folder without episodes; None if there was nothing to report."""
    quarantine = Quarantine(root)
    for path in _children(root):
        if path.name not in (QUARANTINE, CLAIM):
            quarantine.take(path)
    quarantine.explain("this folder held no saved episode when a recording began in it")
    left = [name for name in quarantine.moved if name not in ("meta", SIDECAR)]
    if not left:
        return None
    summary = f"no episode had been saved; the files that were there are in {quarantine.name}"
    return Recovery(0, 0, tuple(quarantine.moved), tuple(quarantine.copied), quarantine.name, summary)


def refuse_unfit(root: Path, fps: int, robot_type: str | None, features: dict[str, dict[str, Any]]) -> None:
    """As `refuse_differences`, of a dataset that is not surveyed yet and may not exist; sizes unknown here are None."""
    info = read_info(root)
    if info.get("total_episodes") and "features" in info:
        refuse_differences(root, info, fps, robot_type, features)
        refuse_statistics(root)


def refuse_statistics(root: Path) -> None:
    """Raises DatasetProblem if LeRobot cannot add an episode to stats.json, which would cost every take.

    It weights by each feature's count (`datasets/compute_stats.py`); statistics of another making may have none.
    """
    stats = read_json(root / STATS) or {}
    lacking = {key: [name for name in ADDED_UP if name not in values] for key, values in stats.items()}
    wrong = [f"{key} lacks {', '.join(names)}" for key, names in sorted(lacking.items()) if names]
    if wrong:
        raise DatasetProblem(
            f"dataset {root.name} cannot be resumed: no episode can be added to its {STATS} ({'; '.join(wrong[:3])}). "
            "Make it anew with LeRobot's lerobot-edit-dataset (recompute_stats), or record into another dataset"
        )


def refuse_differences(
    root: Path, info: dict[str, Any], fps: int, robot_type: str | None, features: dict[str, dict[str, Any]]
) -> None:
    """Raises DatasetProblem, with every difference, if this bench cannot continue this dataset."""
    found = differences(info, fps, robot_type, features)
    if found:
        raise DatasetProblem(f"dataset {root.name} cannot be resumed with this bench: {'; '.join(found)}")


def differences(
    info: dict[str, Any], fps: int, robot_type: str | None, features: dict[str, dict[str, Any]]
) -> list[str]:
    """The reasons why the bench cannot continue the dataset that `info` describes, one phrase each."""
    found = []
    if info.get("fps") != fps:
        found.append(f"it has {info.get('fps')} fps, the bench {fps}")
    if info.get("robot_type") != robot_type:
        found.append(f"it is of robot {info.get('robot_type')}, the bench is {robot_type}")
    theirs = {key: ft for key, ft in info["features"].items() if key not in DEFAULT_FEATURES}
    ours = {key: ft for key, ft in features.items() if key not in DEFAULT_FEATURES}
    found += [f"it has {key}, which the bench does not have" for key in theirs if key not in ours]
    found += [f"it lacks {key}, which the bench has" for key in ours if key not in theirs]
    for key in theirs.keys() & ours.keys():
        for trait in ("dtype", "shape", "names"):
            its, benchs = _plain(theirs[key].get(trait)), _plain(ours[key].get(trait))
            if its != benchs:
                found.append(f"its {key} has {trait} {its}, the bench's {benchs}")
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def reason_of(error: Exception) -> str:
    """An error of LeRobot or the system as text for the operator."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return whole_reason(error)
