"""The speed panel: where a step's time goes, what would make it shorter, what the machine is busy with."""

from __future__ import annotations

from typing import Any

from screens.views.shown_run import ShownRun
from screens.views.training_panels import data, speed
from services.live import events as ev
from services.live.snapshots import replay
from sessions.left_out import ABOUT_BEST, LeftOut, Why
from sessions.machine import Hardware, MachineLoad

H100 = Hardware(processor="Xeon", cores=16, memory=128_000_000_000, gpu="NVIDIA H100", gpu_memory=80_000_000_000)
BUSY = MachineLoad(
    cpu=0.63, memory_used=31_000_000_000, memory=128_000_000_000, disk_free=60_000_000_000, gpu=0.87,
    gpu_memory_used=21_000_000_000, gpu_memory=80_000_000_000, gpu_celsius=61.0, gpu_watts=412.4,
)  # fmt: skip
LATE = {
    "update_s": 0.75, "dataloading_s": 0.95, "item_s": 0.06, "item_cpu_s": 0.058, "decode_s": 0.05, "decodes": 2.0,
    "cpu_load": 0.99,
}  # fmt: skip


def shown(
    metrics: dict[str, float], machine: MachineLoad | None = None, *, width: int = 40, live: bool = True
) -> list[str]:
    config = {"batch_size": 64, "num_workers": 4}
    started: dict[str, Any] = {
        "policy": "act", "output_dir": "/lab/act", "steps": 100, "batch_size": 64, "device": "cuda", "parameters": 1,
        "episodes": (0,), "episodes_total": 1, "frames": 10, "config": config, "hardware": H100,
    }  # fmt: skip
    events = [ev.TrainingStarted(**started), ev.TrainingProgressed(step=10, metrics=metrics, machine=machine)]
    return [" ".join(str(row).split()) for row in speed(ShownRun(snapshot=replay(events), live=live), width)]


def test_late_data_is_named_with_what_to_change_in_four_rows() -> None:
    rows = shown(LATE)
    said = " ".join(rows[3:7])
    assert rows[:3] == ["step 1.70 s", "update 0.75 s", "loading data 56 % · 0.95 s"]
    assert said.startswith("⚠ data is the bottleneck · try a camera less (a step about") and "without a break" in said


def test_an_update_that_takes_longest_is_one_quiet_row() -> None:
    rows = shown({"update_s": 1.0, "dataloading_s": 0.01})
    assert rows[3] == "the update is the bottleneck" and not any("⚠" in row for row in rows)


def test_what_the_machine_is_busy_with_is_shown_while_it_trains() -> None:
    rows = shown(LATE, BUSY)
    assert {"GPU 87 % · 61 °C · 412 W", "GPU memory in use 21 GB of 80 GB", "CPU 63 % of 16 cores"} <= set(rows)
    assert {"memory 31 GB of 128 GB", "disk 60 GB free"} <= set(rows)
    assert not any("CPU" in row for row in shown(LATE, BUSY, live=False))
    none = MachineLoad(cpu=0.1, memory_used=1_000_000_000, memory=2_000_000_000)
    assert [row for row in shown(LATE, none) if row.startswith(("GPU", "disk"))] == []


def test_that_loss_ranks_no_policies_is_said_whole_in_any_width() -> None:
    config: dict[str, Any] = {
        "policy": "act", "output_dir": "/lab/act", "steps": 100, "batch_size": 64, "device": "cpu", "parameters": 1,
        "episodes": (0,), "episodes_total": 2, "frames": 10, "left_out": (LeftOut(why=Why.HELD_OUT, episodes=(1,)),),
    }  # fmt: skip
    shown = ShownRun(snapshot=replay([ev.TrainingStarted(**config)]))
    for width in range(16, 50):
        rows = data(shown, width, 0.0)
        assert ABOUT_BEST in " ".join(" ".join(str(row).split()) for row in rows), width
        assert max(row.cell_length for row in rows) <= width


def test_no_width_makes_a_row_too_long() -> None:
    for width in range(12, 80):
        assert shown(LATE, BUSY, width=width)
