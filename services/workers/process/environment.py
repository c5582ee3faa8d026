"""Process settings to make before LeRobot is imported. Import this module first; it imports nothing heavy."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from ctypes.util import find_library
from pathlib import Path


def prepare(data_dir: Path) -> None:
    """Set one BLAS thread (more delay the control loop), quiet encoders, no display, temporary files near the data."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("SVT_LOG", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.pop("DISPLAY", None)
    os.environ.pop("WAYLAND_DISPLAY", None)
    os.environ["TMPDIR"] = str(_temporary_folder(data_dir))
    sys.setswitchinterval(0.0005)  # a thread that encodes must not hold the control loop for 5 ms
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def _temporary_folder(data_dir: Path) -> Path:
    """A folder on the datasets' file system, since LeRobot moves remuxed videos out of it (shutil.move)."""
    path = data_dir / "tmp"
    path.mkdir(parents=True, exist_ok=True)
    return path


def load_libusb() -> None:
    """Load libusb-1.0 from the libusb-package wheel if the system has none, so that pyrealsense2 can be imported."""
    if find_library("usb-1.0"):
        return
    import libusb_package

    path = libusb_package.get_library_path()
    if path is not None:
        ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
