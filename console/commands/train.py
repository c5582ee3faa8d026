"""`lab-console train`: start a training and follow it to its end."""

from __future__ import annotations

import argparse
from typing import Any

from console.commands.exits import fold, report_lost, run_to_end, show_log
from console.commands.following import following
from console.commands.interrupts import Interrupts
from console.commands.printer import Printer
from console.commands.training_config import checked, configured
from console.exit import FAILED, OK, STOPPED, complain
from services.bench.profiles import load_benches
from services.checkpoints import hub
from services.datasets.care import offer
from services.folders import DataFolder, RunFolder, data_folder
from services.live.client import START_PATIENCE_S
from services.live.event_log import read_events
from services.live.link import LinkLost
from services.live.requests import TrainRequest
from services.live.snapshots import Snapshot, replay
from services.refusal import Refusal
from services.targets.lab_targets import pick, placed
from services.targets.look import look
from services.targets.ssh import Unreachable
from services.text import clean
from services.training import config_file
from services.training import plan as training
from services.training.initial_weights import check_weights
from services.training.resumable import why_not
from services.units import dimensions, value
from sessions.models import SessionStatus

BATCH_SIZE = 8
ENDING = "stopping: a checkpoint is saved after this step"


def train(options: argparse.Namespace) -> int:
    """Start a training, or go on with one, and follow it; it outlives this terminal."""
    folder = data_folder(options.data_dir)
    if options.resume:
        return _resume(folder, options)
    if options.anyway:
        raise Refusal("--anyway goes with --resume: it accepts that the dataset has changed since")
    if options.check and options.show_config:
        raise Refusal("--check and --show-config each print something else: leave one of them out")
    request, text = _planned(folder, options)
    if options.show_config:
        print(text)
        return OK
    if options.check and options.on:
        raise Refusal("--check measures this machine: leave --on out, or measure there")
    if options.check:
        from console.commands.training_needs import check  # its sentences load textual

        return check(request)
    if not options.on:  # another machine has its own
        check_weights(request)
        if request.push:
            hub.check_upload(request.push)
    for line in _marks_elsewhere(folder, request.dataset):
        print(clean(line), flush=True)
    if request.push:
        print(f"note: after its last step LeRobot uploads the policy to the Hub as {request.push}, private", flush=True)
    if options.on:
        request = _placed(request, options.on)
    return run_to_end(_train(folder, training.begin(folder, request)))


def _placed(request: TrainRequest, name: str) -> TrainRequest:
    """The request of a training on a target, which is called first. Raises Refusal if it does not answer."""
    target = pick(load_benches(), name)
    request = placed(request, target)
    try:
        notes = look(target)
    except Unreachable as reason:
        raise Refusal(str(reason)) from reason
    asleep = [f"it trains on {target.place}, also while this machine sleeps"] if target.followed else []
    for line in (*notes, *asleep):
        print(clean(f"note: {line}"), flush=True)
    return request


def _planned(folder: DataFolder, options: argparse.Namespace) -> tuple[TrainRequest, str]:
    """(the request, LeRobot's configuration as text), the text only where LeRobot had to be asked. Raises Refusal."""
    profile = load_benches().pick(options.bench)
    file = config_file.read(options.config) if options.config else None
    of_file = file.fields if file else {}

    def number(name: str, otherwise: Any = None) -> Any:
        """As the flag has it, else the file."""
        given = getattr(options, name)
        return given if given is not None else of_file.get(name, otherwise)

    if file and file.goes_on and not options.policy:
        complain(f"note: as {file.path} has it, it goes on from {file.policy}; --policy act would begin anew")
    held_out = number("held_out", 0.0)
    request = training.plan(
        folder,
        dataset=_needed("--dataset", options.dataset, "--resume SESSION to go on with a training that has ended"),
        policy=_needed("--policy", options.policy or (file.policy if file else None)),
        steps=_needed("--steps", number("steps")),
        batch_size=number("batch_size", training.BATCH),
        processes=1 if options.processes is None else options.processes,
        push=options.push,
        log_freq=number("log_freq"),
        save_freq=number("save_freq"),
        exclude_cameras=[name for part in options.exclude_cameras for name in part.split(",") if name.strip()],
        resize=options.resize or (dimensions(*file.resize) if file and file.resize else ""),
        exclude_episodes=options.exclude_episodes,
        because=options.because,
        exclude_tags=options.exclude_tags,
        leave_out_flagged=options.leave_out_flagged,
        held_out=held_out,
        held_out_every=number("held_out_every") if held_out else options.held_out_every,
        settings=options.settings,
        operator=options.operator or next(iter(profile.operators), ""),
        name=options.name,
        plugins=profile.plugins,
        shared=profile.share_runs,
    )
    if file or options.show_config:
        return configured(request, file)
    if request.settings or "/" in request.policy:  # its config.json may be of another LeRobot
        checked(request)
    return request, ""


