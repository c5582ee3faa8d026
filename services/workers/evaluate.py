"""The evaluation worker: a policy tries a task in trials, each of which gets a verdict."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.weights import other_weights
from services.checkpoints.wiring import wired
from services.datasets.summary import QUARANTINE
from services.live.requests import EvalRequest
from services.workers.arm.run_arm import Make, run_armed
from services.workers.process.context import Context
from services.workers.process.run_worker import CannotStart, End, run_worker
from services.workers.recording.lock import lock_to_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.checkpoints.checkpoint import Checkpoint
    from services.workers.arm.devices import Devices
    from services.workers.inference.source import Model


def body(context: Context, request: EvalRequest) -> End:
    """Run one evaluation under its rollout dataset's lock; the policy loads while the bench connects."""
    root = Path(request.data_dir) / "datasets" / request.dataset
    try:
        checkpoint = wired(checkpoints.read(Path(request.checkpoint), request.profile.plugins), request.wiring)
    except checkpoints.CheckpointProblem as problem:
        raise CannotStart(str(problem)) from problem
    _check_weights(request)
    lock = lock_to_record(root, context, request)
    policy = _policy(checkpoint, request)
    with lock:
        is_new = not root.exists()
        try:
            policy.start()
            return run_armed(
                context, request, load=lambda: _maker(request, root, policy), leader=False, fits=_fits(policy, request)
            )
        finally:
            policy.close()
            if is_new:
                _remove_if_empty(root)


def _check_weights(request: EvalRequest) -> None:
    """Raises CannotStart if a policy is not the one that was planned with."""
    try:
        other = other_weights(request.weights)
    except OSError as error:
        raise CannotStart(f"checkpoint {error.filename} cannot be read: {error.strerror or error}") from error
    if other:
        raise CannotStart(
            f"{checkpoints.label(other[0])} was written anew since this evaluation was begun: begin again"
        )


def _policy(checkpoint: Checkpoint, request: EvalRequest) -> Model:
    # Both import numpy, so only after the worker's environment is set.
    if checkpoint.scripted:
        from services.workers.evaluation.scripted import ScriptedPolicy

        return ScriptedPolicy(checkpoint)
    from services.workers.inference.policy_process import Policy

    return Policy(
        checkpoint,
        task=request.task,
        plugins=request.profile.plugins,
        server=request.server,
        there=request.server_path,
        realtime=request.rtc,
    )


def _remove_if_empty(root: Path) -> None:
    """Remove the rollout dataset if no trial was saved; a quarantine stays."""
    kept = (*root.glob("data/**/*.parquet"), *root.glob("videos/**/*.mp4"), *root.glob(QUARANTINE))
    if root.is_dir() and not kept:
        shutil.rmtree(root, ignore_errors=True)


def _fits(policy: Model, request: EvalRequest) -> Callable[[Devices], None]:
    def fits(devices: Devices) -> None:
        """Compare what the policy needs with the bench. Raises CannotStart."""
        from services.workers.evaluation.setup import matched_features

        matched_features(policy.checkpoint, devices, request.fps)

    return fits


def _maker(request: EvalRequest, root: Path, policy: Model) -> Make:
    from services.workers.evaluation import setup
    from services.workers.evaluation.strategy import EvaluateStrategy

    checkpoint = policy.checkpoint

    def make(context: Context, devices: Devices) -> EvaluateStrategy:
        """Check everything that can prevent the evaluation, before the arm moves."""
        features, notes = setup.matched_features(checkpoint, devices, request.fps)
        notes += ("real-time chunking: each chunk goes on from the one before",) if request.rtc else ()
        action_source = setup.load_policy(context, request, policy, features, devices.robot.robot_type)
        takes = setup.open_rollouts(context, devices, request, root, features)
        loaded = setup.policy_loaded(checkpoint, policy, features, notes)
        context.journal.emit(loaded)
        return EvaluateStrategy(
            request, takes=takes, action_source=action_source, start=loaded.start_pose, cameras=loaded.cameras
        )

    return make


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv, body))
