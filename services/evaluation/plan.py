"""Planning, starting and driving an evaluation, for the Evaluate screen and `lab-console eval`."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from services.arm_commands import send
from services.bench.profiles import FASTEST_HZ, Profile
from services.bench.robots import known_pictures, known_values
from services.checkpoints.checkpoint import Checkpoint, CheckpointProblem, resolve
from services.checkpoints.compatibility import Fit, fit_known
from services.checkpoints.weights import weights_of
from services.checkpoints.wiring import wired
from services.datasets.names import LONGEST_NAME, ROLLOUT, check_path, check_rollout_name
from services.datasets.place import check_writable
from services.datasets.summary import summarize
from services.evaluation import early, resets
from services.evaluation.cameras import arrange
from services.evaluation.comparison import check_unlike, chosen, drawn, in_order, names, usual_trials
from services.evaluation.failure_modes import learnt, offered
from services.evaluation.inference_place import check_place
from services.evaluation.second_judge import with_second
from services.folders import DataFolder, RunFolder
from services.live import intents
from services.live.launch import launch
from services.live.link import Answered, Link
from services.live.requests import ORACLE, EvalRequest
from services.log.problem import LogbookProblem
from services.log.table.recent import of_kind
from services.refusal import MOST_SEED, Checks, Refusal, check_number
from services.text import brief
from sessions.models import SessionKind, Verdict
from sessions.resets import Reset

LONGEST_COUNTDOWN_S = 60.0


@dataclass(frozen=True)
class Inspection:
    """A checkpoint checked against lab.toml: the checkpoint, or the problem with it.

    `task` is the first task that it was trained on, by its name on this bench if it has one. `opened` is the bench with
    the cameras that are opened; None without a checkpoint.
    """

    checkpoint: Checkpoint | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()
    task: str = ""
    further: tuple[Checkpoint, ...] = ()
    """Those that it is compared with."""
    opened: Profile | None = None


def plan(
    folder: DataFolder,
    profile: Profile,
    *,
    checkpoint: str,
    task: str,
    trials: int | None = None,
    trial_seconds: float | None = None,
    countdown: float | None = None,
    operator: str = "",
    judge: str = "",
    second_judge: str = "",
    condition: str = "",
    seed: int | None = None,
    lockstep: bool = False,
    dataset: str = "",
    server: str = "",
    server_path: str = "",
    rtc: bool = False,
    camera_map: str = "",
    left_out_cameras: str = "",
    conditions: str = "",
    order: str = "",
    order_seed: int | None = None,
    reset: Reset = Reset.RETURN,
    direct_reset: bool = False,
    confirm_preflight: bool = False,
    blinded: bool = False,
    sequential: str = "",
    checks: Checks | None = None,
) -> EvalRequest:
    """A checked request; arguments that are None take defaults from `usual_trials` and the profile.

    Raises Refusal with the reason. `checks` that collect let a form know everything that would be refused; the request
    is then only looked at. `camera_map` and `left_out_cameras` are as services/evaluation/cameras reads them,
    `conditions` and `order` as services/evaluation/comparison does, `sequential` as services/evaluation/early;
    `checkpoint` may name several, with commas.
    """
    checks = checks or Checks()
    every = checks.run("checkpoint", find_all, folder, checkpoint, profile) or ()
    if blinded and every:
        every = checks.run("blinded", drawn, every, order.strip()) or every
    found = every[0] if every else None
    profile, wiring = arrange(profile, every, camera_map=camera_map, left_out=left_out_cameras, checks=checks)
    request = EvalRequest(
        data_dir=str(folder.root),
        profile=profile,
        checkpoint=str(found.path) if found else "",
        task=profile.task_text(task),
        dataset=dataset.strip() or (rollout_name(folder, *every, blinded=blinded) if found else ""),
        trained_in=found.provenance.session if found else "",
        further_checkpoints=tuple(str(each.path) for each in every[1:]),
        further_trained_in=tuple(each.provenance.session for each in every[1:]),
        conditions=checks.run("conditions", chosen, profile, folder, conditions) or (),
        trials=0 if trials is None else trials,
        trial_seconds=profile.recording.episode_seconds if trial_seconds is None else trial_seconds,
        countdown=countdown or 0.0,
        operator=operator,
        fps=pace(found, profile) if found else profile.recording.fps,
        judge=judge.strip(),
        second_judge=second_judge.strip(),
        condition=condition.strip(),
        seed=seed,
        lockstep=lockstep,
        server=server.strip(),
        server_path=server_path.strip(),
        rtc=rtc,
        wiring=wiring,
        reset=reset,
        direct_reset=direct_reset,
        confirm_preflight=confirm_preflight,
        blinded=blinded,
        sequential=checks.run("sequential", early.asked, sequential),
    )
    for each in every or (None,):
        check_place(request, each, checks)
    if trials is None:
        request = msgspec.structs.replace(request, trials=usual_trials(request.pairs))
    request = checks.run("order", in_order, request, order.strip(), order_seed) or request
    for each in every:
        checks.run("checkpoint", _check_fit, request, wired(each, wiring))
        checks.run("reset", resets.check_start, request, each)
    if found:
        checks.run("dataset", _check_dataset, folder.datasets, request.dataset)
    _check(request, checks)
    return checks.run("second_judge", with_second, folder, request) or request


def look_only(request: EvalRequest) -> EvalRequest:
    """The same for a preflight alone, whose session moves nothing and has neither trials nor a dataset."""
    return msgspec.structs.replace(request, looks_only=True, trials=0, dataset="")


def find(folder: DataFolder, wanted: str, plugins: Collection[str] = ()) -> Checkpoint:
    """The checkpoint that a path or a session's id refers to. Raises Refusal."""
    try:
        return resolve(folder, wanted, plugins)
    except CheckpointProblem as problem:
        raise Refusal(str(problem)) from problem


