"""Emulated SO-101 arms on pseudo-terminals: one thread that answers their hosts, and acts done to them meanwhile."""

from __future__ import annotations

import heapq
import os
import random
import select
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from services.sim.servos import control
from services.sim.servos import registers as reg
from services.sim.servos.chain import Chain
from services.sim.servos.packets import PacketLog, Parser
from services.sim.servos.plant import HandPlant, Plant, SimplePlant, Ticks
from services.sim.servos.port import ALIVE, Port
from sessions.locks import Lock

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
"""Servo ids 1 to 6 of an SO-101, by LeRobot's names."""
RANGE = (1000, 3000)
NICE = -10
"""Of the answering thread: its own lateness must not look like a servo's."""
FOLLOWER_V, LEADER_V = 12.0, 5.0
"""Volts of the supply. An SO-101's leader has the servos for 7.4 V, often at 5 V."""
START = 2000
"""Where each servo of a new arm is: in the middle, LeRobot's 0 degrees."""


@dataclass
class EmulatedArm:
    """One arm: its port, its servos, and what their host said."""

    name: str
    port: Port
    chain: Chain
    parser: Parser = field(default_factory=Parser)

    @property
    def log(self) -> PacketLog:
        """What the host said."""
        return self.chain.log

    @property
    def stand(self) -> control.Stand:
        """How it stands now."""
        self.chain.move()
        servos, powered = self.chain.servos, not self.chain.faults.unpowered
        return control.Stand(
            position={i: s.get(reg.PRESENT_POSITION) for i, s in servos.items()},
            goal={i: s.get(reg.GOAL_POSITION) for i, s in servos.items()},
            torque={i: powered and bool(s.get(reg.TORQUE_ENABLE, 1)) for i, s in servos.items()},
            port=str(self.port.link),
        )


