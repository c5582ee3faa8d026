"""Planning, starting and stopping a training, for the Train screen and `lab-console train`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path

import msgspec

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints import hub
from services.datasets.cameras import UnknownCamera, camera_keys, find_cameras
from services.datasets.matching import EVERY_EPISODE_COUNTS, why_doubtful
from services.datasets.names import LONGEST_NAME, called, check_dataset_name, check_path
from services.datasets.summary import DatasetSummary, summarize
from services.folders import DataFolder, RunFolder
from services.live import protocol
from services.live.launch import launch
from services.live.link import Answered, Link
from services.live.requests import TrainRequest, read_request
from services.live.running import live_runs
from services.refusal import Checks, Option, Refusal, check_number
from services.training import policies
from services.training import resize as resizing
from services.training.camera_fit import check_cameras, check_seen
from services.training.dataset_fit import check_actions, check_statistics
from services.training.episode_plan import Typed, check_share, measure_every, plan_episodes
from services.training.owned import check_owner
from services.units import plural

LONGEST_LOG, LONGEST_SAVE = 200, 20_000
"""The most steps between two log points, and between two checkpoints: LeRobot's defaults."""
BATCH = 8
"""Frames in a batch: LeRobot's default."""

_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def plan(
    folder: DataFolder,
    *,
    dataset: str,
    policy: str,
    steps: int,
    batch_size: int = BATCH,
    processes: int = 1,
    push: str = "",
    log_freq: int | None = None,
    save_freq: int | None = None,
    exclude_cameras: Sequence[str] = (),
    resize: str = "",
    exclude_episodes: str = "",
    because: str = "",
    exclude_tags: Sequence[str] = (),
    leave_out_flagged: bool = False,
    held_out: float = 0.0,
    held_out_every: int | None = None,
    settings: Sequence[str] = (),
    operator: str = "",
    name: str = "",
    plugins: Collection[str] = (),
    shared: bool = False,
    checks: Checks | None = None,
) -> TrainRequest:
    """A checked request. Raises Refusal with the reason.

    If `log_freq` and `save_freq` are None, about a hundred points are logged and five checkpoints saved, and never
    fewer than with LeRobot's defaults. `resize` is WIDTHxHEIGHT, empty for none. `exclude_episodes` are numbers and
    ranges (`11,26,49-52`), and `because` says why; the loss of the share `held_out` of the others is measured every
    `held_out_every` steps, or at each checkpoint.
    `plugins` are what a pretrained policy may run besides LeRobot's own code.
    `checks` that collect let a form know everything that would be refused; the request is then only looked at.
    """
    checks = checks or Checks()
    summary = checks.run("dataset", _dataset, folder, dataset.strip())
    _check_numbers(
        checks, steps=steps, batch_size=batch_size, processes=processes, log_freq=log_freq, save_freq=save_freq
    )
    chosen, short = checks.run("policy", _policy, folder, policy.strip(), plugins) or ("", "")
    left_out = checks.run("exclude_cameras", _cameras_left_out, summary, exclude_cameras) if summary else None
    if summary and left_out is not None:
        checks.run("exclude_cameras", check_cameras, chosen, policies.known(), summary.features, left_out)
        if not any("rename_map" in setting for setting in settings):  # LeRobot reads that, when it is asked
            checks.run("policy", _check_pretrained, chosen, summary, left_out)
        checks.run("dataset", check_statistics, summary, left_out)
    size = checks.run("resize", _resize, short, resize, summary)
    default = default_name(short, summary.root.name if summary else "")
    saves = default_save_freq(steps) if save_freq is None else save_freq
    share = checks.run("held_out", check_share, held_out) or 0.0
    measures = checks.run("held_out_every", measure_every, share, held_out_every, saves or steps) or 0
    typed = Typed(exclude_episodes, because, exclude_tags, leave_out_flagged, share, left_out or ())
    wanted = plan_episodes(checks, folder, summary, typed)
    return TrainRequest(
        data_dir=str(folder.root),
        dataset=dataset.strip(),
        policy=chosen,
        name=checks.run("name", _name, folder, name.strip(), default) or "",
        steps=steps,
        batch_size=batch_size,
        processes=processes,
        push=checks.run("push", _push, push.strip()) or "",
        log_freq=default_log_freq(steps) if log_freq is None else log_freq,
        save_freq=saves,
        exclude_cameras=left_out or (),
        resize=size,
        exclude_episodes=wanted.by_hand,
        because=wanted.because,
        exclude_tags=wanted.tags,
        tagged_sessions=wanted.tagged,
        leave_out_flagged=wanted.flagged,
        held_out=share,
        held_out_every=measures,
        settings=checks.run("settings", _settings, settings) or (),
        operator=operator,
        plugins=tuple(plugins),
        shared=shared,
    )


