"""Hardware and load of the machine that trains: psutil, and NVIDIA's management library for the GPU that is used."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from sessions.machine import Hardware, MachineLoad

CPUINFO = Path("/proc/cpuinfo")
PER_MILLE_WATTS = 1000


class Gpu:
    """One NVIDIA GPU. Everything it does not tell is None: drivers and boards differ in what they measure."""

    def __init__(self, device: str) -> None:
        self._nvml: Any = None
        self._handle: Any = None
        if not device.startswith("cuda"):
            return
        with suppress(Exception):  # no driver, no such GPU, a library that does not fit: then nothing is known
            import pynvml

            pynvml.nvmlInit()
            self._handle = _handle(pynvml, device)
            self._nvml = pynvml

    def ask(self, question: str, *arguments: Any) -> Any:
        """The answer of an NVML function, by its name without `nvmlDevice`; None if there is none."""
        if self._nvml is None:
            return None
        try:
            return getattr(self._nvml, f"nvmlDevice{question}")(self._handle, *arguments)
        except Exception:  # NVMLError, or a function that this version lacks
            return None

    @property
    def name(self) -> str:
        """For example `NVIDIA H100 80GB HBM3`."""
        name = self.ask("GetName") or ""
        return name.decode() if isinstance(name, bytes) else str(name)

    def load(self) -> dict[str, Any]:
        """The GPU's fields of a MachineLoad."""
        memory, use, watts = self.ask("GetMemoryInfo"), self.ask("GetUtilizationRates"), self.ask("GetPowerUsage")
        celsius = self.ask("GetTemperature", 0)  # NVML_TEMPERATURE_GPU
        return {
            "gpu": use.gpu / 100 if use else None,
            "gpu_memory_used": int(memory.used) if memory else None,
            "gpu_memory": int(memory.total) if memory else None,
            "gpu_celsius": float(celsius) if celsius is not None else None,
            "gpu_watts": watts / PER_MILLE_WATTS if watts is not None else None,
        }


def _handle(nvml: Any, device: str) -> Any:
    """The GPU that torch calls `device`: an index, or an id, into CUDA_VISIBLE_DEVICES where that is set."""
    index = int(device.partition(":")[2] or 0)
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    if not visible:
        return nvml.nvmlDeviceGetHandleByIndex(index)
    if visible[index].isdigit():
        return nvml.nvmlDeviceGetHandleByIndex(int(visible[index]))
    return nvml.nvmlDeviceGetHandleByUUID(visible[index])


class Machine:
    """A machine, while it trains on `device` and saves below `output`."""

    def __init__(self, device: str, output: Path) -> None:
        self._gpu, self._output = Gpu(device), output
        psutil.cpu_percent()  # the first call has nothing to compare with

    def hardware(self) -> Hardware:
        """What it has."""
        memory = self._gpu.ask("GetMemoryInfo")
        return Hardware(
            processor=_processor(),
            cores=usable_cores(),
            memory=int(psutil.virtual_memory().total),
            gpu=self._gpu.name,
            gpu_memory=int(memory.total) if memory else 0,
        )

    def load(self) -> MachineLoad:
        """What it is busy with since the last call."""
        memory, free = psutil.virtual_memory(), None
        with suppress(OSError):
            folder = next(path for path in (self._output, *self._output.parents) if path.exists())
            free = shutil.disk_usage(folder).free
        return MachineLoad(
            cpu=psutil.cpu_percent() / 100,
            memory_used=int(memory.total - memory.available),
            memory=int(memory.total),
            disk_free=free,
            **self._gpu.load(),
        )


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _processor() -> str:
    """The model as the kernel calls it; empty if it does not."""
    with suppress(OSError):
        for line in CPUINFO.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return ""
