"""What the trials so far say in plain words, beside their numbers, and where they succeeded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from textual.content import Content

from screens.views.page_lines import wrap
from screens.views.signs import clean, fit_end, signs
from screens.views.start_scene import request_of
from screens.views.table_map import Written, on_table, table_of
from screens.views.trials import before, in_all, judged_in_all, target
from services.live.snapshots import Snapshot
from services.log.trials.conclusion import WAITING
from services.log.trials.numbers import to_close
from services.log.trials.results import policy_name
from services.log.trials.standings import by_rule
from services.units import plural
from sessions.conditions import Condition
from sessions.models import Verdict
from sessions.statistics.rule import Decision, Standing

MAP_ROWS = 6
MAP_LEAST, MAP_MOST = 20, 48
"""Cells of width: below, the map has no room; beyond, it says no more."""


def compares(snapshot: Snapshot) -> bool:
    """Whether the evaluation has more than one policy."""
    request = request_of(snapshot)
    return request is not None and len(request.checkpoints) > 1


def says(snapshot: Snapshot, width: int, worked_out: Sequence[str] | None = None) -> list[Content]:
    """What can be concluded, and how many more trials would tell; nothing before the first trial that counts.

    `worked_out` is what a comparison says that is over; None while that is being worked out.
    """
    if not judged_in_all(snapshot):
        return []
    request = request_of(snapshot)
    if request is not None and (now := snapshot.standing) is not None:
        told = [Content(line) for line in wrap(by_rule(request, now)[-1], max(12, width))]
        return [evidence_bar(now, width, *map(policy_name, request.checkpoints[:2])), *told]
    if not compares(snapshot):
        words = [_closer(in_all(snapshot, Verdict.SUCCESS), judged_in_all(snapshot))]
    elif not snapshot.reached:
        every = plural(before(snapshot).judged + target(snapshot), "trial")
        over = f"It ended before all {every} were judged: its page on the Log says what they carry."
        words = [over if snapshot.ended else f"The policies are compared once all {every} are judged."]
    else:
        words = [WAITING] if worked_out is None else list(worked_out)
    return [Content(line) for each in words if each for line in wrap(each, max(12, width))]


def evidence_bar(now: Standing, width: int, first: str, second: str) -> Content:
    """`act ├────●─┼──────┤ pi`: how far the lead is from the line of either policy; no line can be reached: no bar."""
    line = now.line or (abs(now.lead) if now.decision in (Decision.FIRST, Decision.SECOND) else 0)
    s, name = signs(), max(3, min(max(14, width // 5), (width - 14) // 2))
    left, right = _told_apart(clean(first), clean(second), name)
    half = max(2, (width - len(left) - len(right) - 5) // 2)
    if not line:
        return Content("")
    track = [(s.track, "$edge")] * (2 * half + 1)
    track[half] = ("|", "$quiet")
    track[half - round(now.lead / line * half)] = (s.live, "bold $accent")
    begins, ends = ((f"{left} ", "$quiet"), (s.left, "$edge")), ((s.right, "$edge"), (f" {right}", "$quiet"))
    return Content.assemble(*begins, *track, *ends)


def _told_apart(first: str, second: str, width: int) -> tuple[str, str]:
    """Both in `width` cells; where their beginnings are the same, their ends."""
    cut = clean(first, width), clean(second, width)
    if cut[0] != cut[1] or first == second:
        return cut
    return fit_end(first, width).strip(), fit_end(second, width).strip()


@lru_cache(maxsize=64)
def _closer(successes: int, judged: int) -> str:
    """How many more trials tell the rate to 10 points."""
    more = to_close(successes, judged) - judged
    return f"about {plural(more, 'more trial')} would tell it to within 10 points" if more > 0 else ""


def success_map(
    conditions: Iterable[Condition], sums: Mapping[str, tuple[int, int]], width: int
) -> tuple[list[Content], frozenset[str]]:
    """The table from above with successes of judged trials at each place, and the conditions that it shows.

    Nothing with fewer than two places, or without room. Of two places that would overlap one is shown.
    """
    placed = [each for each in conditions if each.place is not None and on_table(each.place)]
    if len(placed) < 2 or width < MAP_LEAST:
        return [], frozenset()
    written = []
    for each in placed:
        successes, judged = sums.get(each.name, (0, 0))
        tone = "$quiet" if not judged else "bold $success" if 2 * successes >= judged else "bold $error"
        written.append((each, Written(f"{successes}/{judged}", tone)))
    lines = len({round(each.place.x) for each in placed if each.place is not None})
    rows, shown = table_of(written, min(width, MAP_MOST), min(MAP_ROWS, max(3, 2 * lines)))
    return rows, frozenset(shown)
