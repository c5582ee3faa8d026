"""The chapter that sets policies beside each other: each two of the report, and each beside those of the log.

Policies of one type are compared, with all their trials under one condition, unless their tasks are known to differ.
What a blinded evaluation hides, and what still goes on, is never set beside anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from services.log.headline import NOT_RECORDED, bounds, share
from services.log.trials import numbers
from services.log.trials.arms import Arm, different, joined
from services.log.trials.numbers import ALPHA, p_value, tested
from services.report.evaluation_part import COUNTED, tried
from services.report.parts import Fact, Section, Table, fact, of_all, word
from services.report.scope import Scope
from sessions.blinding import blind
from sessions.chains import Evaluation, evaluations
from sessions.document import Session
from sessions.models import SessionStatus
from sessions.statistics.exact import holm

MOST = 12
"""Pairs: of more, those of the report and the newest are kept."""
PLANNED = 0.2
"""Rates that lie closer need so many trials that nobody makes them, and working out how many takes seconds."""


@dataclass(frozen=True)
class Policy:
    """All trials of one policy under one condition, and the sessions that made them."""

    arm: Arm
    sessions: tuple[Session, ...]
    kind: str
    """The policy's type; empty if it is not known."""

    @property
    def checkpoint(self) -> str:
        """The policy alone."""
        return self.sessions[-1].checkpoint

    @property
    def name(self) -> str:
        """The policy, and the condition if one was named."""
        condition = self.arm.settings.get("condition", "")
        return f"{self.arm.settings.get('policy') or self.arm.name}{f' ({condition})' if condition else ''}"


def section(scope: Scope) -> Section | None:
    """The chapter; None where nothing can be compared."""
    ours = list(_policies(scope.evaluations, scope.log))
    inside = {session.id for each in ours for session in each.sessions}
    others = [
        each for each in _policies(evaluations(scope.log), scope.log)
        if inside.isdisjoint(session.id for session in each.sessions)
    ]  # fmt: skip
    pairs = [
        *combinations(ours, 2),
        *((mine, other) for mine in ours for other in reversed(others) if mine.kind and mine.kind == other.kind),
    ]
    pairs = [(a, b) for a, b in pairs if _same_task(a.arm, b.arm) and a.checkpoint != b.checkpoint]
    if not pairs:
        return None
    head = (word("policy"), word("result"), word("beside"), word("result"), word("first minus second"), word("p"),
            word("says"))  # fmt: skip
    rows = tuple(_row(a, b) for a, b in pairs[:MOST])
    one_of_ours = len({id(a) for a, _ in pairs[:MOST]}) == 1
    said = [each for a, b in pairs[:MOST] for each in _sentences(a, b, named=not one_of_ours)]
    return Section(
        key="beside", title=word("Beside other policies"),
        tables=(Table("policies beside each other, each with all its trials", head, rows),),
        sentences=(*said, *_how_to_read(pairs[:MOST]), *_many(pairs)),
    )  # fmt: skip


def _policies(every: Iterable[Evaluation], log: Sequence[Session]) -> Iterator[Policy]:
    """The policies of evaluations that are over; the trials of one under one condition together."""
    over = [
        each for each in every
        if not blind(each.last.request) and all(s.status is not SessionStatus.RUNNING for s in each.sessions)
    ]  # fmt: skip
    kinds = {s.id: s.training.started.policy for s in log if s.training is not None}
    for found in tried(over):
        if not found.single:
            continue  # its own chapter compares them, in pairs of trials
        together: dict[str, list[tuple[Evaluation, Arm]]] = {}
        for whole, arm in zip(found.evaluations, found.arms, strict=True):
            together.setdefault(arm.settings.get("condition", ""), []).append((whole, arm))
        for parts in together.values():
            sessions = tuple(session for whole, _ in parts for session in whole.sessions)
            loaded = sessions[-1].policy
            kind = kinds.get(sessions[-1].trained_in) or (loaded.policy if loaded is not None else "")
            yield Policy(joined([arm for _, arm in parts]), sessions, kind)


def _same_task(one: Arm, other: Arm) -> bool:
    """Whether they tried one task, as far as it is known of both."""
    tasks = {one.settings.get("task", ""), other.settings.get("task", "")} - {""}
    return len(tasks) < 2


def _counted(policy: Policy) -> list[Fact]:
    return [fact(session, session.id, *COUNTED) for session in policy.sessions]


