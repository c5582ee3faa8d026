"""LeRobot's serial motors bus, made dependable: no stale answers, retries, named silence, a port that comes back.

What LeRobot 0.6.1 does by itself (motors/motors_bus.py, motors/feetech/feetech.py, scservo_sdk): an answer that comes
after its time-out stays in the receive buffer, since `clearPort` only flushes what was sent, and is taken for the
answer to the next question; a serial error leaves the port `is_using` for good; a lost packet fails a whole connect; an
error bit counts as a failure though the servo obeyed. tests/lerobot_seams/test_serial_bus.py looks for each of them.
"""

from __future__ import annotations

import errno
import logging
import os
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

from lerobot.motors.feetech import FeetechMotorsBus
from lerobot.motors.motors_bus import SerialMotorsBus

from services.bench.device_locks import DeviceBusy, DeviceLocks
from services.health.answers import Answers
from services.workers.arm.usb_port import NotSure, UsbPort

RETRIES = 2
"""How often a packet is asked for again."""
CONFIGURING_RETRIES = 7
"""The same while connecting, where nothing waits: 1 % of loss must not fail one of some hundred packets."""
WAIT_S = 0.005
"""How long a read of the port waits for bytes before the packet's own time-out is looked at."""
REOPEN_EVERY_S = 0.5
PING_MS = 20.0
"""How long a servo may take to say that it is there; an answer takes 1 or 2 ms, LeRobot waits for 50."""

ID, LENGTH, INSTRUCTION, READ_LENGTH = 2, 3, 4, 6
"""Where in a packet (scservo_sdk/protocol_packet_handler.py)."""
READS = (0x02, 0x82)
BITS = {1: "voltage", 2: "angle sensor", 4: "overheated", 8: "overcurrent", 32: "overloaded"}

PLUG_IN = "plug it in"

logger = logging.getLogger(__name__)


class NoAnswer(ConnectionError):
    """Servos that do not answer, after every retry; names them."""


class Unplugged(ConnectionError):
    """The port is gone, or is not open again yet; `answer` says what to do."""

    lasting = True

    def __init__(self, text: str, answer: str = PLUG_IN) -> None:
        super().__init__(text)
        self.answer = answer


def dependable(bus: SerialMotorsBus, device: str) -> SerialBus:
    """The bus, rewired once."""
    if bus not in _known:
        _known[bus] = SerialBus(bus, device)
    return _known[bus]


