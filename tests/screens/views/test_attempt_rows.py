"""The table of an opened session's episodes."""

from __future__ import annotations

import pytest

from screens.views.attempt_rows import Attempt, attempt_table
from sessions.models import Episode


@pytest.mark.parametrize("room", [56, 76, 196])
def test_the_moments_that_were_marked_in_a_take_stand_in_its_row(room: int) -> None:
    one = Attempt(Episode(index=0, take=1, frames=240, seconds=8.0, moments=(126, 231)))
    other = Attempt(Episode(index=1, take=2, frames=240, seconds=8.0, accepted=False, why="blurred", marked_by="me"))
    table = attempt_table([one, other], room)
    said = "\n".join([line.plain for line in (table.header, *table.rows)])
    assert "marked" in said and "4.2 s, 7.7 s" in said and "blurred (me)" in said
    assert "marked" not in attempt_table([other], room).header.plain, "no column without a moment"
