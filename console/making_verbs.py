"""What the verbs of the command line are made with."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from typing import Any, NoReturn

from console.exit import BAD_USAGE, complain
from services.text import brief, without_long_runs

type Verbs = argparse._SubParsersAction[Parser]


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, as the verbs themselves do, and where it is told how."""

    rewritten: Callable[[list[str], Collection[str]], list[str]] | None = None
    """Makes flags that are declared of those that cannot be; gets the arguments and all declared flags."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, of the rewritten arguments."""
        words = self.rewritten(args, self._option_string_actions) if self.rewritten and args else args
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Leave with bad usage."""
        verb = self.prog.partition(" ")[2]
        said = without_long_runs(message.removeprefix("argument "))
        complain(f"{verb}: {said}; `{self.prog} --help` says how" if verb else f"{said}; `{self.prog} --help` says how")
        raise SystemExit(BAD_USAGE)


def whole(text: str) -> int:
    """The whole number that a flag has."""
    return _number(text, int, "a whole number")


def number(text: str) -> float:
    """The number that a flag has."""
    return _number(text, float, "a number")


def _number[Number: (int, float)](text: str, kind: type[Number], called: str) -> Number:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{called} is needed, not {brief(text)!r}") from None


class Joined(argparse.Action):
    """A flag that may be repeated: its texts, separated by commas."""

    def __call__(
        self, parser: object, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        """Append the text."""
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, f"{before},{values}" if before else values)


class Help(argparse.HelpFormatter):
    """Wraps all but examples, which are to be pasted."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("example") else super()._fill_text(text, width, indent)


NAMED = "its id, the beginning of it, `last` (the newest one), or its key in the file that it was imported from"
"""How a session is named."""


def add_verb(verbs: Verbs, name: str, what: str, *examples: str) -> Parser:
    """A verb, what it does, and commands to paste."""
    described = f"{what[0].upper()}{what[1:]}."
    shown = f"example: {examples[0]}" if len(examples) == 1 else "\n  ".join(("examples:", *examples))
    return verbs.add_parser(name, help=what, description=described, epilog=shown, formatter_class=Help)


def add_settings(verb: argparse.ArgumentParser, what: str) -> None:
    """The option for keys of LeRobot's or the bench's own configuration."""
    verb.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE", help=what)
