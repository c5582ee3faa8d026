"""The terminal driver: Textual's own behaviour stays, stops go past it, a lost terminal ends the reading."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from console.terminal import ESCDELAY_MS, escape_time_warning, tmux_escape_time
from services.folders import RunFolder, new_session_id
from tests import ROOT
from tests.journeys.stop_probe import BLOCK_S
from tests.support.fake_worker import Worker
from tests.support.terminal import Terminal

pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")


class Probe:
    """The probe app on a bare terminal, started on demand so that its folder can be prepared."""

    def __init__(self, folder: Path) -> None:
        self.run = RunFolder(folder / new_session_id())
        self.run.root.mkdir()
        self.worker = Worker(self.run.socket)
        self.terminal: Terminal | None = None

    def start(self, *switches: str) -> Terminal:
        for switch in switches:
            (self.run.root / switch).touch()
        argv = [sys.executable, "-m", "tests.journeys.stop_probe", str(self.run.root)]
        self.terminal = Terminal(argv, cols=80, rows=24, cwd=ROOT)
        self.wait_for("ready", 30.0)
        time.sleep(0.3)
        self.worker.forget()
        return self.terminal

    def facts(self) -> list[tuple[str, float]]:
        path = self.run.root / "loop.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(name, float(at)) for name, at in (line.rsplit(" ", 1) for line in lines if " " in line)]

    def wait_for(self, fact: str, seconds: float = 10.0) -> float:
        """When the app noted this fact first."""
        assert self.terminal is not None
        self.terminal.wait_until(lambda: any(f == fact for f, _ in self.facts()), seconds, f"never {fact}")
        return next(at for f, at in self.facts() if f == fact)

    def close(self) -> None:
        if self.terminal is not None:
            self.terminal.kill()
            with suppress(ChildProcessError):
                os.waitpid(self.terminal.pid, 0)
            self.terminal.hang_up()
        self.worker.close()


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    made = Probe(tmp_path)
    yield made
    made.close()


def test_stops_arrive_at_once_and_textual_sees_the_same_keys(probe: Probe) -> None:
    terminal = probe.start()
    delays = []
    for _ in range(30):
        pressed = time.monotonic()
        terminal.write(b"x")
        arrived = probe.worker.stop_within(2.0)
        assert arrived is not None
        delays.append((arrived - pressed) * 1000)
        time.sleep(0.02)
    print(f"x to the worker's socket: median {statistics.median(delays):.2f}, max {max(delays):.2f} ms")
    assert statistics.median(delays) < 20
    terminal.write(b"k")
    probe.wait_for("k")
    assert sum(fact == "x" for fact, _ in probe.facts()) == 30
    pressed = time.monotonic()
    terminal.write(b"\x1b")
    assert probe.wait_for("escape") - pressed < 0.2
    terminal.write(b"\x1b[A\x1bOP\xc3")
    terminal.write(b"\xa9")
    probe.wait_for("f1")
    probe.wait_for("é")
    assert "up" in dict(probe.facts())


def test_added_stop_keys_go_past_a_blocked_loop(probe: Probe) -> None:
    keys = {"f12": b"\x1b[24~", "k": b"k"}
    terminal = probe.start(*keys)
    terminal.write(b"b")
    blocked = probe.wait_for("b")
    for sent in keys.values():
        took = []
        for _ in range(5):
            pressed = time.monotonic()
            terminal.write(sent)
            arrived = probe.worker.stop_within(1.0)
            assert arrived is not None
            took.append(arrived - pressed)
        assert sorted(took)[2] < 0.1, took
    assert time.monotonic() - blocked < BLOCK_S, "the loop was free again"
    probe.wait_for("free")
    for key in keys:
        probe.wait_for(key)


def test_without_a_keymap_the_same_keys_stop_nothing(probe: Probe) -> None:
    terminal = probe.start()
    terminal.write(b"\x1b[24~k")
    probe.wait_for("k")
    assert probe.worker.stop_within(0.2) is None


def test_garbage_from_the_terminal_ends_neither_the_app_nor_the_stop_key(probe: Probe) -> None:
    terminal = probe.start()
    terminal.write(b"\xff\xfe\x1b[99999999999u\x1b[4294967295;1;99999999999u\x80")
    time.sleep(0.2)
    probe.worker.forget()
    terminal.write(b"x")
    assert probe.worker.stop_within(2.0) is not None
    terminal.write(b"k")
    probe.wait_for("k")


def test_the_stop_key_works_after_the_app_was_suspended(probe: Probe) -> None:
    terminal = probe.start()
    terminal.write(b"z")
    probe.wait_for("resumed")
    time.sleep(0.2)
    terminal.write(b"x")
    assert probe.worker.stop_within(2.0) is not None
    terminal.write(b"k")
    probe.wait_for("k")


def test_the_app_leaves_cleanly(probe: Probe) -> None:
    terminal = probe.start()
    pressed = time.monotonic()
    terminal.write(b"q")
    assert probe.wait_for("left") - pressed < 2.0
    assert terminal.wait() == 0
    assert b"Traceback" not in terminal.raw
    farewell = bytes(terminal.raw[-200:])
    assert all(word in farewell for word in (b"\x1b[<u", b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1006l"))


def hang_up(terminal: Terminal) -> None:
    """Close the other side of the terminal. A read in progress keeps it open: make the app paint once more."""
    terminal.write(b"m")
    terminal.hang_up()


def test_a_lost_terminal_is_told_to_the_app_which_may_leave(probe: Probe) -> None:
    terminal = probe.start("deaf")
    hang_up(terminal)
    lost = probe.wait_for("lost")
    assert probe.wait_for("left") - lost < 2.0
    assert terminal.wait() == 0
    assert sum(fact == "lost" for fact, _ in probe.facts()) == 1


def test_stopping_and_continuing_the_process_leaves_one_reader(probe: Probe) -> None:
    terminal = probe.start()
    terminal.kill(signal.SIGSTOP)
    terminal.kill(signal.SIGCONT)
    for _ in range(20):
        terminal.write(b"\x1b")
        terminal.write(b"[A")
    terminal.write(b"k")
    probe.wait_for("k")
    assert sum(fact == "up" for fact, _ in probe.facts()) == 20
    assert probe.worker.stop_within(0.1) is None
    threads = psutil.Process(terminal.pid).num_threads()
    assert threads == 4, "main, input, output and the stop line's watcher"


def test_an_app_that_goes_on_without_its_terminal_does_not_spin(probe: Probe) -> None:
    terminal = probe.start("deaf", "stay")
    process = psutil.Process(terminal.pid)
    hang_up(terminal)
    probe.wait_for("lost")
    before = process.cpu_times()
    time.sleep(1.0)
    after = process.cpu_times()
    assert (after.user + after.system) - (before.user + before.system) < 0.3


def test_textual_waits_only_briefly_after_esc() -> None:
    code = (
        "from console.terminal import prepare_terminal; prepare_terminal(); "
        "import textual.constants; print(textual.constants.ESCAPE_DELAY)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "ESCDELAY": "1000"},
    )  # fmt: skip
    assert float(told.stdout) * 1000 == ESCDELAY_MS


@pytest.mark.parametrize("script", ["echo 500", "echo 20", "echo no; exit 1", "echo what", "exec sleep 5"])
def test_tmux_is_asked_for_its_escape_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    tmux = tmp_path / "tmux"
    tmux.write_text(f'#!/bin/sh\n[ "$*" = "show-options -sv escape-time" ] || exit 2\n{script}\n')
    tmux.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    asked = time.monotonic()
    assert tmux_escape_time() == {"echo 500": 500, "echo 20": 20}.get(script)
    assert time.monotonic() - asked < 2.0


def test_outside_tmux_or_without_it_there_is_no_escape_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("TMUX", raising=False)
    assert tmux_escape_time() is None
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    assert tmux_escape_time() is None


def test_a_long_escape_time_is_told_with_its_remedy() -> None:
    warning = escape_time_warning(500)
    assert warning is not None
    assert "500 ms" in warning
    assert "tmux set -s escape-time 20" in warning
    assert escape_time_warning(50) is None
    assert escape_time_warning(None) is None
