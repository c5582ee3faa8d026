"""The judge of the simulated bench: it knows where the cube is."""

from __future__ import annotations

from services.sim.client import World

STEADY_S = 0.5
"""How long the cube has to lie in the bowl, so that one that rolls through is no success."""


class Oracle:
    """Looks once per control period. Raises ConnectionError when the bench is gone."""

    def __init__(self, fps: int) -> None:
        self._needed = max(1, round(STEADY_S * fps))
        self._steady = 0
        self._world: World | None = None

    def begin(self) -> None:
        """A trial begins."""
        self._steady = 0

    def success(self) -> bool:
        """Whether the cube has lain in the bowl for long enough."""
        if self._world is None:
            from services.sim import bench  # only a simulated bench has an oracle

            self._world = bench.open_world()
        self._steady = self._steady + 1 if self._world.state().cube_in_bowl else 0
        return self._steady >= self._needed

    def close(self) -> None:
        """Let the bench go."""
        if self._world is not None:
            self._world.close()
            self._world = None
