"""The accepted episodes that a training learns from, read before LeRobot is loaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from services.checkpoints.checkpoint import ACTION, JOINTS, PRETRAINED, Provenance, read_provenance
from services.checkpoints.settings import calibration, configuration
from services.checkpoints.weights import fingerprint
from services.datasets.cameras import camera_name, picture_size
from services.datasets.lock import DatasetProblem
from services.datasets.marks import has_marks, read_calibrations, read_marks
from services.datasets.matching import Matched, match, why_doubtful
from services.datasets.pictures import pictures_of
from services.datasets.revision import revision, rows_of
from services.datasets.summary import dataset_folders
from services.folders import RunFolder
from services.live.requests import TrainRequest
from services.training.episode_choice import Chosen, Recorded, Wanted, choose, nothing_left
from services.workers.dataset.survey import Survey
from services.workers.training.channel import Channel
from services.workers.training.checkpoints import start_pose, value_names
from sessions.document import Training
from sessions.left_out import LeftOut, Why
from sessions.lineage import Lineage


@dataclass(frozen=True)
class Demonstrations:
    """The accepted `episodes` of `total` that are not `left_out`, held-out ones among them.

    `names` are the values of each numeric feature, in order. `start_pose` is the median pose (degrees) in which they
    begin, empty if the dataset does not have it; `calibrations` are the arms' calibrations while recording, by session
    and arm, as far as known. `notes` say what the operator should know of the marks. `contents` are the digests of the
    dataset's episodes, `rows` those of all their numbers, `videos` those of their pictures, by camera that is not left
    out.
    """

    root: Path
    episodes: tuple[int, ...]
    total: int
    names: dict[str, tuple[str, ...]]
    start_pose: dict[str, float]
    calibrations: dict[str, dict[str, str]]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    contents: Mapping[int, str] = field(default_factory=dict)
    rows: Mapping[int, str] = field(default_factory=dict)
    videos: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


def read_demonstrations(request: TrainRequest, channel: Channel, resumed: Training | None = None) -> Demonstrations:
    """Choose the dataset's accepted episodes, less those that the request leaves out; of a resumed one as before.

    Nothing of it is changed: it may be anybody's. The supervisor holds the dataset's lock. Raises DatasetProblem.
    """
    channel.progress("checking the dataset")
    root = Path(request.dataset_root)
    if resumed is not None:
        return _again(request, resumed)
    survey, matched, chosen = choose_episodes(request)
    episodes = chosen.episodes
    try:
        features: dict[str, dict[str, Any]] = survey.info["features"]
        names = value_names(features)
        pose = start_pose(root, episodes, names.get(JOINTS, ()))
        recorders = {matched.marks[index].session for index in episodes if index in matched.marks}
        calibrations = {session: arms for session, arms in read_calibrations(root).items() if session in recorders}
        rows = rows_of(root, survey.episodes)
    except (OSError, pa.ArrowException) as error:
        raise _cannot_be_read(request, error) from error
    notes = _notes(matched, root, request)
    return Demonstrations(
        root=root,
        episodes=episodes,
        total=survey.episodes,
        names=names,
        start_pose=pose,
        calibrations=calibrations,
        left_out=chosen.left_out,
        notes=notes,
        contents=survey.contents,
        rows=rows,
        videos=pictures_of(root, episodes, request.exclude_cameras),
    )


def _again(request: TrainRequest, resumed: Training) -> Demonstrations:
    """What the training learnt from before, whatever was marked since; held-out episodes are LeRobot's to choose."""
    started = resumed.started
    try:
        survey = _readable(Path(request.dataset_root), request.dataset, started.excluded_cameras)
        contents, rows = survey.contents, rows_of(survey.root, survey.episodes)
    except (OSError, pa.ArrowException) as error:
        raise _cannot_be_read(request, error) from error
    kept = read_provenance(Path(resumed.resumed[-1].checkpoint) / PRETRAINED)
    return Demonstrations(
        root=survey.root,
        episodes=started.episodes,
        total=survey.episodes,
        names=kept.names,
        start_pose=kept.start_pose,
        calibrations=kept.calibrations,
        left_out=tuple(group for group in started.left_out if group.why is not Why.HELD_OUT),
        notes=started.notes,
        contents=contents,
        rows=rows,
        videos=pictures_of(survey.root, kept.contents or range(survey.episodes), started.excluded_cameras),
    )


