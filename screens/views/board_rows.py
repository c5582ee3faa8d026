"""The rows of Bench's list: what runs, datasets, trainings, evaluations, sessions, each under its heading. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from textual.content import Content

from screens.views import keys
from screens.views.cut import cut
from screens.views.session_rows import running_row, session_sign
from screens.views.signs import bar, clean, fit, signs
from screens.views.times import when
from services.live.running import Running
from services.log.board import Board, DatasetProgress, TrainingResult
from services.units import value
from sessions.document import Session
from sessions.models import SessionKind, Verdict
from sessions.requests import BenchRequest

Target = Running | DatasetProgress | TrainingResult | Session
FEWEST = 3
"""Rows of a section that are listed even where there is no room: the list scrolls."""
BAR = 10
NAME = (18, 34)
"""The narrowest and the widest first column."""


@dataclass(frozen=True)
class Entry:
    """A row of the list. A heading has no `target` and cannot be chosen; `key` stays the same while its row changes."""

    row: Content
    key: str = ""
    target: Target | None = None


@dataclass(frozen=True)
class Look:
    """How the rows are drawn: their width, the ids of the sessions attached here, and the Unix time."""

    width: int
    attached: Collection[str]
    now: float


def entries(board: Board, look: Look, height: int) -> list[Entry]:
    """As many rows as fit into `height` rows, but no fewer than FEWEST of each section: the list scrolls."""
    sections = [(heading, items) for heading, items in _sections(board, look.width) if items]
    numbers = _numbers([len(items) for _, items in sections], height, all_of_first=bool(board.runs.running))
    spaced = sum(numbers) + 2 * len(numbers) - 1 <= height
    found: list[Entry] = []
    for (heading, items), number in zip(sections, numbers, strict=True):
        if found and spaced:
            found.append(Entry(Content("")))
        found.append(Entry(heading))
        found += [Entry(_row(item, look), _key(item), item) for item in items[:number]]
    return found


def _numbers(lengths: list[int], height: int, *, all_of_first: bool) -> list[int]:
    """How many items of each section: FEWEST, then one more of each in turn while there is room."""
    numbers = [length if all_of_first and at == 0 else min(FEWEST, length) for at, length in enumerate(lengths)]
    room = height - sum(numbers) - 2 * len(numbers) + 1  # headings, and an empty row between sections
    while room > 0 and numbers != lengths:
        for at, length in enumerate(lengths):
            if numbers[at] < length and room > 0:
                numbers[at] += 1
                room -= 1
    return numbers


def _sections(board: Board, width: int) -> list[tuple[Content, Sequence[Target]]]:
    """Each heading and what is below it, what can be attached to first."""
    return [
        (_heading("running"), board.runs.running),
        (_heading("datasets", DATASETS, width), board.datasets),
        (_heading("runs", TRAININGS, width), board.trainings),
        (_heading("evaluations", EVALUATIONS, width), board.evaluations),
        (_heading("sessions", SESSIONS, width), board.sessions),
    ]


def _row(item: Target, look: Look) -> Content:
    match item:
        case Running():
            return running_row(item, item.run.id if item.run.id in look.attached else "")
        case DatasetProgress():
            return _dataset(item, look)
        case TrainingResult():
            return _training(item, look)
        case Session() if item.kind is SessionKind.EVAL:
            return _evaluation(item, look)
        case Session():
            return _session(item, look)


def _key(item: Target) -> str:
    match item:
        case Running():
            return item.run.id
        case DatasetProgress():
            return f"dataset {item.summary.root}"
        case TrainingResult():
            return item.session.id
        case Session():
            return item.id


# --- columns ----------------------------------------------------------------------------------------

Cell = tuple[str, str]
"""Text and style."""


@dataclass(frozen=True)
class Column:
    """A column behind the name: the narrower the list, the fewer there are, those of the highest `rank` first to go."""

    title: str
    width: int
    rank: int = 0
    right: bool = True


def _kept(columns: Sequence[Column], width: int) -> list[bool]:
    """Which columns fit beside the narrowest name."""
    kept = [True] * len(columns)
    for at in sorted(range(len(columns)), key=lambda at: -columns[at].rank):
        if NAME[0] + sum(c.width for c, keep in zip(columns, kept, strict=True) if keep) <= width:
            break
        kept[at] = False
    return kept


def _line(
    name: Sequence[Cell], cells: Sequence[Cell | Sequence[Cell]], columns: Sequence[Column], width: int
) -> Content:
    """The name, cut or padded, and one cell (or several of one width) for each column that fits."""
    kept = _kept(columns, width)
    used = sum(column.width for column, keep in zip(columns, kept, strict=True) if keep)
    room = max(NAME[0], min(NAME[1], width - used))
    first = cut(Content.assemble(*name), room - 1)
    first = first.pad_right(max(0, room - first.cell_length))
    parts = []
    for cell, column, keep in zip(cells, columns, kept, strict=True):
        if keep and isinstance(cell, tuple):
            text = fit(cell[0], column.width - 1)
            parts.append((f" {text.strip():>{column.width - 1}}" if column.right else f" {text}", cell[1]))
        elif keep:
            parts += [(" ", ""), *cell]
    return first + Content.assemble(*parts)


def _heading(title: str, columns: Sequence[Column] = (), width: int = 0) -> Content:
    return _line([(title, "bold $secondary")], [(c.title, "$quiet") for c in columns], columns, width)


# --- rows -------------------------------------------------------------------------------------------

DATASETS = (
    Column("accepted", BAR + 1, 1, right=False),
    Column("", 9, 0, right=False),
    Column("data", 10, 2),
    Column("rejected", 10, 4),
    Column("last", 8, 3),
)


def _dataset(item: DatasetProgress, look: Look) -> Content:
    """`cubes  ████░░░░░░  41/50   6.2 min   14:02`, or why the dataset cannot be used."""
    summary, s = item.summary, signs()
    if summary.problem:
        text = f"{s.warning} {clean(summary.name)}  {clean(summary.problem)}"
        return Content.styled(text, "$warning")
    done = 0 < item.target <= summary.accepted
    name = [(f"{s.yes} ", "$success") if done else ("  ", ""), (clean(summary.name), "bold")]
    cells: list[Cell | list[Cell]] = [
        _bar(summary.accepted, item.target),
        (f"{summary.accepted}/{item.target}" if item.target else f"{summary.accepted}", ""),
        (f"{item.seconds / 60:.1f} min", "$quiet"),
        (str(summary.rejected or ""), "$quiet"),
        (when(item.recorded_at, look.now), "$quiet"),
    ]
    return _line(name, cells, DATASETS, look.width)


def _bar(accepted: int, target: int) -> list[Cell]:
    """The way to the target; empty cells where there is none."""
    if not target:
        return [(" " * BAR, "")]
    full, empty = bar(accepted / target, BAR)
    return [(full, "$success" if accepted >= target else "$accent"), (empty, "$edge")]


TRAININGS = (
    Column("step", 13, 0),
    Column("loss", 9, 0),
    Column("newest", 9, 2),
    Column("best so far", 14, 1),
    Column("began", 8, 3),
)


def _training(item: TrainingResult, look: Look) -> Content:
    """`✓ act_v2  3,210/20k  0.0412  003210  010000 12/20  17 Feb`."""
    from services.log.headline import subject

    session, training = item.session, item.session.training
    sign, tone = session_sign(session)
    name = [(f"{sign} ", f"bold {tone}"), (subject(session), "bold")]
    if training is None:
        return Content.assemble(*name, (f"  {clean(session.end_reason) or 'it made no step'}", "$quiet"))
    steps = f"{training.step:,}" + (
        f"/{_short(training.started.steps)}" if training.step < training.started.steps else ""
    )
    tried = item.best
    cells: list[Cell] = [
        (steps, ""),
        ("" if training.loss is None else value(training.loss), ""),
        (f"{training.checkpoints[-1].step:06}" if training.checkpoints else "none", "$quiet"),
        (f"{tried.step:06} {tried.successes}/{tried.judged}", "$success") if tried else ("not judged", "$quiet"),
        (when(session.started.at, look.now), "$quiet"),
    ]
    return _line(name, cells, TRAININGS, look.width)


def _short(steps: int) -> str:
    """`20k` for 20,000, exact where thousands are not whole."""
    return f"{steps // 1000}k" if steps >= 1000 and steps % 1000 == 0 else f"{steps:,}"


EVALUATIONS = (Column("success", 9, 0), Column("rate, 95 %", 16, 1), Column("began", 8, 2))


def _evaluation(item: Session, look: Look) -> Content:
    """`✓ act_v2 @ 020000  12/20  60 % [39, 78]  14:02`."""
    from services.log.headline import rate, subject

    sign, tone = session_sign(item)
    success = item.count(Verdict.SUCCESS)
    judged = success + item.count(Verdict.FAILURE)
    cells: list[Cell] = [
        (f"{success}/{judged}" if judged else "none", ""),
        (rate(success, judged) if judged else "", ""),
        (when(item.started.at, look.now), "$quiet"),
    ]
    return _line([(f"{sign} ", f"bold {tone}"), (subject(item), "bold")], cells, EVALUATIONS, look.width)


SESSIONS = (Column("kind", 8, 3, right=False), Column("accepted", 10, 0), Column("took", 12, 2), Column("began", 8, 1))


def _session(item: Session, look: Look) -> Content:
    """`✓ cubes  record  12/50  31 m 05 s  14:02`; of a bench session what it was to do."""
    from services.log.headline import headline

    head = headline(item)
    sign, tone = session_sign(item)
    bench = isinstance(item.request, BenchRequest)
    what = item.request.purpose.value if isinstance(item.request, BenchRequest) else head.what
    target = f"/{item.target}" if item.target else ""
    cells: list[Cell] = [
        (head.kind, "$quiet"),
        ("" if bench else f"{item.accepted}{target}", ""),
        (head.duration, "$quiet"),
        (when(item.started.at, look.now), "$quiet"),
    ]
    return _line([(f"{sign} ", f"bold {tone}"), (clean(what) or head.what, "bold")], cells, SESSIONS, look.width)


# --- the hint ---------------------------------------------------------------------------------------


def opens(target: Target | None) -> str:
    """What Enter does on this row."""
    key = keys.OPEN
    match target:
        case Running():
            return f"{key} shows it"
        case DatasetProgress() if target.session is not None:
            return f"{key} opens its last recording in the log"
        case DatasetProgress():
            return f"not recorded here {signs().dot} {keys.RECORD} records into it"
        case TrainingResult():
            return f"{key} opens the run in train"
        case Session() if target.kind is SessionKind.EVAL:
            return f"{key} opens the evaluation in the log"
        case _:
            return f"{key} opens the session in the log"
