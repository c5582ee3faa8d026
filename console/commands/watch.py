"""`lab-console watch`: a training that the console did not start, on the Train screen, as lines or as JSON."""

from __future__ import annotations

import argparse
import os
import sys
import time

import msgspec

from console.exit import FAILED, OK, complain
from console.streams import raw
from console.terminal import prepare_terminal
from services.bench.profiles import load_benches
from services.folders import DataFolder, RunFolder, data_folder
from services.refusal import Refusal
from services.text import clean, escape_json
from services.training.watching.keeping import keep
from services.training.watching.log_file import Pipe
from services.training.watching.own_run import OwnRun
from services.training.watching.points import LoggedRun, Point, row
from services.training.watching.source import STDIN, STDIN_DESCRIPTOR, Source, open_source
from services.units import duration, plural, size, value

TICK_S = 0.25
"""How often a file that grows is looked at."""
SILENT_S = 1.0
"""How long nothing is said while there is no point."""
MOST_SHOWN = 6
"""Checkpoints whose steps are all listed."""
PRINTED = 5_000
"""Points printed at once."""


def watch(options: argparse.Namespace) -> int:
    """Show it on a terminal; else print every point, and of a regular file end with it. `--keep` keeps its runs."""
    folder = data_folder(options.data_dir)
    screen = sys.stdout.isatty() and not options.json
    if screen and options.path == STDIN:
        source: Source = Pipe(_keyboard_from_terminal())
    elif options.path == STDIN and sys.stdin.isatty():
        raise Refusal("standard input is the keyboard: pipe a log into it, `ssh box tail -F train.log | ... watch -`")
    else:
        source = open_source(folder, options.path, wait=options.follow or screen)
    if options.keep and isinstance(source, OwnRun):
        source.close()
        raise Refusal(f"{source.where} is a session of this console: it is kept already")
    status = _show(options, folder, source) if screen else _print(options, source)
    if options.keep and status == OK:
        _keep(folder, source)
    return status


def _show(options: argparse.Namespace, folder: DataFolder, source: Source) -> int:
    """Open the console on Train."""
    benches = load_benches()
    profile = benches.pick(options.bench)
    if not sys.stdin.isatty():
        raise Refusal("the screen needs a keyboard, and standard input is none: add --json, or watch - for a piped log")
    prepare_terminal()
    from console.app import run

    own = run_of(folder, source)
    followed = None if own is not None else source
    return run(folder.create(), benches, profile, demo=False, attach=own, watch=followed)


def run_of(folder: DataFolder, source: Source) -> RunFolder | None:
    """The run, if it is a training of this log: the screen shows it as what it is, and can stop it."""
    own = isinstance(source, OwnRun) and source.place.root.resolve().parent == folder.runs.resolve()
    return folder.run(source.place.root.name) if own and isinstance(source, OwnRun) else None


def _keyboard_from_terminal() -> int:
    """Make the terminal standard input, for the keys; returns a descriptor of the log that was there.

    Raises Refusal if standard input is a terminal already, or if there is none.
    """
    if os.isatty(STDIN_DESCRIPTOR):
        raise Refusal("standard input is the keyboard: pipe a log into it, `ssh box tail -F train.log | ... watch -`")
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError as error:
        raise Refusal(f"there is no terminal for the keyboard ({error.strerror}): add --json") from error
    log = os.dup(STDIN_DESCRIPTOR)
    os.dup2(terminal, STDIN_DESCRIPTOR)
    os.close(terminal)
    return log


def _print(options: argparse.Namespace, source: Source) -> int:
    printer = _Json() if options.json else _Lines()
    try:
        _print_all(source, printer, follow=options.follow)
    except KeyboardInterrupt:
        source.finish()
        printer.show(source)
    finally:
        source.close()
    if printer.count:
        return OK
    if isinstance(source, OwnRun):
        failed = source.runs[0].failure
        complain(f"{source.where}: it ended before its first log point" + (f": {failed}" if failed else ""))
    elif bare := [run for run in source.runs if run.saved]:
        complain(clean(f"{source.where}: {told(bare[-1])}"))
        return OK
    else:
        complain(f"{source.where}: no log point of a training in it; `lab-console watch --help` says what it reads")
    return FAILED


