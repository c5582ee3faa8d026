"""A log comes through a pipe, the keys from the terminal: `ssh box tail -F train.log | lab-console watch -`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import psutil

from services.folders import DataFolder
from services.log import logbook
from tests.services.training.watching.logs import head, line, log, message
from tests.support.terminal import Terminal


def test_a_piped_log_is_watched_with_the_keys_of_the_terminal_and_kept(tmp_path: Path) -> None:
    path, home = tmp_path / "train.log", tmp_path / "home"
    path.write_text(head(steps=2000) + log(range(200, 1001, 200), more=" l1_loss:0.25"))
    console = f"{shlex.quote(sys.executable)} -m console watch - --data-dir {shlex.quote(str(home))}"
    terminal = Terminal(["sh", "-c", f"tail -n +1 -f {shlex.quote(str(path))} | {console}"], cwd=tmp_path)
    try:
        terminal.wait_for("step 1,000 of 2,000", 60)
        assert "WATCHED" in terminal.text and "standard input" in terminal.text
        with path.open("a") as file:
            file.write(line(9, message(1200, more=" l1_loss:0.20")))
        terminal.wait_for("step 1,200", 60)
        terminal.press("P")
        terminal.wait_for("l1_loss")
        terminal.press("enter", "K")
        terminal.wait_for("kept as")
        (kept,) = logbook.sessions(DataFolder(home)).sessions
        assert kept.training is not None and kept.training.step == 1200
        terminal.press("q")
        terminal.wait_until(lambda: _over(terminal, path), 60, "the console does not leave")
        assert terminal.wait() == 0
    finally:
        terminal.close()


def _over(terminal: Terminal, path: Path) -> bool:
    """Whether all of the pipe has ended; `tail` notices that nobody reads any more when it has a line to write."""
    with path.open("a") as file:
        file.write("\n")
    return not psutil.pid_exists(terminal.pid) or psutil.Process(terminal.pid).status() == psutil.STATUS_ZOMBIE
