"""The recording worker on the simulated bench: takes, verdicts on them, stops, faults and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import numpy as np
import pytest

from services import arm_commands
from services.datasets.marks import read_marks
from services.live import events as ev
from services.live import protocol
from services.live.event_log import is_live
from services.live.link import Link
from services.live.phases import Phase
from services.recording import plan as recording
from services.refusal import Refusal
from sessions.models import SessionStatus
from tests.support.rig import Rig, finish, flags, follow, gone, press, recorded, say, take, wait_until

QUICK = {"episode_seconds": 0.5, "reset_seconds": 0.1, "lockstep": True, "episodes": 9}


async def test_takes_become_episodes_with_exactly_their_frames(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK)
    async with quick_rig.attached(run) as link:
        await follow(link)
        for _ in range(3):
            await take(link)
        state = await finish(link)
    assert state.status is SessionStatus.FINISHED
    assert [(e.index, e.take, e.frames, e.accepted) for e in state.episodes] == [
        (0, 1, 15, True),
        (1, 2, 15, True),
        (2, 3, 15, True),
    ]
    cameras = state.episodes[0].light
    assert cameras.keys() == {"wrist", "overhead"} and all(20 < level < 250 for level in cameras.values())
    wait_until(gone(run))


async def test_rejecting_marks_the_running_take_or_the_last_one_and_deletes_nothing(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False, "episode_seconds": 1.0})
    async with quick_rig.attached(run) as link:
        await follow(link)
        await press(link, lambda: protocol.StartTake(take=1))
        await say(link, protocol.MarkTake(take=1, accepted=False))
        await say(link, protocol.MarkMoment(take=1))
        assert not (await link.ask(protocol.MarkMoment(take=2))).ok, "take 2 does not run"
        await link.until(lambda s: len(s.episodes) == 1, 30)
        await take(link)
        await say(link, protocol.MarkTake(take=2, accepted=False))
        await link.until(lambda s: s.rejected == 2, 20)
        await say(link, protocol.MarkTake(take=2, accepted=True))
        await link.until(lambda s: s.rejected == 1, 20)
        refused = await link.ask(protocol.MarkTake(take=7, accepted=False))
        assert "no take 7" in refused.error
        state = await finish(link)
    assert [e.accepted for e in state.episodes] == [False, True]
    marks = read_marks(quick_rig.folder.datasets / "demo")
    assert [marks[i].accepted for i in range(2)] == [False, True]
    moments = state.episodes[0].moments
    assert len(moments) == 1 and 0 <= moments[0] < state.episodes[0].frames
    assert [marks[i].moments for i in range(2)] == [moments, ()], "they travel with the data"


async def test_commands_that_do_not_fit_the_phase_are_refused_in_words(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False})
    async with quick_rig.attached(run) as link:
        cases = [
            (protocol.StartTake(take=1), "a take starts while the follower follows"),
            (protocol.EndTake(take=1), "not running"),
            (protocol.Release(), "has to be confirmed"),
        ]
        for command, said in cases:
            assert said in (await link.ask(command)).error
        await follow(link)
        assert "take 1 comes next" in (await link.ask(protocol.StartTake(take=4))).error
        await press(link, lambda: protocol.StartTake(take=1))
        await link.until(lambda s: s.phase is Phase.RECORDING, 20)
        assert "end the take first" in (await link.ask(protocol.GoToRest())).error
        assert "end the take first" in (await link.ask(protocol.Release(confirmed=True))).error
        assert (await link.ask(protocol.AddNote(text="cube slipped", author="anna"))).ok
        state = await finish(link)
    assert [n.text for n in state.notes] == ["cube slipped"]


async def test_keys_that_bounce_neither_start_nor_end_a_take_and_a_short_one_is_no_demonstration(
    quick_rig: Rig,
) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False, "episode_seconds": 8.0})
    async with quick_rig.attached(run) as link:
        await follow(link)
        await press(link, lambda: protocol.StartTake(take=1))
        bounced = await link.ask(protocol.EndTake(take=1))
        assert (bounced.ok, bounced.code) == (False, protocol.Code.TOO_SOON) and "press again" in bounced.error
        await press(link, lambda: protocol.EndTake(take=1))  # as soon as it is believed
        burst = [link.send(protocol.StartTake(take=2)) for _ in range(5)]
        answers = await asyncio.gather(*burst)
        assert not any(a.ok for a in answers)
        assert "too soon" in answers[0].error
        state = await finish(link)
    assert len(quick_rig.events(run, ev.TakeStarted)) == 1
    [episode] = state.episodes
    assert not episode.accepted and "short" in episode.flags and state.accepted == 0
    assert not read_marks(quick_rig.folder.datasets / "demo")[0].accepted


async def test_a_stop_holds_the_arm_saves_the_take_and_keeps_torque(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False, "episode_seconds": 8.0})
    async with quick_rig.attached(run) as link:
        await follow(link)
        await press(link, lambda: protocol.StartTake(take=1))
        await asyncio.sleep(1.5)  # the arm is under way to the cube
        for _ in range(20):
            await say(link, protocol.Stop())
        state = await link.until(lambda s: s.phase is Phase.HELD and len(s.episodes) == 1, 10)
        of_cameras = ("overhead slow", "wrist slow")  # a busy machine paints late
        found = tuple(flag for flag in flags(state.episodes[0]) if flag not in of_cameras)
        assert (found, state.episodes[0].accepted) == (("stopped",), False)
        world = quick_rig.world()
        start = np.array(world.state().joints)
        for _ in range(20):
            await asyncio.sleep(0.1)
            now = world.state()
            assert now.torque
            assert np.abs(np.array(now.joints) - start)[:5].max() < 2.0
        soon = await link.ask(protocol.Stop())
        assert soon.ok
        assert "a moment ago" in (await link.ask(protocol.Follow())).error
        await press(link, protocol.Follow)
        await link.until(lambda s: s.phase.following, 30)
        await finish(link)


async def marked_and_stopped(link: Link, *marks: bool) -> None:
    """A take that is marked like that while it runs, then stopped."""
    await follow(link)
    await press(link, lambda: protocol.StartTake(take=1))
    await link.until(lambda s: s.phase is Phase.RECORDING, 20)
    for accepted in marks:
        await say(link, protocol.MarkTake(take=1, accepted=accepted))
    await recorded(link)
    await say(link, protocol.Stop())


async def test_a_stopped_take_is_rejected_whatever_was_said_of_it_while_it_ran(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False, "episode_seconds": 8.0})
    async with quick_rig.attached(run) as link:
        await marked_and_stopped(link, False, True)
        state = await link.until(lambda s: s.phase is Phase.HELD and len(s.episodes) == 1, 10)
        assert state.detail == "holding", "what the take is marked as is no part of it: the mark may change"
        assert [e.accepted for e in state.episodes] == [False]
        root = quick_rig.folder.datasets / "demo"
        assert not read_marks(root)[0].accepted, "the screen and the disk say the same"
        toggled = recording.toggle_mark(link)
        assert toggled is not None and (await toggled).ok
        await link.until(lambda s: s.accepted == 1, 20)
        assert read_marks(root)[0].accepted
        await finish(link)


async def test_a_stopped_take_is_taken_back_by_one_key_even_before_it_is_saved(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False, "episode_seconds": 8.0})
    async with quick_rig.attached(run) as link:
        await marked_and_stopped(link)
        await link.until(lambda s: s.unsaved_take == 1, 20)
        toggled = recording.toggle_mark(link)
        assert toggled is not None and (await toggled).ok
        await link.until(lambda s: s.accepted == 1, 20)
        await finish(link)
    assert read_marks(quick_rig.folder.datasets / "demo")[0].accepted


async def test_the_orderly_end_goes_to_rest_before_torque_goes_off(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False})
    profile = quick_rig.small()
    async with quick_rig.attached(run) as link:
        await follow(link)
        world = quick_rig.world()
        assert world.state().torque
        await finish(link)
    wait_until(gone(run))
    state = world.state()
    assert not state.torque
    rest = [profile.motion.rest[n] for n in list(profile.motion.rest)[:5]]
    assert np.abs(np.array(state.joints[:5]) - rest).max() < 8.0
    assert [p.phase for p in quick_rig.events(run, ev.PhaseChanged)][-2:] == ["resting", "rested"]


async def test_sigterm_saves_the_take_rests_and_ends_as_aborted(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False, "episode_seconds": 8.0})
    async with quick_rig.attached(run) as link:
        await follow(link)
        await press(link, lambda: protocol.StartTake(take=1))
        await recorded(link)
        os.kill(quick_rig.pid(run), signal.SIGTERM)
        state = await link.until(lambda s: not s.running, 60)
    assert state.status is SessionStatus.ABORTED
    [episode] = state.episodes
    assert not episode.accepted and "stopped" in episode.flags, "half a take is no demonstration"
    wait_until(gone(run))
    assert not quick_rig.world().state().torque


async def test_a_take_goes_on_without_its_console_and_the_arm_holds_after_it(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False, "episode_seconds": 1.5})
    async with quick_rig.attached(run) as link:
        await follow(link)
        await press(link, lambda: protocol.StartTake(take=1))
        await link.until(lambda s: s.phase is Phase.RECORDING, 20)
    wait_until(lambda: quick_rig.snapshot(run).phase is Phase.HELD and bool(quick_rig.snapshot(run).episodes), 20)
    state = quick_rig.snapshot(run)
    assert [(e.frames, e.accepted) for e in state.episodes] == [(45, True)]
    async with quick_rig.attached(run, name="again") as link:
        assert link.snapshot.phase is Phase.HELD
        await asyncio.sleep(0.1)
        assert link.driving
        await press(link, protocol.Follow)
        await link.until(lambda s: s.phase.following, 30)
        await take(link)
        state = await finish(link)
    assert [e.index for e in state.episodes] == [0, 1]


async def test_following_without_a_console_is_not_kept_up(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False})
    async with quick_rig.attached(run) as link:
        await follow(link)
    wait_until(lambda: quick_rig.snapshot(run).phase is Phase.HELD, 5)


async def test_a_black_camera_is_alarmed_within_a_second_and_flags_the_take(quick_rig: Rig) -> None:
    fault = 'sim.faults=[{kind="black", device="overhead", episode=1, frame=30}]'
    run = quick_rig.record(quick_rig.small(fault), **QUICK | {"lockstep": False, "episode_seconds": 3.0})
    async with quick_rig.attached(run) as link:
        await follow(link)
        await take(link)
        (alarm,) = (a for a in quick_rig.events(run, ev.CameraAlarmed) if a.state == "black")
        assert (alarm.camera, alarm.take) == ("overhead", 1)
        began = quick_rig.events(run, ev.TakeStarted)[0].at
        assert 0.8 < alarm.since - began < 1.3
        assert alarm.at - alarm.since < 1.0
        state = await finish(link)
    assert "overhead black" in flags(state.episodes[0])


async def test_a_reading_that_fails_once_does_not_end_a_take_and_flags_its_episode(quick_rig: Rig) -> None:
    once = 'kind="raise", episode=1, frames=1'
    faults = f'sim.faults=[{{{once}, device="leader", frame=4}}, {{{once}, device="wrist", frame=7}}]'
    run = quick_rig.record(quick_rig.small(faults), **QUICK)
    async with quick_rig.attached(run) as link:
        await follow(link)
        await take(link)
        await take(link)
        state = await finish(link)
    assert state.alarm_history == ()
    found = [(e.frames, e.accepted, e.flags) for e in state.episodes]
    assert found == [(15, True, ("leader missed 1", "wrist missed 1")), (15, True, ())]
    marks = read_marks(quick_rig.folder.datasets / "demo")
    assert marks[0].flags == ("leader missed 1", "wrist missed 1"), "it travels with the data"


@pytest.mark.parametrize("device", ["leader", "wrist"])
async def test_a_device_that_raises_holds_the_arm_and_is_named(quick_rig: Rig, device: str) -> None:
    fault = f'sim.faults=[{{kind="raise", device="{device}", episode=1, frame=20}}]'
    run = quick_rig.record(quick_rig.small(fault), **QUICK | {"lockstep": False, "episode_seconds": 3.0})
    async with quick_rig.attached(run) as link:
        await follow(link)
        await press(link, lambda: protocol.StartTake(take=1))
        state = await link.until(lambda s: s.phase is Phase.HELD and len(s.episodes) == 1, 15)
        assert any(device in a.text for a in state.alarms)
        assert "failed" in state.episodes[0].flags
        assert not state.episodes[0].accepted
        assert is_live(run)
        await finish(link)


async def test_a_stuck_follower_is_said(quick_rig: Rig) -> None:
    fault = 'sim.faults=[{kind="stuck", device="follower", episode=1, frame=10}]'
    run = quick_rig.record(quick_rig.small(fault), **QUICK | {"lockstep": False, "episode_seconds": 6.0})
    async with quick_rig.attached(run) as link:
        await follow(link)
        await press(link, lambda: protocol.StartTake(take=1))
        state = await link.until(lambda s: any(a.source == "motion" for a in s.alarms), 20)
        assert "stuck" in state.alarms[-1].text
        await press(link, protocol.Finish)
        await link.until(lambda s: any(a.source == "rest" for a in s.alarms) and s.phase is Phase.HELD, 30)
        assert is_live(run), "an arm that cannot reach rest is held, not dropped"
        assert quick_rig.world().state().torque


async def test_a_pulled_cable_holds_and_does_not_end_the_worker(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False})
    async with quick_rig.attached(run) as link:
        await follow(link)
        quick_rig.world().shutdown()
        await link.until(lambda s: any(a.source == "follower" for a in s.alarms) and s.phase is Phase.HELD, 15)
        assert is_live(run)
        state = await finish(link)
    assert not state.running


async def test_the_same_dataset_or_arm_cannot_be_used_twice(quick_rig: Rig) -> None:
    first = quick_rig.record(**QUICK)
    async with quick_rig.attached(first) as link:
        second = quick_rig.record(**QUICK)
        wait_until(lambda: quick_rig.snapshot(second).phase is Phase.ENDED, 20)
        assert first.id in quick_rig.snapshot(second).end_reason
        third = quick_rig.record(**QUICK | {"dataset": "other"})
        wait_until(lambda: quick_rig.snapshot(third).phase is Phase.ENDED, 20)
        state = quick_rig.snapshot(third)
        assert first.id in state.end_reason
        assert state.status is SessionStatus.ABORTED
        await finish(link)


async def test_resuming_continues_the_numbering_and_other_features_are_refused(quick_rig: Rig) -> None:
    for expected in ([0, 1], [2, 3]):
        run = quick_rig.record(**QUICK, resume=True)
        async with quick_rig.attached(run) as link:
            await follow(link)
            await take(link)
            await take(link)
            state = await finish(link)
        assert [e.index for e in state.episodes] == expected
        wait_until(gone(run))
    bigger = quick_rig.small("robot.cameras.wrist.width=160", "robot.cameras.wrist.height=120")
    with pytest.raises(Refusal, match="its camera wrist has"):
        quick_rig.record(bigger, **QUICK, resume=True)


async def test_a_camera_that_is_not_there_ends_the_session_with_a_sentence(quick_rig: Rig) -> None:
    profile = quick_rig.small("robot.cameras.top={type='opencv', index_or_path='/dev/video99', width=640, height=480}")
    run = quick_rig.record(profile, **QUICK)
    wait_until(lambda: quick_rig.snapshot(run).phase is Phase.ENDED, 30)
    state = quick_rig.snapshot(run)
    assert state.status is SessionStatus.ABORTED and state.connected is None
    assert "/dev/video99 is not there" in state.end_reason
    assert "to record without that camera, take top out of the bench in lab.toml" in state.end_reason


async def test_a_robot_that_is_not_there_ends_the_session_with_a_sentence(quick_rig: Rig) -> None:
    profile = quick_rig.profile("robot.type=so101_follower", "robot.port=/dev/nowhere", "robot.cameras={}")
    run = quick_rig.record(profile, **QUICK)
    wait_until(lambda: quick_rig.snapshot(run).phase is Phase.ENDED, 30)
    state = quick_rig.snapshot(run)
    assert state.status is SessionStatus.ABORTED
    assert "/dev/nowhere is not there" in state.end_reason


async def test_telemetry_shows_joints_rate_and_pictures_of_the_size_asked_for(quick_rig: Rig) -> None:
    run = quick_rig.record(**QUICK | {"lockstep": False})
    seen: list[protocol.Telemetry] = []
    async with quick_rig.attached(run, on_telemetry=seen.append) as link:
        await say(link, protocol.SetPreviews(sizes={"wrist": (30, 20)}))
        await follow(link)
        await link.until(lambda _: bool(seen) and 29 < seen[-1].loop_hz < 31 and told_regularly(seen), 20)
        await link.until(lambda _: seen[-1].cameras["wrist"].state == "lit", 20)  # not slow, as on a busy machine
        last = seen[-1]
        assert set(last.joints) == set(last.leader) == set(quick_rig.small().motion.rest)
        assert (last.cameras["wrist"].width, len(last.cameras["wrist"].rgb)) == (30, 30 * 20 * 3)
        assert last.cameras["overhead"].rgb == b""
        await finish(link)


def told_regularly(seen: list[protocol.Telemetry]) -> bool:
    """Five times a second, for two seconds."""
    lately = [t.at for t in seen if t.at > seen[-1].at - 2]
    return seen[-1].at - seen[0].at > 2 and 7 <= len(lately) <= 13


async def test_a_worker_that_does_not_answer_is_replaced_by_one_that_holds(quick_rig: Rig) -> None:

    run = quick_rig.record(**QUICK | {"lockstep": False})
    async with quick_rig.attached(run) as link:
        await follow(link)
        pid = quick_rig.pid(run)
        os.kill(pid, signal.SIGSTOP)
        assert await arm_commands.hold_answered(link, "test", 0.5) is None
        began = time.monotonic()
        rescue = await asyncio.to_thread(arm_commands.rescue, quick_rig.folder, run, pid, quick_rig.small())
    assert quick_rig.snapshot(run).status is SessionStatus.CRASHED
    async with quick_rig.attached(rescue) as link:
        assert link.snapshot.phase is Phase.IDLE
        assert time.monotonic() - began < 20
        world = quick_rig.world()
        start = np.array(world.state().joints)
        await asyncio.sleep(1.0)
        state = world.state()
        assert state.torque
        assert np.abs(np.array(state.joints) - start)[:5].max() < 2.0
        await say(link, protocol.Release(confirmed=True))
        state = await link.until(lambda s: not s.running, 30)
        assert state.end_reason == "torque is off"
        assert not world.state().torque


async def test_a_take_that_waits_for_the_one_before_does_not_begin_on_the_way_to_rest(quick_rig: Rig) -> None:
    run = quick_rig.record(quick_rig.profile(), episodes=3, episode_seconds=1.5, reset_seconds=0)
    async with quick_rig.attached(run) as link:
        await follow(link)
        await press(link, lambda: protocol.StartTake(take=1))
        await link.until(lambda s: s.unsaved_take == 1, 20)
        answers = [link.send(protocol.StartTake(take=2)), link.send(protocol.GoToRest())]  # while take 1 is being saved
        assert all([(await answer).ok for answer in answers])
        state = await link.until(lambda s: s.phase is Phase.RESTED and bool(s.episodes), 30)
        assert state.take == 1
        assert link.telemetry is not None and not link.telemetry.start_pending
        await finish(link)
