"""What an evaluation needs before its first period: a policy that fits the bench and is loaded, and a dataset."""

from __future__ import annotations

from pathlib import Path

from services.checkpoints.checkpoint import IMAGES, Checkpoint
from services.checkpoints.compatibility import fit, taken
from services.datasets.lock import DatasetProblem
from services.live import events as ev
from services.live.requests import EvalRequest
from services.workers.arm.devices import Devices
from services.workers.arm.features import Features, dataset_features
from services.workers.inference.action_source import ActionSource
from services.workers.inference.policy_process import Policy
from services.workers.process.context import Context
from services.workers.process.run_worker import CannotStart
from services.workers.recording.open_takes import encoder_of, open_takes
from services.workers.recording.takes import Takes


def fitting(checkpoint: Checkpoint, devices: Devices, fps: int) -> tuple[Features, tuple[str, ...]]:
    """The bench's features, without absent cameras, and what differs without harm. Raises CannotStart with all else."""
    gone = {IMAGES + name: why for name, why in devices.absent.items()}
    features = {key: feature for key, feature in dataset_features(devices.robot).items() if key not in gone}
    rates = {name: rate for name, camera in devices.cameras.items() if (rate := getattr(camera, "fps", None))}
    found = fit(checkpoint, features, fps=fps, rates=rates)
    if found.problems:
        missed = [gone[name] for name in taken(checkpoint, gone).values()]
        raise CannotStart(f"{checkpoint.label} does not fit this bench: {'; '.join((*found.problems, *missed))}")
    return features, found.notes


def load_policy(
    context: Context, request: EvalRequest, policy: Policy, features: Features, robot_type: str | None
) -> ActionSource:
    """Wait until the policy, which loads since the worker began, can act here. Raises CannotStart."""
    context.progress("loading the policy")
    inputs = _inputs(policy, features)
    policy.open({key: feature for key, feature in features.items() if key in inputs}, robot_type)
    while policy.ready is None:
        if policy.dead:
            raise CannotStart(f"the policy cannot be used: {policy.last_words()}")
        if context.mailbox.terminate:
            raise CannotStart("asked to end while the policy was being loaded")
        policy.poll(0.2)
    return ActionSource(policy, features, inputs, fps=request.fps, lockstep=request.lockstep)


def _inputs(policy: Policy, features: Features) -> set[str]:
    """What the policy gets, by the bench's names; all that is observed, where it does not say what it looks at."""
    observed = {key for key in features if key.startswith("observation.")}
    return set(taken(policy.checkpoint, features).values()) or observed


def loaded(checkpoint: Checkpoint, policy: Policy, features: Features, notes: tuple[str, ...]) -> ev.PolicyLoaded:
    """What is told of the policy once it can act on the bench's `features`."""
    assert policy.loaded is not None
    seen = [name for name in taken(checkpoint, features).values() if name.startswith(IMAGES)]
    return ev.PolicyLoaded(
        checkpoint=str(checkpoint.path),
        policy=policy.loaded.policy,
        device=policy.loaded.device,
        parameters=policy.loaded.parameters,
        cameras=tuple(name.removeprefix(IMAGES) for name in seen),
        actions_per_inference=policy.loaded.steps,
        start_pose=start_pose(checkpoint),
        notes=notes,
    )


def start_pose(checkpoint: Checkpoint) -> dict[str, float]:
    """Where its trials begin, by motor; empty where that is not known."""
    return {name.removesuffix(".pos"): value for name, value in checkpoint.provenance.start_pose.items()}


def open_rollouts(context: Context, devices: Devices, request: EvalRequest, root: Path, features: Features) -> Takes:
    """The dataset that the trials' motion goes into. Raises CannotStart."""
    encoder, bench = encoder_of(request.profile.recording), devices.fact
    try:
        return open_takes(context, request, root, features=features, bench=bench, encoder=encoder)
    except (DatasetProblem, OSError) as error:
        raise CannotStart(str(error)) from error
