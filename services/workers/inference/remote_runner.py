"""The policy on another machine: speaks LeRobot's async inference protocol (gRPC) as its RobotClient does.

It stands in the policy process where a loaded policy would: the control loop asks it over the same socket, and waits
for neither network nor server.
"""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.checkpoints.checkpoint import CONFIG, read
from services.checkpoints.compatibility import taken
from services.datasets.cameras import IMAGES
from services.evaluation.inference_place import Server, server
from services.text import clean
from services.workers.inference import protocol as inference_protocol
from services.workers.inference.careful_pickle import OddAnswer, read_actions
from services.workers.inference.runner import CannotServe

GREETING_S, LOADING_S, ANSWER_S = 5.0, 900.0, 60.0
"""How long the server may take to greet, to load the policy, and to answer."""
STALE_MOST = 3
"""How many answers to observations before ours are passed over."""


class ServerTrouble(CannotServe):
    """The server does not do what is needed; the message is a sentence."""


class RemoteRunner:
    """As Runner, with the policy behind `address`, where it is loaded from `there` (or the same path)."""

    def __init__(self, checkpoint: Path, address: str, there: str = "", plugins: tuple[str, ...] = ()) -> None:
        """Greets the server. Raises Refusal if the address is not loopback, ServerTrouble, CheckpointProblem."""
        self._server: Server = server(address)
        self._checkpoint, self._there = read(checkpoint, plugins), there or str(checkpoint)
        config = json.loads((self._checkpoint.path / CONFIG).read_bytes())
        self.steps = int(config.get("n_action_steps") or 1)
        self._chunk = max(self.steps, int(config.get("chunk_size") or 0))
        self._device = str(config.get("device") or "cpu")
        self._connect()
        self._told = False
        self._number = 0
        with self._asking("greet"):
            self._stub.Ready(self._messages.Empty(), timeout=GREETING_S)

    def _connect(self) -> None:
        import grpc
        from lerobot.transport import services_pb2, services_pb2_grpc
        from lerobot.transport.utils import grpc_channel_options

        options = grpc_channel_options(enable_retries=False)  # an observation that was lost is too old to be sent again
        no_proxy = [("grpc.enable_http_proxy", 0)]  # which would send loopback elsewhere
        self._channel = grpc.insecure_channel(self._server.target, [*options, *no_proxy])
        self._messages: Any = services_pb2
        self._stub = services_pb2_grpc.AsyncInferenceStub(self._channel)

    def facts(self) -> inference_protocol.Loaded:
        """The policy's description for the control loop; nobody tells how many parameters it has."""
        return inference_protocol.Loaded(
            policy=self._checkpoint.policy,
            device=f"{self._device} at {self._server.target}",
            parameters=0,
            chunked=True,
            steps=self.steps,
            chunk=self._chunk,
        )

    def reset(self, seed: int | None = None) -> None:
        """Nothing of the trial before is kept there: each chunk is made from one observation. No seed reaches it."""

    def rehearse(self, number: int) -> None:
        """Nothing has to be done."""

    def expect(self, used: int, delay: int) -> None:
        """The server begins each chunk anew."""

    def act(self, frame: inference_protocol.Frame, *, task: str, robot_type: str, rows: int) -> NDArray[np.float32]:
        """At most `rows` actions (rows, joints), in the robot's units. Raises ServerTrouble."""
        from lerobot.async_inference.helpers import TimedObservation

        named = {key: frame[name] for key, name in taken(self._checkpoint, frame).items()}
        if not self._told:
            self._instruct(named)
            self._told = True
        self._number += 1
        raw = {name: value for key, array in named.items() for name, value in _raw(key, array).items()}
        shown = TimedObservation(
            timestamp=time.time(), timestep=self._number, observation=raw | {"task": task}, must_go=True
        )
        self._send(pickle.dumps(shown))
        return np.ascontiguousarray(self._answer()[:rows])

    def _instruct(self, named: inference_protocol.Frame) -> None:
        """Have it load the policy. Pictures bear the policy's own names already, so nothing is renamed there."""
        from lerobot.async_inference.helpers import RemotePolicyConfig

        wanted = RemotePolicyConfig(
            policy_type=self._checkpoint.policy,
            pretrained_name_or_path=self._there,
            lerobot_features={key: _feature(key, array) for key, array in named.items()},
            actions_per_chunk=self._chunk,
            device=self._device,
        )
        with self._asking(f"load {self._there}, which has to be a checkpoint there (or a policy of the Hub)"):
            self._stub.SendPolicyInstructions(self._messages.PolicySetup(data=pickle.dumps(wanted)), timeout=LOADING_S)

    def _send(self, data: bytes) -> None:
        from lerobot.transport.utils import send_bytes_in_chunks

        with self._asking("take an observation"):
            self._stub.SendObservations(
                send_bytes_in_chunks(data, self._messages.Observation, silent=True), timeout=ANSWER_S
            )

    def _answer(self) -> NDArray[np.float32]:
        for _ in range(STALE_MOST):
            with self._asking("infer"):
                data = self._stub.GetActions(self._messages.Empty(), timeout=ANSWER_S).data
            if not data:
                raise ServerTrouble(
                    f"the inference server at {self._server.target} gave no actions: what it printed there says why"
                )
            try:
                number, actions = read_actions(data)
            except OddAnswer as odd:
                raise ServerTrouble(
                    f"the answer of {self._server.target} is not used: {odd}; is it LeRobot's inference server, of "
                    "version 0.6.1 as here?"
                ) from None
            if number == self._number:
                return actions
        raise ServerTrouble(f"the inference server at {self._server.target} answers another console: let it serve one")

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Raises ServerTrouble for what gRPC raises."""
        import grpc

        try:
            yield
        except grpc.RpcError as error:
            raise ServerTrouble(self._sentence(what, error)) from None

    def _sentence(self, what: str, error: Any) -> str:
        import grpc

        at, port = self._server.target, self._server.port
        match error.code():
            case grpc.StatusCode.UNAVAILABLE:
                return (
                    f"no inference server answers at {at}: start `python -m lerobot.async_inference.policy_server "
                    f"--port={port}`, and if it is on another machine the tunnel, `ssh -L {port}:localhost:{port} HOST`"
                )
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return f"the inference server at {at} took too long to {what}"
        said = clean(str(error.details() or error.code().name)).removeprefix("Exception calling application: ")
        return f"the inference server at {at} could not {what}: {said[:400]}"


def _feature(key: str, array: NDArray[Any]) -> dict[str, Any]:
    """As LeRobot describes it of a robot (utils/feature_utils.py hw_to_dataset_features)."""
    if key.startswith(IMAGES):
        return {"dtype": "image", "shape": array.shape, "names": ["height", "width", "channels"]}
    return {"dtype": "float32", "shape": array.shape, "names": list(_raw(key, array))}


def _raw(key: str, array: NDArray[Any]) -> dict[str, Any]:
    """The feature as a robot gives it: a picture by its camera, else each value by a name."""
    if key.startswith(IMAGES):
        return {key.removeprefix(IMAGES): array}
    return {f"{key}.{number}": float(value) for number, value in enumerate(array)}
