"""What a console log says besides its points: the configuration at its head, and single facts."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any

from services.training.watching.points import Facts

BEGINS = re.compile(r"(?:^|\s)(\{'\w+':.*)$")
"""The first line of a pprinted configuration, behind the prefix of a log line."""
LONGEST = 20_000
"""Lines of a configuration: one of 10,000 chosen episodes prints a line for each."""
_OBJECTS = re.compile(r"<[\w.]{1,80}: ('[^'<>]*'|[\w.+-]+)>|\w*Path\(('[^']*')\)|<[^<>'\n]{1,200}>")
"""An enum (`<FeatureType.STATE: 'STATE'>`), a path, and any other object; only the value of the first two is read."""
_PLAIN = re.compile(r"^[{ ]'(\w+)': ('[^']*'|[\w.+-]+)[,}]?\s*$")
"""A key of the outermost dictionary with a simple value: the only ones with one blank before them."""


def config_of(lines: Sequence[str]) -> dict[str, Any]:
    """The configuration in these lines; the simple values of one that Python cannot read (a path, an enum)."""
    text = "\n".join(lines)
    try:
        found = ast.literal_eval(_OBJECTS.sub(lambda each: each[1] or each[2] or "None", text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = {key[1]: _value(key[2]) for line in lines if (key := _PLAIN.match(line))}
    return {str(key): each for key, each in found.items()} if isinstance(found, dict) else {}


def is_config(config: dict[str, Any]) -> bool:
    """Whether it is a training's, and not some other dictionary that was printed."""
    return len(config.keys() & {"batch_size", "steps", "policy", "dataset", "training", "log_freq", "output_dir"}) >= 2


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def opened(line: str) -> int:
    """How many more brackets the line opens than it closes."""
    return line.count("{") + line.count("[") + line.count("(") - line.count("}") - line.count("]") - line.count(")")


# -- single facts -----------------------------------------------------------------------------------

_FACTS = re.compile(
    r"cfg\.(?:training\.offline_)?steps=(?P<steps>\d{1,15})\b"
    r"|dataset\.num_frames=(?P<frames>\d{1,15})\b"
    r"|dataset\.num_episodes=(?P<episodes>\d{1,15})\b"
    r"|num_total_params=(?P<parameters>\d{1,15})\b"
    r"|[Ee]ffective batch size: (?:\d+ x \d+ = )?(?P<batch_size>\d{1,15})\b"
    r"|Output dir: *(?P<output_dir>\S.*?)\s*$"
)


def learn(facts: Facts, line: str) -> None:
    """Take a fact that LeRobot prints in a line of its own."""
    found = _FACTS.search(line)
    if found is None or found.lastgroup is None:
        return
    text, name = found[found.lastgroup], found.lastgroup
    make: Callable[[str], Any] = str if name == "output_dir" else int
    setattr(facts, name, make(text))
