"""The error raised by an operation that cannot be done, and checks that collect several of them."""

from __future__ import annotations

from collections.abc import Callable


class Refusal(Exception):
    """An operation cannot be done. The message is one sentence: what, why, and what to do instead.

    `argument` is the one of the operation's arguments that is to be mended; empty if none is.
    """

    def __init__(self, message: str, argument: str = "") -> None:
        super().__init__(message)
        self.argument = argument


class Checks:
    """Runs checks, each of one argument: the first Refusal is raised, or all are collected for a form.

    `refused` has what was refused so far, by argument; of two about one argument the first stays.
    """

    def __init__(self, *, collect: bool = False) -> None:
        self.refused: dict[str, str] = {}
        self._collect = collect

    def run[**P, Result](
        self, argument: str, check: Callable[P, Result], *args: P.args, **kwargs: P.kwargs
    ) -> Result | None:
        """The result of a check; None if it refused and refusals are collected, else raises its Refusal."""
        try:
            return check(*args, **kwargs)
        except Refusal as refusal:
            refusal.argument = refusal.argument or argument
            if not self._collect:
                raise
            self.refused.setdefault(refusal.argument, str(refusal))
            return None


MOST = 1_000_000_000
"""The largest count or duration that makes sense anywhere, far within what JSON and the log can hold."""
MOST_SEED = 2**32 - 1
"""numpy's largest seed."""


def check_number(name: str, value: float, least: float, most: float = MOST) -> None:
    """Raises Refusal unless `least <= value <= most`; NaN is refused."""
    if not value >= least:
        raise Refusal(f"{name} must be at least {least:.3g}, not {value:g}")
    if value > most:
        raise Refusal(f"{name} must be at most {most:.10g}, not {value:g}")
