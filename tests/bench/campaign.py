"""The fault campaign: processes are killed, terminals dropped, disks filled; what was acknowledged must be there.

    uv run python -m tests.bench.campaign [--only PART ...] [--share 1.0] [--seed 9]

Each part counts `tried` faults, what was `acknowledged` before them, how much of that was `lost` afterwards (in the
dataset, the events or the log), and what `hung` (a worker, verb or recovery past its time). The last two must be 0.
`--share 0.1` makes a tenth of the tries. All of it takes about 40 minutes; `tests/test_campaign.py` is a short form.

A new kind of fault is one function in PARTS. The faults of a bus, on emulated servos, are in `servo_faults`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import services.live.launch
from services.checkpoints.checkpoint import complete, missing
from services.datasets.marks import read_marks
from services.folders import RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.crashes import close_crashed
from services.live.event_log import is_live, read_events
from services.live.link import Link
from services.live.phases import Phase
from services.live.snapshots import Snapshot
from services.log.scribe import fold
from sessions.models import SessionStatus, Verdict
from sessions.store import SessionStore
from tests import ROOT
from tests.bench.counting import Count, chance, within
from tests.bench.servo_faults import SERVO_PARTS
from tests.bench.verdict_kills import KILL_PARTS
from tests.support import evaluating, trainings
from tests.support.rig import Rig, follow, gone, say, take, wait_until
from tests.support.zygote import Zygote

SESSION = {"episode_seconds": 0.5, "reset_seconds": 0.0, "lockstep": True, "episodes": 5000, "resume": True}
GONE_S = 10.0
"""A killed worker's locks are free within this."""
DELAYS_S = (0.0, 0.0, 0.001, 0.005, 0.02, 0.05)
"""From an answer to the kill."""


Part = Callable[[Rig, int], Awaitable[Count]]


def kill(rig: Rig, run: RunFolder, count: Count) -> Snapshot:
    """kill -9 the worker; the state once its end is written, by whoever finds it first."""
    with suppress(ProcessLookupError):
        os.kill(rig.pid(run), signal.SIGKILL)
    try:
        wait_until(gone(run), GONE_S)
        wait_until(lambda: close_crashed(run).status is SessionStatus.CRASHED, GONE_S)
    except AssertionError:
        count.hang(f"the end of {run.id}")
    return close_crashed(run)


# -- recording workers -----------------------------------------------------------------------------------


async def recording_workers(rig: Rig, tries: int) -> Count:
    """Killed while a take is recorded, saved, or just saved; the next one recovers and goes on."""
    count = Count()
    told: dict[int, int] = {}
    runs: list[tuple[RunFolder, set[int]]] = []
    for _ in range(tries):
        count.tried += 1
        run, saved = rig.record(**SESSION), set[int]()
        async with within(count, 90, f"{run.id}, from its start to its kill"):
            await _kill_recorder(rig, run, told, saved)
        await asyncio.to_thread(kill, rig, run, count)
        runs.append((run, saved))
    await asyncio.to_thread(_check_episodes, rig, told, runs, count)
    return count


async def _kill_recorder(rig: Rig, run: RunFolder, told: dict[int, int], saved: set[int]) -> None:
    """Kill it at a moment of its second take; what it had acknowledged by then goes into `told` and `saved`."""
    last = asyncio.Event()
    kind = chance.choice((ev.TakeStarted, ev.TakeEnded, ev.TakeEnded, ev.TakeEnded, ev.EpisodeSaved))

    def watch(event: ev.Event, _: Snapshot) -> None:
        if isinstance(event, ev.EpisodeSaved):
            saved.add(event.index)
            told[event.index] = event.frames
        if isinstance(event, kind) and event.take == 2:
            asyncio.get_running_loop().call_later(chance.uniform(0, 0.05), last.set)

    async with rig.attached(run, on_event=watch) as link:
        await follow(link)
        await take(link)
        await say(link, protocol.StartTake(take=2))
        await asyncio.wait_for(last.wait(), 20)
        os.kill(rig.pid(run), signal.SIGKILL)


def _check_episodes(rig: Rig, told: dict[int, int], runs: list[tuple[RunFolder, set[int]]], count: Count) -> None:
    """In LeRobot's dataset as it opens it, in the events, and in the log."""
    from lerobot.datasets import LeRobotDataset

    from services.workers.dataset.recovery import recover

    root = rig.folder.datasets / "demo"
    recover(root)
    dataset = LeRobotDataset("demo", root=root, video_backend="pyav")
    lengths = {int(row["episode_index"]): int(row["length"]) for row in dataset.meta.episodes}
    fold(rig.folder)
    logged = {session.id: session for session in SessionStore(rig.folder.sessions_file).all()}
    for run, saved in runs:
        kept = {episode.index for episode in logged[run.id].episodes} if run.id in logged else set()
        for index in saved:
            there = lengths.get(index) == told[index] and index in kept
            count.check(there, f"episode {index} of {run.id}")
    dataset[len(dataset) - 1]


