"""A terminal without UTF-8 gets ASCII alone, also where something is cut off, scrolls or has a border.

`tests/contact_sheet.py --colours ascii` shows every state; here are those that had other characters.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.content import Content, Span

from screens.views.cut import cut
from screens.views.signs import ASCII, UNICODE, use_signs
from screens.widgets.ascii import draw_scroll_bars
from tests.support.fake_desk import empty_folder
from tests.support.states import scene


@pytest.fixture
def ascii_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LAB_CONSOLE_ASCII", "1")
    use_signs(ASCII)
    yield
    use_signs(UNICODE)
    draw_scroll_bars(ascii_only=False)


@pytest.mark.parametrize(
    ("state", "size"), [("record_note", (60, 15)), ("evaluate_finished", (80, 24)), ("train_nan", (120, 40))]
)
async def test_a_state_is_drawn_in_ascii_alone(ascii_terminal, tmp_path, state, size):
    async with scene(empty_folder(tmp_path / "lab"), state, size) as shown:
        await shown.settle()
        drawn = shown.console.everything
    assert drawn.isascii(), {character for character in drawn if not character.isascii()}


@pytest.mark.parametrize(("chosen", "more"), [(UNICODE, "…"), (ASCII, "~")])
def test_what_is_cut_off_ends_in_the_sign_for_more(chosen, more):
    use_signs(chosen)
    try:
        text = Content.assemble("pick ", ("place", "bold"))
        assert cut(text, 10) is text
        shown = cut(text, 7)
        assert shown.plain == f"pick p{more}" and shown.spans == [Span(5, 7, "bold")]
        assert cut(Content("箱を置く"), 4).plain == f"箱 {more}"
        assert cut(text, 0).plain == ""
    finally:
        use_signs(UNICODE)
