"""A few steps of a training that nobody keeps: what it needs is measured in LeRobot's own loop, on its own device.

The batches are ours: of one sample, then of twice as many each time, as long as there is surely room for the next, it
takes little time, and it is not larger than the batch that is asked for. Memory and time are taken to grow with each
sample beyond the last as they grew from the batch before to the last. On the machine's own memory a limit lets this
process fail, and not the machine; of a GPU's memory it takes only a part of what is free.
"""

from __future__ import annotations

import copy
import gc
import importlib
import logging
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState, GradientState
from lerobot.configs.train import TrainPipelineConfig
from lerobot.datasets.io_utils import load_info
from lerobot.scripts import lerobot_train
from lerobot.utils.collate import lerobot_collate_fn

from services.datasets.cameras import camera_name, picture_size
from services.folders import DataFolder
from services.live.requests import TrainRequest
from services.training import needs, outlook
from services.training.dataset_fit import unnormalized
from services.workers.training import left_out_cameras, resize
from services.workers.training.errors import out_of_memory
from services.workers.training.image_tokens import others_of, tokens_of
from services.workers.training.lerobot_hooks import hooked
from services.workers.training.loading import LoadingClock, measure
from services.workers.training.machine import usable_cores
from services.workers.training.meter import MOST_OF_IT, Meter, Step, line, steepest

ENOUGH_S = 10.0
"""Seconds after the first step after which no larger batch is tried."""
SGD, ADAM = 1, 2
"""Values that an optimizer keeps for each parameter that is learnt; every other one of LeRobot's is an Adam."""
NOWHERE = Path("/dev/null/nothing")
"""No folder, and none can be made there."""
MORE_STEPS = 100
"""More than are ever taken: the loop must not end before."""
TIMED_ITEMS = 4
"""Items that another decoder is timed with."""
STARVED = ("could not create a primitive", "can't start new thread")
FFMPEG = "FFmpeg's libraries are not installed"
DECODERS = {"pyav": "torchcodec", "torchcodec": "pyav"}

logger = logging.getLogger(__name__)


class Over(Exception):
    """Raised to leave LeRobot's loop."""


