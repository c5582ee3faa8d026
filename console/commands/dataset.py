"""`lab-console dataset`: a close look at one dataset; repairs it, carries marks over."""

from __future__ import annotations

import argparse

from console.exit import BAD_USAGE, FAILED, OK, complain
from services.datasets.care import Act, attend
from services.datasets.report import Report
from services.datasets.summary import DatasetSummary, summarize
from services.folders import data_folder
from services.text import clean
from services.units import plural, size


def dataset(options: argparse.Namespace) -> int:
    """Print what the dataset holds; 1 if it cannot be trained on as it is."""
    folder = data_folder(options.data_dir)
    if options.sources and not options.carry_marks:
        complain("--from says where --carry-marks looks: give both")
        return BAD_USAGE
    act = Act.REPAIR if options.repair else Act.CARRY if options.carry_marks else Act.LOOK
    act = Act.KEEP if options.keep_marks else act
    report = attend(folder, options.name, act, options.sources)
    summary = summarize(folder.datasets / options.name, options.name)
    for line in lines(summary, report):
        print(clean(line))
    return FAILED if report.unreadable or report.doubtful or summary.problem else OK


def lines(summary: DatasetSummary, report: Report) -> list[str]:
    """The dataset, what was done, and what is wrong with it, each with what mends it."""
    cameras = f"; cameras {', '.join(summary.cameras)}" if summary.cameras else ""
    held = f"{plural(report.episodes, 'episode')}, {report.frames:,} frames at {summary.fps:g} fps"
    return [
        f"{summary.name}: {held}{cameras}; {size(summary.bytes)}",
        *(f"done: {text}" for text in report.done),
        *_marks(summary.name, report),
        *_damage(summary, report),
    ]


def _marks(name: str, report: Report) -> list[str]:
    made = []
    if report.marked:
        rejected = f": {', '.join(map(str, report.rejected))}" if report.rejected else ""
        accepted = report.episodes - len(report.rejected)
        made.append(f"marks: {accepted} accepted, {len(report.rejected)} rejected{rejected}")
    made += [f"note: {text}" for text in report.notes]
    if report.doubtful:
        numbers = ", ".join(map(str, report.doubtful))
        made.append(
            f"episode {numbers} was rejected with other values: --carry-marks looks for the marks of these episodes, "
            "--keep-marks keeps the marks by number"
        )
    elif report.marked < report.episodes and not report.done:
        made.append(f"`lab-console dataset {name} --carry-marks` looks for their marks in the other datasets here")
    return made


def _damage(summary: DatasetSummary, report: Report) -> list[str]:
    made = []
    if report.unreadable:
        made.append(f"it cannot be trained on: {report.unreadable}")
    elif summary.problem:
        made.append(f"it cannot be used: {summary.problem}")
    if report.left:
        more = f" and {len(report.left) - 5} more" if len(report.left) > 5 else ""
        made.append(f"left by a recording that ended badly: {', '.join(report.left[:5])}{more}")
    if report.repairable:
        made.append(
            f"`lab-console dataset {summary.name} --repair` keeps the whole episodes, sets the rest aside in its "
            "quarantine folder, and keeps a copy of what it rewrites; nothing is deleted"
        )
    return made
