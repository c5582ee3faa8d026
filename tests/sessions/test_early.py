"""A comparison that may end early: which trials are pairs, what the rule says of them, and old files."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sessions.blinding import hidden, revealed
from sessions.blinding import told as unblinding
from sessions.early import counted, pairs, standing_in_all, standing_of
from sessions.facts import Unblinded
from sessions.models import SessionKind, Trial, Verdict
from sessions.requests import Counted, EvalRequest
from sessions.statistics.rule import Decision
from sessions.statistics.sequential import plan
from tests.support import facts

A, B = "/a", "/b"
RULE = plan(0.2, 0.9)
WON, LOST = Verdict.SUCCESS, Verdict.FAILURE


def asked(**more: Any) -> EvalRequest:
    given = {"checkpoint": A, "further_checkpoints": (B,), "sequential": RULE} | more
    made = facts.request(SessionKind.EVAL, **given)
    assert isinstance(made, EvalRequest)
    return made


def trials(*told: tuple[str, Verdict | None, str]) -> list[Trial]:
    return [Trial(index=n, checkpoint=who, verdict=how, condition=c) for n, (who, how, c) in enumerate(told, 1)]


def test_the_nth_trials_of_both_under_one_condition_are_a_pair_once_both_count() -> None:
    made = trials((B, LOST, "x"), (A, WON, "y"), (A, Verdict.VOID, "x"), (A, None, "x"), (A, WON, "x"), (A, LOST, "x"))
    assert list(pairs(asked(), made)) == [(True, False)]
    more = [*made, *trials((B, WON, "x"), (B, WON, "y"))]
    assert list(pairs(asked(), more)) == [(True, False), (False, True), (True, True)]


def test_the_sessions_before_count_as_if_they_were_this_one() -> None:
    made = trials(*[(A, WON, ""), (B, LOST, "")] * 20)
    whole = standing_of(asked(), made)
    for cut in (1, 4, 7):
        later = asked(counted_before=counted(made[:cut], asked()))
        assert standing_of(later, made[cut:]) == whole
    sessions = [
        facts.session("1", kind=SessionKind.EVAL, trials=tuple(made[:7]), checkpoint=A, further_checkpoints=(B,),
                      sequential=RULE),
        facts.session("2", kind=SessionKind.EVAL, trials=tuple(made[7:]), checkpoint=A, further_checkpoints=(B,),
                      sequential=RULE, counted_before=counted(made[:7], asked())),
    ]  # fmt: skip
    found = standing_in_all(sessions)
    assert found is not None and found[1] == whole


def test_the_rule_decides_at_its_line_and_not_before() -> None:
    wins = next(n for n, line in enumerate(RULE.better, 1) if line <= n)
    told = trials(*[(A, WON, ""), (B, LOST, "")] * wins)
    now, before = standing_of(asked(), told), standing_of(asked(), told[:-1])
    assert now is not None and now.decision is Decision.FIRST
    assert before is not None and before.decision is Decision.GO_ON


@pytest.mark.parametrize("more", [{"sequential": None}, {"sequential": msgspec.structs.replace(RULE, better=())},
                                  {"further_checkpoints": ()}])  # fmt: skip
def test_without_a_rule_for_two_nothing_is_decided(more: dict[str, Any]) -> None:
    assert standing_of(asked(**more), trials(*[(A, WON, ""), (B, LOST, "")] * 40)) is None


def test_the_rule_is_stored_with_the_request_and_older_files_have_none() -> None:
    stored = msgspec.json.encode(asked(counted_before=(Counted(A, "x", True),)))
    assert msgspec.json.decode(stored, type=EvalRequest).sequential == RULE
    old = {key: value for key, value in msgspec.json.decode(stored).items()
           if key not in ("sequential", "counted_before")}  # fmt: skip
    read = msgspec.json.decode(msgspec.json.encode(old), type=EvalRequest)
    assert read.sequential is None and read.counted_before == ()


def test_a_blinded_session_tells_the_trials_before_by_code_and_its_rule_sees_the_same() -> None:
    request = asked(blinded=True, counted_before=(Counted(A, "", True), Counted(B)))
    told = hidden(request)
    assert told.counted_before == (Counted("A", "", True), Counted("B"))
    assert standing_of(told, trials(("A", WON, ""), ("B", LOST, ""))) == standing_of(
        request, trials((A, WON, ""), (B, LOST, ""))
    )
    event = unblinding(Unblinded(), request)
    assert revealed(told, event) == request
