"""One table of phases: the worker refuses by it and the screens grey out by it, for every kind, phase and command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from services.live import phases, protocol
from sessions.models import SessionKind
from tests.support.phase_walk import COMMANDS, SERVED, Case, Workers, cases, naming


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    made = Workers(Path(tmp_path_factory.mktemp("walk")))
    yield made
    made.close()


def test_the_walk_knows_every_command_and_the_table_every_kind() -> None:
    assert {type(c) for c in COMMANDS} | set(SERVED) == set(get_args(protocol.AnyCommand))
    assert set(phases.TABLE) == set(SessionKind)
    assert all(rules[command] == (phases.Rule(phases.LIVE),) for rules in phases.TABLE.values() for command in SERVED)


@pytest.mark.parametrize("kind", SessionKind)
def test_the_worker_obeys_exactly_what_the_table_says(workers: Workers, kind: SessionKind) -> None:
    wrong = [
        f"{case} {type(named).__name__}: the worker says {said}, the table {why}"
        for case, named, said, why in walk(workers, kind)
        if (said is not None and said.ok) is not (why is protocol.Code.OK)
    ]
    assert not wrong, "\n".join(wrong)


def walk(
    workers: Workers, kind: SessionKind
) -> Iterator[tuple[Case, protocol.Command, protocol.Answer | None, protocol.Code]]:
    for case in cases():
        if case.kind is not kind:
            continue
        snapshot = case.snapshot
        for command in COMMANDS:
            named = naming(command, snapshot)
            yield case, named, workers.answer(case, named), phases.why_refused(snapshot, type(named))
