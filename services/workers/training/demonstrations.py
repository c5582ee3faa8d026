"""The accepted episodes that a training learns from, read before LeRobot is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.checkpoints.checkpoint import ACTION, IMAGES, JOINTS, Provenance
from services.datasets.lock import DatasetProblem
from services.datasets.marks import read_calibrations, read_marks
from services.folders import RunFolder
from services.live.requests import TrainRequest
from services.workers.dataset.recovery import repair
from services.workers.dataset.survey import Survey
from services.workers.training.channel import Channel
from services.workers.training.checkpoints import start_pose, value_names


@dataclass(frozen=True)
class Demonstrations:
    """The accepted `episodes` of `total`; `names` are the values of each numeric feature, in order.

    `start_pose` is the median pose (degrees) in which they begin, empty if the dataset does not have it; `calibrations`
    are the arms' calibrations while recording, by session and arm, as far as known.
    """

    root: Path
    episodes: tuple[int, ...]
    total: int
    names: dict[str, tuple[str, ...]]
    start_pose: dict[str, float]
    calibrations: dict[str, dict[str, str]]


def read_demonstrations(request: TrainRequest, channel: Channel) -> Demonstrations:
    """Recover the dataset if needed, and choose its accepted episodes.

    The supervisor holds the dataset's lock. Raises DatasetProblem.
    """
    channel.progress("checking the dataset")
    root = Path(request.data_dir) / "datasets" / request.dataset
    survey = _recovered(root, channel)
    marks = read_marks(root)
    episodes = tuple(i for i in range(survey.episodes) if marks.accepted(i))
    if not episodes:
        reason = f"none of its {survey.episodes} episodes is accepted" if survey.episodes else "it holds no episode"
        raise DatasetProblem(f"dataset {request.dataset} cannot be trained on: {reason}")
    features: dict[str, dict[str, Any]] = survey.info["features"]
    names = value_names(features)
    pose = start_pose(root, episodes, names.get(JOINTS, ()))
    recorders = {marks[index].session for index in episodes if index in marks}
    calibrations = {session: arms for session, arms in read_calibrations(root).items() if session in recorders}
    return Demonstrations(root, episodes, survey.episodes, names, pose, calibrations)


def _recovered(root: Path, channel: Channel) -> Survey:
    """The dataset's survey once it is whole; sends an event if it had to be repaired."""
    survey = Survey(root)
    if not survey.healthy:
        channel.send(repair(survey, reason="found at the start of a training").event())
        survey = Survey(root)
    return survey


def provenance(
    run: RunFolder,
    request: TrainRequest,
    demonstrations: Demonstrations,
    *,
    meta: Any,
    episodes: tuple[int, ...],
    inputs: list[str],
) -> Provenance:
    """What the console keeps beside each checkpoint.

    `meta` is LeRobot's LeRobotDatasetMetadata, `episodes` those that are trained on (LeRobot may hold some out),
    `inputs` the policy's keys.
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
        cameras=tuple(key.removeprefix(IMAGES) for key in inputs if key.startswith(IMAGES)),
        excluded_cameras=request.exclude_cameras,
        episodes=episodes,
        start_pose=demonstrations.start_pose,
        calibrations=demonstrations.calibrations,
    )
