"""The evaluation worker: a policy tries a task in trials, each of which gets a verdict."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.weights import other_weights
from services.checkpoints.wiring import wired
from services.datasets.summary import QUARANTINE
from services.evaluation.schedule import loading_order
from services.live.requests import EvalRequest
from services.workers.arm.run_arm import Make, run_armed, run_hands_off
from services.workers.evaluation.room import stay_loaded
from services.workers.process.context import Context
from services.workers.process.run_worker import CannotStart, End, run_worker
from services.workers.recording.lock import lock_to_record
from sessions.resets import Reset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.checkpoints.checkpoint import Checkpoint
    from services.workers.arm.devices import Devices
    from services.workers.inference.source import Model


def body(context: Context, request: EvalRequest) -> End:
    """Run one evaluation under its rollout dataset's lock; the policy loads while the bench connects."""
    root = Path(request.data_dir) / "datasets" / request.dataset
    try:
        found = [checkpoints.read(Path(each), request.profile.plugins) for each in loading_order(request)]
        found = [wired(each, request.wiring) for each in found]
    except checkpoints.CheckpointProblem as problem:
        raise CannotStart(str(problem)) from problem
    _check_weights(request)
    if request.looks_only:
        return _look(context, request, found)
    lock = lock_to_record(root, context, request)
    policies = [_policy(checkpoint, request) for checkpoint in found]
    with lock:
        is_new = not root.exists()
        try:
            stay = stay_loaded(found, served=bool(request.server))
            for policy in policies if stay else policies[:1]:
                policy.start()
            load = partial(_maker, request, root, policies, stay=stay)
            led = request.reset is Reset.LEADER
            return run_armed(context, request, load=load, leader=led, fits=_fits(policies, request))
        finally:
            for policy in policies:
                policy.close()
            if is_new:
                _remove_if_empty(root)


def _look(context: Context, request: EvalRequest, found: Sequence[Checkpoint]) -> End:
    """The preflight alone, without a dataset: nothing moves."""
    policies = [_policy(checkpoint, request) for checkpoint in found]
    stay = stay_loaded(found, served=bool(request.server))
    try:
        for policy in policies if stay else policies[:1]:
            policy.start()

        def look(devices: Devices) -> End:
            from services.workers.evaluation import look_only

            return look_only.look(context, request, policies, devices, stay=stay)

        return run_hands_off(context, request, look=look, fits=_fits(policies, request))
    finally:
        for policy in policies:
            policy.close()


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
        quiet=request.blinded,
    )


def _remove_if_empty(root: Path) -> None:
    """Remove the rollout dataset if no trial was saved; a quarantine stays."""
    kept = (*root.glob("data/**/*.parquet"), *root.glob("videos/**/*.mp4"), *root.glob(QUARANTINE))
    if root.is_dir() and not kept:
        shutil.rmtree(root, ignore_errors=True)


def _fits(policies: Sequence[Model], request: EvalRequest) -> Callable[[Devices], None]:
    def fits(devices: Devices) -> None:
        """Compare what each policy needs with the bench. Raises CannotStart."""
        from services.workers.evaluation.setup import matched_features

        for policy in policies:
            matched_features(policy.checkpoint, devices, request.fps)

    return fits


def _maker(request: EvalRequest, root: Path, policies: Sequence[Model], *, stay: bool) -> Make:
    from services.workers.evaluation import setup
    from services.workers.evaluation.strategy import EvaluateStrategy

    def make(context: Context, devices: Devices) -> EvaluateStrategy:
        """Check everything that can prevent the evaluation, before the arm moves."""
        features, lineup = setup.line_up(context, request, policies, devices, stay=stay)
        takes = setup.open_rollouts(context, devices, request, root, features)
        preflight = setup.preflight(request, lineup, devices)
        return EvaluateStrategy(request, takes=takes, lineup=lineup, preflight=preflight)

    return make


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv, body))
