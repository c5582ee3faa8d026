"""A LeRobot dataset in which every saved episode is durable.

LeRobot (0.6.1) keeps its parquet files open until the end of a recording: if it is killed, all of
them are unreadable. Here each `save` ends with a commit, after which the episode survives a kill and a power cut. One
episode is one data file, one video per camera and one metadata file, which is written last. A take that
cannot be saved goes to the dataset's `quarantine/`, and the next take can be recorded.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from services.datasets.claim import Claim, ClaimLost
from services.datasets.content import contents
from services.datasets.fitting import bind_marks
from services.datasets.lock import DatasetProblem
from services.datasets.marks import Mark, write_mark
from services.datasets.summary import INFO
from services.text import clean
from services.workers.dataset import lerobot_hooks
from services.workers.dataset.create import reason_of
from services.workers.dataset.encoder_settings import EncoderSettings
from services.workers.dataset.opening import claim_dataset, opener, prepare
from services.workers.dataset.quarantine import Quarantine
from services.workers.dataset.recorded_files import recorded_files, sync_all
from services.workers.dataset.recovery import Recovery, recover, write_backups
from services.workers.dataset.survey import STATS, TASKS, Survey, count_frames

logger = logging.getLogger(__name__)

DROPPED_FRAMES = "dropped_frames"
SLOW_ENCODER = "slow_encoder"
SLOW_S = 10.0
"""A save longer than this flags the episode: the encoder cannot keep up with the cameras."""
SHORTEST = 2
"""Frames of the shortest take: LeRobot computes no video statistics from fewer."""


class TakeNotSaved(Exception):
    """A take that did not become an episode. `where` is its quarantine folder, relative to the dataset's root.

    `usable` says whether the next take can be recorded; if not, `DurableDataset.reopen` tries again.
    """

    def __init__(self, reason: str, where: str = "", *, usable: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.where = where
        self.usable = usable


@dataclass(frozen=True)
class SavedEpisode:
    """An episode that is durably on disk. `seconds` is its length, `light` each camera's mean brightness (0 to 255)."""

    index: int
    frames: int
    seconds: float
    flags: tuple[str, ...]
    light: dict[str, int]


