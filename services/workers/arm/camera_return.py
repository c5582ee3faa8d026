"""Opens cameras anew that stopped for good, on threads of their own: closing and connecting one takes seconds.

LeRobot 0.6.1 never does: a camera whose read thread ended stays so (cameras/opencv, cameras/realsense). Meanwhile it is
off the robot, whose own `is_connected`, and with it every command to the arm, asks all of its cameras.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerobot.cameras import make_cameras_from_configs

from services.bench.device_locks import DeviceLocks, device_key
from services.bench.usb_cameras import UsbCamera, camera_file, usb_camera
from services.workers.arm.camera_trouble import START_AGAIN, CameraTrouble, check_plugged_in, is_read_pipe
from services.workers.arm.device_problem import sentence
from services.workers.arm.parts import Cameras
from services.workers.arm.serial_bus import PLUG_IN
from services.workers.arm.usb_camera import AnotherCamera, check_same

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices

EVERY_S = 1.0

logger = logging.getLogger(__name__)


class CameraReturn:
    """Takes dead cameras off the robot, and puts them back once they deliver. Belongs to the control loop's thread."""

    def __init__(self, devices: Devices) -> None:
        self._devices, self._places = devices, Cameras(devices.robot)
        configs = self._places.configs()
        self._all = {name: _known(camera, configs.get(name)) for name, camera in devices.cameras.items()}
        self._searches: dict[str, _Search] = {}

    @property
    def missing(self) -> tuple[str, ...]:
        """The cameras that are off the robot."""
        return tuple(self._searches)

    @property
    def trouble(self) -> CameraTrouble:
        """What is missing, and why."""
        whys = {name: search.why for name, search in self._searches.items()}  # they change at any time
        text = "; ".join(f"{name}: no pictures ({why})" for name, why in whys.items())
        answers = [self._searches[name].answer(why) for name, why in whys.items()]
        answer = next((a for a in (START_AGAIN, PLUG_IN) if a in answers), "")
        return CameraTrouble(text, camera=next(iter(whys), ""), lasting=True, answer=answer)

    def search(self, name: str, why: str) -> None:
        """The camera stopped for good: off the robot, and open it again once it is back."""
        if name not in self._searches:
            self._searches[name] = _Search(name, self._all[name], why, self._devices.locks)
            self._install()

    def put_back(self) -> None:
        """Once a period: those that deliver again."""
        for name, search in list(self._searches.items()):
            if (found := search.found) is not None:
                self._all[name] = found
                del self._searches[name]
                self._install()

    def close(self) -> None:
        """Look for none any more; does not wait."""
        for search in self._searches.values():
            search.give_up()

    def _install(self) -> None:
        self._places.keep({name: known.camera for name, known in self._all.items() if name not in self._searches})
        self._devices.look_at_cameras_again()


@dataclass(frozen=True)
class _Known:
    """A camera, and what is known of it while it is there: its device and the links to it go with its cable."""

    camera: Any
    config: Any
    """LeRobot's; None where neither the camera nor the robot keeps it."""
    size: str
    key: str
    """Of its lock; empty where it has none."""
    usb: UsbCamera | None

    @property
    def file(self) -> str:
        """The device file, maybe a link, that its configuration names."""
        return _file(self.config)


class _Search:
    """Closes the dead camera and opens one like it, again and again, on a thread."""

    def __init__(self, name: str, dead: _Known, why: str, locks: DeviceLocks | None) -> None:
        if dead.config is None:
            why = f"{why}; its driver keeps no configuration with which it could be opened again"
        self.name, self.why = name, why
        self.found: _Known | None = None
        self._dead, self._locks, self._stopped = dead, locks, why
        self._ended = _identity(dead.file) if is_read_pipe(dead.file) else ()
        """Which pipe ended, where it is one: to open that again waits for ever, and no other camera opens meanwhile."""
        self._was_gone = False
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True, name=f"search for {name}").start()

    def answer(self, why: str) -> str:
        """What to do; empty where `why` says it, or where it is plugged in."""
        if self._dead.config is None or (self._ended and why == self._stopped):
            return START_AGAIN
        return PLUG_IN if why == self._stopped else ""

    def give_up(self) -> None:
        """The session ends."""
        self._over.set()
        if self.found is not None:
            _disconnect(self.found.camera)

    def _run(self) -> None:
        _disconnect(self._dead.camera)
        while self._dead.config is not None and not self._over.wait(EVERY_S):
            if self._is_gone() or (self._ended and _identity(self._dead.file) == self._ended):
                self.why = self._stopped
                continue
            try:
                found = self._open()
            except Exception as error:  # drivers may raise anything
                logger.warning("%s: %s", self.name, error)
                self.why = self._explain(error)
                continue
            self.found = found
            if self._over.is_set():
                _disconnect(found.camera)
            return

    def _is_gone(self) -> bool:
        """Whether its device file is not there; of a camera without one that cannot be seen."""
        gone = bool(self._dead.file) and not os.path.exists(self._dead.file)
        self._was_gone |= gone
        return gone

    def _explain(self, error: Exception) -> str:
        if self._is_gone():
            return self._stopped
        text = sentence(self.name, error, self._dead.file).removeprefix(f"{self.name}: ")
        return f"it is back, but {text}" if self._was_gone and not isinstance(error, AnotherCamera) else text

    def _open(self) -> _Known:
        """Connect one like the dead one, under the lock of where it is now. Raises what drivers and locks raise."""
        dead, name = self._dead, self.name
        made = make_cameras_from_configs({name: dead.config})[name]
        check_plugged_in(made)
        here = _key(dead.config)
        moving = nullcontext() if self._locks is None else self._locks.moving(dead.key, here, f"{name} camera")
        with moving:
            usb = check_same(dead.usb, dead.file)
            made.connect()
            if (size := _size(made)) != dead.size:
                _disconnect(made)
                where = f"at {dead.file}" if dead.file else "there"
                raise AnotherCamera(f"another camera is {where}: it gives {size} pixels, not {dead.size}")
        return replace(dead, camera=made, key=here, usb=usb)


def _identity(file: str) -> tuple[int, ...]:
    """Which file it is; empty where there is none."""
    with suppress(OSError):
        found = Path(file).stat()
        return found.st_dev, found.st_ino, found.st_ctime_ns
    return ()


def _known(camera: Any, config: Any) -> _Known:
    config = getattr(camera, "config", None) or config
    return _Known(camera, config, _size(camera), _key(config), usb_camera(_file(config)))


def _file(config: Any) -> str:
    return camera_file(getattr(config, "index_or_path", None))


def _key(config: Any) -> str:
    """The lock's key of where the camera is now; links may lead elsewhere than before."""
    keys = (device_key(setting, value) for setting, value in (vars(config) if config is not None else {}).items())
    return next((key for key in keys if key), "")


def _size(camera: Any) -> str:
    return f"{getattr(camera, 'width', None)}x{getattr(camera, 'height', None)}"


def _disconnect(camera: Any) -> None:
    with suppress(Exception):  # drivers may raise anything
        camera.disconnect()
