"""What the verbs of the command line are made with."""

from __future__ import annotations

import argparse

type Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


class Help(argparse.HelpFormatter):
    """Wraps all but examples, which are to be pasted."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("example") else super()._fill_text(text, width, indent)


def add_verb(verbs: Verbs, name: str, what: str, *examples: str) -> argparse.ArgumentParser:
    """A verb, what it does, and commands to paste."""
    described = f"{what[0].upper()}{what[1:]}."
    shown = f"example: {examples[0]}" if len(examples) == 1 else "\n  ".join(("examples:", *examples))
    return verbs.add_parser(name, help=what, description=described, epilog=shown, formatter_class=Help)


def add_settings(verb: argparse.ArgumentParser, what: str) -> None:
    """The option for keys of LeRobot's or the bench's own configuration."""
    verb.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE", help=what)
