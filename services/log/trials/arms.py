"""The arms of a comparison: results such as 4/5, or evaluations of the log with the settings they were made under."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from services.checkpoints.checkpoint import label
from services.folders import DataFolder
from services.log.headline import NOT_RECORDED
from services.log.trials.results import policy_name
from services.log.trials.standings import instead
from services.refusal import Refusal
from services.text import clean
from sessions.blinding import is_code
from sessions.chains import Evaluation
from sessions.document import Session
from sessions.early import in_pairs
from sessions.models import SessionKind, Trial, Verdict
from sessions.requests import Counted, EvalRequest
from sessions.trials import added

FRACTION = re.compile(r"([0-9]{1,9})\s*/\s*([0-9]{1,9})")


@dataclass(frozen=True)
class Arm:
    """What is compared: `successes` of `trials`, at least one.

    `name`, `settings`, `tried` (the trials that count) and `void` (how many were called void, for whatever reason: a
    stop, a fault, the operator's word) are of an evaluation's policy, empty for a plain result.
    """

    successes: int
    trials: int
    name: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    tried: tuple[Trial, ...] = ()
    session: str = ""
    void: int = 0
    mixed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Of several that were put together: the settings that differ among them, as `different` has them."""

    checkpoint: str = ""
    """What it is of in its evaluation; empty too where several are put together."""

    instead: tuple[str, ...] = ()
    """What is said of its evaluation in the place of tests, as `standings.instead` has it."""

    @property
    def called(self) -> str:
        """What it is called beside the others of its evaluation: `act @ 020000`, `policy A`."""
        return clean(policy_name(self.checkpoint)) if self.checkpoint else self.name

    @property
    def counts(self) -> tuple[int, int]:
        """Successes and trials."""
        return self.successes, self.trials


def arms(words: Sequence[str], folder: DataFolder) -> list[Arm]:
    """The arms that the words name: `4/5`, or a session's id, its beginning, or `last`; one for each of its policies.

    Words with `+` between them are put together to one arm.

    Raises Refusal for a word that is neither, for what cannot be, and for an evaluation without a trial that counts;
    LogbookProblem.
    """
    return [arm for word in words for arm in (_together(word, folder) if "+" in word else _arms(word, folder))]


def _together(word: str, folder: DataFolder) -> list[Arm]:
    """`1/5+4/5`: their successes and trials as one arm, of which it is known what differs within it."""
    parts = [arm for each in word.split("+") for arm in _arms(each, folder)]
    ids = [arm.session for arm in parts if arm.session]
    if len(ids) > len(set(zip(ids, (arm.name for arm in parts if arm.session), strict=True))):
        raise Refusal(f"{clean(word[:80])}: a session is named twice: its trials count once")
    return [joined(parts)]


def joined(parts: Sequence[Arm]) -> Arm:
    """All trials of these arms as one, of which it is known what differs within it."""
    mixed = different(parts)
    names = dict.fromkeys(name for arm in parts for name in arm.settings)
    shared = {name: " and ".join(dict.fromkeys(arm.settings.get(name, "") for arm in parts)) for name in names}
    return Arm(
        sum(arm.successes for arm in parts),
        sum(arm.trials for arm in parts),
        name=_joined_name(parts),
        settings=shared if all(arm.settings for arm in parts) else {},
        tried=tuple(trial for arm in parts for trial in arm.tried),
        void=sum(arm.void for arm in parts),
        mixed=tuple((name, tuple(dict.fromkeys(values))) for name, values in mixed),
    )


def _joined_name(parts: Sequence[Arm]) -> str:
    """`act @ 020000 in A + B` of one policy, else the names."""
    policies = {arm.settings.get("policy", "") for arm in parts}
    if len(policies) == 1 and "" not in policies:
        return f"{policies.pop()} in {' + '.join(arm.session for arm in parts)}"
    return " + ".join(arm.name for arm in parts if arm.name)


def _arms(word: str, folder: DataFolder) -> list[Arm]:
    from services.log.lookup import find

    if made := FRACTION.fullmatch(word.strip()):
        successes, trials = int(made[1]), int(made[2])
        if not trials:
            raise Refusal(f"{clean(word)}: no trials carry nothing; make one at least")
        if successes > trials:
            raise Refusal(f"{clean(word)}: {successes} of {trials} cannot have succeeded: write SUCCESSES/TRIALS")
        return [Arm(successes, trials)]
    if not word.strip() or "/" in word:
        raise Refusal(f"'{clean(word[:40])}' is no result: write SUCCESSES/TRIALS, such as 4/5, or a session's id")
    try:
        found = find(folder, word)
    except Refusal as refusal:
        raise Refusal(f"'{clean(word[:40])}' is no result such as 4/5, and {refusal}") from None
    if found.session.kind is not SessionKind.EVAL:
        raise Refusal(
            f"session {found.session.id} is no evaluation: name one that has trials, or write SUCCESSES/TRIALS"
        )
    return of_evaluation(found.whole or Evaluation((found.session,)))


def of_evaluation(whole: Evaluation) -> list[Arm]:
    """One arm for each policy of an evaluation, as requested, all its sessions together.

    Raises Refusal if no trial counts.
    """
    session, said = whole.last, instead(whole)
    sums = added((each.result for each in whole.tried), lambda result: result.checkpoint)
    made = [
        Arm(
            successes,
            trials,
            name=clean(f"{label(checkpoint)} in {session.id}" if checkpoint else session.id),
            settings=settings(session, checkpoint),
            tried=tuple(t for s, t in whole.trials if t.counts and (t.checkpoint or s.checkpoint) == checkpoint),
            session=session.id,
            checkpoint=checkpoint,
            void=sum(
                t.verdict is Verdict.VOID and not t.practice and (t.checkpoint or s.checkpoint) == checkpoint
                for s, t in whole.trials
            ),
            instead=said,
        )
        for checkpoint, (successes, trials) in sorted(sums.items(), key=lambda each: _place(session, each[0]))
        if trials
    ]
    if not made:
        raise Refusal(f"evaluation {session.id} has no trial that counts: judge one, or name another")
    return made


def _place(session: Session, checkpoint: str) -> int:
    """Where it stands in the request; behind those that do not."""
    asked = session.request.checkpoints if isinstance(session.request, EvalRequest) else ()
    return asked.index(checkpoint) if checkpoint in asked else len(asked)


def settings(session: Session, checkpoint: str) -> dict[str, str]:
    """What an evaluation was made under, by name, the policy first; only what is known."""
    request = session.request
    policy = f"{checkpoint} of {session.id}" if is_code(checkpoint) else label(checkpoint) if checkpoint else ""
    known = {"policy": policy, "task": session.task, "bench": session.bench}
    if isinstance(request, EvalRequest) and not session.started.imported:
        known |= {
            "cameras": ", ".join(sorted(request.profile.cameras)),
            "wiring": ", ".join(f"{a} from {b}" for a, b in sorted(request.wiring.given.items())),
            "reset": session.reset,
            "rate": f"{request.fps} Hz",
            "trial": f"{request.trial_seconds:g} s",
            "judge": request.judge or "a person",
            "conditions": ", ".join(each.name for each in request.conditions),
            "inference": f"at {request.server}" if request.server else "here",
            "chunks": "real-time chunking" if request.rtc else "one after the other",
        }
    if (recorded := session.started.recorded) is not None:
        known |= {
            "cameras": NOT_RECORDED if recorded.cameras is None else ", ".join(sorted(recorded.cameras)),
            "reset": recorded.reset or NOT_RECORDED,
            "rate": f"{recorded.fps:g} Hz" if recorded.fps else NOT_RECORDED,
            "trial": f"{recorded.trial_s:g} s" if recorded.trial_s else NOT_RECORDED,
            **dict.fromkeys(("judge", "inference", "chunks"), NOT_RECORDED),
        }
    if isinstance(request, EvalRequest):
        known["condition"] = request.condition
    return {name: clean(value) for name, value in known.items()}


def different(compared: Sequence[Arm]) -> list[tuple[str, tuple[str, ...]]]:
    """The settings that are not the same in all arms, each with its value in each; nothing for plain results."""
    names = dict.fromkeys(name for arm in compared for name in arm.settings)
    found = [(name, tuple(arm.settings.get(name, "") for arm in compared)) for name in names]
    known = [arm for arm in compared if arm.settings]
    return [each for each in found if len(known) == len(compared) and len(set(each[1])) > 1]


def untested(compared: Sequence[Arm]) -> tuple[str, ...]:
    """What is said in the place of tests; empty where they hold: of plain results, and between evaluations."""
    same = len({arm.session for arm in compared}) == 1 and len(compared) > 1
    return compared[0].instead if same else ()


def paired(first: Arm, second: Arm) -> tuple[int, int] | None:
    """In how many pairs only the first succeeded, and only the second.

    None unless both were tried in one evaluation and there is a pair: the n-th trial of either under a condition.
    """
    if not first.session or first.session != second.session:
        return None
    both = pairs_of(first.tried, second.tried)
    if not both:
        return None
    return sum(a and not b for a, b in both), sum(b and not a for a, b in both)


def pairs_of(first: Iterable[Trial], second: Iterable[Trial]) -> list[tuple[bool, bool]]:
    """Whether either succeeded, of the n-th trials that count of both under each condition; what is left has no pair.

    In the order in which the pairs were complete.
    """
    both = [
        (trial.began, trial.index, Counted(whose, trial.condition, trial.verdict is Verdict.SUCCESS))
        for whose, trials in (("first", first), ("second", second))
        for trial in trials
        if trial.counts
    ]
    both.sort(key=lambda each: each[:2])
    return list(in_pairs((counted for _, _, counted in both), "first", "second"))


def seconds_a_trial(sessions: Iterable[Session]) -> tuple[float, int] | None:
    """The median time of a trial at the bench, with the reset after it, and the number of evaluations it is from.

    None without an evaluation in real time of two trials whose times are known, or an imported one whose length is.
    """
    found = []
    for session in sessions:
        began = [trial.began for trial in session.trials if trial.began]
        if session.kind is not SessionKind.EVAL or session.request.lockstep:
            continue
        if len(began) > 1:
            found.append((max(began) - min(began)) / (len(began) - 1))
        elif session.started.recorded and session.ended and session.ended.took_s and session.trials:
            found.append(session.ended.took_s / len(session.trials))
    return (median(found), len(found)) if found else None


def least_seconds_a_trial(sessions: Iterable[Session]) -> tuple[float, int] | None:
    """The median of the most seconds that imported evaluations gave a trial, without its reset, and 0; None: none."""
    found = [s.started.recorded.trial_s for s in sessions if s.started.recorded and s.started.recorded.trial_s]
    return (median(found), 0) if found else None
