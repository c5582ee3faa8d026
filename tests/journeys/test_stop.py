"""Stop, with the real console, the real worker and the simulated arm: Esc and x always hold."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from services.folders import RunFolder
from services.live import events as ev
from services.live.event_log import read_events
from services.live.phases import Phase
from services.live.running import live_runs
from tests.support.demo_desk import DemoDesk
from tests.support.terminal import Terminal
from tests.support.zygote import Zygote

AFTER = [b" ", b"[", b"\x1bOR"]  # more of them: test_stop_tmux
F12 = b"\x1b[24~"
BLOCK_S = 1.8
DELAYS_MS = (0, 20, 80, 400, 600)


def held(demo: DemoDesk, screen: Terminal, run: RunFolder, what: str, seconds: float = 2.0) -> None:
    """The arm holds, and stays within 2 degrees while physics runs."""
    screen.wait_until(lambda: demo.state(run).phase is Phase.HELD, seconds, f"{what} does not hold")
    world = demo.world()
    pose = np.array(world.state().joints)
    time.sleep(0.4)
    state = world.state()
    assert state.torque, what
    assert np.abs(np.array(state.joints) - pose)[:5].max() < 2.0, what
    assert demo.state(run).phase is Phase.HELD, f"{what}: something made it go on"


def resume(demo: DemoDesk, screen: Terminal, run: RunFolder) -> None:
    """p, once the stop is old enough to be followed by a resume that is meant."""
    stopped = [event.at for event in read_events(run.events) if isinstance(event, ev.PhaseChanged)][-1]
    time.sleep(max(0.0, stopped + 1.3 - time.time()))
    screen.press("p")
    screen.wait_until(lambda: demo.state(run).phase.following, 30, "it does not resume")


@pytest.fixture
def tmux() -> Iterator[list[str]]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    server = ["tmux", "-L", f"lab{time.monotonic_ns()}", "-f", "/dev/null"]
    yield [*server, "new-session"]
    subprocess.run([*server, "kill-server"], capture_output=True, timeout=5)  # it would outlive its client


def test_esc_followed_by_any_key_holds_through_a_real_tmux_client(demo: DemoDesk, tmux: list[str]) -> None:
    screen = demo.open(wrap=tmux)
    run = demo.start_recording(screen, dataset="stops", episodes="9")
    demo.follow(screen, run)
    cases = [(key, DELAYS_MS[n % len(DELAYS_MS)]) for n, key in enumerate(AFTER)]
    for key, delay in cases:
        screen.write(b"\x1b")
        time.sleep(delay / 1000)
        if key:
            screen.write(key)
        held(demo, screen, run, f"Esc, {delay} ms, {key!r}")
        if key == b"\x1bOR":  # the console may show another screen now
            screen.press("F3")
        resume(demo, screen, run)
    for _ in range(20):
        screen.write(b"\x1b")
    held(demo, screen, run, "twenty Escs")
    assert demo.world().state().torque
    resume(demo, screen, run)
    screen.write(b"x")
    held(demo, screen, run, "x")


def test_a_stop_holds_while_the_event_loop_is_blocked_and_with_a_dialog_open(demo: DemoDesk, zygote: Zygote) -> None:
    demo.folder.root.mkdir(parents=True)
    (demo.folder.root / "lab.toml").write_text('[keymap]\n"stop" = "f12"\n', "utf-8")
    arguments = [
        sys.executable,
        "-m",
        "tests.journeys.blocked_console",
        str(demo.folder.root),
        str(BLOCK_S),
        zygote.orders,
    ]
    from tests import ROOT

    screen = Terminal(arguments, env={"PYTHONPATH": str(ROOT)}, cwd=demo.folder.root)
    demo.terminals.append(screen)
    run = demo.start_recording(screen, dataset="blocked", episodes="9")
    demo.follow(screen, run)
    for key in (b"x", b"\x1b", F12):
        screen.kill(signal.SIGUSR1)
        time.sleep(0.1)  # well inside those seconds, and before the heartbeat is missed
        began = time.monotonic()
        screen.write(key)
        screen.wait_until(lambda: demo.state(run).phase is Phase.HELD, 0.5, f"{key!r} waits for the loop")
        assert time.monotonic() - began < 0.6
        assert "stop" in demo.state(run).held or "key" in demo.state(run).held, demo.state(run).held
        time.sleep(BLOCK_S + 0.5)
        resume(demo, screen, run)
    screen.press("R")
    screen.wait_for("torque", 20)
    screen.write(F12)
    held(demo, screen, run, "F12 in a dialog")
    screen.write(b"\x1b")
    held(demo, screen, run, "Esc in a dialog")
    screen.wait_until(lambda: "Release the arm?" not in screen.text, 20, "Esc does not close it over an arm that holds")
    assert live_runs(demo.folder) == [run]
