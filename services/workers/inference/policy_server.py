"""The policy process: loads a checkpoint with LeRobot, and turns observations into actions on request.

A separate process, so that neither Python's lock nor a crash nor an out-of-memory kill of the policy touches the
process that holds the arm. It dies with that process.

`python -P -m services.workers.inference.policy_server PARENT`; the order arrives on standard input, a socket pair
whose other end is in `services.workers.inference.child`.
"""

from __future__ import annotations

import gc
import importlib
import logging
import mmap
import os
import signal
import socket
import sys
import time
from contextlib import nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.checkpoints.foreign_code import check_code
from services.child_process import die_with
from services.error_text import whole_reason
from services.refusal import Refusal
from services.workers.inference import child
from services.workers.inference import protocol as inference_protocol
from services.workers.inference.remote_runner import RemoteRunner, ServerTrouble
from services.workers.process.step_guard import guard_steps

NICE = 5
"""The control loop's process goes first."""
DELAY = "LAB_CONSOLE_INFER_DELAY_MS"
"""For tests and benchmarks: an environment variable with milliseconds added to every inference."""
QUEUED = ("tdmpc", "lingbot_va")
"""Policies whose predict_action_chunk reads what select_action has queued, although they take one observation."""
FROM_THE_HUB = ("OfflineModeIsEnabled", "LocalEntryNotFoundError", "HfHubHTTPError", "RepositoryNotFoundError")

logger = logging.getLogger(__name__)


class Runner:
    """A loaded policy with its processors, as LeRobot's own rollout uses them (common/control_utils.py)."""

    def __init__(self, checkpoint: Path, plugins: tuple[str, ...] = ()) -> None:
        """Raises ForeignCode, and whatever LeRobot raises on a policy that cannot be loaded."""
        check_code(checkpoint, plugins)
        load_lerobot()
        guard_steps(plugins)
        import torch
        from lerobot.configs.policies import PreTrainedConfig
        from lerobot.policies.factory import make_pre_post_processors

        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) - 1))
        config = PreTrainedConfig.from_pretrained(checkpoint)  # falls back to an available device
        if getattr(config, "pretrained_backbone_weights", None):
            config.pretrained_backbone_weights = None  # the checkpoint holds them; LeRobot would download them first
        self.config = config
        self.policy = _load(checkpoint, config)
        self._pre, self._post = make_pre_post_processors(
            config,
            pretrained_path=str(checkpoint),
            preprocessor_overrides={"device_processor": {"device": config.device}},
        )
        self.chunked = self._is_chunked()
        self.steps = config.n_action_steps if self.chunked else 1
        self._delay = float(os.environ.get(DELAY, "0")) / 1000

    def _is_chunked(self) -> bool:
        """Whether each inference depends on one observation alone, and gives several actions."""
        config = self.config
        return (
            config.n_obs_steps == 1
            and getattr(config, "n_action_steps", 1) > 1
            and getattr(config, "temporal_ensemble_coeff", None) is None
            and config.type not in QUEUED
        )

    def facts(self) -> inference_protocol.Loaded:
        """The policy's description for the control loop."""
        return inference_protocol.Loaded(
            policy=self.config.type,
            device=str(self.config.device),
            parameters=sum(p.numel() for p in self.policy.parameters()),
            chunked=self.chunked,
            steps=self.steps,
            chunk=_chunk_size(self.config, self.steps),
        )

    def reset(self, seed: int | None = None) -> None:
        """Begin a trial; `seed` fixes the policy's random numbers."""
        import torch

        if seed is not None:
            torch.manual_seed(seed)
        for part in (self.policy, self._pre, self._post):
            part.reset()

    def act(self, frame: inference_protocol.Frame, *, task: str, robot_type: str, rows: int) -> NDArray[np.float32]:
        """At most `rows` actions (one, if the policy is not chunked), each (joints,), in the robot's units."""
        import torch
        from lerobot.policies.utils import prepare_observation_for_inference

        device = torch.device(self.config.device)
        mixed = device.type == "cuda" and self.config.use_amp
        with torch.inference_mode(), torch.autocast(device_type=device.type) if mixed else nullcontext():
            observed = self._pre(prepare_observation_for_inference(dict(frame), device, task, robot_type))
            if self.chunked:
                chunk = self._post(self.policy.predict_action_chunk(observed))  # whole: some steps count its rows
                actions = chunk.squeeze(0)[:rows]
            else:
                actions = self._post(self.policy.select_action(observed))
            together = actions.to("cpu", torch.float32)
        if self._delay:
            time.sleep(self._delay)
        return np.ascontiguousarray(together.numpy())


def _load(checkpoint: Path, config: Any) -> Any:
    """The policy; one trained with PEFT is loaded on the base that its adapter names (policies/factory.py)."""
    from lerobot.policies.factory import get_policy_class

    kind = get_policy_class(config.type)
    if not getattr(config, "use_peft", False):
        return kind.from_pretrained(checkpoint, config=config)
    peft = importlib.import_module("peft")
    adapter = peft.PeftConfig.from_pretrained(str(checkpoint))
    base = kind.from_pretrained(adapter.base_model_name_or_path, config=config)
    return peft.PeftModel.from_pretrained(base, str(checkpoint), config=adapter).to(config.device).eval()


def _chunk_size(config: Any, steps: int) -> int:
    """How many actions an inference gives, under the names that LeRobot's policies have for it."""
    named = (getattr(config, name, None) for name in ("chunk_size", "action_horizon", "horizon"))
    return max(steps, next((n for n in named if isinstance(n, int)), steps))


