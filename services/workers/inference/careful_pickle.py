"""Reads the pickle in which LeRobot's inference server answers, and nothing else that a pickle could hold.

LeRobot's own client unpickles whatever comes (async_inference/robot_client.py). Here a pickle can name only the classes
below; a tensor's values, which torch pickles inside, are loaded with torch's `weights_only`.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.text import clean


class TimedAction:
    """LeRobot's of that name (async_inference/helpers.py): `timestep`, `timestamp` and `action`, a tensor (joints,)."""

    timestep: int
    action: Any


class OddAnswer(Exception):
    """What came is no list of actions; the message says what it is."""


def _storage(data: bytes) -> Any:
    """The values of a tensor."""
    import torch

    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _tensor(*parts: Any) -> Any:
    import torch

    return torch._utils._rebuild_tensor_v2(*parts)


ALLOWED: dict[tuple[str, str], Any] = {
    ("lerobot.async_inference.helpers", "TimedAction"): TimedAction,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("collections", "OrderedDict"): OrderedDict,
}


class _Careful(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What the pickle names. Raises OddAnswer unless it is ALLOWED."""
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise OddAnswer(f"it names {clean(f'{module}.{name}')[:80]}, which no list of actions needs") from None


def read_actions(data: bytes) -> tuple[int, NDArray[np.float32]]:
    """The timestep of the first action, and the actions (rows, joints). Raises OddAnswer."""
    try:
        found = _Careful(io.BytesIO(data)).load()
        if not isinstance(found, list) or not found or not all(isinstance(each, TimedAction) for each in found):
            raise OddAnswer("it is no list of actions")
        rows = [each.action.detach().to("cpu").float().numpy() for each in found]
        return int(found[0].timestep), np.stack(rows).reshape(len(rows), -1)
    except OddAnswer:
        raise
    except Exception as error:  # bytes from elsewhere may break pickle, torch and numpy in any way
        raise OddAnswer(f"it cannot be read ({clean(str(error))[:200] or type(error).__name__})") from None
