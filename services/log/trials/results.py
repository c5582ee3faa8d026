"""An evaluation's results by policy and by condition: rows for its page, lines for the shell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.checkpoints.checkpoint import label
from services.live.requests import AnyRequest, EvalRequest
from services.log.headline import rate
from services.log.rows.trial_rows import VERDICTS
from services.log.sections import Interval, Row, Section, Value, quiet, row, section, text
from services.tone import Tone
from sessions.blinding import blind, codes, is_code
from sessions.conditions import Condition, Order, Place
from sessions.document import Session
from sessions.facts import Unblinded
from sessions.models import Trial, Verdict
from sessions.trials import Result, added, failures, results, summed


def policy_name(checkpoint: str) -> str:
    """What a policy is called beside its results."""
    if is_code(checkpoint):
        return f"policy {checkpoint}"
    return label(checkpoint) if checkpoint else "the policy"


def where(place: Place) -> str:
    """`200 mm ahead, 30 mm left, turned 15 degrees`."""
    ahead = f"{abs(place.x):g} mm {'ahead' if place.x >= 0 else 'behind'}"
    aside = f"{abs(place.y):g} mm {'left' if place.y > 0 else 'right'}" if place.y else "straight on"
    return ", ".join([ahead, aside, *([f"turned {place.yaw:g} degrees"] if place.yaw else [])])


def scene(condition: Condition) -> str:
    """How a person sets the scene: where the object goes, what it shall look like, the note."""
    like = condition.likeness
    words = [where(condition.place)] if condition.place else []
    words += [f"as episode {like[1]} of {like[0]}"] if like else []
    return "; ".join([*words, condition.note] if condition.note else words)


def named(request: AnyRequest | None, made: Sequence[Result]) -> tuple[list[str], list[str]]:
    """The checkpoints and the conditions, as requested; those that have results only where the request has none."""
    asked = request if isinstance(request, EvalRequest) else None
    checkpoints = asked.checkpoints if asked else ()
    conditions = [each.name for each in asked.conditions] if asked else []
    return (
        list(dict.fromkeys([*checkpoints, *(result.checkpoint for result in made)])),
        list(dict.fromkeys([*conditions, *(result.condition for result in made)])),
    )


def sections(request: AnyRequest | None, made: Sequence[Result]) -> list[Section]:
    """A table by policy and one by condition, each where there are several."""
    checkpoints, conditions = named(request, made)
    tables = []
    if len(checkpoints) > 1:
        by_policy = added(made, lambda result: result.checkpoint)
        tables.append(section("by policy", [_row(policy_name(c), by_policy.get(c)) for c in checkpoints], table=True))
    if len(conditions) > 1:
        tables.append(section("conditions", _by_condition(request, made, checkpoints, conditions), table=True))
    return tables


def _by_condition(
    request: AnyRequest | None, made: Sequence[Result], checkpoints: Sequence[str], conditions: Sequence[str]
) -> Iterator[Row]:
    """Each condition: all its trials, then those of each policy, then how the scene is set."""
    sums = added(made, lambda result: result.condition)
    pairs = {(result.checkpoint, result.condition): (result.successes, result.judged) for result in made}
    for name in conditions:
        condition = request.condition_named(name) if isinstance(request, EvalRequest) else None
        each = [_pair(policy, pairs.get((policy, name))) for policy in checkpoints] if len(checkpoints) > 1 else []
        yield _row(name or "not said", sums.get(name), *each, scene(condition) if condition else "")


def _row(name: str, counted: tuple[int, int] | None, *more: str) -> Row:
    successes, judged = counted or (0, 0)
    values = (text(f"{successes}/{judged}", strong=True), text(rate(successes, judged)), *map(quiet, more))
    return Row(text(name).text, values, Interval.of(successes, judged))


def _pair(policy: str, counted: tuple[int, int] | None) -> str:
    successes, judged = counted or (0, 0)
    return f"{policy_name(policy)} {successes}/{judged}"


def lines(request: AnyRequest | None, trials: Sequence[Trial]) -> list[str]:
    """Those of the whole evaluation as plain lines: `act_v2 @ 020000  4/5  80 % [38, 96]`."""
    said = []
    for table in sections(request, in_whole(request, trials)):
        wide = max(len(row.name) for row in table.rows)
        said += [f"{row.name:<{wide}}  {'  '.join(v.text for v in row.values if v.text)}" for row in table.rows]
    return said


def in_whole(request: AnyRequest | None, trials: Sequence[Trial]) -> tuple[Result, ...]:
    """The results of the whole evaluation: of the sessions that this one goes on with, too."""
    before = request.before.tried if isinstance(request, EvalRequest) else ()
    return summed((*(each.result for each in before), *results(trials)))


def checkpoint_rows(session: Session) -> list[Row]:
    """Each policy's label and folder; the scripted person has a label only."""
    every = session.request.checkpoints if isinstance(session.request, EvalRequest) else (session.checkpoint,)
    if blind(session.request):
        return [row("checkpoint", text(BLINDED, strong=True), quiet(", ".join(map(policy_name, every))))]
    if session.unblinded is not None:
        return [row("unblinded", *_unblinded(session.unblinded)), *_checkpoint_rows(every)]
    return _checkpoint_rows(every)


