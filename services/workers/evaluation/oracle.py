"""The simulated bench's judge, which knows where the cube is."""

from __future__ import annotations

from services.sim.client import World

STEADY_S = 0.5
"""Seconds the cube must stay in the bowl, so that one that rolls through does not count."""


class Oracle:
    """Called once per control period. Raises ConnectionError if the bench is gone."""

    def __init__(self, fps: int) -> None:
        self._needed = max(1, round(STEADY_S * fps))
        self._steady = 0
        self._world: World | None = None

    def begin(self) -> None:
        """Start counting for a new trial."""
        self._steady = 0

    def success(self) -> bool:
        """Whether the cube has been in the bowl for STEADY_S. Call once per period."""
        if self._world is None:
            from services.sim import bench  # only a simulated bench has an oracle

            self._world = bench.open_world()
        self._steady = self._steady + 1 if self._world.state().cube_in_bowl else 0
        return self._steady >= self._needed

    @property
    def in_bowl(self) -> bool:
        """Whether the cube was in the bowl in the last period."""
        return self._steady > 0

    def close(self) -> None:
        """Disconnect from the bench."""
        if self._world is not None:
            self._world.close()
            self._world = None
