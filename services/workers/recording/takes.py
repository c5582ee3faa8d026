"""Takes of a session: the control loop adds frames, a saver thread turns finished takes into episodes."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from lerobot.utils.constants import ACTION, OBS_STR
from lerobot.utils.feature_utils import build_dataset_frame

from services.datasets.lock import DatasetProblem
from services.datasets.marks import Mark, counts_as_demonstration, read_marks, write_mark
from services.live import events as ev
from services.live.protocol import Code
from services.live.reasons import AlarmSource
from services.recording.grasp import Grasp
from services.workers.dataset.durable import DurableDataset, TakeNotSaved
from services.workers.process.journal import Journal
from services.workers.process.replies import NoReply, Reply
from sessions.conditions import Place
from sessions.models import EndedBy, Verdict

SPOILED = (EndedBy.STOPPED, EndedBy.FAILED, EndedBy.DRIVER, EndedBy.SHORT)
"""Ends that flag a take and reject it, until a person accepts it."""

CLAIM_S = 60.0
"""How often the claim on the dataset is renewed between takes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EndedTake:
    """A take that is to be saved; it ended `at` this time of time.perf_counter."""

    take: int
    frames: int
    flags: tuple[str, ...]
    at: float
    retried: dict[str, int]
    grasp: Place | None