# -- note writers ----------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from services.folders import DataFolder
from services.log import logbook
for number in range(1000):
    text = f"{sys.argv[3]} {number}"
    logbook.add_note(DataFolder(Path(sys.argv[1])), sys.argv[2], text)
    print(text, flush=True)
"""


async def note_writers(rig: Rig, tries: int) -> Count:
    """Processes that write remarks on a session that has ended, killed in the middle of it."""
    count = Count()
    run = rig.record(**SESSION)
    async with rig.attached(run):
        kill(rig, run, count)
    for number in range(tries):
        count.tried += 1
        command = [sys.executable, "-c", WRITER, str(rig.folder.root), run.id, f"writer{number}"]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert writer.stdout is not None
        told = [writer.stdout.readline().strip() for _ in range(2)]
        await asyncio.sleep(chance.uniform(0, 0.03))
        writer.kill()
        told += [line.strip() for line in writer.stdout if line.endswith("\n")]
        writer.wait()
        notes = {event.text for event in read_events(run.events) if isinstance(event, ev.NoteAdded)}
        for text in told:
            count.check(text in notes, text)
    fold(rig.folder)
    logged = {note.text for note in SessionStore(rig.folder.sessions_file).all()[0].notes}
    count.check(len(logged) >= count.acknowledged - count.lost, "notes in the log")
    return count


# -- after an answer -------------------------------------------------------------------------------------

Ask = Callable[[Link], Awaitable[protocol.Answer]]
Kept = Callable[[Rig, Snapshot], bool]


async def _after_answers(rig: Rig, tries: int, start: Callable[[Rig], RunFolder], ask: Ask, kept: Kept) -> Count:
    count = Count()
    for _ in range(tries):
        count.tried += 1
        run, answer = start(rig), None
        async with within(count, 90, f"{run.id}, from its start to its kill"), rig.attached(run) as link:
            answer = await ask(link)
            await asyncio.sleep(chance.choice(DELAYS_S))
            os.kill(rig.pid(run), signal.SIGKILL)
        state = await asyncio.to_thread(kill, rig, run, count)
        if answer is not None and answer.ok:
            count.check(kept(rig, state), f"what was answered in {run.id}")
        else:
            count.notes.append(f"refused: {answer.error if answer else 'not answered'}")
    return count


def _recording(rig: Rig) -> RunFolder:
    return rig.record(**SESSION)


async def _reject(link: Link) -> protocol.Answer:
    await follow(link)
    await take(link)
    return await link.ask(protocol.MarkTake(take=1, accepted=False))


async def _reject_while_saving(link: Link) -> protocol.Answer:
    await follow(link)
    await say(link, protocol.StartTake(take=1))
    await link.until(lambda s: s.unsaved_take == 1 or bool(s.episodes), 30)  # it may be over before anybody looks
    return await link.ask(protocol.MarkTake(take=1, accepted=False))


def _rejected(rig: Rig, state: Snapshot) -> bool:
    """In the dataset and in the log."""
    episode = state.episodes[0]
    mark = read_marks(rig.folder.datasets / "demo").get(episode.index)
    return mark is not None and not mark.accepted and not episode.accepted


async def marks(rig: Rig, tries: int) -> Count:
    """After the answer to a reject of a saved take."""
    return await _after_answers(rig, tries, _recording, _reject, _rejected)


async def marks_while_saving(rig: Rig, tries: int) -> Count:
    """After the answer to a reject of a take that is being saved."""
    return await _after_answers(rig, tries, _recording, _reject_while_saving, _rejected)


async def notes(rig: Rig, tries: int) -> Count:
    """After the answer to a note in a running session."""
    command = protocol.AddNote(text="kept")
    return await _after_answers(
        rig, tries, _recording, lambda link: link.ask(command), lambda _, state: state.notes[-1].text == "kept"
    )


async def tags(rig: Rig, tries: int) -> Count:
    """After the answer to a tag."""
    command = protocol.SetTag(tag="kept")
    return await _after_answers(
        rig, tries, _recording, lambda link: link.ask(command), lambda _, state: "kept" in state.tags
    )


def _trials(rig: Rig) -> RunFolder:
    return evaluating.evaluate(rig, trial_seconds=0.1)


async def _judge(link: Link) -> protocol.Answer:
    await evaluating.start(link)
    await evaluating.pending(link)
    return await link.ask(protocol.JudgeTrial(trial=1, verdict=Verdict.FAILURE))


async def _undo(link: Link) -> protocol.Answer:
    await _judge(link)
    return await link.ask(protocol.UndoVerdict(trial=1))


async def _annotate(link: Link) -> protocol.Answer:
    await _judge(link)
    return await link.ask(protocol.AnnotateTrial(trial=1, failure_mode="drops it"))


async def verdicts(rig: Rig, tries: int) -> Count:
    """After the answer to a verdict."""
    return await _after_answers(rig, tries, _trials, _judge, lambda _, s: s.trials[0].verdict is Verdict.FAILURE)


async def undone_verdicts(rig: Rig, tries: int) -> Count:
    """After the answer to a verdict that was taken back."""
    return await _after_answers(rig, tries, _trials, _undo, lambda _, s: s.trials[0].verdict is None)


async def annotations(rig: Rig, tries: int) -> Count:
    """After the answer to a failure mode."""
    return await _after_answers(rig, tries, _trials, _annotate, lambda _, s: s.trials[0].failure_mode == "drops it")


# -- dropped terminals -----------------------------------------------------------------------------------


async def terminals(rig: Rig, tries: int) -> Count:
    """A console's terminal goes away in the middle of a take: the take is saved, the arm holds, the session lives."""
    return await asyncio.to_thread(_drop_terminals, rig, tries)


