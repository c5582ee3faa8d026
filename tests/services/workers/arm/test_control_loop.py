"""The control loop's own rules, whatever the strategy: hold first, forget what waits, rest before torque goes off."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.live import events as ev
from services.live import protocol
from services.live.event_log import read_events
from services.live.phases import Phase
from services.live.protocol import Code
from services.live.reasons import Step, StopCause
from services.live.requests import Purpose
from services.workers.arm.arm import Mode
from services.workers.arm.bench_strategy import BenchStrategy
from services.workers.arm.context import ArmContext
from services.workers.arm.control_loop import ControlLoop
from services.workers.arm.motion import Pose
from services.workers.arm.strategy import Strategy
from services.workers.process.mailbox import Refused
from services.workers.process.replies import NoReply, Received
from sessions.models import EndedBy, SessionKind, SessionStatus
from tests.support.phase_walk import REST, Case, Workers

HOOKS = ("setup", "guide", "tick", "command", "settle", "on_stop", "telemetry")


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path)
    yield made
    made.close()


class Answers:
    """Sends commands to a worker's mailbox, as the server's thread does."""

    def __init__(self, workers: Workers) -> None:
        self._mailbox = workers.mailbox

    def send(self, command: protocol.Command) -> queue.Queue[tuple[Code, str]]:
        answers: queue.Queue[tuple[Code, str]] = queue.Queue()
        self._mailbox.receive(Received(command, lambda code, words: answers.put((code, words))))
        return answers

    def ask(self, command: protocol.Command) -> tuple[Code, str]:
        return self.send(command).get(timeout=10)


class Broken(Strategy):
    """Follows the leader, until one of its hooks fails."""

    kind = SessionKind.RECORD

    def __init__(self) -> None:
        self.fails, self.ended = "", 0
        self.context: ArmContext

    def __getattribute__(self, name: str) -> Any:
        if name in HOOKS and name == object.__getattribute__(self, "fails"):
            raise RuntimeError(f"{name} is broken")
        return object.__getattribute__(self, name)

    def setup(self, context: ArmContext) -> protocol.Command:
        self.context = context
        return protocol.Follow()

    def guide(self, observation: dict[str, Any] | None) -> Pose | None:
        return self.context.read_leader()

    def end(self) -> None:
        self.ended += 1


def loop_of(workers: Workers, strategy: Strategy, *, fps: int = 100, rests: bool = True) -> ControlLoop:
    case = Case(strategy.kind, Phase.IDLE, rests=rests)
    devices = workers._devices(leader=True)
    return ControlLoop(workers.context, devices, workers._profile(case), strategy, fps=fps, lockstep=False)


def running(loop: ControlLoop) -> tuple[threading.Thread, list[BaseException]]:
    """The loop on a thread, and what it raises."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            loop.run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, raised


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def told(workers: Workers, kind: type[ev.Event]) -> list[Any]:
    return [e for e in read_events(workers.context.run.events) if isinstance(e, kind)]


# --- faults in a strategy ---------------------------------------------------------------------------


@pytest.mark.parametrize("hook", ["guide", "tick", "on_stop", "telemetry"])
def test_a_strategy_that_fails_ends_the_session_with_the_arm_held_and_is_asked_to_save(
    workers: Workers, hook: str
) -> None:
    strategy = Broken()
    loop = loop_of(workers, strategy)
    thread, raised = running(loop)
    until(lambda: loop.context.phase is Phase.READY)
    strategy.fails = hook
    if hook == "on_stop":
        workers.mailbox.lose_driver()
    thread.join(10)
    assert [str(error) for error in raised] == [f"{hook} is broken"]
    assert loop.context.arm.mode is Mode.HOLD and not loop.context.arm.unheld
    assert strategy.ended == 1 and not workers.mailbox.open
    assert not loop.may_cut_torque


