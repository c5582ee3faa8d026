"""The verb `log` and its own verbs: each acts on the log as a whole."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from console import compact_verb, sharing_verbs, verify_verbs
from console.making_verbs import Parser, Verbs, add_verb


def log(verbs: Verbs, place: Callable[[argparse.ArgumentParser, str | None], None]) -> None:
    """`log` with the verbs below; `place` adds the options that say where, which may stand behind each of them."""
    group = add_verb(verbs, "log", "look at the log as a whole", "lab-console log tree pick_place")
    own = group.add_subparsers(dest="log_verb", metavar="VERB", required=True, parser_class=Parser)
    for make in (_tree, sharing_verbs.merge, verify_verbs.log_verify, compact_verb.compact):
        place(make(own), argparse.SUPPRESS)


def _tree(own: Verbs) -> Parser:
    tree = add_verb(
        own,
        "tree",
        "print a dataset's life: recordings, trainings, checkpoints and evaluations, with their numbers",
        "lab-console log tree pick_place",
    )
    tree.add_argument("dataset", metavar="DATASET", help="the dataset's name")
    tree.add_argument(
        "--json",
        action="store_true",
        help="print a list of trees; a node has kind, name, values (text, tone, mark, strong), session and children",
    )
    return tree
