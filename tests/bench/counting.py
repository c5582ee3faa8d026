"""What a part of the fault campaign counts, and the chance by which its moments are chosen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

chance = random.Random(9)


@dataclass
class Count:
    """What became of one part's tries."""

    tried: int = 0
    acknowledged: int = 0
    lost: int = 0
    hung: int = 0
    notes: list[str] = field(default_factory=list)

    def check(self, kept: bool, what: str) -> None:
        """One acknowledged fact, and whether it is there."""
        self.acknowledged += 1
        if not kept:
            self.lost += 1
            self.notes.append(f"lost: {what}")

    def hang(self, what: str) -> None:
        """Something did not end in its time."""
        self.hung += 1
        self.notes.append(f"hung: {what}")


@asynccontextmanager
async def within(count: Count, seconds: float, what: str) -> AsyncIterator[None]:
    """Counts as hung what takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        count.hang(what)
