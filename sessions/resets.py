"""What the arm does between trials."""

from __future__ import annotations

from sessions.open_enum import OpenEnum


class Reset(OpenEnum):
    """Where a verdict sends the arm; by the leader it stays where it is, until a key has it follow the leader."""

    RETURN = "return"
    """To rest."""
    HOME = "home"
    """To where the demonstrations began."""
    LEADER = "leader"


def name(reset: Reset, *, direct: bool, rests: bool) -> str:
    """The reset in a column: `return`, `none`, `home`, `home direct`, `leader`."""
    if reset is Reset.RETURN and not rests:
        return "none"
    return f"{reset} direct" if direct else str(reset)


def words(reset: Reset, *, direct: bool, rests: bool) -> str:
    """The reset in a table of results; `rests` is whether a rest pose is taught, `direct` that none is passed."""
    named = {
        Reset.RETURN: "return to rest" if rests else "none: no rest pose is taught",
        Reset.HOME: "home, directly" if direct else "home, by the rest pose",
        Reset.LEADER: "by the leader",
    }
    return named.get(reset, str(reset))
