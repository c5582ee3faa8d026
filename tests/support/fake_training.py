"""A scripted trainer: FakeWorker's socket and events, and a real metrics.jsonl; no LeRobot, no torch."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from services.folders import DataFolder
from services.live import events as ev
from services.live import protocol
from services.live.metrics import encode_point
from services.live.phases import Phase
from services.live.requests import TrainRequest, write_request
from sessions.models import SessionKind, SessionStatus
from tests.support.fake_desk import FakeWorker


def train_request(folder: DataFolder, **values: Any) -> TrainRequest:
    base: dict[str, Any] = {
        "data_dir": str(folder.root), "dataset": "pick_place", "policy": "act", "name": "act_v2", "steps": 20_000,
        "log_freq": 10, "save_freq": 1_000, "operator": "tg", "exclude_cameras": ("overhead",),
    }  # fmt: skip
    return TrainRequest(**(base | values))


class FakeTraining(FakeWorker):
    """Trains at once what it is told to."""

    def __init__(
        self, folder: DataFolder, *, request: TrainRequest | None = None, at: float = 0.0, **more: Any
    ) -> None:
        self.request = request or train_request(folder)
        super().__init__(folder, kind=SessionKind.TRAIN, at=at, **more)
        self._started = msgspec.structs.replace(self._started, request=self.request)
        write_request(self.run, self.request)
        self.points = 0
        self.output = str(folder.outputs / "train" / self.request.name)

    # --- the script -----------------------------------------------------------------------------

    async def begin(self, **started: Any) -> FakeTraining:
        """Up to the first step."""
        await self.start(open_dataset=False)
        self.begin_training(**started)
        return self

    def begin_training(self, **started: Any) -> None:
        base: dict[str, Any] = {
            "policy": "act", "output_dir": self.output, "steps": self.request.steps, "batch_size": 8, "device": "cpu",
            "parameters": 51_600_000, "episodes": tuple(range(79)), "episodes_total": 81, "frames": 24_252,
            "cameras": ("wrist",), "excluded_cameras": ("overhead",), "log_freq": 10, "save_freq": 1_000,
        }  # fmt: skip
        self.tell(ev.TrainingStarted(**(base | started)))
        self.phase(Phase.TRAINING)

    def log_points(self, count: int, **odd: float) -> None:
        """Write points as LeRobot would log them; `odd` replaces values of the last one."""
        lines = []
        for number in range(self.points + 1, self.points + count + 1):
            metrics = self.metrics(number) | (odd if number == self.points + count else {})
            step = number * self.request.log_freq
            lines.append(
                encode_point(step=step, at=self._at + number, samples=8 * step, epochs=step / 600, metrics=metrics)
            )
        with self.run.metrics.open("ab") as file:
            file.write(b"".join(lines))
        self.points += count

    def metrics(self, number: int) -> dict[str, float]:
        """Smooth, and a little noisy."""
        noise = 0.3 * math.sin(number * 12.9898) * math.sin(number * 78.233)
        decay = math.exp(-number / 400)
        return {
            "loss": (3.0 * decay + 0.05) * (1 + noise), "grad_norm": 10 * decay + 1 + noise,
            "lr": 1e-4 * (0.5 + decay / 2), "update_s": 1.19, "dataloading_s": 0.55,
            "samples_per_s": 36.0, "gpu_mem_gb": 21.0, "l1_loss": 0.5 * decay + 0.02 + noise / 50, "kld_loss": 0.002,
        }  # fmt: skip

    def progress(self, *, durable: bool = False, **odd: float) -> None:
        """Tell how far it is; what is not finite is not told."""
        step = self.points * self.request.log_freq
        told = ev.TrainingProgressed(
            step=step, samples=8 * step, epochs=step / 600, points=self.points,
            metrics={k: v for k, v in (self.metrics(max(1, self.points)) | odd).items() if math.isfinite(v)},
        )  # fmt: skip
        if durable:
            self.tell(told)
        else:
            self._broadcast(protocol.encode(told))

    def train(self, points: int, *, durable: bool = False, **odd: float) -> None:
        """Points, and the word about them."""
        self.log_points(points, **odd)
        self.progress(durable=durable, **odd)

    def save_checkpoint(self, step: int = 0) -> str:
        """Tell of a checkpoint; returns its path."""
        step = step or self.points * self.request.log_freq
        path = f"{self.output}/checkpoints/{step:06d}"
        self.tell(ev.CheckpointSaved(step=step, path=path, bytes=865_000_000, seconds=3.14, loss=0.041))
        return path

    def say_last(self, *lines: str) -> None:
        """Into worker.log."""
        self.run.log.write_text("".join(f"{line}\n" for line in lines))

    def _obey_more(self, command: protocol.Command) -> None:
        if isinstance(command, protocol.Finish):
            self.phase(Phase.SAVING, "one checkpoint more")
            self.save_checkpoint()
            self.end(SessionStatus.FINISHED, "stopped by the operator, checkpoint saved")
        else:
            super()._obey_more(command)
