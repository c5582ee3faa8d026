"""A log of 10,000 sessions: its size, the time of a verdict, of opening the log, of reading it again, and the memory.

    uv run python -m tests.bench.bench_log [--sessions 10000] [--keep FOLDER]

The log is made of the events that workers write (`large_log`), folded and packed by the scribe. A verdict is timed from
its event to the TinyDB file in place: the event is appended and fsynced, the scribe folds it, writes, fsyncs and
replaces. Beside it stands what the same disk takes for a plain write of as many bytes with fsync and rename, and what a
bare TinyDB takes to update one of these documents. Each figure that a person waits for is measured in a process of its
own, and its largest memory with it. `--keep` makes the log in a folder that stays, and takes one that is there already.

"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from services.folders import DataFolder
from services.live import events as ev
from services.live.event_log import EventLog
from services.log import scribe
from sessions.files import write_atomically
from sessions.models import EndedBy, SessionStatus, Verdict
from tests.bench import large_log

ROUNDS = 20
MB = 1_000_000


def timed(act: Callable[[], object]) -> float:
    """Milliseconds that it took."""
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def told(name: str, taken: list[float], also: str = "") -> None:
    """Print the median, the 90th percentile and the largest."""
    taken = sorted(taken)
    p90 = taken[int(len(taken) * 0.9)]
    middle = statistics.median(taken)
    print(f"  {name:34} {middle:8.1f} ms   90 % {p90:7.1f}   most {taken[-1]:7.1f}  {also}", flush=True)


def peak_mb() -> float:
    """The largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB


# --- what is measured in processes of their own ------------------------------------------------------


def build(folder: DataFolder, count: int) -> None:
    """The run folders, and the log of them."""
    folder.create()
    large_log.write_runs(folder, count)
    told("the log built of its runs", [timed(lambda: scribe.fold(folder))], f"memory {peak_mb():.0f} MB")


def verdicts(folder: DataFolder, count: int) -> None:
    """A session that runs, with a verdict at a time; the scribe's part is called here as `follow` calls it."""
    run = folder.run(large_log.session_id(count))
    run.root.mkdir(exist_ok=True)
    run.events.unlink(missing_ok=True)
    events = [e for e in large_log.run_events(4) if not isinstance(e, ev.SessionEnded)]
    appended, synced, folded, plain, used = [], [], [], [], 0.0
    with EventLog(run) as log, scribe.Scribe(folder) as follower:
        for event in events:
            log.append(event, sync=False)
        log.sync()
        follower.step()
        for trial in range(21, 21 + ROUNDS):
            log.append(ev.TrialStarted(trial=trial))
            log.append(ev.TrialEnded(trial=trial, frames=240, reason=EndedBy.VERDICT))
            follower.step(everything=False)
            judged = ev.TrialJudged(trial=trial, verdict=Verdict.SUCCESS, judge="ben")
            appended.append(timed(lambda judged=judged: log.append(judged, sync=False)))
            synced.append(timed(log.sync))
            before = time.process_time()
            folded.append(timed(lambda: follower.step(everything=False)))
            used += (time.process_time() - before) * 1000 / ROUNDS
            data = folder.sessions_file.read_bytes()
            plain.append(timed(lambda data=data: write_atomically(folder.root / "plain.bin", data)))
        whole = [timed(follower.step) for _ in range(5)]
    told("the event, appended", appended)
    told("its fsync", synced)
    told("the scribe: fold, write, replace", folded, f"(target with the event: 60), of processor time {used:.0f}")
    told("a plain write of as many bytes", plain, f"ratio {statistics.median(folded) / statistics.median(plain):.1f}")
    told("verdict to TinyDB file, in all", [sum(each) for each in zip(appended, synced, folded, strict=True)])
    told("a pass over all runs, no change", whole)
    print(f"  the scribe's memory at most        {peak_mb():8.0f} MB")


