"""Planning, starting and stopping a training, for the Train screen and `lab-console train`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from services.checkpoints import checkpoint as checkpoints
from services.datasets.cameras import UnknownCamera, find_cameras
from services.datasets.matching import EVERY_EPISODE_COUNTS, why_doubtful
from services.datasets.names import check_dataset_name, check_path
from services.datasets.summary import DatasetSummary, summarize
from services.folders import DataFolder, RunFolder
from services.live import protocol
from services.live.launch import launch
from services.live.link import Answered, Link
from services.live.requests import TrainRequest, read_request
from services.live.running import live_runs
from services.refusal import Refusal, check_number
from services.training import policies
from services.training.camera_fit import check_cameras
from services.units import plural

LONGEST_LOG, LONGEST_SAVE = 200, 20_000
"""The most steps between two log points, and between two checkpoints: LeRobot's defaults."""

_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_OURS = {
    "dataset.repo_id": "use --dataset",
    "dataset.root": "use --dataset",
    "dataset.episodes": "the accepted episodes are used; accept and reject them instead",
    "output_dir": "use --name",
    "policy": "use --policy",
    "policy.type": "use --policy",
    "policy.path": "use --policy",
    "policy.pretrained_path": "use --policy",
    "policy.input_features": "use --exclude-cameras",
    "policy.output_features": "they follow from the dataset",
    "steps": "use --steps",
    "batch_size": "use --batch-size",
    "log_freq": "use --log-freq",
    "save_freq": "use --save-freq",
    "save_checkpoint": "every training keeps its checkpoints",
    "resume": "start a new one from a checkpoint with --policy PATH",
    "config_path": "give its keys with --set",
    "checkpoint_path": "start a new one from a checkpoint with --policy PATH",
}
"""Keys of LeRobot's TrainPipelineConfig that the console sets itself, and what to do instead."""


