"""What the control loop and its policy process say to each other: msgpack messages on a socket, observations in memory.

One message is one packet (SOCK_SEQPACKET). An observation lies in memory that both map; at most one question is open
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


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The process's command line: the pretrained_model folder, its two descriptors, and whom not to outlive."""

    checkpoint: str
    cable: int
    memory: int
    parent: int


class Part(msgspec.Struct, frozen=True):
    """One feature's place in the memory."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    offset: int


class Open(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What observations will look like, and what goes with each. The process answers Ready."""

    parts: tuple[Part, ...]
    size: int
    task: str = ""
    robot_type: str = ""


class Reset(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A trial begins: forget every observation and action. Not answered. `seed` fixes what is drawn, in lockstep."""

    seed: int | None = None


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The memory holds an observation: what next? At most `rows` actions are wanted. Answered by Actions."""

    number: int
    rows: int


class Loaded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The policy is in memory. `steps` actions are used of each inference, of `chunk` that it gives.

    A policy that is not `chunked` is asked for every period, and gives one action.
    """

    policy: str
    device: str
    parameters: int
    chunked: bool
    steps: int
    chunk: int


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It has run once on an observation of this shape; `ms` is what an inference takes."""

    ms: float


class Actions(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The answer to question `number`: `rows` actions, float32, in the robot's units; `ms` is what it took."""

    number: int
    rows: int
    ms: float
    values: bytes

    def array(self) -> NDArray[np.float32]:
        """(rows, joints)."""
        return np.frombuffer(self.values, np.float32).reshape(self.rows, -1)


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why it cannot go on, in a sentence; it ends itself."""

    text: str


Question = Open | Reset | Ask
Reply = Loaded | Ready | Actions | Failed

encode = msgspec.msgpack.Encoder().encode
_questions: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
decode_question, decode_reply = _questions.decode, _replies.decode


def lay_out(features: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[Part, ...], int]:
    """Where each feature lies, and the size of it all in bytes. `features` as LeRobot's datasets name them."""
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
