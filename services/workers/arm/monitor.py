"""What the control loop looks after besides moving: cameras, a follower that is stuck, servo heat, the disk."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

from services.bench.profiles import Profile
from services.health.cameras import CameraHealth, Sight
from services.health.motion import FollowerHealth
from services.live import events as ev
from services.live import protocol
from services.live.snapshots import Phase
from services.workers.arm.arm import Arm, Mode
from services.workers.arm.motion import Pose
from services.workers.process.journal import Journal

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices

DISK_EVERY_S = 5.0


class Monitor:
    """Judges each period's frames and poses, and tells the journal what changed."""

    def __init__(self, devices: Devices, profile: Profile, journal: Journal, fps: int) -> None:
        self._journal, self._motion = journal, profile.motion
        self._absent = devices.absent
        self._cameras = {
            name: CameraHealth(fps=float(min(fps, getattr(camera, "fps", None) or fps)))
            for name, camera in devices.cameras.items()
        }
        self._follower = FollowerHealth()
        self._folder = "/"
        self._disk = (0.0, 0)
        self._warm = False
        self.take = 0
        for name, why in devices.absent.items():
            journal.tell(ev.AlarmRaised(source=name, text=why, answer="connect it and start the session again"))

    def keep_an_eye_on(self, folder: str) -> None:
        """The folder whose disk is reported."""
        self._folder = folder

    def look(self, frames: dict[str, Any], arm: Arm, measured: Pose, now: float) -> None:
        """One control period, `now` in seconds of the session's clock."""
        for name, health in self._cameras.items():
            if name in frames and health.look(frames[name], now):
                self._tell_of_camera(name, health, now)
        commanded = arm.goal if arm.mode is not Mode.LIMP and arm.goal else measured
        if self._follower.look(commanded, measured, now, but=self._motion.gripper):
            self._tell_of_follower()

    @property
    def bad_cameras(self) -> list[tuple[str, Sight]]:
        """Cameras that do not show a fresh, lit picture."""
        return [(name, h.sight) for name, h in self._cameras.items() if h.sight is not Sight.LIT]

    @property
    def stuck(self) -> str:
        """The motor that does not go where it is told, or nothing."""
        return self._follower.stuck

    def views(self, now: float) -> dict[str, protocol.CameraView]:
        """Each camera's state for the telemetry."""
        views = {name: protocol.CameraView(state=Sight.ABSENT.value) for name in self._absent}
        for name, health in self._cameras.items():
            views[name] = protocol.CameraView(
                state=health.sight.value, fps=round(health.rate(now), 1), brightness=round(health.brightness)
            )
        return views

    def disk_free(self) -> int:
        """Free bytes on the data folder's disk, read every few seconds."""
        if time.monotonic() - self._disk[0] > DISK_EVERY_S:
            try:
                self._disk = (time.monotonic(), shutil.disk_usage(self._folder).free)
            except OSError:
                self._disk = (time.monotonic(), 0)
        return self._disk[1]

    def tell_of_heat(self, phase: Phase, since: float) -> None:
        """Warn once when the arm has held for long: servos heat up under load."""
        holds = phase in (Phase.HELD, Phase.IDLE, Phase.JUDGING)
        holding = holds and time.monotonic() - since > self._motion.hold_warning_s
        if holding and not self._warm:
            minutes = self._motion.hold_warning_s / 60
            text = f"the arm has held for {minutes:.0f} min: its servos heat up"
            self._journal.tell(ev.AlarmRaised(source="heat", text=text, answer="g goes to rest, R releases"))
        elif self._warm and not holding:
            self._journal.tell(ev.AlarmCleared(source="heat"))
        self._warm = holding

    def _tell_of_camera(self, name: str, health: CameraHealth, now: float) -> None:
        if health.sight is Sight.LIT:
            self._journal.tell(ev.CameraRecovered(camera=name))
            return
        since = time.time() - (now - health.since)
        self._journal.tell(ev.CameraAlarmed(camera=name, state=health.sight.value, since=since, take=self.take))

    def _tell_of_follower(self) -> None:
        if self._follower.stuck:
            text = f"the follower does not go where it is told: {self._follower.stuck} is stuck"
            self._journal.tell(ev.AlarmRaised(source="motion", text=text, answer="Esc holds"))
        else:
            self._journal.tell(ev.AlarmCleared(source="motion"))
