"""Cameras that are left out or mapped, in the worker: asked of the devices, of the dataset, and of the actions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from services.live.link import Link
from sessions.models import SessionStatus
from tests.support.evaluating import checkpoint, evaluating, trial
from tests.support.rig import Rig, finish

SIZE = (96, 72)


async def recorded(rig: Rig, name: str, camera: str, **options: Any) -> tuple[Any, Any, Any]:
    """(what the bench said of itself, the end, the actions) of a trial by a policy whose camera has this name."""
    policy = checkpoint(rig, name, cube=False, cameras={camera: SIZE}, seed=3)
    link: Link
    async with evaluating(rig, rig.small(), policy=policy, trial_seconds=0.7, seed=5, **options) as link:
        began = link.snapshot
        await trial(link)
        state = await finish(link)
    from lerobot.datasets import LeRobotDataset

    root = Path(state.started.dataset_root)
    dataset = LeRobotDataset(state.started.dataset, root=root, video_backend="pyav")
    return began, (state, dataset.meta), np.stack(dataset.hf_dataset.with_format("numpy")[:]["action"])


async def test_a_mapped_camera_acts_as_under_its_own_name_and_one_left_out_is_not_opened(quick_rig: Rig) -> None:
    _, _, own = await recorded(quick_rig, "own", "wrist")
    began, (state, meta), mapped = await recorded(
        quick_rig, "other", "top", camera_map="top=wrist", left_out_cameras="overhead"
    )
    assert len(own) == 21 and np.array_equal(own, mapped), "bit for bit"
    assert np.abs(np.diff(own, axis=0)).max() > 0.1
    assert began.connected.cameras == ("wrist",) and began.policy.cameras == ("wrist",)
    (slot,) = began.policy.slots
    assert (slot.name, slot.camera, slot.gives, slot.mapped) == ("top", "wrist", SIZE, True)
    assert meta.camera_keys == ["observation.images.wrist"], "the dataset keeps the names of the bench"
    assert state.status is SessionStatus.FINISHED and not state.alarms
