"""Where trained judges are kept: `judges/NAME/` below the data folder, with judge.json and weights.safetensors."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from services.folders import DataFolder
from services.judges.looks import ACROSS, DOWN
from services.near import did_you_mean
from services.refusal import Refusal
from services.text import clean
from sessions.files import read_file, sync_folder, why_unwritable, write_atomically
from sessions.second_judge import NAME as ORACLE
from sessions.trained_judge import TrainedJudge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Numbers = NDArray[np.float64]

FACTS, WEIGHTS = "judge.json", "weights.safetensors"
LARGEST = 1 << 24
"""Bytes that a file of a judge may have."""
NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)


class KeptJudge(msgspec.Struct, frozen=True, kw_only=True):
    """A judge's facts: `made_utc` in ISO 8601, the `sessions` whose trials he was trained on, who judged them.

    `by_session`: his errors are of sessions that he was not trained on, else only of trials.
    """

    trained: TrainedJudge
    made_utc: str
    sessions: tuple[str, ...] = ()
    judged_by: tuple[str, ...] = ()
    by_session: bool = False


class JudgeProblem(Exception):
    """A kept judge that cannot be read; the message is a sentence."""


@dataclass(frozen=True)
class Weights:
    """`fields` has a row of numbers per camera, in the judge's order, (cameras, DOWN * ACROSS * 3)."""

    fields: Numbers
    bias: float

    def calls_success(self, numbers: Numbers) -> bool:
        """Of a trial, by `looks.numbers_of`."""
        return bool(numbers @ self.fields.ravel() + self.bias > 0)


def judges(folder: DataFolder) -> Path:
    """The folder of all of them."""
    return folder.root / "judges"


def check_name(name: str) -> None:
    """Raises Refusal for what can be no name."""
    if not NAMED.fullmatch(name) or name.casefold().startswith(ORACLE):
        raise Refusal(
            f"{clean(name[:40])!r} cannot name a judge: take up to 40 letters, digits, dots, dashes and underscores, "
            f"and no name that begins with {ORACLE}"
        )


def check_new(folder: DataFolder, name: str) -> None:
    """Raises Refusal: sessions name a judge by his name, so none takes another's place."""
    check_name(name)
    if os.path.lexists(judges(folder) / name):
        raise Refusal(f"there is a judge {name} already: choose another name")


def keep(folder: DataFolder, name: str, facts: KeptJudge, weights: bytes) -> Path:
    """Write a new judge; returns his folder. Raises Refusal if his name is taken or the disk refuses."""
    check_new(folder, name)
    root = judges(folder) / name
    try:
        root.mkdir(parents=True)
        write_atomically(root / WEIGHTS, weights)
        write_atomically(root / FACTS, msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")
        sync_folder(root.parent)
    except OSError as error:
        raise Refusal(f"judge {name} cannot be written: {why_unwritable(error)}") from error
    return root


def find(folder: DataFolder, name: str) -> KeptJudge:
    """Raises Refusal, with the names there are."""
    check_name(name)
    root = judges(folder) / name
    if not os.path.lexists(root):
        there = names(folder)
        near = did_you_mean(name, there)
        listed = f"; there are: {', '.join(there[:12])}" if there and not near else ""
        raise Refusal(f"there is no judge {name}{near}{listed}; `lab-console judge NAME` trains one")
    try:
        return read(root)
    except JudgeProblem as problem:
        raise Refusal(str(problem)) from problem


def names(folder: DataFolder) -> list[str]:
    """Those of the judges that are there, whether or not they can be read."""
    try:
        return sorted(each.name for each in judges(folder).iterdir() if each.is_dir() and NAMED.fullmatch(each.name))
    except OSError:
        return []


def every(folder: DataFolder) -> Iterator[tuple[str, KeptJudge | JudgeProblem]]:
    """All of them by name, each with his facts, or why they cannot be read."""
    for name in names(folder):
        try:
            yield name, read(judges(folder) / name)
        except JudgeProblem as problem:
            yield name, problem


def read(root: Path) -> KeptJudge:
    """The judge's facts. Raises JudgeProblem."""
    try:
        facts = msgspec.json.decode(_content(root / FACTS), type=KeptJudge)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise JudgeProblem(_unreadable(root, FACTS, error)) from error
    trained = facts.trained
    counts = (trained.successes_found, trained.successes), (trained.failures_found, trained.failures)
    if not trained.cameras or any(not 0 <= found <= seen or seen < 1 for found, seen in counts):
        raise JudgeProblem(_unreadable(root, FACTS, ValueError("its numbers cannot be")))
    return facts


def read_weights(root: Path, trained: TrainedJudge) -> Weights:
    """The judge's weights, if they are those of `trained`. Raises JudgeProblem."""
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = _content(root / WEIGHTS)
        if hashlib.sha256(content).hexdigest() != trained.fingerprint:
            raise ValueError("its weights are not those that were trained")
        tensors = load(content)
        fields, bias = tensors["fields"].astype(np.float64), float(tensors["bias"].reshape(()))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise JudgeProblem(_unreadable(root, WEIGHTS, error)) from error
    if fields.shape != (len(trained.cameras), DOWN * ACROSS * 3) or not np.isfinite([*fields.ravel(), bias]).all():
        raise JudgeProblem(_unreadable(root, WEIGHTS, ValueError("its numbers cannot be")))
    return Weights(fields, bias)


def packed(weights: Weights) -> bytes:
    """As safetensors, in 32 bits."""
    import numpy as np
    from safetensors.numpy import save

    return save({"fields": weights.fields.astype(np.float32), "bias": np.array([weights.bias], np.float32)})


def fingerprint(weights: bytes) -> str:
    """SHA-256 of packed weights."""
    return hashlib.sha256(weights).hexdigest()


def _content(path: Path) -> bytes:
    if (length := path.stat().st_size) > LARGEST:
        raise OSError(f"it has {length:,} bytes, which is no judge's")
    return read_file(path)


def _unreadable(root: Path, name: str, error: Exception) -> str:
    why = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return f"judge {clean(root.name)} cannot be read: {clean(why)} ({name}); train another one"