class Takes:
    """The takes of one session. Public methods are called on the control loop's thread.

    `problem` says why the dataset is out of use; empty if it is usable.
    """

    def __init__(
        self,
        dataset: DurableDataset,
        journal: Journal,
        *,
        features: dict[str, dict[str, Any]],
        task: str,
        session: str,
        fps: int,
        strategy: str = "",
        grasps: bool = False,
    ) -> None:
        """`strategy` is how the operator does the task; `grasps`: the arm is one whose fingers' place is known."""
        self._dataset, self._journal = dataset, journal
        self._features, self._task, self._session, self._fps = features, task, session, fps
        self._strategy, self._grasps = strategy, grasps
        self._grasp: Grasp | None = None
        self._saved: dict[int, int] = {}
        self._marks: dict[int, bool] = {}
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.problem = ""
        self._alarmed = False
        self.running = 0
        self.frames = 0
        self.saving = 0
        self._flags: set[str] = set()
        self._moments: dict[int, tuple[int, ...]] = {}
        self._thread = threading.Thread(target=self._run_saver, name="saver", daemon=True)
        self._thread.start()

    @property
    def accepted(self) -> int:
        """Takes of this session that are saved and accepted."""
        return sum(self._marks.get(take, True) for take in list(self._saved))

    def start(self, take: int, started: ev.Event, *, accepted: bool = True) -> None:
        """Begin take number `take`; `accepted` is its mark until `mark` changes it. The previous take must be saved."""
        self.running, self.frames, self._flags = take, 0, set()
        self._grasp = Grasp(self._fps) if self._grasps else None
        if not accepted:
            self._marks[take] = False
        self._journal.emit(started)

    def add(self, observation: dict[str, Any], action: dict[str, Any]) -> None:
        """Add a frame to the running take, with LeRobot's feature names and units."""
        frame = build_dataset_frame(self._features, observation, prefix=OBS_STR)
        frame |= build_dataset_frame(self._features, action, prefix=ACTION)
        self._dataset.add_frame(frame, self._task)
        self.frames += 1
        if self._grasp is not None:
            self._grasp.add(observation, action)

    def flag(self, flag: str) -> None:
        """Put a quality flag on the running take."""
        if self.running:
            self._flags.add(flag)

    def end(self, reason: EndedBy, ended: ev.Event, *, retried: Mapping[str, int] | None = None) -> None:
        """End the running take and have it saved; returns at once. `retried`: how often each arm was asked again."""
        take, frames, flags = self.running, self.frames, tuple(sorted(self._flags))
        if reason in SPOILED:
            flags = (*flags, reason.value)
            if self._marks.get(take, True):  # a person who accepted it earlier did not know that it would be spoiled
                self.mark(take, False)
        self.running, at = 0, time.perf_counter()
        self._journal.emit(ended)
        self.saving = take
        grasp = self._grasp.place if self._grasp is not None else None
        ended_take = EndedTake(take, frames, flags, at, dict(retried or {}), grasp)
        self._jobs.put(lambda: self._save(ended_take))

    def has(self, take: int) -> bool:
        """Whether take `take` is running, being saved or saved."""
        return take > 0 and (take in (self.running, self.saving) or take in self._saved)

    def mark(self, take: int, accepted: bool, reply: Reply | None = None, *, why: str = "", by: str = "") -> None:
        """Accept or reject a take of this session, which there is; `why` and `by` are kept for a saved one.

        Answered once it is on disk: that of a running take in the events, that of a saved one in the dataset's marks
        and in the events, that of one that is being saved as soon as it is saved.
        """
        before, self._marks[take] = self._marks.get(take, True), accepted
        answer = reply or NoReply()
        if take == self.running:
            self._journal.emit(ev.TakeMarked(take=take, accepted=accepted), then=answer.accept)
            return
        if take == self.saving:
            self._journal.emit(ev.TakeMarked(take=take, accepted=accepted))
        self._jobs.put(lambda: self._mark_saved(take, accepted, before, answer, why=why, by=by))

    def mark_moment(self, reply: Reply) -> None:
        """Mark the newest frame of the running take; answered once the event is on disk."""
        take, frame = self.running, max(0, self.frames - 1)
        self._moments[take] = (*self._moments.get(take, ()), frame)
        self._journal.emit(ev.MomentMarked(take=take, frame=frame), then=reply.accept)

    def judge(self, take: int, verdict: Verdict | None) -> None:
        """Write the verdict (None: undone) into the mark of the take's episode, once that is saved."""
        accepted = counts_as_demonstration(verdict)
        changes, self._marks[take] = self._marks.get(take, True) is not accepted, accepted

        def write() -> None:
            if not self._change_mark(take, verdict=verdict, accepted=accepted) and changes:
                self._journal.commit(ev.EpisodeMarked(index=self._saved[take], accepted=accepted))

        self._jobs.put(write)

    @property
    def trouble(self) -> str:
        """Why the running take cannot be saved, as soon as that is known; else empty."""
        return self._dataset.trouble or ""

    def queue_depth(self) -> tuple[int, int]:
        """Frames waiting for the encoder, and the queue's capacity."""
        return self._dataset.encoder_queue()

    def dropped(self) -> int:
        """Frames dropped from the running take's videos because the encoder could not keep up."""
        return sum(self._dataset.dropped.values())

    def close(self) -> None:
        """Wait until everything is saved, then close the dataset."""
        self._jobs.put(None)
        self._thread.join()
        self._dataset.close()

    # --- on the saver's thread --------------------------------------------------------------------

    def _run_saver(self) -> None:
        while (job := self._next_job()) is not None:
            try:
                job()
            except Exception as error:  # the saver must survive any error: the next take needs it
                logger.exception("the saver")
                self.problem = f"{type(error).__name__}: {error}"
                self._journal.emit(ev.AlarmRaised(source=AlarmSource.DATASET, text=f"saving failed: {self.problem}"))

    def _next_job(self) -> Callable[[], None] | None:
        """The next job; without one for a while, telling other machines that the recording goes on."""
        try:
            return self._jobs.get(timeout=CLAIM_S)
        except queue.Empty:
            return self._renew_claim

    def _renew_claim(self) -> None:
        if (lost := self._dataset.renew_claim()) and not self._alarmed:
            self._alarmed = True
            self._journal.emit(ev.AlarmRaised(source=AlarmSource.DATASET, text=lost, answer="no take would be saved"))

    def _save(self, ended: EndedTake) -> None:
        take, flags = ended.take, ended.flags
        try:
            if not ended.frames:
                self._dataset.discard()
                self._journal.commit(ev.TakeLost(take=take, reason="it had no frame"))
                return
            accepted = self._marks.get(take, True)
            moments = self._moments.pop(take, ())
            saved = self._dataset.save(
                accepted=accepted,
                flags=flags,
                session=self._session,
                take=take,
                strategy=self._strategy or None,
                moments=moments,
            )
            self._saved[take] = saved.index
            self._journal.commit(
                ev.EpisodeSaved(
                    take=take,
                    index=saved.index,
                    frames=saved.frames,
                    seconds=saved.frames / self._fps,
                    accepted=accepted,
                    save_ms=1000 * (time.perf_counter() - ended.at),
                    flags=saved.flags,
                    retried=ended.retried,
                    strategy=self._strategy,
                    light=saved.light,
                    grasp=ended.grasp,
                )
            )
            self._clear_alarm()
        except TakeNotSaved as error:
            logger.exception("take %d", take)
            self._journal.commit(ev.TakeLost(take=take, reason=error.reason, where=str(error.where)))
            text = f"take {take} could not be saved: {error.reason}"
            answer = f"its files lie in {error.where}" if error.where else "nothing of it was written"
            self._alarmed = True
            self._journal.emit(ev.AlarmRaised(source=AlarmSource.DATASET, text=text, answer=answer))
            if not error.usable:
                self._reopen()
        finally:
            self.saving = 0

    def _reopen(self) -> None:
        """Try to use a dataset again that is out of use, e.g. after a full disk."""
        try:
            self._dataset.reopen()
        except DatasetProblem as problem:
            logger.error("%s", problem)
            self.problem = str(problem)
        else:
            self.problem = ""
            self._clear_alarm()

    def _clear_alarm(self) -> None:
        if self._alarmed:
            self._alarmed = False
            self._journal.emit(ev.AlarmCleared(source=AlarmSource.DATASET))

    def try_again(self) -> None:
        """Have the saver reopen a dataset that is out of use."""
        self._jobs.put(self._reopen)

    def _mark_saved(self, take: int, accepted: bool, before: bool, reply: Reply, *, why: str, by: str) -> None:
        """The dataset's mark first, which a training reads, then the event, then the answer."""
        if problem := self._change_mark(take, accepted=accepted, why=why):
            self._marks[take] = before
            reply.refuse(problem, Code.FAILED)
            return
        marked = ev.EpisodeMarked(index=self._saved[take], accepted=accepted, why=why, by=by)
        self._journal.emit(marked, then=reply.accept)

    def _change_mark(self, take: int, **changes: Any) -> str:
        """Change the mark of a take's episode; why that was not possible, empty where it was."""
        index = self._saved.get(take)
        if index is None:
            return f"take {take} was not saved: there is nothing to mark"
        try:
            mark = read_marks(self._dataset.root).get(index, Mark())
            write_mark(self._dataset.root, index, msgspec.structs.replace(mark, **changes))
        except OSError as error:
            text = f"take {take} keeps its mark: {error.strerror}"
            self._journal.emit(ev.AlarmRaised(source=AlarmSource.MARKS, text=text))
            return text
        return ""
