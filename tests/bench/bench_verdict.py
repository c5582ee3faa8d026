"""The time from a verdict's key to its effect on the screen: real console, worker, policy and simulated bench.

    uv run python -m tests.bench.bench_verdict [--trials 10] [--verdicts 100]

The byte goes into a pseudo-terminal; the clock stops when the bytes that show the verdict come out of it, which
happens only once the worker has it on disk. Also measured: when the event, which is on disk by then, reaches a second
console. Both are measured twice: while a trial runs and the policy infers, one verdict per trial; and while the arm
holds after a stop, alternating `s` and `u`. Prints p50, p99 and the largest (targets for p99: 20 ms to disk, 60 ms to
the screen).
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import threading
import time
from pathlib import Path

from services.folders import RunFolder
from services.live import events as ev
from services.live.event_log import is_live
from services.live.link import Link
from services.live.phases import Phase
from services.live.snapshots import Snapshot
from tests.bench.bench_record import percentiles
from tests.support.demo_desk import DemoDesk
from tests.support.evaluate_screen import start_evaluation, start_trial
from tests.support.terminal import Terminal


class Listener(threading.Thread):
    """A second console that only listens: it notes when each verdict arrives."""

    def __init__(self, run: RunFolder) -> None:
        super().__init__(daemon=True)
        self.run_folder, self.at = run, 0.0
        self._leave = threading.Event()

    def run(self) -> None:
        """Attach, and note the time of each verdict."""
        asyncio.run(self._listen())

    async def _listen(self) -> None:
        link = Link(self.run_folder, name="listener", drive=False, on_event=self._hear)
        await link.attach()
        while not self._leave.is_set():
            await asyncio.sleep(0.1)
        await link.close()

    def _hear(self, event: ev.Event, _: Snapshot) -> None:
        if isinstance(event, ev.TrialJudged):
            self.at = time.monotonic()

    def leave(self) -> None:
        """Detach."""
        self._leave.set()
        self.join()


class Clock:
    """Presses a key and times its effect."""

    def __init__(self, screen: Terminal, listener: Listener) -> None:
        self.screen, self.listener = screen, listener
        self.shown: list[float] = []
        self.sent: list[float] = []

    def press(self, key: bytes, shows: str) -> None:
        """Keep the milliseconds from the key to the second console, and to the screen."""
        began = time.monotonic()
        self.shown.append((self.until(key, shows) - began) * 1000)
        self.sent.append((self.listener.at - began) * 1000)

    def until(self, key: bytes, shows: str) -> float:
        """When the terminal showed `shows`, which it does not show yet: only the cells that differ are written.

        Raises AssertionError after 10 s.
        """
        screen, give_up, read = self.screen, time.monotonic() + 10, -1
        assert shows not in screen.text, shows
        screen.write(key)
        while (now := time.monotonic()) < give_up:
            if screen.bytes != read:  # laying the screen out takes a millisecond or two
                read = screen.bytes
                if shows in screen.text:
                    return now
            time.sleep(0.0005)
        raise AssertionError(f"{shows!r} does not appear; it shows:\n{screen.text}")

    def report(self, what: str) -> None:
        """Print both."""
        print(f"verdict key, {what}")
        print(f"  on disk and sent  {percentiles(self.sent)} (target p99 20)")
        print(f"  on the screen     {percentiles(self.shown)} (target p99 60)")


def in_trials(desk: DemoDesk, clock: Clock, run: RunFolder, count: int) -> None:
    """One verdict per running trial."""
    for number in range(1, count + 1):
        start_trial(desk, clock.screen, run)
        clock.press(b"s", f"SUCCESS · trial {number}")
        clock.screen.wait_until(lambda: desk.state(run).phase is Phase.RESTED, 60, "it does not come to rest")


def while_held(desk: DemoDesk, clock: Clock, run: RunFolder, count: int) -> None:
    """Alternate `s` and `u` on one trial."""
    start_trial(desk, clock.screen, run)
    clock.screen.write(b"x")
    clock.screen.wait_until(lambda: desk.state(run).phase is Phase.HELD, 10, "the stop is not obeyed")
    time.sleep(1.2)
    before = desk.state(run).judged
    for _ in range(count):
        clock.press(b"s", f"✓ {before + 1:>3} ")
        clock.until(b"u", f"✓ {before:>3} ")


def finish(desk: DemoDesk, screen: Terminal, run: RunFolder) -> None:
    """Finish the session, without the verdict that was taken back."""
    screen.press("g")
    screen.wait_until(lambda: desk.state(run).phase is Phase.RESTED, 60, "it does not go to rest")
    screen.press("F", "y")
    screen.wait_until(lambda: not is_live(run), 60, "it does not finish")


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--verdicts", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        desk = DemoDesk(Path(folder) / "home")
        desk.home.mkdir()
        try:
            screen, run = start_evaluation(desk)
            listener = Listener(run)
            listener.start()
            trials, held = Clock(screen, listener), Clock(screen, listener)
            in_trials(desk, trials, run, options.trials)
            trials.report("while a trial runs and the policy infers")
            while_held(desk, held, run, options.verdicts)
            held.report("while the arm holds after a stop")
            listener.leave()
            finish(desk, screen, run)
        finally:
            desk.close()


if __name__ == "__main__":
    main()
