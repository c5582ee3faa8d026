"""Recorded motion, played again on a fresh simulated bench: did it really move the cube?"""

from __future__ import annotations

from pathlib import Path

import numpy as np


def puts_the_cube_into_the_bowl(root: Path, *, episode: int, seed: int, take: int) -> bool:
    """Send the episode's recorded actions to a bench of the same seed; the oracle's word.

    The cube of take `take` lies where it lay when the episode was recorded.
    """
    import pyarrow.parquet as pq

    from services.sim.lockstep import LockstepWorld
    from services.sim.settings import SimSettings

    table = pq.read_table(sorted((root / "data").rglob("*.parquet"))[episode])
    actions = np.array(table["action"].to_pylist(), dtype=np.float64)
    states = np.array(table["observation.state"].to_pylist(), dtype=np.float64)
    world = LockstepWorld(SimSettings(seed=seed), 30)
    world.set_torque(True)
    start = np.array(world.joints())
    for share in np.linspace(0, 1, 90):
        world.command((start + (states[0] - start) * share).tolist())
    for _ in range(30):
        world.command(states[0].tolist())
    world.take_started(take)
    assert not world.state().cube_in_bowl
    for action in actions:
        world.command(action.tolist())
    for _ in range(30):
        world.command(actions[-1].tolist())
    return bool(world.state().cube_in_bowl)
