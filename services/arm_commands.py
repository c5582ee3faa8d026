"""The commands that every arm session shares: follow, pause, rest, release, finish, rescue."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

import msgspec

from services.bench.calibration import offer
from services.bench.profiles import Profile
from services.folders import DataFolder, RunFolder
from services.live import intents, protocol
from services.live.crashes import close_crashed
from services.live.event_log import is_live
from services.live.launch import launch
from services.live.link import Answered, Link
from services.live.reasons import StopCause
from services.live.requests import BenchRequest, EvalRequest, Purpose, RecordRequest
from sessions.calibration import CalibrationAct
from sessions.facts import CalibrationRefused

NO_ACTS: Mapping[str, CalibrationAct] = {}


def begin(
    folder: DataFolder,
    profile: Profile,
    purpose: Purpose,
    *,
    operator: str = "",
    rescue: bool = False,
    calibration: Mapping[str, CalibrationAct] = NO_ACTS,
) -> RunFolder:
    """Start a bench worker for `purpose`. Raises FolderProblem if the data folder cannot be written."""
    folder.create()
    request = BenchRequest(
        data_dir=str(folder.root),
        profile=profile,
        purpose=purpose,
        operator=operator,
        rescue=rescue,
        calibration=dict(calibration),
    )
    return launch(folder, request)


def begin_again(
    folder: DataFolder, request: RecordRequest | EvalRequest | BenchRequest, refused: Iterable[CalibrationRefused]
) -> RunFolder:
    """Start the same session anew, with what can be done now about the calibrations that its worker refused.

    One that moved the arm at once holds it instead: with other values each joint may be elsewhere. Raises FolderProblem
    if the data folder cannot be written.
    """
    folder.create()
    acts = {found.arm: found.act for found in refused if offer(found)}
    if isinstance(request, BenchRequest):
        request = msgspec.structs.replace(request, purpose=Purpose.HOLD)
    return launch(folder, msgspec.structs.replace(request, calibration=acts))


def follow(link: Link) -> Answered:
    """Ramp to the leader and follow it."""
    return link.send(protocol.Follow())


def hold(link: Link, cause: StopCause = StopCause.OPERATOR) -> Answered:
    """Hold the arm where it is."""
    return link.send(protocol.Stop(cause=cause))


def send(link: Link, command: protocol.Command | None) -> Answered | None:
    """Send the command, if there is one; its answer, or None without a command."""
    return None if command is None else link.send(command)


def pause_or_resume(link: Link) -> Answered | None:
    """Hold while following; follow again (ramped) when held; None if neither is possible."""
    return send(link, intents.pause(link.snapshot))


async def hold_answered(link: Link, cause: StopCause, timeout_s: float = 1.0) -> protocol.Answer | None:
    """Hold and wait for the answer; None if none arrives within `timeout_s`."""
    try:
        return await asyncio.wait_for(hold(link, cause), timeout_s)
    except TimeoutError:
        return None


async def holds(link: Link, since: float, timeout_s: float = 2.0) -> bool:
    """Whether the worker reports, in telemetry later than `since` (Unix time), that every motor has torque.

    The worker reads torque anew after each stop. Without telemetry in time, nothing is known, so False.
    """
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up:
        telemetry = link.telemetry
        if telemetry is not None and telemetry.at > since:
            return telemetry.torque
        await asyncio.sleep(0.02)
    return False


def why_not_held(link: Link) -> str:
    """Why `holds` was false, from the newest telemetry."""
    known = link.telemetry is not None and not link.telemetry.torque
    return "torque is not on at every motor" if known else "no measurement confirms the hold"


def go_to_rest(link: Link) -> Answered:
    """Open the gripper, lift, move to rest."""
    return link.send(protocol.GoToRest())


def release(link: Link) -> Answered:
    """Lower the arm and cut torque; call it only after a person confirmed."""
    return link.send(protocol.Release(confirmed=True))


def finish(link: Link, by: str = "") -> Answered:
    """End the session: save, rest, release the devices. `by` is who ends it, by default who started it."""
    started = link.snapshot.started
    return link.send(protocol.Finish(by=by or (started.operator if started else "")))


def take_over(link: Link, operator: str = "") -> Answered:
    """Become the driver, under the operator's name."""
    return link.send(protocol.TakeOver(name=operator))


def kill_worker(run: RunFolder, pid: int, patience_s: float = 3.0) -> None:
    """SIGKILL a worker that does not answer, and close its run as crashed.

    Kills only while a process holds the lock on this run's events: afterwards `pid` may belong to another process.
    """
    if is_live(run) and pid > 0:  # 0 would be this process's whole group
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    give_up = time.monotonic() + patience_s
    while is_live(run) and time.monotonic() < give_up:
        time.sleep(0.02)
    with suppress(OSError):  # a full disk must not keep the arm from being held; the scribe writes the end later
        close_crashed(run)


def rescue(folder: DataFolder, run: RunFolder, pid: int, profile: Profile, operator: str = "") -> RunFolder:
    """Kill a worker that does not answer, and start one that holds the arm and offers release."""
    kill_worker(run, pid)
    return begin(folder, profile, Purpose.HOLD, operator=operator, rescue=True)
