"""The error raised by an operation that cannot be done, and checks that collect several of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """An argument of the operation, and perhaps its value, in a sentence: the shell and a form each have a name for it.

    `name` is the argument's own, such as `exclude_episodes`.
    """

    name: str
    value: str = ""


Sentence = str | tuple[str | Option, ...]
_FLAGS = {"settings": "--set", "exclude_tags": "--exclude-tag"}
"""Flags that are not called as their argument is."""


def flag(option: Option) -> str:
    """What the shell calls it: `--exclude-episodes 11,26`."""
    name = _FLAGS.get(option.name) or f"--{option.name.replace('_', '-')}"
    return f"{name} {option.value}" if option.value else name


def in_shell(sentence: Sentence) -> str:
    """The sentence with its options as flags."""
    return _said(sentence, flag)


def _said(sentence: Sentence, call: Callable[[Option], str]) -> str:
    return "".join(part if isinstance(part, str) else call(part) for part in sentence)


class Refusal(Exception):
    """An operation cannot be done. The message is one sentence: what, why, and what to do instead.

    `argument` is the one of the operation's arguments that is to be mended; empty if none is. `str` has the sentence as
    the shell says it, `said` as somebody else does.
    """

    def __init__(self, message: Sentence, argument: str = "") -> None:
        super().__init__(in_shell(message))
        self._sentence, self.argument = message, argument

    def said(self, call: Callable[[Option], str]) -> str:
        """The sentence, with its options as `call` names them."""
        return _said(self._sentence, call)


class Checks:
    """Runs checks, each of one argument: the first Refusal is raised, or all are collected for a form.

    `refused` has what was refused so far, by argument; of two about one argument the first stays. `call` names options.
    """

    def __init__(self, *, collect: bool = False, call: Callable[[Option], str] = flag) -> None:
        self.refused: dict[str, str] = {}
        self._collect, self._call = collect, call

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
            self.refused.setdefault(refusal.argument, refusal.said(self._call))
            return None


MOST = 1_000_000_000
"""The largest count or duration that makes sense anywhere, far within what JSON and the log can hold."""
MOST_SEED = 2**32 - 1
"""numpy's largest seed."""


def check_number(name: str, value: float, least: float, most: float = MOST) -> None:
    """Raises Refusal unless `least <= value <= most`; NaN is refused."""
    if not value >= least:
        raise Refusal(f"{name} must be at least {least:.3g}, not {_shown(value)}")
    if value > most:
        raise Refusal(f"{name} must be at most {most:.10g}, not {_shown(value)}")


def _shown(value: float) -> str:
    """In a few digits; a whole number may be too large even for that."""
    try:
        return f"{value:g}"
    except OverflowError:
        return f"a number of {len(str(abs(int(value)))):,} digits"
