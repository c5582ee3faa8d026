"""A console without a terminal, and scripted workers; both gone afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import services.live.crashes
import services.live.elsewhere
import services.live.launch
import services.training.preparation
from tests.support.fake_desk import FakeWorker, empty_folder, no_scribe
from tests.support.fake_preparer import FakePreparer
from tests.support.headless import opened
from tests.support.trainings import put_backbone


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process is started."""
    monkeypatch.setattr(services.live.launch, "start_scribe", no_scribe)
    monkeypatch.setattr(services.live.elsewhere, "follow_again", lambda run: None)
    monkeypatch.setattr(services.live.crashes, "follow_again", lambda run: None)
    monkeypatch.setattr(services.training.preparation, "start", FakePreparer().start)


@pytest.fixture(autouse=True, scope="session")
def _with_backbones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The weights that ACT begins with are here: a training may begin."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("torch")
        patch.setenv("TORCH_HOME", str(home))
        put_backbone(home)
        yield


@pytest.fixture
async def make_worker(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[FakeWorker]]]:
    """Start scripted workers in the test's data folder."""
    made: list[FakeWorker] = []

    async def make(*, open_dataset: bool = True, **values: Any) -> FakeWorker:
        worker = FakeWorker(empty_folder(tmp_path / "lab"), **values)
        made.append(worker)
        return await worker.start(open_dataset=open_dataset)

    yield make
    for worker in made:
        await worker.stop()


@pytest.fixture
def open_console(tmp_path: Path) -> Callable[..., Any]:
    """`async with open_console() as console`."""

    return lambda *size, **asked: opened(empty_folder(tmp_path / "lab"), *size, **asked)
