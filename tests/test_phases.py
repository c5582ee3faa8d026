"""One table of phases: the worker refuses by it and the screens grey out by it, for every kind, phase and command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from screens.desk.desk import Desk
from screens.frame.availability import may, why_not
from services import arm_commands
from services.bench.profiles import load_benches
from services.evaluation import plan as evaluation
from services.folders import DataFolder
from services.live import phases, protocol
from services.live.protocol import Code, Command
from services.live.requests import Purpose
from services.live.snapshots import Snapshot
from services.recording import plan as recording
from services.training import plan as training
from sessions.models import SessionKind, Verdict
from tests.support.phase_walk import COMMANDS, SERVED, Case, Workers, cases, naming

BENCHES = load_benches(built_in=True)
Said = tuple[Case, Command, protocol.Answer | None]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[SessionKind], list[Said]]]:
    """What real sessions answer to every command in every case."""
    workers = Workers(Path(tmp_path_factory.mktemp("walk")))

    @cache
    def said(kind: SessionKind) -> list[Said]:
        there = [case for case in cases() if case.kind is kind]
        named = [(case, naming(command, case.snapshot)) for case in there for command in COMMANDS]
        return [(case, command, workers.answer(case, command)) for case, command in named]

    yield said
    workers.close()


def test_the_walk_knows_every_command_and_the_table_every_kind() -> None:
    assert {type(c) for c in COMMANDS} | set(SERVED) == set(get_args(protocol.AnyCommand))
    assert set(phases.TABLE) == set(SessionKind)
    assert all(rules[command] == (phases.Rule(phases.LIVE),) for rules in phases.TABLE.values() for command in SERVED)


@pytest.mark.parametrize("kind", SessionKind)
def test_the_worker_obeys_exactly_what_the_table_says(walk: Callable[..., list[Said]], kind: SessionKind) -> None:
    wrong = [
        f"{case} {type(command).__name__}: the worker says {answer}, the table {why}"
        for case, command, answer in walk(kind)
        if obeyed(answer) is not ((why := phases.why_refused(case.snapshot, type(command))) is Code.OK)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", [SessionKind.BENCH, SessionKind.RECORD, SessionKind.EVAL])
def test_a_session_with_an_arm_gives_the_tables_reason_and_words(
    walk: Callable[..., list[Said]], kind: SessionKind
) -> None:
    wrong = [
        f"{case} {type(command).__name__}: the worker says {answer}, the table {why}"
        for case, command, answer in walk(kind)
        if case.phase in phases.OPEN
        and (why := phases.why_refused(case.snapshot, type(command))) is not Code.OK
        and (answer is None or answer.code is not why or not answer.error)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", SessionKind)
def test_keys_offer_exactly_what_the_worker_obeys(walk: Callable[..., list[Said]], kind: SessionKind) -> None:
    """But for what changes nothing, as the table marks it, and a note while a verdict's letters are keys."""
    wrong = []
    for case, command, answer in walk(kind):
        rules = phases.TABLE[kind].get(type(command), ())
        expected = obeyed(answer) and any(case.phase in rule.phases - rule.unoffered for rule in rules)
        if isinstance(command, protocol.AddNote) and (kind is SessionKind.TRAIN or case.snapshot.pending):
            continue
        if expected is not (type(command) in offered(case)):
            wrong.append(f"{case} {type(command).__name__}: the worker says {answer}, keys offer {offered(case)}")
    assert not wrong, "\n".join(wrong)


def obeyed(answer: protocol.Answer | None) -> bool:
    return answer is not None and answer.ok


# --- the screens' side ------------------------------------------------------------------------------


class StubLink:
    """A link to a session that this console drives; `send` keeps what a key sends."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot, self.connected, self.may_command, self.welcome, self.telemetry = snapshot, True, True, None, None
        self.live = snapshot.running
        self.told: list[type[Command]] = []

    def send(self, command: Command) -> None:
        self.told.append(type(command))


ARM: dict[str, Callable[[Any], object]] = {
    "stop": arm_commands.hold,
    "rest": arm_commands.go_to_rest,
    "release": arm_commands.release,
    "finish": arm_commands.finish,
    "note": lambda link: link.send(protocol.AddNote(text="n")),
}
KEYS: dict[SessionKind, dict[str, Callable[[Any], object]]] = {
    SessionKind.BENCH: {**ARM, "pause": arm_commands.pause_or_resume, "teleoperate": arm_commands.follow},
    SessionKind.RECORD: {
        **ARM,
        "pause": arm_commands.pause_or_resume,
        "take": recording.start_or_end_take,
        "reject": recording.toggle_mark,
        "mark_moment": recording.mark_moment,
    },
    SessionKind.EVAL: {
        **ARM,
        "pause": arm_commands.pause_or_resume,
        "trial": evaluation.start_or_end_trial,
        "judge('success')": lambda link: evaluation.judge(link, Verdict.SUCCESS, "a"),
        "undo": evaluation.undo,
        "practice": evaluation.practise,
        "look_again": evaluation.look_again,
        "confirm_preflight": lambda link: evaluation.confirm_preflight(link, "a"),
        "assist": evaluation.assist,
        "unblind": lambda link: evaluation.unblind(link, "a", "a look"),
        "stage(1)": lambda link: evaluation.stage(link, 1),
        "annotate(1)": lambda link: evaluation.annotate(link, "drops it"),
    },
    SessionKind.TRAIN: {"stop_training": training.stop},
}
"""What the keys of a session do, as its screen's actions call the services."""


def at_desk(case: Case) -> tuple[Desk, StubLink]:
    """A console that drives the session."""
    desk, link = Desk(DataFolder(Path("/nowhere")), BENCHES, case.profile), StubLink(case.snapshot)
    link_of: Any = desk.training if case.kind is SessionKind.TRAIN else desk
    link_of.link = link
    return desk, link


def test_a_key_that_misses_a_rest_pose_or_a_leader_says_so() -> None:
    untaught, _ = at_desk(Case(SessionKind.RECORD, phases.Phase.HELD, rests=False))
    assert not may("rest", untaught) and "no rest pose is taught" in why_not("rest", untaught)
    assert may("pause", untaught) and not why_not("pause", untaught)
    alone, _ = at_desk(Case(SessionKind.BENCH, phases.Phase.HELD, purpose=Purpose.HOLD))
    assert "no leader" in why_not("pause", alone) and "no leader" in why_not("teleoperate", alone)


@cache
def offered(case: Case) -> set[type[Command]]:
    """What the keys that act now would send to the session; where none runs they start one."""
    desk, link = at_desk(case)
    live = desk.training.live or desk.live
    for action, act in KEYS[case.kind].items():
        if live and may(action, desk):
            act(link)
    return set(link.told)


def test_a_take_that_never_was_cannot_be_marked(tmp_path: Path) -> None:
    workers = Workers(tmp_path)
    for phase in (phases.Phase.IDLE, phases.Phase.READY):
        answer = workers.answer(Case(SessionKind.RECORD, phase), protocol.MarkTake(take=0, accepted=False))
        assert answer and not answer.ok
    workers.close()
