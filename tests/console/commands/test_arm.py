"""`hold`, `rest` and `release` report what was measured, whatever comes first: the answer or the event."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from console.commands.arm import _hold, _move
from console.commands.calibration import answers
from console.exit import FAILED, OK
from services import arm_commands
from services.bench.profiles import Profile, ProfileProblem, load_benches
from services.folders import DataFolder
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.requests import Purpose
from sessions.calibration import CalibrationAct, CalibrationFault
from sessions.models import SessionKind, SessionStatus
from tests.support.fake_desk import FakeWorker


class LateWorker(FakeWorker):
    """Answers a command before its events, as a real one does: they wait for the disk."""

    outcome: tuple[Phase, ...] = (Phase.RESTING, Phase.RESTED)

    def _obey(self, command: protocol.Command, writer: Any) -> None:
        if isinstance(command, (protocol.GoToRest, protocol.Release)):
            loop = asyncio.get_running_loop()
            for n, phase in enumerate(self.outcome, start=1):
                loop.call_later(0.1 * n, self.phase, phase)
        else:
            super()._obey(command, writer)


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[LateWorker]:
    made = LateWorker(DataFolder(tmp_path).create(), kind=SessionKind.BENCH, purpose="hold")
    await made.start()
    made.phase(Phase.HELD, "holding")
    yield made
    await made.stop()


def profile() -> Any:
    return load_benches(built_in=True).pick("sim")


@pytest.mark.parametrize(
    ("purpose", "outcome", "status"),
    [
        (Purpose.REST, (Phase.RESTING, Phase.RESTED), OK),
        (Purpose.REST, (Phase.RESTING, Phase.HELD), FAILED),
        (Purpose.RELEASE, (Phase.RELEASING, Phase.RELEASED), OK),
        (Purpose.RELEASE, (Phase.RELEASING, Phase.LIMP), FAILED),
    ],
)
async def test_a_held_session_that_moves_is_waited_for(
    worker: LateWorker, tmp_path: Path, purpose: Purpose, outcome: tuple[Phase, ...], status: int
) -> None:
    worker.outcome = outcome
    assert await _move(DataFolder(tmp_path), profile(), purpose, worker.run) == status


@pytest.mark.parametrize(("torque", "status", "words"), [(True, OK, "holds"), (False, FAILED, "NOT HELD")])
async def test_hold_is_done_when_the_motors_say_so(
    worker: LateWorker, tmp_path: Path, capsys: pytest.CaptureFixture[str], torque: bool, status: int, words: str
) -> None:
    async def report() -> None:
        while True:
            await asyncio.sleep(0.05)
            worker.telemetry(at=time.time(), torque=torque)

    reports = asyncio.create_task(report())
    assert await _hold(DataFolder(tmp_path), profile(), worker.run) == status
    reports.cancel()
    said = capsys.readouterr()
    assert words in said.out + said.err


async def test_a_hold_that_nothing_confirms_is_no_hold(
    worker: LateWorker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _hold(DataFolder(tmp_path), profile(), worker.run) == FAILED
    assert "no measurement confirms" in capsys.readouterr().err


async def test_who_may_not_move_the_arm_reads_what_a_shell_can_do(
    worker: LateWorker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.refuse = {protocol.GoToRest: "anna drives: a watcher may not ask for this"}
    worker.code = protocol.Code.NOT_DRIVING
    assert await _move(DataFolder(tmp_path), profile(), Purpose.REST, worker.run) == FAILED
    said = capsys.readouterr().err
    assert f"session {worker.run.id} (bench sim): anna drives: a watcher may not ask for this" in said
    assert f"; `lab-console attach {worker.run.id}` can take over" in said


async def test_a_calibration_that_does_not_fit_names_the_option_that_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = LateWorker(DataFolder(tmp_path).create(), kind=SessionKind.BENCH, purpose="rest")
    begun: list[dict[str, Any]] = []
    monkeypatch.setattr(arm_commands, "begin", lambda *_, **options: begun.append(options) or made.run)
    await made.start(open_dataset=False)
    wishes = {"leader": CalibrationAct.SAVE_FILE}
    moving = asyncio.create_task(_move(DataFolder(tmp_path), profile(), Purpose.REST, None, wishes))
    while not made.heard_of(protocol.Attach):
        await asyncio.sleep(0.01)
    for arm in ("follower", "follower left"):
        fault, act = CalibrationFault.DIFFERS, CalibrationAct.WRITE_MOTORS
        made.tell(ev.CalibrationRefused(arm=arm, fault=fault, act=act, file="/x/blue.json"))
    other = "its motors hold that of /x/red.json; another arm may be at /dev/ttyACM0"
    made.tell(ev.CalibrationRefused(arm="follower right", fault=fault, hindrance=other, file="/x/blue_right.json"))
    made.end(SessionStatus.ABORTED, "follower: its motors hold another calibration than /x/blue.json")
    assert await moving == FAILED
    assert begun == [{"calibration": wishes}]
    says = capsys.readouterr().err
    assert "its motors hold another calibration than /x/blue.json" in says
    assert "with `--calibration follower=write-motors` would write the file into the motors" in says
    assert "with `--calibration 'follower left=write-motors'` would" in says
    assert f"follower right: {other}\n" in says and "follower right=" not in says
    await made.stop()


def test_an_answer_about_an_arm_that_the_bench_has_not_is_refused() -> None:
    def asked(arm: str) -> argparse.Namespace:
        return argparse.Namespace(calibration=[(arm, "write-motors")])

    assert answers(asked("leader"), profile()) == {"leader": CalibrationAct.WRITE_MOTORS}
    with pytest.raises(ProfileProblem, match="bench sim has no folower; it has follower, leader"):
        answers(asked("folower"), profile())
    sides = {f"{side}_arm_config": {"port": f"/dev/{side}"} for side in ("left", "right")}
    pair = Profile(name="two", robot={"type": "bi_so_follower", **sides})
    assert answers(asked("follower left"), pair) and pair.arms == ("follower left", "follower right")
    with pytest.raises(ProfileProblem, match="bench two has no leader"):
        answers(asked("leader"), pair)
