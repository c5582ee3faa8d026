"""The results of the trials so far: verdicts, success rate with its interval, failure modes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from screens.views.interval import interval_bar
from screens.views.resets import reset_words
from screens.views.signs import bar, clean, fit
from screens.views.start_scene import request_of
from screens.views.trial_says import says, success_map
from screens.views.trials import before, in_all, judged_in_all, modes, verdict_mark
from services.bench.conditions import PLACE
from services.live.snapshots import Snapshot
from services.log.headline import bounds, rate, share
from services.log.sections import Interval
from services.log.trials.results import in_whole, named, policy_name
from sessions.models import Verdict
from sessions.trials import added, failures, place


def interval(successes: int, judged: int, width: int) -> Content:
    """The bar of the success rate and its interval; an empty scale before the first judged trial."""
    return Content.assemble(*interval_bar(Interval.of(successes, judged), width))


def tally(
    snapshot: Snapshot,
    width: int,
    *,
    annotatable: bool = False,
    worked_out: Sequence[str] | None = None,
    height: int = 1000,
) -> list[Content]:
    """Verdicts, rate with interval, what that says, failure modes; `annotatable`: the digits of the modes act now.

    `worked_out` is as `says` has it. Beyond `height` rows, modes that did not occur are left out, then the map, whose
    places are then listed; the last row says how many have no room.
    """
    rows: list[Content] = []
    for unused, mapped in ((True, True), (False, True), (False, False)):
        rows = _rows(snapshot, width, annotatable, worked_out, unused=unused, mapped=mapped)
        if len(rows) <= height:
            return rows
    hidden = sum(bool(row.plain) for row in rows[height - 1 :])
    return [*rows[: height - 1], Content.styled(f"+{hidden}: see its page on the Log", "$quiet")] if height else []


def _rows(
    snapshot: Snapshot, width: int, annotatable: bool, worked_out: Sequence[str] | None, *, unused: bool, mapped: bool
) -> list[Content]:
    successes, judged = in_all(snapshot, Verdict.SUCCESS), judged_in_all(snapshot)
    rows = [_count(snapshot, verdict) for verdict in Verdict]
    if earlier := before(snapshot).judged:
        rows.append(Content.styled(f"{snapshot.judged} here, {earlier} before", "$quiet"))
    rows += [Content(""), _rate(successes, judged), interval(successes, judged, width)]
    rows += [*says(snapshot, width, worked_out), Content("")]
    rows += _failures(snapshot, width, annotatable=annotatable, unused=unused)
    if reset := reset_words(snapshot):
        rows.append(Content.styled(reset, "$quiet"))
    rows += _compared(snapshot, width, mapped=mapped)
    if practices := sum(t.practice for t in snapshot.trials):
        rows.append(Content.styled(f"{practices} for practice, not counted", "$quiet"))
    if snapshot.lost:
        lost = snapshot.lost[-1]
        number = place(snapshot.trials, lost.take)
        rows.append(Content.styled(f"motion of trial {number} was lost: {clean(lost.reason)}", "$warning"))
    return rows


def summary(snapshot: Snapshot) -> Content:
    """The tally in one line, for a small terminal."""
    successes, judged = in_all(snapshot, Verdict.SUCCESS), judged_in_all(snapshot)
    parts: list[tuple[str, str]] = []
    for verdict in Verdict:
        sign, tone = verdict_mark(verdict)
        parts.append((f"{sign} {in_all(snapshot, verdict)}   ", f"bold {tone}"))
    earlier = before(snapshot).judged
    told = (f"   {snapshot.judged} here, {earlier} before" if earlier else "", "$quiet")
    reset = (f"   {reset_words(snapshot)}", "$quiet")
    return Content.assemble(*parts, (rate(successes, judged), "bold"), told, reset)


def _count(snapshot: Snapshot, verdict: Verdict) -> Content:
    sign, tone = verdict_mark(verdict)
    repeated = ", repeated" if verdict is Verdict.VOID else ""
    count = (f"{sign} {in_all(snapshot, verdict):>3} ", f"bold {tone}")
    return Content.assemble(count, (f"{verdict.value}{repeated}", "$quiet"))


def _rate(successes: int, judged: int) -> Content:
    if not judged:
        return Content.styled("the success rate appears here", "$quiet")
    within = (f" {bounds(successes, judged)}", "bold $accent")
    return Content.assemble((share(successes, judged), "bold"), within, ("  (95 %)", "$quiet"))


def _failures(snapshot: Snapshot, width: int, *, annotatable: bool, unused: bool) -> list[Content]:
    """A row per failure mode with its digit and count, `unused` ones too; last, the failures without a mode."""
    named, counts = modes(snapshot), failures(snapshot.trials)
    others = sorted(counts.keys() - {"", *named})
    rows = [
        _mode(str(digit), mode, counts[mode], width, annotatable=annotatable)
        for digit, mode in enumerate(named, 1)
        if unused or counts[mode]
    ]
    rows += [_mode(" ", mode, counts[mode], width, annotatable=False) for mode in others]
    unnamed = counts[""]
    return [*rows, _mode(" ", "not said", unnamed, width, annotatable=False)] if unnamed else rows


def _compared(snapshot: Snapshot, width: int, *, mapped: bool) -> list[Content]:
    """A row per policy and one per condition with successes of judged trials, each where there are several."""
    request = request_of(snapshot)
    made = in_whole(request, snapshot.trials)
    policies, conditions = named(request, made)
    rows: list[Content] = []
    if len(policies) > 1:
        sums = added(made, lambda result: result.checkpoint)
        rows += [Content(""), *(_counted(policy_name(each), sums.get(each, (0, 0)), width) for each in policies)]
    if len(conditions) > 1:
        sums = added(made, lambda result: result.condition)
        drawn, on_map = success_map(request.conditions if request else (), sums, width)
        if not mapped:
            drawn, on_map = [], frozenset()  # without its last rows it would tell something else
        left = [each for each in conditions if each not in on_map or not PLACE.fullmatch(each)]
        rows += [Content(""), *drawn, *(_counted(each or "not said", sums.get(each, (0, 0)), width) for each in left)]
    return rows


def _counted(name: str, counted: tuple[int, int], width: int) -> Content:
    successes, judged = counted
    told = f"{successes}/{judged}"
    return Content.assemble(
        (fit(clean(name, 60), max(8, min(24, width - 8))), "" if judged else "$quiet"),
        (f" {told:>6}", "bold" if judged else "$quiet"),
    )


def _mode(digit: str, mode: str, count: int, width: int, *, annotatable: bool) -> Content:
    name = max(8, min(20, width - 12))
    digit_style = "bold $accent" if annotatable else "$quiet"
    blocks = bar(1.0, min(count, max(1, width - name - 6)))[0] if count else ""
    number = f" {count}" if count else ""
    words = (fit(clean(mode, 60), name), "" if count else "$quiet")
    return Content.assemble((f"{digit} ", digit_style), words, (f" {blocks}", "$error"), number)