class Service:
    """Answers requests until the control loop closes the connection."""

    def __init__(self, connection: socket.socket, memory: int, runner: Runner | RemoteRunner) -> None:
        self._connection, self._memory, self._runner = connection, memory, runner
        self._frame: inference_protocol.Frame = {}
        self._context = {"task": "", "robot_type": ""}

    def run(self) -> None:
        """Serve until the connection closes. Raises whatever the policy raises."""
        while packet := self._connection.recv(inference_protocol.PACKET):
            match inference_protocol.decode_question(packet):
                case inference_protocol.Open() as wanted:
                    self._open(wanted)
                case inference_protocol.Reset(seed=seed):
                    self._runner.reset(seed)
                case inference_protocol.Ask() as ask:
                    self._answer(ask)

    def _open(self, wanted: inference_protocol.Open) -> None:
        """Map the memory and run twice, since the first inference is slower than later ones."""
        self._frame = inference_protocol.views(mmap.mmap(self._memory, wanted.size), wanted.parts)
        self._context = {"task": wanted.task, "robot_type": wanted.robot_type}
        ms = 0.0
        for _ in range(2):
            self._runner.reset()
            ms = self._timed(self._runner.steps)[1]
        _spare_the_collector()
        self._connection.send(inference_protocol.encode(inference_protocol.Ready(ms=ms)))

    def _answer(self, ask: inference_protocol.Ask) -> None:
        actions, ms = self._timed(ask.rows)
        reply = inference_protocol.Actions(number=ask.number, rows=len(actions), ms=ms, values=actions.tobytes())
        self._connection.send(inference_protocol.encode(reply))

    def _timed(self, rows: int) -> tuple[NDArray[np.float32], float]:
        began = time.perf_counter()
        copied = {key: value.copy() for key, value in self._frame.items()}
        actions = self._runner.act(copied, rows=rows, **self._context)
        return actions, 1000 * (time.perf_counter() - began)


def explain(error: BaseException) -> str:
    """The whole reason, or, if the Hub was needed and unreachable, what to do about that."""
    whole = whole_reason(error)
    link: BaseException | None = error
    while link is not None:
        if type(link).__name__ in FROM_THE_HUB or "huggingface.co" in str(link):
            return (
                f"it needs files from the Hugging Face Hub that are not on this machine ({whole}); "
                "load it once with a connection (HF_HUB_OFFLINE unset)"
            )
        link = link.__cause__ or link.__context__
    return whole


def main(argv: list[str]) -> int:
    """Wait for the order, import what it will need, then serve it."""
    begin(int(argv[1]))
    connection = socket.socket(fileno=0)
    while True:
        packet, descriptors, _, _ = socket.recv_fds(connection, child.PACKET, 3)
        if not packet:  # the worker needs no policy
            return 0
        match child.decode(packet):
            case child.Load(policy=policy):
                _load_code(policy)
            case child.Order() as order:
                socket_fd, memory_fd, log = descriptors
                _redirect_output(connection, log)
                return serve(order, socket_fd=socket_fd, memory_fd=memory_fd)


def begin(parent: int) -> None:
    """Configure the process: it dies with its parent, ignores signals, and yields to the control loop."""
    die_with(parent)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the session decides when it ends
    os.nice(NICE)
    with suppress(OSError):  # if memory runs out, the kernel kills this process, not the one that holds the arm
        Path("/proc/self/oom_score_adj").write_text("500")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s policy %(levelname)s %(name)s: %(message)s")


@cache
def load_lerobot() -> None:
    """Import what every policy needs, and register the types of policy of LeRobot and of its plugins. Once."""
    import lerobot.policies  # noqa: F401  registers the policy types, so it comes first
    from lerobot.policies import factory, utils  # noqa: F401
    from lerobot.utils.import_utils import register_third_party_plugins

    register_third_party_plugins()


def _load_code(policy: str) -> None:
    """Import the code of a type of policy. An error is logged: it comes again when the policy is loaded."""
    try:
        load_lerobot()
        from lerobot.policies.factory import get_policy_class

        if policy:
            get_policy_class(policy)
        logger.info("loaded %s", policy or "LeRobot")
    except Exception:
        logger.exception("a policy's code cannot be loaded")
    _spare_the_collector()


def _spare_the_collector() -> None:
    """Exclude all present objects from garbage collection, which would take 200 ms each time."""
    gc.collect()
    gc.freeze()


def _redirect_output(connection: socket.socket, log: int) -> None:
    """Send standard output and error to `log`, and replace standard input by /dev/null."""
    sys.stdout.flush()
    sys.stderr.flush()
    null = os.open(os.devnull, os.O_RDONLY)
    connection.detach()
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)


def serve(order: child.Order, *, socket_fd: int, memory_fd: int) -> int:
    """Load the policy, report it, serve; reports an error before it ends. Returns the exit status."""
    connection = socket.socket(fileno=socket_fd)
    try:
        runner = _runner(order)
        connection.send(inference_protocol.encode(runner.facts()))
        Service(connection, memory_fd, runner).run()
    except (BrokenPipeError, ConnectionResetError):  # the control loop is gone
        return 0
    except (ServerTrouble, Refusal) as trouble:
        connection.send(inference_protocol.encode(inference_protocol.Failed(text=str(trouble)[:2000])))
        return 1
    except Exception as error:  # LeRobot may raise anything, and the session has to know
        logger.exception("the policy failed")
        connection.send(inference_protocol.encode(inference_protocol.Failed(text=explain(error)[:2000])))
        return 1
    return 0


def _runner(order: child.Order) -> Runner | RemoteRunner:
    path = Path(order.checkpoint)
    if order.server:
        return RemoteRunner(path, order.server, order.there, order.plugins)
    return Runner(path, order.plugins)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
