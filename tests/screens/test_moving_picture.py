"""The moving picture of the README: each frame is shown at its time, and nothing else."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from tests.support.moving_picture import frame, svg

SPACE = "{http://www.w3.org/2000/svg}"


async def test_a_moving_picture_holds_what_each_screen_showed(open_console):
    async with open_console((80, 24)) as console:
        await console.still()
        first = frame(console.app, 2.0, "first <this>")
        await console.press("f7")
        await console.still()
        second = frame(console.app, 3.0, "then & that")
    whole = svg([first, second])
    root = ElementTree.fromstring(whole)
    rows = {
        group.get("id"): "".join(t.text or "" for t in group.iter(f"{SPACE}text")) for group in root.iter(f"{SPACE}g")
    }
    for number, caption in ((0, "first <this>"), (1, "then & that")):
        [group] = [g for g in root.iter(f"{SPACE}g") if g.get("class") == f"f f{number}"]
        used = [rows[(use.get("href") or "").removeprefix("#")] for use in group.iter(f"{SPACE}use")]
        assert len(used) == 24 and any("bench" in row for row in used)
        assert caption in [text.text for text in group.iter(f"{SPACE}text")]
    assert re.search(r"@keyframes k0\{0%\{visibility:visible\}40\.000%\{visibility:hidden\}\}", whole)
    assert re.search(r"@keyframes k1\{0%\{visibility:hidden\}40\.000%\{visibility:visible\}\}", whole)
