"""The time to write one verdict into a log of many sessions: our store against TinyDB's own JSONStorage.

`python -m tests.bench.bench_store [SESSIONS]` prints milliseconds (median, 90 %) and the ratio.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tinydb import TinyDB

from sessions.bench import Profile
from sessions.document import Session
from sessions.facts import SessionStarted
from sessions.models import Episode
from sessions.requests import RecordRequest
from sessions.store import SessionStore

ROUNDS = 15


def a_session(number: int, episodes: int = 6) -> Session:
    """A document of about 1.6 kB: the request with its whole profile among it."""
    robot = {"type": "so101_follower", "port": "/dev/serial/by-id/usb-FOLLOWER"}
    request = RecordRequest(
        data_dir="/lab",
        profile=Profile(robot=robot, name="so101"),
        operator="anna",
        task="Pick up the cube and place it in the bowl",
        dataset="pick_place_10cm_v2",
    )
    return Session(
        started=SessionStarted(id=f"20260217-{number:06d}-7f3a", at=1_771_338_000, pid=1, host="lab1", request=request),
        episodes=tuple(Episode(index=n, take=n + 1, frames=200, seconds=6.7) for n in range(episodes)),
    )


def judged(session: Session) -> Session:
    """The session with one more trial."""
    number = len(session.episodes)
    trial = Episode(index=number, take=number + 1, frames=300, seconds=10.0, accepted=False, flags=("drops",))
    return msgspec.structs.replace(session, episodes=(*session.episodes, trial))


def timed(update: Callable[[], object]) -> list[float]:
    """Milliseconds of each round, after one to warm up."""
    update()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        update()
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)


def ours(folder: Path, sessions: list[Session]) -> list[float]:
    """SessionStore: locked, atomic, fsynced."""
    with SessionStore(folder / "sessions.json") as store:
        store.put(*sessions)
        return timed(lambda: store.update(sessions[0].id, judged))


def stock(folder: Path, sessions: list[Session]) -> list[float]:
    """TinyDB's JSONStorage: neither locked nor atomic."""
    with TinyDB(folder / "stock.json") as database:
        numbers = database.insert_multiple([msgspec.to_builtins(s) for s in sessions])

        def judge(document: dict[str, Any]) -> None:
            document.update(msgspec.to_builtins(judged(msgspec.convert(document, Session))))

        return timed(lambda: database.update(judge, doc_ids=[numbers[0]]))


def main() -> None:
    """Print both and the ratio."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    sessions = [a_session(n) for n in range(count)]
    size = sum(len(msgspec.json.encode(s)) for s in sessions) / count / 1000
    print(f"{count:,} sessions of {size:.1f} kB, one verdict written, {ROUNDS} rounds")
    medians = []
    for name, measure in (("stock JSONStorage", stock), ("SessionStore", ours)):
        with tempfile.TemporaryDirectory() as folder:
            taken = measure(Path(folder), sessions)
        medians.append(statistics.median(taken))
        print(f"{name:18} {medians[-1]:7.1f} ms   90 % below {taken[int(len(taken) * 0.9)]:7.1f} ms")
    print(f"ratio {medians[0] / medians[1]:.1f}")


if __name__ == "__main__":
    main()
