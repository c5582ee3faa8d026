"""Writes a film: H.264 in an MP4 that every player opens."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from services.workers.film.layout import Size
from services.workers.film.overlay import Rgb

CODEC = "libx264"
OPTIONS = {"preset": "veryfast", "crf": "21"}
KEYFRAMES_S = 2.0
"""Seconds between keyframes, so that one can jump in it."""


class Encoder:
    """One video stream. Raises av.FFmpegError, which is an OSError, where it cannot be written."""

    def __init__(self, path: Path, size: Size, fps: float) -> None:
        self._container: Any = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        rate = Fraction(fps).limit_denominator(1001)
        self._stream: Any = self._container.add_stream(CODEC, rate=rate, options=OPTIONS)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.gop_size = max(1, round(KEYFRAMES_S * fps))
        self._stream.codec_context.thread_count = 0
        self.frames = 0

    def add(self, frame: Rgb) -> None:
        """The next frame."""
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts = self.frames
        self.frames += 1
        self._container.mux(self._stream.encode(picture))

    def close(self, *, whole: bool) -> None:
        """Write what is left and the index, if it shall be whole."""
        if whole:
            self._container.mux(self._stream.encode())
        self._container.close()
