"""The flags of `eval` that say which cameras are used: `--no-overhead`, `--no-cameras`, `--map`."""

from __future__ import annotations

import argparse
from collections.abc import Collection

from console.making_verbs import Parser

NO = "--no-"


def add_cameras(verb: Parser) -> None:
    """Give a verb these flags; `--no-NAME` is one for every name, since only the bench knows its cameras."""
    verb.add_argument(
        "--no-cameras",
        action="append",
        default=[],
        metavar="NAME,...",
        help="cameras of the bench that are not opened, or of the policy that it runs without, where it can do without "
        "(--no-overhead says the same of the camera overhead)",
    )
    verb.add_argument(
        "--map",
        action="append",
        metavar="POLICY=BENCH",
        help="the bench's camera for a camera of the policy with another name, e.g. --map top=overhead; may be "
        "repeated (default: the map of the last evaluation of this training here; none: no map)",
    )
    verb.rewritten = _rewritten


def _rewritten(args: list[str], declared: Collection[str]) -> list[str]:
    """`--no-overhead` as `--no-cameras=overhead`, so that no camera's name is taken for the beginning of a flag."""
    return [
        f"{NO}cameras={word.removeprefix(NO)}"
        if word.startswith(NO) and word != NO and "=" not in word and word not in declared
        else word
        for word in args
    ]


def camera_words(options: argparse.Namespace) -> tuple[str, str | None]:
    """(cameras to leave out, the map) as services/evaluation/cameras reads them; None without a map."""
    return ",".join(options.no_cameras), None if options.map is None else ",".join(options.map)