def plan(
    folder: DataFolder,
    *,
    dataset: str,
    policy: str,
    steps: int,
    batch_size: int = 8,
    log_freq: int | None = None,
    save_freq: int | None = None,
    exclude_cameras: Sequence[str] = (),
    settings: Sequence[str] = (),
    operator: str = "",
    name: str = "",
    plugins: Collection[str] = (),
    shared: bool = False,
) -> TrainRequest:
    """A checked request. Raises Refusal with the reason.

    If `log_freq` and `save_freq` are None, about a hundred points are logged and five checkpoints saved, and never
    fewer than with LeRobot's defaults. `plugins` are what a pretrained policy may run besides LeRobot's own code.
    """
    summary = _dataset(folder, dataset.strip())
    _check_numbers(steps=steps, batch_size=batch_size, log_freq=log_freq, save_freq=save_freq)
    chosen, short = _policy(folder, policy.strip(), plugins)
    left_out = _cameras_left_out(summary, exclude_cameras)
    check_cameras(chosen, policies.known(), summary.features, left_out)
    return TrainRequest(
        data_dir=str(folder.root),
        dataset=dataset.strip(),
        policy=chosen,
        name=_name(folder, name.strip(), f"{short}_{summary.root.name}"),
        steps=steps,
        batch_size=batch_size,
        log_freq=min(LONGEST_LOG, max(1, steps // 100)) if log_freq is None else log_freq,
        save_freq=min(LONGEST_SAVE, max(1, steps // 5)) if save_freq is None else save_freq,
        exclude_cameras=left_out,
        settings=tuple(_setting(text) for text in settings),
        operator=operator,
        plugins=tuple(plugins),
        shared=shared,
    )


def episodes_used(summary: DatasetSummary) -> str:
    """How many of the dataset's episodes a training would use: `79 of 81 episodes, 2 rejected left out`."""
    if not summary.marked:
        return f"{plural(summary.episodes, 'episode')}, {EVERY_EPISODE_COUNTS}"
    used = plural(summary.episodes, "episode")
    if summary.rejected:
        used = f"{summary.accepted} of {used}, {summary.rejected} rejected left out"
    unmarked = summary.episodes - summary.marked
    return f"{used}; {unmarked} without a mark count" if unmarked else used


def begin(folder: DataFolder, request: TrainRequest) -> RunFolder:
    """Start the training worker. Raises FolderProblem if the data folder cannot be written."""
    folder.create()
    return launch(folder, request)


def stop(link: Link) -> Answered:
    """Ask the training to save a checkpoint after its current step and then end."""
    return link.send(protocol.Finish())


# -- checks -----------------------------------------------------------------------------------------


def _dataset(folder: DataFolder, name: str) -> DatasetSummary:
    try:
        check_path(folder.root)
        check_dataset_name(name)
    except ValueError as error:
        raise Refusal(str(error)) from error
    summary = summarize(folder.datasets / name, name)
    if not summary.root.is_dir():
        raise Refusal(f"there is no dataset {name} in {folder.datasets}; `lab-console record` makes one")
    if summary.problem:
        raise Refusal(f"dataset {name} cannot be trained on: {summary.problem}")
    if summary.doubtful:
        raise Refusal(f"dataset {name}: {why_doubtful(name, summary.doubtful)}")
    if not summary.episodes:
        raise Refusal(f"dataset {name} holds no episode yet: record some first")
    if not summary.accepted:
        raise Refusal(f"none of the {summary.episodes} episodes of dataset {name} is accepted: accept some first")
    return summary


def _check_numbers(**numbers: int | None) -> None:
    least = {"save_freq": 0}  # 0: a checkpoint at the end only
    for name, value in numbers.items():
        if value is not None:
            check_number(name.replace("_", " "), value, least.get(name, 1))


def _policy(folder: DataFolder, policy: str, plugins: Collection[str]) -> tuple[str, str]:
    """The policy to train (a type, a Hub id, or the pretrained_model folder of a path) and a short name for it."""
    types = policies.known()
    if not policy:
        raise Refusal(f"a policy is needed: {', '.join(types)}, or the path or Hub id of a pretrained one")
    if policy in types:
        _check_installed(policy)
        return policy, policy
    path = Path(policy).expanduser()
    for candidate in (path, folder.root / policy):
        if candidate.exists():
            return _pretrained(candidate, plugins)
    if path.is_absolute() or policy.startswith(".") or policy.count("/") > 1:
        raise Refusal(f"there is no pretrained policy at {policy}")
    if "/" in policy or policies.plugins():
        return policy, re.sub(r"[^A-Za-z0-9._-]", "", policy.rpartition("/")[2]).lstrip(".-") or "policy"
    near = difflib.get_close_matches(policy, types, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it knows {', '.join(types)}"
    raise Refusal(f"LeRobot knows no policy {policy!r}: {hint}")


def _check_installed(policy: str) -> None:
    if extra := policies.missing_extra(policy):
        raise Refusal(f"policy {policy} needs packages that are not installed: {policies.install_command(extra)}")


def _pretrained(path: Path, plugins: Collection[str]) -> tuple[str, str]:
    try:
        found = checkpoints.read(path, plugins)
    except checkpoints.CheckpointProblem as problem:
        raise Refusal(str(problem)) from problem
    _check_installed(found.policy)
    return str(found.path), found.policy


def _name(folder: DataFolder, name: str, default: str) -> str:
    """`name`, which must be free, or if it is empty, the default made unique."""
    taken = _names_taken(folder)
    if name:
        if not _NAME.fullmatch(name):
            raise Refusal(f"{name!r} cannot name a training: use letters, digits, dot, dash and underscore")
        if name in taken:
            raise Refusal(f"a training {name} exists: choose another name")
        return name
    number, free = 1, default[:88]
    while free in taken:
        number += 1
        free = f"{default[:88]}-{number}"
    return free


def _names_taken(folder: DataFolder) -> set[str]:
    """Names of training folders, and of running trainings, whose folders may not exist yet."""
    names = {p.name for p in folder.trainings.glob("*")}
    for run in live_runs(folder):
        with suppress(OSError, msgspec.MsgspecError):
            request = read_request(run)
            if isinstance(request, TrainRequest):
                names.add(request.name)
    return names


def _cameras_left_out(summary: DatasetSummary, cameras: Sequence[str]) -> tuple[str, ...]:
    try:
        chosen = find_cameras(summary.cameras, cameras)
    except UnknownCamera as unknown:
        raise Refusal(f"dataset {summary.name} has {unknown}") from unknown
    if chosen and len(chosen) == len(summary.cameras):
        raise Refusal(f"all cameras ({', '.join(summary.cameras)}) would be left out: keep at least one")
    return chosen


def _setting(text: str) -> str:
    """`KEY=VALUE`, with a well-formed key that the console does not set itself."""
    key, equals, value = text.strip().lstrip("-").partition("=")
    key = key.strip()
    if not equals or not _KEY.fullmatch(key):
        raise Refusal(f"--set {text!r}: write KEY=VALUE with a key of LeRobot's training configuration")
    ours = next((o for o in _OURS if key == o or (o != "policy" and key.startswith(f"{o}."))), "")
    instead = _OURS.get(ours)
    if key.split(".")[0] in ("job", "reward_model"):
        instead = "this console trains policies on this machine only"
    if instead is not None:
        raise Refusal(f"--set {key}: the console sets that itself ({instead})")
    return f"{key}={value.strip()}"
