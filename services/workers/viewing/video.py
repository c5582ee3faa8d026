"""One video file, decoded where it is looked at: exactly the frame at a time, scaled."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from sessions.files import check_file

KEPT_BYTES = 24_000_000
"""Scaled pictures kept of the frames that were decoded on the way to another: steps back are then free."""
APART_S = 2.0
"""Taken for the time between two keyframes until two were seen: a frame that is later than that is jumped to."""

Scaled = tuple[float, bytes]
"""A picture's time in the file in seconds, and its RGB."""


class Video:
    """Open until `close`. Times are seconds in the file."""

    def __init__(self, path: Path, fps: float) -> None:
        """Raises OSError, av.FFmpegError or ValueError if the file holds no video that can be decoded."""
        self._half = 0.5 / fps
        check_file(path)
        self._container: Any = av.open(str(path))
        if not self._container.streams.video:
            self._container.close()
            raise ValueError("it holds no video")
        self._stream: Any = self._container.streams.video[0]
        self._stream.codec_context.thread_count = 1
        self._base = float(self._stream.time_base)
        self._frames: Iterator[Any] | None = None
        self._at = self._keyframe = 0.0
        self._apart = APART_S
        self._size = (0, 0)
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def picture(self, seconds: float, width: int, height: int) -> Scaled:
        """The frame nearest to `seconds`, in `width` x `height` pixels.

        LeRobot takes the frame nearest to the timestamp, too (datasets/video_utils.py, decode_video_frames_pyav: seek
        to the keyframe before, decode on). Raises av.FFmpegError, or EOFError where there is none.
        """
        if (width, height) != self._size:
            self._size = (width, height)
            self._kept.clear()
            self._frames = None
        if found := self._known(seconds):
            return found
        return self._decode_to(seconds, jump=not self._at < seconds <= self._at + self._apart)

    def _known(self, seconds: float) -> Scaled | None:
        """The kept picture of that time, if it is nearer than half a period."""
        near = min(self._kept, key=lambda pts: abs(pts * self._base - seconds), default=None)
        if near is None or abs(near * self._base - seconds) >= self._half:
            return None
        self._kept.move_to_end(near)
        return near * self._base, self._kept[near]

    def _decode_to(self, seconds: float, *, jump: bool) -> Scaled:
        if jump or self._frames is None:
            target = max(0, round(seconds / self._base) - 1)
            self._container.seek(target, backward=True, any_frame=False, stream=self._stream)
            self._frames, self._keyframe = self._container.decode(self._stream), -1.0
        assert self._frames is not None
        for frame in self._frames:
            if frame.pts is None:
                continue
            self._keep(frame)
            if frame.pts * self._base >= seconds - self._half:
                return self._nearest(seconds)
        self._frames = None  # the file's end
        return self._nearest(seconds)

    def _nearest(self, seconds: float) -> Scaled:
        near = min(self._kept, key=lambda pts: abs(pts * self._base - seconds), default=None)
        if near is None or abs(near * self._base - seconds) > 2 * self._half:
            nearest = "" if near is None else f": the nearest is at {near * self._base:.3f} s"
            raise EOFError(f"it has no frame at {seconds:.3f} s{nearest}")
        return near * self._base, self._kept[near]

    def _keep(self, frame: Any) -> None:
        self._at = frame.pts * self._base
        if frame.key_frame:
            if self._keyframe >= 0:
                self._apart = self._at - self._keyframe
            self._keyframe = self._at
        self._kept[frame.pts] = scaled(frame, *self._size)
        self._kept.move_to_end(frame.pts)
        size = max(1, self._size[0] * self._size[1] * 3)
        while len(self._kept) > max(2, KEPT_BYTES // size):
            self._kept.popitem(last=False)


def scaled(frame: Any, width: int, height: int) -> bytes:
    """The frame as height * width * 3 bytes of RGB."""
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
    return np.ascontiguousarray(small.to_ndarray()).tobytes()
