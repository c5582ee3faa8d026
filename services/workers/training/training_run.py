"""One run of LeRobot's training loop, watched: what it tells, when it saves, how it stops."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

from lerobot.scripts import lerobot_train

from services.checkpoints.checkpoint import IMAGES, Provenance
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.requests import TrainRequest
from services.live.snapshots import Phase
from services.workers.training import checkpoints as train_checkpoints
from services.workers.training import config as train_config
from services.workers.training import normalization
from services.workers.training.channel import Channel
from services.workers.training.demonstrations import Demonstrations, provenance
from services.workers.training.errors import cannot_write
from services.workers.training.lerobot_hooks import tapped
from services.workers.training.messages import DatasetRead, Ended, Outcome, Stepped, logged

TICK_S = 1.0
"""How often the step is told."""
PATIENCE_S = (1.0, 2.0, 4.0, 10.0)
"""Pauses between tries to save the last checkpoint; the last one repeats."""

logger = logging.getLogger(__name__)


class Stopped(Exception):
    """Raised through LeRobot's loop to leave it after a graceful stop."""


class GaveUp(Exception):
    """The last checkpoint could not be saved, and the operator stopped waiting."""


class TrainingRun:
    """A Watcher of LeRobot's training (services.workers.training.lerobot_hooks)."""

    def __init__(self, run: RunFolder, request: TrainRequest, demonstrations: Demonstrations, line: Channel) -> None:
        self.run, self.request, self.line = run, request, line
        self.demonstrations = demonstrations
        self.config: Any = None
        self.begun = False
        self.step = 0
        self._dataset: Any = None
        self._episodes: tuple[int, ...] = ()
        self._policy: Any = None
        self._provenance = Provenance()
        self._told_at = 0.0
        self._unlinked = False
        self._loss: float | None = None
        self._failed: str = ""

    def train(self) -> Ended:
        """Train to the end, or to a stop. Raises whatever LeRobot raises, and ConfigProblem."""
        output = DataFolder(Path(self.request.data_dir)).trainings / self.request.name
        of = self.demonstrations
        self.config = train_config.build(self.request, root=of.root, output=output, episodes=of.episodes)
        self.line.progress("reading the dataset")
        sys.argv = ["lerobot-train"]  # TrainPipelineConfig.validate() reads it (configs/train.py)
        try:
            with tapped(self):
                lerobot_train.train(self.config)
        except Stopped:
            return Ended(outcome=Outcome.STOPPED, step=self.step)
        except GaveUp as gave_up:
            return Ended(outcome=Outcome.FAILED, step=self.step, text=str(gave_up))
        return Ended(outcome=Outcome.FINISHED, step=self.step)

    # --- Watcher ------------------------------------------------------------------------------------

    def dataset_read(self, dataset: Any) -> None:
        """Its episodes are fixed: others may record into it again. Their statistics are the policy's."""
        self._dataset, self._episodes = dataset, normalization.used(dataset)
        normalization.narrow(dataset, self._episodes)
        self.line.tell(DatasetRead())
        self.line.progress("building the policy")

    def policy_made(self, policy: Any) -> None:
        """It tells its inputs and its size."""
        self._policy = policy
        self._provenance = provenance(
            self.run,
            self.request,
            self.demonstrations,
            meta=self._dataset.meta,
            episodes=self._episodes,
            inputs=list(self.config.policy.input_features),
        )

    def begins(self) -> None:
        """Take the folder's name, and tell what is trained, as LeRobot resolved it."""
        self.config.output_dir.mkdir(parents=True)
        config, told = self.config, self.config.to_dict()
        del told["dataset"]["episodes"]  # said by `episodes`, and a line has its limit
        self.begun = True
        self.line.tell(
            ev.TrainingStarted(
                policy=config.policy.type,
                output_dir=str(config.output_dir),
                steps=config.steps,
                batch_size=config.batch_size,
                device=str(config.policy.device),
                parameters=sum(p.numel() for p in self._policy.parameters()),
                episodes=self._episodes,
                episodes_total=self.demonstrations.total,
                frames=int(self._dataset.num_frames),
                cameras=tuple(k.removeprefix(IMAGES) for k in config.policy.image_features),
                excluded_cameras=self.request.exclude_cameras,
                log_freq=config.log_freq,
                save_freq=config.save_freq,
                config=told,
            )
        )
        self._enter(Phase.TRAINING)

    def wants_checkpoint(self, step: int, *, due: bool) -> bool:
        """Count the step; save when it is due, or when the operator asked to stop."""
        self.step = step
        if time.monotonic() - self._told_at >= TICK_S:
            self._tell_step()
        return due or self.line.asked_to_stop

    def save(self, write: Callable[[Path], None], checkpoint: Path) -> None:
        """A whole checkpoint. Without room a periodic one is given up, the last one tried again until it works."""
        self._tell_step()
        self._enter(Phase.SAVING, f"saving the checkpoint of step {self.step}")
        began, tries = time.monotonic(), 0
        while (size := self._try(write, checkpoint)) is None:
            if not self._last:
                self._enter(Phase.TRAINING)
                return
            if self.line.wait(PATIENCE_S[min(tries, len(PATIENCE_S) - 1)]):
                raise GaveUp(self._failed)
            tries += 1
            self._tell_step()  # a sign of life: who waits for room does not hang
            began = time.monotonic()
        seconds = time.monotonic() - began
        self.line.tell(
            ev.CheckpointSaved(step=self.step, path=str(checkpoint), bytes=size, seconds=seconds, loss=self._loss)
        )
        self._enter(Phase.TRAINING)

    def saved(self, checkpoint: Path) -> None:
        """`last` points at it; here a graceful stop leaves the loop."""
        if not self._failed:
            self._link(checkpoint)
        if self.line.asked_to_stop and self.step < self.config.steps and not self._failed:
            raise Stopped

    def logged(self, metrics: dict[str, float]) -> None:
        """A log point, at full precision."""
        values = {k: float(v) for k, v in metrics.items() if k not in ("steps", "samples", "episodes", "epochs")}
        self._loss = loss if isfinite(loss := values["loss"]) else None
        self.line.tell(
            logged(
                step=int(metrics["steps"]), at=time.time(), samples=int(metrics["samples"]),
                epochs=float(metrics["epochs"]), metrics=values,
            )
        )  # fmt: skip

    # --- saving -------------------------------------------------------------------------------------

    @property
    def _last(self) -> bool:
        """Whether no later checkpoint will follow this one."""
        return self.line.asked_to_stop or self.step >= self.config.steps

    def _try(self, write: Callable[[Path], None], checkpoint: Path) -> int | None:
        """Its bytes, or None where the disk took it not; raises what has nothing to do with the disk."""
        try:
            size = train_checkpoints.save_whole(write, checkpoint, self._provenance)
        except Exception as error:
            if not isinstance(error, OSError) and type(error).__name__ != "SafetensorError":
                raise
            logger.exception("the checkpoint of step %d", self.step)
            self._complain(cannot_write(error))
            return None
        if self._failed:
            self._failed = ""
            self.line.tell(ev.AlarmCleared(source="checkpoint"))
        return size

    def _link(self, checkpoint: Path) -> None:
        """Without the link the checkpoint is no worse: that is worth an alarm, not the end of the training."""
        try:
            train_checkpoints.link_last(checkpoint)
        except OSError as error:
            logger.exception("the link to %s", checkpoint)
            self._unlinked = True
            text = f"`last` does not point at the checkpoint of step {self.step}: {cannot_write(error)}"
            self.line.tell(ev.AlarmRaised(source="last", text=text, answer="the checkpoint is saved; free the disk"))
            return
        if self._unlinked:
            self._unlinked = False
            self.line.tell(ev.AlarmCleared(source="last"))

    def _complain(self, reason: str) -> None:
        """What could not be saved, why, and what happens next; once for each checkpoint."""
        failed = f"the checkpoint of step {self.step} could not be saved: {reason}"
        if failed == self._failed:
            return
        self._failed = failed
        next_one = "it is tried again" if self._last else "training goes on to the next checkpoint"
        answer = "free the disk; stopping twice gives it up" if self._last else "free the disk"
        self.line.tell(ev.AlarmRaised(source="checkpoint", text=f"{failed}; {next_one}", answer=answer))

    def _tell_step(self) -> None:
        self._told_at = time.monotonic()
        samples = self.step * self.config.batch_size
        self.line.tell(Stepped(step=self.step, samples=samples, epochs=samples / self._dataset.num_frames))

    def _enter(self, phase: Phase, detail: str = "") -> None:
        self.line.tell(ev.PhaseChanged(phase=phase.value, detail=detail))
