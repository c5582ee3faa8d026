"""`lab-console train`: start a training and follow it to its end."""

from __future__ import annotations

import argparse
import asyncio
import time

from console.commands.exits import START_PATIENCE_S, fold, lost, run_to_end, show_log
from console.commands.interrupts import Interrupts
from console.commands.printer import Printer
from console.exit import BAD_USAGE, FAILED, OK, complain
from services.bench.profiles import load_benches
from services.folders import DataFolder, RunFolder, data_folder
from services.live.event_log import is_live
from services.live.link import Link, LinkLost
from services.live.snapshots import Snapshot
from services.refusal import Refusal
from services.training import plan as training
from services.training import runs as training_runs
from sessions.models import SessionStatus

LEAVING_S = 5.0
ENDING = "stopping: a checkpoint is saved after this step"


def train(options: argparse.Namespace) -> int:
    """Train, and follow it; the training goes on when this terminal goes away."""
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
        )
    except Refusal as refusal:
        complain(refusal)
        return BAD_USAGE
    return run_to_end(_train(folder, training.begin(folder, request)))


async def _train(folder: DataFolder, run: RunFolder) -> int:
    """Follow it without driving: a console that attaches may stop it."""
    printer = Printer()
    link = Link(run, name="lab-console train", drive=False, on_event=lambda _, state: printer.show(state))
    interrupts = Interrupts(link, run, ending=ENDING, say=printer.say, finish=True)
    gone: LinkLost | None = None
    try:
        await link.attach(patience_s=START_PATIENCE_S)
        await link.until(lambda s: not s.running)
    except LinkLost as error:
        gone = error
    finally:
        printer.close()
        interrupts.close()
        await link.close()
    state = await asyncio.to_thread(_end, run)
    if state.running:  # it lives, and does not talk to us any more
        return lost(run, gone or LinkLost("it has not ended"))
    await fold(folder)
    code = _outcome(run, state)
    return FAILED if interrupts.asked else code  # what comes after `&&` does not want half a training


def _end(run: RunFolder) -> Snapshot:
    """How it ended; a worker that was killed lets go of its socket a moment before its events."""
    give_up = time.monotonic() + LEAVING_S
    while is_live(run) and time.monotonic() < give_up:
        time.sleep(0.02)
    return training_runs.final_state(run)[0]


def _outcome(run: RunFolder, state: Snapshot) -> int:
    if state.status is SessionStatus.FINISHED:
        print(f"session {run.id} finished: {state.end_reason}{_result(state)}")
        return OK
    complain(f"session {run.id} {state.status.value}: {state.end_reason}")
    if state.status is SessionStatus.CRASHED:
        show_log(run)
    return FAILED


def _result(state: Snapshot) -> str:
    """The loss, and where the newest checkpoint is."""
    if state.training is None or not state.training.checkpoints:
        return ""
    newest, loss = state.training.checkpoints[-1], state.training.metrics.get("loss")
    return f"{'' if loss is None else f'; loss {loss:.3g}'}; checkpoint {newest.path}"