def find_all(folder: DataFolder, wanted: str, profile: Profile) -> tuple[Checkpoint, ...]:
    """The checkpoints that `wanted` names, separated by commas. Raises Refusal, also for those of different rates."""
    found = tuple(find(folder, name, profile.plugins) for name in names(wanted))
    check_unlike(found, lambda each: pace(each, profile))
    return found


def pace(checkpoint: Checkpoint, profile: Profile) -> int:
    """The control loop's rate in Hz: the rate that the policy was trained at, else the bench's."""
    return checkpoint.provenance.fps or profile.recording.fps


def inspect(folder: DataFolder, profile: Profile, text: str, *, camera_map: str = "", left_out: str = "") -> Inspection:
    """The checkpoint that `text` refers to, and whether its policy fits this bench with these cameras.

    Reads disk, so not on an event loop.
    """
    try:
        found, *further = find_all(folder, text, profile)
    except (Refusal, OSError, ValueError) as problem:
        return Inspection(problem=str(problem))
    task = next(iter(found.provenance.tasks), "")
    named = next((t.name for t in profile.tasks if t.text == task), task)
    checks = Checks(collect=True)  # what is wrong with the cameras is said at their fields
    opened, wiring = arrange(profile, (found, *further), camera_map=camera_map, left_out=left_out, checks=checks)
    found, *further = (wired(each, wiring) for each in (found, *further))
    fits = _fit(found, opened)
    problems = [*fits.problems, *(f"{each.label}: {why}" for each in further for why in _fit(each, opened).problems)]
    return Inspection(found, "; ".join(problems), fits.notes, named, tuple(further), opened)


def _fit(checkpoint: Checkpoint, profile: Profile) -> Fit:
    """How the policy fits the bench as far as lab.toml tells; the worker asks the devices for the rest."""
    if checkpoint.scripted and not profile.simulated:
        return Fit((f"{checkpoint.label} moves the simulated bench only",))
    pictures, values = known_pictures(profile), known_values(profile.robot)
    return fit_known(checkpoint, pictures, values, fps=pace(checkpoint, profile))


def rollout_name(folder: DataFolder, checkpoint: Checkpoint, *further: Checkpoint, blinded: bool = False) -> str:
    """`rollout_<run>_<step>`, with a number appended if that name exists already; `_and_2` for two further ones.

    A blinded evaluation's name has none of them.
    """
    name = ROLLOUT + (re.sub(r"[^A-Za-z0-9._]+", "_", checkpoint.label).strip("._") or "policy")
    name += f"_and_{len(further)}" if further else ""
    name = f"{ROLLOUT}blinded" if blinded else name
    name = re.sub(r"\.{2,}", ".", name)[: LONGEST_NAME - 5].rstrip("._")
    number, unique = 1, name
    while (folder.datasets / unique).exists():
        number += 1
        unique = f"{name}-{number}"
    return unique


def _check_fit(request: EvalRequest, checkpoint: Checkpoint) -> None:
    profile = request.profile
    if problems := _fit(checkpoint, profile).problems:
        raise Refusal(f"{checkpoint.label} does not fit bench {profile.name}: {'; '.join(problems)}")
    if not 0 < request.fps <= FASTEST_HZ:
        raise Refusal(f"{checkpoint.label} learnt at {request.fps} Hz: a control loop runs at 1 to {FASTEST_HZ} Hz")


