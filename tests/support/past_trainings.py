"""Trainings that ended, on disk: events and curves, as a worker would have left them."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import msgspec

from services.checkpoints.checkpoint import CONFIG, PRETRAINED, STATE, WEIGHTS, Provenance, write_provenance
from services.datasets.content import contents_of
from services.datasets.summary import summarize
from services.datasets.video_content import videos_of
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.event_log import EventLog, read_events
from services.live.metrics import encode_point, encode_resumed
from services.live.requests import write_request
from services.live.snapshots import replay
from sessions.models import SessionStatus
from tests.support.fake_training import train_request

LEFT_OUT = ("overhead",)


def past_training(
    folder: DataFolder,
    session_id: str,
    *,
    name: str = "act_v1",
    at: float = 1_700_000_000.0,
    points: int = 200,
    steps: int = 2_000,
    log_freq: int = 10,
    status: SessionStatus = SessionStatus.FINISHED,
    reason: str = "",
    scale: float = 1.0,
    **asked: Any,
) -> RunFolder:
    """A training of `points` log points; its loss falls, `scale` times as large as others'."""
    run = folder.run(session_id)
    run.root.mkdir(parents=True)
    request = train_request(folder, name=name, steps=steps, log_freq=log_freq, **asked)
    write_request(run, request)
    output = str(folder.trainings / name)
    done = points * log_freq
    curves = [_metrics(number, scale) for number in range(1, points + 1)]
    run.metrics.write_bytes(b"".join(
        encode_point(step=n * log_freq, at=at + 9 + n, samples=8 * n * log_freq, epochs=n / 60, metrics=values)
        for n, values in enumerate(curves, 1)
    ))  # fmt: skip
    with EventLog(run) as log:
        for event in (
            ev.SessionStarted(id=session_id, pid=1, host="lab1", request=request, at=at),
            ev.TrainingStarted(
                at=at + 9, policy=request.policy, output_dir=output, steps=steps, batch_size=8, device="cpu",
                parameters=51_600_000, episodes=tuple(range(79)), episodes_total=81, frames=24_252,
                cameras=("wrist",), excluded_cameras=LEFT_OUT, log_freq=log_freq, save_freq=1_000,
            ),
            *(
                ev.CheckpointSaved(at=at + 9 + step / log_freq, step=step, path=f"{output}/checkpoints/{step:06d}",
                                   bytes=865_000_000, seconds=3.1, loss=0.05)
                for step in range(1_000, done + 1, 1_000)
            ),
            ev.TrainingProgressed(at=at + 9 + points, step=done, samples=8 * done, epochs=points / 60, points=points,
                                  metrics=curves[-1]),
            ev.SessionEnded(at=at + 12 + points, status=status, reason=reason or f"trained all {done} steps"),
        ):  # fmt: skip
            log.append(event, sync=False)
    return run


def resumed(
    run: RunFolder,
    *,
    step: int = 1_000,
    steps: int = 2_000,
    points: int = 100,
    pause: float = 7_200.0,
    by: str = "tg",
    changed: tuple[str, ...] = (),
) -> None:
    """Let a past training go on from the checkpoint of `step`, for `points` log points, to its end."""
    before = replay(read_events(run.events))
    assert before.training is not None and before.ended is not None
    started, ended = before.training.started, before.ended
    at, last = before.ended_at + pause, step + points * started.log_freq
    curves = {
        n: _metrics(n // started.log_freq, 1.0) for n in range(step + started.log_freq, last + 1, started.log_freq)
    }
    with run.metrics.open("ab") as file:
        file.write(encode_resumed(step=step, at=at + 9))
        for number, (each, values) in enumerate(curves.items(), 1):
            file.write(encode_point(step=each, at=at + 9 + number, samples=8 * each, epochs=each / 600, metrics=values))
    done = SessionStatus.FINISHED, f"trained all {steps} steps" if last >= steps else f"stopped by tg at step {last}"
    with EventLog(run) as log:
        for event in (
            ev.TrainingResumed(
                at=at, step=step, steps=steps, checkpoint=f"{started.output_dir}/checkpoints/{step:06d}",
                reached=before.training.step, wanted=started.steps, ended=ended, by=by, host="lab1", changed=changed,
            ),
            msgspec.structs.replace(started, at=at + 9, steps=steps, seq=0),
            ev.CheckpointSaved(at=at + 10 + points, step=last, path=f"{started.output_dir}/checkpoints/{last:06d}",
                               bytes=865_000_000, seconds=3.1, loss=0.05),
            ev.TrainingProgressed(at=at + 9 + points, step=last, samples=8 * last, epochs=last / 600,
                                  points=points, metrics=curves[last]),
            ev.SessionEnded(at=at + 12 + points, status=done[0], reason=done[1]),
        ):  # fmt: skip
            log.append(event, sync=False)


def whole_checkpoint(
    folder: DataFolder, run: RunFolder, step: int = 1_000, *, name: str = "act_v1", dataset: str = "pick_place"
) -> Path:
    """The files by which the console knows that a checkpoint of this training is whole; none can be loaded.

    It has learnt from the episodes that the dataset holds now.
    """
    made = folder.trainings / name / "checkpoints" / f"{step:06d}"
    state, policy = made / STATE, made / PRETRAINED
    for path in (state, policy):
        path.mkdir(parents=True)
    for path in (state / "training_step.json", state / "optimizer_param_groups.json", policy / CONFIG):
        path.write_text("{}")
    for path in (state / "optimizer_state.safetensors", policy / WEIGHTS):
        path.write_bytes(struct.pack("<Q", 2) + b"{}")
    root = folder.datasets / dataset
    episodes = summarize(root).episodes
    kept = {"contents": contents_of(root, episodes), "videos": videos_of(root, range(episodes), LEFT_OUT)}
    write_provenance(policy, Provenance(session=run.id, **kept))
    return made


def _metrics(number: int, scale: float) -> dict[str, float]:
    noise = 0.3 * math.sin(number * 12.9898) * math.sin(number * 78.233)
    decay = math.exp(-number / 80)
    return {
        "loss": scale * (3.0 * decay + 0.05) * (1 + noise), "grad_norm": scale * (10 * decay + 1) + noise,
        "lr": 1e-4 * (0.5 + decay / 2), "update_s": 1.19, "dataloading_s": 0.55, "samples_per_s": 36.0,
    }  # fmt: skip
