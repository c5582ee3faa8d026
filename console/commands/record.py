"""`lab-console record`: demonstrations without a screen."""

from __future__ import annotations

import argparse
import asyncio
import sys
import termios
import time

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
from services.recording import plan as recording
from services.refusal import Refusal

ENDING = "ending: the arm holds, the take is saved, then it goes to rest"


def record(options: argparse.Namespace) -> int:
    """Record without a screen. Takes start by themselves on the simulated bench, by Enter at a robot."""
    folder, profile = data_folder(options.data_dir), load_benches().pick(options.bench)
    profile, settings = apply_settings(profile, options.settings)
    try:
        request = recording.plan(
            folder,
            profile,
            dataset=options.dataset,
            task=options.task,
            operator=options.operator or next(iter(profile.operators), ""),
            episodes=options.episodes,
            episode_seconds=options.episode_seconds,
            reset_seconds=options.reset_seconds,
            fps=options.fps,
            resume=options.resume,
            seed=options.seed,
            lockstep=options.lockstep,
            settings=settings,
        )
    except Refusal as refusal:
        complain(refusal)
        return BAD_USAGE
    by_key = not profile.simulated
    if by_key and not sys.stdin.isatty():
        complain("at a robot every take starts by a key: run this on a terminal, or use the console")
        return BAD_USAGE
    return run_to_end(_record(folder, recording.begin(folder, request), by_key=by_key))


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
        return FAILED
    print(f"session {run.id} finished: {state.accepted} accepted, {state.rejected} rejected, {state.flagged} flagged")
    return OK


async def _takes(client: Client, interrupts: Interrupts, *, by_key: bool) -> str:
    """Drive the session until the target is reached; returns an error message, or an empty string."""
    while client.snapshot.running and not client.snapshot.reached and not interrupts.asked:
        state = client.snapshot
        if state.phase is Phase.IDLE or state.phase in (Phase.READY, Phase.RESET):
            if by_key or state.phase is not Phase.IDLE:
                await _until_scene_is_reset(client, by_key=by_key)
            done = recording.start_or_end_take(client)
            answer = await done if done else None
            if answer is not None and not answer.ok:
                return answer.error
            await _until_phase_changes(client, state.phase, READY_PATIENCE_S)
        elif state.phase is Phase.HELD:
            return f"the arm holds: {state.held}"
        else:
            await _until_phase_changes(client, state.phase)
        await _until_saved(client)
    return ""


async def _until_phase_changes(client: Client, phase: Phase, timeout_s: float | None = None) -> None:
    await client.until(lambda s: s.phase is not phase, timeout_s)


async def _until_saved(client: Client) -> None:
    await client.until(lambda s: not s.unsaved_take or not s.running, 150)


async def _until_scene_is_reset(client: Client, *, by_key: bool) -> None:
    """Wait for the operator's Enter at a robot, for the reset time on the simulated bench."""
    started = client.snapshot.started
    if by_key:
        take = intents.next_take(client.snapshot)
        print(f"press Enter to {'align the arms' if client.snapshot.phase is Phase.IDLE else f'start take {take}'}")
        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # discard what was typed before the prompt
        await asyncio.to_thread(sys.stdin.readline)
    elif started and not started.request.lockstep and client.snapshot.phase is Phase.RESET:
        left = started.request.reset_seconds - (time.time() - client.snapshot.phase_since)
        await asyncio.sleep(max(0.6, left))
