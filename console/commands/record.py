"""`lab-console record`: demonstrations without a screen."""

from __future__ import annotations

import argparse
import asyncio
import sys
import termios
import time

from console.commands.calibration import answered, hints
from console.commands.drive import drive, still_running_hint
from console.commands.exits import READY_PATIENCE_S, fold, report_lost, run_to_end
from console.commands.interrupts import Interrupts
from console.exit import BAD_USAGE, FAILED, OK, complain
from services.bench.profiles import apply_settings, load_benches
from services.folders import DataFolder, RunFolder, data_folder
from services.live import intents
from services.live.client import Client
from services.live.link import LinkLost
from services.live.phases import Phase
from services.live.reasons import AlarmSource
from services.live.snapshots import Snapshot
from services.recording import plan as recording

LOST_IN_A_ROW = 2
"""Takes that are lost one after the other before the verb gives up: the next one would be, too."""
ENDING = "ending: the arm holds, the take is saved, then it goes to rest"


def record(options: argparse.Namespace) -> int:
    """Record without a screen. Takes start by themselves on the simulated bench, by Enter at a robot."""
    folder, profile = data_folder(options.data_dir), load_benches().pick(options.bench)
    profile, settings = apply_settings(profile, options.settings)
    request = recording.plan(
        folder,
        profile,
        dataset=options.dataset,
        task=options.task,
        operator=options.operator or next(iter(profile.operators), ""),
        strategy=options.strategy,
        episodes=options.episodes,
        episode_seconds=options.episode_seconds,
        reset_seconds=options.reset_seconds,
        fps=options.fps,
        resume=options.resume,
        seed=options.seed,
        lockstep=options.lockstep,
        settings=settings,
    )
    by_key = not profile.simulated
    if by_key and not sys.stdin.isatty():
        complain("at a robot every take starts by a key: run this on a terminal, or use the console")
        return BAD_USAGE
    return run_to_end(_record(folder, recording.begin(folder, answered(request, options)), by_key=by_key))


async def _record(folder: DataFolder, run: RunFolder, *, by_key: bool) -> int:
    async def takes(client: Client, interrupts: Interrupts) -> str:
        return await _takes(client, interrupts, by_key=by_key)

    try:
        driven = await drive(run, takes, name="lab-console record", ending=ENDING)
    except (LinkLost, TimeoutError) as error:
        return report_lost(run, error)
    await fold(folder)
    state = driven.state
    if not driven.succeeded:
        complain(f"session {run.id} {state.status.value}: {state.accepted} accepted; {driven.reason}")
        if hint := still_running_hint(run, driven):
            complain(hint)
        for hint in hints(state):
            complain(hint)
        return FAILED
    print(f"session {run.id} finished: {state.accepted} accepted, {state.rejected} rejected, {state.flagged} flagged")
    return OK


async def _takes(client: Client, interrupts: Interrupts, *, by_key: bool) -> str:
    """Drive the session until the target is reached; returns an error message, or an empty string."""
    while client.snapshot.running and not client.snapshot.reached and not interrupts.asked:
        state = client.snapshot
        if problem := _dataset_problem(state):
            return problem
        if state.phase is Phase.IDLE or state.phase in (Phase.READY, Phase.RESET):
            waits = by_key or state.phase is not Phase.IDLE
            if waits and not await _until_scene_is_reset(client, by_key=by_key):
                return "the terminal gives no more input, and every take starts by a key"
            done = recording.start_or_end_take(client)
            answer = await done if done else None
            if answer is not None and not answer.ok:
                return answer.error
            await _until_started(client, state)
        elif state.phase is Phase.HELD:
            return f"the arm holds: {state.held}"
        else:
            await _until_phase_changes(client, state.phase)
        await _until_saved(client)
        if lost := _lost_in_a_row(client.snapshot):
            return f"{LOST_IN_A_ROW} takes in a row could not be saved: {lost}"
    return ""


def _lost_in_a_row(state: Snapshot) -> str:
    """Why the last takes could not be saved, if all of the last LOST_IN_A_ROW were lost; otherwise empty."""
    lost = {entry.take: entry.reason for entry in state.lost}
    last = [lost.get(take, "") for take in range(state.take, state.take - LOST_IN_A_ROW, -1)]
    return last[0] if all(last) and not state.unsaved_take else ""


def _dataset_problem(state: Snapshot) -> str:
    """Why no take can be recorded at all, known before the arm moves; empty later: a take may fail, the next not."""
    if state.phase is not Phase.IDLE or state.take:
        return ""
    return next((alarm.text for alarm in state.alarms if alarm.source == AlarmSource.DATASET), "")


async def _until_started(client: Client, before: Snapshot) -> None:
    """In lockstep a take may be over before anybody looks at its phase: then it is saved, or lost."""

    def started(state: Snapshot) -> bool:
        taken = (len(state.episodes), len(state.lost))
        return state.phase is not before.phase or taken != (len(before.episodes), len(before.lost))

    await client.until(started, READY_PATIENCE_S)


async def _until_phase_changes(client: Client, phase: Phase) -> None:
    await client.until(lambda s: s.phase is not phase)


async def _until_saved(client: Client) -> None:
    await client.until(lambda s: not s.unsaved_take or not s.running, 150)


async def _until_scene_is_reset(client: Client, *, by_key: bool) -> bool:
    """Wait for the operator's Enter at a robot, for the reset time on the simulated bench. False at the input's end."""
    started = client.snapshot.started
    if by_key:
        take = intents.next_take(client.snapshot)
        print(f"press Enter to {'align the arms' if client.snapshot.phase is Phase.IDLE else f'start take {take}'}")
        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # discard what was typed before the prompt
        return bool(await _line())
    if started and not started.request.lockstep and client.snapshot.phase is Phase.RESET:
        left = started.request.reset_seconds - (time.time() - client.snapshot.phase_since)
        await asyncio.sleep(max(0.6, left))
    return True


async def _line() -> str:
    """A line from the terminal; empty at its end. No thread waits for it, which could not be left behind."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()
