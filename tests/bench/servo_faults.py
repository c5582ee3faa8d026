"""Faults of a bus in the campaign: LeRobot's own SO-101 drivers on emulated servos, recording, one fault per try.

A try follows or records, has the fault, asks for a stop in half of the cases, and lets the fault end. Acknowledged are
takes that were said to be saved, and every 'holding', 'lost its torque' and 'torque is off', each of which is compared
with the servos' registers; a wrong one counts as lost. Hung is what does not answer a stop, come back or end in time.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.bench.profiles import Profile
from services.folders import RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.link import Link, LinkLost
from services.live.phases import Phase
from services.live.reasons import AlarmSource, StopCause
from services.live.snapshots import Snapshot
from services.sim.servos import control
from services.sim.servos.emulator import JOINTS
from services.sim.servos.process import Servos
from sessions.bench import Motion
from sessions.models import SessionStatus
from tests.bench.counting import Count, chance, within
from tests.support.rig import Rig, finish, gone, press, wait_until

FOLLOWER, LEADER = "follower", "leader"
REST = dict.fromkeys(JOINTS, 0.0) | {"gripper": 50.0}
DEVICES = (AlarmSource.FOLLOWER, AlarmSource.LEADER, AlarmSource.OBSERVATION)
STOP_S = 1.0
"""A stop is answered within this even where the bus is silent."""
BACK_S = 10.0
"""After a fault a session knows again within this how its devices are, and follows."""
LOSS_S = 1.0
"""A lost torque is noticed within this of the bus answering."""
END_S = 20.0


@dataclass(frozen=True)
class Fault:
    """What is done to the bus, for how many seconds, and what ends it."""

    begin: tuple[control.AnyAct, ...]
    end: tuple[control.AnyAct, ...] = ()
    seconds: float = 0.5


def _arm() -> str:
    return chance.choice((FOLLOWER, LEADER))


def _servo() -> int:
    return chance.randint(1, len(JOINTS))


def late() -> Fault:
    """Answers that come after LeRobot's time-out."""
    act = control.Delay(arm=_arm(), seconds=chance.uniform(0.06, 0.3), count=chance.randint(1, 5))
    return Fault((act,))


def lossy() -> Fault:
    """Packets that get lost."""
    arm = _arm()
    return Fault((control.Loss(arm=arm, drop=chance.uniform(0.01, 0.2)),), (control.Loss(arm=arm),))


def corrupt() -> Fault:
    """Packets with a wrong byte."""
    arm = _arm()
    return Fault((control.Loss(arm=arm, corrupt=chance.uniform(0.01, 0.2)),), (control.Loss(arm=arm),))


def mute_servo() -> Fault:
    """One servo that neither hears nor speaks."""
    arm = _arm()
    return Fault((control.Mute(arm=arm, servos=(_servo(),)),), (control.Mute(arm=arm),))


def mute_chain() -> Fault:
    """A whole chain that neither hears nor speaks, and keeps its torque."""
    arm = _arm()
    return Fault((control.Silence(arm=arm),), (control.Silence(arm=arm, seconds=0.0),))


def power_cycle() -> Fault:
    """The follower's servos lose their power, and come back limp."""
    return Fault((control.Silence(arm=FOLLOWER, seconds=chance.uniform(0.02, 0.6), power=True),))


def switched_off() -> Fault:
    """A servo that cuts its own torque, as an overloaded one does."""
    servo = _servo()
    off = control.SwitchOff(arm=FOLLOWER, servo=servo)
    return Fault((off,), (control.ErrorBits(arm=FOLLOWER, servo=servo, bits=0),))


def unplugged() -> Fault:
    """A cable is pulled out and plugged in again; the port is another one then."""
    arm = _arm()
    return Fault((control.Unplug(arm=arm),), (control.Plug(arm=arm),), 0.8)


def complaining() -> Fault:
    """A servo whose answers say overload, while torque is switched off and on."""
    servo = _servo()
    begin, end = (control.ErrorBits(arm=FOLLOWER, servo=servo, bits=bits) for bits in (32, 0))
    return Fault((begin,), (end,), 0.1)


