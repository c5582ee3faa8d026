"""The chapters on evaluations: of each policy its runs with settings and rates, of a comparison what its trials say.

Runs of one policy stand together, with the question whether they had one rate. A blinded evaluation is told by its
codes, and one whose policies still go on is not tested: `services.log.trials.conclusion` says so in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.log.headline import NOT_RECORDED, began, bounds, outcome, seconds, share, subject
from services.log.kinship.lineage_rows import lineage_rows
from services.log.rows.measured_words import over_trials
from services.log.trials import numbers
from services.log.trials.arms import Arm, different, of_evaluation
from services.log.trials.conclusion import policies, sentences
from services.log.trials.results import scene
from services.log.trials.standings import why_not_yet
from services.refusal import Refusal
from services.report import charts
from services.report.parts import Chart, Fact, Section, Table, fact, missing, of_all, once, sources, word
from services.units import duration
from sessions.blinding import blind
from sessions.chains import Evaluation
from sessions.conditions import Condition, Place
from sessions.document import Session
from sessions.requests import EvalRequest
from sessions.trials import added, failures

COUNTED = ("trials", "started.request.before")
PATHS: dict[str, tuple[str, ...]] = {
    "task": ("started.request.task",),
    "bench": ("started.request.profile.name",),
    "cameras": ("started.recorded.cameras", "started.request.profile.robot"),
    "wiring": ("started.request.wiring",),
    "reset": ("started.recorded.reset", "started.request.reset", "started.request.direct_reset"),
    "rate": ("started.recorded.fps", "started.request.fps"),
    "trial": ("started.recorded.trial_s", "started.request.trial_seconds"),
    "judge": ("started.request.judge",),
    "conditions": ("started.request.conditions",),
    "condition": ("started.request.condition",),
    "inference": ("started.request.server",),
    "chunks": ("started.request.rtc",),
}
"""Where the settings of an evaluation stand in its document."""
USUAL = ("judge", "inference", "chunks")
"""Settings that nobody writes down: where they are not recorded, that is not worth a line."""
NAMES = {"rate": "commands", "trial": "longest trial", "inference": "policy runs", "chunks": "chunks of actions"}
ALL = ("started",)


@dataclass(frozen=True)
class Tried:
    """The evaluations of one policy, each with its arm; or one evaluation of several policies."""

    evaluations: tuple[Evaluation, ...]
    arms: tuple[Arm, ...]

    @property
    def single(self) -> bool:
        """Whether it is about one policy."""
        return all(len(policies(each)) < 2 for each in self.evaluations)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """All of their sessions."""
        return tuple(session for each in self.evaluations for session in each.sessions)


def tried(evaluations: Iterable[Evaluation]) -> list[Tried]:
    """The evaluations with trials that count, those of one policy together, in the order in which each began."""
    together: dict[str, list[tuple[Evaluation, tuple[Arm, ...]]]] = {}
    for whole in evaluations:
        try:
            arms = tuple(of_evaluation(whole))
        except Refusal:
            continue  # no trial counts
        compared = policies(whole)
        alone = len(compared) < 2 and not blind(whole.last.request)
        together.setdefault(compared[0] if alone else whole.last.id, []).append((whole, arms))
    return [
        Tried(tuple(whole for whole, _ in each), tuple(arm for _, arms in each for arm in arms))
        for each in together.values()
    ]


def section(found: Tried) -> Section:
    """The chapter on these evaluations."""
    named = [_policy(each, arm) for each in found.evaluations for arm in of_evaluation(each)]
    names = list(dict.fromkeys(each.text for each in named))
    title = of_all(f"{'Evaluation of' if found.single else 'Comparison of'} {' and '.join(names)}", named)
    return Section(
        key="evaluation", title=title, facts=tuple(_facts(found)), charts=tuple(_maps(found)),
        tables=(_runs(found), *_by_condition(found)), sentences=tuple(_says(found)),
    )  # fmt: skip


def _policy(whole: Evaluation, arm: Arm) -> Fact:
    paths = ("started.request.checkpoint", "started.request.further_checkpoints", "started.id")
    return fact(whole.last, arm.settings.get("policy") or arm.name, *paths)


# -- facts --------------------------------------------------------------------------------------------


def _facts(found: Tried) -> list[Fact]:
    wholes, shared = found.evaluations, _shared(found)
    dates = [fact(session, began(session), "started.at", "started.id") for session in found.sessions]
    facts = [of_all(", ".join(dict.fromkeys(each.text for each in dates)), dates, name="date")]
    for whole in wholes:
        facts += [each for each in _checkpoints(whole) if each not in facts]
    if "task" not in shared and not any(name == "task" for name, _ in different(found.arms)):
        facts.append(missing("task"))
    for name, value in shared.items():
        paths = PATHS.get(name, ALL)
        every = [fact(session, value, *paths) for session in found.sessions]
        facts.append(of_all(value, every, name=NAMES.get(name, name)))
    facts += _without(found)
    facts += [each for whole in wholes for each in _took(whole)]
    facts.append(_failures(found))
    facts += [
        fact(session, row.text, "trials", name=row.name) for session in found.sessions for row in over_trials(session)
    ]
    return once(facts)


def _shared(found: Tried) -> dict[str, str]:
    """The settings that are the same in all arms, but for the policy, which the title names."""
    differ = {name for name, _ in different(found.arms)}
    known: dict[str, str] = {}
    for arm in found.arms:
        known |= arm.settings
    unknown = {name for name in USUAL if known.get(name) == NOT_RECORDED}
    left_out = differ | unknown | {"policy"}
    return {name: value for name, value in known.items() if value and name not in left_out}


def _checkpoints(whole: Evaluation) -> list[Fact]:
    session = whole.last
    if blind(session.request):
        return [fact(session, "blinded: its policies are told by codes until it is unblinded",
                     "started.request.blinded", name="checkpoint")]  # fmt: skip
    every = session.request.checkpoints if isinstance(session.request, EvalRequest) else (session.checkpoint,)
    paths = ("started.request.checkpoint", "started.request.further_checkpoints")
    made = [fact(session, each, *paths, name="checkpoint") for each in every if each]
    if session.trained_in:
        made.append(fact(session, f"session {session.trained_in}", "started.request.trained_in", name="trained in"))
    made += [
        fact(session, row.text, "started.request.weights", *paths, name=row.name)
        for row in lineage_rows(session)
        if row.text
    ]
    return made


def _without(found: Tried) -> list[Fact]:
    """The cameras that an imported evaluation left out."""
    return [
        fact(session, ", ".join(known.cameras_left_out), "started.recorded.cameras_left_out", name="without camera")
        for session in found.sessions
        if (known := session.started.recorded) is not None and known.cameras_left_out
    ]


def _took(whole: Evaluation) -> list[Fact]:
    took = [fact(s, duration(seconds(s)), "ended", "started.at") for s in whole.sessions if seconds(s)]
    total = sum(map(seconds, whole.sessions))
    how = "from start to end of each session, or as it was written down"
    return [of_all(duration(total), took, name="time at the bench", how=how)] if took else []


def _failures(found: Tried) -> Fact:
    """How often each failure mode was given, of the trials that failed."""
    modes = failures(trial for each in found.evaluations for _, trial in each.trials)
    failed, unsaid = modes.total(), modes.pop("", 0)
    every = [fact(session, session.id, *COUNTED) for session in found.sessions]
    if not failed:
        return of_all("no trial failed", every, name="failure modes")
    if not modes:
        words = [
            fact(session, text, "started.recorded.failures")
            for session in found.sessions if session.started.recorded is not None
            for text in session.started.recorded.failures
        ]  # fmt: skip
        told = "; ".join(dict.fromkeys(each.text for each in words))
        return of_all(f"{told} (how often is not recorded)" if told else "", words, name="failure modes")
    named = ", ".join(f"{mode} {count}" for mode, count in modes.most_common())
    more = f", not said {unsaid}" if unsaid else ""
    return of_all(f"{named}{more}, of {failed} that failed", every, name="failure modes")


# -- tables -------------------------------------------------------------------------------------------


def _runs(found: Tried) -> Table:
    """A row for each arm, and all together where several are of one policy."""
    head = tuple(map(word, ("run", "date", "settings", "success", "rate", "95 % interval", "session")))
    differ = [name for name, _ in different(found.arms)]
    rows, number = [], 0
    for whole in found.evaluations:
        for arm in of_evaluation(whole):
            number += 1
            rows.append(_run(number, whole, arm, differ, single=found.single))
    if len(rows) > 1 and found.single:
        rows.append(_together(found))
    return Table("runs", head, tuple(rows))


def _run(number: int, whole: Evaluation, arm: Arm, differ: Sequence[str], *, single: bool) -> tuple[Fact, ...]:
    session = whole.last
    counted = [fact(each, each.id, *COUNTED) for each in whole.sessions]
    own = [f"{name}: {arm.settings.get(name) or NOT_RECORDED}" for name in differ if name != "policy"]
    paths = [path for name in differ for path in PATHS.get(name, ALL)]
    if session.started.recorded is not None and session.started.recorded.flags:
        own.insert(0, session.started.recorded.flags)
        paths.append("started.recorded.flags")
    name = str(number) if single else arm.settings.get("policy") or arm.name
    return (
        fact(session, name, "started.id", "started.request.checkpoint", "started.request.further_checkpoints",
             how="its number in this table" if single else ""),
        fact(session, began(session), "started.at", "started.id"),
        fact(session, "; ".join(own), *paths) if own else word("as above"),
        *_counted(*arm.counts, counted),
        of_all(", ".join(each.id for each in whole.sessions),
               [fact(each, each.id, "started.id") for each in whole.sessions]),
    )  # fmt: skip


def _counted(successes: int, judged: int, made: Sequence[Fact]) -> tuple[Fact, Fact, Fact]:
    wilson = f"Wilson's interval of {successes}/{judged}"
    return (
        of_all(f"{successes}/{judged}", made),
        of_all(share(successes, judged), made, how=f"the share of {successes}/{judged}") if judged else missing(),
        of_all(bounds(successes, judged), made, how=wilson) if judged else missing(),
    )


def _together(found: Tried) -> tuple[Fact, ...]:
    counted = [fact(each, each.id, *COUNTED) for each in found.sessions]
    differ = [name for name, _ in different(found.arms) if name != "policy"]
    settings = f"under different settings: {', '.join(differ)}" if differ else "as above"
    return (word("all together"), word(""), word(settings), *_counted(*numbers.pooled(found.arms), counted), word(""))


def _places(found: Tried) -> list[tuple[str, str, Place | None, int, int]]:
    """Of each condition its name, how its scene is set, its place, successes and trials; empty for a single one."""
    every = [each.result for whole in found.evaluations for each in whole.tried]
    sums = added(every, lambda result: result.condition)
    known: dict[str, Condition] = {}
    for session in found.sessions:
        if isinstance(session.request, EvalRequest):
            known |= {each.name: each for each in session.request.conditions}
    names = list(dict.fromkeys([*known, *sums]))
    if len(names) < 2:
        return []
    made = []
    for name in names:
        condition = known.get(name)
        how, at = (scene(condition), condition.place) if condition else ("", None)
        made.append((name or NOT_RECORDED, how, at, *sums.get(name, (0, 0))))
    return made


def _by_condition(found: Tried) -> list[Table]:
    places = _places(found)
    if not places:
        return []
    made = [fact(each, each.id, *COUNTED, "started.request.conditions") for each in found.sessions]
    head = (word("condition"), word("scene"), word("success"), word("rate"), Fact("95 % interval"))
    rows = tuple((missing() if n == NOT_RECORDED else of_all(n, made), of_all(how, made) if how else word(""),
                  *_counted(k, judged, made))
                 for n, how, _, k, judged in places)  # fmt: skip
    return [Table("by condition", head, rows)]


def _maps(found: Tried) -> list[Chart]:
    """Success by place, seen from above."""
    placed = [(n, place, k, judged) for n, _, place, k, judged in _places(found) if place is not None]
    svg = charts.success_map(placed, "success by place, seen from above")
    read = (source for each in found.sessions for source in sources(each, *COUNTED, "started.request.conditions"))
    return [Chart("success by place, seen from above", svg, tuple(read))] if svg else []


# -- what the trials say ------------------------------------------------------------------------------


def _says(found: Tried) -> list[Fact]:
    made = [fact(each, each.id, *COUNTED, *ALL) for each in found.sessions]
    how = "computed by services/log/trials/numbers.py from the trials that count"
    return [of_all(each, made, how=how) for each in _sentences(found)]


def _sentences(found: Tried) -> list[str]:
    if len(found.evaluations) == 1:
        return sentences(found.sessions[-1], found.evaluations[0])
    arms = found.arms
    if waiting := [why for each in found.evaluations if (why := why_not_yet(each)) and not found.single]:
        return waiting
    differ = [f"Different settings, {name}: {'; '.join(value or NOT_RECORDED for value in values)}."
              for name, values in different(arms) if name != "policy"]  # fmt: skip
    if differ:
        differ.append("What differs in the results may come from that.")
    if len(arms) == 2:
        return [*differ, *numbers.voids(arms), "First is run 1, second is run 2.", *numbers.two(*arms)]
    said = [*numbers.voids(arms), *numbers.several(arms)]
    named = ["Arm 1 is run 1, and so on."] if any(each.startswith("Arm ") for each in said) else []
    return [*differ, *named, *said]


def untried(evaluations: Iterable[Evaluation], told: Iterable[Tried]) -> list[Section]:
    """Chapters on the evaluations that are not `told`, as no trial counts: that they were made, and how they ended."""
    counted = {session.id for each in told for session in each.sessions}
    made = []
    for whole in evaluations:
        session = whole.last
        if session.id in counted:
            continue
        title = fact(session, f"Evaluation of {subject(session)}", "started.request", "started.id")
        facts = (
            fact(session, began(session), "started.at", "started.id", name="date"),
            fact(session, "none counts", "trials", name="trials"),
            fact(session, outcome(session), "ended", "trials", name="ended"),
        )
        made.append(Section(key="evaluation", title=title, facts=facts))
    return made
