"""Emulated arms in a process of their own, and their remote control: JSON lines on a unix socket.

`python -P -m services.sim.servos.process FOLDER NAME[:leader] ...` says `ready` once the ports are there, and ends
with its standard input.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

import msgspec

from services.sim.servos import control
from services.sim.servos.calibration import write_calibration
from services.sim.servos.emulator import Emulator

SOCKET, CALIBRATION, LOGS = "control", "calibration", "logs"
START_S, ANSWER_S = 10.0, 5.0


class Servos:
    """A process with emulated arms in `folder`; each name may carry `:leader`. Every act is answered."""

    def __init__(self, folder: Path, *arms: str, latency_s: float = 0.0) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "services.sim.servos.process", str(folder), *arms]
        environment = os.environ | {"LAB_CONSOLE_SERVO_LATENCY": str(latency_s)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        output = cast("IO[bytes]", self._process.stdout)
        ready, _, _ = select.select([output], [], [], START_S)
        if not ready or output.readline() != b"ready\n":
            self._process.kill()
            raise ConnectionError(f"the emulated servos in {folder} did not start")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(ANSWER_S)
        with _Inside(folder):
            self._socket.connect(SOCKET)
        self._lines = self._socket.makefile("rb")

    def do(self, act: control.AnyAct) -> control.Stand:
        """As Emulator.do."""
        self._socket.sendall(msgspec.json.encode(act) + b"\n")
        return control.decode_stand(self._lines.readline())

    def look(self, arm: str) -> control.Stand:
        """How the arm stands."""
        return self.do(control.Look(arm=arm))

    def port(self, arm: str) -> str:
        """The path of the arm's serial port."""
        return str(self.folder / arm)

    @property
    def calibration(self) -> Path:
        """The folder with LeRobot's calibration files, one per arm by its name."""
        return self.folder / CALIBRATION

    def log(self, arm: str) -> Path:
        """Every packet of the arm's host: time, instruction (hexadecimal), address, `servo=data` in hexadecimal."""
        return self.folder / LOGS / f"{arm}.log"

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            self._lines.close()
            self._socket.close()
        self._process.stdin and self._process.stdin.close()
        try:
            self._process.wait(3.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout and self._process.stdout.close()


class _Inside:
    """The working directory, for a moment: a socket's path may have about 100 bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._before = os.open(".", os.O_RDONLY)
        os.chdir(self._folder)

    def __exit__(self, *_: object) -> None:
        os.fchdir(self._before)
        os.close(self._before)


def serve(folder: Path, names: list[str]) -> None:
    """Run until standard input ends."""
    emulator = Emulator(folder, latency_s=float(os.environ.get("LAB_CONSOLE_SERVO_LATENCY", "0")))
    (folder / LOGS).mkdir(exist_ok=True)
    for word in names:
        name, _, kind = word.partition(":")
        arm = emulator.add(name, leader=kind == "leader", log=folder / LOGS / f"{name}.log")
        write_calibration(arm, folder / CALIBRATION)
    (folder / SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _Inside(folder):
        listener.bind(SOCKET)
    listener.listen()
    emulator.start()
    print("ready", flush=True)
    try:
        _obey(emulator, listener)
    finally:
        emulator.close()


def _obey(emulator: Emulator, listener: socket.socket) -> None:
    hosts: dict[int, tuple[socket.socket, IO[bytes]]] = {}
    while True:
        ready, _, _ = select.select([sys.stdin.fileno(), listener.fileno(), *hosts], [], [])
        if sys.stdin.fileno() in ready:
            return
        if listener.fileno() in ready:
            host, _ = listener.accept()
            hosts[host.fileno()] = (host, host.makefile("rb"))
            continue
        for descriptor in hosts.keys() & set(ready):
            host, lines = hosts[descriptor]
            line = lines.readline()
            if not line:
                hosts.pop(descriptor)
                lines.close()
                host.close()
                continue
            host.sendall(_reply(emulator, line) + b"\n")


def _reply(emulator: Emulator, line: bytes) -> bytes:
    try:
        return msgspec.json.encode(emulator.do(control.decode_act(line)))
    except (ValueError, msgspec.DecodeError) as error:
        return msgspec.json.encode(control.Wrong(error=str(error)))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2:])
