"""Two pages side by side: what belongs together stands together, and a difference is marked."""

from __future__ import annotations

import pytest

from screens.views.side_lines import lines
from services.log.page import page
from services.log.side_by_side import side_by_side
from sessions.models import SessionKind, Trial, Verdict
from tests.support import facts
from tests.support.runs import session_id


def tried(number: int, *verdicts: Verdict, **more: object) -> object:
    trials = tuple(Trial(index=n, verdict=v, seconds=4.0, ended_by="verdict") for n, v in enumerate(verdicts, 1))
    return page(facts.session(session_id(number), kind=SessionKind.EVAL, task="lift", trials=trials, **more))


ONE = tried(1, Verdict.SUCCESS, Verdict.FAILURE, Verdict.SUCCESS)
OTHER = tried(2, Verdict.SUCCESS, Verdict.SUCCESS, tags=("night",))


def test_rows_of_one_name_stand_together_and_what_differs_is_known() -> None:
    both = {section.name: section for section in side_by_side(ONE, OTHER)}
    trials = both["trials"]
    assert [pair.name for pair in trials.pairs] == ["1", "2", "3"]
    assert [pair.differs for pair in trials.pairs] == [False, True, True], "of the second the sign differs alone"
    assert trials.pairs[2].other == ()
    facts_ = {pair.name: pair.differs for pair in both["session"].pairs}
    assert not facts_["task"] and facts_["judged"]
    tags = next(pair for pair in both["remarks"].pairs if pair.name == "tags")
    assert tags.one == () and tags.differs


def test_a_page_beside_itself_differs_in_nothing() -> None:
    assert sum(section.differing for section in side_by_side(ONE, ONE)) == 0


@pytest.mark.parametrize("width", [44, 56, 76, 95, 96, 116, 196])
def test_both_fit_and_say_all_in_any_width(width: int) -> None:
    drawn = ["".join(text for text, _ in line) for line in lines(side_by_side(ONE, OTHER), ("1 one", "2 other"), width)]
    assert max(map(len, drawn)) <= width
    said = " ".join(" ".join(drawn).split())
    assert "#night" in said and "rows differ" in said and "1 one" in said and "2 other" in said
    assert sum(line.startswith("≠") for line in drawn) == sum(s.differing for s in side_by_side(ONE, OTHER))