def _row(one: Policy, other: Policy) -> tuple[Fact, ...]:
    p = tested(one.arm.counts, other.arm.counts)
    both = [*_counted(one), *_counted(other)]
    how = f"Boschloo's exact test, two-sided, of {_result(one.arm)} and {_result(other.arm)}"
    return (
        _named(one), _result_of(one), _named(other), _result_of(other),
        of_all(numbers.points_between(one.arm, other.arm), both, how="in points, with Newcombe's interval"),
        of_all("not tested" if p is None else p_value(p), both, how=how), word(_verdict(one, other, p)),
    )  # fmt: skip


def _verdict(one: Policy, other: Policy, p: float | None) -> str:
    if p is None:
        return "too many trials for an exact test: the interval of the difference counts"
    if p > ALPHA:
        return "no difference is shown"
    first = one.arm.successes * other.arm.trials > other.arm.successes * one.arm.trials
    return f"a difference: the {'first' if first else 'second'} succeeds more often"


def _named(policy: Policy) -> Fact:
    paths = ("started.request.checkpoint", "started.request.condition", "trials", "started.id")
    return of_all(policy.name, [fact(session, policy.name, *paths) for session in policy.sessions])


def _result(arm: Arm) -> str:
    return f"{arm.successes}/{arm.trials}"


def _result_of(policy: Policy) -> Fact:
    arm = policy.arm
    words = f"{_result(arm)}, {share(*arm.counts)} {bounds(*arm.counts)}"
    return of_all(words, _counted(policy), how=f"Wilson's interval of {_result(arm)}")


def _sentences(one: Policy, other: Policy, *, named: bool) -> list[Fact]:
    """What the row of these two leaves out: settings that differ, trials in pairs, and how many more would tell.

    `named` says the first one's name, too. Nothing where there is nothing more.
    """
    differ = [name for name, _ in different([one.arm, other.arm]) if name not in ("policy", "condition")]
    unknown = [name for name in differ if not _is_known(name, one) or not _is_known(name, other)]
    unlike = [name for name in differ if name not in unknown]
    said = [f"Settings differ: {', '.join(unlike)}."] if unlike else []
    said += [f"Not recorded of both: {', '.join(unknown)}."] if unknown else []
    said += numbers.in_pairs(one.arm, other.arm)
    apart = abs(one.arm.successes / one.arm.trials - other.arm.successes / other.arm.trials)
    p = tested(one.arm.counts, other.arm.counts)
    if p is not None and p > ALPHA and apart >= PLANNED:
        said.append(numbers.more_for(one.arm, other.arm))
    if not said:
        return []
    both = [fact(session, session.id, *COUNTED, "started") for session in (*one.sessions, *other.sessions)]
    names = f"{one.name} beside {other.name}" if named else f"Beside {other.name}"
    how = "computed by services/log/trials/numbers.py from the trials that count"
    return [of_all(" ".join([f"{names}:", *said]), both, how=how)]


def _how_to_read(pairs: Sequence[tuple[Policy, Policy]]) -> list[Fact]:
    """What p and the differences of the table mean, once for all rows."""
    every = [tested(a.arm.counts, b.arm.counts) for a, b in pairs]
    ps = [p for p in every if p is not None]
    said = ["First minus second is in points, with Newcombe's interval."]
    if ps:
        said.append("p says how often equal rates would look as different (Boschloo, two-sided).")
    if any(p > ALPHA for p in ps):
        said.append("Where no difference is shown, that the rates are equal is not shown either.")
    if any(p <= ALPHA for p in ps):
        said.append(
            "A difference counts if this comparison, and when it ends, was fixed before its first trial: looked at "
            "again and again, chance alone shows one sooner or later."
        )
    return [word(" ".join(said))]


def _is_known(name: str, policy: Policy) -> bool:
    value = policy.arm.settings.get(name, "")
    return bool(value) and NOT_RECORDED not in value


def _many(pairs: Sequence[tuple[Policy, Policy]]) -> list[Fact]:
    """That several were compared: chance alone shows a difference in one of many."""
    made = [*(each for pair in pairs[:MOST] for policy in pair for each in _counted(policy))]
    said = []
    if len(pairs) > 1:
        made_of = [tested(a.arm.counts, b.arm.counts) for a, b in pairs[:MOST]]
        ps = [p for p in made_of if p is not None]
        least = f" Taken together (Holm), the least p is {p_value(min(holm(ps)))}." if ps else ""
        said.append(
            f"{len(made_of)} comparisons stand here, each read by itself: of many, chance alone shows a difference in "
            f"some.{least}"
        )
    if len(pairs) > MOST:
        said.append(f"{len(pairs) - MOST} more pairs are left out: `lab-console stats` compares any.")
    return [of_all(each, made, how="counted here; Holm's correction of the p values above") for each in said]
