"""`lab-console stats` and `plan`: what results carry, and how many trials are needed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from console.exit import OK
from services.folders import DataFolder, data_folder
from services.log.trials import numbers
from services.log.trials.arms import arms, least_seconds_a_trial, seconds_a_trial
from services.refusal import Refusal
from services.text import clean, escape_json
from sessions.document import Session

RATE = re.compile(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?")
"""Plain digits, where float() also takes those of other scripts, `1_0` and `nan`."""


def stats(options: argparse.Namespace) -> int:
    """Print what the results carry, in words or as JSON."""
    compared = arms(options.arms, data_folder(options.data_dir))
    try:
        _print(numbers.as_json(compared) if options.json else numbers.lines(compared))
    except ValueError as error:
        raise Refusal(f"stats: {error}") from None
    return OK


def plan(options: argparse.Namespace) -> int:
    """Print how many trials of each arm tell two rates apart, in words or as JSON."""
    rates = _rate(options.first), _rate(options.second)
    log = _log(data_folder(options.data_dir))
    pace = seconds_a_trial(log) or least_seconds_a_trial(log)
    made = numbers.plan_json if options.json else numbers.plan_lines
    try:
        _print(made(*rates, options.alpha, options.power, pace))
    except ValueError as error:
        raise Refusal(f"plan: {error}") from None
    return OK


def _rate(text: str) -> float:
    if RATE.fullmatch(text):
        return float(text)
    raise Refusal(f"plan: a success rate is a number from 0 to 1 such as 0.8, not '{clean(text[:40])}'")


def _log(folder: DataFolder) -> Sequence[Session]:
    from services.log import logbook

    return logbook.sessions(folder).sessions if folder.root.exists() else ()


def _print(made: dict[str, object] | list[str]) -> None:
    if isinstance(made, list):
        print("\n".join(clean(line) for line in made))
        return
    import orjson

    print(escape_json(orjson.dumps(made, option=orjson.OPT_INDENT_2).decode()))
