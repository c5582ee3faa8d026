"""Opens or resumes the dataset for takes, repairing it if needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.bench.profiles import Recording
from services.datasets.content import contents_of
from services.datasets.marks import keep_calibration, read_marks
from services.datasets.matching import match
from services.live import events as ev
from services.live.requests import EvalRequest, RecordRequest
from services.recording import grasp
from services.workers.arm.features import Features
from services.workers.dataset.durable import DurableDataset
from services.workers.dataset.encoder_settings import EncoderSettings
from services.workers.process.context import Context
from services.workers.recording.takes import Takes
from sessions.facts import BenchConnected


def open_takes(
    worker: Context,
    request: RecordRequest | EvalRequest,
    root: Path,
    *,
    features: Features,
    bench: BenchConnected,
    encoder: EncoderSettings,
    resume: bool = False,
) -> Takes:
    """Open the dataset and emit what was recovered and what it holds. Raises DatasetProblem or OSError."""
    worker.progress("opening the dataset")
    dataset = DurableDataset.open(
        root,
        request.dataset,
        fps=request.fps,
        features=features,
        robot_type=bench.robot,
        encoder=encoder,
        resume=resume,
        session=worker.run.id,
    )
    if dataset.recovery is not None:
        worker.journal.emit(dataset.recovery.event())
    keep_calibration(root, worker.run.id, bench.calibration)
    accepted = len(match(read_marks(root), contents_of(root, dataset.episodes)).accepted())
    opened = ev.DatasetOpened(episodes=dataset.episodes, accepted=accepted, resumed=dataset.episodes > 0)
    worker.journal.emit(opened)
    journal, session = worker.journal, worker.run.id
    return Takes(
        dataset,
        journal,
        features=features,
        task=request.task,
        session=session,
        fps=request.fps,
        strategy=getattr(request, "strategy", ""),
        grasps=grasp.known(request.profile.robot),
    )


def encoder_of(recording: Recording, settings: Mapping[str, Any] | None = None) -> EncoderSettings:
    """The bench's encoder settings, overridden by `--set dataset.*` (`settings`, with LeRobot's keys)."""
    settings = settings or {}
    options = {"vcodec": recording.vcodec, "preset": recording.preset, **settings.get("rgb_encoder", {})}
    return EncoderSettings(
        vcodec=options.pop("vcodec"),
        preset=options.pop("preset"),
        threads=settings.get("encoder_threads", recording.encoder_threads),
        queue=settings.get("encoder_queue_maxsize", recording.encoder_queue),
        options=options,
    )