def test_a_setup_that_fails_leaves_the_arm_held_and_is_ended_too(workers: Workers) -> None:
    strategy = Broken()
    strategy.fails = "setup"
    loop = loop_of(workers, strategy)
    with pytest.raises(RuntimeError, match="setup is broken"):
        loop.run()
    assert loop.context.arm.mode is Mode.HOLD and strategy.ended == 1 and not loop.may_cut_torque


@pytest.mark.parametrize(("fault", "asked"), [("command", protocol.StartTake(take=1)), ("on_stop", protocol.Stop())])
def test_a_command_that_fails_is_answered_and_the_session_goes_on(
    workers: Workers, fault: str, asked: protocol.Command
) -> None:
    strategy = Broken()
    loop, answers = loop_of(workers, strategy), Answers(workers)
    thread, raised = running(loop)
    until(lambda: loop.context.phase is Phase.READY)
    strategy.fails = fault
    code, words = answers.ask(asked)
    assert code is Code.FAILED and f"{fault} is broken" in words
    if fault == "on_stop":
        assert loop.context.arm.mode is Mode.HOLD, "it holds before anybody is asked what else that means"
        time.sleep(1.05)
    strategy.fails = ""
    assert answers.ask(protocol.Finish()) == (Code.OK, "")
    thread.join(10)
    assert not raised and loop.outcome == (SessionStatus.FINISHED, "finished by the operator")


# --- stop -------------------------------------------------------------------------------------------


def test_a_stop_wakes_the_loop_in_mid_period(workers: Workers) -> None:
    loop, answers = loop_of(workers, Broken(), fps=1), Answers(workers)
    thread, _ = running(loop)
    until(lambda: workers.mailbox.open)
    time.sleep(0.1)
    began = time.monotonic()
    assert answers.ask(protocol.Stop()) == (Code.OK, "")
    assert time.monotonic() - began < 0.3
    loop._done = True
    thread.join(10)


def test_after_a_stop_nothing_moves_for_a_second(workers: Workers) -> None:
    loop, answers = loop_of(workers, Broken()), Answers(workers)
    thread, _ = running(loop)
    until(lambda: loop.context.phase is Phase.READY)
    answers.ask(protocol.Stop())
    for command in (protocol.Follow(), protocol.GoToRest(), protocol.Release(confirmed=True), protocol.Finish()):
        code, words = answers.ask(command)
        assert code is Code.TOO_SOON and "a moment ago" in words
    time.sleep(1.05)
    assert answers.ask(protocol.Follow()) == (Code.OK, "")
    loop._done = True
    thread.join(10)


# --- what is recorded ---------------------------------------------------------------------------------


class Recording(Broken):
    """Keeps the actions that it is given to record."""

    def setup(self, context: ArmContext) -> protocol.Command:
        self.actions: list[dict[str, Any]] = []
        return super().setup(context)

    def tick(self, observation: dict[str, Any], action: dict[str, Any]) -> None:
        self.actions.append(action)


def test_what_is_recorded_is_what_the_arm_was_sent_not_what_the_leader_did(workers: Workers) -> None:
    strategy = Recording()
    loop = loop_of(workers, strategy, fps=30)
    strategy.setup(loop.context)
    robot, teleop = loop.context.devices.robot, loop.context.devices.teleop
    sent: list[dict[str, float]] = []
    obey = robot.send_action
    robot.send_action = lambda action: sent.append(action) or obey(action)
    loop.context.arm.goal = dict(REST)
    loop.context.arm.follow()
    teleop.bus.pose = REST | {"shoulder_pan": 20.0}
    loop.tick()
    loop.tick()
    assert strategy.actions == sent
    first, second = (action["shoulder_pan.pos"] for action in sent)
    assert 0.0 < first < 20.0 and second == 20.0
    loop.close()


# --- what waits, and who watches --------------------------------------------------------------------

AWAY: dict[str, Callable[[ControlLoop], object]] = {
    "stop": lambda loop: loop.context.stop("a key"),
    "rest": lambda loop: loop.context.rest("to rest"),
    "release": lambda loop: loop.context.release(),
    "finish": lambda loop: loop.context.finish(SessionStatus.FINISHED, "over"),
    "no driver": lambda loop: loop.context.lose_driver(),
    "leap": lambda loop: loop._realign("the leader jumped"),
}


