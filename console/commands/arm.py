"""`lab-console hold`, `rest` and `release`: commands for the arm, whichever session has it."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Mapping

from console.commands.calibration import answers
from console.commands.exits import READY_PATIENCE_S, complain_of, report_lost, run_to_end
from console.commands.following import following
from console.commands.printer import Printer
from console.exit import BAD_USAGE, FAILED, OK, complain
from services import arm_commands
from services.bench.profiles import Profile, load_benches
from services.folders import DataFolder, RunFolder, data_folder
from services.live.client import ATTACH_PATIENCE_S, START_PATIENCE_S, Client
from services.live.link import LinkLost
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import StopCause
from services.live.requests import Purpose
from services.live.running import find_runs
from services.text import clean
from sessions.calibration import CalibrationAct
from sessions.models import SessionStatus

Acts = Mapping[str, CalibrationAct]


def _bench(options: argparse.Namespace) -> tuple[DataFolder, Profile, RunFolder | None]:
    """The data folder; the running session that has the arm, or None; its bench, or else the one that is asked for.

    With --bench that is the session that has this bench's arm, even on another bench; without it, any arm.
    """
    folder, profile = data_folder(options.data_dir), load_benches().pick(options.bench)
    found = find_runs(folder).holder_of_arm(profile if options.bench else None)
    if found is None:
        return folder, profile, None
    return folder, found.profile or profile, found.run


# --- hold -------------------------------------------------------------------------------------------


def hold(options: argparse.Namespace) -> int:
    """Stop the arm: by its running worker, by a new one if none runs, by a rescue if it does not answer."""
    folder, profile, run = _bench(options)
    if run is None:
        return run_to_end(
            _await_hold(arm_commands.begin(folder, profile, Purpose.HOLD, calibration=answers(options, profile)))
        )
    return run_to_end(_hold(folder, profile, run))


async def _hold(folder: DataFolder, profile: Profile, run: RunFolder) -> int:
    client = Client(run, name="lab-console hold", drive=False)
    began = time.monotonic()
    try:
        await client.attach(patience_s=1.0)
        answer = await arm_commands.hold_answered(client, StopCause.HOLD_VERB)
        took_ms = 1000 * (time.monotonic() - began)
        if answer is not None and answer.ok:
            bench = f"bench {started.bench}, " if (started := client.snapshot.started) and started.bench else ""
            return await _report_hold(client, f"session {run.id} holds ({bench}answered after {took_ms:.0f} ms)")
    except LinkLost:
        answer = None
    finally:
        await client.close()
    pid = client.welcome.pid if client.welcome else client.snapshot.started.pid if client.snapshot.started else 0
    if answer is not None or not pid:
        complain(f"{_named(client)}: {answer.error if answer else 'it is only starting; nothing moves yet'}")
        return FAILED
    complain(f"{_named(client)} DOES NOT ANSWER: cut the power if the arm moves; replacing its worker")
    if client.snapshot.started is not None:
        profile = client.snapshot.started.profile or profile  # of the bench that the session runs on
    rescue = await asyncio.to_thread(arm_commands.rescue, folder, run, pid, profile)
    return await _await_hold(rescue)


async def _await_hold(run: RunFolder) -> int:
    client = Client(run, name="lab-console hold", drive=False)
    try:
        await client.attach(START_PATIENCE_S)
        state = await client.until(lambda s: s.phase is not Phase.STARTING, READY_PATIENCE_S)
        if not state.running:
            complain_of(state)
            return FAILED
        goes_on = "`lab-console rest`, `lab-console release` or `lab-console attach` go on"
        return await _report_hold(client, f"session {run.id} holds the arm; {goes_on}")
    except (LinkLost, TimeoutError) as error:
        return report_lost(run, error)
    finally:
        await client.close()


async def _report_hold(client: Client, says: str) -> int:
    """Print `says` if the motors report torque after the stop; else why not."""
    if await arm_commands.holds(client, time.time()):
        print(says)
        return OK
    state = client.snapshot
    why = arm_commands.why_not_held(client)
    complain(f"{_named(client)}: NOT HELD, {why}; the arm is {state.phase.value}: {state.detail}")
    return FAILED


def _named(client: Client) -> str:
    """The session and its bench, which may not be the one that was asked for."""
    started = client.snapshot.started
    return f"session {client.run.id}" + (f" (bench {started.bench})" if started and started.bench else "")


# --- rest and release -------------------------------------------------------------------------------


def rest(options: argparse.Namespace) -> int:
    """Move to rest, by the running session or by a new worker; with --teach, print the pose for lab.toml."""
    folder, profile, running = _bench(options)
    if options.teach:
        return run_to_end(_teach(folder, profile, running, answers(options, profile)))
    if not profile.motion.rest:
        complain(f"no rest pose is taught for bench {profile.name}: put the arm there by hand, then `rest --teach`")
        return FAILED
    return run_to_end(_move(folder, profile, Purpose.REST, running, answers(options, profile)))


def release(options: argparse.Namespace) -> int:
    """Lower the arm and cut torque, after confirmation."""
    folder, profile, running = _bench(options)
    if not options.yes:
        if not sys.stdin.isatty():
            complain("releasing cuts torque: confirm with --yes")
            return BAD_USAGE
        how = "the arm goes to rest first" if profile.motion.rest else "NO REST POSE IS TAUGHT: support the arm by hand"
        if input(f"cut torque ({how})? type yes: ").strip().lower() != "yes":
            print("nothing was done")
            return FAILED
    return run_to_end(_move(folder, profile, Purpose.RELEASE, running, answers(options, profile)))


async def _move(
    folder: DataFolder,
    profile: Profile,
    purpose: Purpose,
    running: RunFolder | None,
    acts: Acts = arm_commands.NO_ACTS,
) -> int:
    """Rest or release, by the running session or else by a bench worker that ends afterwards."""
    run = running or arm_commands.begin(folder, profile, purpose, calibration=acts)
    printer = Printer()
    goal = Phase.RESTED if purpose is Purpose.REST else Phase.RELEASED
    try:
        async with following(run, printer, name=f"lab-console {purpose.value}") as client:
            await client.attach(ATTACH_PATIENCE_S if running else START_PATIENCE_S)
            _hold_then_detach(client)
            before = client.snapshot.phase_since
            if running is not None and (refused := await _ask(client, purpose)):
                complain(refused)
                return FAILED
            # the answer comes before the events: HELD may still be the phase from before the move
            ends = (goal, Phase.HELD, Phase.LIMP)
            state = await client.until(
                lambda s: (s.phase in ends and s.phase_since != before) or not s.running, READY_PATIENCE_S + 60
            )
            if running is None and state.running:
                state = await client.until(lambda s: not s.running, 30)
    except (LinkLost, TimeoutError) as error:
        return report_lost(run, error)
    if state.phase is goal or state.status is SessionStatus.FINISHED:
        if state.end_reason:
            print(clean(state.end_reason), flush=True)
        return OK
    if state.end_reason:
        complain_of(state)
    else:
        complain(f"the arm is {state.phase.value}: {state.held or state.detail}")
    if state.running:
        complain(f"session {run.id} goes on holding it: `lab-console attach {run.id}`, or rest or release again")
    return FAILED


def _hold_then_detach(client: Client) -> None:
    """From now on the first Ctrl-C holds the arm, the second detaches."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    held = False

    def interrupt() -> None:
        nonlocal held
        if not held:
            held = True
            arm_commands.hold(client, StopCause.INTERRUPT)
        elif task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)


