"""Results by policy and by condition: on the page, after `lab-console eval`, in the JSON."""

from __future__ import annotations

from datetime import UTC

import msgspec

from services.log.copies import command
from services.log.headline import subject
from services.log.kinship.links import origins
from services.log.listing import as_json
from services.log.page import page
from services.log.sections import Interval
from services.log.trials import results
from sessions.before import Before, Tried
from sessions.conditions import Condition, Order
from sessions.document import Session
from sessions.models import SessionKind, Trial, Verdict
from tests.support import facts

A, B = (f"/data/outputs/train/{name}/checkpoints/020000/pretrained_model" for name in ("act", "pi"))
BACK, DIM = Condition(name="back", x=270, y=-20.5, yaw=15, note="at tape"), Condition(name="dim", note="one lamp")
WON, LOST = Verdict.SUCCESS, Verdict.FAILURE


def trials(*told: tuple[str, str, Verdict]) -> tuple[Trial, ...]:
    return tuple(
        Trial(index=n, checkpoint=checkpoint, condition=condition, verdict=verdict)
        for n, (checkpoint, condition, verdict) in enumerate(told, 1)
    )


def compared(*conditions: Condition) -> Session:
    made = trials((A, "back", WON), (B, "back", LOST), (A, "dim", WON), (A, "dim", LOST), (B, "dim", Verdict.VOID))
    asked = {
        "checkpoint": A,
        "further_checkpoints": (B,),
        "conditions": conditions,
        "trained_in": "",
        "judge": "oracle",
    }
    asked |= {"further_trained_in": ("20260101-000000-0001",), "order": Order.RANDOM, "order_seed": 7}
    return facts.session("20260217-142001-0001", kind=SessionKind.EVAL, trials=made, **asked)


def test_the_page_has_a_table_by_policy_and_one_by_condition_with_intervals() -> None:
    made = page(compared(BACK, DIM), UTC)
    told = {section.name: section.rows for section in made.sections}
    assert [(row.name, row.values[0].text, row.interval) for row in told["by policy"]] == [
        ("act @ 020000", "2/3", Interval.of(2, 3)),
        ("pi @ 020000", "0/1", Interval.of(0, 1)),
    ]
    assert [row.text for row in told["conditions"]] == [
        "1/2, 50 % [9, 91], act @ 020000 1/1, pi @ 020000 0/1, 270 mm ahead, 20.5 mm right, turned 15 degrees; at tape",
        "1/2, 50 % [9, 91], act @ 020000 1/2, pi @ 020000 0/0, one lamp",
    ]
    every = [row for section in made.sections for row in section.rows]
    assert [row.text for row in every if row.name == "order"] == [
        "random, in blocks with one trial of each pair, seed 7"
    ]
    assert [row.text for row in every if row.name == "checkpoint"] == ["act @ 020000", A, "pi @ 020000", B]


def test_a_session_of_one_policy_without_conditions_has_no_such_tables() -> None:
    session = facts.session("s", kind=SessionKind.EVAL, trials=trials((A, "", WON), (A, "", LOST)), checkpoint=A)
    assert not {"by policy", "conditions"} & {section.name for section in page(session, UTC).sections}
    assert results.lines(session.request, session.trials) == []


def test_what_a_session_goes_on_with_is_added_up_by_policy_and_by_condition() -> None:
    before = Before(sessions=1, attempts=4, tried=(Tried(A, "back", 3, 1), Tried(B, "back", 2, 1)))
    session = compared(BACK, DIM)
    request = msgspec.structs.replace(session.request, before=before)
    told = " ".join(results.lines(request, session.trials))
    assert "act @ 020000 4/5  pi @ 020000 2/4" in told, told


def test_the_end_of_an_evaluation_in_the_shell_says_them_in_lines() -> None:
    session = compared(BACK, DIM)
    assert results.lines(session.request, session.trials)[:2] == [
        "act @ 020000  2/3  67 % [21, 94]",
        "pi @ 020000   0/1  0 % [0, 79]",
    ]


def test_the_json_counts_each_pair_that_has_a_result() -> None:
    (listed,) = as_json([compared(BACK, DIM)])
    assert list(listed["results"]) == [
        {"checkpoint": A, "condition": "back", "successes": 1, "judged": 1},
        {"checkpoint": B, "condition": "back", "successes": 0, "judged": 1},
        {"checkpoint": A, "condition": "dim", "successes": 1, "judged": 2},
    ]


def test_the_log_knows_each_of_the_policies() -> None:
    session = compared(BACK, DIM)
    assert subject(session) == "act @ 020000 and 1 more"
    assert [relation.what for relation in origins(session, [])] == [
        "no training of this log made act @ 020000: it came from elsewhere",
        "pi @ 020000 was trained in session 20260101-000000-0001, which this log does not have",
    ]
    repeats = command(session)
    assert f"--checkpoint {A},{B}" in repeats
    assert "--conditions back,dim --order random --order-seed 7" in repeats
