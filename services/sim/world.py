"""The simulated bench as a device on a cable: a process that outlives its clients.

`python -P -m services.sim.world DATA_DIR` returns when its world is ready (status 0), when another world
holds the data folder (3), or with a reason (1). The world steps physics against the wall clock, keeps its
last goals when nobody commands it, and leaves on SIGTERM, on request, when nobody has been connected for
LAB_CONSOLE_SIM_IDLE_S seconds (600), and when its data folder is gone.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import msgspec

from services.sim import camera_process
from services.sim.launch import BUSY
from services.sim.place import Place, place_of, sweep
from services.sim.settings import SettingsProblem, SimSettings, decode
from services.sim.shared import Seen, SharedMemory
from services.sim.stage import Stage
from services.sim.wire import VIEWS, DeviceFault, Reply, Request

TICK_STEPS, IDLE_TICK_STEPS = 4, 24
"""Physics steps per turn: 120 turns a second, and 20 while nobody is connected."""
_LATE_S = 0.25
"""A world that is later than this lets the lost time go."""
_LONGEST_LINE = 1 << 16


class _Caller:
    """One connection."""

    def __init__(self, cable: socket.socket) -> None:
        self.cable = cable
        self.pending = b""
        self.view = ""


class World:
    """The process's whole state: stage, listening socket, callers, shared memory, painter."""

    def __init__(self, place: Place, idle_s: float) -> None:
        self._place, self._idle_s = place, idle_s
        self._home = place.data_dir.stat().st_ino
        for stale in (place.socket, place.memory):
            stale.unlink(missing_ok=True)
        sweep(place.memory.parent, place.socket.parent)
        self._memory = SharedMemory(place.memory, create=True)
        self._stage = Stage(SimSettings(), 30)
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(place.socket))
        place.socket.chmod(0o600)
        self._listener.listen(32)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._callers: set[_Caller] = set()
        self._painter = 0
        self._alone_since = time.monotonic()
        self._leaving = ""

    def leave(self, reason: str) -> None:
        """End at the next turn."""
        self._leaving = self._leaving or reason

    def run(self) -> str:
        """Until there is a reason to leave; returns it."""
        timestep = self._stage.plant.timestep
        due = time.monotonic()
        looked = 0.0
        while not self._leaving:
            self._serve(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if now < due:
                continue
            if now - due > _LATE_S:
                due = now
            steps = TICK_STEPS if self._callers else IDLE_TICK_STEPS
            while due <= now:
                self._stage.advance(steps)
                due += steps * timestep
            self._publish()
            if now - looked > 0.5:
                looked = now
                self._look_around(now)
        return self._leaving

    def close(self) -> None:
        """Give back socket, memory and painter."""
        self._place.socket.unlink(missing_ok=True)
        self._place.memory.unlink(missing_ok=True)
        self._stop_painter()
        for caller in list(self._callers):
            caller.cable.close()
        self._listener.close()

    def _look_around(self, now: float) -> None:
        """Leave when idle or when the data folder is gone or replaced; mourn a dead painter."""
        if not self._callers and now - self._alone_since > self._idle_s:
            self.leave(f"nobody was connected for {self._idle_s:g} s")
        try:
            gone = self._place.data_dir.stat().st_ino != self._home or not self._place.lock.exists()
        except OSError:
            gone = True
        if gone:
            self.leave("the data folder is gone")
        if self._painter and os.waitpid(self._painter, os.WNOHANG)[0]:
            print("the painter died; starting another", flush=True)
            self._painter = 0
            self._mind_painter()

    # --- callers --------------------------------------------------------------------------------

    def _serve(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                self._accept()
            else:
                self._read(key.data)

    def _accept(self) -> None:
        with suppress(OSError):
            cable, _ = self._listener.accept()
            cable.setblocking(False)
            caller = _Caller(cable)
            self._callers.add(caller)
            self._selector.register(cable, selectors.EVENT_READ, caller)

    def _read(self, caller: _Caller) -> None:
        try:
            chunk = caller.cable.recv(_LONGEST_LINE)
            if not chunk or len(caller.pending) > _LONGEST_LINE:
                raise ConnectionResetError
            *lines, caller.pending = (caller.pending + chunk).split(b"\n")
            for line in lines:
                caller.cable.sendall(msgspec.json.encode(self._answer(caller, line)) + b"\n")
        except OSError:  # also a caller that does not read its answers
            self._hang_up(caller)

    def _hang_up(self, caller: _Caller) -> None:
        self._selector.unregister(caller.cable)
        caller.cable.close()
        self._callers.discard(caller)
        if not self._callers:
            self._alone_since = time.monotonic()
        if caller.view:
            self._mind_painter()

    def _answer(self, caller: _Caller, line: bytes) -> Reply:
        try:
            return self._obey(caller, msgspec.json.decode(line, type=Request))
        except DeviceFault as error:
            return Reply(str(error), "device")
        except SettingsProblem as error:
            return Reply(str(error), "settings")
        except (ValueError, TypeError) as error:
            return Reply(f"the simulated bench does not understand {line[:80]!r}: {error}", "request")

    def _obey(self, caller: _Caller, request: Request) -> Reply:
        stage = self._stage
        match request.op:
            case "joints":
                return Reply(values=tuple(stage.joints().tolist()))
            case "leader":
                return Reply(values=tuple(stage.leader().tolist()))
            case "command":
                stage.command(request.values)
            case "torque":
                stage.set_torque(on=request.on)
            case "take_started":
                stage.take_started(request.number)
            case "take_ended":
                stage.take_ended(request.number)
            case "goal_log":
                return Reply(log=stage.goal_log(request.number))
            case _:
                return self._mind(caller, request)
        return Reply()

    def _mind(self, caller: _Caller, request: Request) -> Reply:
        """The verbs that concern the process, not the play."""
        match request.op:
            case "state":
                watched = tuple(sorted({c.view for c in self._callers if c.view}))
                state = msgspec.structs.replace(self._stage.state(), cameras=watched, pid=os.getpid())
                return Reply(state=state)
            case "apply":
                self._stage.apply(decode(request.settings), request.fps)
                self._stop_painter()
                self._mind_painter()
            case "watch":
                if request.view not in VIEWS:
                    raise ValueError(f"there is no camera view {request.view!r}; choose {' or '.join(VIEWS)}")
                caller.view = request.view
                self._publish()
                self._mind_painter()
            case "shutdown":
                self.leave("it was asked to")
            case other:
                raise ValueError(f"there is no verb {other!r}")
        return Reply()

    # --- the painter ----------------------------------------------------------------------------

    def _publish(self) -> None:
        stage = self._stage
        views = sum(1 << bit for bit, view in enumerate(VIEWS) if any(c.view == view for c in self._callers))
        if views:
            qpos = tuple(stage.plant.data.qpos.tolist())
            self._memory.write_state(Seen(views, stage.index, stage.take, stage.frame, qpos))

    def _mind_painter(self) -> None:
        """The painter runs while somebody watches."""
        watched = any(caller.view for caller in self._callers)
        if watched and not self._painter:
            self._painter = camera_process.start(self._memory, self._stage.settings)
        elif not watched:
            self._stop_painter()

    def _stop_painter(self) -> None:
        if self._painter:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._painter, signal.SIGKILL)
                os.waitpid(self._painter, 0)
            self._painter = 0


def main(argv: list[str]) -> int:
    """Start a world in a process of its own; returns when it is ready or has failed."""
    if len(argv) != 2:
        print(f"usage: {Path(argv[0]).name} DATA_DIR", file=sys.stderr)
        return 2
    place = place_of(argv[1])
    ready, tell = os.pipe()
    if os.fork():
        os.close(tell)
        answer = os.read(ready, 1)
        return answer[0] if answer else 1
    os.close(ready)
    os.setsid()
    status = 1
    try:
        status = _live(place, tell)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _live(place: Place, tell: int) -> int:
    """The world's life, from lock to farewell."""
    place.lock.parent.mkdir(parents=True, exist_ok=True)
    lock = place.lock.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.write(tell, bytes([BUSY]))
        return BUSY
    world = World(place, float(os.environ.get("LAB_CONSOLE_SIM_IDLE_S", "600")))
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda n, _: world.leave(signal.Signals(n).name))
        print(f"world {os.getpid()} ready", flush=True)
        os.write(tell, b"\0")
        os.close(tell)
        print(f"world {os.getpid()} leaves: {world.run()}", flush=True)
    finally:
        world.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
