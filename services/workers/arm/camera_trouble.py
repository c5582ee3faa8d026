"""Cameras that are not there or stop: which one it is, and what to do."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from services.bench.usb_cameras import camera_file
from services.error_text import whole_reason
from services.workers.arm.device_problem import DeviceProblem
from services.workers.arm.serial_bus import PLUG_IN

logger = logging.getLogger(__name__)

START_AGAIN = "end the session and start it again"
REALSENSE = "RealSenseCamera"
_FOR_GOOD = ("read thread is not running", "is not connected", "not connected")
"""What LeRobot's cameras say (0.6.1, cameras/opencv, cameras/realsense) once they never deliver again by themselves."""


class CameraTrouble(DeviceProblem):
    """A connected camera does not deliver; `answer` says what to do. Of several, `camera` is the first one.

    `lasting`: it never will again by itself, and has to be opened anew.
    """

    def __init__(
        self, text: str, *, camera: str = "", why: str = "", lasting: bool = False, answer: str = PLUG_IN
    ) -> None:
        super().__init__(text)
        self.camera, self.why, self.lasting = camera, why, lasting
        self.answer = answer if lasting else ""


def check_plugged_in(camera: Any) -> str:
    """The USB version of a RealSense's port, such as `3.2`; empty for other cameras, or where it is not known.

    Raises DeviceProblem for one that is not plugged in: LeRobot would try to open it for 15 s.
    """
    if type(camera).__name__ != REALSENSE:
        return ""
    wanted = str(getattr(camera, "serial_number", ""))
    try:
        there = {str(found.get("id")): found for found in type(camera).find_cameras()}
    except Exception as error:  # the SDK may refuse to describe some other device
        logger.info("RealSense cameras cannot be listed: %s", error)
        return ""
    if wanted not in there:
        has = f"there is {', '.join(there)}" if there else "there is no RealSense camera at all"
        name = f"no RealSense camera with serial number {wanted} is plugged in ({has})"
        raise DeviceProblem(f"{name}; plug it into a USB 3 port, or correct `serial_number_or_name` in lab.toml")
    return str(there[wanted].get("usb_type_descriptor", ""))


def camera_trouble(cameras: Mapping[str, Any], error: Exception) -> Exception:
    """The error of an observation whose arm could be read, with the name of the camera that it comes from.

    LeRobot's cameras begin their errors with themselves; of others, the one that raised it is meant, else the first
    one that cannot be read now.
    """
    text = whole_reason(error)
    named = next((n for n, camera in cameras.items() if str(camera) in text), None)
    name = named or _raised_by(cameras, error) or _unreadable(cameras)
    if name is None:
        return error
    reason = text.replace(str(cameras[name]), "").strip(" :")
    answer, lasting = PLUG_IN, stopped_for_good(error)
    if lasting and (stream := stream_of(cameras[name])):
        reason, answer = f"its stream {stream} has ended", START_AGAIN if is_read_pipe(stream) else ""
    return CameraTrouble(f"{name}: no pictures ({reason})", camera=name, why=reason, lasting=lasting, answer=answer)


def stream_of(camera: Any) -> str:
    """The file or pipe that a camera's pictures come from; empty for a device, and for a file that is gone."""
    file = camera_file(getattr(getattr(camera, "config", None), "index_or_path", None))
    return file if file and (Path(file).is_file() or Path(file).is_fifo()) else ""


def is_read_pipe(file: str) -> bool:
    """Whether a pipe is at this path that is read here already: to open it once more waits for ever if it has ended."""
    with suppress(OSError):  # it is gone, or the system has no such list
        there = Path(file).stat()
        return stat.S_ISFIFO(there.st_mode) and any(map(partial(_leads_to, there), Path("/proc/self/fd").iterdir()))
    return False


def _leads_to(there: os.stat_result, link: Path) -> bool:
    with suppress(OSError):  # it was closed meanwhile
        return os.path.samestat(link.stat(), there)
    return False


def stopped_for_good(error: Exception) -> bool:
    """Whether a camera said so: it does not come back by itself."""
    return any(words in str(error) for words in _FOR_GOOD)


def _raised_by(cameras: Mapping[str, Any], error: Exception) -> str | None:
    """The camera in one of whose methods the error was raised; by now it may be readable again."""
    names, trace = {id(camera): name for name, camera in cameras.items()}, error.__traceback__
    while trace is not None:
        if (name := names.get(id(trace.tb_frame.f_locals.get("self")))) is not None:
            return name
        trace = trace.tb_next
    return None


def _unreadable(cameras: Mapping[str, Any]) -> str | None:
    for name, camera in cameras.items():
        try:
            if getattr(camera, "use_rgb", True):
                camera.read_latest()
            if getattr(camera, "use_depth", False):
                camera.read_latest_depth()
        except Exception:  # drivers may raise anything
            return name
    return None
