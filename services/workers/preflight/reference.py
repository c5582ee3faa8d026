"""What is known of the data that a policy learnt from, as the checks want it; and the bench now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from services.checkpoints.checkpoint import JOINTS, Checkpoint
from services.datasets.cameras import camera_name
from services.evaluation.preflight.facts import Live, Reference, Setting
from services.evaluation.preflight.pictures import Look, look
from services.folders import DataFolder
from services.live.requests import EvalRequest
from services.workers.preflight.reading import Ask, read
from services.workers.preflight.recorded_frames import Shown, cameras_of
from services.workers.preflight.settings import settings_then
from services.workers.preflight.training_data import TrainingData, Unreachable, learnt_of, root_of, why_unreadable

DEAF = ("act", "diffusion", "vqbet", "tdmpc")
"""Policies of LeRobot that never see the task's text."""


def read_reference(
    checkpoint: Checkpoint, cameras: Mapping[str, str], data_dir: str, ask: Ask | None = None
) -> tuple[Reference, TrainingData | None]:
    """Everything that is known of its training, and the data where they can be reached.

    `cameras` are its pictures: the values are their names in the training. `ask` has the data read.
    """
    known, folder = checkpoint.provenance, DataFolder(Path(data_dir))
    learnt = learnt_of(checkpoint)
    reference = Reference(dataset=known.dataset, fps=known.fps, tasks=known.tasks, episodes=len(learnt))
    try:
        root = root_of(checkpoint, folder.datasets)
        data = read(root, learnt, tuple(cameras.values()), ask)
    except Unreachable as problem:
        settings = settings_then(None, (), known, folder)
        return replace(reference, problem=str(problem), settings=settings), None
    except Exception as error:  # anybody's files, and libraries that may raise anything
        return replace(reference, problem=why_unreadable(error)), None
    return _with(reference, data, settings_then(root, learnt, known, folder)), data


def _with(reference: Reference, data: TrainingData, settings: list[Setting]) -> Reference:
    joints, states = data.named(JOINTS), data.all_of(JOINTS)
    states = states[np.isfinite(states).all(axis=1)]  # a range that ends at no number would have every pose in it
    if not states.size or len(joints) != states.shape[1]:
        joints = []
    firsts = [each.values[JOINTS][0] for each in data.episodes if JOINTS in each.values]
    starts = [first.tolist() for first in firsts if np.isfinite(first).all()]
    low, high = (states.min(axis=0).tolist(), states.max(axis=0).tolist()) if joints else ([], [])
    return replace(
        reference,
        dataset=reference.dataset or data.root.name,
        fps=data.fps or reference.fps,
        tasks=data.tasks or reference.tasks,
        episodes=reference.episodes or len(data.episodes),
        slots=data.slots,
        unseen=data.unseen,
        low=dict(zip(joints, low, strict=True)),
        high=dict(zip(joints, high, strict=True)),
        starts=[dict(zip(joints, start, strict=True)) for start in starts] if joints else (),
        settings=settings,
    )


def live(request: EvalRequest, checkpoint: Checkpoint, pose: Mapping[str, float], setting: Setting) -> Live:
    """The bench now, but for its pictures, and what is asked of it."""
    return Live(
        task=request.task,
        fps=request.fps,
        reads=checkpoint.policy not in DEAF,
        pose=dict(pose),
        setting=setting,
        gripper=request.profile.motion.gripper,
    )


def pictures_of(
    checkpoint: Checkpoint, shown: Shown, observation: Mapping[str, Any]
) -> tuple[dict[str, Look], dict[str, str]]:
    """What the policy's cameras show, by their names in its training, and why one shows nothing."""
    pictures, dark = dict[str, Look](), dict[str, str]()
    for name, theirs in cameras_of(checkpoint, shown).items():
        picture = observation.get(camera_name(name))
        if picture is None:
            dark[theirs] = f"camera {camera_name(name)} gives no picture"
        elif getattr(picture, "ndim", 0) == 3 and picture.shape[2] == 3:
            pictures[theirs] = look(np.asarray(picture, np.uint8))
    return pictures, dark