def told(run: LoggedRun) -> str:
    """What is known of a run that left checkpoints only."""
    facts, steps = run.facts, [one.step for one in run.saved]
    what = " on ".join(filter(None, (facts.policy, facts.dataset))) or "a training"
    of = f" of {facts.steps:,}" if facts.steps else ""
    shown = [f"{step:,}" for step in steps]
    listed = ", ".join(shown if len(shown) <= MOST_SHOWN else [*shown[:2], "...", *shown[-2:]])
    last = run.saved[-1]
    saved = f", the last one {duration(time.time() - last.at)} ago" if last.at else ""
    return (
        f"{what}: {plural(len(steps), 'checkpoint')} of {size(last.bytes)}, at step {listed}{of}{saved}; loss and "
        "learning rate are not known: no log, TensorBoard or W&B file is there"
    )


def _keep(folder: DataFolder, source: Source) -> None:
    """Keep it, and say under which ids: on standard error, which no script reads for points."""
    outcome = keep(folder.create(), source)
    for ids, what in ((outcome.added, "kept"), (outcome.corrected, "brought up to date"), (outcome.unchanged, "there")):
        for session in ids:
            complain(f"session {session}: {what}" if what != "there" else f"session {session}: it was kept before")


def _print_all(source: Source, printer: _Printer, *, follow: bool) -> None:
    """Print what there is, and what comes: a training of ours that runs has a first point some time."""
    live, silent = follow or isinstance(source, Pipe), time.monotonic() + SILENT_S
    while True:
        grown = source.read()
        printer.show(source)
        if grown:
            continue
        if source.over or not (live or (isinstance(source, OwnRun) and not printer.count)):
            break
        if not printer.count and time.monotonic() > silent:
            why = f" ({source.note})" if source.note else ""
            complain(f"{source.where}: no log point yet{why}; waiting for the first (Ctrl-C ends)")
            silent = float("inf")
        _wait(source)
    source.finish()
    printer.show(source)


def _wait(source: Source) -> None:
    if isinstance(source, Pipe):
        source.ready(TICK_S)
    else:
        time.sleep(TICK_S)


class _Printer:
    """Prints the points that are new; `count` is how many there were."""

    def __init__(self) -> None:
        self.count = 0
        self._printed: dict[int, tuple[int, int]] = {}
        """Of each run: how many points, after how many resumptions."""

    def show(self, source: Source) -> None:
        """Print what was added since the last time; of a run that was resumed, the steps that it makes again."""
        for run in source.runs:
            points = run.points
            start = points.still(*self._printed.get(run.number, (0, 0)))
            for at in range(start, len(points), PRINTED):
                self._write(run, [points[each] for each in range(at, min(at + PRINTED, len(points)))])
            self._printed[run.number] = len(points), len(points.resumed)
            self.count += len(points) - start

    def _write(self, run: LoggedRun, points: list[Point]) -> None:
        raise NotImplementedError


class _Json(_Printer):
    def _write(self, run: LoggedRun, points: list[Point]) -> None:
        encode = msgspec.json.Encoder().encode
        text = b"\n".join(encode(row(run.number, point)) for point in points).decode()
        out = raw(sys.stdout)  # it holds no control characters: JSON escapes them, and `escape_json` the rest
        out.write(text if text.isascii() else escape_json(text))
        out.write("\n")
        out.flush()


class _Lines(_Printer):
    def _write(self, run: LoggedRun, points: list[Point]) -> None:
        for point in points:
            about = "" if point.exact else "~"
            values = "  ".join(f"{clean(name)} {value(number)}" for name, number in point.metrics.items())
            print(f"run {run.number}  step {about}{point.step:,}  {values}", flush=True)