class Emulator:
    """Arms in `folder`: their ports are links there by their names. `latency_s` is what each answer takes."""

    def __init__(self, folder: Path, *, latency_s: float = 0.0) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._alive = Lock(folder / ALIVE)
        self.latency_s, self.jitter_s = latency_s, 0.0
        """What each answer takes, and how much more at most."""
        self._random = random.Random(0)
        self.arms: dict[str, EmulatedArm] = {}
        self._lock = threading.RLock()
        self._due: list[tuple[float, int, EmulatedArm, bytes]] = []
        self._numbers = count()
        self._wake_read, self._wake_write = os.pipe()
        self._poll = select.epoll()
        self._poll.register(self._wake_read, select.EPOLLIN)
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="servos")

    def add(
        self,
        name: str,
        *,
        leader: bool = False,
        hand: Callable[[float], Ticks] | None = None,
        plant: Plant | None = None,
        start: Mapping[int, float] | None = None,
        ranges: Mapping[int, tuple[int, int]] | None = None,
        volts: float | None = None,
        log: Path | None = None,
        seed: int = 0,
    ) -> EmulatedArm:
        """An arm that is calibrated to RANGE on every joint, or to `ranges`; limp. Call it before `start`.

        `volts` is its supply's, else that of a follower or of a leader.
        """
        ids = range(1, len(JOINTS) + 1)
        begin = dict.fromkeys(ids, float(START)) | dict(start or {})
        plant = plant or (HandPlant(begin, hand) if leader else SimplePlant(begin))
        self.folder.mkdir(parents=True, exist_ok=True)
        arm = EmulatedArm(name, Port(self.folder / name), Chain(ids, plant, PacketLog(log), seed=seed))
        arm.chain.baud = lambda: arm.port.baud
        tenths = round(10 * (volts or (LEADER_V if leader else FOLLOWER_V)))
        for i, servo in arm.chain.servos.items():
            servo.put(reg.PRESENT_VOLTAGE, tenths, 1)
            servo.put(reg.MAX_VOLTAGE, 140 if tenths > 84 else 80, 1)
            low, high = (ranges or {}).get(i, RANGE)
            servo.put(reg.MIN_POSITION, low)
            servo.put(reg.MAX_POSITION, high)
            servo.keep()
        self.arms[name] = arm
        self._poll.register(arm.port.master, select.EPOLLIN)
        return arm

    def start(self) -> Emulator:
        """Answer from now on."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering; the ports go."""
        self._over = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join(2.0)
        for arm in self.arms.values():
            arm.port.close()
            arm.log.close()
        self._poll.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._alive.release()

    # --- acts -------------------------------------------------------------------------------------

    def do(self, act: control.AnyAct) -> control.Stand:
        """Do it, and say how the arm stands then. Raises ValueError where there is no such arm, servo or hand."""
        with self._lock:
            arm = self.arms.get(act.arm)
            if arm is None:
                raise ValueError(f"there is no arm {act.arm!r}; there are {', '.join(self.arms)}")
            servo = getattr(act, "servo", None)
            if servo is not None and servo not in arm.chain.servos:
                raise ValueError(f"{act.arm} has no servo {servo}")
            arm.chain.move()
            before = arm.port.master
            if isinstance(act, control.Unplug) and arm.port.plugged:
                self._poll.unregister(before)
            _apply(arm, act)
            if arm.port.plugged and arm.port.master != before:
                self._poll.register(arm.port.master, select.EPOLLIN)
            stand = arm.stand
        self._wake()
        return stand

    def look(self, arm: str) -> control.Stand:
        """How the arm stands."""
        return self.do(control.Look(arm=arm))

    # --- the thread -------------------------------------------------------------------------------

    def _wake(self) -> None:
        os.write(self._wake_write, b"x")

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # only root may, and only Linux knows threads by a number
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while not self._over:
            select.select([self.descriptor], [], [], self.wait_s())  # an epoll waits for whole milliseconds
            self.handle()

    # --- for a loop of one's own instead of the thread ----------------------------------------------

    @property
    def descriptor(self) -> int:
        """What to wait for: readable when a host wrote, or something was done."""
        return self._poll.fileno()

    def wait_s(self) -> float | None:
        """Seconds until an answer that is late has to go out; None without one."""
        with self._lock:
            return max(0.0, self._due[0][0] - time.monotonic()) if self._due else None

    def handle(self) -> bool:
        """Answer the hosts that wrote, and send what is due. Returns whether a host wrote."""
        ready = {descriptor for descriptor, _ in self._poll.poll(0)}
        if self._wake_read in ready:
            os.read(self._wake_read, 4096)
        with self._lock:
            wrote = [arm for arm in self.arms.values() if arm.port.master in ready]
            for arm in wrote:
                self._serve(arm)
            self._send_due()
        return bool(wrote)

    def _serve(self, arm: EmulatedArm) -> None:
        for instruction in arm.parser.feed(arm.port.read()):
            data, late = arm.chain.answer(instruction)
            if not data:
                continue
            late += self.latency_s + self._random.uniform(0, self.jitter_s)
            if late:
                due = time.monotonic() + late
                heapq.heappush(self._due, (due, next(self._numbers), arm, data))
            else:
                arm.port.write(data)

    def _send_due(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, arm, data = heapq.heappop(self._due)
            if arm.port.plugged:
                arm.port.write(data)


def _apply(arm: EmulatedArm, act: control.AnyAct) -> None:
    faults, plant = arm.chain.faults, arm.chain.plant
    match act:
        case control.Delay():
            faults.late = [act.seconds] * act.count
        case control.Loss():
            faults.drop, faults.corrupt = act.drop, act.corrupt
        case control.Mute():
            faults.mute = set(act.servos)
        case control.Silence():
            faults.silent_until = time.monotonic() + act.seconds
            faults.unpowered = act.power
        case control.ErrorBits():
            faults.errors[act.servo] = act.bits
        case control.SwitchOff():
            arm.chain.servos[act.servo].put(reg.TORQUE_ENABLE, 0, 1)
            faults.errors[act.servo] = act.bits
        case control.Unplug():
            arm.port.unplug()
        case control.Plug():
            arm.port.plug()
        case control.SetRegister():
            arm.chain.servos[act.servo].put(act.address, act.value, act.size)
            arm.chain.servos[act.servo].keep()
        case control.Load() | control.Block() | control.Hand():
            _move_plant(plant, act)
        case control.Look():
            pass


def _move_plant(plant: Plant, act: control.Load | control.Block | control.Hand) -> None:
    if isinstance(act, control.Hand):
        put = getattr(plant, "put_by_hand", None)
        if put is None:
            raise ValueError("only a leader has a hand")
        put(act.ticks)
        return
    if not isinstance(plant, SimplePlant):
        raise ValueError(f"{type(act).__name__} needs the simple plant")
    match act:
        case control.Load():
            plant.sag[act.servo] = act.sag
        case control.Block():
            plant.floor[act.servo] = (act.low, act.high)
