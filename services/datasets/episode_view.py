"""A look at recorded episodes: the client of a process that reads and decodes them, and the messages between the two.

`EpisodeView` launches `services.workers.viewing.serve`, which changes nothing and lives as long as its connection: it
ends with this process, however that ends. Each message is msgpack after its length, four bytes, big-endian, on a
socket pair. The process answers one request at a time, in order.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import msgspec

from services.datasets.marks import Mark
from services.helper_process import HelperProcess, Started, started
from services.text import clean

LENGTH = 4
"""Bytes of a message's length."""
LONGEST = 1 << 28
"""Bytes that a message may have: an hour of 14 joints at 50 Hz has 20 million."""


class OpenEpisode(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Read this episode of the dataset at `root`. Answered by EpisodeOpened."""

    root: str
    episode: int


class ShowFrames(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Decode these frames, counted from 0, of the open episode. Answered by FramesShown.

    `sizes` are the cameras wanted: (width, height) in pixels by name.
    """

    frames: tuple[int, ...]
    sizes: dict[str, tuple[int, int]] = {}


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """A camera of the dataset, and its picture's size in pixels as recorded; 0 where the dataset does not say."""

    name: str
    width: int = 0
    height: int = 0


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One joint, or one number of a state or action: float32 by frame, little-endian; empty if not recorded."""

    name: str
    state: bytes = b""
    action: bytes = b""


class EpisodeOpened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An episode as it is recorded. `episodes` counts those of the dataset.

    `times` are the frames' timestamps: float32, seconds from the episode's begin. `left_out` names features that are
    not shown, with the reason in brackets. `mark` is None for an episode without one, which counts as accepted;
    `doubtful`: its number is rejected with other values (`services.datasets.matching`).
    """

    root: str
    episode: int
    episodes: int
    frames: int
    fps: float
    times: bytes
    tasks: tuple[str, ...] = ()
    robot_type: str = ""
    cameras: tuple[Camera, ...] = ()
    traces: tuple[Trace, ...] = ()
    left_out: tuple[str, ...] = ()
    mark: Mark | None = None
    doubtful: bool = False

    @property
    def seconds(self) -> float:
        """The episode's length."""
        return self.frames / self.fps

    def time_of(self, frame: int) -> float:
        """The frame's timestamp in seconds."""
        return float(struct.unpack_from("<f", self.times, 4 * frame)[0])


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A camera's picture of a frame: height * width * 3 bytes of RGB; none where `problem` says why."""

    camera: str
    frame: int
    width: int = 0
    height: int = 0
    rgb: bytes = b""
    problem: str = ""


class FramesShown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The pictures wanted, by camera and then by frame."""

    pictures: tuple[Picture, ...]


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why it could not be done, in a sentence. `episodes` counts those of the dataset; 0 where that is unknown.

    `empty`: it has none yet.
    """

    text: str
    episodes: int = 0
    empty: bool = False


Request = OpenEpisode | ShowFrames
Reply = EpisodeOpened | FramesShown | Failed
encode = msgspec.msgpack.Encoder().encode
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
decode_request, decode_reply = _requests.decode, _replies.decode


class EpisodeProblem(Exception):
    """An episode, or its frames, cannot be read; the message is a sentence. `episodes` and `empty` as in Failed."""

    def __init__(self, text: str, episodes: int = 0, *, empty: bool = False) -> None:
        super().__init__(text)
        self.episodes, self.empty = episodes, empty


class EpisodeView:
    """The reading process of one viewer: launched by the first request, ended by `close`."""

    def __init__(self) -> None:
        self._process = HelperProcess(_start)
        self._one_at_a_time = asyncio.Lock()
        self._exchanges: set[asyncio.Future[Reply]] = set()

    @property
    def pid(self) -> int:
        """The process id; 0 where none runs."""
        return self._process.pid

    async def open(self, root: Path, episode: int) -> EpisodeOpened:
        """Read an episode. Raises EpisodeProblem."""
        reply = await self._ask(OpenEpisode(root=str(root), episode=episode))
        if not isinstance(reply, EpisodeOpened):
            raise _problem(reply)
        return reply

    async def show(self, frames: tuple[int, ...], sizes: Mapping[str, tuple[int, int]]) -> FramesShown:
        """Decode frames of the open episode. Raises EpisodeProblem."""
        reply = await self._ask(ShowFrames(frames=frames, sizes=dict(sizes)))
        if not isinstance(reply, FramesShown):
            raise _problem(reply)
        return reply

    async def close(self) -> None:
        """End the process and wait for its end."""
        await self._process.close()

    async def _ask(self, request: Request) -> Reply:
        """Whoever asks may be cancelled; the answer is read all the same, else the next request would get it."""
        exchange = asyncio.ensure_future(self._exchange(request))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._exchanged)
        return await asyncio.shield(exchange)

    def _exchanged(self, exchange: asyncio.Future[Reply]) -> None:
        self._exchanges.discard(exchange)
        if not exchange.cancelled():
            exchange.exception()  # nobody may be left to ask for it

    async def _exchange(self, request: Request) -> Reply:
        async with self._one_at_a_time:
            if self._process.closed:
                raise EpisodeProblem("the viewer is closed")
            try:
                reader, writer = await self._process.streams()
                message = encode(request)
                writer.write(len(message).to_bytes(LENGTH) + message)
                await writer.drain()
                length = int.from_bytes(await reader.readexactly(LENGTH))
                return decode_reply(await reader.readexactly(length))
            except (OSError, asyncio.IncompleteReadError, msgspec.MsgspecError) as error:
                why = self._process.last_line() or str(error)
                await self._process.end()
                raise EpisodeProblem(f"the process that reads episodes died: {why}") from error


def _start(errors: IO[bytes]) -> Started:
    return started("services.workers.viewing.serve", str(os.getpid()), errors=errors)


def _problem(reply: Reply) -> EpisodeProblem:
    if isinstance(reply, Failed):
        return EpisodeProblem(clean(reply.text), reply.episodes, empty=reply.empty)
    return EpisodeProblem(f"the process that reads episodes answered {type(reply).__name__}")
