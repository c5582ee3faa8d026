"""Beside the numbers of an evaluation: what they say, and on the table from above where the trials succeeded."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from screens.evaluate.conclusions import Conclusions
from screens.views.phase import phase_view
from screens.views.signs import UNICODE, use_signs
from screens.views.table_map import table_map
from screens.views.trial_says import says, success_map
from screens.views.trial_tally import tally
from services.live import events as ev
from services.live.snapshots import Snapshot, advance, replay
from sessions.conditions import Condition
from sessions.models import SessionStatus, Verdict
from sessions.statistics.sequential import plan
from tests.screens.views.test_start_scene import A, B, evaluation, judged

WON, LOST = Verdict.SUCCESS, Verdict.FAILURE
RULE = plan(0.2, 0.9)
BACK, LEFT = Condition(name="back", x=270, y=0), Condition(name="x180 y90", x=180, y=90)
DIM = Condition(name="dim")


@pytest.fixture(autouse=True)
def unicode_signs() -> None:
    use_signs(UNICODE)


def made(*told: tuple[Verdict, str, str], conditions: tuple[Condition, ...] = (), **asked: Any) -> Snapshot:
    events = evaluation(*conditions, **asked)
    for number, (verdict, checkpoint, condition) in enumerate(told, 1):
        events += judged(number, verdict, checkpoint, condition)
    return replay(events)


def words(snapshot: Snapshot, worked_out: tuple[str, ...] | None = None) -> str:
    rows = says(snapshot, 28, worked_out)
    assert all(row.cell_length <= 28 for row in rows)
    return " ".join(row.plain for row in rows)


def test_of_one_policy_how_many_more_trials_tell() -> None:
    alone = made(*[(WON, A, "")] * 4, (LOST, A, ""), further_checkpoints=())
    assert words(alone) == "about 55 more trials would tell it to within 10 points"
    assert words(made(further_checkpoints=())) == ""
    assert "would tell it" in " ".join(row.plain for row in tally(alone, 60))


def test_a_comparison_is_not_read_before_its_end() -> None:
    running = made(*[(WON, A, ""), (LOST, B, "")] * 3, target=8)
    assert words(running) == "The policies are compared once all 8 trials are judged."
    ended = advance(running, ev.SessionEnded(status=SessionStatus.FINISHED))
    assert words(ended) == "It ended before all 8 trials were judged: its page on the Log says what they carry."
    assert words(running, ("The first succeeds more often.",)).count("succeeds") == 0
    over = made(*[(WON, A, ""), (LOST, B, "")] * 4, target=8)
    assert words(over) == "What the comparison says is being worked out."
    assert words(over, ("No difference is shown.", "More.")) == "No difference is shown. More."


class Desk:
    """Takes what is to be done, and does it when told."""

    def __init__(self) -> None:
        self.works: list[Any] = []

    def spawn(self, work: Any) -> None:
        self.works.append(work)


async def test_the_tests_of_a_comparison_are_made_in_a_thread_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.log.trials import brief

    threads, real = [], brief.brief
    monkeypatch.setattr(brief, "brief", lambda *told: (threads.append(threading.current_thread()), real(*told))[1])
    desk, drawn = Desk(), []
    conclusions = Conclusions(desk, lambda: drawn.append(1))  # type: ignore[arg-type]
    assert conclusions.of(made((WON, A, ""), target=8)) is None and not desk.works
    over = made(*[(WON, A, ""), (LOST, B, "")] * 4, target=8)
    assert conclusions.of(over) is conclusions.of(over) is None and len(desk.works) == 1
    await desk.works.pop()
    said = conclusions.of(over)
    assert (
        said is not None
        and said[0] == "act @ 020000 succeeds more often (p = 0.008), if the number of trials was fixed before."
    )
    assert drawn == [1] and not desk.works and threads != [threading.main_thread()]
    undone = made(*[(WON, A, ""), (LOST, B, "")] * 3, target=8)
    assert conclusions.of(undone) is None


def test_the_map_has_each_places_successes_with_the_arms_side_below() -> None:
    sums = {"back": (3, 5), "x180 y90": (0, 2), "dim": (1, 1)}
    rows, shown = success_map((BACK, LEFT, DIM), sums, 30)
    drawn = [row.plain for row in rows]
    back, left, arm = (next((y, row.index(text)) for y, row in enumerate(drawn) if text in row)
                       for text in ("3/5", "0/2", "arm"))  # fmt: skip
    assert back[0] < left[0] < arm[0] and left[1] < back[1], "x grows upwards, y to the left"
    assert shown == {"back", "x180 y90"}
    assert success_map((BACK, DIM), sums, 30) == ([], frozenset())


def test_a_grid_of_places_stands_in_rows_and_columns() -> None:
    places = [Condition(name=f"x{x} y{y}", x=x, y=y) for x in (180, 230, 280) for y in (-80, 0, 80)]
    rows, shown = success_map(places, {each.name: (n, 9) for n, each in enumerate(places)}, 30)
    assert [row.plain.split() for row in rows if row.plain.strip()] == [
        ["8/9", "7/9", "6/9"], ["5/9", "4/9", "3/9"], ["2/9", "1/9", "0/9"], ["arm"]
    ]  # fmt: skip
    assert len(shown) == len(places)


def test_where_room_is_short_unused_modes_go_then_the_map_whose_places_are_listed() -> None:
    places = tuple(Condition(name=f"x{x} y{y}", x=x, y=y) for x in (180, 240) for y in (-60, 60))
    now = made((WON, A, places[0].name), conditions=places)
    whole = [row.plain for row in tally(now, 28)]
    assert [row.split() for row in whole[-4:]] == [["0/0", "0/0"], [], ["0/0", "1/1"], ["arm"]], "no row for nothing"
    assert [row.plain for row in tally(now, 28, height=len(whole))] == whole
    unused = [row for row in whole if row[:2] in ("1 ", "2 ", "3 ", "4 ")]
    less = [row.plain for row in tally(now, 28, height=len(whole) - 1)]
    assert less == [row for row in whole if row not in unused], "modes that did not occur go first"
    short = [row.plain for row in tally(now, 28, height=len(less) - 1)]
    assert short[-3].split() == ["x180", "y-60", "1/1"] and "arm" not in " ".join(short)
    assert short[-1] == "+2: see its page on the Log" and len(short) == len(less) - 1, "nothing is cut in silence"


def test_places_that_would_overlap_are_left_to_the_list() -> None:
    near = Condition(name="near", x=271, y=1)
    told = [(WON, A, "back"), (LOST, A, "near"), (LOST, A, "x180 y90")]
    _rows, shown = success_map((BACK, near, LEFT), {"back": (1, 1)}, 30)
    assert shown == {"back", "x180 y90"}
    lines = [row.plain for row in tally(made(*told, conditions=(BACK, near, LEFT)), 40)]
    assert any(line.startswith("near") for line in lines) and any(line.startswith("back") for line in lines)
    assert not any(line.startswith("x180") for line in lines), "its place says it"


def ruled(*told: tuple[bool, bool]) -> Snapshot:
    verdicts = [(WON if won else LOST, who, "") for pair in told for won, who in zip(pair, (A, B), strict=True)]
    return made(*verdicts, target=200, sequential=RULE)


def test_a_rule_alone_says_what_follows_and_how_far_the_line_is() -> None:
    one, both = (True, False), (True, True)
    going = ruled(both, one)
    assert not going.reached
    bar, *said = [row.plain for row in says(going, 40)]
    assert " ".join(said).startswith("Nothing is decided after 2 pairs, 1 of them unlike. act @ 020000 leads by 1;")
    assert bar == "act @ 020000 ├─────●|──────┤ pi @ 020000"
    assert phase_view(going, None, driving=True, now=0.0).left_label == "trial 5, max 200"
    over = ruled(*[one] * 12)
    assert phase_view(over, None, driving=True, now=0.0).word == "DONE"
    assert over.reached, "the rule has decided long before 200 trials"
    assert "act @ 020000 is better than pi @ 020000" in words(over)
    assert Conclusions(Desk(), lambda: None).of(over) is None  # type: ignore[arg-type]
    assert "better" not in words(ruled(both, both))


def test_the_ends_of_the_evidence_tell_policies_apart_whose_names_begin_alike() -> None:
    pairs = [("sim-scripted@0.2", "sim-scripted@0.9"), (A, A.replace("020000", "040000"))]
    for first, second in pairs:
        now = made((WON, first, ""), (LOST, second, ""), checkpoint=first, further_checkpoints=(second,),
                   target=200, sequential=RULE)  # fmt: skip
        for width in (28, 38, 60):
            bar = says(now, width)[0].plain
            assert bar.partition("├")[0].strip() != bar.rpartition("┤")[2].strip() and len(bar) <= width


def test_places_that_no_table_has_are_left_to_the_list() -> None:
    far = [Condition(name=str(n), x=x, y=-x) for n, x in enumerate((1e308, -1e308, 10**18))]
    assert success_map(far, {}, 28) == ([], frozenset()) and table_map(far, "0", 40, 10) == []
    _, shown = success_map((*far, BACK, LEFT), {}, 28)
    assert shown == {"back", "x180 y90"} and table_map((*far, BACK), "back", 40, 10)
