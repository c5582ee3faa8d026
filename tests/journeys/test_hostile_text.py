"""No byte from outside reaches the terminal raw: hostile names, tasks, notes, logs and arguments, screens and verbs.

What is looked at is the byte stream that comes out of a pseudo-terminal, not what a screen made of it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from services.folders import DataFolder
from services.live import events as ev
from services.live.reasons import AlarmSource
from sessions.models import EndedBy, SessionKind, Verdict
from tests import ROOT
from tests.support.demo_desk import DemoDesk
from tests.support.rig import CONSOLE
from tests.support.runs import ended, saved, session_id, started, write_run
from tests.support.terminal import Terminal

EVIL = "\x1b]52;c;SEFDSw==\x07\x1b]0;HACK\x07\x1b[?7777h\x1bPHACK\x1b\\\x9b?7777h\x9d0;HACK\x9c\u202e\u2066"
"""Writes the clipboard, names the window, sets a mode, in 7 and in 8 bits, and turns the line around."""
PARTS = ("\x1b]52", "\x1b]0;", "\x1b[?7777h", "\x1bPHACK", "\x9b", "\x9d", "\u202e", "\u2066")
OLD = ROOT / "tests" / "files_of_2026_11" / "lab"
NO_TEXT = b"zebra\xff"


def zebra(what: str) -> str:
    """A text that a reader recognizes, with everything in it that a terminal obeys."""
    return f"zebra{what}{EVIL}end"


def check(stream: bytes, where: str) -> None:
    found = [part for part in PARTS if part.encode() in stream]
    assert not found, f"{where}: {found} came through raw"


@pytest.fixture
def folder(demo: DemoDesk) -> DataFolder:
    """A data folder whose every name and text is somebody else's, beside a lab.toml of that kind."""
    folder = demo.folder.create()
    name = zebra("set")
    shutil.copytree(OLD / "datasets" / "cubes", folder.datasets / name)
    shutil.copytree(OLD / "outputs" / "train" / "state", folder.trainings / zebra("policy"))
    texts = {"task": zebra("task"), "operator": zebra("person"), "dataset": name, "data_dir": str(folder.root)}
    alarm = ev.AlarmRaised(source=AlarmSource.DATASET, text=zebra("alarm"), answer=zebra("answer"))
    notes = (ev.NoteAdded(text=zebra("note"), author=zebra("author")), ev.TagAdded(tag=zebra("tag")))
    lost = ev.TakeLost(take=3, reason=zebra("reason"), where=zebra("where"))
    took = (saved(0, flags=(zebra("flag"),)), lost, alarm)
    write_run(folder, session_id(1), started(session_id(1), **texts), *took, *notes, ended())
    trial = (
        ev.TrialStarted(trial=1, condition=zebra("light")),
        ev.TrialEnded(trial=1, frames=9, reason=EndedBy.FAILED, why=zebra("why")),
        ev.TrialJudged(trial=1, verdict=Verdict.FAILURE, judge=zebra("judge")),
        ev.TrialAnnotated(trial=1, failure_mode=zebra("mode")),
    )
    write_run(folder, session_id(2), started(session_id(2), kind=SessionKind.EVAL, **texts), *trial, *notes, ended())
    crashed = write_run(folder, session_id(3), started(session_id(3), **texts), *notes)
    crashed.log.write_text(zebra("log") + "\n")
    write_lab_toml(demo.home.parent)
    return folder


def write_lab_toml(where: Path) -> None:
    """TOML escapes strings as JSON does."""
    operator, name, text, mode = (json.dumps(zebra(what)) for what in ("op", "name", "text", "fails"))
    (where / "lab.toml").write_text(
        f"operators = [{operator}]\n[[tasks]]\nname = {name}\ntext = {text}\n[bench.sim]\nfailure_modes = [{mode}]\n"
        'robot = { type = "sim_so101_follower", id = "f" }\nteleop = { type = "sim_so101_leader" }\nsim = {}\n'
    )


