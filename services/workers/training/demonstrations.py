"""The accepted episodes that a training learns from, read before LeRobot is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from services.checkpoints.checkpoint import ACTION, JOINTS, Provenance
from services.datasets.cameras import camera_name
from services.datasets.lock import DatasetProblem
from services.datasets.marks import has_marks, read_calibrations, read_marks
from services.datasets.matching import Matched, match, why_doubtful
from services.datasets.summary import dataset_folders
from services.folders import RunFolder
from services.live.requests import TrainRequest
from services.workers.dataset.survey import Survey
from services.workers.training.channel import Channel
from services.workers.training.checkpoints import start_pose, value_names


@dataclass(frozen=True)
class Demonstrations:
    """The accepted `episodes` of `total`; `names` are the values of each numeric feature, in order.

    `start_pose` is the median pose (degrees) in which they begin, empty if the dataset does not have it; `calibrations`
    are the arms' calibrations while recording, by session and arm, as far as known. `notes` say what the operator
    should know of the marks.
    """

    root: Path
    episodes: tuple[int, ...]
    total: int
    names: dict[str, tuple[str, ...]]
    start_pose: dict[str, float]
    calibrations: dict[str, dict[str, str]]
    notes: tuple[str, ...] = ()


def read_demonstrations(request: TrainRequest, channel: Channel) -> Demonstrations:
    """Choose the dataset's accepted episodes. Nothing of it is changed: it may be anybody's.

    The supervisor holds the dataset's lock. Raises DatasetProblem.
    """
    channel.progress("checking the dataset")
    root = Path(request.data_dir) / "datasets" / request.dataset
    try:
        survey = _readable(root, request.dataset)
        matched = _marks_of(survey, request.dataset)
        episodes = matched.accepted()
        if not episodes:
            reason = f"none of its {survey.episodes} episodes is accepted" if survey.episodes else "it holds no episode"
            raise DatasetProblem(f"dataset {request.dataset} cannot be trained on: {reason}")
        features: dict[str, dict[str, Any]] = survey.info["features"]
        names = value_names(features)
        pose = start_pose(root, episodes, names.get(JOINTS, ()))
        recorders = {matched.marks[index].session for index in episodes if index in matched.marks}
        calibrations = {session: arms for session, arms in read_calibrations(root).items() if session in recorders}
    except (OSError, pa.ArrowException) as error:
        raise DatasetProblem(f"dataset {request.dataset} cannot be read: {error}") from error
    return Demonstrations(root, episodes, survey.episodes, names, pose, calibrations, _notes(matched, root, request))


def _readable(root: Path, name: str) -> Survey:
    """The survey of a dataset that LeRobot can read as it lies there. Raises DatasetProblem."""
    survey = Survey(root)
    if survey.beyond:
        raise DatasetProblem(survey.gap())
    if why := survey.unreadable():
        raise DatasetProblem(
            f"dataset {name} cannot be trained on: {why}. A training changes nothing in it; if a recording ended "
            f"badly, `lab-console dataset {name} --repair` keeps the whole episodes and sets the rest aside"
        )
    return survey


def _marks_of(survey: Survey, name: str) -> Matched:
    """Each episode's own mark. Raises DatasetProblem if rejected episodes might be trained on."""
    marks = read_marks(survey.root)
    if marks.message:
        raise DatasetProblem(f"{marks.message}: put a copy back, or remove the file if every episode shall count")
    matched = match(marks, survey.contents)
    if matched.doubtful:
        raise DatasetProblem(f"dataset {name}: {why_doubtful(name, matched.doubtful)}")
    return matched


def _notes(matched: Matched, root: Path, request: TrainRequest) -> tuple[str, ...]:
    """What to know of the marks; where there are none and other datasets have some, how to carry them over."""
    others = dataset_folders(Path(request.data_dir) / "datasets")
    if matched.marks or not any(has_marks(other) for other in others if other != root):
        return matched.notes()
    offer = f"`lab-console dataset {request.dataset} --carry-marks` looks for them in the other datasets here"
    return (*matched.notes(), offer)


def provenance(
    run: RunFolder,
    request: TrainRequest,
    demonstrations: Demonstrations,
    *,
    meta: Any,
    episodes: tuple[int, ...],
    inputs: Mapping[str, Any],
    left_out: tuple[str, ...],
) -> Provenance:
    """What the console keeps beside each checkpoint.

    `meta` is LeRobot's LeRobotDatasetMetadata, `episodes` those that are trained on (LeRobot may hold some out),
    `inputs` the policy's features, `left_out` the dataset's cameras that are not among them.
    """
    tasks = meta.episodes["tasks"]
    return Provenance(
        session=run.id,
        dataset=request.dataset,
        dataset_root=str(demonstrations.root),
        tasks=tuple(dict.fromkeys(task for i in episodes for task in tasks[i])),
        fps=int(meta.fps),
        robot_type=meta.robot_type or "",
        names={key: values for key, values in demonstrations.names.items() if key in inputs or key == ACTION},
        cameras=tuple(camera_name(key) for key, feature in inputs.items() if feature.type.value == "VISUAL"),
        excluded_cameras=left_out,
        episodes=episodes,
        start_pose=demonstrations.start_pose,
        calibrations=demonstrations.calibrations,
    )
