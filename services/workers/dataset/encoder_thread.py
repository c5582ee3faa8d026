"""A colour camera's encoder thread: LeRobot's, without the work that delays the control loop.

LeRobot's `_CameraEncoderThread.run` (datasets/video_utils.py) holds the interpreter lock for about 5 ms per
640x480 frame: PIL converts it, and running quantiles sort it into 5,000 bins. Two cameras at 30 Hz delay a
control loop in the same process by several milliseconds. Here a frame costs half a millisecond: it goes to the
encoder as it is, and its pixels are counted into 256 bins, from which the same statistics follow exactly.
"""

from __future__ import annotations

import contextlib
import logging
from fractions import Fraction
from typing import Any

import av
import numpy as np
from lerobot.datasets.compute_stats import DEFAULT_QUANTILES, auto_downsample_height_width
from lerobot.datasets.video_utils import _CameraEncoderThread
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Image = NDArray[np.uint8]
Statistics = dict[str, NDArray[Any]]


class PixelCounts:
    """Statistics of uint8 images per channel, as LeRobot's RunningQuantileStats names them (0 to 255)."""

    def __init__(self) -> None:
        self.frames = 0
        self._counts: NDArray[np.int64] | None = None

    def add(self, image: Image) -> None:
        """Count an image (H, W, C), sampling every n-th pixel as LeRobot does."""
        sampled = auto_downsample_height_width(image.transpose(2, 0, 1))
        counts = np.stack([np.bincount(channel.ravel(), minlength=256) for channel in sampled])
        self._counts = counts if self._counts is None else self._counts + counts
        self.frames += 1

    def statistics(self) -> Statistics | None:
        """min, max, mean, std, count and quantiles, each of shape (C,); None before the second image."""
        if self._counts is None or self.frames < 2:
            return None
        levels = np.arange(256, dtype=np.float64)
        total = self._counts.sum(axis=1)
        mean = self._counts @ levels / total
        variance = self._counts @ levels**2 / total - mean**2
        present = self._counts > 0
        found: Statistics = {
            "min": present.argmax(axis=1).astype(np.float64),
            "max": 255.0 - present[:, ::-1].argmax(axis=1),
            "mean": mean,
            "std": np.sqrt(np.maximum(variance, 0.0)),
            "count": total[:1],
        }
        reached = self._counts.cumsum(axis=1)
        for share in DEFAULT_QUANTILES:
            at = (reached >= share * total[:, None]).argmax(axis=1)
            found[f"q{int(share * 100):02d}"] = at.astype(np.float64)
        return found


class ColourEncoderThread(_CameraEncoderThread):
    """Encodes its queue's images (uint8, H x W x 3) into one MP4, until it gets None."""

    _container: Any = None

    def run(self) -> None:
        """Leave ("ok", statistics) or ("error", why) in the result queue, as the original does."""
        logging.getLogger("libav").setLevel(av.logging.WARNING)
        av.logging.set_libav_level(av.logging.WARNING)  # its own output, which LeRobot switches on, past that logger
        try:
            counts = self._encode()
        except Exception as error:  # any encoder error has to reach the saving thread
            logger.error("encoder of %s: %s", self.video_path, error)
            with contextlib.suppress(Exception):
                self._container.close()
            self.result_queue.put(("error", str(error)))
        else:
            self.result_queue.put(("ok", counts.statistics()))

    def _encode(self) -> PixelCounts:
        counts, stream = PixelCounts(), None
        while (image := self.frame_queue.get()) is not None:
            stream = stream or self._open(image)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = counts.frames, Fraction(1, self.fps)
            self._container.mux(stream.encode(frame))
            counts.add(image)
        if stream is not None:
            self._container.mux(stream.encode())
            self._container.close()
        return counts

    def _open(self, image: Image) -> Any:
        """The container and its stream, with LeRobot's settings."""
        self.video_path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(self.video_path), "w")
        options = self.video_encoder.get_codec_options(self.encoder_threads, as_strings=True)
        stream = self._container.add_stream(self.video_encoder.vcodec, self.fps, options=options)
        stream.pix_fmt = self.video_encoder.pix_fmt
        stream.height, stream.width = image.shape[:2]
        stream.time_base = Fraction(1, self.fps)
        return stream
