"""The history of a bench, imported once, and its reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.folders import DataFolder
from services.log.importing.adding import add
from services.log.importing.file import read
from services.log.importing.history import imports
from services.report.make import report
from services.report.parts import Report
from services.report.rendering import Format, render

HISTORY = Path(__file__).parents[2] / "bench_history.toml"
C, D = "so101_pick_place_10cm_v2", "so101_pick_place_10cm_v3"


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """A data folder with the history."""
    folder = DataFolder(tmp_path_factory.mktemp("bench")).create()
    add(folder, imports(read(HISTORY)))
    return folder


@pytest.fixture(scope="session")
def of_c(bench: DataFolder) -> Report:
    return report(bench, dataset=C)


@pytest.fixture(scope="session")
def of_d(bench: DataFolder) -> Report:
    return report(bench, dataset=D)


@pytest.fixture(scope="session")
def page_of_c(of_c: Report) -> str:
    """As Markdown."""
    return render(of_c, Format.MARKDOWN)


@pytest.fixture(scope="session")
def page_of_d(of_d: Report) -> str:
    return render(of_d, Format.MARKDOWN)