@pytest.mark.parametrize(
    ("kind", "way"),
    [*((SessionKind.RECORD, way) for way in AWAY), *((SessionKind.EVAL, way) for way in AWAY if way != "leap")],
)
def test_whatever_sends_the_arm_another_way_forgets_the_start_that_waits(
    workers: Workers, kind: SessionKind, way: str
) -> None:
    phase = Phase.RESET if kind is SessionKind.RECORD else Phase.RESTED
    history = "saving" if kind is SessionKind.RECORD else "success"
    loop = workers.loop(Case(kind, phase, history))
    if kind is SessionKind.EVAL:
        loop._strategy._takes.saving = 1
    loop.context.start(2)
    assert loop.context.waiting == 2, "the take before is being saved"
    AWAY[way](loop)
    assert loop.context.waiting == 0
    loop.close()


UNWATCHED = [
    (SessionKind.BENCH, Phase.READY, "none", False, Phase.HELD),
    (SessionKind.BENCH, Phase.ALIGNING, "none", False, Phase.HELD),
    (SessionKind.BENCH, Phase.RESTING, "none", False, Phase.RESTING),
    (SessionKind.RECORD, Phase.READY, "none", False, Phase.HELD),
    (SessionKind.RECORD, Phase.RESET, "saved", False, Phase.HELD),
    (SessionKind.RECORD, Phase.RECORDING, "running", False, Phase.RECORDING),
    (SessionKind.RECORD, Phase.RELEASING, "saved", False, Phase.RELEASING),
    (SessionKind.EVAL, Phase.ALIGNING, "none", False, Phase.HELD),
    (SessionKind.EVAL, Phase.RUNNING, "running", False, Phase.HELD),
    (SessionKind.EVAL, Phase.RESTING, "success", False, Phase.HELD),
    (SessionKind.EVAL, Phase.RESTING, "success", True, Phase.RESTING),
    (SessionKind.EVAL, Phase.JUDGING, "pending", False, Phase.JUDGING),
    (SessionKind.EVAL, Phase.DONE, "success", False, Phase.DONE),
]


@pytest.mark.parametrize(("kind", "phase", "history", "ending", "then"), UNWATCHED)
def test_what_nobody_watches_holds_but_a_take_goes_on(
    workers: Workers, kind: SessionKind, phase: Phase, history: str, ending: bool, then: Phase
) -> None:
    loop = workers.loop(Case(kind, phase, history, ending=ending))
    loop.context.arm.mode = Mode.FOLLOW if phase.following or phase is Phase.RUNNING else Mode.REST
    loop.context.lose_driver()
    assert loop.context.phase is then
    if then is Phase.HELD:
        assert loop.context.arm.mode is Mode.HOLD
    if phase is Phase.RUNNING:
        assert loop._strategy.trials.pending == 1
    loop.close()


@pytest.mark.parametrize("how", ["a take that cannot be saved", "a leader that leaps"])
def test_a_take_that_nobody_watches_holds_the_arm_however_it_ends(workers: Workers, how: str) -> None:
    loop = workers.loop(Case(SessionKind.RECORD, Phase.RECORDING, "running"))
    loop.context.arm.mode = Mode.FOLLOW
    workers.context.server._driver = None
    workers.mailbox.lose_driver()
    loop.step()
    assert loop.context.phase is Phase.RECORDING
    if how == "a leader that leaps":
        loop.context.arm.align(dict(REST))
        loop._realign("the leader jumped 90 degrees at elbow_flex")
    else:
        loop._strategy._end_take(loop._strategy._recorder, EndedBy.FAILED)
        loop.context.enter(Phase.RESET, "the take cannot be saved")
    loop.step()
    assert loop.context.phase is Phase.HELD and loop.context.arm.mode is Mode.HOLD
    until(lambda: [held.cause for held in told(workers, ev.Held)] == [StopCause.DRIVER_GONE])
    loop.close()


