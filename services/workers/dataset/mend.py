"""Looks into one dataset, or mends it, and prints a Report as JSON.

Launched by `services.datasets.care`: `python -P -m services.workers.dataset.mend ROOT ACT [SOURCE...]`.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pyarrow as pa

from services.datasets.care import Act
from services.datasets.carrying import carry_marks, keep_marks
from services.datasets.lock import DatasetProblem, dataset_lock
from services.datasets.marks import SIDECAR, read_marks
from services.datasets.matching import match
from services.datasets.report import Report
from services.units import plural
from services.workers.dataset.recovery import repair
from services.workers.dataset.survey import Survey
from sessions.files import cannot_write, why_unwritable


def report(root: Path, act: Act, sources: list[Path]) -> Report:
    """What was found and done; problems are in `refused`."""
    try:
        with nullcontext() if act is Act.LOOK else dataset_lock(root, ""):
            done = _do(root, act, sources)
            return _seen(Survey(root), done)
    except DatasetProblem as problem:
        return Report(refused=str(problem))
    except OSError as error:
        why = f"cannot be written: {why_unwritable(error)}" if cannot_write(error) else f"cannot be read: {error}"
        return Report(refused=f"dataset {root.name} {why}")
    except pa.ArrowException as error:
        return Report(refused=f"dataset {root.name} cannot be read: {error}")


def _do(root: Path, act: Act, sources: list[Path]) -> tuple[str, ...]:
    match act:
        case Act.LOOK:
            return ()
        case Act.REPAIR:
            survey = Survey(root)
            if survey.healthy:
                return ("nothing to repair",)
            return (repair(survey, reason="repaired by `lab-console dataset --repair`").summary,)
        case Act.CARRY:
            _refuse_damaged(root)
            origin = carry_marks(root, Survey(root).contents, sources)
            counts = {name: list(origin.values()).count(name) for name in dict.fromkeys(origin.values())}
            carried = [f"{plural(count, 'mark')} carried over from {name}" for name, count in counts.items()]
            return tuple(carried) or ("no other dataset here has marks of these episodes",)
        case Act.KEEP:
            _refuse_damaged(root)
            return (f"{plural(keep_marks(root, Survey(root).contents), 'mark')} kept by the episodes' numbers",)


def _refuse_damaged(root: Path) -> None:
    if message := read_marks(root).message:
        raise DatasetProblem(f"{message}: put a copy of {SIDECAR} back, or remove it")


def _seen(survey: Survey, done: tuple[str, ...]) -> Report:
    marks = read_marks(survey.root)
    matched = match(marks, survey.contents)
    return Report(
        episodes=survey.episodes,
        frames=survey.frames,
        unreadable=survey.gap() or survey.unreadable(),
        left=tuple(str(path.relative_to(survey.root)) for path in (*survey.strays, *survey.overfull)),
        repairable=not survey.beyond and not survey.healthy,
        marked=len(matched.marks),
        rejected=tuple(i for i, mark in sorted(matched.marks.items()) if not mark.accepted),
        doubtful=matched.doubtful,
        notes=(marks.message,) if marks.message else matched.notes(),
        done=done,
    )


def main(argv: list[str]) -> int:
    """0, or 1 if nothing could be done."""
    made = report(Path(argv[1]), Act(argv[2]), [Path(source) for source in argv[3:]])
    sys.stdout.buffer.write(msgspec.json.encode(made))
    return 1 if made.refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
