"""The house's walls: who may import whom, told by the modules that really get loaded."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

from tests import ROOT

HEAVY = {"torch", "lerobot", "mujoco", "cv2"}
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
    verbs = ("grammar", "commands.arm", "commands.evaluate", "commands.record", "commands.sessions", "commands.train")
    assert not loaded_by("console.__main__", *(f"console.{verb}" for verb in verbs)) & (UI | HEAVY)


def test_the_world_of_the_simulated_bench_loads_no_lerobot() -> None:
    assert not loaded_by("services.sim.world") & {"torch", "lerobot", "textual"}


@pytest.mark.parametrize("name", ["console", "screens", "services", "sessions", "tests"])
def test_the_top_level_holds_the_agreed_folders(name: str) -> None:
    assert (ROOT / name).is_dir()


def test_the_top_level_holds_nothing_else() -> None:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    top = {line.split("/")[0] for line in listed.splitlines()}
    agreed = {"console", "screens", "services", "sessions", "tests", "pyproject.toml", "README.md", "LICENSE"}
    assert {name for name in top if not name.startswith(".")} <= agreed
