"""What `send` and `fetch` share: they move one dataset or checkpoint, and say how far that is."""

from __future__ import annotations

from collections.abc import Callable

from console.commands.progress import progress
from console.exit import FAILED, OK, complain
from services.bench.profiles import load_benches
from services.refusal import Refusal
from services.targets.connection import Connection
from services.targets.lab_targets import pick
from services.targets.ssh import Unreachable
from services.targets.transfer import Moved, Transfer
from services.text import clean
from services.units import size


def move(target: str, act: Callable[[Connection, Transfer], tuple[str, Moved]], done: str) -> int:
    """Call the target and `act`, which returns what it moved; `done` says where that is. Returns the exit status."""
    try:
        with Connection(pick(load_benches(), target)) as connection:
            what, moved = act(connection, Transfer(connection, progress))
            where = f"{done} {connection.target.place}" if done.endswith("on") else done
    except Unreachable as reason:
        complain(f"{reason}; the same command again goes on where it was")
        return FAILED
    finally:
        progress("")
    if moved.already:
        print(clean(f"{what} was {where} already: the same files, {size(moved.bytes)}"))
    else:
        print(clean(f"{what} is {where}: {size(moved.bytes)}, compared by fingerprint {moved.digest[:12]}"))
    return OK


def answered(text: str, error: str, place: str) -> str:
    """The text of an answer. Raises Refusal with its error."""
    if error:
        raise Refusal(f"{clean(place)}: {clean(error)}")
    return text
