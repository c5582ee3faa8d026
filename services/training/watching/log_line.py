"""A line of a console log: patterns of what LeRobot, tqdm, terminals and launchers write, and their values. Pure."""

from __future__ import annotations

import re
from math import ceil, floor, isfinite

from services.text import clean
from services.training.watching.points import MOST, known_as
from services.training.watching.rounding import Range, range_of

NUMBER = r"[+-]?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|nan|inf(?:inity)?)%?"
RECORD = re.compile(r"(?<![\w/.])step:(\d[\d.]*[KMBTQ]?)((?:\s+[^\s:=]{1,48}:[^\s:]+)+)")
STANDARD = re.compile(
    r"step:(\S+) smpl:(\S+) ep:\S+ epch:([\d.]+) loss:([\d.]+) grdn:([\d.]+) lr:([\d.e+-]+) "
    r"updt_s:([\d.]+) data_s:([\d.]+)(?: smp/s:(\d+))?(?: mem_gb:([\d.]+))?(\s.*)?$"
)
"""A whole line of LeRobot without NaN: nearly every point, read at once."""
WHOLE = re.compile(rf"[^\s:]+:(?:{NUMBER}|\d[\d.]*[KMBTQ]?)")
"""A pair that nothing is missing from."""
PAIR = re.compile(rf"([^\s:]+):({NUMBER})")
STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d):(\d\d):(\d\d)")
BAR = re.compile(r"%\|[^|]*\|\s*(\d{1,15})/(\d{1,15}) \[[^\]]{0,80}\]?")
"""A progress bar from its percent sign on; what it counts stands before."""
SPEAKER = re.compile(r"(?:^|\s)\[?(?:rank|default|node|worker)[ _]?(\d+)\]?:|^\s*(\d{1,4}): |\[PID: (\d+)\]")
BEGUN = re.compile(r"\.py:\d+ +(?:s|st|ste|step|step:[\d.]*[KMBTQ]?)?$")
"""A log line that a terminal's edge cut before its first value."""
CONTINUES = re.compile(r"\s*[^\s|]{1,48}(?:\s+[^\s:|]{1,48}:[^\s:|]{1,24})*(?:\s+[^\s:|]{1,48}:?)?\s*")
NEWS = re.compile(
    r"(?P<eval>\bstep (?P<at>\d{1,15}): (?P<name>[\w/]{1,48})=(?P<value>\S{1,32}))"
    r"|(?P<saved>Checkpoint policy after step (?P<step>\d{1,15}))"
    r"|(?P<tried>Eval policy at step (?P<trial>\d{1,15}))|(?P<over>End of training)"
    r"|(?P<failed>Traceback \(most recent call last\)|slurmstepd: error|DUE TO TIME LIMIT|^Killed$)"
)


def metric_name(name: str) -> str:
    """The one name of a metric; nothing in it acts on a terminal, and characters that no font has go as well."""
    return known_as("".join(c for c in clean(name) if c.isprintable()) or "unnamed")


def metrics_of(pairs: str) -> dict[str, float]:
    """Every `name:number` of a line but its counts, under their one names."""
    found = {}
    for name, text in PAIR.findall(pairs):
        if name not in ("smpl", "ep", "epch", "step"):
            found[metric_name(name)] = float(text.rstrip("%"))
    return found


def joined(first: str, rest: str) -> str:
    """Two halves of a line; a blank between them only where both are whole pairs."""
    whole = WHOLE.fullmatch(first.rsplit(maxsplit=1)[-1]) and WHOLE.match(rest) and not rest[:1].isdigit()
    return f"{first} {rest}" if whole else first + rest


def steps_by_epochs(text: str, frames: int, batch: int) -> Range:
    """The steps at which so many epochs were seen, as rounded; any if that is unknown."""
    try:
        epochs = float(text)
    except ValueError:
        return (0, MOST)
    if not frames or not isfinite(epochs):
        return (0, MOST)
    half = 0.5 * 10.0 ** -len(text.partition(".")[2])
    return (ceil((epochs - half) * frames / batch) - 1, floor((epochs + half) * frames / batch))


def samples_of(text: str, step: int, batch: int, shift: int = 0) -> int | None:
    """The samples exactly where the batch size is known, else as the line rounds them; None if it says none."""
    seen = range_of(text) if text else None
    if batch:
        exact = (step + shift) * batch
        if seen is None or seen[0] <= exact <= seen[1]:
            return exact
    return None if seen is None else (seen[0] + seen[1]) // 2