class DurableDataset:
    """A dataset open for recording: `add_frame` for each frame, `save` after each take, `close` at the end.

    The caller holds the dataset's lock (`services.datasets.lock.dataset_lock`). While `save` or `discard` runs on
    one thread, `add_frame` may not be called on another.
    """

    def __init__(
        self, root: Path, reopen: Callable[[], LeRobotDataset], recovery: Recovery | None, claim: Claim
    ) -> None:
        """Use `open`."""
        self.root = root
        self.recovery = recovery
        self._claim = claim
        self._reopen = reopen
        self._dataset: LeRobotDataset | None = None
        self._encoder: lerobot_hooks.SteadyEncoder | None = None
        self._video_keys: frozenset[str] = frozenset()
        self._known: set[str] = set()
        self._committed: dict[Path, bytes] = {}
        self._episodes = self._fps = self._rows = 0
        self._saving = False
        self._broken = ""
        # LeRobot joins videos through the system's temporary folder, which may lie on another disk.
        self._tempdir, tempfile.tempdir = tempfile.tempdir, str(root)
        self._open_writer()

    @classmethod
    def open(
        cls,
        root: Path,
        repo_id: str,
        *,
        fps: int,
        features: dict[str, dict[str, Any]],
        robot_type: str | None,
        encoder: EncoderSettings,
        resume: bool,
        session: str = "",
    ) -> DurableDataset:
        """Create the dataset at `root`, or continue it after recovering from a crash (`.recovery`).

        `features` as LeRobot's `hw_to_dataset_features` builds them. A dataset without a committed
        episode is created anew and its files go to quarantine. Raises DatasetProblem, leaving the folder as it
        was, if it has episodes and `resume` is false, or if `fps`, `robot_type` or `features` differ.
        """
        datasets.disable_progress_bars()
        lerobot_hooks.embed_only_images()
        config = encoder.config()
        with ExitStack() as stack:
            claim = stack.enter_context(claim_dataset(root, session)) if root.is_dir() else None
            survey = Survey(root)
            recovery = prepare(survey, repo_id, fps, features, robot_type, resume=resume)
            claim = claim or stack.enter_context(claim_dataset(root, session))  # the folder is new
            write_backups(root)
            bind_marks(root, survey.contents)
            opened = cls(root, opener(root, repo_id, config, encoder), recovery, claim)
            stack.pop_all()
        return opened

    # -- recording

    @property
    def episodes(self) -> int:
        """Committed episodes."""
        return self._episodes

    @property
    def frames(self) -> int:
        """Frames of the running take."""
        return self._rows

    @property
    def trouble(self) -> str | None:
        """Why the running take cannot be saved (an encoder died), as soon as that is known; else None."""
        return self._encoder.trouble if self._encoder else None

    @property
    def dropped(self) -> dict[str, int]:
        """Frames of the running (or last) take that repeat an earlier one because the queue was full, by video key."""
        return self._encoder.dropped() if self._encoder else {}

    def encoder_queue(self) -> tuple[int, int]:
        """(frames waiting in the fullest camera's queue, the queue's size)."""
        return (self._encoder.depth(), self._encoder.queue_maxsize) if self._encoder else (0, 0)

    def add_frame(self, frame: Mapping[str, Any], task: str) -> None:
        """Add one frame; takes about a millisecond and never waits for an encoder.

        `frame` holds exactly the features given to `open`, images as uint8 (H, W, 3); it is copied. Raises
        ValueError if keys, types or shapes differ, and DatasetProblem if the dataset is out of use.
        """
        if self._saving:
            raise RuntimeError("a take is being saved: wait for it before the next frame")
        if self._dataset is None:
            raise DatasetProblem(self._broken)
        copied = {key: self._copied(key, value) for key, value in frame.items()}
        self._dataset.add_frame({**copied, "task": task})
        self._rows += 1

    def _copied(self, key: str, value: Any) -> Any:
        """A copy of the value, except of images, which the encoder's queue copies."""
        return value if key in self._video_keys or not isinstance(value, np.ndarray) else value.copy()

    def save(
        self,
        *,
        accepted: bool = True,
        flags: Iterable[str] = (),
        session: str = "",
        take: int = 0,
        strategy: str | None = None,
        moments: tuple[int, ...] = (),
    ) -> SavedEpisode:
        """Make the running take an episode; blocks until it is durable.

        The mark is stored with `moments`, the caller's `flags` and, if they apply, `dropped_frames` and
        `slow_encoder`. Raises TakeNotSaved if it cannot be saved; its files are then in quarantine, unless another
        recording claimed the dataset meanwhile: then nothing is touched that may be that one's.
        """
        if self._dataset is None:
            raise TakeNotSaved(self._broken, usable=False)
        if self._rows < SHORTEST:
            self.discard()
            raise TakeNotSaved(f"a take needs at least {SHORTEST} frames")
        started, index, rows = time.perf_counter(), self._episodes, self._rows
        self._saving = True
        try:
            self._claim.renew()
            self._encode(rows)
            light = lerobot_hooks.light(self._dataset)
            noted = self._flags(flags, time.perf_counter() - started)
            mark = Mark(accepted=accepted, flags=noted, session=session, take=take, strategy=strategy, moments=moments)
            self._commit(index, mark)
            self._claim.renew()
        except ClaimLost as lost:
            raise self._leave(lost) from lost
        except Exception as error:  # LeRobot may raise anything; the take's files must not stay
            with suppress(ClaimLost):
                self._claim.renew()
                raise self._set_aside(reason_of(error)) from error
            raise self._leave(error) from error
        finally:
            self._saving = False
        self._episodes, self._rows = index + 1, 0
        return SavedEpisode(index, rows, rows / self._fps, noted, light)

    def discard(self) -> None:
        """Drop the running take and its frames."""
        if self._dataset is not None:
            self._dataset.clear_episode_buffer()
        self._rows = 0

    def reopen(self) -> None:
        """Recover and reopen a dataset that is out of use. Raises DatasetProblem if it still cannot be used."""
        if self._dataset is None:
            try:
                self._claim.release()
                self._claim = claim_dataset(self.root, self._claim.session)
                recover(self.root, reason=self._broken)
                self._open_writer()
            except OSError as error:
                raise DatasetProblem(f"dataset {self.root.name} cannot be used: {error}") from error

    def renew_claim(self) -> str:
        """Say that the recording goes on, at least every few minutes; why it cannot, if the dataset is another's now.

        Not while `save` runs.
        """
        try:
            self._claim.renew()
        except ClaimLost as lost:
            return self._taken_over(lost)
        return ""

    def _taken_over(self, why: Exception) -> str:
        return f"dataset {self.root.name} has another recording: {clean(str(why))}; end one of the two"

    def close(self) -> None:
        """End the recording; drops a running take (save it first)."""
        tempfile.tempdir = self._tempdir
        if self._dataset is not None:
            if self._rows:
                self.discard()
            self._dataset.finalize()
            self._dataset, self._broken = None, f"dataset {self.root.name} is closed"
        self._claim.release()

    # -- committing

    def _open_writer(self) -> None:
        """Open LeRobot's dataset for the next take."""
        self._dataset = dataset = self._reopen()
        self._encoder = lerobot_hooks.steady_encoder(dataset)
        self._episodes = dataset.meta.total_episodes
        self._fps = dataset.meta.fps
        self._video_keys = frozenset(dataset.meta.video_keys)
        self._known = recorded_files(self.root)
        self._keep_committed()
        self._rows = 0

    def _encode(self, rows: int) -> None:
        """LeRobot's save; checks that every video has as many frames as there are rows."""
        assert self._dataset is not None
        self._dataset.save_episode()
        for key in sorted(self._video_keys):
            folder = self.root / "videos" / key
            held = [count_frames(path) for path in self._new_files() if path.is_relative_to(folder)]
            if held != [rows]:
                raise _OutOfStep(f"the video of {key} holds {held[0] if held else 0} frames for {rows} rows")

    def _commit(self, index: int, mark: Mark) -> None:
        """Write data and mark durably, then the metadata row that makes it an episode."""
        assert self._dataset is not None
        lerobot_hooks.close_data(self._dataset)
        files = self._new_files()
        rewritten = [self.root / name for name in (TASKS, STATS, INFO)]
        sync_all([*files, *rewritten], self.root)
        data = contents(path for path in files if path.is_relative_to(self.root / "data"))
        write_mark(self.root, index, mark, data.get(index, ""))
        self._claim.renew()
        lerobot_hooks.commit_metadata(self._dataset)
        committed = self._new_files()
        sync_all([path for path in committed if path not in files], self.root)
        self._keep_committed()
        self._known.update(map(str, committed))
        with suppress(OSError):  # the episode is committed; recovery does not need a newer backup
            write_backups(self.root)

    def _keep_committed(self) -> None:
        """Keep the contents of the files that LeRobot rewrites at each save, as of the last commit."""
        paths = (self.root / name for name in (TASKS, STATS, INFO))
        self._committed = {path: path.read_bytes() for path in paths if path.exists()}

    def _restore_committed(self) -> None:
        """Undo LeRobot's rewriting in place, which works on a full disk (recovery handles a kill during this)."""
        for path, content in self._committed.items():
            with path.open("r+b") as file:
                file.write(content)
                file.truncate()
                os.fsync(file.fileno())

    def _new_files(self) -> list[Path]:
        """Recorded files since the last commit."""
        return sorted(Path(path) for path in recorded_files(self.root) - self._known)

    def _flags(self, given: Iterable[str], encoding_s: float) -> tuple[str, ...]:
        noted = dict.fromkeys(given)
        if any(self.dropped.values()):
            noted[DROPPED_FRAMES] = None
        if encoding_s > SLOW_S:
            noted[SLOW_ENCODER] = None
        return tuple(noted)

    def _set_aside(self, reason: str) -> TakeNotSaved:
        """Quarantine the take's files and return to the last commit; returns the error to raise."""
        dataset, self._dataset = self._dataset, None
        self._broken = f"dataset {self.root.name} is out of use since a take was not saved: {reason}"
        lerobot_hooks.disarm(dataset)
        self._rows = 0
        quarantine = Quarantine(self.root)
        try:
            self._restore_committed()
            for path in self._new_files():  # including the metadata file, if it was written before the failure
                quarantine.take(path)
            quarantine.explain(reason)
            recovery = recover(self.root, reason=reason, into=quarantine)
            self._open_writer()
        except (OSError, DatasetProblem) as error:
            logger.exception("dataset %s could not be restored", self.root)
            return TakeNotSaved(f"{reason}; the dataset could not be restored: {error}", quarantine.name, usable=False)
        return TakeNotSaved(reason, quarantine.name or (recovery.where if recovery else ""))

    def _leave(self, why: Exception) -> TakeNotSaved:
        """Keep the take's pictures, and touch nothing else: the dataset is another recording's by now."""
        dataset, self._dataset = self._dataset, None
        reason = self._taken_over(why)
        self._broken, self._rows = reason, 0
        folders = self._encoder.folders() if self._encoder else []
        lerobot_hooks.disarm(dataset)
        quarantine = Quarantine(self.root)
        with suppress(OSError):
            for folder in folders:
                if folder.is_dir():
                    quarantine.take(folder)
            quarantine.explain(reason)
        return TakeNotSaved(reason, quarantine.name, usable=False)


class _OutOfStep(Exception):
    """A video whose number of frames differs from the rows."""
