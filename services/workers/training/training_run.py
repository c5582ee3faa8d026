"""One run of LeRobot's training loop: what it reports, when it saves, how it stops."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from math import isfinite, nan
from pathlib import Path
from typing import Any

import msgspec
import psutil
from lerobot.datasets.io_utils import load_info
from lerobot.scripts import lerobot_train

from services.checkpoints.checkpoint import PRETRAINED, Provenance, label, read_provenance
from services.datasets.cameras import camera_name
from services.error_text import whole_reason
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.metrics import EVAL_LOSS
from services.live.phases import Phase
from services.live.reasons import AlarmSource
from services.live.requests import TrainRequest
from services.training.bottleneck import Figure
from services.training.dataset_fit import raw, unnormalized
from services.workers.training import checkpoints as train_checkpoints
from services.workers.training import config as train_config
from services.workers.training import left_out_cameras, normalization, resize, resumed_config
from services.workers.training.channel import Channel
from services.workers.training.demonstrations import Demonstrations, lineage_of, provenance
from services.workers.training.errors import cannot_write
from services.workers.training.lerobot_hooks import hooked
from services.workers.training.loading import LoadingClock, measure
from services.workers.training.messages import DatasetRead, Ended, Outcome, Stepped, logged
from services.workers.training.patience import Patience, remedy
from services.workers.training.ranks import Ranks
from services.workers.training.stall_watch import StallWatch
from services.workers.training.window import Window
from sessions.document import Training
from sessions.left_out import LeftOut, Why

TICK_S = 1.0
"""How often the step is sent."""

logger = logging.getLogger(__name__)


class Stopped(Exception):
    """Raised to leave LeRobot's loop after a graceful stop."""


class GaveUp(Exception):
    """A checkpoint could not be saved for too long, or the operator stopped waiting."""


