"""What is known of a training where it is compared with others: from its events, its curves, or what was written down.

None and empty mean: not recorded. Nothing is guessed; what is computed (epochs, the rest of a step) follows from facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any

from services.log.headline import seconds as seconds_taken
from services.units import plural, size
from sessions.document import Session, Training
from sessions.models import SessionStatus

if TYPE_CHECKING:
    from services.training.curves import Curves
    from services.training.history import Run


class State(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    """In order, before its last step."""
    ABORTED = "aborted"
    CRASHED = "crashed"
    FOUND = "found in outputs/"
    """A folder of checkpoints that no session of this log made."""
    WATCHED = "watched"
    """Started elsewhere, and followed by `lab-console watch`."""
    NOT_BEGUN = "made no step"


LOSSES = {
    "act": "L1 + KL",
    "smolvla": "flow matching (mean squared error)",
    "pi0": "flow matching (mean squared error)",
    "pi05": "flow matching (mean squared error)",
    "diffusion": "denoising (mean squared error)",
}
"""What LeRobot's policies log as `loss` (policies/*/modeling_*.py, 0.6.1); tests/lerobot_seams looks there."""


@dataclass(frozen=True)
class RunFacts:
    """One run. Times in seconds; `rounded` is whether its figures are as somebody wrote them down.

    `decoded` is how many cameras' videos are decoded for each sample. `step_s` is the least and the most of a step.
    """

    id: str
    name: str
    key: str = ""
    origin: str = ""
    state: State = State.NOT_BEGUN
    rounded: bool = False
    policy: str = ""
    dataset: str = ""
    episodes: int | None = None
    episodes_total: int | None = None
    frames: int | None = None
    cameras: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()
    decoded: int | None = None
    images: str = ""
    batch: int | None = None
    steps: int = 0
    wanted: int = 0
    resumed: tuple[int, ...] = ()
    epochs: float | None = None
    loss: float | None = None
    loss_step: int | None = None
    loss_kind: str = ""
    diverged: bool = False
    lr_start: float | None = None
    lr_end: float | None = None
    schedule: str = ""
    grad_norm: float | None = None
    step_s: tuple[float, ...] = ()
    update_s: float | None = None
    data_s: float | None = None
    took_s: float | None = None
    checkpoints: int = 0
    checkpoint_bytes: int | None = None
    hardware: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()
    """The keys of LeRobot's configuration that the operator set; a whole group is one key."""

    @property
    def title(self) -> str:
        """Its name; with its key in the file that it was imported from, if that is another one."""
        return self.name if not self.key or self.key == self.name else f"{self.key} {self.name}"

    @property
    def short(self) -> str:
        """What it is called in a sentence."""
        return self.key or self.name

    @property
    def cut_short(self) -> bool:
        """Whether steps are left that were wanted."""
        return 0 < self.steps < self.wanted

    @property
    def held_out_measured(self) -> int | None:
        """How often the loss of held-out episodes was measured; None if the settings are not known."""
        every = self.settings.get("eval_steps", "")
        if not every.isdecimal():
            return None
        held_out = self.settings.get("dataset.eval_split", "0.0") not in ("0", "0.0")
        return self.steps // int(every) if held_out and int(every) else 0

    @property
    def step_mean(self) -> float | None:
        """Seconds of a step: as measured or written down, the middle of two figures."""
        return sum(self.step_s) / len(self.step_s) if self.step_s else None

    @property
    def update_or_rest(self) -> float | None:
        """Seconds of a step's update, or else of a step less its data time."""
        if self.update_s is not None:
            return self.update_s
        return self.step_mean - self.data_s if self.step_mean is not None and self.data_s is not None else None


