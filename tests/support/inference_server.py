"""LeRobot's own inference server, in a process forked from the zygote, which has LeRobot loaded already."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

from tests.support.zygote import Zygote


class InferenceServer:
    """It listens at `address`; it takes at least `latency_s` for each answer."""

    def __init__(self, zygote: Zygote, place: Path, *, latency_s: float = 0.001) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._place = place
        (place / "ask").write_text(f"{self.port} {latency_s}")
        zygote.call("tests.support.inference_server", place)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError((place / "worker.log").read_text())

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def kill(self) -> None:
        """End it at once; may be called more than once."""
        with suppress(ProcessLookupError):
            os.kill(int((self._place / "pid").read_text()), signal.SIGKILL)


def main(place: str) -> int:
    """Serve, as `python -m lerobot.async_inference.policy_server` does."""
    from lerobot.async_inference.configs import PolicyServerConfig

    from services.child_process import die_with

    folder = Path(place)
    port, latency = (folder / "ask").read_text().split()
    die_with(os.getppid())
    os.chdir(folder)  # LeRobot writes its log below where it is
    (folder / "pid").write_text(str(os.getpid()))
    from lerobot.async_inference.policy_server import serve

    serve(PolicyServerConfig(host="127.0.0.1", port=int(port), inference_latency=float(latency)))
    return 0
