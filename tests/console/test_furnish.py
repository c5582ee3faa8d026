"""The console paints first and takes in the rest afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet

from console import furnish
from console.app import LabConsole, build
from screens.frame import registry
from services.bench.profiles import Benches
from tests.support.fake_desk import empty_folder, sim_profile


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[tuple[LabConsole, Any]]:
    """A console that shows Bench, and nothing else yet."""
    benches = Benches({"sim": sim_profile()}, "sim", None)
    folder = empty_folder(tmp_path / "lab")
    app = build(folder, benches, benches.pick("sim"), demo=False, attach=None, headless=True)
    async with app.run_test(size=(120, 40)) as pilot:
        while app.screen.id != "bench":
            await pilot.pause(0.01)
        yield app, pilot
        await app.desk.leave()


async def test_what_is_typed_before_there_is_a_screen_acts_on_it(tmp_path: Path) -> None:
    benches = Benches({"sim": sim_profile()}, "sim", None)
    folder = empty_folder(tmp_path / "lab")
    app = build(folder, benches, benches.pick("sim"), demo=False, attach=None, headless=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f7")
        async with asyncio.timeout(10):
            while app.screen.id != "log":
                await pilot.pause(0.01)
        await app.desk.leave()


async def test_leaving_before_there_is_a_desk_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(app: LabConsole) -> None: ...

    monkeypatch.setattr(LabConsole, "_furnish", never)
    monkeypatch.setattr("console.app.LEAVE_ANYWAY_S", 0.1)
    benches = Benches({"sim": sim_profile()}, "sim", None)
    app = build(empty_folder(tmp_path / "lab"), benches, benches.pick("sim"), demo=False, attach=None, headless=True)
    async with app.run_test():
        await app._close()
    assert app.return_code == 0 and "desk" not in app.__dict__


async def test_a_screen_that_was_prepared_opens_without_any_style_being_read_again(
    bench: tuple[LabConsole, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, pilot = bench
    await furnish.prepare(app)
    assert all(
        app.stylesheet.has_source(str(path)) for entry in registry.SCREENS for path in furnish.styles_of(entry.load())
    )
    anew: list[object] = []

    def reparse(self: Stylesheet) -> None:
        anew.append(self)

    monkeypatch.setattr(Stylesheet, "reparse", reparse)
    for entry in registry.SCREENS:
        await app.switch_mode(entry.mode)
        await pilot.pause()
    assert not anew


async def test_each_screen_looks_as_if_its_styles_had_been_read_anew(bench: tuple[LabConsole, Any]) -> None:
    app, pilot = bench
    async with asyncio.timeout(20):
        while not app.screen.query_one("#steps").display:  # the disk has been read: nothing changes by itself
            await pilot.pause(0.01)
    for entry in registry.SCREENS:
        await app.switch_mode(entry.mode)
        await pilot.pause()
        before = {node: node.styles.css for node in app.screen.walk_children()}
        app.refresh_css(animate=False)
        await pilot.pause()
        assert before and before == {node: node.styles.css for node in before}, entry.mode
