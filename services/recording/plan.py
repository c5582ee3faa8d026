"""Planning, starting and driving a recording, for the Record screen and `lab-console record`."""

from __future__ import annotations

from typing import Any

from services.arm_commands import send
from services.bench.profiles import FASTEST_HZ, Profile
from services.datasets.names import check_dataset_name, check_path
from services.datasets.place import check_writable
from services.datasets.summary import summarize
from services.folders import DataFolder, RunFolder
from services.live import intents
from services.live.launch import launch
from services.live.link import Answered, Link
from services.live.requests import RecordRequest
from services.recording.resuming import check_resumable
from services.refusal import MOST_SEED, Checks, Refusal, check_number

DATASET_KEYS = ("rgb_encoder", "encoder_threads", "encoder_queue_maxsize")
"""Keys of LeRobot's DatasetRecordConfig (configs/dataset.py) that `--set dataset.*` may set."""
LONGEST_STRATEGY = 40


def plan(
    folder: DataFolder,
    profile: Profile,
    *,
    dataset: str,
    task: str,
    operator: str = "",
    strategy: str = "",
    episodes: int | None = None,
    episode_seconds: float | None = None,
    reset_seconds: float | None = None,
    fps: int | None = None,
    resume: bool = False,
    seed: int | None = None,
    lockstep: bool = False,
    settings: dict[str, Any] | None = None,
    checks: Checks | None = None,
) -> RecordRequest:
    """A checked request; arguments that are None take the profile's values. Raises Refusal with the reason.

    `checks` that collect let a form know everything that would be refused; the request is then only looked at.
    """
    defaults = profile.recording
    request = RecordRequest(
        data_dir=str(folder.root),
        profile=profile,
        dataset=dataset.strip(),
        task=profile.task_text(task),
        operator=operator,
        strategy=" ".join(strategy.split()),
        episodes=defaults.episodes if episodes is None else episodes,
        episode_seconds=defaults.episode_seconds if episode_seconds is None else episode_seconds,
        reset_seconds=defaults.reset_seconds if reset_seconds is None else reset_seconds,
        fps=defaults.fps if fps is None else fps,
        resume=resume,
        seed=seed,
        lockstep=lockstep,
        settings=settings or {},
    )
    _check(folder, request, checks or Checks())
    return request


def _check(folder: DataFolder, request: RecordRequest, checks: Checks) -> None:
    named = checks.run("dataset", _check_name, folder, request.dataset)
    checks.run("fps", check_number, "fps", request.fps, 1, FASTEST_HZ)
    checks.run("episodes", check_number, "episodes", request.episodes, 1)
    checks.run("episode_seconds", check_number, "episode seconds", request.episode_seconds, 2 / max(request.fps, 1))
    checks.run("reset_seconds", check_number, "reset seconds", request.reset_seconds, 0)
    checks.run("seed", check_number, "seed", request.seed or 0, 0, MOST_SEED)
    checks.run("settings", _check_settings, request)
    checks.run("task", _check_task, request.task)
    checks.run("strategy", _check_strategy, request.strategy)
    checks.run("", _check_bench, request)
    if named:
        checks.run("dataset", _check_dataset, folder, request)


def _check_name(folder: DataFolder, name: str) -> bool:
    """Whether a dataset of this name can be written. Raises Refusal if it cannot."""
    try:
        check_path(folder.root)
        check_dataset_name(name)
    except ValueError as error:
        raise Refusal(str(error)) from error
    return True


def _check_settings(request: RecordRequest) -> None:
    unknown = set(request.settings) - set(DATASET_KEYS)
    if unknown:
        raise Refusal(
            f"--set dataset.{sorted(unknown)[0]}: the console sets that itself or has no use for it; "
            f"it takes {', '.join(f'dataset.{key}' for key in DATASET_KEYS)}"
        )


def _check_task(task: str) -> None:
    if not task:
        raise Refusal("a task is needed: the instruction text that goes into the dataset with every frame")


def _check_strategy(strategy: str) -> None:
    if len(strategy) > LONGEST_STRATEGY:
        raise Refusal(
            f"the strategy has {len(strategy)} characters, at most {LONGEST_STRATEGY}: name it, and add a note"
        )


def _check_bench(request: RecordRequest) -> None:
    if not request.profile.teleop:
        raise Refusal(f"bench {request.profile.name} has no [teleop]: recording needs a leader to follow")
    if request.lockstep and not request.profile.simulated:
        raise Refusal("lockstep drives the simulated bench only; leave --lockstep out on hardware")
    if request.lockstep and request.profile.emulated:
        bench = request.profile.name
        raise Refusal(f"LeRobot's drivers run in real time: leave --lockstep out at bench {bench}, or take sim")


def _check_dataset(folder: DataFolder, request: RecordRequest) -> None:
    """Raises Refusal if the dataset cannot be written, or not be continued as requested."""
    root = folder.datasets / request.dataset
    if folder.root.is_dir():
        check_writable(root)
    if not root.exists():
        return
    summary = summarize(root, request.dataset)
    check_resumable(summary, request.profile, request.fps)
    if summary.episodes and not request.resume:
        raise Refusal(
            f"dataset {request.dataset} exists with {summary.episodes} episodes: "
            "append to it (--resume) or choose another name"
        )


def begin(folder: DataFolder, request: RecordRequest) -> RunFolder:
    """Start the recording worker. Raises FolderProblem if the data folder cannot be written."""
    folder.create()
    return launch(folder, request)


def start_or_end_take(link: Link) -> Answered | None:
    """Align, start the next take, or end the running one, whichever applies now; None if none does."""
    return send(link, intents.take(link.snapshot))


def mark_moment(link: Link) -> Answered | None:
    """Mark this moment of the running take; None if none runs."""
    return send(link, intents.moment(link.snapshot))


def toggle_mark(link: Link) -> Answered | None:
    """Reject the running take, or else the last one; a second time undoes it. None before the first take."""
    return send(link, intents.mark(link.snapshot))