def choose_episodes(request: TrainRequest) -> tuple[Survey, Matched, Chosen]:
    """The dataset, its marks, and the episodes that the request leaves in. Raises DatasetProblem."""
    try:
        survey = _readable(Path(request.dataset_root), request.dataset, request.exclude_cameras)
        matched = _marks_of(survey, request.dataset)
        return survey, matched, _chosen(matched, request)
    except (OSError, pa.ArrowException) as error:
        raise _cannot_be_read(request, error) from error


def _cannot_be_read(request: TrainRequest, error: Exception) -> DatasetProblem:
    return DatasetProblem(f"dataset {request.dataset} cannot be read: {error}")


def _chosen(matched: Matched, request: TrainRequest) -> Chosen:
    """The episodes to train on; the marks may have changed since the request. Raises DatasetProblem without any."""
    known = Recorded.of(matched)
    chosen = choose(known, Wanted.of(request))
    if chosen.episodes:
        return chosen
    if not matched.episodes:
        raise DatasetProblem(f"dataset {request.dataset} cannot be trained on: it holds no episode")
    if not matched.accepted():
        reason = f"none of its {matched.episodes} episodes is accepted"
        raise DatasetProblem(f"dataset {request.dataset} cannot be trained on: {reason}")
    raise DatasetProblem(nothing_left(request.dataset, known, chosen))


def _readable(root: Path, name: str, without: Collection[str]) -> Survey:
    """The survey of a dataset that LeRobot can read as it lies there. Raises DatasetProblem.

    The videos of the cameras `without` are not looked at.
    """
    survey = Survey(root, without)
    if survey.beyond:
        raise DatasetProblem(survey.gap())
    if why := survey.unreadable():
        gone = ",".join((*without, *survey.lost_cameras))
        instead = f" (or leave its camera out: --exclude-cameras {gone})" if survey.lost_cameras else ""
        raise DatasetProblem(
            f"dataset {name} cannot be trained on: {why}{instead}. A training changes nothing in it; if a recording "
            f"ended badly, `lab-console dataset {name} --repair` keeps the whole episodes and sets the rest aside"
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
    without: tuple[LeftOut, ...],
    inputs: Mapping[str, Any],
    left_out: tuple[str, ...],
) -> Provenance:
    """What the console keeps beside each checkpoint.

    `meta` is LeRobot's LeRobotDatasetMetadata, `episodes` those that are trained on (LeRobot may hold some out),
    `without` all others, `inputs` the policy's features, `left_out` the dataset's cameras that are not among them.
    """
    tasks = meta.episodes["tasks"]
    used = sorted({*episodes, *(index for group in without if group.why is Why.HELD_OUT for index in group.episodes)})
    return Provenance(
        session=run.id,
        dataset=request.dataset,
        dataset_root=str(demonstrations.root),
        tasks=tuple(dict.fromkeys(task for i in episodes for task in tasks[i])),
        fps=int(meta.fps),
        robot_type=meta.robot_type or "",
        names={key: values for key, values in demonstrations.names.items() if key in inputs or key == ACTION},
        cameras=tuple(camera_name(key) for key, feature in inputs.items() if feature.type.value == "VISUAL"),
        camera_sizes={camera_name(k): size for k in meta.camera_keys if (size := picture_size(meta.features[k]))},
        excluded_cameras=left_out,
        episodes=episodes,
        left_out=without,
        start_pose=demonstrations.start_pose,
        calibrations=demonstrations.calibrations,
        contents={index: demonstrations.contents.get(index, "") for index in used},
        rows={index: demonstrations.rows.get(index, "") for index in used},
        videos={
            camera: {index: digests.get(index, "") for index in used}
            for camera, digests in demonstrations.videos.items()
            if camera not in left_out
        },
    )


def lineage_of(kept: Provenance, config: Mapping[str, Any], resumed: Training | None = None) -> Lineage:
    """The fingerprints of what a training begins with; `config` is LeRobot's, as it was resolved."""
    policy = config.get("policy") or {}
    return Lineage(
        policy=resumed.started.lineage.policy if resumed else _policy_at(policy.get("pretrained_path")),
        data=revision(kept.rows, kept.videos, kept.fps, kept.episodes),
        configuration=configuration(config),
        calibration=calibration(kept.calibrations),
    )


def _policy_at(path: object) -> str:
    """The fingerprint of a policy on this disk; empty for none, or one that LeRobot fetches."""
    try:
        return fingerprint(Path(str(path))) if path and Path(str(path)).is_dir() else ""
    except OSError:  # LeRobot says why it cannot be read
        return ""
