"""A training that goes on in its session: real trainings of a tiny policy, stopped, killed, finished, and resumed."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from console.__main__ import main
from services.checkpoints import checkpoint as checkpoints
from services.datasets.lock import dataset_lock
from services.datasets.marks import Mark, write_mark
from services.folders import RunFolder
from services.live import events as ev
from services.live.event_log import EventLog
from services.live.snapshots import Snapshot
from services.log import logbook
from services.log.headline import seconds
from services.refusal import Refusal
from services.training import plan as training
from services.training import resuming
from services.training.curves import Curves, Metric
from services.training.history import list_runs
from services.training.schedule import lr_at
from sessions.models import SessionStatus
from tests.services.workers.training.test_supervisor import trainer_of
from tests.support.rig import Rig, gone, wait_until
from tests.support.trainings import make_dataset, train

STEPS = 150
NOISY = (
    "policy.use_vae=true", "policy.latent_dim=4", "policy.n_vae_encoder_layers=1", "use_policy_training_preset=false",
    "optimizer={type: adamw, lr: 1.0e-4, weight_decay: 0.01, grad_clip_norm: 10.0}",
    "scheduler={type: cosine_decay_with_warmup, num_warmup_steps: 40, num_decay_steps: 400, peak_lr: 1.0e-4, "
    "decay_lr: 1.0e-5}",
)  # fmt: skip
"""The policy draws random numbers for each sample (dropout, and a variational encoder), and the learning rate moves."""
CLOSE = 1e-6
"""How much the joined curves may differ from the uninterrupted ones, relatively. Here they are the same to the last
bit; another number of threads adds float32 numbers in another order."""
FAST = {"steps": STEPS, "save_freq": 50, "settings": NOISY, "exclude_episodes": "1", "because": "jerky"}
DRAWN = (Metric.LOSS, Metric.GRAD_NORM, Metric.LR, Metric.SAMPLES, Metric.EPOCHS)


@pytest.fixture
def lab(quick_rig: Rig) -> Rig:
    make_dataset(quick_rig.folder, episodes=4)
    return quick_rig


def over(rig: Rig, run: RunFolder) -> Snapshot:
    wait_until(lambda: rig.snapshot(run).started is not None, 60, "it did not start")
    wait_until(gone(run), 60, "it did not end")
    return rig.snapshot(run)


def resume(rig: Rig, run: RunFolder, **options: Any) -> Snapshot:
    """Go on to the end."""
    resuming.begin(rig.folder, resuming.plan(resuming.look(rig.folder, run.id), operator="ben", **options))
    return over(rig, run)


def curves(run: RunFolder) -> Curves:
    found = Curves(run.metrics)
    found.read()
    return found


def same(joined: Curves, whole: Curves) -> None:
    """The curves of a run in parts are those of one in a piece, as far as that went."""
    steps = len(whole)
    assert joined.steps[:steps].tolist() == whole.steps.tolist()
    for metric in DRAWN:
        assert joined.column(metric)[:steps] == pytest.approx(whole.column(metric), rel=CLOSE), metric


def saved_at_least(rig: Rig, run: RunFolder, step: int) -> bool:
    state = rig.snapshot(run).training
    return state is not None and any(each.step >= step for each in state.checkpoints)


async def stop(rig: Rig, run: RunFolder) -> Snapshot:
    async with rig.attached(run) as link:
        await link.until(lambda s: s.training is not None and s.training.step > 0, 20)
        assert (await training.stop(link)).ok
        return await link.until(lambda s: not s.running, 20)


def test_a_stopped_training_goes_on_as_if_it_had_never_stopped(lab: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    whole = train(lab.folder, name="whole", **FAST)
    wait_until(lambda: lab.snapshot(whole).training is not None, 30, "it did not start")  # the dataset is free again
    run = train(lab.folder, name="parts", **FAST)
    stopped = asyncio.run(stop(lab, run))
    over(lab, run)
    assert stopped.training is not None and stopped.training.unfinished
    at = stopped.training.step
    write_mark(lab.folder.datasets / "cubes", 3, Mark(accepted=False))
    verb = ["--data-dir", str(lab.folder.root), "train", "--resume", "parts"]
    assert main([*verb, "--batch-size", "4", "--held-out", "0.1"]) == 2
    assert "leave out --batch-size, --held-out" in capsys.readouterr().err
    assert main(verb) == 2
    said = capsys.readouterr().err
    assert "1 episode that it learns from was rejected since: 3" in said and "--anyway goes on all the same" in said
    assert main([*verb, "--anyway"]) == 0
    out = capsys.readouterr().out
    assert f"resuming parts at step {at} of {STEPS}" in out and f"trained all {STEPS} steps" in out
    assert out.count(f"{at:06d}") == 0 and out.count(f"{STEPS:06d}") > 0, "what was saved before is not told again"
    state = over(lab, run)
    over(lab, whole)
    same(curves(run), curves(whole))
    assert [(part.step, part.reached) for part in curves(run).resumed] == [(at, at)]

    assert state.training is not None and state.started is not None
    (part,) = state.training.resumed
    assert (part.step, part.steps, part.reached, part.wanted) == (at, STEPS, at, STEPS)
    assert part.ended.reason == f"stopped by anna at step {at} of {STEPS}, checkpoint saved"
    assert part.changed == ("1 episode that it learns from was rejected since: 3",)
    before, after = stopped.training.started, state.training.started
    changes = {"hardware": None, "seq": 0, "at": 0}
    assert msgspec.structs.replace(after, **changes) == msgspec.structs.replace(before, **changes)
    assert after.at == before.at and after.episodes == (0, 2, 3)
    assert [each.step for each in state.training.checkpoints] == sorted({at, 50, 100, STEPS})
    assert state.training.points == len(run.metrics.read_bytes().splitlines())
    assert len(logbook.sessions(lab.folder).sessions) == 2
    (row,) = (each for each in list_runs(lab.folder).runs if each.id == run.id)
    assert (row.reached, row.steps, row.status) == (STEPS, STEPS, SessionStatus.FINISHED) and row.session is not None
    assert seconds(row.session) == pytest.approx(state.ended_at - state.started.at - part.pause, abs=2)
    kept = checkpoints.read_provenance(checkpoints.complete(lab.folder.trainings / "parts")[-1] / "pretrained_model")
    first = checkpoints.read_provenance(checkpoints.complete(lab.folder.trainings / "whole")[-1] / "pretrained_model")
    same_but = {"session": "", "weights": ""}  # LeRobot writes its configuration a little otherwise after a resumption
    assert msgspec.structs.replace(kept, **same_but) == msgspec.structs.replace(first, **same_but)


def test_a_killed_training_goes_on_from_its_checkpoint_again_and_again_and_for_more_steps(lab: Rig) -> None:
    run = train(lab.folder, name="parts", **FAST | {"steps": 1_000_000})
    wait_until(lambda: saved_at_least(lab, run, 50), 30, "no checkpoint")
    trainer_of(lab, run).kill()
    killed = over(lab, run)
    assert killed.status is SessionStatus.CRASHED and killed.training is not None
    trained = killed.training.step
    at = resuming.look(lab.folder, run.id)
    assert at.step == 50 * (trained // 50) and at.reached == trained

    with EventLog(run), pytest.raises(Refusal, match="is running already"):
        resuming.begin(lab.folder, resuming.plan(at))
    resuming.begin(lab.folder, resuming.plan(at, operator="ben"))
    with pytest.raises(Refusal, match="parts is running already: `lab-console attach"):
        resuming.begin(lab.folder, resuming.plan(at))
    with pytest.raises(Refusal, match="parts cannot be resumed: it is running"):
        resuming.look(lab.folder, run.id)
    assert lab.snapshot(run).running
    wait_until(lambda: saved_at_least(lab, run, at.step + 50), 30, "no checkpoint")
    os.kill(lab.pid(run), signal.SIGKILL)  # the supervisor; its trainer ends with it
    wait_until(gone(run))
    again = resuming.look(lab.folder, run.id)
    assert again.snapshot.end_reason == "the worker vanished without an end"
    last = again.step + 20
    state = resume(lab, run, steps=last)
    assert (state.status, state.end_reason) == (SessionStatus.FINISHED, f"trained all {last} steps")
    assert state.training is not None
    assert [part.step for part in state.training.resumed] == [at.step, again.step]
    assert [each.step for each in state.training.checkpoints] == [*range(50, again.step + 1, 50), last]
    joined = curves(run)
    assert joined.steps.tolist() == list(range(1, last + 1))
    assert [part.step for part in joined.resumed] == [at.step, again.step]
    assert joined.resumed[0].reached >= at.step
    with pytest.raises(Refusal, match=f"parts has made all its {last} steps: give a larger number"):
        resuming.plan(resuming.look(lab.folder, run.id))

    config = killed.training.started.config
    lr = [lr_at(config, 1_000_000 if step <= again.step else last, step) for step in range(1, last + 1)]
    assert joined.column(Metric.LR) == pytest.approx(np.array(lr), rel=CLOSE)


def test_a_finished_training_goes_on_for_more_steps_unless_its_dataset_is_another(lab: Rig) -> None:
    run = train(lab.folder, steps=4, save_freq=4)
    first = over(lab, run)
    at = resuming.look(lab.folder, run.id)
    assert at.finished and not at.changed
    with pytest.raises(Refusal, match="has made all its 4 steps"):
        resuming.plan(at, steps=4)
    with dataset_lock(lab.folder.datasets / "cubes", "a recording"):
        refused = resume(lab, run, steps=6)
    assert (refused.status, refused.ended_at) == (first.status, first.ended_at)
    assert refused.end_reason.startswith("trained all 4 steps; resuming it failed: dataset cubes is in use by")
    assert refused.training is not None and not refused.training.resumed and refused.training.started.steps == 4

    sidecar = at.checkpoint / "pretrained_model" / checkpoints.SIDECAR
    kept = checkpoints.read_provenance(sidecar.parent)
    assert sorted(kept.contents) == [0, 1, 2, 3] and all(kept.contents.values())
    checkpoints.write_provenance(sidecar.parent, msgspec.structs.replace(kept, session="20270101-000000-abcd"))
    with pytest.raises(Refusal, match="are of session 20270101-000000-abcd"):
        resuming.look(lab.folder, run.id)
    for others in ({"rows": kept.rows | {2: "other"}}, {"rows": {}, "contents": kept.contents | {2: "other"}}):
        checkpoints.write_provenance(sidecar.parent, msgspec.structs.replace(kept, **others))
        other = resuming.look(lab.folder, run.id)
        assert other.changed == ("1 episode is another than it has learnt from: 2",)
    with pytest.raises(Refusal, match=r"the dataset of act_cubes has changed: 1 episode is another .*--anyway"):
        resuming.plan(other, steps=6)
    checkpoints.write_provenance(sidecar.parent, msgspec.structs.replace(kept, contents={}))
    assert "whether they are the same is not known" in resuming.look(lab.folder, run.id).notes[0]
    checkpoints.write_provenance(sidecar.parent, msgspec.structs.replace(kept, contents=kept.contents | {7: "x"}))
    with pytest.raises(Refusal, match="has 4 episodes, and it learns from 7 as well"):
        resuming.look(lab.folder, run.id)
    checkpoints.write_provenance(sidecar.parent, kept)

    state = resume(lab, run, steps=6)
    assert (state.status, state.end_reason) == (SessionStatus.FINISHED, "trained all 6 steps")
    assert curves(run).steps.tolist() == [1, 2, 3, 4, 5, 6]
    events = [type(each).__name__ for each in lab.events(run, ev.Event)]
    assert events.count("SessionStarted") == 1 and events.count("TrainingResumed") == 2
    (at.checkpoint / "training_state" / "optimizer_state.safetensors").unlink()
    checkpoints_left = checkpoints.complete(lab.folder.trainings / "act_cubes")
    assert [path.name for path in checkpoints_left] == ["000006"]


def test_what_was_never_trained_cannot_go_on(lab: Rig, tmp_path: Path) -> None:
    with dataset_lock(lab.folder.datasets / "cubes", "a recording"):
        run = train(lab.folder, steps=4)
        over(lab, run)
    with pytest.raises(Refusal, match="act_cubes cannot be resumed: it ended before its first step"):
        resuming.look(lab.folder, run.id)