def facts(run: Run, training: Training | None, curves: Curves | None) -> RunFacts:
    """The facts of a run that was opened; `curves` have been read."""
    session = run.session
    imported = session.started.imported if session else ""
    made: dict[str, Any] = {
        "id": run.id, "name": run.name, "policy": run.policy, "dataset": run.dataset, "steps": run.reached,
        "wanted": run.steps, "origin": imported, "key": session.started.import_key if session and imported else "",
        "state": _state(run, training), "rounded": bool(imported),
        "took_s": (seconds_taken(session) or None) if session else None, "edited": _edited(session),
    }  # fmt: skip
    if training is None:
        return RunFacts(**made, settings={})
    made |= _data(training) | _schedule(training) | _measured(training, curves, rounded=bool(imported))
    saved = training.checkpoints
    sizes = [each.bytes for each in saved if each.bytes]
    known, config = training.started.recorded, training.started.config
    hardware = known.hardware if known else _hardware(training, session)
    made |= {
        "resumed": known.resumed_at if known else tuple(part.step for part in training.resumed),
        "checkpoints": len(saved), "hardware": hardware,
        "checkpoint_bytes": sizes[-1] if sizes else None, "settings": flat(config),
        "loss_kind": (known.loss if known else "") or loss_kind(training.started.policy, config),
    }  # fmt: skip
    if not made["took_s"] and session is not None and session.ended is None:
        made["took_s"] = max(0.0, training.progressed_at - session.started.at - training.paused_s) or None
    return RunFacts(**made)


def _edited(session: Session | None) -> frozenset[str]:
    request = session.request if session else None
    return frozenset(text.partition("=")[0] for text in getattr(request, "settings", ()))


def _hardware(training: Training, session: Session | None) -> str:
    """`NVIDIA H100 80GB HBM3, 85 GB on bench1`; `cpu, 16 cores` without a GPU; an older file knows the device only."""
    has, device = training.started.hardware, training.started.device
    if has is not None and has.gpu:
        device = f"{has.gpu}, {size(has.gpu_memory)}"
    elif has is not None and has.cores:
        device = f"{device}, {plural(has.cores, 'core')}"
    return " on ".join(filter(None, (device, session.host if session else "")))


def _state(run: Run, training: Training | None) -> State:
    if run.watched:
        return State.WATCHED
    if run.foreign:
        return State.FOUND
    if run.status is SessionStatus.RUNNING:
        return State.RUNNING
    if training is None or not run.reached:
        return State.NOT_BEGUN
    if run.status is SessionStatus.FINISHED:
        return State.STOPPED if run.reached < run.steps else State.FINISHED
    return State.CRASHED if run.status is SessionStatus.CRASHED else State.ABORTED


# -- data -------------------------------------------------------------------------------------------


def _data(training: Training) -> dict[str, Any]:
    facts_ = training.started
    foreign = facts_.recorded is None and not facts_.frames  # a folder tells only its configuration
    cameras = facts_.cameras or (tuple(_images(facts_.config)) if foreign else ())
    unknown = not cameras and (foreign or facts_.recorded is not None)
    return {
        "episodes": len(facts_.episodes) or None, "episodes_total": facts_.episodes_total or None,
        "frames": facts_.frames or None, "batch": facts_.samples_per_step or None,
        "cameras": None if unknown else cameras, "left_out": facts_.excluded_cameras,
        "decoded": None if unknown else decoded(training, foreign=foreign),
        "images": facts_.recorded.images if facts_.recorded else image_size(facts_.config),
        "epochs": training.epochs or None,
    }  # fmt: skip


def decoded(training: Training, *, foreign: bool = False) -> int | None:
    """How many cameras are decoded for a sample; None if it is not known.

    LeRobot 0.6.1 decodes every video of the dataset (datasets/dataset_reader.py), so a camera that is left out of the
    policy's inputs counts unless the session says that it was not decoded.
    """
    started = training.started
    if not started.excluded_cameras:
        return None if foreign or not started.cameras else len(started.cameras)
    left_out_decoded = started.left_out_decoded
    if left_out_decoded is None:
        if started.recorded is not None:
            return None
        left_out_decoded = True
    return len(started.cameras) + (len(started.excluded_cameras) if left_out_decoded else 0)


