"""An exception that nobody caught: one sentence, a status that is not 0, and a terminal that can be used."""

from __future__ import annotations

import subprocess
import sys
import termios
from pathlib import Path

import pytest

from console import crash
from console.exit import FAILED
from tests import ROOT
from tests.support.terminal import Terminal

PLANT = """
import sys
from screens.widgets import line

def broken(self, y):
    raise ValueError("not enough values [bold]to unpack")

{plant}
from console.__main__ import main
sys.exit(main())
"""
WIDGET = "line.Lines.render_line = broken"
BACKGROUND = """
from screens.bench.screen import BenchScreen
async def breaks():
    broken(None, 0)
BenchScreen._tick = lambda self: self.desk.spawn(breaks())
"""


@pytest.mark.parametrize("plant", [WIDGET, BACKGROUND], ids=["widget", "task"])
def test_an_exception_on_a_screen_ends_the_console_with_a_sentence(tmp_path: Path, plant: str) -> None:
    code = PLANT.format(plant=plant)
    terminal = Terminal([sys.executable, "-c", code, "demo"], env={"LAB_CONSOLE_HOME": str(tmp_path)}, cwd=ROOT)
    try:
        assert terminal.wait(30) == FAILED
        terminal.wait_until(lambda: b"lab-console attach" in bytes(terminal.raw), 5)
        said = bytes(terminal.raw).rpartition(b"\x1b[?1049l")
        assert said[1], "the terminal's own screen is shown again"
        assert b"Traceback" not in terminal.raw and b"\x1b[?25h" in terminal.raw
        words = " ".join(said[2].decode().split())
        assert "lab-console: the console failed: ValueError: not enough values [bold]to unpack (broken, line " in words
        assert termios.tcgetattr(terminal._fd)[3] & (termios.ECHO | termios.ICANON), "keys are echoed again"
    finally:
        terminal.close()
    kept = next(tmp_path.rglob(crash.FILE)).read_text("utf-8")
    assert "Traceback" in kept and "ValueError: not enough values" in kept


def test_an_exception_in_a_verb_is_a_sentence_too(tmp_path: Path) -> None:
    code = PLANT.format(
        plant="import console.commands.sessions as verb; verb.sessions = lambda options: broken(None, 0)"
    )
    command = [sys.executable, "-c", code, "--data-dir", str(tmp_path), "sessions"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == FAILED and "Traceback" not in done.stderr
    assert "lab-console: this failed: ValueError: not enough values" in done.stderr
    assert str(tmp_path / crash.FILE) in done.stderr and "broken" in (tmp_path / crash.FILE).read_text("utf-8")


def test_where_no_file_can_be_written_the_sentence_says_where_it_failed(tmp_path: Path) -> None:
    try:
        raise KeyError("joint\x1b[31m")
    except KeyError as error:
        said = crash.report(error, tmp_path / "missing", crash.CONSOLE)
    assert "KeyError: 'joint" in said and "\x1b" not in said
    assert (
        "test_where_no_file_can_be_written_the_sentence_says_where_it_failed, line " in said
        and "written to" not in said
    )


def test_a_text_that_is_no_utf_8_does_not_hide_what_failed(tmp_path: Path) -> None:
    said = crash.report(ValueError("task \udce9"), tmp_path, crash.VERB)
    assert "ValueError: task" in said and "udce9" in (tmp_path / crash.FILE).read_text("utf-8")