def _needed[Value](flag: str, value: Value | None, instead: str = "--config with a file that has it") -> Value:
    if value is None:
        raise Refusal(f"required: {flag}, or {instead}")
    return value


def _resume(folder: DataFolder, options: argparse.Namespace) -> int:
    """Go on with a training. What was chosen for it stays, so that only its steps can be given."""
    from services.training import resuming
    from services.training.compare_runs import find
    from services.training.history import list_runs

    if given := [name for name, option in FIXED.items() if not is_ungiven(getattr(options, option))]:
        raise Refusal(f"--resume goes on with what was chosen before: leave out {', '.join(given)}")
    found = find(list_runs(folder).runs if folder.root.exists() else (), options.resume, str(folder.root))
    if found.foreign:
        raise Refusal(f"{clean(found.name)} cannot be resumed: {why_not(Snapshot(), foreign=True)}")
    operator = options.operator or next(iter(load_benches().pick(options.bench).operators), "")
    standing = resuming.look(folder, found.id)
    try:
        order = resuming.plan(standing, steps=options.steps, operator=operator, anyway=options.anyway)
    except Refusal as refusal:
        if refusal.argument == "steps":
            raise Refusal(f"--steps: {refusal}") from refusal
        raise
    print(clean(f"resuming {standing.name} at step {standing.step:,} of {order.steps:,}"), flush=True)
    for note in order.notes:
        print(clean(f"note: {note}"), flush=True)
    run = resuming.begin(folder, order)
    return run_to_end(_train(folder, run, seen=replay(read_events(run.events))))


FIXED = {
    "--dataset": "dataset", "--policy": "policy", "--batch-size": "batch_size", "--exclude-cameras": "exclude_cameras",
    "--exclude-episodes": "exclude_episodes", "--because": "because", "--exclude-tag": "exclude_tags",
    "--leave-out-flagged": "leave_out_flagged", "--held-out": "held_out", "--held-out-every": "held_out_every",
    "--resize": "resize", "--save-freq": "save_freq", "--log-freq": "log_freq", "--name": "name", "--set": "settings",
    "--config": "config", "--processes": "processes", "--push": "push", "--show-config": "show_config",
    "--check": "check", "--on": "on",
}  # fmt: skip
"""Options that a training which goes on does not take: it keeps what they were."""


def is_ungiven(value: object) -> bool:
    """Whether an option was not given: one that is 0 was."""
    return value is None or value is False or value in ("", [])


def _marks_elsewhere(folder: DataFolder, dataset: str) -> list[str]:
    """That every episode counts although other datasets have marks of them, as the form says it."""
    found = offer(folder, dataset)
    if found is None:
        return []
    carries = "" if found.dispute else f"; `lab-console dataset {dataset} --carry-marks` carries them over"
    return [f"note: dataset {dataset} has no marks, so every episode counts: {found.sentence}{carries}"]


async def _train(folder: DataFolder, run: RunFolder, seen: Snapshot | None = None) -> int:
    """Follow without driving, so that a console that attaches may stop the training. What was `seen` is not printed."""
    printer = Printer()
    printer.skip(seen or Snapshot())
    async with following(run, printer, name="lab-console train", drive=False) as client:
        interrupts = Interrupts(client, ending=ENDING, say=printer.say, finish=True)
        try:
            await client.attach(START_PATIENCE_S)
            await client.until(lambda s: not s.running)
        except LinkLost as error:
            if client.snapshot.running:  # it lives, but the connection is lost
                return report_lost(run, error)
        finally:
            interrupts.close()
    await fold(folder)
    return outcome(run, client.snapshot)


def outcome(run: RunFolder, state: Snapshot) -> int:
    """Say how the training ended, once; returns the exit status."""
    kept = f"; checkpoint {_newest(state)}" if _newest(state) else ""
    if state.ended is not None and state.ended.not_resumed:
        complain(f"session {run.id} was not resumed: {state.ended.not_resumed}{kept}")
        show_log(run)
        return FAILED
    if state.cut_short:
        complain(f"session {run.id}: {state.end_reason}{kept}")
        return STOPPED
    if state.status is SessionStatus.FINISHED:
        print(f"session {run.id} finished: {state.end_reason}{_loss(state)}{kept}")
        return OK
    complain(f"session {run.id} {state.status.value}: {state.end_reason}{kept}")
    if state.status is SessionStatus.CRASHED:
        show_log(run)
    return FAILED


def _loss(state: Snapshot) -> str:
    loss = state.training.loss if state.training else None
    return "" if loss is None else f"; loss {value(loss)}"


def _newest(state: Snapshot) -> str:
    """The newest checkpoint's path; empty without one."""
    return state.training.checkpoints[-1].path if state.training and state.training.checkpoints else ""
