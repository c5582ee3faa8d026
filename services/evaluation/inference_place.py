"""Where a policy's inference runs: in this machine's policy process, or in LeRobot's server behind a loopback address.

LeRobot's protocol (async_inference, gRPC) sends pickles both ways: whoever answers at the address could run code here,
and whoever reaches the server could run code there. So only this machine's own loopback is spoken to; another machine
is reached through an SSH tunnel, which says who it is.
"""

from __future__ import annotations

import json
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from services.checkpoints.checkpoint import CONFIG, Checkpoint
from services.live.requests import EvalRequest
from services.refusal import Checks, Option, Refusal
from services.text import clean
from sessions.files import read_file

HERE, REALTIME = "here", "here, real-time chunking"
"""How a form says where the policy runs; any other text is a server's address, and perhaps a path there."""
DEFAULT_PORT = 8080
"""LeRobot's own (async_inference/configs.py)."""
USUAL = f"localhost:{DEFAULT_PORT}"
"""What a form offers."""
SERVED = ("act", "smolvla", "pi0", "pi05", "groot")
"""Those of LeRobot's SUPPORTED_POLICIES whose chunk depends on one observation alone, the only one that it is shown."""
CHUNKED_IN_REAL_TIME = ("smolvla", "pi0", "pi05", "evo1", "groot", "molmoact2")
"""Those for which LeRobot has real-time chunking (`supports_rtc`)."""
PASSED_ON = ("STATE", "VISUAL")
"""What LeRobot's server shows a policy of an observation (async_inference/helpers.py prepare_raw_observation)."""


@dataclass(frozen=True)
class Server:
    """An address of this machine's loopback, by number."""

    host: str
    port: int

    @property
    def target(self) -> str:
        """As gRPC takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Place:
    """The fields of an EvalRequest that say where and how the policy runs."""

    server: str = ""
    server_path: str = ""
    rtc: bool = False


def place(text: str) -> Place:
    """What a form's text means: HERE, REALTIME, or `localhost:8080 /path/there`."""
    if text in ("", HERE):
        return Place()
    if text == REALTIME:
        return Place(rtc=True)
    address, _, path = text.strip().partition(" ")
    return Place(server=address, server_path=path.strip())


def server(written: str) -> Server:
    """The server at `HOST:PORT`, or at HOST and LeRobot's port. Raises Refusal unless it is on loopback."""
    name, port = _parts(written.strip())
    try:
        numbers = [ip_address(name)]
    except ValueError:
        numbers = [ip_address(number) for number in _localhost()] if name.lower() == "localhost" else []
    if not numbers or not all(number.is_loopback for number in numbers):
        shown = clean(name)[:60]
        raise Refusal(
            (
                f"{shown}:{port} is not loopback, and LeRobot's server and clients unpickle what they receive, so that "
                f"it could run code here: `ssh -L {port}:localhost:{port} {shown}`, then give ",
                Option("server", f"localhost:{port}"),
            )
        )
    return Server(str(numbers[0]), port)


def _parts(written: str) -> tuple[str, int]:
    """Host and port. Raises Refusal."""
    found = re.fullmatch(r"\[([^\[\]]*)\](?::([0-9]{1,5}))?|([^:\s]+)(?::([0-9]{1,5}))?", written)
    host, port = (found[1] or found[3], int(found[2] or found[4] or DEFAULT_PORT)) if found else ("", 0)
    if not host or not 0 < port < 65536:
        raise Refusal(f"the server's address is HOST:PORT, as localhost:{DEFAULT_PORT}, not {clean(written)[:60]!r}")
    return host, port


def _localhost() -> list[str]:
    """The numbers that this machine has for localhost, IPv4 first; empty if it has none."""
    try:
        found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({str(address[0]).partition("%")[0] for *_, address in found}, key=lambda number: ":" in number)


def check_place(request: EvalRequest, checkpoint: Checkpoint | None, checks: Checks) -> None:
    """Whether the inference can run where and how the request says. What is refused is of the argument `server`."""
    if request.server:
        checks.run("server", server, request.server)
    elif request.server_path:
        checks.run("server", _refuse_path)
    if request.server and request.rtc:
        checks.run("server", _refuse_both)
    if checkpoint is not None and request.server:
        checks.run("server", check_served, checkpoint)
    if checkpoint is not None and request.rtc:
        checks.run("rtc", check_real_time, checkpoint)
    if request.server_path and request.further_checkpoints:
        checks.run("server", _refuse_several)


def _refuse_path() -> None:
    raise Refusal((Option("server_path"), " is where the checkpoint is on the server's machine: give ",
                   Option("server", f"localhost:{DEFAULT_PORT}"), ", too, or leave it out"))  # fmt: skip


def _refuse_both() -> None:
    raise Refusal(
        "LeRobot's inference server begins each chunk anew, so there is no real-time chunking there: choose one of both"
    )


def _refuse_several() -> None:
    raise Refusal(
        (Option("server_path"), " names one checkpoint: to compare several, let them lie at the same paths there")
    )


def check_real_time(checkpoint: Checkpoint) -> None:
    """Whether LeRobot can make each of its chunks go on from the one before. Raises Refusal."""
    if checkpoint.policy not in CHUNKED_IN_REAL_TIME:
        raise Refusal(
            f"LeRobot has no real-time chunking for {clean(checkpoint.policy)[:30]} (it has for "
            f"{', '.join(CHUNKED_IN_REAL_TIME)}): let it run without"
        )


def check_served(checkpoint: Checkpoint) -> None:
    """Whether LeRobot's server runs this policy as this console would. Raises Refusal with why not."""
    if checkpoint.scripted:
        raise Refusal(f"{checkpoint.label} is the simulated bench's own person, no policy: it runs here")
    if checkpoint.policy not in SERVED:
        raise Refusal(
            f"LeRobot's inference server does not run {clean(checkpoint.policy)[:30]} from one observation at a time "
            f"(it does {', '.join(SERVED)}): let it run here"
        )
    kept = [key for key, feature in checkpoint.needs.items() if feature.type not in PASSED_ON]
    if kept:
        raise Refusal(
            f"{checkpoint.label} needs {', '.join(kept)}, and LeRobot's inference server passes on joints and pictures "
            "only: let it run here"
        )
    if _config(checkpoint).get("temporal_ensemble_coeff") is not None:
        raise Refusal(
            f"{checkpoint.label} averages its inferences (temporal_ensemble_coeff), which LeRobot's inference server "
            "does not: let it run here"
        )


def _config(checkpoint: Checkpoint) -> dict[str, object]:
    try:
        read = json.loads(read_file(checkpoint.path / CONFIG))
    except (OSError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
