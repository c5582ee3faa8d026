"""The recording console in real time: control loop, saving, stop, screen.

    uv run python -m tests.bench.bench_record [--seconds 20] [--stops 20]

One run measures, on the simulated bench with two 640x480 cameras and streaming h264: the control loop's period
under the console while takes are recorded and saved, against an empty loop with the same pacing and against LeRobot's
own record_loop with the same robot, leader and dataset settings; the time from the end-of-take key to the durable
acknowledgement; the time from the stop byte to the hold command at the robot; the bytes per second that the Record
screen writes to a 120x40 terminal, and the console's share of a core; the first paint against a bare Textual app.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from services.folders import RunFolder
from services.live import events as ev
from services.live.event_log import is_live, read_events
from services.live.phases import Phase
from tests.support.demo_desk import DemoDesk
from tests.support.terminal import Terminal

PERIOD_MS = 1000 / 30


def percentiles(values: list[float]) -> str:
    """p50, p99 and largest, in ms."""
    v = np.array(values)
    return f"p50 {np.percentile(v, 50):6.2f}  p99 {np.percentile(v, 99):6.2f}  max {v.max():6.2f} ms  (n={len(v)})"


def errors(stamps_ns: list[int]) -> list[float]:
    """|period - 33.33 ms| between successive stamps."""
    return [abs(d / 1e6 - PERIOD_MS) for d in np.diff(np.array(sorted(set(stamps_ns)), dtype=np.int64))]


def missed(stamps_ns: list[int]) -> int:
    """How many of the intervals skip one or more periods."""
    return int(sum(e > PERIOD_MS * 0.5 for e in errors(stamps_ns)))


BARE_LOOP = """
import sys, threading, time
from services.workers.arm.pacing import Pacer
sys.setswitchinterval(0.0005)
pacer, wake, stamps = Pacer(30), threading.Event(), []
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    pacer.wait(wake)
    stamps.append(time.monotonic_ns())
print(*stamps)
"""


def bare_loop(seconds: float) -> list[int]:
    """The same pacing with nothing to do."""
    done = subprocess.run([sys.executable, "-c", BARE_LOOP, str(seconds)], capture_output=True, text=True, check=True)
    return [int(s) for s in done.stdout.split()]


STOCK_LOOP = """
import sys, time
from pathlib import Path
from services.workers.process.environment import load_libusb, prepare
prepare(Path(sys.argv[1]))
load_libusb()
from services.bench.profiles import load_benches
from services.sim import bench as simulated
from services.workers.arm.devices import connect
from lerobot.configs import RGBEncoderConfig
from lerobot.datasets import LeRobotDataset
from lerobot.processor import make_default_processors
from lerobot.scripts.lerobot_record import record_loop
from lerobot.utils.constants import ACTION, OBS_STR
from lerobot.utils.feature_utils import combine_feature_dicts, hw_to_dataset_features
profile = load_benches(built_in=True).pick("sim")
simulated.prepare(Path(sys.argv[1]), dict(profile.sim), lockstep=False, fps=30)
devices = connect(profile, arm_only=False, progress=lambda text: None)
robot, teleop = devices.robot, devices.teleop
features = combine_feature_dicts(hw_to_dataset_features(robot.observation_features, OBS_STR),
                                 hw_to_dataset_features(robot.action_features, ACTION))
dataset = LeRobotDataset.create("stock", 30, features, root=Path(sys.argv[1]) / "stock", robot_type=robot.name,
    use_videos=True, streaming_encoding=True, encoder_threads=1, video_backend="pyav",
    rgb_encoder=RGBEncoderConfig(vcodec="h264", preset="ultrafast"))
teleop_p, action_p, observation_p = make_default_processors()
for device in devices.all():
    if hasattr(device, "take_started"):
        device.take_started(1)
stamps, observe = [], robot.get_observation
def stamped():
    stamps.append(time.monotonic_ns())
    return observe()
robot.get_observation = stamped
record_loop(robot=robot, events={"exit_early": False}, fps=30, teleop_action_processor=teleop_p,
    robot_action_processor=action_p, robot_observation_processor=observation_p, dataset=dataset, teleop=teleop,
    control_time_s=float(sys.argv[2]), single_task="pick")
