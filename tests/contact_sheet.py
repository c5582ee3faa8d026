"""Draw every screen in every state, at every size and in every kind of terminal: to be looked at.

    uv run python -m tests.contact_sheet OUT [--only record] [--sizes 80x24,120x40] [--colours truecolor,ascii]

Writes OUT/STATE-SIZE-COLOURS.png each, and OUT/sheet-COLOURS.png with all of them, one row per state. No robot, no
process: scripted workers (tests/support/states.py). All of it takes some minutes and about 250 MB of memory.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

from PIL import Image

from screens.views.signs import ASCII, UNICODE, use_signs
from tests.support import cells
from tests.support.fake_desk import empty_folder
from tests.support.states import SIZES, STATES, resize, scene

COLOURS = {
    "truecolor": {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    "256": {"TERM": "xterm-256color"},
    "16": {"TERM": "xterm"},
    "none": {"TERM": "xterm-256color", "NO_COLOR": "1"},
    "ascii": {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LAB_CONSOLE_ASCII": "1"},
}
"""What each kind of terminal says of itself."""
SHRINK = 2
GAP = 6


def pretend(kind: str) -> None:
    """Make this process believe that it runs in such a terminal; before the app is built."""
    for name in ("TERM", "COLORTERM", "NO_COLOR", "LAB_CONSOLE_ASCII"):
        os.environ.pop(name, None)
    os.environ.update(COLOURS[kind])
    use_signs(ASCII if kind == "ascii" else UNICODE)


async def draw(name: str, kind: str, sizes: list[tuple[int, int]], out: Path) -> list[Image.Image]:
    """The state at each size."""
    pretend(kind)
    pictures = []
    with tempfile.TemporaryDirectory(prefix="sheet-", ignore_cleanup_errors=True) as root:
        async with scene(empty_folder(Path(root) / "lab"), name) as shown:
            for size in sizes:
                await resize(shown, size)
                picture = cells.draw(cells.terminal(shown.console.app))
                picture.save(out / f"{name}-{size[0]}x{size[1]}-{kind}.png")
                pictures.append(picture)
    return pictures


def sheet(rows: list[list[Image.Image]]) -> Image.Image:
    """All pictures at half their size, a row per state."""
    small = [[picture.reduce(SHRINK) for picture in row] for row in rows]
    width = max(sum(picture.width + GAP for picture in row) for row in small)
    height = sum(max(picture.height for picture in row) + GAP for row in small)
    whole = Image.new("RGB", (width, height), (90, 90, 90))
    y = 0
    for row in small:
        x = 0
        for picture in row:
            whole.paste(picture, (x, y))
            x += picture.width + GAP
        y += max(picture.height for picture in row) + GAP
    return whole


def main() -> None:
    """Draw what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="", help="states whose names begin so, with commas")
    parser.add_argument("--sizes", default=",".join(f"{w}x{h}" for w, h in SIZES))
    parser.add_argument("--colours", default=",".join(COLOURS))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    sizes = [(int(w), int(h)) for w, _, h in (size.partition("x") for size in asked.sizes.split(","))]
    names = [name for name in STATES if name.startswith(tuple(asked.only.split(",")))]
    for kind in asked.colours.split(","):
        rows = []
        for name in names:
            rows.append(asyncio.run(draw(name, kind, sizes, asked.out)))
            print(kind, name, flush=True)
        sheet(rows).save(asked.out / f"sheet-{kind}.png")


if __name__ == "__main__":
    main()