def test_no_screen_paints_a_control_sequence_of_others(demo: DemoDesk, folder: DataFolder) -> None:
    screen = demo.open("--data-dir", str(folder.root))
    screen.wait_for("F3", 30)
    for key, here in (("F3", "[F3"), ("F4", "[F4"), ("F5", "[F5"), ("F7", "[F7")):
        screen.press("escape", key)
        screen.wait_for(here, 20)
        screen.wait_until(lambda: screen.text.count("zebra") > 1, 20, f"{key} shows nothing of others")  # one is above
        check(bytes(screen.raw), key)
    for _ in range(3):
        screen.press("enter")
        screen.wait_for("zebranote", 20)
        screen.press("escape", "down")
    check(bytes(screen.raw), "the pages of the log")
    screen.press("F3")
    screen.wait_for("[F3", 20)
    screen.press("N", "down", "down")
    screen.raw.clear()
    screen.write(b"\x1b[C")  # right opens the list of operators
    screen.wait_until(lambda: b"zebraop" in screen.raw, 10, "the list does not open")
    check(bytes(screen.raw), "a suggestion")
    screen.kill(15)
    screen.wait(15)
    check(bytes(screen.raw), "the end")


VERBS = {
    "sessions": ("sessions",),
    "show": ("show", session_id(1)),
    "show eval": ("show", session_id(2)),
    "train": ("train", "--dataset", zebra("x"), "--policy", "act", "--steps", "1"),
    "eval": ("eval", "--checkpoint", zebra("x"), "--task", "t", "--trials", "1", "--judge", "oracle"),
    "record": ("record", "--dataset", zebra("x"), "--task", zebra("t"), "--episodes", "1"),
    "set": ("record", "--dataset", "x", "--task", "t", "--episodes", "1", "--set", zebra("k")),
    "bench": ("--bench", zebra("b"), "hold"),
    "usage": (zebra("verb"),),
    "choice": ("sessions", "--kind", zebra("kind")),
    "data-dir": ("--data-dir", f"/proc/{zebra('dir')}", "train", "--dataset", "x", "--policy", "act", "--steps", "1"),
}


def names_it(screen: Terminal) -> bool:
    return b"zebra" in screen.raw or b"no control characters" in screen.raw


def test_no_verb_prints_a_control_sequence_of_others(demo: DemoDesk, folder: DataFolder) -> None:
    screens = {name: demo.open("--data-dir", str(folder.root), *verb) for name, verb in VERBS.items()}
    for name, screen in screens.items():
        code = screen.wait(60)
        screen.wait_until(partial(names_it, screen), 20, f"{name} does not name it")  # the end may be read later
        assert b"Traceback" not in screen.raw, name
        check(bytes(screen.raw), name)
        assert code in (0, 1, 2)


def lab(folder: DataFolder, *arguments: str | bytes) -> subprocess.CompletedProcess[bytes]:
    command = [*CONSOLE, "--data-dir", str(folder.root), *arguments]
    return subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)


def texts_in(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in texts_in(item)]


def test_json_for_scripts_is_whole_and_harmless(folder: DataFolder) -> None:
    listed = lab(folder, "sessions", "--json")
    assert listed.returncode == 0, listed.stderr
    check(listed.stdout, "sessions --json")
    assert zebra("note") in texts_in(json.loads(listed.stdout)), "the text itself is what was written"
    page = lab(folder, "show", session_id(1), "--json")
    assert page.returncode == 0, page.stderr
    check(page.stdout, "show --json")
    assert any("zebranote" in text for text in texts_in(json.loads(page.stdout)))


@pytest.mark.parametrize(
    "arguments",
    [("record", "--dataset", "x", "--task", NO_TEXT, "--episodes", "1"), (NO_TEXT,)],
    ids=["task", "verb"],
)
def test_bytes_that_are_no_text_are_refused_with_a_sentence(
    folder: DataFolder, arguments: tuple[str | bytes, ...]
) -> None:
    done = lab(folder, *arguments)
    assert done.returncode == 2
    assert b"is not UTF-8 text" in done.stderr and b"Traceback" not in done.stderr
    assert b"\xff" not in done.stderr