print(*stamps, file=sys.stdout, flush=True)
dataset.save_episode()
dataset.finalize()
robot.disconnect()
"""


def stock_loop(root: Path, seconds: float) -> list[int]:
    """LeRobot's own record_loop on the same simulated bench."""
    done = subprocess.run([sys.executable, "-c", STOCK_LOOP, str(root), str(seconds)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    line = max(done.stdout.splitlines(), key=len)
    return [int(s) for s in line.split()]


def under_the_console(demo: DemoDesk, screen: Terminal, run: RunFolder, seconds: float) -> dict[str, list[Any]]:
    """Record takes for `seconds`, each ended by a key, with previews on; stamps, acknowledgement times, bytes."""
    acks: list[float] = []
    began_ns, ui = time.monotonic_ns(), psutil.Process(screen.pid)
    cpu, drained, began = sum(ui.cpu_times()[:2]), screen.bytes, time.monotonic()
    while time.monotonic() - began < seconds:
        take = demo.start_take(screen, run)
        time.sleep(6.0)
        pressed = time.time()
        screen.press("space")
        demo.saved(screen, run, take)
        saved = next(e for e in reversed(read_events(run.events)) if isinstance(e, ev.EpisodeSaved))
        acks.append(1000 * (saved.at - pressed))
    elapsed = time.monotonic() - began
    share = 100 * (sum(ui.cpu_times()[:2]) - cpu) / elapsed
    rate = (screen.bytes - drained) / elapsed / 1000
    return {"window": [began_ns, time.monotonic_ns()], "acks": acks, "rate": [rate], "share": [share]}


def traced(demo: DemoDesk, screen: Terminal, run: RunFolder, start: int, end: int) -> list[int]:
    """The starts of the control periods between `start` and `end`; ends the session, which writes them."""
    screen.press("F")
    screen.wait_until(lambda: not is_live(run), 40)
    return [at for at in map(int, (run.root / "trace.txt").read_text().split()) if start <= at <= end]


def stops(demo: DemoDesk, screen: Terminal, run: RunFolder, count: int) -> list[float]:
    """Milliseconds from the stop byte at the terminal to the hold command at the robot, while the arm follows."""
    world, taken = demo.world(), []
    for number in range(count):
        screen.wait_until(lambda: demo.state(run).phase.following, 30)
        time.sleep(1.0 + 0.007 * number)
        at = time.monotonic_ns()
        screen.write(b"x" if number % 2 else b"\x1b")
        screen.wait_until(lambda: demo.state(run).phase is Phase.HELD, 5)
        time.sleep(0.3)
        log = world.goal_log(200)
        held = log[-1].goals
        first = next(r.received_ns for r in log if r.received_ns > at and np.allclose(r.goals, held, atol=1e-6))
        taken.append((first - at) / 1e6)
        time.sleep(1.2)
        screen.press("p")
    return taken


BARE_APP = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("bare app painted")
Bare().run()
"""


def first_paint(argv: list[str], text: str, env: dict[str, str]) -> float:
    """Seconds from the start of the process to `text` on the screen."""
    began = time.monotonic()
    terminal = Terminal(argv, cols=120, rows=40, env=env)
    terminal.wait_for(text, 30)
    taken = time.monotonic() - began
    terminal.close()
    return taken


def paint_ratio(home: Path, times: int = 5) -> tuple[float, float]:
    """Median first paint of the console and of a bare app, run in turn."""
    env = {"LAB_CONSOLE_HOME": str(home / "paint")}
    ours, bare = [], []
    for _ in range(times + 1):
        bare.append(first_paint([sys.executable, "-c", BARE_APP], "bare app painted", env))
        ours.append(first_paint(["lab-console", "demo"], "lab console", env))
    return statistics.median(ours[1:]), statistics.median(bare[1:])


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--stops", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        (root / "home").mkdir()
        ours, bare = paint_ratio(root)
        print(f"first paint          console {ours:.2f} s, bare app {bare:.2f} s, ratio {ours / bare:.2f} (target 1.3)")
        empty = bare_loop(options.seconds)
        print(f"period error, bare   {percentiles(errors(empty))}, missed {missed(empty)}")
        stock = stock_loop(root / "stock", options.seconds)
        print(f"period error, stock  {percentiles(errors(stock))}, missed {missed(stock)}")
        demo = DemoDesk(root / "home")
        try:
            os.environ["LAB_CONSOLE_TRACE"] = "1"
            screen = demo.open("--data-dir", str(demo.folder.root), "--bench", "sim")  # LeRobot's loop had it, too
            run = demo.start_recording(screen, dataset="bench", episodes="90", seconds="8")
            demo.follow(screen, run)
            got = under_the_console(demo, screen, run, options.seconds)
            taken = stops(demo, screen, run, options.stops)
            ours_ns = traced(demo, screen, run, *got["window"])
            print(f"period error, ours   {percentiles(errors(ours_ns))}, missed {missed(ours_ns)}")
            more = np.percentile(errors(ours_ns), 99) - np.percentile(errors(empty), 99)
            print(f"                     p99 {more:+.2f} ms against bare (target 2)")
            print(f"key to durable ack   {percentiles(got['acks'])} (target 300)")
            rate, share = got["rate"][0], got["share"][0]
            print(f"record screen        {rate:.1f} kB/s (target 65), UI {share:.1f} % of a core (target 15)")
            print(f"stop byte to hold    {percentiles(taken)} (target p99 {PERIOD_MS + 5:.1f})")
        finally:
            demo.close()


if __name__ == "__main__":
    main()
