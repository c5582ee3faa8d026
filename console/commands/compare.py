"""`lab-console compare`: up to four trainings side by side."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from console.commands.show import WIDTH, styled
from console.exit import OK
from console.streams import raw
from screens.views.comparison import lines
from screens.views.signs import ASCII, UNICODE, speaks_utf8, use_signs
from services.folders import data_folder
from services.text import escape_json, plain
from services.training.compare import Comparison
from services.training.compare_runs import compare_named
from services.training.compare_text import as_json, markdown


def compare(options: argparse.Namespace) -> int:
    """Print the comparison, as a table, as Markdown or as JSON."""
    made = compare_named(data_folder(options.data_dir), options.runs)
    if options.json:
        print(escape_json(as_json(made).decode()))
    elif options.markdown:
        print(plain(markdown(made)), end="")
    else:
        print(_text(made), file=raw(sys.stdout))
    return OK


def _text(made: Comparison) -> str:
    terminal = sys.stdout.isatty()
    use_signs(UNICODE if speaks_utf8() else ASCII)
    width = shutil.get_terminal_size((WIDTH, 24)).columns if terminal else WIDTH
    coloured = terminal and not os.environ.get("NO_COLOR")
    drawn = lines(made, width)
    return "\n".join(
        "".join(styled(text, style if coloured else "") for text, style in line).rstrip() for line in drawn
    )
