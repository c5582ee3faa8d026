"""Whoever is at a form that moves the arm finds a worker ready: it is asked for when the form opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.bench.profiles import Profile
from services.folders import DataFolder
from services.live import warm

Asked = list[tuple[str, str | None]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """(bench, policy) of each time that a warm worker was asked for."""
    seen: Asked = []

    def keep(folder: DataFolder, profile: Profile, policy: str | None = None) -> None:
        seen.append((profile.name, policy))

    monkeypatch.setattr(warm, "keep", keep)
    return seen


@pytest.mark.parametrize(
    ("key", "title", "policy"), [("f3", "new recording", None), ("f5", "new evaluation", "")], ids=["record", "eval"]
)
async def test_a_form_that_opens_asks_for_a_worker(
    open_console: Callable[..., Any], asked: Asked, key: str, title: str, policy: str | None
) -> None:
    async with open_console() as console:
        assert not asked
        await console.press(key)
        await console.sees(title)
        await console.until(lambda: ("sim", policy) in asked)


async def test_the_form_of_a_training_asks_for_none(open_console: Callable[..., Any], asked: Asked) -> None:
    async with open_console() as console:
        await console.press("f4")
        await console.sees("new training")
        assert not asked


async def test_so_does_the_question_before_a_release(open_console: Callable[..., Any], asked: Asked) -> None:
    async with open_console() as console:
        await console.press("R")
        await console.sees("Release the arm?")
        await console.until(lambda: asked == [("sim", None)])


async def test_while_a_session_runs_none_is_asked_for(
    open_console: Callable[..., Any], make_worker: Callable[..., Any], asked: Asked
) -> None:
    async with open_console() as console:
        worker = await make_worker()
        await console.attach(worker)
        console.desk.warm_up()
        await console.pilot.pause()
        assert not asked
