"""Has a policy's training data read by a process of its own, and the messages between the two.

The files may be anybody's: a decoder that crashes, eats the memory or never returns must not do so beside an arm.
`services.workers.preflight.serve` answers one request and ends; it is killed when its time is up, and dies with this
process. Each message is msgpack after its length, eight bytes, big-endian, on a socket pair.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.error_text import whole_reason
from services.evaluation.preflight.pictures import ACROSS, DOWN, Look, Slot
from services.helper_process import started
from services.text import clean
from services.workers.preflight.training_data import Episode, TrainingData, Unreachable, Values

SERVE = "services.workers.preflight.serve"
LENGTH = 8
"""Bytes of a message's length."""
LONGEST = 1 << 30
"""Bytes that an answer may have: six pictures of 1080p of three cameras and episodes have 340 million."""
READING_S = 300.0
"""A disk on a network may be slow, and trials do not wait for it for so long (`preflight.READING_S`)."""
SHOWING_S = 60.0


class ReadData(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Read the data at `root`. Answered by DataRead. `learnt` and `cameras` as `data_files.read` has them."""

    root: str
    learnt: tuple[int, ...]
    cameras: tuple[str, ...]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures of one camera of one episode, in pixels."""

    episode: int
    camera: str
    width: int
    height: int
    frames: tuple[int, ...]


class ShowPictures(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Decode these pictures of the data at `root`. Answered by PicturesShown."""

    root: str
    wanted: tuple[Wanted, ...]


class Table(msgspec.Struct, frozen=True):
    """One feature's values, float32, rows * columns of them."""

    rows: int
    columns: int
    values: memoryview


class EpisodeRead(msgspec.Struct, frozen=True):
    """One episode's numeric features by name."""

    number: int
    values: dict[str, Table]


class LookRead(msgspec.Struct, frozen=True):
    """A look at one picture: DOWN * ACROSS * 3 of float32."""

    fields: memoryview
    sharpness: float


class DataRead(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What TrainingData has. `looks` are by camera."""

    fps: float
    episodes: tuple[EpisodeRead, ...]
    names: dict[str, tuple[str, ...]]
    tasks: tuple[str, ...]
    looks: dict[str, tuple[LookRead, ...]]
    unseen: dict[str, str]


class PicturesShown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """For each that was wanted: its pictures as RGB, or a sentence that says why there are none."""

    found: tuple[tuple[memoryview, ...] | str, ...]


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why it could not be done, in a sentence."""

    text: str


Request = ReadData | ShowPictures
Reply = DataRead | PicturesShown | Failed
Ask = Callable[[Request, float], Reply]
"""Answers a request within so many seconds. Raises Unreachable."""
encode = msgspec.msgpack.Encoder().encode
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
decode_request, decode_reply = _requests.decode, _replies.decode


def read(root: Path, learnt: Sequence[int], cameras: Sequence[str], ask: Ask | None = None) -> TrainingData:
    """As `data_files.read`, which another process does. Raises Unreachable."""
    request = ReadData(root=str(root), learnt=tuple(learnt), cameras=tuple(cameras))
    reply = (ask or ask_process)(request, READING_S)
    if not isinstance(reply, DataRead):
        raise _problem(reply)
    try:
        return TrainingData(
            root=root,
            fps=reply.fps,
            episodes=[Episode(e.number, {key: _values(t) for key, t in e.values.items()}) for e in reply.episodes],
            names=reply.names,
            tasks=reply.tasks,
            slots={name: Slot(tuple(map(_look, looks))) for name, looks in reply.looks.items()},
            unseen=reply.unseen,
        )
    except ValueError as error:  # arrays of another size than it says
        raise _nonsense(error) from error


def show(root: Path, wanted: Sequence[Wanted], ask: Ask | None = None) -> list[list[NDArray[np.uint8]] | str]:
    """For each that is wanted: its pictures (height, width, 3), or why there are none. Raises Unreachable."""
    reply = (ask or ask_process)(ShowPictures(root=str(root), wanted=tuple(wanted)), SHOWING_S)
    if not isinstance(reply, PicturesShown):
        raise _problem(reply)
    try:
        return [
            found if isinstance(found, str) else [_picture(each, rgb) for rgb in found]
            for each, found in zip(wanted, reply.found, strict=True)
        ]
    except ValueError as error:
        raise _nonsense(error) from error


def _values(table: Table) -> Values:
    return np.frombuffer(table.values, np.float32).reshape(table.rows, table.columns)


def _look(read: LookRead) -> Look:
    return Look(np.frombuffer(read.fields, np.float32).reshape(DOWN, ACROSS, 3), read.sharpness)


def _picture(wanted: Wanted, rgb: memoryview) -> NDArray[np.uint8]:
    return np.frombuffer(rgb, np.uint8).reshape(wanted.height, wanted.width, 3)


def _problem(reply: Reply) -> Unreachable:
    if isinstance(reply, Failed):
        return Unreachable(clean(reply.text))
    return _nonsense(TypeError(f"a {type(reply).__name__}"))


def _nonsense(error: Exception) -> Unreachable:
    return Unreachable(f"the process that reads its training data answered what is not understood: {error}")


# --- the process ------------------------------------------------------------------------------------


def ask_process(request: Request, limit_s: float) -> Reply:
    """Have a new process answer within `limit_s`. Use on a thread that may wait. Raises Unreachable."""
    deadline = time.monotonic() + limit_s
    with tempfile.TemporaryFile() as errors:
        try:
            process, connection = started(SERVE, str(os.getpid()), errors=errors)
        except OSError as error:
            why = whole_reason(error)
            raise Unreachable(f"the process that reads its training data cannot be started: {why}") from error
        try:
            with connection:
                return _exchange(connection, encode(request), deadline)
        except TimeoutError as error:
            late = f"the process that reads its training data did not answer within {limit_s:g} s"
            raise Unreachable(f"{late}: see whether their disk answers") from error
        except msgspec.MsgspecError as error:
            raise _nonsense(error) from error
        except (OSError, EOFError) as error:
            raise Unreachable(_how_it_died(process, errors)) from error
        finally:
            _end(process)


def _exchange(connection: socket.socket, message: bytes, deadline: float) -> Reply:
    """Raises TimeoutError, OSError, EOFError, msgspec.MsgspecError."""
    connection.settimeout(max(0.001, deadline - time.monotonic()))
    connection.sendall(len(message).to_bytes(LENGTH) + message)
    length = int.from_bytes(_received(connection, LENGTH, deadline))
    if length > LONGEST:
        raise msgspec.DecodeError(f"a message of {length} bytes")
    return decode_reply(_received(connection, length, deadline))


def _received(connection: socket.socket, size: int, deadline: float) -> memoryview:
    """So many bytes. The interpreter is free for the control loop while they come, and nothing copies them later."""
    buffer = memoryview(np.empty(size, np.uint8))
    at = 0
    while at < size:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        got = connection.recv_into(buffer[at:])
        if not got:
            raise EOFError
        at += got
    return buffer


def _how_it_died(process: subprocess.Popen[bytes], errors: IO[bytes]) -> str:
    """The sentence for a process that is gone, or has closed its connection."""
    try:
        status = process.wait(1.0)
    except subprocess.TimeoutExpired:
        return "the process that reads its training data gave no answer"
    if status == -signal.SIGKILL:
        why = "it was killed (SIGKILL): see whether this machine has memory enough"
    elif status < 0:
        why = f"it was ended by {_name(-status)}: see whether the files are whole"
    else:
        why = _last_line(errors) or f"exit status {status}"
    return f"the process that reads its training data died: {why}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read(1 << 16).decode(errors="replace").strip().splitlines()
    return clean(lines[-1]) if lines else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it. One that waits for a network's disk ends when that answers, which nobody waits for."""
    if process.poll() is None:
        process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(1.0)
