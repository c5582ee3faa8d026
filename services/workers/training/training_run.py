"""One run of LeRobot's training loop: what it reports, when it saves, how it stops."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

from lerobot.scripts import lerobot_train

from services.checkpoints.checkpoint import Provenance
from services.datasets.cameras import camera_name
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.phases import Phase
from services.live.reasons import AlarmSource
from services.live.requests import TrainRequest
from services.workers.training import checkpoints as train_checkpoints
from services.workers.training import config as train_config
from services.workers.training import normalization
from services.workers.training.channel import Channel
from services.workers.training.demonstrations import Demonstrations, provenance
from services.workers.training.errors import cannot_write
from services.workers.training.lerobot_hooks import hooked
from services.workers.training.messages import DatasetRead, Ended, Outcome, Stepped, logged
from services.workers.training.patience import Patience, remedy

TICK_S = 1.0
"""How often the step is sent."""

logger = logging.getLogger(__name__)


class Stopped(Exception):
    """Raised to leave LeRobot's loop after a graceful stop."""


class GaveUp(Exception):
    """A checkpoint could not be saved for too long, or the operator stopped waiting."""


class TrainingRun:
    """A Watcher of LeRobot's training (services.workers.training.lerobot_hooks)."""

    def __init__(self, run: RunFolder, request: TrainRequest, demonstrations: Demonstrations, channel: Channel) -> None:
        self.run, self.request, self.channel = run, request, channel
        self.demonstrations = demonstrations
        self.config: Any = None
        self.begun = False
        self.step = 0
        self._dataset: Any = None
        self._episodes: tuple[int, ...] = ()
        self._policy: Any = None
        self._provenance = Provenance()
        self._step_sent_at = 0.0
        self._unlinked = False
        self._loss: float | None = None
        self._failed = self._answer = ""

    def train(self) -> Ended:
        """Train to the end, or to a stop. Raises whatever LeRobot raises, and ConfigProblem."""
        output = DataFolder(Path(self.request.data_dir)).trainings / self.request.name
        root, episodes = self.demonstrations.root, self.demonstrations.episodes
        self.config = train_config.build(self.request, root=root, output=output, episodes=episodes)
        self.channel.progress("reading the dataset")
        sys.argv = ["lerobot-train"]  # TrainPipelineConfig.validate() reads it (configs/train.py)
        try:
            with hooked(self):
                lerobot_train.train(self.config)
        except Stopped:
            return Ended(outcome=Outcome.STOPPED, step=self.step)
        except GaveUp as gave_up:
            return Ended(outcome=Outcome.GAVE_UP, step=self.step, text=str(gave_up))
        return Ended(outcome=Outcome.FINISHED, step=self.step)

    # --- Watcher ------------------------------------------------------------------------------------

    def dataset_read(self, dataset: Any) -> None:
        """Release the dataset, whose episodes are fixed now; the policy gets their statistics."""
        self._dataset, self._episodes = dataset, normalization.trained_episodes(dataset)
        normalization.narrow(dataset, self._episodes)
        self.channel.send(DatasetRead())
        self.channel.progress("building the policy")

    def policy_made(self, policy: Any) -> None:
        """Note the policy and what is kept beside its checkpoints."""
        self._policy = policy
        self._provenance = provenance(
            self.run,
            self.request,
            self.demonstrations,
            meta=self._dataset.meta,
            episodes=self._episodes,
            inputs=self.config.policy.input_features,
            left_out=self._left_out(),
        )

    def _left_out(self) -> tuple[str, ...]:
        """The dataset's cameras that the policy does not see. Raises ConfigProblem if it sees one left out."""
        inputs = self.config.policy.input_features
        left_out = train_config.cameras_left_out(self._dataset.meta.features, inputs, self.config.rename_map)
        seen = [name for name in self.request.exclude_cameras if name not in left_out]
        if seen:
            raise train_config.ConfigProblem(f"--exclude-cameras {seen[0]}: LeRobot gives that camera to the policy")
        return left_out

    def begins(self) -> None:
        """Create the output folder, and report what is trained, as LeRobot resolved it."""
        self.config.output_dir.mkdir(parents=True)
        config, resolved = self.config, self.config.to_dict()
        del resolved["dataset"]["episodes"]  # `episodes` has them, and a line's length is limited
        self.begun = True
        self.channel.send(
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
                notes=self.demonstrations.notes,
                cameras=tuple(map(camera_name, config.policy.image_features)),
                excluded_cameras=self._left_out(),
                log_freq=config.log_freq,
                save_freq=config.save_freq,
                config=resolved,
            )
        )
        self._enter_phase(Phase.TRAINING)

    def wants_checkpoint(self, step: int, *, due: bool) -> bool:
        """Count the step; save if it is due, or if a stop was requested."""
        self.step = step
        if time.monotonic() - self._step_sent_at >= TICK_S:
            self._send_step()
        return due or self.channel.stop_requested

    def save(self, write: Callable[[Path], None], checkpoint: Path) -> None:
        """Save a whole checkpoint. While the disk has no room for it, wait and try again. Raises GaveUp in the end."""
        self._send_step()
        self._enter_phase(Phase.SAVING, f"saving the checkpoint of step {self.step}")
        began, patience = time.monotonic(), Patience(self.channel)
        while (size := self._try_save(write, checkpoint)) is None:
            if why := patience.ends():
                raise GaveUp(f"{self._failed}, {why}")
            self._send_step()  # a sign of life: waiting for disk space is not hanging
            began = time.monotonic()
        seconds = time.monotonic() - began
        self.channel.send(
            ev.CheckpointSaved(step=self.step, path=str(checkpoint), bytes=size, seconds=seconds, loss=self._loss)
        )
        self._enter_phase(Phase.TRAINING)

    def saved(self, checkpoint: Path) -> None:
        """Point `last` at the checkpoint; leave the loop after a graceful stop."""
        self._link(checkpoint)
        if self.channel.stop_requested and self.step < self.config.steps:
            raise Stopped

    def logged(self, metrics: dict[str, float]) -> None:
        """Send a log point at full precision."""
        values = {k: float(v) for k, v in metrics.items() if k not in ("steps", "samples", "episodes", "epochs")}
        self._loss = loss if isfinite(loss := values["loss"]) else None
        self.channel.send(
            logged(
                step=int(metrics["steps"]), at=time.time(), samples=int(metrics["samples"]),
                epochs=float(metrics["epochs"]), metrics=values,
            )
        )  # fmt: skip

    # --- saving -------------------------------------------------------------------------------------

    def _try_save(self, write: Callable[[Path], None], checkpoint: Path) -> int | None:
        """The checkpoint's bytes, or None if the disk refused it; raises errors that do not concern the disk."""
        try:
            size = train_checkpoints.save_whole(write, checkpoint, self._provenance)
        except Exception as error:
            if not isinstance(error, OSError) and type(error).__name__ != "SafetensorError":
                raise
            logger.exception("the checkpoint of step %d", self.step)
            self._alarm_unsaved(cannot_write(error))
            return None
        if self._failed:
            self._failed = ""
            self.channel.send(ev.AlarmCleared(source=AlarmSource.CHECKPOINT))
        return size

    def _link(self, checkpoint: Path) -> None:
        """Point `last` at the checkpoint. A failure is only an alarm: the checkpoint can be used without the link."""
        try:
            train_checkpoints.link_last(checkpoint)
        except OSError as error:
            logger.exception("the link to %s", checkpoint)
            self._unlinked = True
            text = f"`last` does not point at the checkpoint of step {self.step}: {cannot_write(error)}"
            self.channel.send(
                ev.AlarmRaised(source=AlarmSource.LAST, text=text, answer="the checkpoint is saved; free the disk")
            )
            return
        if self._unlinked:
            self._unlinked = False
            self.channel.send(ev.AlarmCleared(source=AlarmSource.LAST))

    def _alarm_unsaved(self, reason: str) -> None:
        """Raise an alarm: what is not saved, why, and what to do. Once for each reason and remedy."""
        failed = f"the checkpoint of step {self.step} could not be saved: {reason}"
        answer = remedy(hurried=self.channel.hurried_at is not None)
        if (failed, answer) == (self._failed, self._answer):
            return
        self._failed, self._answer = failed, answer
        text = f"{failed}; the training waits and tries again"
        self.channel.send(ev.AlarmRaised(source=AlarmSource.CHECKPOINT, text=text, answer=answer))

    def _send_step(self) -> None:
        self._step_sent_at = time.monotonic()
        samples = self.step * self.config.batch_size
        self.channel.send(Stepped(step=self.step, samples=samples, epochs=samples / self._dataset.num_frames))

    def _enter_phase(self, phase: Phase, detail: str = "") -> None:
        self.channel.send(ev.PhaseChanged(phase=phase.value, detail=detail))
