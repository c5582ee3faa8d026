"""A sentence in ranked parts: what to press is never lost, and nothing is wider than its box."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.content import Content

from screens.views.measured import Part, chosen, plain, rows, sentence
from screens.views.signs import ASCII, UNICODE, Signs, use_signs
from services.tone import Tone

WORDS = st.text(st.sampled_from("abcdefg0 ·日本語é🙂"), min_size=1, max_size=50).map(
    lambda t: " ".join(t.split()) or "a"
)
PARTS = st.lists(
    st.builds(Part, WORDS, rank=st.integers(0, 4), tone=st.sampled_from(Tone), short=st.one_of(st.just(""), WORDS)),
    max_size=6,
)
KEYS = st.lists(st.sampled_from(["HELD", "p follows again", "g goes to rest", "Esc x stop", "r rejects"]), max_size=3)


def flat(lines: list[Content]) -> str:
    return " ".join(" ".join(line.plain for line in lines).split())


@given(PARTS, st.integers(2, 90), st.integers(1, 6))
def test_nothing_is_wider_or_higher_than_its_box(parts: list[Part], width: int, height: int) -> None:
    lines = rows(parts, width, height)
    assert len(lines) <= height
    assert all(cell_len(line.plain) <= width for line in lines)


@given(KEYS, PARTS, st.integers(30, 90), st.integers(3, 6))
def test_what_to_press_is_whole_at_every_width_from_30(
    said: list[str], others: list[Part], width: int, height: int
) -> None:
    """Three parts of at most 15 cells fit 3 rows of 30 with their dots, whatever else is said."""
    others = [Part(part.text, part.rank + 1, part.tone, part.short) for part in others]
    mixed = [part for pair in zip(map(Part, said), others, strict=False) for part in pair]
    mixed += [*map(Part, said[len(others) :]), *others[len(said) :]]
    lines = rows(mixed, width, height)
    for words in said:
        assert words in flat(lines)


@given(PARTS, st.integers(20, 90), st.integers(1, 6))
def test_a_part_is_dropped_only_after_every_less_important_one(parts: list[Part], width: int, height: int) -> None:
    kept = chosen(parts, width, height)
    assert sum(part.rank == 0 for part in kept) == sum(part.rank == 0 for part in parts)
    lost = list(parts)
    for part in kept:
        lost.remove(next(p for p in lost if part in (p, Part(p.short, p.rank, p.tone, p.short))))
    if lost:
        assert max((part.rank for part in kept), default=0) <= min(part.rank for part in lost)


HELD = [
    Part("HELD by Esc after 12 ms", short="HELD"),
    Part("torque is on", 2),
    Part("p follows again, slowly", short="p follows"),
    Part("g goes to rest"),
]


def test_it_says_everything_where_there_is_room() -> None:
    assert (
        sentence(HELD, 90).plain == "HELD by Esc after 12 ms · torque is on · p follows again, slowly · g goes to rest"
    )
    assert sentence(HELD, 90).plain == plain(HELD)


def test_it_wraps_before_it_shortens() -> None:
    assert sentence(HELD, 42, 2).plain == (
        "HELD by Esc after 12 ms · torque is on ·\np follows again, slowly · g goes to rest"
    )


def test_it_shortens_then_drops_then_says_again_in_full_what_fits() -> None:
    assert sentence(HELD, 56).plain == "HELD · torque is on · p follows · g goes to rest"
    assert sentence(HELD, 36).plain == "HELD · p follows · g goes to rest"
    assert sentence([Part("HELD by Esc", short="HELD"), Part("a long remark", 1)], 16).plain == "HELD by Esc"


def test_a_line_never_breaks_between_a_key_and_what_it_does_or_begins_with_a_dot() -> None:
    assert sentence([Part("now press"), Part("g goes to rest")], 13, 3).plain == "now press ·\ng goes to\nrest"
    assert sentence([Part("now press"), Part("g goes to rest")], 10, 3).plain == "now press\ng goes to\nrest"


def test_a_word_wider_than_the_box_is_broken_and_wide_characters_take_two_cells() -> None:
    assert sentence([Part("日本語日本語 ab")], 5, 9).plain == "日本\n語日\n本語\nab"


def test_parts_carry_their_tone_and_an_empty_one_is_not_said() -> None:
    line = sentence([Part(""), Part("black", tone=Tone.DANGER), Part("press w")], 40)
    assert line.plain == "black · press w"
    assert [span.style for span in line.spans if line.plain[span.start : span.end] == "black"] == ["$error"]


@pytest.mark.parametrize(("chosen_signs", "dot", "more"), [(UNICODE, "·", "…"), (ASCII, "-", "~")])
def test_it_uses_the_signs_of_the_terminal(chosen_signs: Signs, dot: str, more: str) -> None:
    use_signs(chosen_signs)
    try:
        assert sentence([Part("a b"), Part("c d")], 20).plain == f"a b {dot} c d"
        assert sentence([Part("much too long for it")], 12).plain == f"much too {more}"
    finally:
        use_signs(UNICODE)
