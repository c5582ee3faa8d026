"""kill -9 at bad moments: no acknowledged episode is lost, and the next start recovers and says so."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
from pathlib import Path

import pytest

from services.datasets.marks import SIDECAR, Mark, read_marks, write_mark
from services.folders import RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.crashes import close_crashed
from services.live.event_log import EventLog, read_events
from services.live.phases import Phase
from services.live.snapshots import replay
from services.log import logbook
from services.log.page import page
from tests.support.rig import Rig, finish, follow, gone, press, take, wait_until
from tests.support.runs import session_id, started

KILLS = 8
SESSION = {"episode_seconds": 0.5, "reset_seconds": 0.0, "lockstep": True, "episodes": 50, "resume": True}


async def killed_session(rig: Rig, delay_ms: float, *, while_saving: bool) -> RunFolder:
    """One acknowledged take, then another that is killed: while it records, or `delay_ms` after its last frame."""
    run = rig.record(**SESSION)
    kill_at = ev.TakeEnded if while_saving else ev.TakeStarted
    done = asyncio.Event()

    def watch(event: ev.Event, _: object) -> None:
        if isinstance(event, kill_at) and event.take == 2:
            asyncio.get_running_loop().call_later(delay_ms / 1000, strike)

    def strike() -> None:
        os.kill(rig.pid(run), signal.SIGKILL)
        done.set()

    async with rig.attached(run, on_event=watch) as link:
        await follow(link)
        await take(link)
        await link.ask(protocol.StartTake(take=2))
        await asyncio.wait_for(done.wait(), 20)
    wait_until(gone(run))
    return run


def where_it_died(run: RunFolder) -> str:
    """`recording`, `saving` (between the last frame and the acknowledgement) or `saved`, by the events."""
    events = read_events(run.events)
    if any(isinstance(e, ev.EpisodeSaved) and e.take == 2 for e in events):
        return "saved"
    return "saving" if any(isinstance(e, ev.TakeEnded) and e.take == 2 for e in events) else "recording"


async def test_no_acknowledged_episode_is_lost_whenever_the_worker_is_killed(
    quick_rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(7)
    points: list[str] = []
    acknowledged: dict[int, int] = {}
    recoveries = 0
    while len(points) < KILLS or points.count("saving") < KILLS / 2:
        assert len(points) < 3 * KILLS, points
        while_saving = len(points) % 4 != 0
        run = await killed_session(quick_rig, chance.uniform(0, 40 if while_saving else 100), while_saving=while_saving)
        points.append(where_it_died(run))
        for saved in quick_rig.events(run, ev.EpisodeSaved):
            assert saved.index not in acknowledged or acknowledged[saved.index] == saved.frames
            acknowledged[saved.index] = saved.frames
        recoveries += bool(quick_rig.events(run, ev.DatasetRecovered))
    with capsys.disabled():
        print(f"\n  killed while {', '.join(f'{p}: {points.count(p)}' for p in sorted(set(points)))}", end=" ")
    assert recoveries >= KILLS / 2, "the next start says what it did"
    check_pages(quick_rig)
    run = quick_rig.record(**SESSION)
    async with quick_rig.attached(run) as link:
        await link.until(lambda s: s.phase is Phase.IDLE and s.dataset_episodes > 0, 20)
        os.kill(quick_rig.pid(run), signal.SIGTERM)
        await link.until(lambda s: not s.running, 30)
    check_dataset(quick_rig, acknowledged)


def check_pages(rig: Rig) -> None:
    """Each session's page lists what it moved away, and that lies there."""
    for session in logbook.sessions(rig.folder).sessions:
        told = "\n".join(row.text for section in page(session).sections for row in section.rows)
        for repair in session.repairs:
            assert repair.summary in told
            for moved in (*repair.quarantined[:20], *repair.rewritten[:20]):
                assert moved in told and (rig.folder.datasets / "demo" / repair.where / moved).exists()


def check_dataset(rig: Rig, acknowledged: dict[int, int]) -> None:
    """Every acknowledged episode is in LeRobot's dataset with its frames, and its pictures decode."""
    from lerobot.datasets import LeRobotDataset

    dataset = LeRobotDataset("demo", root=rig.folder.datasets / "demo", video_backend="pyav")
    lengths = {int(row["episode_index"]): int(row["length"]) for row in dataset.meta.episodes}
    assert {i: lengths.get(i) for i in acknowledged} == acknowledged
    assert len(dataset) == sum(lengths.values())
    for start in range(0, len(dataset), 15):
        assert dataset[start]["observation.images.wrist"].shape == (3, 72, 96)
    from services.log.scribe import fold
    from sessions.store import SessionStore

    fold(rig.folder)
    statuses = [s.status.value for s in SessionStore(rig.folder.sessions_file).all()]
    assert statuses.count("crashed") >= KILLS