class ServoPart:
    """One part of the campaign, with a bench of its own. `switches`: each try releases the arm and takes it again."""

    def __init__(self, rig: Rig, make: Callable[[], Fault], *, switches: bool = False) -> None:
        self._rig, self._make, self._switches = rig, make, switches
        self._servos = Servos(rig.folder.root / "servos", FOLLOWER, f"{LEADER}:leader")
        self._saved: dict[int, int] = {}
        self.count = Count()

    def _table(self, name: str) -> dict[str, Any]:
        kind, port = f"so101_{name}", self._servos.port(name)
        return {"type": kind, "id": name, "port": port, "calibration_dir": str(self._servos.calibration)}

    def _begin(self) -> RunFolder:
        motion = Motion(max_joint_speed=200.0, max_gripper_speed=200.0, rest=REST)
        bench = Profile(name="servos", robot=self._table(FOLLOWER), teleop=self._table(LEADER), motion=motion)
        return self._rig.record(bench, episode_seconds=0.8, reset_seconds=0.0, episodes=5000, resume=True)

    async def run(self, tries: int) -> Count:
        """All tries in one session; after several, one session more that is asked to end while a fault lasts."""
        try:
            run = self._begin()
            async with self._rig.attached(run, on_event=self._watch) as link:
                for number in range(1, tries + 1):
                    await self._try(link, number)
                await self._finish(run, link)
            if tries > 1:
                await self._end_in_a_fault()
            await asyncio.to_thread(self._check_episodes)
        except LinkLost as lost:
            self.count.hang(f"a session: {lost}")
        finally:
            self._servos.close()
        return self.count

    def _watch(self, event: ev.Event, _: Snapshot) -> None:
        if isinstance(event, ev.EpisodeSaved):
            self._saved[event.index] = event.frames

    def _do(self, acts: tuple[control.AnyAct, ...]) -> None:
        for act in acts:
            self._servos.do(act)

    # --- one try ----------------------------------------------------------------------------------

    async def _try(self, link: Link, number: int) -> None:
        count, fault = self.count, self._make()
        count.tried += 1
        async with within(count, 60, f"try {number}: {fault.begin}"):
            try:
                await self._follow(link)
                if number % 2:
                    await self._start_take(link)
                await asyncio.sleep(chance.uniform(0.05, 0.5))
                self._do(fault.begin)
                await self._suffer(link, fault, number)
            except (AssertionError, TimeoutError) as error:
                count.hang(f"try {number}: {fault.begin}: {error}; {_state(link)}")
            finally:
                self._do(fault.end)
        await self._compare(link, f"after try {number}: {fault.begin}")

    async def _follow(self, link: Link) -> None:
        """Following again, whatever there was before."""
        if link.snapshot.phase is Phase.LIMP:
            await press(link, lambda: protocol.Stop(cause=StopCause.X))
            await link.until(lambda s: s.phase is Phase.HELD, BACK_S)
        async with asyncio.timeout(BACK_S):
            while not link.snapshot.phase.following:
                answer = await link.ask(protocol.Follow())
                if answer.ok:
                    await link.until(lambda s: s.phase is not Phase.ALIGNING, BACK_S)
                await asyncio.sleep(0.1)
        await link.until(lambda s: s.phase in (Phase.READY, Phase.RESET), BACK_S)

    async def _start_take(self, link: Link) -> None:
        take = link.snapshot.take + 1
        await press(link, lambda: protocol.StartTake(take=take))
        await link.until(lambda s: s.take == take, BACK_S)

    async def _suffer(self, link: Link, fault: Fault, number: int) -> None:
        await asyncio.sleep(fault.seconds * chance.uniform(0.3, 1.0))
        if self._switches:
            await self._stop(link)
            await self._switch(link, number)
        elif chance.random() < 0.5:
            await self._stop(link)

    async def _stop(self, link: Link) -> None:
        async with within(self.count, STOP_S, f"a stop: {_state(link)}"):
            await link.ask(protocol.Stop(cause=StopCause.X))

    async def _switch(self, link: Link, number: int) -> None:
        """Torque off, said once every servo is off, and on again, said once every servo is on."""
        await press(link, lambda: protocol.Release(confirmed=True))
        await link.until(lambda s: s.phase in (Phase.RELEASED, Phase.LIMP), BACK_S)
        torque = self._servos.look(FOLLOWER).torque
        if link.snapshot.phase is Phase.RELEASED:
            self.count.check(not any(torque.values()), f"try {number}: 'torque is off', the servos: {torque}")
        await self._follow(link)
        torque = self._servos.look(FOLLOWER).torque
        self.count.check(all(torque.values()), f"try {number}: following, the servos: {torque}")

    async def _compare(self, link: Link, when: str) -> None:
        """Once the bus answers: what the session says of torque and hold, and what the servos say."""
        try:
            await link.until(lambda s: not _failing(s), BACK_S)
        except (TimeoutError, AssertionError):
            self.count.hang(f"{when}: {_state(link)}")
            return
        await asyncio.sleep(LOSS_S)
        torque, state = self._servos.look(FOLLOWER).torque, link.snapshot
        if state.phase is Phase.LIMP:
            self.count.check(not all(torque.values()), f"{when}: 'not held', the servos: {torque}")
        elif state.phase is not Phase.RELEASED:
            self.count.check(all(torque.values()), f"{when}: {_state(link)}, the servos: {torque}")

    # --- ends -------------------------------------------------------------------------------------

    async def _finish(self, run: RunFolder, link: Link) -> None:
        async with within(self.count, END_S, f"the end of {run.id}"):
            if link.snapshot.phase is Phase.LIMP:
                await self._follow(link)
            state = await finish(link)
            await asyncio.to_thread(wait_until, gone(run), END_S)
            self._check_end(state)

    async def _end_in_a_fault(self) -> None:
        """SIGTERM while a fault lasts: the worker ends, and says what it knows of torque."""
        fault, run = self._make(), self._begin()
        async with self._rig.attached(run, on_event=self._watch) as link:
            await self._follow(link)
            await self._start_take(link)
            await asyncio.sleep(0.3)
            self._do(fault.begin)
            os.kill(self._rig.pid(run), signal.SIGTERM)
            async with within(self.count, END_S, f"the end of {run.id} during {fault.begin}"):
                self._check_end(await link.until(lambda s: not s.running, END_S))
                await asyncio.to_thread(wait_until, gone(run), END_S)
            self._do(fault.end)

    def _check_end(self, state: Snapshot) -> None:
        """'finished' and 'torque is off' mean a limp arm, 'torque is on' one that holds."""
        torque, reason = self._servos.look(FOLLOWER).torque, state.end_reason
        told = f"{state.status}: {reason}, the servos: {torque}"
        if state.status is SessionStatus.FINISHED or reason.endswith("torque is off"):
            self.count.check(not any(torque.values()), told)
        elif reason.endswith("torque is on"):
            self.count.check(all(torque.values()), told)

    def _check_episodes(self) -> None:
        """Every take that was said to be saved, in LeRobot's dataset as it opens it."""
        from lerobot.datasets import LeRobotDataset

        dataset = LeRobotDataset("demo", root=self._rig.folder.datasets / "demo", video_backend="pyav")
        lengths = {int(row["episode_index"]): int(row["length"]) for row in dataset.meta.episodes}
        for index, frames in self._saved.items():
            self.count.check(lengths.get(index) == frames, f"episode {index} of {frames} frames: {lengths.get(index)}")
        dataset[len(dataset) - 1]


def _failing(state: Snapshot) -> bool:
    return any(alarm.source in DEVICES for alarm in state.alarms)


def _state(link: Link) -> str:
    state = link.snapshot
    alarms = "; ".join(alarm.text for alarm in state.alarms)
    return f"{state.phase.value} ({state.detail}){f' with {alarms}' if alarms else ''}"


def _part(make: Callable[[], Fault], *, switches: bool = False) -> Callable[[Rig, int], Any]:
    async def run(rig: Rig, tries: int) -> Count:
        return await ServoPart(rig, make, switches=switches).run(tries)

    return run


TRIES = 40
SERVO_PARTS = {
    "servos: late answers": (_part(late), TRIES),
    "servos: lost packets": (_part(lossy), TRIES),
    "servos: corrupt packets": (_part(corrupt), TRIES),
    "servos: one mute": (_part(mute_servo), TRIES),
    "servos: all mute": (_part(mute_chain), TRIES),
    "servos: power cycle": (_part(power_cycle), TRIES),
    "servos: one switches off": (_part(switched_off), TRIES),
    "servos: overload bit": (_part(complaining, switches=True), TRIES),
    "servos: unplugged": (_part(unplugged), TRIES),
}
"""Parts for the campaign's table."""