class SerialBus:
    """Rewires one bus of LeRobot's in place; `device` is what people call it. Belongs to the control loop's thread.

    Afterwards the bus's own reads and writes raise NoAnswer or Unplugged where they failed; an error bit is kept in
    `errors` (by motor) instead of raised.
    """

    def __init__(self, bus: SerialMotorsBus, device: str) -> None:
        self.bus, self.device = bus, device
        self.errors: dict[str, int] = {}
        self.silent = False
        """Whether the last question stayed without an answer: the next one is then asked only once."""
        self._mute: list[int] | None = None
        """The servos that did not answer in this silence; None until each was asked."""
        self._retries = RETRIES
        self._gone, self._next_try = False, 0.0
        self._feetech = isinstance(bus, FeetechMotorsBus) and bus.protocol_version == 0
        """Whether packets look as described here; others, such as Dynamixel's, are not looked into."""
        self.locks: DeviceLocks | None = None
        """Hold the port under whichever path it is opened."""
        self._usb = UsbPort(bus.port)
        self._held: list[str] = []
        """The real paths that are locked for this bus; the first is the one at which the arm was last."""
        self._away = ("", PLUG_IN)
        """Why the port is not open again, and what to do."""
        self._expects = 0
        """Bytes that the answer to the question in hand carries."""
        self.answers = Answers()
        """Since it was connected, without the questions that nobody answered: silence is no loss."""
        self._sent = self._tried = 0
        """Packets so far, and those of the newest question."""
        self._wire_port()
        self._wire_packets()

    @contextmanager
    def patient(self) -> Iterator[None]:
        """Many retries per packet, while nothing waits for the answer."""
        self._retries, self.silent, self._mute = CONFIGURING_RETRIES, False, None
        try:
            yield
        finally:
            self._retries = RETRIES

    # --- the port ---------------------------------------------------------------------------------

    def _wire_port(self) -> None:
        port, packets = self.bus.port_handler, self.bus.packet_handler
        flush, send, receive = port.clearPort, packets.txPacket, packets.rxPacket
        open_port = port.openPort

        def open_locked() -> Any:
            self._lock(os.path.realpath(port.port_name))
            opened = open_port()
            if opened and self._feetech:  # LeRobot's SDK asks with a time-out of 0, again and again, until it is there
                port.ser.timeout = WAIT_S
            self._gone = False
            return opened

        def clear() -> None:
            port.ser.reset_input_buffer()  # what comes late answers nothing any more
            flush()

        def send_plugged(handler: Any, packet: list[int]) -> Any:
            if self._gone:
                self._reopen()
            self._expects = _answer_length(packet)
            self._sent += 1
            with self._noticing():
                return send(handler, packet)

        def receive_plugged(handler: Any, *options: Any) -> Any:
            while True:  # an answer of another length is the late answer to another question
                with self._noticing():
                    packet, result = receive(handler, *options)
                fits = not self._feetech or result != self.bus._comm_success or packet[LENGTH] - 2 == self._expects
                if fits:
                    return packet, result

        port.clearPort, port.openPort = clear, open_locked
        packets.txPacket, packets.rxPacket = send_plugged, receive_plugged

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """A port that raises is gone: pyserial and termios raise what they like then."""
        try:
            yield
        except (OSError, termios.error, TypeError) as error:
            logger.warning("%s: its port failed: %s", self.device, error)
            self._next_try = time.monotonic() + REOPEN_EVERY_S
            raise self._stay_away() from error
        finally:
            if self._gone:
                self.bus.port_handler.is_using = False

    def _reopen(self) -> None:
        """Open the port where the device surely is again. Raises Unplugged with the reason."""
        if time.monotonic() < self._next_try:
            raise self._unplugged()
        self._next_try = time.monotonic() + REOPEN_EVERY_S
        try:
            path = self._usb.find(self._others())
        except NotSure as problem:
            raise self._stay_away(f"; {problem}", problem.answer) from problem
        if not path:
            raise self._stay_away()
        port = self.bus.port_handler
        port.is_open, port.port_name = False, path
        try:
            with self._noticing():
                port.openPort()
            same = bool(self.bus.is_calibrated)
        except DeviceBusy as busy:
            raise self._stay_away(f"; {busy}", "") from busy
        except Exception as error:
            raise self._stay_away(f"; it is back at {path}, but does not answer yet", "check its power") from error
        if not same:
            why = f": the arm at {path} now has another calibration, it is not the one from before"
            raise self._stay_away(why, "plug in the one from before")
        self._hold_only(os.path.realpath(path))
        logger.info("%s: back at %s", self.device, path)

    def _unplugged(self) -> Unplugged:
        why, answer = self._away
        return Unplugged(f"the {self.device} was unplugged{why}", answer)

    def _stay_away(self, why: str = "", answer: str = PLUG_IN) -> Unplugged:
        """It is not back: nothing stays open or locked of where it was looked for.

        LeRobot asks nothing of a port that is not `is_open`; it would never be looked for again.
        """
        port, self._gone, self._away = self.bus.port_handler, True, (why, answer)
        with suppress(Exception):
            port.ser.close()
        port.is_open = True
        if self._held:
            self._hold_only(self._held[0])
        return self._unplugged()

    # --- whose port it is -------------------------------------------------------------------------

    def _others(self) -> set[str]:
        """The real paths at which the other buses of this process are."""
        return {at for bus in _known.values() if bus is not self and (at := bus.open_at)}

    @property
    def open_at(self) -> str:
        """The real path at which the port is open; empty where it is not."""
        port = self.bus.port_handler
        return os.path.realpath(port.port_name) if port.is_open and not self._gone else ""

    def _lock(self, path: str) -> None:
        """Raises DeviceBusy if another session holds the port, OSError if it is another arm's."""
        if path in self._others():
            raise OSError(errno.EBUSY, f"{path} is the port of another arm of this bench")
        if self.locks is None or path in self._held:
            return
        if self._held or not self.locks.holds(path):  # else it was locked with all devices of the session
            self.locks.add(path, f"{self.device} port {path}")
        self._held.append(path)

    def _hold_only(self, path: str) -> None:
        """Hold this path only."""
        given_up = [held for held in self._held if held != path]
        self._held = [held for held in self._held if held == path]
        for other in given_up:
            if self.locks is not None:
                self.locks.remove(other)

    # --- packets ----------------------------------------------------------------------------------

    def _wire_packets(self) -> None:
        bus = self.bus
        read, write, sync_read, ping = bus._read, bus._write, bus._sync_read, bus.packet_handler.ping

        def read_well(address: int, length: int, motor_id: int, **options: Any) -> Any:
            raises, value, comm, error = self._ask(read, options, address, length, motor_id)
            self._check(comm, error, motor_id, raises)
            return value, comm, bus._no_error

        def write_well(address: int, length: int, motor_id: int, value: int, **options: Any) -> Any:
            raises, comm, error = self._ask(write, options, address, length, motor_id, value)
            self._check(comm, error, motor_id, raises)
            return comm, bus._no_error

        def sync_read_well(address: int, length: int, motor_ids: list[int], **options: Any) -> Any:
            raises, values, comm = self._ask(sync_read, options, address, length, motor_ids)
            self._check(comm, 0, None, raises)
            return values, comm

        def ping_well(port: Any, motor_id: int) -> Any:
            for _ in range(1 + self._tries(0)):
                number, comm, error = ping(port, motor_id)
                if comm == bus._comm_success:
                    break
            self._keep(motor_id, error)
            return number, comm, bus._no_error

        bus._read, bus._write, bus._sync_read = read_well, write_well, sync_read_well
        bus.packet_handler.ping = ping_well

    def _tries(self, wanted: int) -> int:
        return 0 if self.silent else max(wanted, self._retries)

    def _ask(self, call: Callable[..., Any], options: dict[str, Any], *question: Any) -> tuple[Any, ...]:
        """Whether the caller wants to be raised at, and what the call gave."""
        raises = options.get("raise_on_error", True)
        tries = self._tries(options.get("num_retry", 0))
        sent = self._sent
        try:
            return raises, *call(*question, **{**options, "num_retry": tries, "raise_on_error": False})
        finally:
            self._tried = self._sent - sent

    def _keep(self, motor_id: int, error: int) -> None:
        motor = self.bus._id_to_name_dict.get(motor_id)
        if motor is not None:
            self.errors[motor] = error

    def _check(self, comm: int, error: int, motor_id: int | None, raises: bool) -> None:
        answered = comm == self.bus._comm_success
        if answered:
            self.answers = Answers(self.answers.asked + 1, self.answers.retried + max(0, self._tried - 1))
        if answered and motor_id is not None:
            self._keep(motor_id, error)
        if answered:
            self._mute = None
        self.silent = not answered
        if answered or not raises:
            return
        result = self.bus.packet_handler.getTxRxResult(comm)
        if motor_id is not None:
            raise NoAnswer(f"{self.device}: {self.name(motor_id)} does not answer") from ConnectionError(result)
        raise NoAnswer(self._who_is_silent()) from ConnectionError(result)

    def name(self, motor_id: int) -> str:
        """A motor for people: `gripper (6)`."""
        return f"{self.bus._id_to_name_dict.get(motor_id, 'servo')} ({motor_id})"

    def _who_is_silent(self) -> str:
        """Ask each servo by itself, once per silence: a stop must not wait for it again and again."""
        if self._mute is None:
            self._mute = [motor_id for motor_id in self.bus.ids if not self._is_there(motor_id)]
        silent = self._mute
        if not silent:
            return f"{self.device}: answers get lost or come late"
        if len(silent) == len(self.bus.ids):
            return f"{self.device}: none of its servos answers; do they have power?"
        names = " and ".join(self.name(motor_id) for motor_id in silent)
        return f"{self.device}: {names} {'does' if len(silent) == 1 else 'do'} not answer"

    def _is_there(self, motor_id: int) -> bool:
        port, packets = self.bus.port_handler, self.bus.packet_handler
        patient = port.setPacketTimeout

        def hurried(length: int) -> None:
            patient(length)
            port.packet_timeout = min(port.packet_timeout, PING_MS)

        port.setPacketTimeout = hurried
        try:
            _, comm, _ = packets.ping(port, motor_id)
        finally:
            port.setPacketTimeout = patient
        return bool(comm == self.bus._comm_success)


_known: WeakKeyDictionary[SerialMotorsBus, SerialBus] = WeakKeyDictionary()


def _answer_length(packet: list[int]) -> int:
    """Bytes of data that the answer to a packet of Feetech's protocol 0 carries."""
    reads = len(packet) > READ_LENGTH and packet[INSTRUCTION] in READS
    return packet[READ_LENGTH] if reads else 0
