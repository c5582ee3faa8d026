"""How far the terminal is behind what the console has drawn; written by the terminal's driver, shown by the frame."""

from __future__ import annotations

from dataclasses import dataclass

WORTH_SAYING_S = 1.0
"""The shortest lag that the header mentions."""


@dataclass
class LinkState:
    """One per console, held by the app: `LabConsole.link_state`. The driver assigns the numbers on the event loop.

    `behind_s`: age in s of the newest output that the terminal has not taken yet; 0 while it keeps up.
    `bytes_per_s`: bytes written to the terminal per second, over the last few seconds.
    `takes_per_s`: bytes per second that the link was seen to take lately; 0 if that is not known.
    """

    behind_s: float = 0.0
    bytes_per_s: float = 0.0
    takes_per_s: float = 0.0

    @property
    def lags(self) -> bool:
        """Whether the screen is so late that the operator has to know."""
        return self.behind_s >= WORTH_SAYING_S
