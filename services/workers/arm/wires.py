"""How well the arms' serial buses answer: the take's flags, an alarm where it lasts, and what telemetry says."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lerobot.motors.motors_bus import SerialMotorsBus

from services.health.answers import Answers, Lossy, Retried
from services.health.checks import thresholds_of
from services.live import events as ev
from services.live import protocol
from services.live.reasons import AlarmSource
from services.workers.arm.lapses import RETRIED
from services.workers.arm.parts import buses_of
from services.workers.arm.serial_bus import SerialBus, dependable
from services.workers.process.journal import Journal
from sessions.bench import arm_name

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices

EVERY_S = 1.0
WINDOW_S = 10.0
"""What `lately` covers: long enough that one silence is no share of it, short enough to see a cable being wiggled."""
CHECK_CABLE = "check its cable and plugs"


class Wire:
    """One arm's bus."""

    def __init__(self, bus: SerialBus, health: Mapping[str, Any]) -> None:
        self._bus = bus
        self._take = bus.answers
        self._past = deque([bus.answers], maxlen=round(WINDOW_S / EVERY_S) + 1)
        self._thresholds = thresholds_of(Retried, dict(health))
        self.lossy = Lossy(thresholds_of(Lossy, dict(health)))

    def begin(self) -> None:
        """A take starts."""
        self._take = self._bus.answers

    @property
    def in_take(self) -> Answers:
        """Since the take's start."""
        return self._bus.answers - self._take

    @property
    def spoilt(self) -> bool:
        """Whether the take's answers were worse than noise."""
        check = Retried(self._thresholds)
        check.update(self.in_take, 0.0)
        return check.active

    @property
    def lately(self) -> Answers:
        """Over the last WINDOW_S."""
        return self._bus.answers - self._past[0]

    def look(self, now: float) -> bool:
        """Call it each EVERY_S, `now` in seconds. Whether the bus became lossy, or sound again."""
        changed = self.lossy.update(self.lately, now)
        self._past.append(self._bus.answers)
        return changed

    @property
    def view(self) -> protocol.WireView:
        """For telemetry."""
        answers = self._bus.answers
        return protocol.WireView(asked=answers.asked, retried=answers.retried, lately=self.lately.share)


class Wires:
    """Those of the follower and the leader, or of both their arms. Belongs to the control loop's thread."""

    def __init__(self, devices: Devices, health: Mapping[str, Any], journal: Journal) -> None:
        """`health` holds thresholds by check, as in lab.toml."""
        self._journal = journal
        self._wires = {bus.device: Wire(bus, health) for bus in serial_buses(devices)}
        self._next = 0.0

    def begin(self) -> None:
        """A take starts."""
        for wire in self._wires.values():
            wire.begin()

    @property
    def retried(self) -> dict[str, int]:
        """How often each arm was asked again in this take, those that never were left out."""
        return {arm: wire.in_take.retried for arm, wire in self._wires.items() if wire.in_take.retried}

    @property
    def flags(self) -> list[str]:
        """Of the take, each with its count."""
        return [f"{arm} {RETRIED} {wire.in_take.retried}" for arm, wire in self._wires.items() if wire.spoilt]

    @property
    def views(self) -> dict[str, protocol.WireView]:
        """Each arm's bus for the telemetry."""
        return {arm: wire.view for arm, wire in self._wires.items()}

    def look(self, now: float) -> None:
        """One control period, `now` in seconds of the session's clock; raises or clears the alarm."""
        if now < self._next:
            return
        self._next = now + EVERY_S
        changed = [wire.look(now) for wire in self._wires.values()]
        if any(changed):
            self._report()

    def _report(self) -> None:
        lossy = {arm: wire.lossy.share for arm, wire in self._wires.items() if wire.lossy.active}
        if not lossy:
            self._journal.emit(ev.AlarmCleared(source=AlarmSource.ANSWERS))
            return
        text = "; ".join(f"{arm}: {100 * share:.0f} % of its answers get lost" for arm, share in lossy.items())
        self._journal.emit(ev.AlarmRaised(source=AlarmSource.ANSWERS, text=text, answer=CHECK_CABLE))


def serial_buses(devices: Devices) -> Iterator[SerialBus]:
    """The buses of the arms whose packets can be counted."""
    for device, part in (("follower", devices.robot), ("leader", devices.teleop)):
        for prefix, bus in buses_of(part).items():
            if isinstance(bus, SerialMotorsBus):
                yield dependable(bus, arm_name(device, prefix))
