"""A dry run of LeRobot's own loop: what it finds is what the training then takes, and nothing is left of it."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from services.folders import DataFolder
from services.training.needs import (
    AnyFinding,
    CheckpointRoom,
    Decoding,
    Fails,
    Memory,
    NotMeasured,
    Pace,
    Pictures,
    PolicySize,
)
from services.training.preparation import Answered, Found, Prepare, Refused, Stage
from services.workers.training import dry_run, host_memory, meter
from services.workers.training.prepare import answers
from tests.support.foreign import hashes
from tests.support.trainings import make_dataset, plan

FIRST_STEP = 3
"""Number of the question, from 0, whether somebody waits that comes after the first step."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    made = DataFolder(tmp_path_factory.mktemp("dry")).create()
    make_dataset(made, "pictures", cameras=True, episodes=2, frames=12)
    return made


def findings(folder: DataFolder, *, dropped: Any = lambda: False, **options: Any) -> list[AnyFinding]:
    """Of the tiny ACT on these pictures, in this process."""
    asked = plan(folder, dataset="pictures", **options)
    replies = list(answers(Prepare(number=3, request=asked, stages=(Stage.NEEDS,)), dropped))
    assert replies[-1] == Answered(number=3) and not [reply for reply in replies if isinstance(reply, Refused)]
    return [reply.finding for reply in replies if isinstance(reply, Found)]


def of(kind: type, found: list[AnyFinding]) -> Any:
    (one,) = [finding for finding in found if isinstance(finding, kind)]
    return one


def test_what_is_found_follows_from_the_request_and_nothing_is_left_of_the_steps(folder: DataFolder) -> None:
    before = hashes(folder.root)
    found = findings(folder, batch_size=4, steps=3, save_freq=1, resize="48x36", exclude_cameras=["front"])
    assert [type(each) for each in found] == [PolicySize, Pictures, CheckpointRoom, Decoding, Memory, Pace]
    policy, (picture,) = of(PolicySize, found), of(Pictures, found).pictures
    assert (policy.policy, policy.device, policy.trainable) == ("act", "cpu", policy.parameters)
    assert (picture.camera, picture.size, picture.seen, picture.tokens) == ("wrist", (64, 48), (48, 36), 4)
    assert (of(Pictures, found).tokens, of(Pictures, found).others) == (4, 2)
    room = of(CheckpointRoom, found)
    assert room.count == 3 and room.each == pytest.approx(12 * policy.parameters, rel=0.01), "weights, two moments"
    decoding = of(Decoding, found)
    assert decoding.decoder in ("pyav", "torchcodec") and decoding.picture_s > 0
    assert decoding.missing or decoding.other_s > 0
    memory, pace = of(Memory, found), of(Pace, found)
    assert memory.tried in (2, 4) and memory.device == "" and memory.loaders == 0, "num_workers=0"
    assert 12 * policy.parameters < memory.base <= memory.needed < memory.available
    assert (pace.batch, pace.steps, pace.parallel, pace.loads_beside) == (4, 3, 1, False)
    assert 0 < pace.item_s < pace.step_s <= pace.most_s
    assert hashes(folder.root) == before


def test_a_step_that_would_fail_is_said_with_lerobots_reason_before_anything_begins(folder: DataFolder) -> None:
    (fails,) = [f for f in findings(folder, settings=("policy.n_heads=3",)) if isinstance(f, Fails)]
    assert "embed_dim must be divisible by num_heads" in fails.reason
    streamed = findings(folder, settings=("dataset.streaming=true", "num_workers=1"))
    assert [type(each) for each in streamed] == [PolicySize, Pictures, CheckpointRoom, NotMeasured]


def test_where_memory_runs_out_the_process_fails_and_not_the_machine(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = host_memory.limited
    monkeypatch.setattr(host_memory, "limited", lambda _: made(60_000_000))
    large = ("policy.dim_feedforward=400000",)  # more than an earlier test may have left in the heap
    memory = of(Memory, findings(folder, batch_size=4, settings=large))
    assert memory.ran_out and memory.tried == 1 and memory.available > 10**9
    monkeypatch.undo()
    assert not of(Memory, findings(folder, batch_size=1)).ran_out, "the limit is gone"


def test_a_first_step_that_takes_long_costs_no_larger_batch(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count()

    def asks() -> bool:
        nonlocal now
        now = 60.0 if next(asked) >= FIRST_STEP else 0.0
        return False

    now = 0.0
    monkeypatch.setattr(dry_run, "time", SimpleNamespace(monotonic=lambda: now))
    found = findings(folder, dropped=asks, batch_size=8)
    assert of(Pace, found).tried == 8, "half a minute of loading a GPU's libraries"


def test_it_stops_between_two_steps_when_nobody_waits_for_it(folder: DataFolder) -> None:
    seen: list[None] = []

    def dropped() -> bool:
        seen.append(None)
        return len(seen) > 4

    assert not [f for f in findings(folder, dropped=dropped) if isinstance(f, Memory | Pace)]


def test_the_larger_batches_follow_one_another_and_the_last_two_say_what_a_sample_takes() -> None:
    of_machine = meter.Meter("cpu")
    assert list(of_machine.batches(5)) == [1, 1, 2, 4]
    of_machine.of_machine = False
    assert list(of_machine.batches(4)) == [1, 1, 2, 2, 4, 4], "on CUDA the first step of each size is slower"
    assert meter.line([]) == (0, 0) and meter.line([(1, 5.0)]) == (5.0, 0.0)
    assert meter.line([(1, 9.0), (2, 6.0), (4, 10.0)]) == (2.0, 2.0)
    assert meter.line([(1, 9.0), (2, 6.0)]) == (6.0, 0.0)
    assert meter.steepest([(1, 4.0), (2, 10.0), (4, 10.0)]) == (2.0, 2.0), "memory that was there already hides growth"


def test_of_a_gpu_only_a_part_of_what_is_free_is_taken_and_functions_that_want_its_number_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is none here: torch's own functions are replaced, by ones that take an index and nothing else."""
    asked: list[tuple[str, object]] = []

    def answering(name: str, answer: object) -> None:
        def answered(*given: object) -> object:
            assert given == () or type(given[-1]) is int, name
            asked.append((name, given[0] if given else None))
            return answer

        monkeypatch.setattr(torch.cuda, name, answered)

    for name, answer in {
        "current_device": 1, "mem_get_info": (18_000, 24_000), "memory_reserved": 2_000, "max_memory_allocated": 700,
        "reset_peak_memory_stats": None, "synchronize": None, "set_per_process_memory_fraction": None,
    }.items():  # fmt: skip
        answering(name, answer)
    of_gpu = meter.Meter("cuda")
    assert (of_gpu.device, of_gpu.of_machine, of_gpu.available) == ("cuda", False, 20_000)
    with of_gpu.limited():
        of_gpu.begin()
        assert of_gpu.end(4).peak == 700
    shares = [share for name, share in asked if name == "set_per_process_memory_fraction"]
    assert shares == [pytest.approx(meter.LIMIT * 20_000 / 24_000), 1.0]
