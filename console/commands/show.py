"""`lab-console show`: one session's page, as the Log shows it."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from console.exit import OK, complain
from console.streams import raw
from screens.views.page_lines import lines
from screens.views.signs import ASCII, UNICODE, speaks_utf8, use_signs
from services.folders import data_folder
from services.log.lookup import find
from services.log.page import page
from services.log.sections import Page, Section, as_json
from services.text import escape_json, without_controls
from sessions.document import Session

WIDTH = 80
"""Columns of the page where the output is not a terminal."""
COLOURS = {
    "bold": "1",
    "$quiet": "2",
    "$edge": "2",
    "$error": "31",
    "$success": "32",
    "$warning": "33",
    "$accent": "36",
}
"""SGR codes (`ESC [ ... m`) of the theme's style names; a style without one is plain."""


def show(options: argparse.Namespace) -> int:
    """Print the session's page, as text or as JSON."""
    found = find(data_folder(options.data_dir), options.session)
    if found.message:
        complain(found.message)
    made = page(found.session, whole=found.whole, curves=_curves(options, found.session))
    if options.json:
        print(escape_json(as_json(made).decode()))
    else:
        print(_text(made), file=raw(sys.stdout))
    return OK


def _curves(options: argparse.Namespace, session: Session) -> Section | None:
    if session.training is None:
        return None
    from services.training.page_curves import curve_section

    return curve_section(data_folder(options.data_dir).run(session.id))


def _text(made: Page) -> str:
    terminal = sys.stdout.isatty()
    use_signs(UNICODE if speaks_utf8() else ASCII)
    width = shutil.get_terminal_size((WIDTH, 24)).columns if terminal else WIDTH
    coloured = terminal and not os.environ.get("NO_COLOR")
    drawn = [[(f"session {made.session}", "bold")], *lines(made, width)]
    return "\n".join("".join(styled(text, style if coloured else "") for text, style in line) for line in drawn)


def styled(text: str, style: str) -> str:
    """The last place: `text` holds no control character, and the codes are ours."""
    text = without_controls(text)
    codes = ";".join(COLOURS[word] for word in style.split() if word in COLOURS)
    return f"\x1b[{codes}m{text}\x1b[0m" if codes and text.strip() else text
