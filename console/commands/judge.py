"""`lab-console judge`: trains a second judge on judged trials, or lists those there are."""

from __future__ import annotations

import argparse
import asyncio
import os

from console.commands.progress import progress
from console.exit import FAILED, OK, complain
from services.bench.profiles import load_benches
from services.folders import DataFolder, data_folder
from services.judges.kept import JudgeProblem, KeptJudge, every
from services.judges.training import train
from services.log.rows.second_judge_rows import errs_words
from services.text import clean
from services.units import dimensions, plural


def judge(options: argparse.Namespace) -> int:
    """Train the one that is named; without a name, list them. Ctrl-C leaves nothing behind."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before numpy loads: small sums take far longer on several threads
    folder = data_folder(options.data_dir)
    if not options.name:
        return _list(folder)
    profile = load_benches().pick(options.bench)
    training = train(
        folder,
        options.name,
        sessions=options.sessions,
        bench=profile.name,
        task=profile.task_text(options.task) if options.task else "",
        progress=progress,
    )
    try:
        made = asyncio.run(training)
    except KeyboardInterrupt:
        progress("")
        complain("stopped: no judge was kept")
        return FAILED
    finally:
        progress("")
    for line in (*_lines(options.name, made.facts), *(f"left out: {each}" for each in made.left_out)):
        print(clean(line))
    print(f"`lab-console eval ... --second-judge {options.name}` has it tell its opinion after each verdict")
    return OK


def _list(folder: DataFolder) -> int:
    there = False
    for name, kept in every(folder):
        there = True
        for line in [str(kept)] if isinstance(kept, JudgeProblem) else _lines(name, kept):
            print(clean(line))
    if not there:
        print(f"no judge in {folder.root}; `lab-console judge NAME` trains one on the trials judged so far")
    return OK


def _lines(name: str, kept: KeptJudge) -> list[str]:
    trained = kept.trained
    cameras = ", ".join(f"{each.camera} {dimensions(each.width, each.height)}" for each in trained.cameras)
    of = "of sessions that were left out in turn" if kept.by_session else "of other days it may be wrong more often"
    by = f", judged by {', '.join(kept.judged_by)}" if kept.judged_by else ""
    return [
        f"{name}: {errs_words(trained)} ({of})",
        f"  bench {trained.bench}, task {trained.task!r}, cameras {cameras}",
        f"  from {plural(len(kept.sessions), 'session')}{by}, {kept.made_utc}",
    ]
