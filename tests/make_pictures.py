"""Draw the README's pictures from the real screens: the real console, worker and simulated bench.

    uv run python -m tests.make_pictures

Writes tests/pictures/*.svg, among them tour.svg, a moving picture of the five-minute tour. Takes about six minutes: the
policy whose training and trials are shown is really trained.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from screens.evaluate.form import EvaluateForm
from services.bench.profiles import DEMO, load_benches
from services.folders import DataFolder
from services.live.phases import Phase
from services.live.running import live_runs
from services.log.importing import adding, history
from services.log.importing.file import read
from services.training import plan as training
from tests.bench.bench_loop import POLICY, optimizer
from tests.support.moving_picture import Frame, frame, svg
from tests.support.rig import Rig

DEMONSTRATIONS, STEPS, TRIALS = 40, 2400, 8
PICTURES = Path(__file__).parent / "pictures"
HISTORY = Path(__file__).parent / "bench_history.toml"
TOUR: list[Frame] = []


async def until(condition: Any, seconds: float = 60.0) -> None:
    """Wait on the app's own loop."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


def console(folder: DataFolder, bench: str, *, demo: bool) -> Any:
    """The console at a built-in bench."""
    from console.app import build

    benches = load_benches(built_in=True)
    return build(folder, benches, benches.pick(bench), demo=demo, attach=None, headless=True)


async def save(app: Any, name: str, caption: str = "") -> None:
    """What the screen shows, as a picture, and as a frame of the tour."""
    await asyncio.sleep(0.5)
    (PICTURES / f"{name}-120x40.svg").write_text(app.export_screenshot(title="lab console"), encoding="utf-8")
    if caption:
        TOUR.append(frame(app, 4.0, caption))


async def tour(app: Any, caption: str, seconds: float = 2.5) -> None:
    """What the screen shows, as a frame of the tour."""
    await asyncio.sleep(0.5)
    TOUR.append(frame(app, seconds, caption))


async def record(folder: DataFolder) -> None:
    """One session, from the first screen to the log."""
    app = console(folder, DEMO, demo=True)
    async with app.run_test(size=(120, 40)) as pilot:

        def phase() -> Phase:
            return app.desk.snapshot.phase

        await until(lambda: app.current_mode == "bench")
        await asyncio.sleep(1)
        await tour(app, "lab-console demo opens Bench: the first three steps, and what is known of the arm")
        await pilot.press("f3")
        await asyncio.sleep(1)
        await pilot.press("ctrl+u", *"pick_place_10cm")
        await tour(app, "F3: what the next recording is called, and what it will mean")
        for _ in range(8):
            if app.desk.live:
                break
            await pilot.press("enter")
            await asyncio.sleep(0.4)
        await until(lambda: phase() is Phase.IDLE)
        await pilot.press("space")
        await tour(app, "space: the follower aligns with the leader, slowly")
        await until(lambda: phase() is Phase.READY)
        for number in range(1, 4):
            await asyncio.sleep(0.7)
            await pilot.press("space")
            await until(lambda: phase() is Phase.RECORDING)
            if number == 3:
                await asyncio.sleep(3.6)
                await save(app, "record", "space: a take is recorded; r rejects it, Esc or x holds the arm, always")
                await pilot.press("space")
            await until(lambda n=number: len(app.desk.snapshot.episodes) >= n)
            if number == 1:
                await pilot.press("r")
        await tour(app, "saved the moment it ends: committed, synced, then counted")
        await pilot.press("i")
        await asyncio.sleep(3)
        await tour(app, "i: look at the episode: cameras in step, joints over time")
        await pilot.press("i")
        await pilot.press("f2")
        await save(app, "bench", "F2: cameras, joints, pose and torque, whatever session has the arm")
        await pilot.press("f3", "F")
        await until(lambda: not app.desk.snapshot.running)


async def train_and_evaluate(rig: Rig) -> None:
    """A policy that learns to place the cube, and its trials, judged by looking into the bowl; then the log."""
    lab = [sys.executable, "-m", "console", "--data-dir", str(rig.folder.root), "--bench", "sim-state"]
    asks = ["--dataset", "cube_to_bowl", "--task", "pick_place", "--episodes", str(DEMONSTRATIONS)]
    subprocess.run([*lab, "record", *asks, "--lockstep", "--reset-seconds", "0"], check=True)
    app = console(rig.folder, "sim-state", demo=False)
    async with app.run_test(size=(120, 40)) as pilot:
        settings = (*POLICY, *optimizer(STEPS))
        asked = {"dataset": "cube_to_bowl", "policy": "act", "steps": STEPS, "batch_size": 16, "name": "act_v1"}
        request = training.plan(rig.folder, **asked, log_freq=20, save_freq=STEPS // 4, settings=settings)
        training.begin(rig.folder, request)
        await until(lambda: app.current_mode == "bench")
        await asyncio.sleep(1)
        await pilot.press("f4")
        await until(lambda: app.desk.training.snapshot.training is not None, 120)
        await until(lambda: app.desk.training.snapshot.training.step > 0.8 * STEPS, 600)
        await save(app, "train", "F4: the curves of a training, which goes on when the console is left")
        await until(lambda: not app.desk.training.live, 300)
        await evaluate(rig, app, pilot)
        await pilot.press("f7")
        await asyncio.sleep(1)
        await save(app, "log", "F7: every session, with its numbers; Enter opens one")


async def evaluate(rig: Rig, app: Any, pilot: Any) -> None:
    """Some trials by keys."""

    def phase() -> Phase:
        return app.desk.snapshot.phase

    def placed() -> bool:
        return bool(rig.world().state().cube_in_bowl)

    await pilot.press("e")
    await asyncio.sleep(3)
    for _ in EvaluateForm.FIELDS:
        await pilot.press("enter")
        await asyncio.sleep(0.3)
    await until(lambda: phase() is Phase.IDLE, 120)
    for number in range(1, TRIALS + 1):
        await asyncio.sleep(0.8)
        await pilot.press("space")
        await until(lambda: phase() is Phase.RUNNING, 60)
        if number == TRIALS:
            await asyncio.sleep(3.5)
            await save(app, "evaluate", "F5: the policy tries; s, f or v judge a trial with one key")
        await until(lambda: placed() or phase() is Phase.JUDGING, 60)
        await asyncio.sleep(0.5)
        await pilot.press("s" if placed() else "f")
        await until(lambda: phase() in (Phase.RESTED, Phase.DONE), 60)
    await pilot.press("F")
    await until(lambda: not app.desk.snapshot.running)


async def life(folder: DataFolder) -> None:
    """Ten weeks of a real bench, imported: what came of a dataset."""
    adding.add(folder, history.imports(read(HISTORY)))
    app = console(folder, "sim", demo=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(lambda: app.current_mode == "bench")
        await pilot.press("f7")
        await asyncio.sleep(1)
        await pilot.press("slash", *"D2 kind:train", "enter", "B")
        await asyncio.sleep(1.5)
        await save(app, "tree", "B: the life of a dataset: recordings, trainings, checkpoints, evaluations")


def main() -> None:
    """Draw them all."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-", ignore_cleanup_errors=True) as root:
        rig = Rig(Path(root) / "lab")
        try:
            asyncio.run(record(rig.folder))
            asyncio.run(train_and_evaluate(rig))
            weeks = DataFolder(Path(root) / "history")
            weeks.root.mkdir()
            asyncio.run(life(weeks))
            assert not live_runs(rig.folder)
            (PICTURES / "tour.svg").write_text(svg(TOUR), encoding="utf-8")
        finally:
            rig.close()


if __name__ == "__main__":
    main()