def test_a_driver_who_comes_back_may_follow_again(workers: Workers) -> None:
    loop = workers.loop(Case(SessionKind.RECORD, Phase.READY, "none"))
    driver, workers.context.server._driver = workers.context.server._driver, None
    workers.mailbox.lose_driver()
    loop.step()
    assert loop.context.phase is Phase.HELD
    workers.context.server._driver = driver
    loop.step()
    loop.context.enter(Phase.READY)
    loop.step()
    assert loop.context.phase is Phase.READY
    loop.close()


# --- torque -----------------------------------------------------------------------------------------


def test_torque_goes_off_only_at_rest(workers: Workers) -> None:
    loop = workers.loop(Case(SessionKind.BENCH, Phase.RESTED))
    loop.context.arm.rest(dict(REST))
    assert loop.may_cut_torque
    loop.context.pose = {**REST, "shoulder_lift": REST["shoulder_lift"] + 11.0}
    assert not loop.may_cut_torque, "as measured it is not there"
    loop.context.pose = dict(REST)
    loop.context.hold()
    assert not loop.may_cut_torque
    loop.close()


def test_torque_that_cannot_be_cut_is_not_called_off(workers: Workers) -> None:
    loop = loop_of(workers, BenchStrategy(Purpose.RELEASE))

    def broken() -> None:
        raise ConnectionError("the bus does not answer")

    loop.context.devices.robot.bus.disable_torque = broken
    thread, _ = running(loop)
    until(lambda: loop.context.phase is Phase.HELD)
    assert thread.is_alive() and loop.context.ending is None, "the arm has torque: the session goes on holding it"
    loop._done = True
    thread.join(10)
    until(lambda: any("the bus does not answer" in e.text for e in told(workers, ev.AlarmRaised)))
    assert Phase.RELEASED.value not in [e.phase for e in told(workers, ev.PhaseChanged)]


def steps(workers: Workers) -> list[tuple[str, str]]:
    """The phases that were told, and where in each the session stood."""
    workers.journal.commit(ev.NoteAdded(text="until here"))
    told = read_events(workers.context.run.events)
    return [(e.phase, e.step) for e in told if isinstance(e, ev.PhaseChanged)]


def test_whoever_stops_an_end_takes_it_back_in_whatever_phase(workers: Workers) -> None:
    loop = workers.loop(Case(SessionKind.BENCH, Phase.IDLE))
    context = loop.context
    for phase in (Phase.RESTED, Phase.HELD, Phase.READY):
        context.enter(phase, "where it is")
        context.finish(SessionStatus.FINISHED, "finished by the operator")
        loop.commands.dispatch(protocol.Stop(), NoReply())
    loop.close()
    assert steps(workers) == [
        ("rested", ""), ("rested", Step.ENDING), ("rested", ""),
        ("held", ""), ("held", Step.ENDING), ("held", ""),
        ("ready", ""), ("held", Step.ENDING), ("held", ""),
    ]  # fmt: skip


def test_an_arm_whose_session_ends_follows_nobody_until_the_end_is_stopped(workers: Workers) -> None:
    """While a take is still being saved, following again would begin what the move to rest then breaks off."""
    loop = workers.loop(Case(SessionKind.RECORD, Phase.HELD))
    loop.context.finish(SessionStatus.FINISHED, "finished by the operator")
    with pytest.raises(Refused) as refused:
        loop.commands.dispatch(protocol.Follow(), NoReply())
    assert refused.value.code is Code.ENDING and "the session ends" in str(refused.value)
    loop.commands.dispatch(protocol.Stop(), NoReply())
    with pytest.raises(Refused) as refused:  # now only because the stop was a moment ago
        loop.commands.dispatch(protocol.Follow(), NoReply())
    assert refused.value.code is Code.TOO_SOON
    loop.close()
