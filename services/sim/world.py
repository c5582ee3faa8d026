"""The simulated bench as a process that outlives its clients, as hardware would.

`python -P -m services.sim.world DATA_DIR` returns when its world is ready (status 0), when another world
holds the data folder (3), or after printing an error (1). The world steps physics against the wall clock, keeps its
last goals when nobody commands it, and exits on SIGTERM, on request, when nobody has been connected for
LAB_CONSOLE_SIM_IDLE_S seconds (default 600), and when its data folder is gone.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from services.sim import camera_process
from services.sim.launch import BUSY
from services.sim.place import Place, place_of, sweep
from services.sim.servo_arms import ServoArms
from services.sim.servos import control
from services.sim.servos.emulator import NICE
from services.sim.settings import SettingsProblem, SimSettings, decode
from services.sim.shared import PainterState, SharedMemory
from services.sim.stage import Stage
from services.sim.streams import Stream
from services.sim.wire import VIEWS, DeviceFault, Reply, Request
from sessions.locks import Lock, LockBusy

TICK_STEPS, IDLE_TICK_STEPS = 4, 24
"""Physics steps per turn: 120 turns a second, and 20 while nobody is connected."""
_LATE_S = 0.25
"""Seconds behind the wall clock after which lost time is skipped."""
_LONGEST_LINE = 1 << 16


class _Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.pending = b""
        self.view = ""
        self.asked = False
        """Whether it ever asked for anything: other worlds connect to see whether this one lives."""


class World:
    """The process's whole state: stage, listening socket, clients, shared memory, painter."""

    def __init__(self, place: Place, idle_s: float) -> None:
        self._place, self._idle_s = place, idle_s
        self._home = place.data_dir.stat().st_ino
        for stale in (place.socket, place.memory):
            stale.unlink(missing_ok=True)
        sweep(place.memory.parent, place.socket.parent)
        self._memory = SharedMemory(place.memory, create=True)
        self._stage = Stage(SimSettings(), 30)
        self._selector = selectors.EpollSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(place.socket))
        place.socket.chmod(0o600)
        self._listener.listen(32)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._clients: set[_Client] = set()
        self._servos: ServoArms | None = None
        self._painter = 0
        self._streams: dict[str, Stream] = {}
        self._alone_since = time.monotonic()
        self._leaving = ""

    def leave(self, reason: str) -> None:
        """Stop `run` at its next turn."""
        self._leaving = self._leaving or reason

    def run(self) -> str:
        """Serve until there is a reason to leave; returns it."""
        timestep = self._stage.plant.timestep
        due = time.monotonic()
        checked = 0.0
        while not self._leaving:
            self._serve(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if now < due:
                continue
            if now - due > _LATE_S:
                due = now
            steps = TICK_STEPS if self._clients or self._driven else IDLE_TICK_STEPS
            if self._servos is not None:
                self._servos.advance(now)
            while due <= now:
                self._stage.advance(steps)
                due += steps * timestep
            self._publish()
            if now - checked > 0.5:
                checked = now
                self._check_surroundings(now)
        return self._leaving

    @property
    def _driven(self) -> bool:
        """Whether a host speaks to the servos."""
        return self._servos is not None and self._servos.busy

    def close(self) -> None:
        """Release socket, memory, ports and painter."""
        self._serve_servos(False)
        self._place.socket.unlink(missing_ok=True)
        self._place.memory.unlink(missing_ok=True)
        self._stop_painter()
        self._offer_streams({})
        for client in list(self._clients):
            client.connection.close()
        self._listener.close()

    def _check_surroundings(self, now: float) -> None:
        """Leave when idle or when the data folder is gone or replaced; restart a dead painter."""
        if self._driven:
            self._alone_since = now
        if not self._clients and now - self._alone_since > self._idle_s:
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
            self._update_painter()

    # --- clients --------------------------------------------------------------------------------

    def _serve(self, timeout: float) -> None:
        """Wait for clients and for hosts of the servos, and answer them."""
        late = None if self._servos is None else self._servos.emulator.wait_s()
        if late is not None:  # an epoll waits for whole milliseconds
            select.select([self._selector.fileno()], [], [], min(timeout, late))
            timeout = 0.0
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                self._accept()
            elif isinstance(key.data, _Client):
                self._read(key.data)
            elif key.data is self._servos and self._servos is not None:
                self._servos.handle()
        if late is not None and self._servos is not None:
            self._servos.handle()

    def _accept(self) -> None:
        with suppress(OSError):
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            client = _Client(connection)
            self._clients.add(client)
            self._selector.register(connection, selectors.EVENT_READ, client)

    def _read(self, client: _Client) -> None:
        try:
            chunk = client.connection.recv(_LONGEST_LINE)
            if not chunk or len(client.pending) > _LONGEST_LINE:
                raise ConnectionResetError
            *lines, client.pending = (client.pending + chunk).split(b"\n")
            client.asked |= bool(lines)
            for line in lines:
                client.connection.sendall(msgspec.json.encode(self._answer(client, line)) + b"\n")
        except OSError:  # also a client that does not read its replies
            self._disconnect(client)

    def _disconnect(self, client: _Client) -> None:
        self._selector.unregister(client.connection)
        client.connection.close()
        self._clients.discard(client)
        if not self._clients and client.asked:
            self._alone_since = time.monotonic()
        if client.view:
            self._update_painter()

    def _answer(self, client: _Client, line: bytes) -> Reply:
        try:
            return self._handle(client, msgspec.json.decode(line, type=Request))
        except DeviceFault as error:
            return Reply(str(error), "device")
        except SettingsProblem as error:
            return Reply(str(error), "settings")
        except (ValueError, TypeError) as error:
            return Reply(f"the simulated bench does not understand {line[:80]!r}: {error}", "request")

    def _handle(self, client: _Client, request: Request) -> Reply:
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
            case "lay":
                x, y, yaw = (float(value or 0.0) for value in request.values)
                stage.lay(x, y, yaw)
            case "goal_log":
                log = stage.goal_log if self._servos is None else self._servos.goal_log
                return Reply(log=log(request.number))
            case _:
                return self._manage(client, request)
        return Reply()

    def _manage(self, client: _Client, request: Request) -> Reply:
        """Requests about the process, not the bench."""
        match request.op:
            case "state":
                watched = tuple(sorted({c.view for c in self._clients if c.view}))
                state = msgspec.structs.replace(self._stage.state(), cameras=watched, pid=os.getpid())
                return Reply(state=state)
            case "apply":
                self._stage.apply(decode(request.settings), request.fps)
                self._serve_servos(request.servos)
                self._stop_painter()
                self._offer_streams(request.streams)
                self._update_painter()
            case "watch":
                _check_view(request.view)
                client.view = request.view
                self._publish()
                self._update_painter()
            case "act":
                if self._servos is None:
                    raise ValueError("the simulated bench has no servos in this session")
                stand = self._servos.do(msgspec.convert(request.settings, control.AnyAct, strict=False))
                return Reply(stand=msgspec.to_builtins(stand, str_keys=True))
            case "shutdown":
                self.leave("a client asked for it")
            case other:
                raise ValueError(f"there is no verb {other!r}")
        return Reply()

    def _serve_servos(self, wanted: bool) -> None:
        """Put the arms behind serial ports, or take the ports away."""
        if wanted and self._servos is None:
            self._servos = ServoArms(self._stage, self._place.servos)
            self._selector.register(self._servos.emulator.descriptor, selectors.EVENT_READ, self._servos)
        elif not wanted and self._servos is not None:
            self._selector.unregister(self._servos.emulator.descriptor)
            self._servos.close()
            self._servos = None
        if self._servos is not None:
            self._servos.apply(self._stage.settings.bus)

    # --- the painter ----------------------------------------------------------------------------

    def _publish(self) -> None:
        stage = self._stage
        views = sum(1 << bit for bit, view in enumerate(VIEWS) if any(c.view == view for c in self._clients))
        if views or self._streams:
            qpos = tuple(stage.plant.data.qpos.tolist())
            self._memory.write_state(PainterState(views, stage.index, stage.take, stage.frame, qpos))

    def _update_painter(self) -> None:
        """Start or stop the painter, which runs while a client watches a view, or may read one."""
        watched = bool(self._streams) or any(client.view for client in self._clients)
        if watched and not self._painter:
            for stream in self._streams.values():
                stream.offer()
            self._painter = camera_process.start(self._memory, self._stage.settings, self._streams)
            for stream in self._streams.values():
                stream.release()
        elif not watched:
            self._stop_painter()

    def _offer_streams(self, wanted: Mapping[str, tuple[int, int]]) -> None:
        """Files for the cameras that read these views, and no others."""
        for view in wanted:
            _check_view(view)
        for stream in self._streams.values():
            stream.withdraw()
        self._streams = {}
        for view, size in wanted.items():
            self._streams[view] = Stream(self._place.cameras / view, size, camera_process.CAMERA_FPS)

    def _stop_painter(self) -> None:
        if self._painter:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._painter, signal.SIGKILL)
                os.waitpid(self._painter, 0)
            self._painter = 0