def _drop_terminals(rig: Rig, tries: int) -> Count:
    from tests.support.demo_desk import DemoDesk

    count, demo = Count(), DemoDesk(rig.folder.root / "home")
    try:
        screen = demo.open()
        run = demo.start_recording(screen, episodes="5000", seconds="2")
        for number in range(1, tries + 1):
            count.tried += 1
            demo.follow(screen, run)
            demo.start_take(screen, run)
            time.sleep(chance.uniform(0, 1.5))
            screen.hang_up()
            try:
                wait_until(lambda n=number: any(e.take == n for e in demo.state(run).episodes), 30)
                wait_until(lambda: demo.state(run).phase is Phase.HELD, 30)
                count.check(is_live(run), f"the session after drop {number}")
                screen = demo.attach(run.id)
                screen.wait_for("holding", 30)
            except AssertionError as error:
                count.hang(f"drop {number}: {error}")
                break
    finally:
        demo.close()
    return count


# -- a full disk -----------------------------------------------------------------------------------------


@contextmanager
def small_disk(rig: Rig, megabytes: int) -> Iterator[Path | None]:
    """A file system of that size for this block; None where this process may mount none."""
    with tempfile.TemporaryDirectory(dir=rig.folder.root) as where:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", where], capture_output=True
        )
        try:
            yield Path(where) if mounted.returncode == 0 else None
        finally:
            if mounted.returncode == 0:
                subprocess.run(["umount", "-l", where], check=False)


def fill(disk: Path) -> None:
    """Take what room there is."""
    with (disk / f"fill{time.monotonic_ns()}").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


async def full_while_recording(rig: Rig, tries: int) -> Count:
    """The disk fills up between takes: the verb says what is kept and ends with status 1, the episodes are whole."""
    count = Count()
    for _ in range(tries):
        count.tried += 1
        with small_disk(rig, 24) as disk:
            if disk is None:
                count.notes.append("no file system could be mounted: not tried")
                return count
            await asyncio.to_thread(_record_until_full, disk, count)
    return count


