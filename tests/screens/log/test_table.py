"""Tables: columns sized to what they hold; the Log's rows in them."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from screens.views.columns import Align, Column, Table
from screens.views.log_rows import ORDERS, LogTable, entry, log_rows, session_table
from screens.views.signs import ASCII, UNICODE, use_signs
from services.live import events as ev
from services.live.snapshots import replay
from services.log.documents import document
from sessions.bench import Profile
from sessions.document import Session
from sessions.facts import PreflightMade, SessionStarted
from sessions.models import Episode, SessionKind, SessionStatus, Trial, Verdict
from sessions.preflight import Check, Level
from sessions.requests import EvalRequest
from tests.support import facts
from tests.support.runs import ended, numbered, saved, session_id, started

THIS_YEAR = date(2026, 11, 26)
NAME = "pick_place_with_the_left_hand_at_night"


def evaluation(number: int = 1, success: int = 12, failure: int = 8, **more: object) -> Session:
    trials = tuple(
        Trial(index=n, verdict=Verdict.SUCCESS if n <= success else Verdict.FAILURE)
        for n in range(1, success + failure + 1)
    )
    path = f"/data/outputs/train/{NAME}/checkpoints/020000/pretrained_model"
    return facts.session(
        session_id(number), kind=SessionKind.EVAL, checkpoint=path, trials=trials,
        alarms=("overhead: black in trial 3",), **more,
    )  # fmt: skip


def training(number: int = 2, loss: float = 0.00612) -> Session:
    return facts.session(session_id(number), kind=SessionKind.TRAIN, training=facts.training(loss=loss))


def plain(sessions: list[Session], room: int) -> list[str]:
    return [row.plain for row in log_rows(sessions, room, THIS_YEAR)]


# --- any table ----------------------------------------------------------------------------------

WORDS = (
    Column[str]("first", lambda item: [(item, "")], least=4),
    Column[str]("size", lambda item: [(str(len(item)), "")], align=Align.RIGHT, rank=1),
    Column[str]("none", lambda item: [("", "")]),
)


def table(room: int, *items: str) -> list[str]:
    made = Table(WORDS, items, room, {"size": "v"})
    return [made.header.plain, *(row.plain for row in made.rows)]


def test_columns_are_as_wide_as_what_they_hold_and_numbers_stand_right() -> None:
    assert table(40, "cube", "sunflowers") == ["first       sizev", "cube            4", "sunflowers     10"]


def test_a_column_is_narrowed_before_one_is_left_out() -> None:
    assert table(15, "cube", "sunflowers") == ["first     sizev", "cube          4", "sunflow…     10"]
    assert table(9, "cube", "sunflowers") == ["first", "cube", "sunflowe…"]


@pytest.mark.parametrize("room", range(1, 40))
def test_no_row_is_wider_than_its_room_and_rank_0_stays(room: int) -> None:
    for line in table(room, "cube", "sunflowers"):
        assert len(line) <= max(room, 5)
        assert line.strip()


# --- the Log's ----------------------------------------------------------------------------------


def test_the_interval_and_the_loss_are_whole_at_80_columns_whatever_the_name() -> None:
    first, second = plain([evaluation(), training()], 75)
    assert "12✓ 8✗" in first and "60 % [39, 78]" in first and NAME[:10] in first
    assert "20,000 steps" in second and "loss 0.00612" in second


@pytest.mark.parametrize("room", [55, 75, 95, 115, 195])
def test_how_a_session_went_is_seen_at_every_width(room: int) -> None:
    first, second = plain([evaluation(), training()], room)
    assert "60 %" in first and "loss 0.00612" in second and "02-17" in first
    assert max(len(first), len(second)) <= room


def test_the_year_stands_where_one_is_not_of_this_year() -> None:
    assert "2026" not in "".join(plain([evaluation(), training()], 200))
    old = facts.session(session_id(3), at=facts.BEGAN - 365 * 24 * 3600)
    assert all("2026-" in row or "2025-" in row for row in plain([evaluation(), training(), old], 200))


def test_refused_bench_sessions_say_what_was_refused() -> None:
    refused = [
        facts.session(session_id(n), kind=SessionKind.BENCH, status=SessionStatus.ABORTED, end_reason=why)
        for n, why in enumerate(("follower: its calibration file does not fit", "leader: no answer on /dev/ttyACM1"), 1)
    ]
    first, second = plain(refused, 150)
    assert "follower: its calibration file does not fit" in first
    assert "leader: no answer on /dev/ttyACM1" in second
    narrow, other = plain(refused, 75)
    assert "follower: its" in narrow and "leader: no ans" in other


def test_a_training_that_was_stopped_has_not_the_sign_of_a_finished_one() -> None:
    stopped = facts.session(session_id(1), kind=SessionKind.TRAIN, training=facts.training(done=3210))
    assert plain([stopped, training()], 100)[0].startswith("○") and "3,210/20,000 steps" in plain([stopped], 100)[0]
    assert plain([training()], 100)[0].startswith("✓")


@pytest.mark.parametrize("room", [75, 115, 195])
def test_what_is_short_is_not_cut(room: int) -> None:
    events = numbered(
        started(session_id(1), dataset="cubes", target=50), saved(0, flags=("late",)), saved(1, accepted=False),
        ev.TagAdded(tag="night"), ended(),
    )  # fmt: skip
    row = plain([document(replay(events))], room)[0]
    assert "…" not in row
    assert all(part in row for part in ("cubes", "1 of 50", "1✗", "1⚠", "#night", "4 s"))


def of_kind(kind: SessionKind, *sessions: Session, room: int = 150) -> list[str]:
    entries = [entry(session) for session in sessions]
    table = LogTable()
    table.measure(entries)
    made = table.of(entries, room, ORDERS[3], kind, THIS_YEAR)
    return [made.header.plain, *(row.plain for row in made.rows)]


def test_sessions_of_one_kind_have_the_columns_of_that_kind() -> None:
    header, row = of_kind(SessionKind.EVAL, evaluation())
    assert header.split()[:5] == ["started", "policy", "k/n", "rate▲", "reset"] and "12/20  60 % [39, 78]" in row
    lit = Trial(index=1, verdict=Verdict.SUCCESS, condition="lamp off")
    dark = msgspec.structs.replace(evaluation(), trials=(lit,))
    assert "condition" in of_kind(SessionKind.EVAL, dark)[0] and "lamp off" in of_kind(SessionKind.EVAL, dark)[1]
    header, row = of_kind(SessionKind.TRAIN, training())
    assert header.split()[1:7] == ["run", "policy", "steps", "loss▲", "dataset", "took"] and "0.00612" in row
    episodes = tuple(Episode(index=n, take=n + 1, frames=9, seconds=1.0, accepted=n > 0) for n in range(4))
    header, row = of_kind(SessionKind.RECORD, facts.session(session_id(1), episodes=episodes, target=5))
    assert header.split()[:4] == ["started", "dataset", "accepted▲", "rejected"] and "3/5" in row and "1✗" in row


@pytest.mark.parametrize("room", [55, 75, 115, 195])
@pytest.mark.parametrize("kind", [SessionKind.EVAL, SessionKind.TRAIN])
def test_the_columns_of_a_kind_fit_their_room_and_keep_what_counts(room: int, kind: SessionKind) -> None:
    lines = of_kind(kind, evaluation() if kind is SessionKind.EVAL else training(), room=room)
    assert max(map(len, lines)) <= room
    assert ("12/20" if kind is SessionKind.EVAL else "0.00612") in lines[1]


def test_what_was_not_measured_yet_is_listed_all_the_same() -> None:
    entries = [entry(evaluation()), entry(training())]
    table = LogTable()
    table.measure(entries[:1])
    assert len(table.of(entries, 100, today=THIS_YEAR).rows) == 2
    table.measure(entries)
    assert table.of(entries, 100, today=THIS_YEAR).rows[1].plain == plain([evaluation(), training()], 100)[1]


def test_without_utf8_the_sign_of_the_order_stands_apart_from_the_name() -> None:
    use_signs(ASCII)
    try:
        for order in ORDERS:
            header = session_table([entry(evaluation())], 150, order, THIS_YEAR).header.plain
            assert f"{order.column} {'^' if order.up else 'v'}" in header
    finally:
        use_signs(UNICODE)


def test_rows_are_ordered_by_the_column_that_the_header_marks() -> None:
    worse = evaluation(3, success=2, failure=8, ended=facts.BEGAN + 600)
    entries = [entry(session) for session in (worse, training(), evaluation())]
    orders = {}
    for order in ORDERS:
        header = session_table(entries, 150, order, THIS_YEAR).header.plain
        assert f"{order.column}{'▲' if order.up else '▼'}" in header
        orders[order.column] = [each.id[-4:] for each in order.sorted(entries)]
    assert orders == {
        "started": ["0003", "0002", "0001"],
        "kind": ["0003", "0001", "0002"],
        "name": ["0002", "0003", "0001"],
        "result": ["0001", "0003", "0002"],
        "took": ["0003", "0002", "0001"],
    }


def test_a_preflight_on_its_own_says_its_result_in_the_list() -> None:
    check = Check(name="known pose", level=Level.BAD, found="an offset")
    request = EvalRequest(
        data_dir="/data",
        profile=Profile(robot={}),
        checkpoint="sim-scripted@0.8",
        task="t",
        dataset="",
        looks_only=True,
    )
    made = PreflightMade(preflight=1, checks=(check,))
    begun = SessionStarted(id=session_id(1), pid=1, host="h", request=request)
    (shown,) = plain([Session(started=begun, preflights=(made,))], 110)
    assert "sim-scripted@0.8" in shown and "preflight: 1 bad" in shown
