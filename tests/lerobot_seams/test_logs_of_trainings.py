"""What `watch` relies on: how LeRobot writes its log lines, and how W&B writes its offline files."""

from __future__ import annotations

import inspect
from math import isnan
from pathlib import Path

from services.training.watching.console_log import ConsoleLog
from services.training.watching.points import End
from services.training.watching.rounding import range_of
from services.training.watching.wandb_files import WandbFiles


def test_lerobot_rounds_and_writes_its_numbers_as_they_are_read() -> None:
    from lerobot.utils.logging_utils import AverageMeter, MetricsTracker
    from lerobot.utils.utils import format_big_number

    for number in (0, 999, 1000, 1499, 1500, 2500, 999_500, 1_000_000, 123_456_789):
        low, high = range_of(format_big_number(number)) or (1, 0)
        assert low <= number <= high
    meters = {
        "loss": AverageMeter("loss", ":.3f"), "grad_norm": AverageMeter("grdn", ":.3f"),
        "lr": AverageMeter("lr", ":0.1e"), "update_s": AverageMeter("updt_s", ":.3f"),
        "dataloading_s": AverageMeter("data_s", ":.3f"), "samples_per_s": AverageMeter("smp/s", ":.0f"),
        "gpu_mem_gb": AverageMeter("mem_gb", ":.2f"),
    }  # fmt: skip
    tracker = MetricsTracker(64, 24_252, 81, meters, initial_step=2199)
    tracker.step()
    for name, value in zip(meters, (0.006, 0.12, 2.7e-5, 1.19, 0.55, 36, 18.25), strict=True):
        setattr(tracker, name, value)
    tracker.update_metrics({"l1_loss": 0.125})
    log = ConsoleLog()
    log.feed(f"INFO 2026-03-01 12:00:00 ot_train.py:641 {tracker}\n".encode())
    log.end()
    assert log.runs[0].points[0].metrics == {
        "loss": 0.006, "grad_norm": 0.12, "lr": 2.7e-5, "update_s": 1.19, "data_s": 0.55, "samples_per_s": 36.0,
        "gpu_mem_gb": 18.25, "l1_loss": 0.125,
    }  # fmt: skip


def test_what_a_policy_returns_besides_its_loss_is_logged_with_the_rest() -> None:
    from lerobot.scripts import lerobot_train
    from lerobot.utils.logging_utils import AverageMeter, MetricsTracker

    assert "train_metrics.update_metrics(output_dict)" in inspect.getsource(lerobot_train.update_policy)
    tracker = MetricsTracker(8, 100, 2, {"loss": AverageMeter("loss", ":.3f")})
    tracker.update_metrics({"l1_loss": 0.25, "loss": 9.0, "text": "no number"})
    logged = tracker.to_dict()
    assert logged["l1_loss"] == 0.25 and "text" not in logged and logged["loss"] != 9.0


def test_wandb_writes_its_offline_files_as_they_are_read(tmp_path: Path) -> None:
    from wandb.proto import wandb_internal_pb2 as pb
    from wandb.sdk.internal.datastore import DataStore

    path = tmp_path / "run-abc.wandb"
    store = DataStore()
    store.open_for_write(str(path))
    run = pb.Record()
    for key, text in (("batch_size", "8"), ("steps", "400"), ("policy", '{"type": "act"}')):
        run.run.config.update.add(key=key, value_json=text)
    store.write(run)
    for step in range(1, 401):
        record = pb.Record()
        record.history.step.num = step
        values = {"train/loss": "NaN" if step == 7 else str(1 / step), "train/dataloading_s": "0.5",
                  "train/samples": str(8 * step), "train/note": f'"{200 * "x"}"', "_timestamp": "17e8"}  # fmt: skip
        for name, text in values.items():
            record.history.item.add(nested_key=[name] if step % 2 else name.split("/"), value_json=text)
        store.write(record)
    left = pb.Record()
    left.exit.exit_code = 1
    store.write(left)
    store.close()
    assert path.stat().st_size > 3 * 32_768, "records are cut at the ends of blocks"
    data = path.read_bytes()
    path.write_bytes(data[:50_000])
    source = WandbFiles([path])
    while source.read():
        pass
    assert 100 < len(source.runs[0].points) < 400
    path.write_bytes(data)
    while source.read():
        pass
    (run_read,) = source.runs
    assert run_read.points.steps == list(range(1, 401))
    assert run_read.points[9].metrics == {"loss": 0.1, "data_s": 0.5}
    assert run_read.points[9].samples == 80
    assert isnan(run_read.points[6].metrics["loss"])
    assert (run_read.facts.policy, run_read.facts.steps, run_read.facts.batch_size) == ("act", 400, 8)
    assert (run_read.end, run_read.failure) == (End.FAILED, "it left with status 1")
    data = data[:40_000] + bytes(500) + data[40_500:]
    path.write_bytes(data)
    damaged = WandbFiles([path])
    while damaged.read():
        pass
    assert damaged.damaged
    assert damaged.runs[0].points.steps[-1] == 400