class TrainingRun:
    """A Watcher of LeRobot's training (services.workers.training.lerobot_hooks)."""

    def __init__(
        self,
        run: RunFolder,
        request: TrainRequest,
        demonstrations: Demonstrations,
        channel: Channel,
        resumed: Training | None = None,
    ) -> None:
        """`resumed` is the training as it stands at the checkpoint from which it goes on."""
        self.run, self.request, self.channel = run, request, channel
        self.demonstrations, self.resumed = demonstrations, resumed
        self.config: Any = None
        self.begun = False
        self.step = resumed.step if resumed else 0
        self._dataset: Any = None
        self._episodes: tuple[int, ...] = ()
        self._left_out: dict[str, str] = {}
        self._without: tuple[LeftOut, ...] = ()
        self._policy: Any = None
        self._provenance = Provenance()
        self._step_sent_at = 0.0
        self._unlinked = False
        self._saved_at = 0
        """The step of the last checkpoint that is saved."""
        self._loss: float | None = None
        self._clock, self._window = LoadingClock(), Window()
        self._stall = StallWatch(channel.send)
        self._held_out: tuple[int, float] = (0, nan)
        self._failed = self._answer = ""
        self._ranks = Ranks(run)

    def train(self) -> Ended:
        """Train to the end, or to a stop. Raises whatever LeRobot raises, and ConfigProblem."""
        self._configure()
        remote = self.config.job.is_remote
        self.channel.progress("HF Jobs trains it: its log is in worker.log" if remote else "reading the dataset")
        try:
            size = resize.of(self.config.policy, self.request)
            with hooked(self), left_out_cameras.taken_out(self._left_out), resize.applied(size):
                lerobot_train.train(self.config)
        except Stopped:
            return Ended(outcome=Outcome.STOPPED, step=self.step)
        except GaveUp as gave_up:
            return Ended(outcome=Outcome.GAVE_UP, step=self.step, text=str(gave_up))
        except Exception as error:
            if not (self.request.push and self._saved_at == self.config.steps):
                raise
            logger.exception("the policy was not uploaded")
            not_there = f"it is not on the Hub as {self.request.push}: {whole_reason(error)}"
            return Ended(outcome=Outcome.FINISHED, step=self.step, text=not_there)
        finally:
            self._stall.stop()
        there = f"it is on the Hub as {self.request.push}, private" if self.request.push else ""
        if self.config.job.is_remote:
            there = (
                f"HF Jobs {self.config.job.target} trained it: the policy is on the Hub as {self.config.policy.repo_id}"
            )
        return Ended(outcome=Outcome.FINISHED, step=self.step, text=there)

    def _configure(self) -> None:
        """LeRobot's configuration, the cameras to leave out, and sys.argv, which its `validate` reads."""
        output = DataFolder(Path(self.request.data_dir)).trainings / self.request.name
        root, episodes = self.demonstrations.root, self.demonstrations.episodes
        if self.resumed is not None:
            self.config = resumed_config.build(self.request, self.resumed, root=root, output=output)
            self._left_out = resumed_config.left_out(self.resumed, root)
            sys.argv = resumed_config.arguments(self.resumed)
            return
        self.config = train_config.build(self.request, root=root, output=output, episodes=episodes)
        self._left_out = left_out_cameras.left_out(self.config, self.request.exclude_cameras, load_info(root).features)
        sys.argv = ["lerobot-train"]

    # --- Watcher ------------------------------------------------------------------------------------

    def dataset_read(self, dataset: Any, held_out: Any) -> None:
        """Release the dataset, whose episodes are fixed now; the policy gets their statistics."""
        self._dataset, self._episodes = dataset, normalization.trained_episodes(dataset)
        self._without = self.demonstrations.left_out
        if held_out is not None:
            self._without += (LeftOut(Why.HELD_OUT, normalization.trained_episodes(held_out)),)
        normalization.narrow(dataset, self._episodes)
        measure(dataset, self._clock)
        if not self._ranks.several:
            self.channel.send(DatasetRead())
        self.channel.progress("building the policy")

    def policy_made(self, policy: Any) -> None:
        """Note the policy and what is kept beside its checkpoints."""
        self._policy = policy
        if self._ranks.several:  # LeRobot lets all processes wait for each other in between: each has read the dataset
            self.channel.send(DatasetRead())
        self._provenance = provenance(
            self.run,
            self.request,
            self.demonstrations,
            meta=self._dataset.meta,
            episodes=self._episodes,
            without=self._without,
            inputs=self.config.policy.input_features,
            left_out=tuple(self._left_out.values()),
        )

    def _notes(self) -> tuple[str, ...]:
        """What the operator should know of the data: marks, what is not normalized, cameras left out unasked."""
        if self.resumed is not None:
            return self.demonstrations.notes
        made, stats = self.config.policy, self._dataset.meta.stats
        features = unnormalized(made.type, made.input_features or {}, stats or {})
        notes = (*self.demonstrations.notes, *((raw(made.type, features),) if features else ()))
        unseen = [name for name in self._left_out.values() if name not in self.request.exclude_cameras]
        if not unseen:
            return notes
        policy = self.request.policy
        by = label(policy) if Path(policy).is_absolute() else policy
        return (*notes, f"{by} does not look at {' or '.join(unseen)}: left out, not decoded")

    def begins(self) -> None:
        """Create the output folder, and report what is trained, as LeRobot resolved it."""
        if self._ranks.first:  # the others may be earlier
            self.config.output_dir.mkdir(parents=True, exist_ok=self.resumed is not None)
        config, resolved = self.config, self.config.to_dict()
        if self.resumed is not None:
            resolved = resumed_config.resolved(resolved, self.resumed)
        del resolved["dataset"]["episodes"]  # `episodes` has them, and a line's length is limited
        self.begun = True
        lineage = lineage_of(self._provenance, resolved, self.resumed)
        self._provenance = msgspec.structs.replace(self._provenance, lineage=lineage)
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
                notes=self._notes(),
                cameras=tuple(map(camera_name, config.policy.image_features)),
                excluded_cameras=tuple(self._left_out.values()),
                left_out_decoded=False if self._left_out else None,
                left_out=self._without,
                log_freq=config.log_freq,
                save_freq=config.save_freq,
                config=resolved,
                processes=self._ranks.count,
                lineage=lineage,
            )
        )
        self._enter_phase(Phase.TRAINING)
        self._window.begin(time.monotonic(), self.step)
        psutil.cpu_percent()  # from here on: it is the mean since the call before
        self._stall.start(self.config.num_workers)

    def batches(self, batches: Iterator[Any], loader: Any) -> Iterator[Any]:
        """Note when a step waits for its data."""
        if self.resumed is not None:
            batches = resumed_config.in_step(batches, loader, self.resumed, self.config)
        return self._until_all_stop(self._stall.batches(batches))

    def _until_all_stop(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The batches; where several processes train, raises Stopped in each before the same step."""
        while not (self._ranks.stopped(self.step) and self.step < self.config.steps):
            yield next(batches)
        raise Stopped

    def wants_checkpoint(self, step: int, *, due: bool) -> bool:
        """Count the step; save if it is due, or if a stop was requested."""
        self.step = step
        self._stall.stepped(step)
        if time.monotonic() - self._step_sent_at >= TICK_S:
            self._send_step()
        return self._ranks.stop_after(step, requested=self.channel.stop_requested) or due

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
        self._window.saved(seconds)
        self._saved_at = self.step
        at, measured = self._held_out
        self.channel.send(
            ev.CheckpointSaved(
                step=self.step, path=str(checkpoint), bytes=size, seconds=seconds, loss=self._loss,
                eval_loss=measured if at == self.step and isfinite(measured) else None,
                weights=read_provenance(checkpoint / PRETRAINED).weights,
            )
        )  # fmt: skip
        self._enter_phase(Phase.TRAINING)

    def saved(self, checkpoint: Path) -> None:
        """Point `last` at the checkpoint; leave the loop after a graceful stop."""
        self._link(checkpoint)
        if self.channel.stop_requested and self.step < self.config.steps and not self._ranks.several:
            raise Stopped  # of several, the others wait until all go on

    def logged(self, metrics: dict[str, float]) -> None:
        """Send a log point at full precision."""
        values = {k: float(v) for k, v in metrics.items() if k not in ("steps", "samples", "episodes", "epochs")}
        self._loss = loss if isfinite(loss := values["loss"]) else None
        values |= self._window.end(time.monotonic(), int(metrics["steps"]), values)
        values |= self._clock.take() | {Figure.CPU_LOAD.value: psutil.cpu_percent() / 100}
        self.channel.send(
            logged(
                step=int(metrics["steps"]), at=time.time(), samples=int(metrics["samples"]),
                epochs=float(metrics["epochs"]), metrics=values,
            )
        )  # fmt: skip

    def held_out_measured(self, step: int, loss: float) -> None:
        """Send the held-out episodes' loss as a point of its own: it is measured after the step was logged."""
        self._held_out = step, loss
        samples = step * self.config.batch_size * self._ranks.count
        epochs = samples / self._dataset.num_frames
        self.channel.send(logged(step=step, at=time.time(), samples=samples, epochs=epochs, metrics={EVAL_LOSS: loss}))

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
        samples = self.step * self.config.batch_size * self._ranks.count
        self.channel.send(Stepped(step=self.step, samples=samples, epochs=samples / self._dataset.num_frames))

    def _enter_phase(self, phase: Phase, detail: str = "") -> None:
        self.channel.send(ev.PhaseChanged(phase=phase.value, detail=detail))
