"""What happens to a dataset before its first take: claimed, prepared or repaired, opened with LeRobot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lerobot.configs import RGBEncoderConfig
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from services.datasets.claim import Claim, Claimed
from services.datasets.lock import DatasetBusy, DatasetProblem
from services.text import clean
from services.workers.dataset import lerobot_hooks
from services.workers.dataset.create import create_dataset, refuse_differences, refuse_statistics
from services.workers.dataset.encoder_settings import EncoderSettings
from services.workers.dataset.recovery import Recovery, repair
from services.workers.dataset.survey import Survey


def claim_dataset(root: Path, session: str) -> Claim:
    """The claim on the folder. Raises DatasetBusy naming the recording that has it, OSError."""
    try:
        return Claim(root, session)
    except Claimed as claimed:
        raise DatasetBusy(f"dataset {root.name}: {clean(str(claimed))}") from claimed


def prepare(
    survey: Survey, repo_id: str, fps: int, features: dict[str, dict[str, Any]], robot_type: str | None, *, resume: bool
) -> Recovery | None:
    """Make the folder ready for the next episode: repaired if it has episodes, else created anew."""
    root, whole = survey.root, survey.episodes + len(survey.beyond)
    if not whole:
        return create_dataset(root, repo_id, fps, features, robot_type)
    if not resume:
        raise DatasetProblem(
            f"dataset {root.name} exists with {whole} episodes: append to it (--resume) or choose another name"
        )
    refuse_differences(root, survey.info, fps, robot_type, features)
    refuse_statistics(root)
    return None if survey.healthy else repair(survey)


def opener(
    root: Path, repo_id: str, config: RGBEncoderConfig, encoder: EncoderSettings
) -> Callable[[], LeRobotDataset]:
    """A function that opens LeRobot's dataset at `root` for the next episode, always with the same encoder."""

    def reopen() -> LeRobotDataset:
        with lerobot_hooks.last_episode_only():
            return LeRobotDataset.resume(
                repo_id,
                root=root,
                video_backend="pyav",
                rgb_encoder=config,
                encoder_threads=encoder.threads,
                streaming_encoding=True,
                encoder_queue_maxsize=encoder.queue,
            )

    return reopen
