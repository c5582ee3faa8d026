"""A checkpoint that finds no room: the training waits for some, then gives up and says what is kept."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import psutil
import pytest

import services.live.launch
from console.__main__ import main
from services.checkpoints import checkpoint as checkpoints
from services.live import events as ev
from services.live.phases import Phase
from services.log import logbook
from services.training import plan as training
from services.workers.training import patience
from services.workers.training.patience import Patience
from sessions.models import SessionStatus
from tests.support.mounts import needs_mounts, small_disk
from tests.support.rig import Rig
from tests.support.trainings import TINY, make_dataset, train
from tests.support.zygote import Zygote

SETTINGS = [word for setting in TINY for word in ("--set", setting)]


@pytest.fixture
def lab(quick_rig: Rig) -> Rig:
    """A rig with a small dataset."""
    make_dataset(quick_rig.folder)
    return quick_rig


@pytest.fixture
def hurried(lab: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """One whose trainers wait for room for a second instead of ten minutes."""
    made = Zygote("from services.workers.training import patience; patience.PATIENCE_S = 1.0")
    monkeypatch.setattr(services.live.launch, "spawn", made.spawn)
    yield lab
    made.close()


def limit_files(rig: Rig, pid: int, size: int) -> None:
    """Let no file of the trainer grow beyond `size`: what a full disk does to a checkpoint."""
    (trainer,) = psutil.Process(pid).children()
    resource.prlimit(trainer.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def kept(rig: Rig) -> list[str]:
    """What lies in the training's folder of checkpoints."""
    return sorted(path.name for path in (rig.folder.trainings / "act_cubes" / "checkpoints").iterdir())


async def test_a_training_waits_while_there_is_no_room_and_goes_on_when_there_is(lab: Rig) -> None:
    run = train(lab.folder, steps=60, save_freq=20, log_freq=20)
    async with lab.attached(run) as link:
        limit_files(lab, lab.pid(run), 100_000)
        state = await link.until(lambda s: bool(s.alarms), 20)
        (alarm,) = state.alarms
        assert alarm.text.startswith("the checkpoint of step 20 could not be saved: ")
        assert alarm.text.endswith("the training waits and tries again")
        assert alarm.answer.startswith("free the disk within 10 min, or it gives up")
        assert state.phase is Phase.SAVING
        limit_files(lab, lab.pid(run), resource.RLIM_INFINITY)
        state = await link.until(lambda s: not s.running, 30)
    assert state.status is SessionStatus.FINISHED
    assert [c.step for c in state.training.checkpoints] == [20, 40, 60]  # type: ignore[union-attr]
    assert lab.events(run, ev.AlarmCleared) and kept(lab) == ["000020", "000040", "000060", "last"]


async def test_stopping_twice_gives_up_at_once(lab: Rig) -> None:
    run = train(lab.folder, steps=1_000_000, save_freq=1_000_000, log_freq=5)
    async with lab.attached(run) as link:
        limit_files(lab, lab.pid(run), 100_000)
        await training.stop(link)
        await link.until(lambda s: bool(s.alarms), 20)
        await training.stop(link)
        state = await link.until(lambda s: not s.running, 20)
    assert state.status is SessionStatus.ABORTED
    assert "given up, as it was stopped again" in state.end_reason and "no checkpoint was saved" in state.end_reason
    assert kept(lab) == []


@needs_mounts
def test_on_a_disk_that_stays_full_the_verb_says_what_is_kept_and_fails(
    hurried: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = ["--data-dir", str(hurried.folder.root), "train", "--dataset", "cubes", "--policy", "act", "--steps", "6"]
    verb += ["--batch-size", "2", "--save-freq", "2", "--log-freq", "1", "--name", "act_cubes", *SETTINGS]
    with small_disk(hurried.folder.outputs, 64 << 20):
        assert main([*verb[:8], "2", *verb[9:]]) == 0
        used = sum(path.stat().st_size for path in hurried.folder.outputs.rglob("*") if path.is_file())
    capsys.readouterr()
    with small_disk(hurried.folder.outputs, int(1.6 * used)):
        assert main(verb) == 1
        said = capsys.readouterr()
        (whole,) = checkpoints.complete(hurried.folder.trainings / "act_cubes")
        assert kept(hurried) == ["000002", "last"] and whole.name == "000002"
    newest = logbook.sessions(hurried.folder).sessions[0]
    reason = "the checkpoint of step 4 could not be saved: the disk is full, given up after 1 s; it was at step 4 of 6"
    assert (newest.status, newest.end_reason) == (
        SessionStatus.ABORTED, f"{reason}, the newest whole checkpoint is 000002",
    )  # fmt: skip
    assert reason in said.err and f"kept: {whole}" in said.err and "Traceback" not in said.err + said.out


def test_the_wait_ends_when_its_time_is_over_or_when_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited = 0.0, list[float]()

    def wait(seconds: float) -> bool:
        nonlocal now
        waited.append(seconds)
        now += seconds
        return False

    monkeypatch.setattr(patience.time, "monotonic", lambda: now)
    ends, tries = Patience(wait).ends, 0
    while not (why := ends()):
        tries += 1
    assert (why, sum(waited), waited[:4]) == ("given up after 10 min", 600.0, [1.0, 2.0, 4.0, 10.0])
    assert tries == len(waited) and Patience(lambda seconds: True).ends() == "given up, as it was stopped again"
