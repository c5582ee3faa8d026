"""Two processes that train together through accelerate, for real, on a CPU."""

from __future__ import annotations

import json
from pathlib import Path

import psutil

from services.checkpoints import checkpoint as checkpoints
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.log import logbook
from services.log.page import page
from sessions.models import SessionStatus
from tests.support.rig import Rig, gone, say, wait_until
from tests.support.trainings import make_dataset, train


async def test_two_processes_learn_from_two_batches_a_step_and_stop_after_the_same_one(quick_rig: Rig) -> None:
    make_dataset(quick_rig.folder)
    run = train(quick_rig.folder, processes=2, steps=1_000_000, save_freq=1_000_000, log_freq=1)
    async with quick_rig.attached(run) as link:
        await link.until(lambda s: s.phase is Phase.TRAINING, 120)
        wait_until(lambda: run.metrics.read_bytes().count(b"\n") > 4, 60, "no curves")
        everybody = psutil.Process(quick_rig.pid(run)).children(recursive=True)
        trainers = [each for each in everybody if "services.workers.training.trainer" in " ".join(each.cmdline())]
        assert len(trainers) == 2
        await say(link, protocol.Finish(by="anna"))
        await link.until(lambda s: not s.running, 60)
    wait_until(gone(run), 30)
    _, alive = psutil.wait_procs(everybody, timeout=20)
    assert not alive, "a process outlives its training"
    state = quick_rig.snapshot(run)
    assert state.status is SessionStatus.FINISHED and state.training is not None
    done, facts = state.training.step, state.training.started
    assert (facts.processes, facts.batch_size, facts.samples_per_step, facts.device) == (2, 2, 4, "cpu")
    assert state.training.samples == 4 * done
    assert state.end_reason == f"stopped by anna at step {done} of 1,000,000, checkpoint saved"
    points = [json.loads(line) for line in run.metrics.read_bytes().splitlines()]
    assert [point["step"] for point in points] == list(range(1, done + 1)), "one process logs"
    assert all(point["samples"] == 4 * point["step"] for point in points)
    assert all(point["l1_loss"] > 0 for point in points), "what the policy returns besides its loss"
    (saved,) = quick_rig.events(run, ev.CheckpointSaved)
    assert saved.step == done and not checkpoints.missing(Path(saved.path))
    rest = json.loads((Path(saved.path) / "training_state" / "training_step.json").read_bytes())
    assert rest.get("num_processes") == 2
    (session,) = logbook.sessions(quick_rig.folder).sessions
    said = [value.text for part in page(session).sections for row in part.rows for value in row.values]
    assert "batch size 2 in each of 2 processes" in said