def followed(folder: DataFolder, count: int) -> None:
    """The same with a scribe of its own, which looks whether a run grew: from the append until the file is replaced."""
    run = folder.run(large_log.session_id(count))
    run.root.mkdir(exist_ok=True)
    run.events.unlink(missing_ok=True)
    events = [e for e in large_log.run_events(4) if not isinstance(e, ev.SessionEnded)]
    taken = []
    with EventLog(run) as log:
        for event in events:
            log.append(event, sync=False)
        follower = subprocess.Popen([sys.executable, "-P", "-m", "services.log.scribe", str(folder.root)])
        time.sleep(5)
        for _ in range(ROUNDS // 2):
            time.sleep(1.5)
            last, before = len(events) % 2, folder.sessions_file.stat().st_ino
            judged = ev.TrialJudged(trial=5, verdict=(Verdict.SUCCESS, Verdict.FAILURE)[last], judge="ben")
            events.append(judged)
            began = time.perf_counter()
            log.append(judged)
            while folder.sessions_file.stat().st_ino == before and time.perf_counter() - began < 5:
                time.sleep(0.001)
            taken.append((time.perf_counter() - began) * 1000)
        log.append(ev.SessionEnded(status=SessionStatus.FINISHED))
    follower.wait(60)
    told("verdict to TinyDB file, real scribe", taken)


def stock(folder: DataFolder, count: int) -> None:
    """A bare TinyDB updates one of the same documents."""
    from tinydb import TinyDB

    from sessions.store import SessionStore

    with SessionStore(folder.sessions_file) as store:
        documents = [json.loads(bytes(row.document)) for row in store.rows().values()]
    with tempfile.TemporaryDirectory() as at, TinyDB(Path(at) / "stock.json") as database:
        numbers = database.insert_multiple(documents)
        update = [timed(lambda: database.update({"last_seq": 5}, doc_ids=[numbers[5]])) for _ in range(2)]
        told("a bare TinyDB's update", update, f"{(Path(at) / 'stock.json').stat().st_size / MB:.0f} MB")


def opening(folder: DataFolder, count: int) -> None:
    """The entries of the Log's table, from nothing; then again after nothing, and after one note."""
    from services.log.logbook import add_note
    from services.log.table.index import Index

    index = Index(folder)
    first = timed(index.refresh)
    assert len(index.entries) >= count, len(index.entries)
    told("the Log's entries, first time", [first], f"memory {peak_mb():.0f} MB")
    again = Index(folder)
    told("the Log's entries, new process's", [timed(again.refresh)])
    told("read again, nothing changed", [timed(index.refresh) for _ in range(5)])
    changed = []
    for number in range(5):
        add_note(folder, large_log.session_id(count // 2 + number), "the light changed", "anna")
        changed.append(timed(index.refresh))
    told("read again, one session changed", changed)
    told("filter a word", [timed(lambda: [e for e in index.entries if "slipped" in e.text]) for _ in range(5)])
    told("open one page's document", [timed(lambda n=n: index.session(index.entries[n * 100].id)) for n in range(20)])
    print(f"  memory at most                     {peak_mb():8.0f} MB")


def listing(folder: DataFolder, count: int) -> None:
    """Every document decoded, as `sessions --json` does."""
    from services.log import logbook

    told("logbook.sessions, all decoded", [timed(lambda: logbook.sessions(folder))], f"memory {peak_mb():.0f} MB")


def screen(folder: DataFolder, count: int) -> None:
    """The console in a pseudo-terminal: F7 to the table on screen, and its memory then."""
    import psutil

    from tests.support.terminal import Terminal

    command = [sys.executable, "-m", "console", "--data-dir", str(folder.root)]
    terminal = Terminal(command, env={**os.environ, "LAB_CONSOLE_WARM": "0", "LAB_CONSOLE_HOME": str(folder.root)})
    try:
        terminal.wait_until(lambda: "F7" in terminal.text or "Bench" in terminal.text, 60, "the console does not open")
        time.sleep(2)
        process = psutil.Process(terminal.pid)
        before, used = process.memory_info().rss / MB, sum(process.cpu_times()[:2])
        began = time.perf_counter()
        terminal.write(b"\x1b[18~")
        terminal.wait_until(lambda: "[F7" in terminal.text and "act_10cm_v" in terminal.text, 120, "no rows come")
        first = (time.perf_counter() - began) * 1000
        terminal.wait_until(lambda: f"{count // 10}" in terminal.text.splitlines()[2], 120, "the table does not come")
        took = (time.perf_counter() - began) * 1000
        used = (sum(process.cpu_times()[:2]) - used) * 1000
        time.sleep(3)
        after = process.memory_info().rss / MB
        told("F7 to the first rows on the screen", [first])
        told("F7 to the whole table", [took], f"(target 1,000), of processor time {used:.0f}")
        print(f"  the console's memory               {after:8.0f} MB (target 250; {before:.0f} before the Log)")
    finally:
        terminal.close()


PARTS = {
    "build": build,
    "verdicts": verdicts,
    "followed": followed,
    "opening": opening,
    "listing": listing,
    "screen": screen,
    "stock": stock,
}


def main() -> None:
    """Make the log, and measure each part in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--only", choices=PARTS, help="this part, in this process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-log-") as made:
        folder = DataFolder(options.keep or Path(made))
        if options.only:
            PARTS[options.only](folder, options.sessions)
            return
        again = [sys.executable, "-m", "tests.bench.bench_log", "--sessions", str(options.sessions)]
        if not folder.sessions_file.exists():
            subprocess.run([*again, "--keep", str(folder.root), "--only", "build"], check=True)
        size = folder.sessions_file.stat().st_size
        print(f"{options.sessions:,} sessions, sessions.json {size / MB:.1f} MB", flush=True)
        for part in [each for each in PARTS if each != "build"]:
            subprocess.run([*again, "--keep", str(folder.root), "--only", part], check=False)


if __name__ == "__main__":
    main()
