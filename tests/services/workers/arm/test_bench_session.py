"""The bench worker: rest and release end by themselves, and a stop while it starts keeps everything still."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from services import arm_commands
from services.live import protocol
from services.live.link import Link
from services.live.phases import Phase
from services.live.requests import Purpose
from sessions.models import SessionStatus
from tests.support.rig import Rig, gone, press, say, wait_until


async def ended(rig: Rig, purpose: Purpose) -> None:
    run = arm_commands.begin(rig.folder, rig.small(), purpose)
    await asyncio.to_thread(wait_until, lambda: rig.snapshot(run).phase is Phase.ENDED, 40)
    state = rig.snapshot(run)
    assert state.status is SessionStatus.FINISHED, (state.end_reason, state.alarm_history)
    await asyncio.to_thread(wait_until, gone(run))


async def test_rest_and_release_work_on_a_fresh_bench_and_after_each_other(quick_rig: Rig) -> None:
    for purpose in (Purpose.REST, Purpose.RELEASE, Purpose.REST):
        await ended(quick_rig, purpose)
    rest = quick_rig.small().motion.rest
    state = quick_rig.world().state()
    assert np.abs(np.array(state.joints[:5]) - list(rest.values())[:5]).max() < 8
    assert not state.torque


async def test_a_stop_while_it_starts_keeps_the_arm_still_and_torque_on(quick_rig: Rig, tmp_path: Path) -> None:
    """Three benches side by side: most of it is waiting."""
    rigs = {Purpose.TELEOPERATE: quick_rig, Purpose.REST: Rig(tmp_path / "b"), Purpose.RELEASE: Rig(tmp_path / "c")}
    try:
        await asyncio.gather(*(stopped_as_it_starts(rig, purpose) for purpose, rig in rigs.items()))
    finally:
        for rig in rigs.values():
            rig.close()


async def stopped_as_it_starts(rig: Rig, purpose: Purpose) -> None:
    run = arm_commands.begin(rig.folder, rig.small(), purpose)
    link = Link(run, name="test")
    await link.attach(patience_s=10)
    assert link.snapshot.phase is Phase.STARTING, purpose
    await say(link, protocol.Stop())
    await link.until(lambda s: s.phase is not Phase.STARTING, 60)
    await asyncio.sleep(1.5)
    assert link.snapshot.phase is Phase.IDLE, purpose
    assert rig.world().state().torque, purpose
    await press(link, lambda: protocol.Release(confirmed=True))
    await link.until(lambda s: s.phase is Phase.RELEASED or not s.running, 30)
    await link.close()


async def test_teleoperating_follows_holds_and_resumes_without_recording(quick_rig: Rig) -> None:
    run = arm_commands.begin(quick_rig.folder, quick_rig.small(), Purpose.TELEOPERATE)
    async with quick_rig.attached(run) as link:
        await link.until(lambda s: s.phase.following, 30)
        assert "means nothing" in (await link.ask(protocol.StartTake(take=1))).error
        await say(link, protocol.Stop())
        await link.until(lambda s: s.phase is Phase.HELD, 5)
        for command in (protocol.GoToRest(), protocol.Finish(), protocol.Release(confirmed=True), protocol.Follow()):
            assert (await link.ask(command)).code is protocol.Code.TOO_SOON
        await press(link, protocol.Follow)
        await link.until(lambda s: s.phase.following, 30)
        await press(link, protocol.Finish)
        await link.until(lambda s: not s.running, 30)
    assert not list(quick_rig.folder.datasets.iterdir())


async def test_a_teleoperation_that_nobody_watches_does_not_start_to_follow(quick_rig: Rig) -> None:
    run = arm_commands.begin(quick_rig.folder, quick_rig.small(), Purpose.TELEOPERATE)
    await asyncio.to_thread(wait_until, lambda: quick_rig.snapshot(run).phase is Phase.IDLE, 40)
    await asyncio.sleep(1.0)
    assert quick_rig.snapshot(run).phase is Phase.IDLE
