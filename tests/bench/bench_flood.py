"""How long a stop takes while one user floods the worker's socket in every way that we could think of.

`uv run python -m tests.bench.bench_flood [--seconds 4]`: a real worker holds the simulated arm in real time; another
process floods its socket; a third connection sends a stop and waits for its answer, which the control loop gives once
the hold is commanded. Printed for each flood: stops tried, p50, p99 and the longest, in ms. Limit: 50 ms.
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from services.folders import RunFolder
from services.live import protocol
from services.live.requests import Purpose
from tests.support.rig import Rig

LIMIT_MS = 50.0


def lines(*commands: protocol.Command) -> bytes:
    """As they cross the socket."""
    return b"".join(map(protocol.encode, commands))


def _send(path: str, data: bytes, connections: int = 1) -> None:
    """Send without end, reading nothing, from one or several connections; connect again where the worker hangs up."""
    ways: list[socket.socket] = []
    while True:
        try:
            while len(ways) < connections:
                way = socket.socket(socket.AF_UNIX)
                way.settimeout(0.02)
                way.connect(path)
                ways.append(way)
            for way in list(ways):
                with suppress(TimeoutError):
                    way.sendall(data)
        except OSError:
            for way in ways:
                way.close()
            ways.clear()
            time.sleep(0.001)


def _storm(path: str) -> None:
    """Connect, say a word, hang up, as fast as it goes."""
    while True:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as way:
            way.connect(path)
            way.sendall(lines(protocol.Attach(id=1, name="storm")))


def _hoard(path: str) -> None:
    """As many connections as this process may have, all silent."""
    ways: list[socket.socket] = []
    while True:
        try:
            way = socket.socket(socket.AF_UNIX)
            ways.append(way)
            way.settimeout(0.1)
            way.connect(path)
        except OSError:
            time.sleep(0.01)
            if len(ways) > 500:
                ways.clear()


NOTE = lines(protocol.AddNote(text="flood"))
FLOODS: dict[str, Callable[[str], None] | tuple[bytes, int]] = {
    "no flood": (b"", 0),
    "notes": (NOTE * 200, 1),
    "notes, 40 connections": (NOTE * 200, 40),
    "attachments": (lines(protocol.Attach(name="x")) * 200, 1),
    "take-overs": (lines(protocol.Attach(name="x", drive=False), protocol.TakeOver()) * 100, 4),
    "stops": (lines(protocol.Stop()) * 200, 1),
    "stops, 40 connections": (lines(protocol.Stop()) * 200, 40),
    "malformed": (b"{]\n" * 500, 4),
    "lines of 1 MiB": (b'"' + b"x" * 1_000_000 + b'"\n', 4),
    "notes of 1 MB": (lines(protocol.AddNote(text="x" * 1_000_000)), 4),
    "connections": _storm,
    "silent connections": _hoard,
}


class Way:
    """A connection that asks and waits."""

    @classmethod
    def open(cls, run: RunFolder) -> Way:
        """A new one, as soon as the worker takes it."""
        give_up = time.monotonic() + 10
        while True:
            try:
                return cls(run)
            except OSError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.005)

    def __init__(self, run: RunFolder) -> None:
        self._way = socket.socket(socket.AF_UNIX)
        self._way.settimeout(10)
        self._way.connect(str(run.socket))
        self._file = self._way.makefile("rb")
        self._id = 0
        self.ask(protocol.Attach(name="bench", drive=False, quiet=True))

    def ask(self, command: protocol.Command) -> tuple[protocol.Answer, float]:
        """The answer, and the seconds that it took."""
        import msgspec

        self._id += 1
        began = time.perf_counter()
        self._way.sendall(lines(msgspec.structs.replace(command, id=self._id)))
        for line in self._file:
            message = protocol.decode_message(line)
            if isinstance(message, protocol.Answer) and message.id == self._id:
                return message, time.perf_counter() - began
        raise ConnectionError("the worker hung up")


def _measure(run: RunFolder, seconds: float) -> list[float]:
    """Stops by a connection of their own, in ms; where that was lost, a new one, whose time counts."""
    stop = Way.open(run)
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        while True:
            try:
                stop.ask(protocol.Stop())
                break
            except OSError:
                stop = Way.open(run)
        took.append(1000 * (time.perf_counter() - began))
        time.sleep(0.05)
    return took


def measure(run: RunFolder, seconds: float) -> Iterator[tuple[str, list[float]]]:
    """For each flood, how long each stop took, in ms."""
    for name, flood in FLOODS.items():
        if callable(flood):
            process = multiprocessing.Process(target=flood, args=(str(run.socket),), daemon=True)
        else:
            process = multiprocessing.Process(target=_send, args=(str(run.socket), *flood), daemon=True)
        if flood != (b"", 0):
            process.start()
            time.sleep(0.5)
        try:
            yield name, _measure(run, seconds)
        finally:
            if process.pid:
                process.kill()
                process.join()
        time.sleep(0.5)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each flood")
    options = parser.parse_args()
    from services import arm_commands

    with tempfile.TemporaryDirectory() as where:
        rig = Rig(Path(where) / "lab")
        try:
            run = arm_commands.begin(rig.folder, rig.small(), Purpose.HOLD)
            give_up = time.monotonic() + 60
            while "holding" not in rig.snapshot(run).detail and time.monotonic() < give_up:
                time.sleep(0.1)
            for name, took in measure(run, options.seconds):
                took.sort()
                p99 = took[min(len(took) - 1, int(0.99 * len(took)))]
                worst = "" if took[-1] < LIMIT_MS else "  over the limit"
                print(f"{name:24} {len(took):4} stops  p50 {statistics.median(took):6.1f}  p99 {p99:6.1f}  "
                      f"longest {took[-1]:6.1f} ms{worst}", flush=True)  # fmt: skip
        finally:
            rig.close()


if __name__ == "__main__":
    main()