class DryRun:
    """A Watcher of LeRobot's training (services.workers.training.lerobot_hooks) that only measures.

    `found` is called with each finding; `dropped` says that nobody waits for them any more.
    """

    def __init__(
        self,
        request: TrainRequest,
        config: TrainPipelineConfig,
        found: Callable[[needs.AnyFinding], None],
        dropped: Callable[[], bool],
    ) -> None:
        self._request, self._found, self._dropped = request, found, dropped
        self._asked, self._config = config, _without_traces(config)
        self._features = load_info(Path(request.dataset_root)).features
        self._dataset: Any = None
        self._clock, self._item = LoadingClock(), dict[str, float]()
        self._meter = Meter(str(config.policy.device))
        self._steps: dict[int, Step] = {}
        self._together = request.processes if self._meter.of_machine else 1
        """How many processes share the memory and the cores; each has a GPU of its own."""
        self._batch = 1

    def run(self) -> None:
        """Measure. Raises what LeRobot raises, but for memory that ran out, which is a finding."""
        left_out = left_out_cameras.left_out(self._config, self._request.exclude_cameras, self._features)
        sys.argv = ["lerobot-train"]  # TrainPipelineConfig.validate() reads it (configs/train.py)
        with ExitStack() as stack:
            stack.callback(_forget)
            stack.enter_context(self._meter.limited())
            stack.enter_context(hooked(self))
            stack.enter_context(left_out_cameras.taken_out(left_out))
            stack.enter_context(resize.applied(resize.of(self._config.policy, self._request)))
            try:
                lerobot_train.train(self._config)
            except Over:
                pass
            except Exception as error:
                if not (out_of_memory(error) or starved(error)):
                    raise
                logger.warning("no room for a dry step: %s", error)
                self._found(self._memory(ran_out=True))

    # --- Watcher ------------------------------------------------------------------------------------

    def dataset_read(self, dataset: Any, held_out: Any) -> None:
        """Have its reader measure."""
        self._dataset = dataset
        measure(dataset, self._clock)
        self._leave_if_dropped()

    def policy_made(self, policy: Any) -> None:
        """Tell what is known without a step: parameters, pictures, the room that checkpoints take."""
        parameters = list(policy.parameters())
        learnt = [p for p in parameters if p.requires_grad]
        counts = [sum(p.numel() for p in some) for some in (parameters, learnt)]
        made = self._config.policy
        size = needs.PolicySize(policy=made.type, parameters=counts[0], trainable=counts[1], device=str(made.device))
        self._found(size)
        if pictures := self._pictures(policy):
            self._found(pictures)
        if features := unnormalized(made.type, made.input_features or {}, self._dataset.meta.stats):
            self._found(needs.Unnormalized(policy=made.type, features=features))
        self._found(self._checkpoints(policy, learnt))
        self._leave_if_dropped()

    def begins(self) -> None:
        """The loop comes next."""

    def batches(self, batches: Iterator[Any], loader: Any) -> Iterator[Any]:
        """Our own batches; a stream has no items to choose from."""
        if isinstance(self._dataset, torch.utils.data.IterableDataset):
            self._found(needs.NotMeasured(why="a stream has no items to choose from"))
            raise Over
        chosen, began = random.Random(0), time.monotonic()
        for batch in self._meter.batches(self._asked.batch_size):
            if batch not in self._steps and not self._goes_on(batch, time.monotonic() - began):
                break
            self._batch = batch
            items = [self._dataset[chosen.randrange(len(self._dataset))] for _ in range(batch)]
            if not self._steps:
                self._clock.take()  # the first pictures open files and libraries
            first = not self._steps
            self._meter.begin()
            yield self._collated(items)
            if first:  # it loads the GPU's libraries, for half a minute on a fresh machine
                began = time.monotonic()
        self._item = self._clock.take()
        if self._item.get("decodes"):
            self._found(self._decoding())
        self._found(self._memory())
        self._found(self._pace())
        raise Over

    def wants_checkpoint(self, step: int, *, due: bool) -> bool:
        """A step is done. Of several with one batch the last counts: it has nothing left to warm up."""
        self._steps[self._batch] = self._meter.end(self._batch)
        self._leave_if_dropped()
        return False

    def save(self, write: Callable[[Path], None], checkpoint: Path) -> None:
        """Nothing is saved."""

    def saved(self, checkpoint: Path) -> None:
        """Nothing is saved."""

    def logged(self, metrics: dict[str, float]) -> None:
        """Nothing is logged."""

    def held_out_measured(self, step: int, loss: float) -> None:
        """Nothing is held out."""

    # --- the next batch ------------------------------------------------------------------------------

    def _goes_on(self, batch: int, spent: float) -> bool:
        """Whether a step of this batch surely fits, and is worth its time."""
        if not self._steps:
            return True
        memory, last = self._memory(), self._steps[self._batch]
        room = memory.base + batch * memory.sample <= MOST_OF_IT * memory.available
        return room and (batch <= 2 or spent + last.seconds * batch / last.batch <= ENOUGH_S)

    def _leave_if_dropped(self) -> None:
        if self._dropped():
            raise Over

    def _collated(self, items: list[Any]) -> Any:
        """As the script's DataLoader does it."""
        collate = lerobot_collate_fn if self._dataset.meta.has_language_columns else None
        return (collate or torch.utils.data.default_collate)(items)

    # --- findings ------------------------------------------------------------------------------------

    def _pictures(self, policy: Any) -> needs.Pictures | None:
        config = self._config.policy
        names = {self._config.rename_map.get(key, key): key for key in self._features}
        pictures = []
        for key, feature in (config.input_features or {}).items():
            if feature.type.value != "VISUAL" or (name := names.get(key)) is None:
                continue
            seen = (int(feature.shape[2]), int(feature.shape[1]))
            size = picture_size(self._features[name]) or seen
            tokens = tokens_of(policy, seen)
            pictures.append(needs.Picture(camera=camera_name(name), size=size, seen=seen, tokens=tokens))
        others, raw = others_of(policy), config.type == "act"
        return needs.Pictures(pictures=tuple(pictures), others=others, resizable=raw) if pictures else None

    def _checkpoints(self, policy: Any, learnt: Sequence[Any]) -> needs.CheckpointRoom:
        stored = {t.untyped_storage().data_ptr(): t.numel() * t.element_size() for t in policy.state_dict().values()}
        kept = SGD if self._asked.optimizer and self._asked.optimizer.type == "sgd" else ADAM
        each = sum(stored.values()) + kept * sum(p.numel() * p.element_size() for p in learnt)
        trainings = DataFolder(Path(self._request.data_dir)).trainings
        folder = next(path for path in (trainings, *trainings.parents) if path.exists())
        steps = self._asked.steps
        count = outlook.checkpoints(steps, self._asked.save_freq)
        return needs.CheckpointRoom(each=each, count=count, steps=steps, free=shutil.disk_usage(folder).free)

    def _memory(self, *, ran_out: bool = False) -> needs.Memory:
        base, sample = steepest([(step.batch, float(step.peak)) for step in self._steps.values()])
        meter = self._meter
        return needs.Memory(
            device=meter.device, batch=self._asked.batch_size, tried=self._batch, available=meter.available,
            base=int(base), sample=int(sample), ran_out=ran_out,
            loaders=self._together * self._asked.num_workers * meter.loader if meter.of_machine else 0,
            processes=self._together,
        )  # fmt: skip

    def _pace(self) -> needs.Pace:
        base, sample = line([(step.batch, step.seconds) for step in self._steps.values()])
        asked, last = self._asked, self._steps[self._batch]
        return needs.Pace(
            batch=asked.batch_size, tried=self._batch, steps=asked.steps,
            update_s=self._together * (base + sample * asked.batch_size),
            update_most_s=self._together * last.seconds / last.batch * asked.batch_size,
            item_s=self._item.get("item_s", 0.0), parallel=max(1, min(asked.num_workers, usable_cores())),
            loads_beside=asked.num_workers > 0 and not self._meter.of_machine, busy=self._meter.busy,
        )  # fmt: skip

    def _decoding(self) -> needs.Decoding:
        used = str(self._asked.dataset.video_backend)
        mine, other = self._item["decode_s"] / self._item["decodes"], DECODERS.get(used, "")
        try:
            importlib.import_module({"pyav": "av"}.get(other, other))
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            return needs.Decoding(decoder=used, picture_s=mine, other=other, missing=_why_missing(error))
        reader = self._dataset.reader
        reader._video_backend = other
        try:
            for index in range(TIMED_ITEMS + 1):
                self._dataset[index * len(self._dataset) // (TIMED_ITEMS + 1)]
                if not index:
                    self._clock.take()
            item = self._clock.take()
        except Exception as error:  # it may fail in any way: what is asked for works
            return needs.Decoding(decoder=used, picture_s=mine, other=other, missing=_why_missing(error))
        finally:
            reader._video_backend = used
        return needs.Decoding(decoder=used, picture_s=mine, other=other, other_s=item["decode_s"] / item["decodes"])


def starved(error: Exception) -> bool:
    """Whether libraries say so that they got no memory, under a limit."""
    return any(text in str(error) for text in STARVED)


def _why_missing(error: Exception) -> str:
    """Why a decoder does not work: the first line of its error, which may be a page, or that FFmpeg is missing."""
    if "libavutil" in str(error):
        return FFMPEG
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)


def _without_traces(config: TrainPipelineConfig) -> TrainPipelineConfig:
    """A copy that loads in this process, and writes and sends nothing."""
    own = copy.deepcopy(config)
    own.num_workers, own.log_freq, own.eval_steps, own.env_eval_freq = 0, 0, 0, 0
    own.steps = max(own.steps, MORE_STEPS)
    own.output_dir, own.save_checkpoint, own.wandb.enable = NOWHERE, False, False
    return own


def _forget() -> None:
    """Give back what the steps took; the next ones may be on another device."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
