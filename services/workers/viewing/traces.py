"""The numbers of an episode, one trace per joint: what was measured and what was commanded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from services.datasets.episode_view import Trace

STATE, ACTION = "observation.state", "action"
SHOWN = (STATE, ACTION)
BOOKKEEPING = frozenset({"episode_index", "frame_index", "index", "task_index", "timestamp"})


def traces(table: pa.Table, features: Mapping[str, Mapping[str, Any]]) -> tuple[Trace, ...]:
    """State and action of the same name together, in the order of the state; then actions that no state has."""
    states, actions = (_by_name(table, key, features.get(key) or {}) for key in SHOWN)
    names = dict.fromkeys([*states, *actions])
    return tuple(Trace(name=name, state=states.get(name, b""), action=actions.get(name, b"")) for name in names)


def _by_name(table: pa.Table, key: str, feature: Mapping[str, Any]) -> dict[str, bytes]:
    """Each number's values by its name; none if the feature holds no numbers."""
    values = _values(table, key)
    if values is None:
        return {}
    names = list(_flat(feature.get("names")))
    if len(names) != values.shape[1] or len(set(names)) != len(names):
        names = [f"{key.rpartition('.')[2]} {at}" for at in range(values.shape[1])]
    return {name: np.ascontiguousarray(values[:, at], "<f4").tobytes() for at, name in enumerate(names)}


def _values(table: pa.Table, key: str) -> Any:
    """(frames, numbers); None if the column is missing or holds something else."""
    if key not in table.column_names:
        return None
    try:
        values = np.asarray(table[key].to_pylist(), np.float32)
    except (ValueError, TypeError):
        return None
    return values.reshape(len(values), -1) if values.ndim >= 1 and len(values) else None


def _flat(names: Any) -> Iterator[str]:
    """The names in a list, or in the table of lists that converters write."""
    if isinstance(names, str):
        yield names
    elif isinstance(names, Mapping):
        for part in names.values():
            yield from _flat(part)
    elif isinstance(names, list | tuple):
        for part in names:
            yield from _flat(part)
