"""Monitors cameras, a stuck follower, servo heat and disk space from the control loop."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from services.bench.profiles import Profile
from services.health.cameras import CameraHealth
from services.health.checks import ABSENT, LIT, REGISTERED, Thresholds, thresholds_of
from services.health.motion import HeldLong, MotionCheck, Period
from services.live import events as ev
from services.live import protocol
from services.live.phases import Phase
from services.live.reasons import Advice, AlarmSource
from services.workers.arm.arm import Arm
from services.workers.arm.motion import Pose
from services.workers.process.journal import Journal

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices

DISK_EVERY_S = 5.0


class Monitor:
    """Checks each period's frames and poses, and journals changes."""

    def __init__(self, devices: Devices, profile: Profile, journal: Journal, fps: int) -> None:
        self._journal, self._motion = journal, profile.motion
        self._absent = devices.absent
        self._cameras = {
            name: CameraHealth(float(min(fps, getattr(camera, "fps", None) or fps)), profile.health)
            for name, camera in devices.cameras.items()
        }
        self._motion_checks: list[MotionCheck] = [
            check(thresholds_of(check, profile.health)) for check in REGISTERED if issubclass(check, MotionCheck)
        ]
        self._held_long = HeldLong(Thresholds(raise_after_s=profile.motion.hold_warning_s))
        self._folder = "/"
        self._disk = (0.0, 0)
        self.take = 0
        for name, why in devices.absent.items():
            answer = "connect it and start the session again"
            journal.emit(ev.AlarmRaised(source=AlarmSource(name), text=why, answer=answer, camera=name))

        if texts := (*devices.shared_ports, *devices.slow_cameras):  # of one source only the last alarm is shown
            answer = "end that program" if devices.shared_ports else ""
            journal.emit(ev.AlarmRaised(source=AlarmSource.PORT, text="; ".join(texts), answer=answer))

    def watch_disk(self, folder: str) -> None:
        """Report the free space of this folder's disk."""
        self._folder = folder

    def update(self, frames: dict[str, Any], arm: Arm, measured: Pose, now: float) -> None:
        """Check one control period; `now` is the session's clock in seconds."""
        for name, health in self._cameras.items():
            if name in frames and health.update(frames[name], now):
                self._report_camera(name, health, now)
        commanded = arm.goal if arm.has_torque and arm.goal else measured
        period = Period(commanded, measured, self._motion.gripper)
        for check in self._motion_checks:
            if check.update(period, now):
                self._report_motion()

    @property
    def bad_cameras(self) -> list[tuple[str, str]]:
        """(name, state) of each camera that does not show a fresh, lit picture."""
        return [(name, health.state) for name, health in self._cameras.items() if health.state != LIT]

    @property
    def flags(self) -> list[str]:
        """Quality flags of a take recorded now."""
        cameras = [f"{name} {state}" for name, state in self.bad_cameras]
        return cameras + [check.flag for check in self._motion_checks if check.active]

    def views(self, now: float, missing: Collection[str] = ()) -> dict[str, protocol.CameraView]:
        """Each camera's state for the telemetry; `missing` are those that were unplugged meanwhile."""
        views = {name: protocol.CameraView(state=ABSENT) for name in (*self._absent, *missing)}
        for name, health in self._cameras.items():
            if name in missing:
                continue
            views[name] = protocol.CameraView(
                state=health.state, fps=round(health.rate(now), 1), brightness=round(health.brightness)
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

    def update_hold_warning(self, phase: Phase) -> None:
        """Warn once if the arm has held for too long: servos heat up under load."""
        check = self._held_long
        if not check.update(phase in (Phase.HELD, Phase.IDLE, Phase.JUDGING), time.monotonic()):
            return
        if check.active:
            text = "the servos heat up: the arm holds for long"
            advice = Advice.REST_OR_RELEASE
            self._journal.emit(ev.AlarmRaised(source=AlarmSource(check.name), text=text, advice=advice))
        else:
            self._journal.emit(ev.AlarmCleared(source=AlarmSource(check.name)))

    def _report_camera(self, name: str, health: CameraHealth, now: float) -> None:
        if health.state == LIT:
            self._journal.emit(ev.CameraRecovered(camera=name))
            return
        since = time.time() - (now - health.since)
        self._journal.emit(ev.CameraAlarmed(camera=name, state=health.state, since=since, take=self.take))

    def _report_motion(self) -> None:
        """Raise the motion alarm of the first active check, or clear it."""
        worst = next((c for c in self._motion_checks if c.active), None)
        if worst is not None:
            alarm = ev.AlarmRaised(source=AlarmSource.MOTION, text=worst.text, answer=worst.answer, advice=worst.advice)
            self._journal.emit(alarm)
        else:
            self._journal.emit(ev.AlarmCleared(source=AlarmSource.MOTION))