BLINDED = "blinded"
"""What a session's page and line say while it hides its policies."""


def _unblinded(event: Unblinded) -> Iterator[Value]:
    """Which code stood for what, who asked, and why before the end."""
    yield text(", ".join(f"{code} was {label(each)}" for each, code in codes(event.checkpoints).items()))
    yield quiet(f"by {event.by}" if event.by else "")
    yield quiet(f"before its end: {event.reason}" if event.reason else "")


def _checkpoint_rows(every: Sequence[str]) -> list[Row]:
    """Each policy's label and folder; the scripted person has a label only."""
    both = ((text(label(each), strong=True), quiet(each)) for each in every)
    return [
        row("checkpoint", told) for name, path in both for told in ((name,) if name.text == path.text else (name, path))
    ]


def order_rows(session: Session) -> list[Row]:
    """In which order pairs of checkpoint and condition were tried; no row where there is one pair."""
    request = session.request
    if not isinstance(request, EvalRequest) or request.pairs == 1:
        return []
    seed = f"seed {request.order_seed}" if request.order is Order.RANDOM else ""
    return [row("order", f"{request.order.value}, in blocks with one trial of each pair", quiet(seed))]


def tally_rows(session: Session) -> list[Row]:
    """How many trials were judged, by whom, and the success rate with its interval."""
    if isinstance(session.request, EvalRequest) and session.request.looks_only:
        return [row("trials", "none: it made a preflight only, and moved nothing")]
    success, failure = session.count(Verdict.SUCCESS), session.count(Verdict.FAILURE)
    judged = success + failure
    early = isinstance(session.request, EvalRequest) and session.request.sequential is not None
    target = f" of {'at most ' if early else ''}{session.target}" if session.target else ""
    counts = [text(f"{session.count(verdict)} {verdict.value}", *VERDICTS[verdict]) for verdict in Verdict]
    practices = sum(trial.practice for trial in session.trials)
    if practices:
        counts.append(quiet(f"{practices} for practice, not counted"))
    unjudged = sum(trial.verdict is None for trial in session.trials)
    if unjudged:
        counts.append(text(f"{unjudged} without a verdict", Tone.WARNING))
    judges = ", ".join(dict.fromkeys(trial.judge for trial in session.trials if trial.judge))
    rows = [row("judged", f"{judged}{target}", *counts, quiet(f"by {judges}" if judges else ""))]
    if judged:
        words = text(rate(success, judged), strong=True)
        rows.append(row("success", words, quiet("95 % interval"), interval=Interval.of(success, judged)))
    return rows


def failure_rows(session: Session) -> list[Row]:
    """How often each failure mode occurred; no row if none was given."""
    modes = failures(session.trials)
    if not any(modes):
        return []
    return [row("failures", *(f"{mode or 'not said'} {count}" for mode, count in modes.most_common()))]
