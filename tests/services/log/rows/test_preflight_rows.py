"""A preflight on a session's page: what comes from elsewhere is one clean line, and only good is called good."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.live.preflight_table import in_brief
from services.log.rows.preflight_rows import preflight_rows
from sessions.bench import Profile
from sessions.document import Session
from sessions.facts import PreflightConfirmed, PreflightMade, SessionStarted
from sessions.preflight import Check, Level
from sessions.requests import EvalRequest

ODD = "\x1b[31m\nX"


def test_every_text_of_a_foreign_session_is_one_line_without_control_characters(tmp_path: Path) -> None:
    request = EvalRequest(data_dir=str(tmp_path), profile=Profile(robot={}), checkpoint="c", task="t", dataset="r")
    check = {"name": f"k{ODD}", "level": f"odd{ODD}", "found": ODD, "mends": ODD}
    made = msgspec.convert({"type": "PreflightMade", "preflight": 1, "checks": [check]}, PreflightMade)
    session = Session(
        started=SessionStarted(id="i", pid=1, host="h", request=request),
        preflights=(made, PreflightConfirmed(preflight=1, by=ODD, bad=(ODD,))),
    )
    rows = preflight_rows(session)
    texts = [each for row in rows for each in (row.name, row.text, *(value.text for value in row.values))]
    assert rows and all(text.isprintable() for text in texts), texts
    assert rows[0].values[0].text == "1 not checked", "a level that nobody knows here is not good"


@pytest.mark.parametrize(
    ("levels", "words"),
    [([Level.GOOD] * 3, "all 3 good"), ([Level.BAD, Level.WARNING, Level.GOOD], "1 bad, 1 warning"), ([], "nothing")],
)
def test_what_is_said_in_brief(levels: list[Level], words: str) -> None:
    assert words in in_brief(Check(name="n", level=level, found="f") for level in levels)
