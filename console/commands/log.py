"""`lab-console log VERB`: verbs on the log as a whole."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from importlib import import_module

from console.commands.show import WIDTH, styled
from console.exit import OK, complain
from console.streams import raw
from screens.views.life_rows import line, rows
from screens.views.signs import ASCII, UNICODE, speaks_utf8, use_signs
from services.folders import data_folder
from services.log.kinship.life import Node, as_json, grown
from services.text import escape_json

VERBS = {"tree": "log.tree", "merge": "merging.merge", "verify": "verify.log_verify", "compact": "compact.run"}
"""The function in console.commands that runs a verb of the group."""


def log(options: argparse.Namespace) -> int:
    """Run one of its verbs."""
    module, _, function = VERBS[options.log_verb].partition(".")
    verb: Callable[[argparse.Namespace], int] = getattr(import_module(f"console.commands.{module}"), function)
    return verb(options)


def tree(options: argparse.Namespace) -> int:
    """Print the life of the dataset of this name: one tree for each folder that has one so called."""
    from services.log import logbook

    folder = data_folder(options.data_dir)
    book = logbook.sessions(folder) if folder.root.exists() else logbook.Logbook()
    if book.message:
        complain(book.message)
    trees = grown(book.sessions, options.dataset, str(folder.root))
    if options.json:
        print(escape_json(as_json(trees).decode()))
    else:
        print(_text(trees), file=raw(sys.stdout))
    return OK


def _text(trees: list[Node]) -> str:
    terminal = sys.stdout.isatty()
    use_signs(UNICODE if speaks_utf8() else ASCII)
    width = shutil.get_terminal_size((WIDTH, 24)).columns if terminal else 0
    coloured = terminal and not os.environ.get("NO_COLOR")
    drawn = [line(row, width or UNCUT) for row in rows(trees)]
    return "\n".join("".join(styled(text, style if coloured else "") for text, style in each) for each in drawn)


UNCUT = 10_000
"""Columns where the output is no terminal: nothing is left out."""
