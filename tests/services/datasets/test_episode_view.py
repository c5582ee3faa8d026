"""The viewer's process for real: it answers, and is gone with its viewer, however that ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from services.datasets.episode_view import EpisodeProblem, EpisodeView
from tests import ROOT
from tests.support import painted


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return painted.make(tmp_path_factory.mktemp("view") / "pick_place", (12, 9))


def gone(pid: int) -> bool:
    """Whether the process has ended within 20 s."""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


async def test_it_reads_one_episode_after_the_other_and_ends_with_its_viewer(dataset: Path) -> None:
    view = EpisodeView()
    assert not view.pid
    for episode, frames in ((0, 12), (1, 9)):
        opened = await view.open(dataset, episode)
        assert opened.frames == frames
        shown = await view.show((frames - 1,), {"wrist": (40, 30)})
        assert painted.read(shown.pictures[0].rgb, 40, 30) == painted.number(1, episode, frames - 1)
    pid = view.pid
    loaded = Path(f"/proc/{pid}/maps").read_text()
    assert "torch" not in loaded and "cv2" not in loaded, "a look waits for no import that it does not need"
    await view.close()
    assert not psutil.pid_exists(pid)
    with pytest.raises(EpisodeProblem, match="closed"):
        await view.open(dataset, 0)


async def test_an_answer_that_nobody_waits_for_any_more_goes_to_nobody_else(dataset: Path) -> None:
    view = EpisodeView()
    try:
        await view.open(dataset, 0)
        for sleeps in range(1, 6):  # left before it asked, and while the answer is on its way
            leaving = asyncio.create_task(view.open(dataset, 1))
            for _ in range(sleeps):
                await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.wait({leaving})
            assert leaving.cancelled()
            assert (await view.open(dataset, 0)).frames == 12
            shown = await view.show((11,), {"wrist": (40, 30)})
            assert painted.read(shown.pictures[0].rgb, 40, 30) == painted.number(1, 0, 11)
    finally:
        await view.close()


async def test_a_process_that_died_is_told_and_the_next_look_starts_another(dataset: Path) -> None:
    view = EpisodeView()
    try:
        await view.open(dataset, 0)
        before = view.pid
        os.kill(before, signal.SIGKILL)
        with pytest.raises(EpisodeProblem, match="the process that reads episodes died"):
            await view.show((0,), {"wrist": (40, 30)})
        assert gone(before)
        assert (await view.open(dataset, 1)).frames == 9
        assert view.pid not in (0, before)
    finally:
        await view.close()


VIEWER = """
import asyncio, os, sys
from pathlib import Path
from services.datasets.episode_view import EpisodeView

async def main():
    view = EpisodeView()
    await view.open(Path(sys.argv[1]), 0)
    print(view.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_it_ends_when_its_console_is_killed(dataset: Path) -> None:
    console = subprocess.Popen([sys.executable, "-c", VIEWER, str(dataset)], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert console.stdout is not None
        pid = int(console.stdout.readline())
        assert psutil.pid_exists(pid)
    finally:
        console.kill()
        console.wait()
    assert gone(pid)
