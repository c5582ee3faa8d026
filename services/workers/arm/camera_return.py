"""Opens cameras anew that stopped for good, on threads of their own: closing and connecting one takes seconds.

LeRobot 0.6.1 never does: a camera whose read thread ended stays so (cameras/opencv, cameras/realsense). Meanwhile it is
off the robot, whose own `is_connected`, and with it every command to the arm, asks all of its cameras.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from lerobot.cameras import make_cameras_from_configs

from services.bench.device_locks import DeviceLocks, device_key
from services.workers.arm.camera_trouble import CameraTrouble, camera_file, check_plugged_in
from services.workers.arm.device_problem import sentence
from services.workers.arm.parts import Cameras

if TYPE_CHECKING:
    from services.workers.arm.devices import Devices

EVERY_S = 1.0

logger = logging.getLogger(__name__)


class CameraReturn:
    """Takes dead cameras off the robot, and puts them back once they deliver. Belongs to the control loop's thread."""

    def __init__(self, devices: Devices) -> None:
        self._devices, self._places = devices, Cameras(devices.robot)
        self._all = dict(devices.cameras)
        self._searches: dict[str, _Search] = {}

    @property
    def missing(self) -> tuple[str, ...]:
        """The cameras that are off the robot."""
        return tuple(self._searches)

    @property
    def trouble(self) -> CameraTrouble:
        """What is missing, and why."""
        text = "; ".join(f"{name}: no pictures ({search.why})" for name, search in self._searches.items())
        return CameraTrouble(text, lasting=True)

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
        self._places.keep({name: camera for name, camera in self._all.items() if name not in self._searches})
        self._devices.look_at_cameras_again()


class _Search:
    """Closes the dead camera and opens one like it, again and again, on a thread."""

    def __init__(self, name: str, dead: Any, why: str, locks: DeviceLocks | None) -> None:
        self.name, self.why = name, why
        self.found: Any = None
        self._dead, self._config, self._locks = dead, getattr(dead, "config", None), locks
        self._size, self._key = _size(dead), self._place()
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True, name=f"search for {name}").start()

    def give_up(self) -> None:
        """The session ends."""
        self._over.set()
        _disconnect(self.found)

    def _run(self) -> None:
        _disconnect(self._dead)
        file = camera_file(getattr(self._config, "index_or_path", None))
        while self._config is not None and not self._over.wait(EVERY_S):
            if file and not os.path.exists(file):
                continue
            try:
                camera = self._open()
            except Exception as error:  # drivers may raise anything
                logger.warning("%s: %s", self.name, error)
                self.why = f"it is back, but {sentence(self.name, error, file).removeprefix(f'{self.name}: ')}"
                continue
            self.found = camera
            if self._over.is_set():
                _disconnect(camera)
            return

    def _open(self) -> Any:
        """Connect one like the dead one, under the lock of where it is now. Raises what drivers and locks raise."""
        made = make_cameras_from_configs({self.name: self._config})[self.name]
        check_plugged_in(made)
        here = self._place()
        moving = nullcontext() if self._locks is None else self._locks.moving(self._key, here, f"{self.name} camera")
        with moving:
            made.connect()
            if _size(made) != self._size:
                _disconnect(made)
                raise ConnectionError(f"another one is there: it gives {_size(made)} pixels, not {self._size}")
        self._key = here
        return made

    def _place(self) -> str:
        """The lock's key of where it is now; links may lead elsewhere than before."""
        keys = (device_key(setting, value) for setting, value in vars(self._config or object).items())
        return next((key for key in keys if key), "")


def _size(camera: Any) -> str:
    return f"{getattr(camera, 'width', None)}x{getattr(camera, 'height', None)}"


def _disconnect(camera: Any) -> None:
    if camera is not None:
        with suppress(Exception):  # drivers may raise anything
            camera.disconnect()