def _check(request: EvalRequest, checks: Checks) -> None:
    checks.run("task", _check_task, request.task)
    checks.run("trials", check_number, "trials", request.trials, 1)
    checks.run("trial_seconds", check_number, "trial seconds", request.trial_seconds, 2 / max(request.fps, 1))
    checks.run("countdown", check_number, "countdown", request.countdown, 0, LONGEST_COUNTDOWN_S)
    checks.run("seed", check_number, "seed", request.seed or 0, 0, MOST_SEED)
    checks.run("judge", _check_judge, request)
    checks.run("reset", resets.check, request)
    checks.run("sequential", early.check, request)
    checks.run("", _check_lockstep, request)


def _check_task(task: str) -> None:
    if not task:
        raise Refusal("a task is needed: the instruction text that the policy and the dataset get")


def _check_judge(request: EvalRequest) -> None:
    if request.judge not in ("", ORACLE):
        raise Refusal(f"--judge knows {ORACLE} only, not {brief(request.judge)!r}; without it a person judges, by key")
    if request.judge and not request.profile.simulated:
        raise Refusal("the oracle judges on the simulated bench only: use the screen, where a person judges")


def _check_lockstep(request: EvalRequest) -> None:
    profile = request.profile
    if request.lockstep and not profile.simulated:
        raise Refusal("lockstep drives the simulated bench only; leave --lockstep out on hardware")
    if request.lockstep and profile.emulated:
        raise Refusal(f"LeRobot's drivers run in real time: leave --lockstep out at bench {profile.name}, or take sim")


def _check_dataset(datasets: Path, name: str) -> None:
    try:
        check_path(datasets.parent)
        check_rollout_name(name)
    except ValueError as error:
        raise Refusal(str(error)) from error
    if datasets.is_dir():
        check_writable(datasets / name)
    if (datasets / name).exists() and (episodes := summarize(datasets / name).episodes):
        raise Refusal(f"dataset {name} exists with {episodes} episodes; choose another name")


def begin(folder: DataFolder, request: EvalRequest) -> RunFolder:
    """Start the evaluation worker. Raises FolderProblem if the data folder cannot be written, Refusal for a rule.

    Not on an event loop: the rule of a comparison that may end early is made here.
    """
    request = early.fixed(request)
    folder.create()
    if not request.weights:
        with suppress(OSError):  # the worker says what cannot be read
            request = msgspec.structs.replace(request, weights=weights_of(request.checkpoints))
    return launch(folder, with_failure_modes(folder, request))


def with_failure_modes(folder: DataFolder, request: EvalRequest) -> EvalRequest:
    """The request with the failure modes of its digits: its own, or lab.toml's, then those learnt from the log."""
    try:
        log = of_kind(folder, SessionKind.EVAL)
    except (LogbookProblem, OSError):  # those of lab.toml will do
        return request
    own = request.failure_modes or request.profile.failure_modes
    modes = offered(own, learnt(log, request.profile.name, request.task))
    return msgspec.structs.replace(request, failure_modes=modes)


# -- by key --------------------------------------------------------------------------------------------


def start_or_end_trial(link: Link) -> Answered | None:
    """Start the next trial, or end the running one, whichever applies now; None if neither does."""
    return send(link, intents.trial(link.snapshot))


def practise(link: Link) -> Answered | None:
    """Start a trial that does not count; None if none can start."""
    return send(link, intents.practice(link.snapshot))


def look_again(link: Link) -> Answered | None:
    """Make the preflight again; None while it cannot be made."""
    return send(link, intents.preflight(link.snapshot))


def confirm_preflight(link: Link, by: str) -> Answered | None:
    """Let trials begin although the preflight is bad; None if it is not."""
    return send(link, intents.confirm_preflight(link.snapshot, by))


def unblind(link: Link, by: str, reason: str = "") -> Answered | None:
    """Tell what the codes of a blinded evaluation stand for; None where nothing is hidden, or a trial runs."""
    return send(link, intents.unblind(link.snapshot, by, reason))


def judge(link: Link, verdict: Verdict, judge: str) -> Answered | None:
    """Judge the running or the pending trial; None if there is none."""
    return send(link, intents.judge(link.snapshot, verdict, judge))


def undo(link: Link) -> Answered | None:
    """Undo the last verdict; None if the last trial has none, or the next one has begun."""
    return send(link, intents.undo(link.snapshot))


def assist(link: Link) -> Answered | None:
    """Note that a person helped in the running or pending trial, or take that back; None if there is none."""
    return send(link, intents.assist(link.snapshot))


def stage(link: Link, step: int) -> Answered | None:
    """One stage more or fewer of the running or pending trial; None if there is none."""
    return send(link, intents.stage(link.snapshot, step))


def annotate(link: Link, failure_mode: str) -> Answered | None:
    """Set the last trial's failure mode; None if it did not fail, or the next one has begun."""
    return send(link, intents.annotate(link.snapshot, failure_mode))
