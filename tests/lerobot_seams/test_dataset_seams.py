"""The privates of LeRobot 0.6.1 that durable recording relies on are there, with the forms expected."""

from __future__ import annotations

import importlib.metadata
import inspect
from pathlib import Path
from typing import Any

import pytest
from lerobot.datasets import dataset_metadata, dataset_writer, video_utils
from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
from lerobot.datasets.dataset_writer import DatasetWriter
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.video_utils import StreamingVideoEncoder, _CameraEncoderThread

from services.workers.dataset import lerobot_hooks
from tests.support.demos import FRAMES, FRONT, TASK, features, frame

TOUCHED = [
    *(("writer", name) for name in ("close_writer", "_pq_writer", "_latest_episode", "_finalized")),
    *(("meta", name) for name in (
        "_close_writer", "_pq_writer", "_metadata_buffer", "episodes", "latest_episode", "_finalized",
    )),
    *(("encoder", name) for name in (
        "_rgb_encoder", "_depth_encoder", "_encoder_threads", "queue_maxsize", "fps", "_frame_queues",
        "_result_queues", "_threads", "_stop_events", "_video_paths", "_dropped_frames", "_episode_active",
        "_closed", "_cleanup", "start_episode", "feed_frame", "finish_episode", "cancel_episode",
    )),
]  # fmt: skip
"""What the hooks read, replace or call: with another LeRobot each take would fail."""


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_this_is_the_pinned_version() -> None:
    assert importlib.metadata.version("lerobot") == "0.6.1"


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (_CameraEncoderThread.__init__,
         ["self", "video_path", "fps", "video_encoder", "frame_queue", "result_queue", "stop_event",
          "encoder_threads"]),
        (StreamingVideoEncoder.__init__,
         ["self", "fps", "rgb_encoder", "depth_encoder", "queue_maxsize", "encoder_threads"]),
        (StreamingVideoEncoder.start_episode, ["self", "video_keys", "temp_dir", "depth_video_keys"]),
        (StreamingVideoEncoder.feed_frame, ["self", "video_key", "image"]),
        (StreamingVideoEncoder.finish_episode, ["self"]),
        (StreamingVideoEncoder.cancel_episode, ["self"]),
        (StreamingVideoEncoder._cleanup, ["self"]),
        (DatasetWriter.close_writer, ["self"]),
        (DatasetWriter.clear_episode_buffer, ["self", "delete_images"]),
        (LeRobotDatasetMetadata._close_writer, ["self"]),
        (LeRobotDatasetMetadata._flush_metadata_buffer, ["self"]),
        (LeRobotDataset.save_episode, ["self", "episode_data", "parallel_encoding"]),
        (inspect.unwrap(dataset_writer.embed_images), ["dataset"]),
        (dataset_metadata.load_episodes, ["local_dir"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)  # fmt: skip
def test_what_is_overridden_or_called_has_its_form(function: Any, expected: list[str]) -> None:
    assert parameters(function) == expected


def test_what_is_replaced_is_looked_up_where_it_is_replaced() -> None:
    assert "embed_images(" in inspect.getsource(DatasetWriter._save_episode_data)
    assert "load_episodes(self.root)" in inspect.getsource(LeRobotDatasetMetadata._load_metadata)
    assert "self._streaming_encoder.feed_frame(" in inspect.getsource(DatasetWriter.add_frame)
    assert "self._streaming_encoder.finish_episode()" in inspect.getsource(DatasetWriter.save_episode)


def test_an_encoder_thread_reads_its_queue_and_reports_as_expected() -> None:
    source = inspect.getsource(_CameraEncoderThread.run)
    assert "self.frame_queue.get(timeout=1)" in source
    assert 'self.result_queue.put(("ok", stats))' in source
    assert 'self.result_queue.put(("error", str(e)))' in source


def test_a_dataset_has_every_private_that_is_touched(tmp_path: Path) -> None:
    dataset = LeRobotDataset.create(
        "lab/demo", 30, features(), root=tmp_path / "demo", streaming_encoding=True, video_backend="pyav"
    )
    owners = {"writer": dataset.writer, "meta": dataset.meta, "encoder": dataset.writer._streaming_encoder}
    assert [f"{owner}.{name}" for owner, name in TOUCHED if not hasattr(owners[owner], name)] == []
    assert isinstance(dataset.writer._streaming_encoder, video_utils.StreamingVideoEncoder)
    dataset.finalize()


def test_after_a_save_the_row_is_buffered_and_lists_hold_one_value(tmp_path: Path) -> None:
    dataset = LeRobotDataset.create(
        "lab/demo", 30, features(), root=tmp_path / "demo", streaming_encoding=True, video_backend="pyav"
    )
    for number in range(FRAMES):
        dataset.add_frame(frame(0, number) | {"task": TASK})
    assert set(dataset.writer._streaming_encoder._frame_queues) == set(dataset.meta.video_keys)
    dataset.save_episode()
    assert len(dataset.meta._metadata_buffer) == 1
    assert dataset.meta.latest_episode is dataset.meta._metadata_buffer[0]
    assert all(isinstance(value, list) and len(value) == 1 for value in dataset.meta.latest_episode.values())
    assert not list((tmp_path / "demo").glob("meta/episodes/**/*.parquet"))
    assert dataset.writer._pq_writer is not None
    lerobot_hooks.disarm(dataset)
    dataset.finalize()
    assert not list((tmp_path / "demo").glob("meta/episodes/**/*.parquet"))


def test_the_last_row_reads_as_load_episodes_reads_it(tmp_path: Path) -> None:
    from tests.support.demos import open_demo, record

    dataset = open_demo(tmp_path / "demo")
    record(dataset, 2)
    dataset.close()
    stock = dataset_metadata.load_episodes(tmp_path / "demo")
    with lerobot_hooks.last_episode_only():
        assert dataset_metadata.load_episodes(tmp_path / "demo") == [stock[-1]]
    assert FRONT in LeRobotDatasetMetadata("lab/demo", root=tmp_path / "demo").stats
