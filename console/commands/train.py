"""`lab-console train`: start a training and follow it to its end."""

from __future__ import annotations

import argparse

from console.commands.exits import fold, report_lost, run_to_end, show_log
from console.commands.following import following
from console.commands.interrupts import Interrupts
from console.commands.printer import Printer
from console.exit import BAD_USAGE, FAILED, OK, complain
from services.bench.profiles import load_benches
from services.datasets.care import offer
from services.folders import DataFolder, RunFolder, data_folder
from services.live.client import START_PATIENCE_S
from services.live.link import LinkLost
from services.live.snapshots import Snapshot
from services.refusal import Refusal
from services.text import clean
from services.training import plan as training
from sessions.models import SessionStatus

ENDING = "stopping: a checkpoint is saved after this step"


def train(options: argparse.Namespace) -> int:
    """Start a training and follow it; it outlives this terminal."""
    folder, profile = data_folder(options.data_dir), load_benches().pick(options.bench)
    try:
        request = training.plan(
            folder,
            dataset=options.dataset,
            policy=options.policy,
            steps=options.steps,
            batch_size=options.batch_size,
            log_freq=options.log_freq,
            save_freq=options.save_freq,
            exclude_cameras=[name for part in options.exclude_cameras for name in part.split(",") if name.strip()],
            settings=options.settings,
            operator=options.operator or next(iter(profile.operators), ""),
            name=options.name,
            plugins=profile.plugins,
            shared=profile.share_runs,
        )
    except Refusal as refusal:
        complain(refusal)
        return BAD_USAGE
    for line in _marks_elsewhere(folder, request.dataset):
        print(clean(line), flush=True)
    return run_to_end(_train(folder, training.begin(folder, request)))


def _marks_elsewhere(folder: DataFolder, dataset: str) -> list[str]:
    """That every episode counts although other datasets have marks of them, as the form says it."""
    found = offer(folder, dataset)
    if found is None:
        return []
    carries = "" if found.dispute else f"; `lab-console dataset {dataset} --carry-marks` carries them over"
    return [f"note: dataset {dataset} has no marks, so every episode counts: {found.sentence}{carries}"]


async def _train(folder: DataFolder, run: RunFolder) -> int:
    """Follow without driving, so that a console that attaches may stop the training."""
    printer = Printer()
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
    code = _outcome(run, client.snapshot)
    return FAILED if interrupts.asked else code  # what follows `&&` must not run on half a training


def _outcome(run: RunFolder, state: Snapshot) -> int:
    if state.status is SessionStatus.FINISHED:
        print(f"session {run.id} finished: {state.end_reason}{_result(state)}")
        return OK
    kept = f"; kept: {_newest(state)}" if _newest(state) else ""
    complain(f"session {run.id} {state.status.value}: {state.end_reason}{kept}")
    if state.status is SessionStatus.CRASHED:
        show_log(run)
    return FAILED


def _result(state: Snapshot) -> str:
    """The loss and the newest checkpoint's path."""
    newest = _newest(state)
    loss = state.training.metrics.get("loss") if state.training else None
    return f"{'' if loss is None else f'; loss {loss:.3g}'}; checkpoint {newest}" if newest else ""


def _newest(state: Snapshot) -> str:
    """The newest checkpoint's path; empty without one."""
    return state.training.checkpoints[-1].path if state.training and state.training.checkpoints else ""
