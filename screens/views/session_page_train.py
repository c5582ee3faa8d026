"""What the log knows of a training: from which demonstrations, how far, to which loss, and what it left. Pure."""

from __future__ import annotations

from textual.content import Content

from screens.views.page_rows import fact
from screens.views.signs import clean, signs
from screens.views.training import checkpoint_row
from services.log.headline import policy_of
from services.units import plural, value
from sessions.models import Session, Training


def trained(session: Session) -> list[Content]:
    """The rows of a training's page, between its start and its notes."""
    training = session.training
    rows = [fact("policy", *_policy(session)), fact("dataset", (clean(session.dataset), "bold"))]
    if session.dataset_root:
        rows.append(fact("", (clean(session.dataset_root), "$quiet")))
    if training is None:
        steps = session.config.get("steps")
        asked = f"none of {steps:,} was made" if isinstance(steps, int) else "none was made"
        return [*rows, fact("steps", asked), *_settings(session)]
    rows += [*_learnt_from(training), *_how_far(training), *_settings(session)]
    return [*rows, fact("output", clean(training.output_dir)), *_checkpoints(training)]


def _policy(session: Session) -> list[str | tuple[str, str]]:
    training, dot = session.training, f" {signs().dot} "
    words: list[str | tuple[str, str]] = [(clean(policy_of(session)), "bold")]
    if training is not None and training.parameters:
        size = f"{training.parameters / 1e6:.1f} M" if training.parameters >= 1e5 else f"{training.parameters:,}"
        words.append(f"{dot}{size} parameters")
    return [*words, f"{dot}on {clean(training.device, 20)}"] if training is not None and training.device else words


def _learnt_from(training: Training) -> list[Content]:
    """Episodes, cameras and what was left out."""
    used, total = len(training.episodes), training.episodes_total
    left_out = f", {total - used} left out" if used < total else ""
    frames = f" {signs().dot} {training.frames:,} frames" if training.frames else ""
    cameras = ", ".join(clean(camera, 30) for camera in training.cameras) or "none"
    without = ", ".join(clean(camera, 30) for camera in training.excluded_cameras)
    return [
        fact("learnt from", f"{used} of {plural(total, 'episode')}{left_out}{frames}"),
        fact("cameras", cameras, (f"  without {without}" if without else "", "$warning")),
    ]


def _how_far(training: Training) -> list[Content]:
    dot, metrics = f" {signs().dot} ", training.metrics
    total = f" of {training.total_steps:,}" if training.steps < training.total_steps else ""
    steps = [
        f"{training.steps:,}{total}", f"{training.epochs:.1f} epochs", f"{training.samples:,} samples",
        f"batch size {training.batch_size}",
    ]  # fmt: skip
    rows = [fact("steps", dot.join(steps))]
    if training.final_loss is not None:
        more = (("lr", "learning rate"), ("grad_norm", "gradient norm"))
        words = [f"{name} {value(metrics[key])}" for key, name in more if key in metrics]
        rows.append(fact("loss", (value(training.final_loss), "bold"), "".join(f"{dot}{word}" for word in words)))
    update, data = metrics.get("update_s"), metrics.get("dataloading_s")
    if update is not None and data is not None:
        split = f" = {value(update)} update + {value(data)} data, mean at the last log point"
        rows.append(fact("step time", f"{value(update + data)} s", (split, "$quiet")))
    return rows


def _settings(session: Session) -> list[Content]:
    """Keys of LeRobot's that the operator set."""
    settings = session.config.get("settings") or ()
    return [fact("set" if at == 0 else "", clean(text)) for at, text in enumerate(settings)]


def _checkpoints(training: Training) -> list[Content]:
    """Each with its step, its size, when it was saved, how long that took, and its loss."""
    rows = [checkpoint_row(checkpoint) for checkpoint in training.checkpoints] or [Content.styled("none", "$quiet")]
    return [fact("" if at else "checkpoints", row) for at, row in enumerate(rows)]
