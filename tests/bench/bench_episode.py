"""The episode viewer: from the key to the first picture, and each step of a scrub, beside decoding alone.

    uv run python -m tests.bench.bench_episode [steps]

Two cameras of 640x480, 300 frames, a keyframe every second frame as LeRobot records, or every 250 as other tools do.
Prints milliseconds; a step is from the key to both pictures drawn at 120x40. 1 when a step's median is over BUDGET_MS
above decoding.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np

import services.live.launch
from screens.episode.screen import EpisodeScreen
from services.datasets.episode_view import EpisodeView
from services.workers.viewing.video import Video
from tests.support import painted
from tests.support.fake_desk import empty_folder, no_scribe
from tests.support.headless import Console, opened

FRAMES = 300
SIZE = (88, 66)
CAMERAS = ("overhead", "wrist")
BUDGET_MS = 60.0


def scene(number: int) -> np.ndarray:
    """640x480."""
    return np.kron(painted.scene(number & 1151), np.ones((4, 4, 1), np.uint8))


def order(steps: int, *, far: bool) -> list[int]:
    """Frames one after the other, or anywhere."""
    chance = random.Random(3)
    return [chance.randrange(FRAMES) if far else at % FRAMES for at in range(1, steps + 1)]


def say(what: str, taken: Sequence[float]) -> float:
    """Print p50 and p99 in ms; returns the median."""
    middle, late = np.percentile(taken, (50, 99)) * 1e3
    print(f"{what:<58} p50 {middle:7.1f} ms   p99 {late:7.1f} ms")
    return float(middle)


async def timed(frames: Sequence[int], step: Callable[[int], Awaitable[object]]) -> list[float]:
    """Seconds of each step."""
    taken = []
    for frame in frames:
        began = time.perf_counter()
        await step(frame)
        taken.append(time.perf_counter() - began)
    return taken


async def decode_alone(root: Path, frames: Sequence[int]) -> list[float]:
    """Both videos in this process."""
    files = sorted(root.glob("videos/*/chunk-000/file-000.mp4"))
    videos = [Video(path, painted.FPS) for path in files]

    async def step(frame: int) -> None:
        for video in videos:
            video.picture(frame / painted.FPS, *SIZE)

    taken = await timed(frames, step)
    for video in videos:
        video.close()
    return taken


async def through_process(root: Path, frames: Sequence[int]) -> list[float]:
    """Both videos in the viewer's process."""
    view = EpisodeView()
    await view.open(root, 0)
    taken = await timed(frames, lambda frame: view.show((frame,), dict.fromkeys(CAMERAS, SIZE)))
    await view.close()
    return taken


async def first_picture(console: Console, root: Path) -> float:
    """Seconds from the desk's call to both pictures drawn; the viewer stays open."""
    began = time.perf_counter()
    console.desk.look_at(root, 0)
    while not isinstance(console.app.screen, EpisodeScreen) or not drawn(console, 0):
        await asyncio.sleep(0.001)
    return time.perf_counter() - began


def drawn(console: Console, frame: int) -> bool:
    """Whether the pictures of this frame are on the screen."""
    screen = console.app.screen
    return (
        isinstance(screen, EpisodeScreen)
        and screen.is_mounted
        and screen.opened is not None
        and screen.shown_frames == (frame,)
    )


async def on_screen(console: Console, frames: Sequence[int]) -> list[float]:
    """From the cursor's move to the pictures drawn."""
    screen = console.app.screen
    assert isinstance(screen, EpisodeScreen)

    async def step(frame: int) -> None:
        screen.go_to(frame)
        while not drawn(console, frame):
            await asyncio.sleep(0)

    return await timed(frames, step)


async def main(steps: int) -> int:
    """Measure and print all."""
    services.live.launch.start_scribe = no_scribe
    over = False
    with tempfile.TemporaryDirectory() as scratch:
        folder = empty_folder(Path(scratch) / "lab")
        for gop in (2, 250):
            root = folder.datasets / f"gop{gop}"
            painted.make(root, (FRAMES,), cameras=CAMERAS, gop=gop, paint=scene)
            async with opened(folder, (120, 40)) as console:
                firsts = []
                for _ in range(5):
                    firsts.append(await first_picture(console, root))
                    await console.press("i")
                say(f"keyframe every {gop}: key to first pictures", firsts)
                await first_picture(console, root)
                for far in (False, True):
                    frames, what = order(steps, far=far), "anywhere" if far else "frame by frame"
                    alone = say(f"  {what}: decoding alone", await decode_alone(root, frames))
                    say(f"  {what}: asked of the process", await through_process(root, frames))
                    shown = say(f"  {what}: on the screen", await on_screen(console, frames))
                    over |= shown > alone + BUDGET_MS
    return int(over)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 150)))
