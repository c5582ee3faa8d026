"""The house's walls: who may import whom, told by the modules that really get loaded."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import ROOT

HEAVY = {"torch", "lerobot", "grpc", "mujoco", "cv2"}
UI = {"textual"}


def loaded_by(*modules: str) -> set[str]:
    """Top-level names in sys.modules after importing `modules` in a fresh interpreter."""
    code = f"import sys, json\nfor m in {list(modules)!r}: __import__(m)\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout)} | set(json.loads(done.stdout))


def modules_of(package: str) -> list[str]:
    folder = ROOT / package
    return [m.name for m in pkgutil.walk_packages([str(folder)], f"{package}.")]


def test_services_and_sessions_load_neither_the_ui_nor_a_heavy_library() -> None:
    light = [m for m in modules_of("services") if not m.startswith(("services.workers", "services.sim"))]
    assert len(light) > 10
    loaded = loaded_by(*light, *modules_of("sessions"))
    assert not loaded & (UI | HEAVY)
    assert "services.workers" not in loaded


def test_the_console_and_its_screens_load_no_heavy_library() -> None:
    loaded = loaded_by("console.__main__", "console.app", *modules_of("screens"))
    assert not loaded & HEAVY
    assert "services.workers" not in loaded


def test_verbs_without_a_screen_load_no_textual() -> None:
    verbs = (
        "grammar",
        "commands.arm",
        "commands.evaluate",
        "commands.record",
        "commands.sessions",
        "commands.show",
        "commands.train",
    )
    assert not loaded_by("console.__main__", *(f"console.{verb}" for verb in verbs)) & (UI | HEAVY)


FIRST_PAINT = """
import json, sys
from pathlib import Path
from console import __main__, app, grammar
from services.bench.profiles import load_benches
from services.folders import DataFolder

async def stop_here(self):
    print(json.dumps(sorted(sys.modules)))
    self.exit()

app.LabConsole._furnish = stop_here
grammar.parser().parse_args(["demo"])
benches = load_benches(built_in=True)
app.build(DataFolder(Path(sys.argv[1])), benches, benches.pick("sim"), demo=True, attach=None).run(headless=True)
"""
NOT_BEFORE_IT = {
    *("screens", "console.furnish", "console.commands"),
    *(
        set(modules_of("sessions"))
        - {"sessions", "sessions.bench", "sessions.conditions", "sessions.target"}
        - {"sessions.alarm_source", "sessions.open_enum"}
    ),  # lab.toml with the names that it may not give, and the stop's cause
    *("services.live.events", "services.live.snapshots", "services.live.link", "services.live.stop_line"),
    *("services.log", "services.training", "services.checkpoints", "services.datasets", "services.arm_commands"),
    *("numpy", "scipy", "plotext", "tinydb", "orjson", "filelock", "psutil", "getpass", "tsdownsample", "jinja2"),
}
"""What only a screen or a session needs: loaded before the first paint, it would delay it."""


def test_nothing_is_loaded_before_the_first_paint_that_it_does_not_need(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_PAINT, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    loaded = set(json.loads(next(line for line in done.stdout.splitlines() if line.startswith("["))))
    assert {"textual", "console.app", "console.stop_key_driver"} <= loaded
    assert not loaded & NOT_BEFORE_IT


def test_the_world_of_the_simulated_bench_loads_no_lerobot() -> None:
    assert not loaded_by("services.sim.world") & {"torch", "lerobot", "textual"}


@pytest.mark.parametrize("worker", ["record", "evaluate", "bench", "train", "elsewhere", "warm"])
def test_a_worker_loads_nothing_that_computes_before_its_environment_is_set(worker: str) -> None:
    """How many threads a BLAS takes is read when numpy is loaded."""
    assert not loaded_by(f"services.workers.{worker}") & {"numpy", "torch", "lerobot", "mujoco", "cv2", "textual"}


def test_what_a_warm_worker_loads_is_there() -> None:
    """It loads by name; a module that moved would only cost the time that it saves."""
    from services.workers import warm

    assert all(find_spec(name) for name in (*warm.LOADS, *warm.SIMULATED))


@pytest.mark.parametrize("name", ["console", "screens", "services", "sessions", "tests"])
def test_the_top_level_holds_the_agreed_folders(name: str) -> None:
    assert (ROOT / name).is_dir()


def test_the_top_level_holds_nothing_else() -> None:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    top = {line.split("/")[0] for line in listed.splitlines()}
    agreed = {"console", "screens", "services", "sessions", "tests", "pyproject.toml", "README.md", "LICENSE"}
    assert {name for name in top if not name.startswith(".")} <= agreed
