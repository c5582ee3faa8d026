"""How imported sessions stand in the Log's table, in tables for others, and under which names they are found."""

from __future__ import annotations

import pytest

from services.exports.points import points_of
from services.exports.tables import TABLES
from services.folders import DataFolder
from services.lineage.findings import Standing
from services.lineage.verify import verify
from services.log import logbook
from services.log.importing.adding import add
from services.log.importing.file import read
from services.log.importing.history import imports
from services.log.kinship.life import Node, life
from services.log.lookup import NoSession, find
from services.log.table.light import light
from services.log.table.query import parse
from sessions.document import Session
from tests.services.log.importing.test_file import HISTORY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    made = DataFolder(tmp_path_factory.mktemp("bench")).create()
    add(made, imports(read(HISTORY)))
    return made


@pytest.fixture(scope="module")
def known(folder: DataFolder) -> dict[str, Session]:
    return {session.started.import_key: session for session in logbook.sessions(folder).sessions}


def test_a_row_says_what_the_page_says(known: dict[str, Session]) -> None:
    assert light(known["C1 second"]).reset_name == "home, directly" and light(known["C1 first"]).reset_name == ""
    assert (light(known["C1"]).step_s, light(known["D4"]).step_s) == (1.79, 1.0)


def test_a_session_is_found_by_its_key_in_the_file(folder: DataFolder, known: dict[str, Session]) -> None:
    assert find(folder, "C1 second").session.id == known["C1 second"].id
    assert find(folder, known["C1"].id).session.started.import_key == "C1"
    with pytest.raises(NoSession):
        find(folder, "C1 fourth")
    assert [each.name for each in verify(folder, logbook.sessions(folder).sessions, ["C1"])] == [known["C1"].id]
    (nowhere,) = verify(folder, logbook.sessions(folder).sessions, ["so101_pick_place_10cm_v2"])
    assert [(each.standing, each.detail) for each in nowhere.findings] == [
        (Standing.UNKNOWN, "where it lies is not known")
    ]
    assert [s.started.import_key for s in parse("c1 second").sessions(known.values())] == ["C1 second"]


def test_evaluations_of_one_day_are_told_apart_in_the_tree(known: dict[str, Session]) -> None:
    def every(node: Node) -> list[Node]:
        return [node, *(below for child in node.children for below in every(child))]

    tree = life(list(known.values()), "so101_pick_place_10cm_v2")
    tried = [each for each in every(tree) if each.name == "evaluated 2026-02-19"]
    assert [each.values[-1].text for each in tried] == [f"imported as C1 {n}" for n in ("first", "second", "third")]


def test_what_is_not_recorded_of_a_trial_or_a_checkpoint_is_an_empty_cell(
    folder: DataFolder, known: dict[str, Session]
) -> None:
    tables = {table.name: table for table in TABLES}
    for name, key, empty in (
        ("trials", "C1 first", ("seconds", "seconds_to_verdict", "frames")), ("checkpoints", "D4", ("bytes", "seconds"))
    ):  # fmt: skip
        columns = [column.name for column in tables[name].columns]
        cells = tables[name].rows(known[key], points_of(folder, known[key]))
        rows = [dict(zip(columns, row, strict=True)) for row in cells]
        assert rows and all(row[column] is None for row in rows for column in empty)
