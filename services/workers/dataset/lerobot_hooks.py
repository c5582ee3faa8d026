"""Hooks into LeRobot's privates. Each names the LeRobot file it touches; `tests/lerobot_seams` guards them.

What is hooked, in LeRobot 0.6.1:
- `datasets/video_utils.py`, StreamingVideoEncoder: frames are fed without waiting, and a dropped frame
  is replaced, so that videos stay in step with the rows (`SteadyEncoder`).
- `datasets/dataset_metadata.py`, load_episodes: a writer reads the last row only (`last_episode_only`).
- `datasets/dataset_writer.py`, embed_images: skipped if there is nothing to embed (`embed_only_images`).
- `datasets/dataset_writer.py` and `datasets/dataset_metadata.py`: both parquet writers are closed after each
  episode, so that it is readable at once (`close_data`, `commit_metadata`).
"""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.parquet as pq
from lerobot.datasets import dataset_metadata, dataset_writer
from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
from lerobot.datasets.dataset_writer import DatasetWriter
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.utils import EPISODES_DIR
from lerobot.datasets.video_utils import StreamingVideoEncoder, _CameraEncoderThread
from lerobot.utils.constants import OBS_IMAGES

from services.workers.dataset.encoder_thread import ColourEncoderThread

logger = logging.getLogger(__name__)

COLOURS = 3
"""Channels of a picture that is no depth map."""
STALLED_S = 30.0
"""An encoder that encodes no frame for this long hangs."""


class EncoderFailed(Exception):
    """A camera's video could not be encoded; the message says which and why."""


# -- encoding in step --------------------------------------------------------------------------------


class _Queued:
    """An image and how many rows it stands for."""

    __slots__ = ("image", "times")

    def __init__(self, image: np.ndarray[Any, Any]) -> None:
        self.image = image
        self.times = 1


class StepQueue(queue.Queue[Any]):
    """One camera's queue of frames for its encoder: exactly one image comes out for each one offered.

    If the queue is full, its newest image is repeated in place of the one offered, so that offering
    never waits, memory stays bounded, and the video keeps step with the rows.
    """

    def offer(self, image: np.ndarray[Any, Any]) -> bool:
        """Queue a copy of the image; False if an earlier one is repeated instead. One producer only."""
        with self.mutex:
            if len(self.queue) >= self.maxsize:
                self.queue[-1].times += 1
                return False
        frame = _Queued(image.copy())
        with self.mutex:
            self.queue.append(frame)
            self.not_empty.notify()
        return True

    def end(self) -> None:
        """End the video after the queued frames (there is always room for this)."""
        with self.mutex:
            self.queue.append(None)
            self.not_empty.notify()

    def abandon(self) -> None:
        """Drop the queued frames and end the video."""
        with self.mutex:
            self.queue.clear()
        self.end()

    def backlog(self) -> int:
        """Images still to come out."""
        with self.mutex:
            return sum(frame.times for frame in self.queue if frame is not None)

    def _get(self) -> np.ndarray[Any, Any] | None:
        frame = self.queue[0]
        if frame is not None:
            frame.times -= 1
            if frame.times:
                return frame.image
        self.queue.popleft()
        return frame.image if frame is not None else None


