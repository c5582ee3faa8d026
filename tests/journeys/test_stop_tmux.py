"""The stop key through real terminals: raw bytes into a pty, bare or with a tmux client in it.

`tmux send-keys` would not do: it goes past tmux's own wait after Esc, and so past the trouble.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.folders import RunFolder, new_session_id
from tests import ROOT
from tests.journeys.stop_probe import BLOCK_S, BURN_S
from tests.support.fake_worker import Worker
from tests.support.terminal import Terminal

GRACE_S = 0.15
LOST_S = 10.0
"""A stop that has not come by then is lost. A machine that stands still for seconds loses none."""
FOLLOWERS = [b" ", b"a", b"s", b"x", b"[", b"]", b"O", b"\r", b"\x1b[A", b"\x1bOP", b"\x1b[15~"]
GAPS_S = [0.0, 0.005, 0.02, 0.1, 0.4, 0.6]
HARMLESS = [
    b"\x1b[A",
    b"\x1b[D",
    b"\x1bOB",
    b"\x1bOP",
    b"\x1b[15~",
    b"\x1b[24~",
    b"\x1b[1;2C",
    b"\x1b[3~",
    b"\x1b[Z",
    b"\x1b[<35;10;5M",
    b"\x1b[<0;10;5M",
    b"\x1b[<0;10;5m",
    b"\x1b[<64;10;5M",
    b"\x1b[I",
    b"\x1b[O",
    b"s",
    b"\r",
    "é把".encode(),
    b"\x1b[200~xx \x1b[201~",
]
pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")
_names = itertools.count(1)


@dataclass(frozen=True)
class Kind:
    """What stands between the keys and the app; `wait_s` is what it adds after Esc."""

    name: str
    wait_s: float
    tmux: bool = True


KINDS = [Kind("pty", 0.0, tmux=False), Kind("tmux-20", 0.02), Kind("tmux-500", 0.5)]


class Seat:
    """The probe app in a terminal, and the worker that its stops go to."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.run = RunFolder(folder / f"{new_session_id()}-{next(_names)}")
        self.run.root.mkdir()
        self.worker = Worker(self.run.socket)
        self.server = f"lab-stop-{os.getpid()}-{self.run.id[-6:]}"
        command = [sys.executable, "-m", "tests.journeys.stop_probe", str(self.run.root)]
        if kind.tmux:
            settings = self.run.root / "tmux.conf"
            settings.write_text(
                f"set -s escape-time {kind.wait_s * 1000:.0f}\nset -g mouse on\nset -s focus-events on\n"
            )
            command = ["tmux", "-L", self.server, "-f", str(settings), "new-session", *command]
        self.terminal = Terminal(command, cols=80, rows=24, env={"TMUX": ""}, cwd=ROOT)

    def ready(self) -> Seat:
        self.wait_for("ready", 30.0)
        time.sleep(0.3)
        self.worker.forget()
        return self

    def facts(self) -> dict[str, float]:
        """The last time of each fact that the app noted."""
        path = self.run.root / "loop.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return {name: float(at) for name, at in (line.rsplit(" ", 1) for line in lines if " " in line)}

    def wait_for(self, fact: str, seconds: float = 10.0) -> float:
        self.terminal.wait_until(lambda: fact in self.facts(), seconds, f"{self.kind.name}: never {fact}")
        return self.facts()[fact]

    def leave(self) -> None:
        """Press q until the app has left: on a busy machine the first may still come together with an Esc before it."""
        for _ in range(5):
            self.press(b"q")
            with suppress(AssertionError):
                self.wait_for("left", 3.0)
                return
        self.wait_for("left", 3.0)

    def press(self, *keys: bytes, gap: float = 0.0) -> float:
        """Press keys `gap` seconds apart; when the first was pressed."""
        at = time.monotonic()
        for n, key in enumerate(keys):
            pause = at + n * gap - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self.terminal.write(key)
        return at

    def delay(self, *keys: bytes, gap: float = 0.0) -> float | None:
        """Seconds from the first key to the first stop at the worker; None where none comes, however late."""
        self.worker.forget()
        pressed = self.press(*keys, gap=gap)
        arrived = self.worker.stop_within(self.kind.wait_s + LOST_S)
        partial = self.kind.wait_s if keys[-1] in (b"[", b"]", b"O") else 0.0
        time.sleep(0.09 + max(0.0, pressed + partial - time.monotonic()))
        return None if arrived is None else arrived - pressed

    def stops(self, *keys: bytes, within: float = LOST_S) -> None:
        """Press keys and expect their stop. Raises AssertionError with what the app did and shows."""
        delay = self.delay(*keys)
        if delay is not None and delay > within:  # the machine may have been busy elsewhere: once more
            delay = self.delay(*keys)
        told = f"{keys}: {delay} s of {within}; the app noted {self.facts()} and shows:\n{self.terminal.text}"
        assert delay is not None, told
        assert delay <= within, told

    def close(self) -> None:
        if self.kind.tmux:
            subprocess.run(["tmux", "-L", self.server, "kill-server"], capture_output=True, timeout=5)
            folder = Path(os.environ.get("TMUX_TMPDIR", "/tmp")) / f"tmux-{os.getuid()}"
            (folder / self.server).unlink(missing_ok=True)
        self.terminal.close()
        self.worker.close()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    if chosen.tmux and not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    return chosen


