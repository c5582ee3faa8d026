"""The protocol between control loop and policy process: msgpack messages on a socket, observations in shared memory.

One message is one packet (SOCK_SEQPACKET). Both processes map the observation's memory; at most one question is open
at a time, so the loop never writes while the policy reads.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from math import prod
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 64
PACKET = 1 << 18
"""Bytes that a message may have; a chunk of 1,000 actions of 14 joints has 56,000."""

Frame = dict[str, NDArray[Any]]
"""An observation under LeRobot's feature names: images uint8 (H, W, 3), the rest float32 (n,)."""


class Part(msgspec.Struct, frozen=True):
    """One feature's place in the memory."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    offset: int


class Open(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The observations' layout, and what accompanies each. Answered by Ready."""

    parts: tuple[Part, ...]
    size: int
    task: str = ""
    robot_type: str = ""


class Reset(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Begin a trial: forget every observation and action. Not answered. `seed` fixes random numbers, in lockstep."""

    seed: int | None = None


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The memory holds an observation; at most `rows` actions are wanted. Answered by Actions.

    In real-time chunking, row `used` of the chunk before is what this period does without this one, which is expected
    `delay` periods from now.
    """

    number: int
    rows: int
    used: int = 0
    delay: int = 0


class Loaded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The policy is loaded. `steps` actions are used of the `chunk` that each inference gives.

    A policy that is not `chunked` is asked every period and gives one action. In real-time chunking a chunk goes on
    from the first `overlap` actions that are left of the one before; 0 without it.
    """

    policy: str
    device: str
    parameters: int
    chunked: bool
    steps: int
    chunk: int
    overlap: int = 0


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The policy has run on an observation of this layout; `ms` is the time of an inference."""

    ms: float


class Actions(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The answer to question `number`: `rows` actions, float32, in the robot's units; `ms` is the inference's time."""

    number: int
    rows: int
    ms: float
    values: bytes

    def array(self) -> NDArray[np.float32]:
        """(rows, joints)."""
        return np.frombuffer(self.values, np.float32).reshape(self.rows, -1)


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why the process cannot go on, as one sentence; it then exits."""

    text: str


Question = Open | Reset | Ask
Reply = Loaded | Ready | Actions | Failed

encode = msgspec.msgpack.Encoder().encode
_questions: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
decode_question, decode_reply = _questions.decode, _replies.decode


def lay_out(features: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[Part, ...], int]:
    """Each feature's place, and the total size in bytes. `features` as LeRobot's datasets name them."""
    parts, at = [], 0
    for key, feature in features.items():
        dtype = np.dtype(np.uint8 if feature["dtype"] in ("video", "image") else feature["dtype"])
        shape = tuple(int(n) for n in feature["shape"])
        parts.append(Part(key, dtype.str, shape, at))
        at += -(-prod(shape) * dtype.itemsize // ALIGNMENT) * ALIGNMENT
    return tuple(parts), max(at, ALIGNMENT)


def views(memory: mmap.mmap, parts: tuple[Part, ...]) -> Frame:
    """The features as arrays in the memory."""
    return {p.key: np.ndarray(p.shape, np.dtype(p.dtype), buffer=memory, offset=p.offset) for p in parts}
