"""What every test has: no hub, folders of its own, and no process left behind."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_home = tempfile.TemporaryDirectory(prefix="lab-console-tests-")
os.environ["HF_HOME"] = str(Path(_home.name) / "huggingface")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["XDG_CONFIG_HOME"] = str(Path(_home.name) / "config")
os.environ["XDG_DATA_HOME"] = str(Path(_home.name) / "data")
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its threads starve beside a main thread of real-time priority, see below
os.environ["LAB_CONSOLE_SIM_IDLE_S"] = "20"
os.environ["LAB_CONSOLE_WARM"] = "0"  # but for the tests of it: it takes a core for ten seconds
os.environ.pop("LAB_CONSOLE_HOME", None)
# A hundred consoles start in these tests: each would compile all of it again, which takes 0.25 s of a core.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

import services.live.launch  # noqa: E402
import services.training.preparation  # noqa: E402
from tests.support.rig import Rig  # noqa: E402
from tests.support.zygote import Zygote  # noqa: E402


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A data folder with real workers and a real simulated bench; everything it started is gone afterwards."""
    made = Rig(tmp_path / "lab")
    yield made
    made.close()


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """A process with LeRobot loaded, to fork workers from."""
    made = Zygote()
    yield made
    made.close()


@pytest.fixture
def quick_rig(rig: Rig, zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A rig whose workers start in a moment, those of its console, too."""
    monkeypatch.setattr(services.live.launch, "spawn", zygote.spawn)
    monkeypatch.setattr(services.training.preparation, "start", zygote.prepare)
    rig.console = zygote.console
    return rig


WORKERS = "services/workers"
WITH_REAL_WORKERS = (
    "journeys/",
    *(f"{WORKERS}/{room}/" for room in ("arm", "process", "recording", "evaluation", "inference", "training")),
    f"{WORKERS}/test_warm.py",
    "services/targets/",
    "test_campaign.py",
)
WITH_SERIAL_PORTS = (
    "journeys/test_calibration.py", "journeys/test_servo_bench.py", "lerobot_seams/test_serial_bus.py",
    "services/sim/servos/", "services/sim/test_servo_arms.py",
    *(f"{WORKERS}/arm/test_{file}.py" for file in (
        "absent_cameras", "bus_faults", "calibration_check", "camera_return", "hands_off", "packets", "readings",
        "refused_devices", "remedies", "swapped", "torque", "two_arms", "wires",
    )),
)  # fmt: skip
"""One process has all of them: a pseudo-terminal's number is given out again, and answers have 50 ms."""
SLOW = (
    "journeys/", "lerobot_seams/", "test_phases.py", "test_campaign.py", "services/datasets/test_episode_view.py",
    "services/targets/", "console/test_stop_key_driver.py", "console/test_early_leave.py", "console/test_crash.py",
    "services/sim/test_world.py", "services/sim/test_demonstrations.py", "services/sim/servos/",
    "services/sim/test_servo_arms.py", "services/sim/test_streams.py",
    *(f"{WORKERS}/{room}/" for room in ("recording", "evaluation", "inference", "dataset")),
    *(f"{WORKERS}/{file}" for file in (
        "arm/test_absent_cameras.py", "arm/test_bench_session.py", "arm/test_camera_return.py", "arm/test_torque.py",
        "arm/test_bus_faults.py", "arm/test_calibration_check.py", "arm/test_packets.py", "arm/test_refused_devices.py",
        "arm/test_remedies.py", "arm/test_swapped.py", "arm/test_two_arms.py", "arm/test_wires.py",
        "training/test_foreign_datasets.py", "training/test_supervisor.py",
        "training/test_normalization.py", "test_warm.py",
    )),
)  # fmt: skip
"""Real workers, training, pseudo-terminals, and whatever imports LeRobot: `-m "not slow"` leaves them out."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two test processes: each file with real workers goes to one of them: what its tests share is made once."""
    for item in items:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        if path.startswith(WITH_SERIAL_PORTS):
            item.add_marker(pytest.mark.xdist_group("serial ports"))
        elif path.startswith(WITH_REAL_WORKERS):
            item.add_marker(pytest.mark.xdist_group(path))
        if path.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """LeRobot and 200 test files stay: a collection that searches them takes 500 ms, and each console causes some."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure() -> None:
    """pytest collects five times before it ends."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _usual_priority() -> Iterator[None]:
    """SVT-AV1 gives the thread that encodes real-time priority where root runs it, and all that is started later."""
    yield
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