def _record_until_full(disk: Path, count: Count) -> None:
    command = [sys.executable, "-u", "-m", "console", "--data-dir", str(disk / "lab"), "--bench", "sim-state"]
    command += ["record", "--dataset", "demo", "--task", "pick_place", "--episodes", "100", "--lockstep"]
    verb = subprocess.Popen(
        [*command, "--reset-seconds", "0", "--episode-seconds", "2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, cwd=ROOT,
    )  # fmt: skip
    said: list[str] = []
    saved, full_at = 0, 0.0
    assert verb.stdout is not None
    for line in verb.stdout:
        said.append(line)
        saved += " saved as episode " in line
        if saved >= 3:
            fill(disk)
            full_at = full_at or time.monotonic()
    try:
        status = verb.wait(10)
    except subprocess.TimeoutExpired:
        verb.kill()
        status = -1
    if time.monotonic() - full_at > 60 or status != 1:
        count.hang(f"the verb: status {status} after {time.monotonic() - full_at:.0f} s; {said[-3:]}")
    for run in (disk / "lab" / "runs").iterdir():
        with suppress(AssertionError):
            wait_until(gone(RunFolder(run)), 30)
        if is_live(RunFolder(run)):
            count.hang(f"the worker of {run.name}")
    for path in disk.glob("fill*"):
        path.unlink()
    _check_recorded(disk, saved, count)


def _check_recorded(disk: Path, saved: int, count: Count) -> None:
    from lerobot.datasets import LeRobotDataset

    from services.workers.dataset.recovery import recover

    root = disk / "lab" / "datasets" / "demo"
    recover(root)
    lengths = [int(row["length"]) for row in LeRobotDataset("demo", root=root).meta.episodes]
    for index in range(saved):
        count.check(index < len(lengths), f"episode {index} of a full disk")


async def full_while_training(rig: Rig, tries: int) -> Count:
    """No room for a checkpoint: the training waits for some, gives up where there never is; the others are whole."""
    count = Count()
    await asyncio.to_thread(trainings.make_dataset, rig.folder, "cubes")
    for number in range(tries):
        count.tried += 1
        run = trainings.train(rig.folder, steps=60, save_freq=10, name=f"full{number}")
        async with within(count, 180, f"the training {run.id}"), rig.attached(run, drive=True) as link:
            await _train_on_a_full_disk(rig, run, link, stays_full=bool(number % 2))
        state = rig.snapshot(run)
        if state.status is not (SessionStatus.ABORTED if number % 2 else SessionStatus.FINISHED):
            count.notes.append(f"{run.id}: {state.end_reason}")
        for told in state.training.checkpoints if state.training else ():
            count.check(not missing(Path(told.path)), told.path)
        output = rig.folder.trainings / f"full{number}"
        count.check(bool(complete(output)), f"a checkpoint of {output}")
    return count


async def _train_on_a_full_disk(rig: Rig, run: RunFolder, link: Link, *, stays_full: bool) -> None:
    """No file of the trainer may grow, from its first checkpoint until it has said so, or to its end."""
    import psutil

    await link.until(lambda s: bool(s.training and s.training.checkpoints) or not s.running, 120)
    for process in psutil.Process(rig.pid(run)).children(recursive=True):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    await link.until(lambda s: bool(s.alarms) or not s.running, 60)
    for process in [] if stays_full else psutil.Process(rig.pid(run)).children(recursive=True):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await link.until(lambda s: not s.running, 120)


# -- all of it -------------------------------------------------------------------------------------------

PARTS: dict[str, tuple[Part, int]] = {
    "recording workers": (recording_workers, 250),
    "note writers": (note_writers, 100),
    "marks": (marks, 100),
    "marks while saving": (marks_while_saving, 100),
    "notes": (notes, 100),
    "tags": (tags, 100),
    "verdicts": (verdicts, 100),
    "undone verdicts": (undone_verdicts, 100),
    "annotations": (annotations, 100),
    "dropped terminals": (terminals, 20),
    "full disk, recording": (full_while_recording, 5),
    "full disk, training": (full_while_training, 5),
    **SERVO_PARTS,
    **KILL_PARTS,
}
"""Each part with its tries."""


@contextmanager
def quick_workers() -> Iterator[None]:
    """Workers are forked from a process that has LeRobot loaded; trainings wait 10 s for room on a disk, not 10 min.

    Their device locks are in a folder of their own: other emulators on this machine have the same pseudo-terminals.
    """
    with tempfile.TemporaryDirectory() as locks:
        here = f"from pathlib import Path; device_locks.device_lock_folder = lambda: Path({locks!r})"
        impatient = "from services.workers.training import patience; patience.PATIENCE_S = 10.0"
        first = f"from services.bench import device_locks; {here}; {impatient}"
        zygote, stock = Zygote(first), services.live.launch.spawn
        services.live.launch.spawn = zygote.spawn
        try:
            yield
        finally:
            services.live.launch.spawn = stock
            zygote.close()


async def run_part(name: str, tries: int, where: Path) -> Count:
    """One part in a data folder of its own."""
    rig = Rig(where / name.replace(" ", "-").replace(",", ""))
    try:
        return await PARTS[name][0](rig, tries)
    finally:
        rig.close()


def main() -> int:
    """Print the table; the status is 1 if anything was lost or hung."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--share", type=float, default=1.0, help="of the tries of each part")
    parser.add_argument("--seed", type=int, default=9, help="of the moments at which the faults come")
    options: Any = parser.parse_args()
    chance.seed(options.seed)
    os.environ["LAB_CONSOLE_WARM"] = "0"
    os.environ["HF_HUB_OFFLINE"] = "1"
    bad = 0
    print(f"{'':24} {'tried':>6} {'acknowledged':>13} {'lost':>5} {'hung':>5}", flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as where, quick_workers():  # a scribe may write still
        for name in options.only:
            began = time.monotonic()
            count = asyncio.run(run_part(name, max(1, round(PARTS[name][1] * options.share)), Path(where)))
            seconds = time.monotonic() - began
            row = f"{name:24} {count.tried:6} {count.acknowledged:13} {count.lost:5} {count.hung:5}"
            print(f"{row}   {seconds:4.0f} s", flush=True)
            for note in count.notes[:5]:
                print(f"    {note}", flush=True)
            bad += count.lost + count.hung
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
