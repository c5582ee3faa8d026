"""`lab-console preflight`: does this policy belong on this bench, now? It looks, and moves nothing."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext, redirect_stdout

import msgspec

from console.commands.cameras import asked_cameras, print_table
from console.commands.exits import fold, report_lost, run_to_end
from console.commands.following import following
from console.commands.interrupts import Interrupts
from console.commands.printer import Printer
from console.exit import FAILED, OK, complain
from services.bench.profiles import load_benches
from services.evaluation import plan as evaluation
from services.folders import DataFolder, RunFolder, data_folder
from services.live.client import START_PATIENCE_S
from services.live.link import LinkLost
from services.live.preflight_table import in_brief
from services.live.preflights import newest
from services.live.snapshots import Snapshot
from services.text import clean, escape_json
from sessions.facts import PreflightMade
from sessions.models import SessionStatus
from sessions.preflight import bad, worst

PATIENCE_S = 600.0
"""A large policy on a cold disk."""


def preflight(options: argparse.Namespace) -> int:
    """Make an evaluation's preflight without the evaluation; 1 where something is bad, or it could not be made."""
    with redirect_stdout(sys.stderr) if options.json else nullcontext():
        state = _made(options)
    made = newest(state.preflights)
    if made is None or state.status is not SessionStatus.FINISHED:
        return FAILED
    if options.json:
        print(_as_json(state, made))
    return FAILED if bad(made.checks) else OK


def _made(options: argparse.Namespace) -> Snapshot:
    """The state in which its session ended. Raises Refusal."""
    folder, profile = data_folder(options.data_dir), load_benches().pick(options.bench)
    request = evaluation.plan(
        folder,
        profile,
        checkpoint=options.checkpoint,
        task=options.task,
        operator=options.operator or next(iter(profile.operators), ""),
        **asked_cameras(folder, profile, options),
    )
    request = evaluation.look_only(request)
    print_table(request, profile)
    ended: list[Snapshot] = []
    run_to_end(_look(folder, evaluation.begin(folder, request), ended))
    return ended[0] if ended else Snapshot()


async def _look(folder: DataFolder, run: RunFolder, ended: list[Snapshot]) -> int:
    printer = Printer()
    try:
        async with following(run, printer, name="lab-console preflight") as client:
            interrupts = Interrupts(client, ending="ending: nothing was moved", say=printer.say)
            try:
                await client.attach(START_PATIENCE_S)
                state = await client.until(lambda s: not s.running, PATIENCE_S)
            finally:
                interrupts.close()
    except (LinkLost, TimeoutError) as error:
        return report_lost(run, error)
    ended.append(state)
    await fold(folder)
    if state.status is not SessionStatus.FINISHED:
        complain(state.end_reason)
        return FAILED
    print(clean(f"session {run.id}: {state.end_reason}"), flush=True)
    return OK


def _as_json(state: Snapshot, made: PreflightMade) -> str:
    """What it found, for programs."""
    found = {
        "session": state.started.id if state.started else "",
        "result": worst(check.level for check in made.checks),
        "brief": in_brief(made.checks),
        "seconds": made.seconds,
        "checks": made.checks,
    }
    return escape_json(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
