"""`lab-console log compact`: makes the log's file small, and says what it did."""

from __future__ import annotations

import argparse
import sys

from console.exit import OK, complain
from services.folders import data_folder
from services.log.compacting import Beside, Compacted, compact, remove
from services.log.problem import LogbookProblem
from services.refusal import Refusal
from services.text import clean
from services.units import plural, size


def run(options: argparse.Namespace) -> int:
    """Compact, then remove what nobody needs, if that is wanted."""
    folder = data_folder(options.data_dir)
    try:
        made = compact(folder)
        for line in said(made):
            print(clean(line))
        spare = [each for each in made.beside if not each.needed]
        if spare and (options.yes or _wanted(spare)):
            gone = remove(spare)
            print(f"{plural(len(spare), 'file')} beside it removed, {size(gone)}")
        elif spare:
            print(
                f"{plural(len(spare), 'file')} kept: `lab-console log compact --yes` removes what the log has as well"
            )
    except LogbookProblem as problem:
        raise Refusal(str(problem)) from problem
    if made.message:
        complain(made.message)
    return OK


def said(made: Compacted) -> list[str]:
    """What was done, and what lies beside the log."""
    if not made.before:
        return ["there is no log here yet: nothing to do"]
    done = [
        f"{plural(made.packed, 'old session')} packed" if made.packed else "",
        f"the marks of runs that are gone removed: {made.forgotten}" if made.forgotten else "",
    ]
    words = ", ".join(filter(None, done)) or "nothing to do"
    sizes = (
        f"{size(made.after)}, {made.before - made.after:,} bytes less" if made.after < made.before else size(made.after)
    )
    return [f"sessions.json: {words}; {sizes}", *map(_beside, made.beside)]


def _beside(each: Beside) -> str:
    lies = f"{each.path.name}, {size(each.bytes)}"
    if each.unreadable:
        return (
            f"{lies}: stays, for what is in it cannot be read ({each.unreadable}); remove it by hand if nobody needs it"
        )
    if each.only:
        return f"{lies}: stays, for the log lacks {plural(len(each.only), 'session')} of it, such as {each.only[0]}"
    return f"{lies}: the log has every session of it"


def _wanted(spare: list[Beside]) -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        return (
            input(f"remove {plural(len(spare), 'file')} that the log has as well? type yes: ").strip().lower() == "yes"
        )
    except EOFError:
        return False