MARK_KILLS = 2


@pytest.mark.parametrize("while_saving", [False, True], ids=["saved", "being saved"])
async def test_a_mark_that_was_answered_is_in_the_dataset_and_in_the_log(quick_rig: Rig, while_saving: bool) -> None:
    chance = random.Random(3)
    for number in range(MARK_KILLS):
        run = quick_rig.record(**SESSION)
        async with quick_rig.attached(run) as link:
            await follow(link)
            if while_saving:
                await link.ask(protocol.StartTake(take=1))
                await link.until(lambda s: s.unsaved_take == 1 or bool(s.episodes), 30)
            else:
                await take(link)
            answer = await link.ask(protocol.MarkTake(take=1, accepted=False))
            assert answer.ok, answer.error
            await asyncio.sleep(chance.choice((0.0, 0.0, 0.001, 0.01)))
            os.kill(quick_rig.pid(run), signal.SIGKILL)
        wait_until(gone(run))
        episode = close_crashed(run).episodes[0]
        mark = read_marks(quick_rig.folder.datasets / "demo")[episode.index]
        assert (mark.session, mark.accepted, episode.accepted) == (run.id, False, False), f"kill {number + 1}"


async def test_a_mark_that_cannot_be_written_is_refused(quick_rig: Rig) -> None:
    run = quick_rig.record(**SESSION)
    root = quick_rig.folder.datasets / "demo"
    async with quick_rig.attached(run) as link:
        await follow(link)
        await take(link)
        sidecar = root / SIDECAR
        sidecar.rename(root / "aside")
        sidecar.mkdir()  # what cannot be replaced by a file, whoever tries
        answer = await link.ask(protocol.MarkTake(take=1, accepted=False))
        assert not answer.ok and "take 1 keeps its mark" in answer.error
        sidecar.rmdir()
        (root / "aside").rename(sidecar)
        assert link.snapshot.episodes[0].accepted
        await press(link, lambda: protocol.MarkTake(take=1, accepted=False))
        assert not (await link.until(lambda s: not s.episodes[0].accepted, 5)).episodes[0].accepted
        assert not read_marks(root)[0].accepted
        await finish(link)


def test_what_reached_the_dataset_and_not_the_events_is_told_when_the_session_is_closed(tmp_path: Path) -> None:
    root = tmp_path / "datasets" / "demo"
    root.mkdir(parents=True)
    run = RunFolder(tmp_path / "runs" / session_id(1))
    run.root.mkdir(parents=True)
    facts = [
        ev.EpisodeSaved(take=take, index=take + 3, frames=9, seconds=1, accepted=True, save_ms=1) for take in (1, 2)
    ]
    with EventLog(run) as log:
        for event in (started(run.id, data_dir=str(tmp_path), dataset="demo"), *facts):
            log.append(event)
    write_mark(root, 4, Mark(accepted=False, session=run.id, take=1))
    write_mark(root, 5, Mark(accepted=False, session="another", take=2))
    assert [e.accepted for e in close_crashed(run).episodes] == [False, True]
    assert [e.accepted for e in replay(read_events(run.events)).episodes] == [False, True]


async def test_sigterm_ends_a_worker_whose_disk_is_full_and_says_what_is_kept(quick_rig: Rig) -> None:
    run = quick_rig.record(**SESSION)
    async with quick_rig.attached(run) as link:
        await follow(link)
        await take(link)
        pid = quick_rig.pid(run)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (run.events.stat().st_size, resource.RLIM_INFINITY))
        answer = await link.ask(protocol.AddNote(text="does not fit"), timeout_s=1.0)
        assert not answer.ok, "nothing is acknowledged that is not on disk"
        state = await link.until(lambda s: bool(s.alarms), 20)
        assert "events cannot be written" in state.alarms[-1].text
        os.kill(pid, signal.SIGTERM)
        state = await link.until(lambda s: not s.running, 20)
    assert "the disk is full" in state.end_reason and "what was acknowledged is kept" in state.end_reason
    wait_until(gone(run), 20)
    assert [e.accepted for e in close_crashed(run).episodes] == [True]
    assert len(read_marks(quick_rig.folder.datasets / "demo")) == 1
