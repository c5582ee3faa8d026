"""A session's page in lines: it fits its width, wraps what is long, loses nothing."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from screens.views.page_lines import lines
from services.log.page import page
from services.log.sections import Page, Row, Section, Symbol, Value
from services.tone import Tone
from sessions import upgrade
from sessions.document import Session
from tests import ROOT

STORED = json.loads((ROOT / "tests" / "files_of_2026_11" / "lab" / "sessions.json").read_bytes())["sessions"]
SESSIONS = sorted(STORED)
"""Real ones, of every kind."""


def shown(made: Page, width: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines(made, width)]


def real_page(session: str) -> Page:
    return page(msgspec.convert(upgrade.session(STORED[session]), Session), UTC)


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("width", [40, 74, 114, 190])
def test_a_page_fits_its_width(session: str, width: int) -> None:
    drawn = shown(real_page(session), width)
    assert max(map(cell_len, drawn)) <= width
    assert [line for line in drawn if line != line.rstrip()] == []


@pytest.mark.parametrize("session", SESSIONS)
def test_a_narrow_page_says_as_much_as_a_wide_one(session: str) -> None:
    def characters(width: int) -> Counter[str]:
        return Counter(c for c in "".join(shown(real_page(session), width)) if c not in " ·─━")

    assert characters(74) == characters(190)


def test_a_path_that_is_too_long_breaks_behind_a_slash() -> None:
    facts = Section("facts", (Row("output", (Value("/home/operator/lab-console/outputs/train/act_v2"),)),))
    drawn = shown(Page("x", Value("finished"), (facts,)), 50)
    assert drawn[2:] == ["output      /home/operator/lab-console/outputs/", "            train/act_v2"]


def test_a_name_stands_once_and_its_values_below_each_other() -> None:
    facts = Section("facts", (Row("alarms", (Value("one"),)), Row("alarms", (Value("two"), Value("three")))))
    drawn = shown(Page("x", Value("finished", mark=Symbol.YES), (facts,)), 74)
    assert drawn == ["✓ finished", "", "alarms      one", "            two · three"]


def table(*texts: str) -> Page:
    rows = [
        Row(str(at), (Value("", Tone.SUCCESS, Symbol.YES), Value(f"{at}.0 s"), Value(t))) for at, t in enumerate(texts)
    ]
    return Page("x", Value("running"), (Section("trials", tuple(rows), table=True),))


def test_entries_stand_side_by_side_where_there_is_room() -> None:
    drawn = [len(shown(table("a", "b", "c", "d"), width)) - 1 for width in (30, 42, 60, 120)]
    assert drawn == [4, 2, 2, 1]


def test_an_entry_that_is_long_stands_alone_and_wraps_in_its_column() -> None:
    drawn = shown(table(*"abcdefg", "the policy gave no action for two seconds and the arm held", "i"), 60)
    assert drawn[3:] == [
        "            6✓  6.0 s  g",
        "            7✓  7.0 s  the policy gave no action for two",
        "                       seconds and the arm held",
        "            8✓  8.0 s  i",
    ]
    assert drawn[1] == "trials      0✓  0.0 s  a   1✓  1.0 s  b   2✓  2.0 s  c"


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z", "M"]), max_size=90), min_size=1, max_size=5
    ),
    st.integers(32, 120),
)
def test_no_text_makes_a_line_too_long_or_goes_missing(texts: list[str], width: int) -> None:
    rows = tuple(Row("name", (Value(text), Value("end"))) for text in texts)
    for made in (Page("x", Value("s"), (Section("facts", rows),)), table(*texts)):
        drawn = shown(made, width)
        assert max(map(cell_len, drawn)) <= width
        together = "".join(line[12:] for line in drawn[1:]).replace(" ", "")
        assert all(text in together for text in texts)


@pytest.mark.parametrize("width", [32, 74])
def test_a_name_that_fills_its_column_stands_above_its_values(width: int) -> None:
    rows = (Row("training data", (Value("not checked"),)), Row("act_v2 @ 020000: offsets of joints", (Value("good"),)))
    drawn = shown(Page("x", Value("finished"), (Section("preflight", rows),)), width)
    assert drawn[2:4] == ["training data", "            not checked"]
    assert " ".join(drawn[4:-1]) == "act_v2 @ 020000: offsets of joints" and drawn[-1] == "            good"
    assert max(map(cell_len, drawn)) <= width
