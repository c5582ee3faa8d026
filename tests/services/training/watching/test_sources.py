"""What is watched besides a log that lies still: files that grow, pipes, event files, W&B's files, output folders."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import msgspec
import pytest

from console.commands.watch import run_of
from screens.views.watched import parts
from services.folders import DataFolder
from services.live import events as ev
from services.live.event_log import EventLog
from services.live.metrics import encode_point, encode_resumed
from services.live.requests import write_request
from services.refusal import Refusal
from services.training.watching.event_files import EventFiles, masked_crc, scalars_of
from services.training.watching.log_file import LogFile, Pipe
from services.training.watching.output_folder import OutputFolder
from services.training.watching.points import End, LoggedRun
from services.training.watching.source import Source, open_source
from services.training.watching.watched_run import standing
from sessions.models import SessionStatus
from tests.services.training.watching.logs import head, line, log, message
from tests.support.fake_desk import empty_folder
from tests.support.fake_training import train_request
from tests.support.past_trainings import past_training


def read(source: Source) -> list[list[int]]:
    while source.read():
        pass
    source.finish()
    return [list(run.points.steps) for run in source.runs]


# -- logs that grow -----------------------------------------------------------------------------------


def test_a_log_is_followed_through_growth_truncation_and_rotation(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    whole = head() + log(range(200, 1001, 200))
    path.write_text(whole[:-30])
    source = LogFile(path)
    assert source.read()
    assert source.runs[0].points.steps == [200, 400, 600, 800]
    with path.open("a") as file:
        file.write(whole[-30:])
    source.read()
    assert source.runs[0].points.steps[-1] == 1000
    path.write_text(log([1200]))  # cut and written on: copytruncate
    source.read()
    assert source.runs[0].points.steps[-1] == 1200
    with path.open("a") as file:
        file.write(line(3, message(1400)))
    path.rename(tmp_path / "train.log.1")
    path.write_text(line(4, message(1600)))
    source.read()
    assert source.runs[0].points.steps == list(range(200, 1601, 200)), "what was written before the rotation as well"
    path.unlink()
    assert not source.read()
    path.write_text(head() + log([200, 400]))
    source.read()
    assert [list(run.points.steps) for run in source.runs] == [list(range(200, 1601, 200)), [200, 400]]
    source.close()


def test_a_pipe_is_read_as_it_comes_and_over_at_its_end() -> None:
    there, here = os.pipe()
    source = Pipe(there)
    assert not source.read()
    os.write(here, log([200, 400]).encode())
    assert source.read()
    assert source.runs[0].points.steps == [200, 400]
    assert not source.over
    os.write(here, line(9, message(600)).rstrip().encode())
    os.close(here)
    source.read()
    source.read()
    assert source.over
    assert source.runs[0].points.steps == [200, 400, 600]
    source.close()


def test_what_cannot_be_watched_is_refused_with_the_reason(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "home")
    (tmp_path / "empty.log").touch()
    (tmp_path / "garbage").write_bytes(bytes(range(256)) * 64)
    (tmp_path / "nothing").mkdir()
    for name, why in (
        ("gone.log", "nothing is there to watch"), ("empty.log", "nothing was logged yet"), ("garbage", "not text"),
        ("nothing", "holds nothing to watch"),
    ):  # fmt: skip
        with pytest.raises(Refusal, match=why):
            open_source(folder, str(tmp_path / name))
    awaited = open_source(folder, str(tmp_path / "gone.log"), wait=True)
    assert not awaited.read()
    (tmp_path / "gone.log").write_text(log([200]))
    assert read(awaited) == [[200]]
    assert read(open_source(folder, str(tmp_path / "nothing"), wait=True)) == []


# -- TensorBoard --------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes((number & 127 | 128,)), number >> 7
    return out + bytes((number,))


def field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def scalar(tag: str, value: float, *, tensor: str = "") -> bytes:
    if tensor == "float_val":
        content = varint(1 << 3) + b"\x01" + field(5, struct.pack("<f", value))
    else:
        content = varint(1 << 3) + b"\x01" + field(4, struct.pack("<f", value))
    held = field(8, content) if tensor else varint(2 << 3 | 5) + struct.pack("<f", value)
    return field(1, field(1, tag.encode()) + held)


def event(step: int, *values: bytes) -> bytes:
    data = varint(1 << 3 | 1) + struct.pack("<d", 1.7e9 + step) + varint(2 << 3) + varint(step)
    return data + field(5, b"".join(values))


def record(data: bytes) -> bytes:
    size = struct.pack("<Q", len(data))
    return size + struct.pack("<I", masked_crc(size)) + data + struct.pack("<I", masked_crc(data))


def test_masked_crc_is_the_one_of_tfrecord() -> None:
    """CRC-32C of 32 zero bytes is 8a9136aa (RFC 3720, B.4)."""
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def test_event_files_are_read_as_they_grow_and_damage_costs_its_own_record_only(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1700000000.box.1.0"
    records = [
        record(event(step, scalar("train/loss", 1 / step), scalar("train/lr", 1e-4, tensor="content")))
        + record(event(step, scalar("train/grad_norm", 2.0, tensor="float_val")))
        for step in (10, 20, 30, 40)
    ]
    damaged = bytearray(records[2])
    damaged[14] ^= 0xFF
    data = record(b"\x1a\x0dbrain.Event:2") + records[0] + records[1] + bytes(damaged) + records[3]
    path.write_bytes(data[: len(data) - 9])
    source = EventFiles([path])
    source.read()
    path.write_bytes(data)
    assert source.read() and source.runs[0].points.steps == [10, 20, 30], "more of step 40 may come"
    assert source.read() and source.runs[0].points.steps == [10, 20, 30, 40], "a screen draws what came by waiting"
    assert not source.read()
    assert read(source) == [[10, 20, 30, 40]]
    points = source.runs[0].points
    assert points[0].metrics == pytest.approx({"loss": 0.1, "lr": 1e-4, "grad_norm": 2.0})
    assert points[2].metrics == pytest.approx({"grad_norm": 2.0})
    assert points.at[0] == 1.7e9 + 10
    assert source.damaged
    path.write_bytes(data + b"\xff" * 64)
    assert read(source) == [[10, 20, 30, 40]]


def test_events_that_are_no_scalars_are_left_out() -> None:
    assert not list(scalars_of(event(5, field(1, field(1, b"hist") + field(5, b"\x01\x02")))))
    assert not list(scalars_of(event(2**63, scalar("loss", 1.0))))


# -- output folders -----------------------------------------------------------------------------------


def checkpoint(root: Path, step: int) -> None:
    place = root / "checkpoints" / f"{step:06}" / "pretrained_model"
    place.mkdir(parents=True)
    (place / "model.safetensors").write_bytes(bytes(100))
    config = {"policy": {"type": "act"}, "dataset": {"repo_id": "lab/cubes"}, "steps": 2000, "batch_size": 8}
    (place / "train_config.json").write_bytes(msgspec.json.encode(config))


def test_an_output_folder_is_its_checkpoints_its_configuration_and_its_log(tmp_path: Path) -> None:
    root = tmp_path / "outputs" / "act_cubes"
    checkpoint(root, 1000)
    source = OutputFolder(root)
    read(source)
    (run,) = source.runs
    assert [(one.step, one.bytes > 100) for one in run.saved] == [(1000, True)]
    assert (run.facts.policy, run.facts.dataset, run.facts.steps) == ("act", "lab/cubes", 2000)
    (root / "logs").mkdir()
    (root / "logs" / "train.log").write_text(log(range(200, 2001, 200)))
    checkpoint(root, 2000)
    assert read(source) == [list(range(200, 2001, 200))]
    assert [one.step for one in source.runs[0].saved] == [1000, 2000]
    assert source.runs[0].facts.policy == "act"


def test_a_file_of_wandb_that_holds_no_block_yet_is_watched_and_said_to_come_late(tmp_path: Path) -> None:
    """wandb 0.31 writes seven bytes at once, and then 32 kB at a time."""
    file = tmp_path / "wandb" / "offline-run-20261127_130949-mmke2gbo" / "run-mmke2gbo.wandb"
    file.parent.mkdir(parents=True)
    file.write_bytes(b":W&B\x01\x05\x00")
    source = open_source(empty_folder(tmp_path), str(tmp_path / "wandb"))
    assert read(source) == []
    how = standing(source, LoggedRun(1))
    assert not how.over, "it is not cut off before it began"
    assert "W&B writes its file in blocks of 32 kB" in [part.text.partition(":")[0] for part in parts(how, now=1e12)]


# -- trainings of ours --------------------------------------------------------------------------------


def test_a_training_of_ours_is_watched_by_its_id_its_files_and_its_output_folder(tmp_path: Path) -> None:
    folder = empty_folder(tmp_path / "lab")
    past_training(folder, "20260201-010000-aaaa", name="older", points=10, steps=100)
    run = past_training(folder, "20260202-010000-bbbb", name="act_v1", points=20, steps=200)
    output = folder.trainings / "act_v1"
    (output / "checkpoints").mkdir(parents=True)
    for path in ("last", "20260202", "act_v1", str(run.root), str(run.metrics), str(output)):
        source = open_source(folder, path)
        assert read(source) == [list(range(10, 201, 10))], path
        (found,) = source.runs
        assert (source.over, found.end, found.facts.policy, found.facts.steps) == (True, End.FINISHED, "act", 200)
        assert found.points[0].metrics["update_s"] == 1.19
        place = run_of(folder, source)
        assert place is not None and place.root == run.root, "the screen shows it as the session that it is"
    assert run_of(DataFolder(tmp_path / "other"), source) is None
    with pytest.raises(Refusal, match="nothing is there"):
        open_source(folder, "2026020")


def test_a_live_training_of_ours_is_followed_to_its_end_and_over_its_resumption(tmp_path: Path) -> None:
    folder = empty_folder(tmp_path / "lab")
    run = folder.run("20260203-010000-cccc")
    run.root.mkdir(parents=True)
    request = train_request(folder, name="live")
    write_request(run, request)
    started = ev.TrainingStarted(
        at=1.0, policy="act", output_dir=str(folder.trainings / "live"), steps=500, batch_size=8, device="cpu",
        parameters=9, episodes=(), episodes_total=0, frames=80,
    )  # fmt: skip
    with EventLog(run) as events:
        events.append(ev.SessionStarted(id=run.id, pid=1, host="lab1", request=request, at=1.0), sync=False)
        events.append(started, sync=False)
        source = open_source(folder, run.id)
        assert not source.read() and not source.over
        with run.metrics.open("ab") as file:
            file.write(point(10) + point(20)[:30])
        assert source.read() and source.runs[0].points.steps == [10]
        with run.metrics.open("ab") as file:
            file.write(point(20)[30:] + point(30) + encode_resumed(step=35, at=50.0) + point(30) + point(40))
        source.read()
        assert source.runs[0].points.steps == [10, 20, 30, 40]
        assert "resumed" not in source.runs[0].points.logged
        assert not source.over and source.runs[0].end is End.NONE
        events.append(ev.SessionEnded(at=60.0, status=SessionStatus.CRASHED, reason="out of memory"), sync=False)
    source.read()
    assert source.over
    assert (source.runs[0].end, source.runs[0].failure) == (End.FAILED, "out of memory")


def point(step: int) -> bytes:
    return encode_point(step=step, at=float(step), samples=8 * step, epochs=step / 10, metrics={"loss": 1 / step})