async def _ask(client: Client, purpose: Purpose) -> str:
    """Ask a running session to rest or release; returns who refused and why, else an empty string."""
    verb = arm_commands.go_to_rest if purpose is Purpose.REST else arm_commands.release
    answer = await verb(client)
    if answer.code is Code.TOO_SOON:  # that limit is meant for key presses
        await asyncio.sleep(1.1)
        answer = await verb(client)
    if answer.ok:
        return ""
    refused = f"{_named(client)}: {answer.error or 'the worker refused without a reason'}"
    if answer.code is Code.NOT_DRIVING:
        return f"{refused}; `lab-console attach {client.run.id}` can take over"
    return refused


async def _teach(folder: DataFolder, profile: Profile, running: RunFolder | None, acts: Acts) -> int:
    """Print the measured pose. A worker started for it keeps holding: torque may be all that supports the arm."""
    run = running or arm_commands.begin(folder, profile, Purpose.HOLD, calibration=acts)
    client = Client(run, name="lab-console rest --teach", drive=running is None)
    try:
        await client.attach(ATTACH_PATIENCE_S if running else START_PATIENCE_S)
        await client.until(lambda s: s.phase is not Phase.STARTING, READY_PATIENCE_S)
        give_up = time.monotonic() + 5
        while _pose_is_missing(client) and time.monotonic() < give_up:  # noqa: ASYNC110  (telemetry has no event)
            await asyncio.sleep(0.05)
        if not (client.telemetry and client.telemetry.joints):
            if client.snapshot.end_reason:
                complain_of(client.snapshot)
            else:
                complain("the follower's pose could not be read")
            return FAILED
        pose = ", ".join(f"{name} = {value:.1f}" for name, value in client.telemetry.joints.items())
        print(f"[bench.{profile.name}.motion]\nrest = {{ {pose} }}")
        if running is None:  # only a person can see whether the arm is supported
            complain(f"session {run.id} holds the arm now; `lab-console release` lets it go")
    except (LinkLost, TimeoutError) as error:
        return report_lost(run, error)
    finally:
        await client.close()
    return OK


def _pose_is_missing(client: Client) -> bool:
    return client.snapshot.running and not (client.telemetry and client.telemetry.joints)
