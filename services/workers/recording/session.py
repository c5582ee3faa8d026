"""A session that records: when a take may start, what ends it, and what follows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from services.datasets.lock import DatasetProblem
from services.datasets.marks import read_marks
from services.live import events as ev
from services.live import protocol
from services.live.protocol import Code
from services.live.requests import RecordRequest
from services.live.snapshots import Phase
from services.workers.arm.control_loop import ArmSession
from services.workers.arm.devices import Devices
from services.workers.arm.features import dataset_features
from services.workers.dataset.durable import DurableDataset, EncoderSettings
from services.workers.process.context import Context
from services.workers.process.mailbox import Refused
from services.workers.recording.takes import Takes

BURST_S = 0.5
"""A start this soon after the last accepted key is not believed."""


class RecordingSession(ArmSession):
    """Takes of a fixed length, started by a command each; the arm follows on between them, unrecorded."""

    def __init__(self, context: Context, devices: Devices, request: RecordRequest, root: Path) -> None:
        super().__init__(context, devices, request.profile, fps=request.fps, lockstep=request.lockstep)
        self.request, self.root = request, root
        self.takes: Takes | None = None
        self.problem = ""
        self._length = max(1, round(request.episode_seconds * request.fps))
        self._last_take = 0
        self._pending = False
        self._reset_left = 0
        self._key_at = float("-inf")

    # --- opening ----------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Open the dataset. What forbids recording is an alarm and a refusal later, not an arm that falls."""
        if self.devices.absent:
            self.problem = "; ".join(self.devices.absent.values())
            return
        self.context.progress("opening the dataset")
        try:
            self.takes = self._open_dataset()
        except (DatasetProblem, OSError) as error:
            self.problem = str(error)
            self.context.journal.tell(ev.AlarmRaised(source="dataset", text=self.problem, answer="F ends the session"))

    def _open_dataset(self) -> Takes:
        robot, request = self.devices.robot, self.request
        features = dataset_features(robot)
        dataset = DurableDataset.open(
            self.root,
            request.dataset,
            fps=self.fps,
            features=features,
            robot_type=robot.robot_type,
            encoder=self._encoder(),
            resume=request.resume,
        )
        self._tell_of(dataset)
        return Takes(
            dataset,
            self.context.journal,
            features=features,
            task=request.task,
            session=self.context.run.id,
            fps=self.fps,
        )

    def _tell_of(self, dataset: DurableDataset) -> None:
        """What was recovered, and what is there."""
        if dataset.recovery is not None:
            self.context.journal.tell(dataset.recovery.event())
        marks = read_marks(self.root)
        accepted = sum(marks[i].accepted if i in marks else True for i in range(dataset.episodes))
        self.context.journal.tell(
            ev.DatasetOpened(episodes=dataset.episodes, accepted=accepted, resumed=dataset.episodes > 0)
        )

    def _encoder(self) -> EncoderSettings:
        """The bench's encoder, and what `--set dataset.*` says of it in LeRobot's own keys."""
        recording, settings = self.profile.recording, dict(self.request.settings)
        options = {"vcodec": recording.vcodec, "preset": recording.preset, **settings.get("rgb_encoder", {})}
        return EncoderSettings(
            vcodec=options.pop("vcodec"),
            preset=options.pop("preset"),
            threads=settings.get("encoder_threads", recording.encoder_threads),
            queue=settings.get("encoder_queue_maxsize", recording.encoder_queue),
            options=options,
        )

    # --- commands ---------------------------------------------------------------------------------

    def command(self, command: protocol.Command) -> None:
        """Start, end and mark takes."""
        match command:
            case protocol.StartTake():
                self._may_start(command.take)
                self._pending = True
                self._start_when_possible()
            case protocol.EndTake():
                self._end_by_key(command.take)
            case protocol.MarkTake():
                if self.takes is None or not self.takes.mark(command.take, command.accepted):
                    raise Refused(f"there is no take {command.take} in this session")
            case _:
                super().command(command)
        self._key_at = time.monotonic()

    def _may_start(self, take: int) -> None:
        if self.takes is None:
            raise Refused(self.problem)
        if self.takes.problem:
            self.takes.try_again()
            raise Refused(f"{self.takes.problem}; trying again")
        if self.phase not in (Phase.READY, Phase.RESET, Phase.DONE):
            raise Refused(f"the arm is {self.phase.value}: a take starts while the follower follows")
        if take != self._last_take + 1:
            raise Refused(f"take {self._last_take + 1} comes next, not {take}")
        if not self.lockstep and time.monotonic() - self._key_at < BURST_S:
            raise Refused("that came too soon after the last key: press again", Code.TOO_SOON)
        if self._pending:
            raise Refused(f"take {take} starts as soon as the one before is saved")

    def _start_when_possible(self) -> None:
        if not self._pending or self.takes is None or self.takes.saving:
            return
        if self.takes.problem:  # the take before could not be saved, and neither could this one
            self._pending = False
            return
        if self.lockstep and self._reset_left:
            return
        self._pending = False
        self._last_take += 1
        self.watch.take = self._last_take
        self.takes.start(self._last_take, ev.TakeStarted(take=self._last_take))
        self._flag(self.takes)
        self.tell_devices("take_started", self._last_take)
        self.enter(Phase.RECORDING, f"take {self._last_take}")

    def _end_by_key(self, take: int) -> None:
        if self.takes is None or self.takes.running != take:
            raise Refused(f"take {take} is not running")
        self._end_take("key")

    # --- each period ------------------------------------------------------------------------------

    def on_tick(self, observation: dict[str, Any], action: dict[str, Any]) -> None:
        """Record, and end the take at its length."""
        takes = self.takes
        if takes is None:
            return
        if takes.running and self.phase is Phase.RECORDING:
            takes.add(observation, action)
            self._flag(takes)
            if takes.trouble:
                self._end_take("failed")
                self.enter(Phase.RESET, f"the take cannot be saved: {takes.trouble}")
            elif takes.frames >= self._length:
                self._end_take("time")
        elif self._reset_left:
            self._reset_left -= 1
        self._start_when_possible()
        if self.phase in (Phase.READY, Phase.RESET) and not takes.saving and self._reached():
            self.enter(*self.following_phase())

    def _flag(self, takes: Takes) -> None:
        for flag in self.watch.flags:
            takes.flag(flag)

    def _end_take(self, reason: str) -> None:
        if self.takes is None or not self.takes.running:
            return
        takes = self.takes
        takes.end(reason, ev.TakeEnded(take=takes.running, frames=takes.frames, reason=reason))
        self.watch.take = 0
        self.tell_devices("take_ended", self._last_take)
        self._reset_left = round(self.request.reset_seconds * self.fps)
        if self.phase is Phase.RECORDING and reason in ("key", "time"):
            if not self.context.server.driven:
                self.stop("the driving console is gone")
            else:
                self.enter(Phase.RESET, "put the scene back; the follower follows, nothing is recorded")

    def _reached(self) -> bool:
        return self.takes is not None and 0 < self.request.episodes <= self.takes.accepted

    # --- what the arm's part asks -----------------------------------------------------------------

    def following_phase(self) -> tuple[Phase, str]:
        """Ready for the next take, or done."""
        if self._reached():
            return Phase.DONE, f"{self.request.episodes} accepted episodes are saved"
        return Phase.READY, f"take {self._last_take + 1} comes next"

    def forget_start(self) -> None:
        """The take that waits for the one before to be saved."""
        self._pending = False

    def on_stop(self, cause: str) -> str:
        """A take that is running ends here and is saved, as rejected unless the session ends in order."""
        if self.takes is None or not self.takes.running:
            return ""
        reason = "failed" if self.guard.trouble else "ended" if cause == "ended" else "stopped"
        self._end_take(reason)
        return "" if reason == "ended" else f"take {self._last_take} is saved as rejected, r takes it back"

    def lose_leader(self, why: str) -> None:
        """A leap of the leader spoils the take."""
        if self.takes is not None and self.takes.running:
            self.takes.flag("leader jumped")
            self._end_take("failed")
        super().lose_leader(why)

    def on_driver_lost(self) -> None:
        """A running take goes on to its end, since a person holds the leader; the arm holds after it."""
        if self.phase is not Phase.RECORDING:
            super().on_driver_lost()

    def busy(self) -> bool:
        """A take is being saved."""
        return self.takes is not None and bool(self.takes.saving)

    def quiet(self) -> bool:
        """In lockstep a step is needed while recording and during the reset, and for a start that waits."""
        if self.phase is Phase.RECORDING or self.busy():
            return False
        if self.phase.following and (self._reset_left or self._pending):
            return False
        return super().quiet()

    def close(self) -> None:
        """Save what is left and close the dataset."""
        if self.takes is not None:
            self._end_take("ended")
            self.takes.close()

    def telemetry(self) -> dict[str, Any]:
        """The take's clock and the encoder's queue."""
        if self.takes is None:
            return {}
        depth, capacity = self.takes.queue_depth()
        return {
            "take_frames": self.takes.frames,
            "take_seconds": self.takes.frames / self.fps,
            "saving_take": self.takes.saving,
            "start_pending": self._pending,
            "encoder_queue": depth,
            "encoder_capacity": capacity,
            "dropped_frames": self.takes.dropped(),
        }