class SteadyEncoder(StreamingVideoEncoder):
    """LeRobot's streaming encoder (`datasets/video_utils.py`), which never waits and stays in step.

    `trouble` holds the first failure of the running take; feeding goes on, so that the control loop never
    sees an encoder's error; `finish_episode` raises it.
    """

    def __init__(self, stock: StreamingVideoEncoder, *, stalled_s: float = STALLED_S) -> None:
        super().__init__(
            fps=round(stock.fps),  # info.json may say 30.0, and PyAV takes no float
            rgb_encoder=stock._rgb_encoder,
            depth_encoder=stock._depth_encoder,
            queue_maxsize=stock.queue_maxsize,
            encoder_threads=stock._encoder_threads,
        )
        self.trouble: str | None = None
        self.stalled_s = stalled_s
        self._episode_active: bool = False

    def start_episode(self, video_keys: list[str], temp_dir: Path, depth_video_keys: list[str] | None = None) -> None:
        """Like the original, with a StepQueue for each camera."""
        if self._episode_active:
            self.cancel_episode()
        self._dropped_frames.clear()
        self.trouble = None
        for key in video_keys:
            self._start_camera(key, temp_dir, depth=key in (depth_video_keys or ()))
        self._episode_active = True

    def _start_camera(self, key: str, temp_dir: Path, *, depth: bool) -> None:
        path = Path(tempfile.mkdtemp(dir=temp_dir)) / f"{key.replace('/', '_')}_streaming.mp4"
        frames, results, stop = StepQueue(self.queue_maxsize), queue.Queue[Any](1), threading.Event()
        thread = (_CameraEncoderThread if depth else ColourEncoderThread)(
            video_path=path,
            fps=self.fps,
            video_encoder=self._depth_encoder if depth else self._rgb_encoder,
            frame_queue=frames,
            result_queue=results,
            stop_event=stop,
            encoder_threads=self._encoder_threads,
        )
        self._frame_queues[key] = frames
        self._result_queues[key] = results
        self._threads[key] = thread
        self._stop_events[key] = stop
        self._video_paths[key] = path
        thread.start()

    def feed_frame(self, video_key: str, image: np.ndarray[Any, Any]) -> None:
        """Never waits and never raises: a full queue counts a drop, a dead encoder sets `trouble`."""
        if not self._threads[video_key].is_alive():
            self.trouble = self.trouble or f"the encoder of {video_key} died: {self._result(video_key)[1]}"
        elif not self._frame_queues[video_key].offer(image):
            self._dropped_frames[video_key] = self._dropped_frames.get(video_key, 0) + 1

    def finish_episode(self) -> dict[str, tuple[Path, dict[str, Any] | None]]:
        """Wait for the videos while they progress: {video key: (mp4, stats)}. Raises EncoderFailed.

        The original returns after 120 s as if all were well.
        """
        if self.trouble:
            raise EncoderFailed(self.trouble)
        for frames in self._frame_queues.values():
            frames.end()
        results = {}
        for key in self._threads:
            self._wait_for(key)
            status, outcome = self._result(key)
            if status != "ok":
                raise EncoderFailed(f"the encoder of {key} failed: {outcome}")
            results[key] = (self._video_paths[key], outcome)
        self._cleanup()
        self._episode_active = False
        return results

    def _wait_for(self, key: str) -> None:
        thread, frames = self._threads[key], self._frame_queues[key]
        left, since = frames.backlog(), time.monotonic()
        while thread.is_alive():
            thread.join(timeout=0.5)
            if frames.backlog() < left:
                left, since = frames.backlog(), time.monotonic()
            elif thread.is_alive() and time.monotonic() - since > self.stalled_s:
                raise EncoderFailed(
                    f"the encoder of {key} did not move for {self.stalled_s:.0f} s, with {left} frames to go"
                )

    def _result(self, key: str) -> tuple[str, Any]:
        """The thread's result, left in the queue for the next call."""
        results = self._result_queues[key]
        try:
            result: tuple[str, Any] = results.get_nowait()
        except queue.Empty:
            return "error", "no reason given"
        results.put_nowait(result)
        return result

    def cancel_episode(self) -> None:
        """Drop the running take: threads end at once, their temporary folders are removed."""
        for frames in self._frame_queues.values():
            frames.abandon()
        folders = [path.parent for path in self._video_paths.values()]
        super().cancel_episode()
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def abandon(self) -> None:
        """End the take but keep its files (they go to quarantine)."""
        threads = list(self._threads.values())
        for frames in self._frame_queues.values():
            frames.abandon()
        for stop in self._stop_events.values():
            stop.set()
        for thread in threads:
            thread.join(timeout=2)
        self._cleanup()
        self._episode_active = False
        self._closed = True

    def folders(self) -> list[Path]:
        """The temporary folders of the running take's videos."""
        return [path.parent for path in self._video_paths.values()]

    def depth(self) -> int:
        """The fullest camera queue, in frames."""
        return max((frames.qsize() for frames in list(self._frame_queues.values())), default=0)

    def dropped(self) -> dict[str, int]:
        """Frames of the running or last take for which the queue had no room, by video key."""
        return dict(self._dropped_frames)


def steady_encoder(dataset: LeRobotDataset) -> SteadyEncoder | None:
    """Replace the encoder of the dataset's writer by a SteadyEncoder (`datasets/dataset_writer.py`).

    None if there are no videos.
    """
    stock = dataset.writer._streaming_encoder
    if stock is None:
        return None
    dataset.writer._streaming_encoder = steady = SteadyEncoder(stock)
    return steady


