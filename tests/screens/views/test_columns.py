"""Columns of a list: each row fills its room, what is left over goes where it is declared, what is too long is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screens.views.columns import Align, Column, rows, widths
from screens.views.log_rows import COLUMNS


def text(item: str, _: int) -> list[tuple[str, str]]:
    return [(item, "")]


def test_what_is_left_over_goes_by_weight_up_to_the_most() -> None:
    columns = (
        Column("a", 5, text),
        Column("b", 5, text, weight=1, most=8),
        Column("c", 5, text, weight=1),
        Column("d", 0, text, weight=2, gap=0),
    )
    assert widths(columns, 18) == {"a": 5, "b": 5, "c": 5, "d": 0}
    assert widths(columns, 26) == {"a": 5, "b": 7, "c": 7, "d": 4}
    assert widths(columns, 48) == {"a": 5, "b": 8, "c": 14, "d": 18}


def test_a_column_that_needs_a_wide_room_is_left_out_of_a_narrow_one() -> None:
    columns = (Column("year", 4, text, from_room=20), Column("name", 4, text))
    assert [row.plain for row in rows(columns, ["2026"], 19)] == ["2026"]
    assert [row.plain for row in rows(columns, ["2026"], 20)] == ["2026 2026"]


def test_cells_align_left_and_right_and_are_cut_with_a_sign() -> None:
    columns = (Column("a", 4, text, align=Align.RIGHT), Column("b", 4, text), Column("c", 4, text))
    assert [row.plain for row in rows(columns, ["ab", "abcdef", "日本語"], 15)] == [
        "  ab ab   ab",
        "abc… abc… abc…",
        "日 … 日 … 日 …",
    ]


def test_a_cell_knows_its_cells_and_keeps_the_styles_of_its_parts() -> None:
    def parts(item: str, cells: int) -> list[tuple[str, str]]:
        return [(f"{cells}:", "bold"), (item, "$error")]

    line = rows((Column("a", 6, parts), Column("b", 3, parts)), ["xyz"], 11)[0]
    assert line.plain == "6:xyz  3:…"
    assert [(line.plain[span.start : span.end], str(span.style)) for span in line.spans][:2] == [
        ("6:", "bold"),
        ("xyz", "$error"),
    ]


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "M", "Z"])), max_size=3),
    st.integers(75, 300),
)
def test_no_row_is_longer_than_its_room(texts: list[str], room: int) -> None:
    columns = tuple(Column(c.name, c.cells, text, c.weight, c.most, c.align, c.from_room, c.gap) for c in COLUMNS)
    assert all(row.cell_length <= room for row in rows(columns, texts, room))


@pytest.mark.parametrize(
    ("terminal", "wanted"),
    [
        (80, {"day": 11, "what": 20, "counts": 19, "marks": 0}),
        (120, {"year": 5, "what": 28, "counts": 27, "marks": 18}),
        (200, {"year": 5, "what": 44, "counts": 27, "marks": 80}),
    ],
)
def test_the_logs_columns_have_at_least_the_cells_that_they_had(terminal: int, wanted: dict[str, int]) -> None:
    given = widths(COLUMNS, terminal - 5)
    assert all(given[name] >= cells for name, cells in wanted.items()), given