@pytest.fixture
def seats(kind: Kind, tmp_path: Path) -> Iterator[list[Seat]]:
    made = [Seat(kind, tmp_path) for _ in range(4)]
    yield made
    for seat in made:
        seat.close()


def test_esc_stops_in_time_whatever_key_follows_and_when(kind: Kind, seats: list[Seat]) -> None:
    cases = [((b"\x1b",), 0.0), ((b"x",), 0.0), ((b"\x1b", b"\x1b"), 0.0)]
    cases += [((b"\x1b", follower), gap) for follower in FOLLOWERS for gap in GAPS_S]
    turns: list[list[tuple[tuple[bytes, ...], float]]] = [cases[n :: len(seats)] for n in range(len(seats))]
    limit = kind.wait_s + GRACE_S

    def play(seat: Seat, turn: list[tuple[tuple[bytes, ...], float]]) -> dict[str, float | None]:
        seat.ready()
        measured = {}
        for keys, gap in turn:
            delay = seat.delay(*keys, gap=gap)
            if delay is not None and delay > limit:  # the machine may have been busy elsewhere: once more
                delay = seat.delay(*keys, gap=gap)
            measured[f"{keys} {gap * 1000:.0f} ms"] = delay
        return measured

    with ThreadPoolExecutor(len(seats)) as pool:
        delays = {case: delay for part in pool.map(play, seats, turns) for case, delay in part.items()}
    assert len(delays) == len(cases)
    assert [case for case, delay in delays.items() if delay is None] == [], "no stop arrived"
    found = sorted(delay for delay in delays.values() if delay is not None)
    figures = [round(d * 1000) for d in (found[0], found[len(found) // 2], found[-1])]
    print(f"{kind.name}: Esc to the worker's socket, min, median, max: {figures} ms")
    assert {case: delay for case, delay in delays.items() if delay is not None and delay > limit} == {}


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[-1]], indirect=True, ids=lambda kind: kind.name)
def test_other_keys_stop_nothing_and_a_stuck_loop_delays_nothing(kind: Kind, seats: list[Seat]) -> None:
    harmless, asleep, burning, dialog = (seat.ready() for seat in seats)
    limit = kind.wait_s + GRACE_S

    def pass_harmless() -> None:
        for key in HARMLESS:
            harmless.press(key)
            time.sleep(0.1)
        time.sleep(kind.wait_s + 0.1)
        assert harmless.worker.stop_within(0.0) is None

    def stop_while(seat: Seat, key: bytes, seconds: float) -> None:
        seat.press(key)
        blocked = seat.wait_for(key.decode())
        for keys in ((b"\x1b",), (b"x",), (b"\x1b", b" ")):
            seat.stops(*keys, within=limit + 0.1)
        assert "free" not in seat.facts()
        assert time.monotonic() < blocked + seconds
        seat.wait_for("free")

    def stop_in_dialog() -> None:
        dialog.press(b"m")
        dialog.wait_for("modal")
        dialog.stops(b"\x1b")
        dialog.press(b"t")
        dialog.wait_for("typing")
        dialog.worker.forget()
        dialog.press(b"x")
        dialog.wait_for("x")
        assert dialog.worker.stop_within(0.0) is None
        dialog.stops(b"\x1b")
        dialog.press(b"T")
        dialog.wait_for("typed")
        dialog.stops(b"x")
        dialog.press(b"d")
        dialog.wait_for("disarmed")
        dialog.worker.forget()
        dialog.press(b"x", b"\x1b")
        time.sleep(kind.wait_s + 0.15)
        dialog.leave()
        assert dialog.worker.stop_within(0.0) is None

    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(pass_harmless),
            pool.submit(stop_while, asleep, b"b", BLOCK_S),
            pool.submit(stop_while, burning, b"g", BURN_S),
            pool.submit(stop_in_dialog),
        ]
        for job in jobs:
            job.result()