def default_log_freq(steps: int) -> int:
    """Steps between two points of the curves: about a hundred points, and never fewer than with LeRobot's default."""
    return min(LONGEST_LOG, max(1, steps // 100))


def default_save_freq(steps: int) -> int:
    """Steps between two checkpoints: five of them, and never fewer than with LeRobot's default."""
    return min(LONGEST_SAVE, max(1, steps // 5))


def default_name(policy: str, dataset: str) -> str:
    """A run's name, before a number makes it unique: `act_pick_place`."""
    return f"{policy}_{dataset}"[:88]


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


def stop(link: Link, by: str = "") -> Answered:
    """Ask the training to save a checkpoint after its current step and then end. `by` is who stops it."""
    return link.send(protocol.Finish(by=by))


# -- checks -----------------------------------------------------------------------------------------


def _dataset(folder: DataFolder, name: str) -> DatasetSummary:
    try:
        check_path(folder.root)
        check_dataset_name(name)
    except ValueError as error:
        raise Refusal(str(error)) from error
    summary = summarize(folder.datasets / name, name)
    if not summary.root.is_dir():
        other = f", `lab-console fetch {name} --from hub` copies one of the Hub" if "/" in name else ""
        raise Refusal(f"there is no dataset {name} in {folder.datasets}; `lab-console record` makes one{other}")
    if summary.problem:
        raise Refusal(f"dataset {name} cannot be trained on: {summary.problem}")
    if summary.doubtful:
        raise Refusal(f"dataset {name}: {why_doubtful(name, summary.doubtful)}")
    if not summary.episodes:
        raise Refusal(f"dataset {name} holds no episode yet: record some first")
    if not summary.accepted:
        raise Refusal(f"none of the {summary.episodes} episodes of dataset {name} is accepted: accept some first")
    check_actions(summary)
    return summary


def _push(repo_id: str) -> str:
    if repo_id and not hub.is_id(repo_id):
        raise Refusal((Option("push", repo_id), ": write OWNER/NAME, the repository of the Hub that gets the policy"))
    return repo_id


def _check_numbers(checks: Checks, **numbers: int | None) -> None:
    least = {"save_freq": 0}  # 0: a checkpoint at the end only
    for name, value in numbers.items():
        if value is not None:
            checks.run(name, check_number, name.replace("_", " "), value, least.get(name, 1))


def _policy(folder: DataFolder, policy: str, plugins: Collection[str]) -> tuple[str, str]:
    """The policy to train (a type, a Hub id, or the pretrained_model folder of a path) and a short name for it."""
    types = policies.known()
    if not policy:
        raise Refusal(f"a policy is needed: {', '.join(types)}, or the path or Hub id of a pretrained one")
    if policy in types:
        _check_installed(policy)
        return policy, policy
    path = checkpoints.home(policy)
    for candidate in (path, folder.root / policy):
        if checkpoints.exists(candidate):
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


def _check_pretrained(policy: str, summary: DatasetSummary, left_out: Collection[str]) -> None:
    """Raises Refusal if the pretrained policy at a path looks at a camera that the dataset does not have."""
    if not Path(policy).is_absolute():
        return
    try:
        found = checkpoints.read(Path(policy))
    except checkpoints.CheckpointProblem:
        return  # another check says so
    keys = camera_keys(summary.features)
    unread = {keys[name] for name in left_out}
    pictures = [k for k, each in found.inputs.items() if each.type == "VISUAL" and not checkpoints.EMPTY.fullmatch(k)]
    cameras = {name: key for name, key in keys.items() if name not in left_out}
    seen = [key for key in pictures if key not in unread]
    check_seen(found.label, found.policy, seen, cameras, dataset=summary.name)


def _name(folder: DataFolder, name: str, default: str) -> str:
    """`name`, which must be free, or if it is empty, the default made unique."""
    taken = names_taken(folder)
    if name:
        if not _NAME.fullmatch(name):
            strange = next((c for c in name if not re.match(r"[A-Za-z0-9._-]", c)), "")
            why = f"the name contains {called(strange)}" if strange else "the name begins with a sign, or is too long"
            raise Refusal(f"{why}: use letters, digits, dot, dash and underscore, {LONGEST_NAME} at most")
        if name in taken:
            raise Refusal(f"a training {name} exists: choose another name")
        return name
    return free_name(default, taken)


def free_name(name: str, taken: Collection[str]) -> str:
    """`name`, or with a number that makes it another than those that are `taken`."""
    numbered = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(free for free in numbered if free not in taken)


def names_taken(folder: DataFolder) -> set[str]:
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


def _resize(policy: str, text: str, summary: DatasetSummary | None) -> tuple[int, int] | None:
    """The size that pictures are brought to. Raises Refusal if there are none, or the policy takes no other size."""
    size = resizing.parse(text)
    resizing.check(policy, size)
    if size and summary and not summary.cameras:
        raise Refusal(f"dataset {summary.name} has no pictures to resize: leave the resize out")
    return size


def _settings(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(_setting(text) for text in texts)


def _setting(text: str) -> str:
    """`KEY=VALUE`, with a well-formed key that the console does not set itself."""
    key, equals, value = text.strip().lstrip("-").partition("=")
    key = key.strip()
    if not equals or not _KEY.fullmatch(key):
        raise Refusal(
            (Option("settings", repr(text)), ": write KEY=VALUE with a key of LeRobot's training configuration")
        )
    check_owner(key)
    return f"{key}={value.strip()}"