# -- opening and saving fast --------------------------------------------------------------------------------


@contextlib.contextmanager
def last_episode_only() -> Iterator[None]:
    """Within this, a dataset opened for writing reads only the last episode's row, which is all a writer uses.

    LeRobot copies the rows of all episodes into the Hub's cache: 25 ms and disk space per episode.
    Replaces `load_episodes` in `datasets/dataset_metadata.py`, if that has it.
    """
    original = getattr(dataset_metadata, "load_episodes", None)
    if original is None:
        yield
        return
    dataset_metadata.load_episodes = _last_row
    try:
        yield
    finally:
        dataset_metadata.load_episodes = original


def _last_row(root: Path) -> list[dict[str, Any]]:
    """As `load_episodes` (`datasets/io_utils.py`), but only the last row. The dataset has been recovered."""
    last = max((root / EPISODES_DIR).glob("*/*.parquet"))
    with pq.ParquetFile(last) as file:
        columns = [name for name in file.schema_arrow.names if not name.startswith("stats/")]
        rows: list[dict[str, Any]] = file.read(columns=columns).to_pylist()
    return rows[-1:]


def embed_only_images() -> None:
    """Skip a pass of `save_episode` over every row (1.2 ms each), which without image columns changes nothing.

    Replaces `embed_images` in `datasets/dataset_writer.py`; does nothing the second time, or if LeRobot
    no longer has it.
    """
    original = getattr(dataset_writer, "embed_images", None)
    if original is None or hasattr(original, "for_images_only"):
        return

    @functools.wraps(original)
    def embed(dataset: datasets.Dataset) -> datasets.Dataset:
        kinds = (datasets.Value, datasets.Sequence, datasets.List, datasets.Array2D, datasets.Array3D)
        plain = all(isinstance(feature, kinds) for feature in dataset.features.values())
        return dataset if plain else original(dataset)

    embed.for_images_only = True  # type: ignore[attr-defined]
    dataset_writer.embed_images = embed


# -- committing each episode ---------------------------------------------------------------------------


def close_data(dataset: LeRobotDataset) -> None:
    """Write the footer of the data parquet file (`datasets/dataset_writer.py`, DatasetWriter)."""
    dataset.writer.close_writer()


def light(dataset: LeRobotDataset) -> dict[str, int]:
    """The mean brightness (0 to 255) of each colour camera in the last episode, by name, as its statistics say.

    Before `commit_metadata` (`datasets/compute_stats.py`: pictures' means are 0 to 1, by channel). Statistics of
    another form tell nothing: no take is lost for them.
    """
    row, found = dataset.meta.latest_episode or {}, {}
    for key in dataset.meta.camera_keys:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            mean = np.asarray(row[f"stats/{key}/mean"], dtype=float)
            if mean.size == COLOURS:
                found[key.removeprefix(f"{OBS_IMAGES}.")] = round(255 * float(mean.mean()))
    return found


def commit_metadata(dataset: LeRobotDataset) -> None:
    """Write the last episode's metadata row and its footer: the commit point.

    Then the next episode opens new files, as if the recording had been resumed
    (`datasets/dataset_metadata.py`, LeRobotDatasetMetadata; `datasets/dataset_writer.py`, DatasetWriter).
    """
    meta: LeRobotDatasetMetadata = dataset.meta
    meta._close_writer()
    row = {key: value[0] for key, value in meta.latest_episode.items() if not key.startswith("stats/")}
    meta.episodes, meta.latest_episode = [row], None
    dataset.writer._latest_episode = None


def disarm(dataset: LeRobotDataset) -> None:
    """Stop a dataset object for good without committing what it still holds.

    Otherwise LeRobot's `__del__` would flush the buffered metadata row at some later time.
    """
    writer: DatasetWriter = dataset.writer
    dataset.meta._metadata_buffer = []
    encoder = getattr(writer, "_streaming_encoder", None)
    if isinstance(encoder, SteadyEncoder):
        encoder.abandon()
    for stop in getattr(encoder, "_stop_events", {}).values():
        stop.set()
    for owner, close in ((writer, "close_writer"), (dataset.meta, "_close_writer")):
        with contextlib.suppress(Exception):  # the files go to quarantine, whole or not
            getattr(owner, close)()
    writer._finalized = dataset.meta._finalized = dataset._is_finalized = True
