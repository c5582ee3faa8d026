"""Text from outside, made safe for a terminal."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from services.text import clean, escape_json, plain, without_controls, without_stacks

ANY = st.text(st.characters(codec=None))


def dangerous(text: str, but: str = "") -> list[str]:
    bad = ("Cc", "Cs", "Zl", "Zp")
    turns = {"\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
    return [c for c in text if c not in but and (unicodedata.category(c) in bad or c in turns)]


@given(ANY)
@example("a\u2028b\u2029c")
def test_no_control_character_is_left(text: str) -> None:
    assert not dangerous(without_controls(text))
    assert not dangerous(clean(text))
    assert not dangerous(plain(text), but="\n\t")
    without_controls(text).encode()


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cf", "Zl", "Zp"))))
def test_what_is_painted_keeps_its_cells(text: str) -> None:
    assert cell_len(without_controls(text)) == cell_len(text)


@given(st.text(st.characters(codec="utf-8")))
def test_json_stays_the_same_json(text: str) -> None:
    escaped = escape_json(json.dumps([text], ensure_ascii=False))
    assert json.loads(escaped) == [text]
    assert not [c for c in escaped if unicodedata.category(c) == "Cc" or c in "\u202e\u2066\u200f"]


def test_a_stream_keeps_its_lines_and_loses_colours_with_their_codes() -> None:
    assert plain("a\x1b[31mred\x1b[0m\n\tb\x9b1mc\x1b]52;c;eA==\x07d\r") == "ared\n\tb1mc]52;c;eA==d"
    assert plain("tasse ☕ \U0001f469\u200d\U0001f4bb") == "tasse ☕ \U0001f469\u200d\U0001f4bb"


@given(ANY, st.sampled_from(["", "\t", "\n", "\n\t"]))
def test_lines_are_cleaned_as_their_characters_are(text: str, keep: str) -> None:
    assert without_controls(text, keep) == "".join(without_controls(c, keep) for c in text)


def test_marks_are_stacked_no_higher_than_a_script_needs() -> None:
    assert without_stacks("e" + "\u0301" * 200 + "x" + "\u0301") == "e" + "\u0301" * 4 + "x\u0301"
    for text in ("plain", "ế ก็ นี้ हिन्दी", "👩‍👩‍👧"):
        assert without_stacks(text) == text
