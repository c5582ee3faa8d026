"""Linux's lists of USB and video devices, made in a folder: what is plugged in where, and how fast."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.bench import usb_cameras


class Usb:
    """What Linux would say of the devices below `folder`, from now on."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files, self.video, self.usb = (folder / name for name in ("dev", "class", "usb"))
        for made in (self.files / usb_cameras.BY_PORT, self.video, self.usb):
            made.mkdir(parents=True)
        for name, place in (("DEVICES", self.files), ("SYSFS", self.video), ("USB", self.usb)):
            monkeypatch.setattr(usb_cameras, name, place)

    def device(self, port: str, **facts: str) -> Path:
        made = self.usb / port
        made.mkdir()
        for key, value in facts.items():
            (made / key).write_text(f"{value}\n")
        return made

    def webcam(self, file: str, port: str, *, serial: str = "", speed: str = "480", version: str = " 2.00") -> str:
        facts = {"idVendor": "046d", "idProduct": "0825", "serial": serial, "speed": speed, "version": version}
        interface = self.device(port, **facts) / f"{port}:1.0"
        interface.mkdir()
        (self.video / file).mkdir()
        (self.video / file / "device").symlink_to(interface)
        (self.files / file).touch()
        (self.files / usb_cameras.BY_PORT / f"pci-usb-0:{port}:1.0-video-index0").symlink_to(self.files / file)
        return str(self.files / file)

    def realsense(self, port: str, speed: str) -> None:
        self.device(port, idVendor="8086", product="Intel(R) RealSense(TM) Depth Camera 405", speed=speed)
