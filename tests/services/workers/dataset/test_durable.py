"""Recording with LeRobot itself: every acknowledged episode is there, whole, and in step."""

from __future__ import annotations

import errno
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from services.datasets.lock import DatasetProblem
from services.datasets.marks import Mark, read_marks
from services.datasets.summary import summarize
from services.workers.dataset import durable, lerobot_hooks
from services.workers.dataset.durable import TakeNotSaved
from services.workers.dataset.encoder_settings import EncoderSettings
from services.workers.dataset.recovery import recover
from services.workers.dataset.survey import Survey
from tests.support.demos import (
    FRAMES,
    FRONT,
    TASK,
    add_take,
    check_readable,
    features,
    frame,
    open_demo,
    record,
    tree,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "datasets" / "demo"


def test_twelve_episodes_of_one_session_read_back_row_by_row(root: Path) -> None:
    dataset = open_demo(root)
    record(dataset, 12)
    dataset.close()
    check_readable(root, 12)
    assert dict(read_marks(root)) == dict.fromkeys(range(12), Mark())
    assert not list(root.glob("tmp*"))


def test_an_episode_is_readable_as_soon_as_it_is_acknowledged(root: Path) -> None:
    dataset = open_demo(root)
    for saved in range(1, 4):
        record(dataset, 1)
        copy = root.with_name(f"copy-{saved}")
        shutil.copytree(root, copy)
        check_readable(copy, saved)
        assert Survey(copy).healthy
    dataset.close()


def test_a_saved_episode_says_what_it_is_and_carries_its_mark(root: Path) -> None:
    dataset = open_demo(root)
    add_take(dataset)
    saved = dataset.save(accepted=False, flags=("front black",), session="s1", take=3, strategy="left")
    dataset.close()
    assert (saved.index, saved.frames, saved.flags) == (0, FRAMES, ("front black",))
    assert saved.seconds == pytest.approx(FRAMES / 30)
    mark = Mark(accepted=False, flags=("front black",), session="s1", take=3, strategy="left")
    assert dict(read_marks(root)) == {0: mark}
    assert (summarize(root).episodes, summarize(root).rejected) == (1, 1)


def test_resume_goes_on_with_the_numbering(root: Path) -> None:
    for session in range(3):
        dataset = open_demo(root, resume=session > 0)
        assert (dataset.episodes, dataset.recovery) == (2 * session, None)
        record(dataset, 2)
        dataset.close()
    check_readable(root, 6)


def test_an_existing_dataset_is_not_overwritten(root: Path) -> None:
    dataset = open_demo(root)
    record(dataset, 1)
    dataset.close()
    before = tree(root)
    with pytest.raises(DatasetProblem, match="exists with 1 episodes"):
        open_demo(root)
    assert tree(root) == before


def test_a_bench_that_differs_is_refused_with_every_difference_and_nothing_changes(root: Path) -> None:
    dataset = open_demo(root)
    record(dataset, 1)
    dataset.close()
    (root / "tmpleft").mkdir()
    before = tree(root)
    other = features()
    other["observation.images.top"] = other.pop(FRONT)
    other["action"]["shape"] = (7,)
    with pytest.raises(DatasetProblem) as refused:
        open_demo(root, resume=True, fps=15, robot_type="koch_follower", features=other)
    for words in ("30 fps", "koch_follower", "it has observation.images.front", "it lacks", "shape [6]"):
        assert words in str(refused.value)
    assert tree(root) == before
    assert (root / "tmpleft").exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_without_an_episode_is_begun_anew(root: Path, resume: bool) -> None:
    (root / "data/chunk-000").mkdir(parents=True)
    (root / "data/chunk-000/file-000.parquet").write_bytes(b"PAR1 and no footer")
    (root / "meta").mkdir()
    dataset = open_demo(root, resume=resume)
    assert dataset.recovery.quarantined
    record(dataset, 1)
    dataset.close()
    check_readable(root, 1)
    kept = list(root.glob("quarantine/*/data/chunk-000/file-000.parquet"))
    assert [path.read_bytes() for path in kept] == [b"PAR1 and no footer"]


def test_an_empty_folder_and_an_opened_but_unused_dataset_are_taken(root: Path) -> None:
    root.mkdir(parents=True)
    open_demo(root).close()
    dataset = open_demo(root, fps=15)
    assert dataset.recovery is None
    record(dataset, 1)
    dataset.close()
    assert summarize(root).fps == 15


def test_a_folder_that_is_no_dataset_is_left_alone(root: Path) -> None:
    root.mkdir(parents=True)
    (root / "thesis.tex").write_text("important")
    with pytest.raises(DatasetProblem, match=r"thesis\.tex"):
        open_demo(root)
    assert tree(root) == {"thesis.tex": b"important"}


def test_a_dataset_of_an_older_version_is_left_alone(root: Path) -> None:
    (root / "meta").mkdir(parents=True)
    (root / "meta/info.json").write_text('{"codebase_version": "v2.1", "total_episodes": 9}')
    before = tree(root)
    with pytest.raises(DatasetProblem, match="convert_dataset_v21_to_v30"):
        open_demo(root, resume=True)
    assert tree(root) == before


def test_what_cannot_be_made_leaves_nothing_behind(root: Path) -> None:
    wrong = features() | {"a/b": {"dtype": "float32", "shape": (1,), "names": None}}
    with pytest.raises(DatasetProblem, match="cannot be made"):
        open_demo(root, features=wrong)
    assert list(root.parent.iterdir()) == []
    with pytest.raises(DatasetProblem, match="video encoder"):
        open_demo(root, encoder=EncoderSettings(vcodec="betamax"))
    assert list(root.parent.iterdir()) == []


def test_encoder_settings_hold_after_resume(root: Path) -> None:
    settings = EncoderSettings(options={"crf": 18, "g": 4}, queue=7)
    for resume in (False, True):
        dataset = open_demo(root, resume=resume, encoder=settings)
        assert dataset.encoder_queue() == (0, 7)
        assert (dataset._encoder._rgb_encoder.crf, dataset._encoder._rgb_encoder.g) == (18, 4)
        record(dataset, 1)
        dataset.close()


def test_add_frame_keeps_no_hold_of_the_callers_arrays(root: Path) -> None:
    dataset = open_demo(root)
    reused = frame(0, 0)
    for number in range(FRAMES):
        for key, value in frame(0, number).items():
            reused[key][...] = value
        dataset.add_frame(reused, TASK)
        for value in reused.values():
            value[...] = 0
    assert "task" not in reused
    dataset.save()
    dataset.close()
    check_readable(root, 1)


def test_a_wrong_frame_is_refused_and_the_take_goes_on(root: Path) -> None:
    dataset = open_demo(root)
    dataset.add_frame(frame(0, 0), TASK)
    with pytest.raises(ValueError, match="dtype"):
        dataset.add_frame(frame(0, 1) | {"action": np.zeros(6)}, TASK)
    for number in range(1, FRAMES):
        dataset.add_frame(frame(0, number), TASK)
    dataset.save()
    dataset.close()
    check_readable(root, 1)


@pytest.mark.parametrize("frames", [0, 1])
def test_a_take_too_short_leaves_nothing(root: Path, frames: int) -> None:
    dataset = open_demo(root)
    record(dataset, 1)
    before = tree(root)
    add_take(dataset, frames)
    with pytest.raises(TakeNotSaved, match="2 frames") as lost:
        dataset.save()
    assert lost.value.usable
    assert tree(root) == before
    assert not list(root.glob("tmp*"))
    record(dataset, 1)
    dataset.close()
    check_readable(root, 2)


def test_discard_and_close_leave_no_frames_of_a_running_take(root: Path) -> None:
    dataset = open_demo(root)
    add_take(dataset)
    dataset.discard()
    record(dataset, 1)
    add_take(dataset)
    dataset.close()
    assert not list(root.glob("tmp*"))
    assert Survey(root).healthy
    check_readable(root, 1)


# -- an encoder that cannot keep up ----------------------------------------------------------------------


class Gate:
    """Holds the encoders' hands until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        run = lerobot_hooks.ColourEncoderThread.run

        def wait_then_run(thread: Any) -> None:
            self.open.wait(20)
            run(thread)

        monkeypatch.setattr(lerobot_hooks.ColourEncoderThread, "run", wait_then_run)


def test_a_full_queue_costs_no_time_and_the_video_keeps_step(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    av.logging.restore_default_callback()  # as LeRobot does after each video of its own
    gate = Gate(monkeypatch)
    dataset = open_demo(root, encoder=EncoderSettings(queue=3))
    started = time.perf_counter()
    add_take(dataset, 8)
    assert time.perf_counter() - started < 0.5  # LeRobot would wait 0.1 s ten times
    assert dataset.encoder_queue() == (3, 3)
    assert dataset.dropped == dict.fromkeys(dataset._video_keys, 5)
    gate.open.set()
    saved = dataset.save()
    assert (saved.frames, saved.flags) == (8, ("dropped_frames",))
    add_take(dataset, 2)
    assert dataset.dropped == {}
    assert dataset.save().flags == ()
    dataset.close()
    assert read_marks(root)[0].flags == ("dropped_frames",)
    assert "x264" not in capfd.readouterr().err, "a worker's last words would be the encoder's settings"

    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    read = LeRobotDataset("lab/demo", root=root, video_backend="pyav")
    shown = [round(float(read[i][FRONT].mean()) * 255) for i in range(8)]
    wanted = [int(frame(0, min(i, 2))[FRONT][0, 0, 0]) for i in range(8)]  # the third frame stands in for the rest
    assert np.abs(np.subtract(shown, wanted)).max() < 4
    assert int(read[9]["episode_index"]) == 1


def test_a_step_queue_gives_one_image_for_each_offered() -> None:
    frames = lerobot_hooks.StepQueue(2)
    images = [np.full((1, 1), i) for i in range(6)]
    taken = [frames.offer(image) for image in images[:4]]
    out = [int(frames.get()[0, 0]) for _ in range(2)]
    taken += [frames.offer(image) for image in images[4:]]
    frames.end()
    while (image := frames.get()) is not None:
        out.append(int(image[0, 0]))
    assert taken == [True, True, False, False, True, False]
    assert out == [0, 1, 1, 1, 4, 4]


# -- takes that cannot be saved --------------------------------------------------------------------------


def break_encoder(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(thread: Any) -> None:
        thread.result_queue.put(("error", "out of film"))

    monkeypatch.setattr(lerobot_hooks.ColourEncoderThread, "run", run)


def hang_encoder(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lerobot_hooks.ColourEncoderThread, "run", lambda thread: time.sleep(1))
    dataset._encoder.stalled_s = 0.1


def lose_a_frame(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "count_frames", lambda video: FRAMES - 1)


def full_disk_at(where: str) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    return lambda dataset, monkeypatch: monkeypatch.setattr(where, fail)


LEROBOT = "lerobot.datasets."
MISHAPS = {
    "the encoder dies": (break_encoder, "out of film"),
    "the encoder hangs": (hang_encoder, "did not move"),
    "a frame is missing": (lose_a_frame, "holds 5 frames for 6 rows"),
    "no space for the rows": (full_disk_at(LEROBOT + "dataset_writer.pq.ParquetWriter"), "No space"),
    "no space for the video": (full_disk_at(LEROBOT + "dataset_writer.DatasetWriter._save_episode_video"), "No space"),
    "no space for info.json": (full_disk_at(LEROBOT + "dataset_metadata.write_info"), "No space"),
    "no space for stats.json": (full_disk_at(LEROBOT + "dataset_metadata.write_stats"), "No space"),
    "no space for the mark": (full_disk_at("services.workers.dataset.durable.write_mark"), "No space"),
    "no space for the commit": (full_disk_at(LEROBOT + "dataset_metadata.pq.ParquetWriter"), "No space"),
}
FIRST_TAKE = ("the encoder dies", "a frame is missing", "no space for the commit")


@pytest.mark.parametrize(("mishap", "before"), [(mishap, 1) for mishap in MISHAPS] + [(m, 0) for m in FIRST_TAKE])
def test_a_take_that_cannot_be_saved_is_set_aside_and_the_next_one_recorded(
    root: Path, monkeypatch: pytest.MonkeyPatch, mishap: str, before: int
) -> None:
    cause, reason = MISHAPS[mishap]
    dataset = open_demo(root)
    record(dataset, before)
    with monkeypatch.context() as patch:
        cause(dataset, patch)
        add_take(dataset)
        with pytest.raises(TakeNotSaved, match=reason) as lost:
            dataset.save()
    assert lost.value.usable
    assert reason in (root / lost.value.where / "reason.txt").read_text()
    assert dataset.episodes == before
    assert set(read_marks(root)) == set(range(before))
    assert Survey(root).healthy
    record(dataset, 1)
    dataset.close()
    check_readable(root, before + 1)
    assert recover(root) is None


def test_a_dead_encoder_shows_at_once_and_does_not_disturb_the_loop(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_demo(root)
    break_encoder(dataset, monkeypatch)
    add_take(dataset, 2)
    deadline = time.monotonic() + 5
    while dataset.trouble is None and time.monotonic() < deadline:
        dataset.add_frame(frame(0, 2), TASK)
    assert "out of film" in dataset.trouble
    with pytest.raises(TakeNotSaved):
        dataset.save()


def test_a_dataset_that_cannot_be_restored_says_so_and_can_be_reopened(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_demo(root)
    record(dataset, 1)
    with monkeypatch.context() as patch:
        lose_a_frame(dataset, patch)
        full_disk_at("services.workers.dataset.durable.DurableDataset._restore_committed")(dataset, patch)
        full_disk_at("services.workers.dataset.recovery.write_atomically")(dataset, patch)
        add_take(dataset)
        with pytest.raises(TakeNotSaved) as lost:
            dataset.save()
        assert not lost.value.usable
        with pytest.raises(DatasetProblem, match="out of use"):
            dataset.add_frame(frame(1, 0), TASK)
        with pytest.raises(TakeNotSaved, match="out of use"):
            dataset.save()
        with pytest.raises(DatasetProblem, match="No space"):
            dataset.reopen()
    dataset.reopen()
    record(dataset, 1)
    dataset.close()
    check_readable(root, 2)


def test_going_back_to_the_last_commit_needs_no_room_on_the_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_demo(root)
    record(dataset, 1)
    with monkeypatch.context() as patch:
        lose_a_frame(dataset, patch)
        full_disk_at("services.workers.dataset.recovery.write_atomically")(dataset, patch)
        add_take(dataset)
        with pytest.raises(TakeNotSaved) as lost:
            dataset.save()
        assert lost.value.usable
        assert Survey(root).healthy
    dataset.close()
    check_readable(root, 1)
