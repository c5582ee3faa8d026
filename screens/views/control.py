"""Who drives a session now, and who did: the sentence for the consoles that see it change. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from screens.views import keys
from services.tone import Tone


@dataclass(frozen=True)
class Driver:
    """The driver's name, cleaned (empty: nobody drives), and whether it is this console."""

    name: str
    here: bool


def change(before: Driver, now: Driver) -> tuple[str, Tone] | None:
    """What to announce; None if nothing changed hands. A driver that is gone is announced by the banner."""
    if before.here and not now.here and now.name:
        back = f"{keys.TAKE_OVER} takes control back"
        return f"{now.name} has taken control; this console only watches: {back}", Tone.WARNING
    if now.here and not before.here:
        from_whom = f"; {before.name} only watches now" if before.name else ""
        return f"you have control{from_whom}", Tone.SUCCESS
    if now.name and before.name and now.name != before.name and not now.here:
        return f"{now.name} has taken control from {before.name}", Tone.ACCENT
    return None