def _check_view(view: str) -> None:
    if view not in VIEWS:
        raise ValueError(f"there is no camera view {view!r}; choose {' or '.join(VIEWS)}")


def main(argv: list[str]) -> int:
    """Start a world in a separate process; returns once it is ready or has failed."""
    if len(argv) != 2:
        print(f"usage: {Path(argv[0]).name} DATA_DIR", file=sys.stderr)
        return 2
    place = place_of(argv[1])
    ready, report = os.pipe()
    if os.fork():
        os.close(report)
        answer = os.read(ready, 1)
        return answer[0] if answer else 1
    os.close(ready)
    os.setsid()
    status = 1
    try:
        status = _live(place, report)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _live(place: Place, report: int) -> int:
    """Take the lock and run the world until it exits; returns the exit status."""
    place.lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = Lock(place.lock)
    except LockBusy:
        os.write(report, bytes([BUSY]))
        return BUSY
    with suppress(OSError):  # only root may: a busy machine's lateness must not look like a servo's
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    world = World(place, float(os.environ.get("LAB_CONSOLE_SIM_IDLE_S", "600")))
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda n, _: world.leave(signal.Signals(n).name))
        print(f"world {os.getpid()} ready", flush=True)
        os.write(report, b"\0")
        os.close(report)
        print(f"world {os.getpid()} leaves: {world.run()}", flush=True)
    finally:
        world.close()
        lock.release()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
