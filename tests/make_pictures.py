"""Draw the README's pictures from the real screens: the real console, worker and simulated bench.

    uv run python -m tests.make_pictures

Writes tests/pictures/*.svg. Takes about a minute.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from services.bench import load_benches
from services.folders import DataFolder
from services.link import live_runs
from services.snapshots import Phase
from tests.rig import Rig

PICTURES = Path(__file__).parent / "pictures"


async def until(condition: Any, seconds: float = 60.0) -> None:
    """Wait on the app's own loop."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


async def draw(folder: DataFolder) -> None:
    """One sitting, from the first screen to the log."""
    from console.app import build

    benches = load_benches(built_in=True)
    app = build(folder, benches, benches.pick("sim"), demo=True, attach=None, headless=True)
    async with app.run_test(size=(120, 40)) as pilot:

        async def save(name: str) -> None:
            await asyncio.sleep(0.5)
            (PICTURES / f"{name}.svg").write_text(app.export_screenshot(title="lab console"), encoding="utf-8")

        def phase() -> Phase:
            return app.desk.snapshot.phase

        await until(lambda: app.current_mode == "bench")
        await asyncio.sleep(1)
        await pilot.press("f3")
        await asyncio.sleep(1)
        await pilot.press("ctrl+u", *"pick_place_10cm")
        for _ in range(6):
            await pilot.press("enter")
            await asyncio.sleep(0.2)
        await until(lambda: phase() is Phase.IDLE)
        await pilot.press("space")
        await until(lambda: phase() is Phase.READY)
        for number in range(1, 4):
            await asyncio.sleep(0.7)
            await pilot.press("space")
            await until(lambda: phase() is Phase.RECORDING)
            if number == 3:
                await asyncio.sleep(3.6)
                await save("record-120x40")
                await pilot.press("space")
            await until(lambda n=number: len(app.desk.snapshot.episodes) >= n)
            if number == 1:
                await pilot.press("r")
        await pilot.press("f2")
        await save("bench-120x40")
        await pilot.press("f3", "F")
        await until(lambda: not app.desk.snapshot.running)
        await pilot.press("f7")
        await asyncio.sleep(1)
        await save("log-120x40")


def main() -> None:
    """Draw them all."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as root:
        rig = Rig(Path(root) / "lab")
        try:
            asyncio.run(draw(rig.folder))
            assert not live_runs(rig.folder)
        finally:
            rig.close()


if __name__ == "__main__":
    main()
