"""Real workers on the real simulated bench, for tests and benchmarks."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from services.bench.profiles import Profile, apply_settings, load_benches
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.event_log import is_live, read_events
from services.live.launch import log_tail
from services.live.link import Link
from services.live.phases import Phase
from services.live.running import live_runs
from services.live.snapshots import Snapshot, replay
from services.recording import plan as recording
from services.workers.arm.lapses import LATE, RETRIED
from sessions.models import Episode

START_S = 60.0
CONSOLE = [sys.executable, "-m", "console"]


class Rig:
    """One data folder."""

    def __init__(self, root: Path) -> None:
        self.folder = DataFolder(root.resolve()).create()
        self.console = CONSOLE
        """The command that starts `lab-console`."""

    def profile(self, *settings: str) -> Profile:
        """The simulated bench with settings."""
        return apply_settings(load_benches(built_in=True).pick("sim"), list(settings))[0]

    def small(self, *settings: str) -> Profile:
        """The simulated bench with small pictures, cheap to paint and to encode, its arm a little quicker."""
        brisk = "motion.max_joint_speed=110.0"
        size = [f"robot.cameras.{c}.{k}={v}" for c in ("wrist", "overhead") for k, v in (("width", 96), ("height", 72))]
        return self.profile(*size, brisk, *settings)

    def record(self, profile: Profile | None = None, **options: Any) -> RunFolder:
        """Start a recording worker."""
        plan: dict[str, Any] = {"dataset": "demo", "task": "pick_place", "operator": "tester", **options}
        request = recording.plan(self.folder, profile or self.small(), **plan)
        return recording.begin(self.folder, request)

    @asynccontextmanager
    async def attached(self, run: RunFolder, **options: Any) -> AsyncIterator[Link]:
        """A console's link to a run, once its worker is past starting."""
        link = Link(run, **{"name": "test", **options})
        try:
            await link.attach(patience_s=10)
            await link.until(lambda s: s.phase is not Phase.STARTING, START_S)
            yield link
        except BaseException:
            print("\n".join(log_tail(run, 60)))
            raise
        finally:
            await link.close()

    def snapshot(self, run: RunFolder) -> Snapshot:
        """The state that the events file tells."""
        return replay(read_events(run.events))

    def events(self, run: RunFolder, kind: type[ev.Event]) -> list[Any]:
        """The run's events of one kind."""
        return [e for e in read_events(run.events) if isinstance(e, kind)]

    def pid(self, run: RunFolder) -> int:
        """The worker's process; of a training that was resumed the one that has its events open."""
        started = self.snapshot(run).started
        assert started is not None
        if started.pid:
            return started.pid
        holders = [each for each in Path("/proc").glob("[0-9]*/fd/*") if _leads_to(each, run.events)]
        assert len(holders) == 1, holders
        return int(holders[0].parts[2])

    def world(self) -> Any:
        """A client of the simulated world."""
        from services.sim.client import WorldClient

        return WorldClient(self.folder.root)

    def close(self) -> None:
        """Kill what still runs, and shut the world down."""
        for run in live_runs(self.folder):
            with suppress(ProcessLookupError, AssertionError):
                os.kill(self.pid(run), signal.SIGKILL)
        with suppress(Exception):
            self.world().shutdown()


def _leads_to(descriptor: Path, path: Path) -> bool:
    with suppress(OSError):
        return descriptor.readlink() == path
    return False


def flags(episode: Episode) -> tuple[str, ...]:
    """The episode's flags, without those that a busy machine causes by itself."""
    return without_late(episode.flags)


def without_late(flags: tuple[str, ...]) -> tuple[str, ...]:
    """Flags without those of a control loop that came late, and of answers that did."""
    return tuple(flag for flag in flags if not flag.startswith(LATE) and f" {RETRIED} " not in flag)


async def say(link: Link, command: protocol.Command) -> None:
    """Send a command that has to be accepted."""
    answer = await link.ask(command)
    assert answer.ok, answer.error


async def follow(link: Link) -> None:
    """Align and follow."""
    await say(link, protocol.Follow())
    await link.until(lambda s: s.phase.following, 30)


async def recorded(link: Link, frames: int = 5) -> None:
    """The running take has so many frames, also on a machine whose cameras stall: of one no episode is made."""
    link.telemetry = None
    await link.until(lambda _: link.telemetry is not None and link.telemetry.take_frames >= frames, 30)


async def take(link: Link, *, seconds: float | None = None) -> Snapshot:
    """Record the next take: to its time limit, or ended by a key after `seconds`."""
    number = link.snapshot.take + 1
    await press(link, lambda: protocol.StartTake(take=number))
    await link.until(lambda s: s.take == number, 30)  # in lockstep it may be over before anybody looks at its phase
    if seconds is not None:
        await link.until(lambda s: s.phase is Phase.RECORDING, 30)
        await asyncio.sleep(seconds)
        await recorded(link)
        await press(link, lambda: protocol.EndTake(take=number))
    return await link.until(lambda s: any(e.take == number for e in s.episodes) or bool(s.lost), 60)


async def press(link: Link, command: Callable[[], protocol.Command]) -> None:
    """Send a command, again where it came too soon after the one before."""
    for _ in range(20):
        answer = await link.ask(command())
        if answer.ok:
            return
        if "too soon" not in answer.error and "a moment ago" not in answer.error:
            break
        await asyncio.sleep(0.15)
    raise AssertionError(answer.error)


async def finish(link: Link) -> Snapshot:
    """End the session in order."""
    await press(link, protocol.Finish)
    return await link.until(lambda s: not s.running, 60)


def wait_until(condition: Callable[[], bool], seconds: float = 20.0, what: str = "") -> None:
    """Poll until true. Raises AssertionError after `seconds`."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, what or "it did not happen in time"
        time.sleep(0.02)


def gone(run: RunFolder) -> Callable[[], bool]:
    """Whether the worker let its events go."""
    return lambda: not is_live(run)