def _images(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the pictures among a policy's inputs, in LeRobot's configuration."""
    inputs = _part(_part(config, "policy"), "input_features")
    found = {}
    for key, feature in inputs.items():
        if isinstance(feature, Mapping) and feature.get("type") == "VISUAL":
            shape = feature.get("shape")
            found[str(key).rpartition(".")[2]] = tuple(shape) if isinstance(shape, list | tuple) else ()
    return found


def image_size(config: Mapping[str, Any]) -> str:
    """`640x480`, or `512x512` of a policy that resizes its pictures itself; empty if unknown."""
    policy = _part(config, "policy")
    for key, wide, high in (("resize_imgs_with_padding", 0, 1), ("resize_shape", 1, 0)):  # diffusion: rows first
        resized = policy.get(key)
        if isinstance(resized, list | tuple) and len(resized) == 2:
            return f"{resized[wide]}x{resized[high]}"
    sizes = {f"{shape[2]}x{shape[1]}" for shape in _images(config).values() if len(shape) == 3}
    return ", ".join(sorted(sizes))


def _part(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = config.get(key)
    return found if isinstance(found, Mapping) else {}


# -- schedule and loss --------------------------------------------------------------------------------


def _schedule(training: Training) -> dict[str, Any]:
    known, config = training.started.recorded, training.started.config
    if known is not None:
        return {"lr_start": known.lr_start, "schedule": known.schedule}
    scheduler, lr = _part(config, "scheduler"), _part(config, "optimizer").get("lr")
    name = str(scheduler.get("type") or "").replace("_", " ")
    if scheduler.get("type") == "diffuser":
        name = str(scheduler.get("name") or "")
    warmup = scheduler.get("num_warmup_steps")
    constant = "constant" if "scheduler" in config and not scheduler else ""
    return {
        "lr_start": float(lr) if isinstance(lr, int | float) else None,
        "schedule": (f"{name}, {warmup:,} warm-up steps" if isinstance(warmup, int) and warmup else name) or constant,
    }  # fmt: skip


def loss_kind(policy: str, config: Mapping[str, Any]) -> str:
    """What the policy's loss is; empty for a policy whose loss is not known here."""
    if policy == "act" and _part(config, "policy").get("use_vae") is False:
        return "L1"
    return LOSSES.get(policy, "")


# -- measured -----------------------------------------------------------------------------------------


def _measured(training: Training, curves: Curves | None, *, rounded: bool) -> dict[str, Any]:
    """The last values, and of our own runs the mean seconds of all log points: one of them is noisy."""
    metrics, known = training.metrics, training.started.recorded
    update, data = metrics.get("update_s"), metrics.get("dataloading_s")
    made: dict[str, Any] = {"lr_end": metrics.get("lr"), "grad_norm": metrics.get("grad_norm")}
    if curves is not None and len(curves):
        made |= _last(curves, metrics)
        if not rounded:
            update, data = _mean(curves, "update_s", update), _mean(curves, "dataloading_s", data)
    elif training.loss is not None:
        made |= {"loss": training.loss, "loss_step": training.step}
    else:
        made["diverged"] = training.points > 0
    step_s = known.step_s if known else ()
    if not step_s and update is not None and data is not None:
        step_s = (update + data,)
    return made | {"update_s": update, "data_s": data, "step_s": tuple(dict.fromkeys(step_s))}


def _last(curves: Curves, metrics: Mapping[str, float]) -> dict[str, Any]:
    """The last point's loss with its step, and whether it is no number."""
    reading = curves.reading(-1)
    if reading is None:
        return {}
    values = reading.values
    loss = values.get("loss")
    found: dict[str, Any] = {"loss": loss, "loss_step": reading.step, "diverged": loss is None}
    for key, name in (("lr_end", "lr"), ("grad_norm", "grad_norm")):
        found[key] = metrics.get(name, values.get(name))
    return found


def _mean(curves: Curves, column: str, last: float | None) -> float | None:
    import numpy as np

    values = curves.column(column)
    values = values[np.isfinite(values)]
    mean = float(values.mean()) if len(values) else last
    return mean if mean is not None and isfinite(mean) else None


# -- settings -----------------------------------------------------------------------------------------

NOT_SETTINGS = (
    "output_dir", "job_name", "job", "wandb", "eval", "env", "steps", "batch_size", "save_freq", "log_freq",
    "optimizer.lr", "dataset.root", "dataset.repo_id", "dataset.episodes",
    "policy.type", "policy.input_features", "policy.output_features", "policy.repo_id", "policy.push_to_hub",
    "policy.device", "resume", "checkpoint_path", "config_path", "scheduler", "policy.resize_imgs_with_padding",
)  # fmt: skip
"""Keys of LeRobot's configuration that have a row of their own, or say nothing about the training."""


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """LeRobot's configuration with dots in its keys, without those of NOT_SETTINGS."""
    found: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if name in NOT_SETTINGS:
            continue
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}.")
        else:
            found[name] = "null" if value is None else str(value)
    return found
