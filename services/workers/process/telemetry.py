"""Sends telemetry and pictures at RATE_HZ, on its own thread so that the control loop never does that work."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from services.live import protocol
from services.workers.process.server import Server

RATE_HZ = 5


@dataclass(frozen=True)
class Sample:
    """Telemetry values and the latest frame (uint8, H x W x 3, RGB) of each camera."""

    values: protocol.Telemetry
    frames: dict[str, NDArray[np.uint8]] = field(default_factory=dict)


class Telemeter:
    """Scales pictures to each console's preview size and sends them."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._samples: queue.Queue[Sample | None] = queue.Queue(maxsize=1)
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def offer(self, sample: Sample) -> None:
        """Hand over a sample; it is dropped if the previous one is still queued."""
        if self._samples.empty():
            self._samples.put_nowait(sample)

    def close(self) -> None:
        """Stop sending."""
        with suppress(queue.Full):
            self._samples.put_nowait(None)
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while (sample := self._samples.get()) is not None:
            self._server.telemetry(partial(_with_pictures, sample))


def _with_pictures(sample: Sample, sizes: dict[str, tuple[int, int]]) -> protocol.Telemetry:
    cameras: dict[str, Any] = {}
    for name, view in sample.values.cameras.items():
        frame, size = sample.frames.get(name), sizes.get(name)
        if frame is None or size is None:
            cameras[name] = view
            continue
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        cameras[name] = msgspec.structs.replace(view, width=size[0], height=size[1], rgb=small.tobytes())
    return msgspec.structs.replace(sample.values, cameras=cameras)
