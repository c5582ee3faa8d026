"""Prepares an evaluation before its first period: checks and loads the policy, opens the rollout dataset."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from services.checkpoints.checkpoint import Checkpoint
from services.checkpoints.compatibility import fit, shown_as, taken
from services.checkpoints.slots import fill
from services.checkpoints.weights import fingerprint
from services.checkpoints.wiring import blamed
from services.datasets.cameras import IMAGES, camera_name
from services.datasets.lock import DatasetProblem
from services.evaluation.bench_changes import recalibrated
from services.evaluation.schedule import loading_order
from services.live import events as ev
from services.live.requests import EvalRequest
from services.workers.arm.devices import Devices
from services.workers.arm.features import Features, dataset_features
from services.workers.evaluation.lineup import Entrant, Lineup
from services.workers.evaluation.scripted import ScriptedPolicy, ScriptedSource, scripted_start
from services.workers.inference.action_source import ActionSource
from services.workers.inference.policy_process import Policy
from services.workers.inference.source import Model, Source
from services.workers.preflight.preflight import DataReading, Preflight
from services.workers.preflight.recorded_frames import Shown
from services.workers.preflight.settings import setting_now
from services.workers.process.context import Context
from services.workers.process.run_worker import CannotStart
from services.workers.recording.open_takes import encoder_of, open_takes
from services.workers.recording.takes import Takes


def matched_features(checkpoint: Checkpoint, devices: Devices, fps: int) -> tuple[Features, tuple[str, ...]]:
    """The bench's features without absent cameras, and harmless differences. Raises CannotStart with all other ones."""
    absent = {IMAGES + name: why for name, why in devices.absent.items()}
    features = {key: feature for key, feature in dataset_features(devices.robot).items() if key not in absent}
    rates = {name: rate for name, camera in devices.cameras.items() if (rate := getattr(camera, "fps", None))}
    found = fit(checkpoint, features, fps=fps, rates=rates)
    if found.problems:
        missing = [absent[name] for name in taken(checkpoint, absent).values()]
        raise CannotStart(f"{checkpoint.label} does not fit this bench: {'; '.join((*found.problems, *missing))}")
    return features, found.notes


def line_up(
    context: Context, request: EvalRequest, policies: Sequence[Model], devices: Devices, *, stay: bool
) -> tuple[Features, Lineup]:
    """The bench's features, and the policies, each loaded once, one after the other unless they `stay`.

    `policies` are in `loading_order`. The journal is told of the last one, which is on. Raises CannotStart.
    """
    entrants: list[Entrant] = []
    for checkpoint, policy in zip(loading_order(request), policies, strict=True):
        features, notes = matched_features(policy.checkpoint, devices, request.fps)
        notes += ("real-time chunking: each chunk goes on from the one before",) if request.rtc else ()
        notes += tuple(recalibrated(request.before.calibration, devices.bench_connected.calibration))
        if entrants and not stay:
            entrants[-1].source.policy.set_aside()
            policy.start()
        reading = begin_reading(policy, features, request)
        began = time.monotonic()
        source = load_policy(context, request, policy, features, devices.robot.robot_type)
        loaded = policy_loaded(policy.checkpoint, policy, features, notes)
        weights = weights_loaded(request, checkpoint, policy.checkpoint)
        told = (*loaded.notes, *other_than_saved(policy.checkpoint, weights))
        loaded = msgspec.structs.replace(loaded, weights=weights, notes=told)
        entrants.append(Entrant(checkpoint, source, loaded, reading=reading, took=time.monotonic() - began))
    lineup = Lineup(entrants, stay=stay, alike=request.blinded)
    context.journal.emit(lineup.current.loaded)
    return features, lineup


def load_policy(
    context: Context, request: EvalRequest, policy: Model, features: Features, robot_type: str | None
) -> Source:
    """Wait until the policy, which has been loading since the worker started, is ready. Raises CannotStart."""
    context.progress("loading the policy")
    if isinstance(policy, ScriptedPolicy):
        return ScriptedSource(policy, request.profile.sim or {}, fps=request.fps)
    assert isinstance(policy, Policy)
    inputs = _inputs(policy, features)
    policy.open({shown: features[key] for key, shown in inputs.items()}, robot_type)
    while policy.ready is None:
        if policy.dead:
            words = policy.last_words()
            raise CannotStart(f"the policy cannot be used: {words}{blamed(policy.checkpoint, words, inputs)}")
        if context.mailbox.terminate:
            raise CannotStart("asked to end while the policy was being loaded")
        policy.poll(0.2)
    return ActionSource(policy, features, inputs, fps=request.fps, lockstep=request.lockstep)


def begin_reading(policy: Model, features: Features, request: EvalRequest) -> DataReading:
    """Begin to read what the policy learnt from, while it is being loaded."""
    shown = Shown(features, _inputs(policy, features)) if isinstance(policy, Policy) else Shown({}, {})
    reading = DataReading(policy.checkpoint, shown, request.data_dir)
    reading.start()
    return reading


def preflight(request: EvalRequest, lineup: Lineup, devices: Devices) -> Preflight:
    """What looks at bench, policies and data before the first trial."""
    readings = [(each.source, each.reading) for each in lineup.entrants if each.reading is not None]
    return Preflight(request, readings, setting_now(devices, request.profile))


def _inputs(policy: Policy, features: Features) -> dict[str, str]:
    """The policy's inputs by the bench's names, each with the name under which the policy is shown it.

    All observations if the checkpoint does not list its inputs.
    """
    takes = shown_as(policy.checkpoint, taken(policy.checkpoint, features))
    return takes or {key: key for key in features if key.startswith("observation.")}


def policy_loaded(checkpoint: Checkpoint, policy: Model, features: Features, notes: tuple[str, ...]) -> ev.PolicyLoaded:
    """The event that describes the loaded policy."""
    assert policy.loaded is not None
    images = {camera_name(key): feature for key, feature in features.items() if key.startswith(IMAGES)}
    slots = fill(checkpoint, images)
    return ev.PolicyLoaded(
        checkpoint=str(checkpoint.path),
        policy=policy.loaded.policy,
        device=policy.loaded.device,
        parameters=policy.loaded.parameters,
        cameras=tuple(slot.camera for slot in slots if slot.camera),
        slots=slots,
        actions_per_inference=policy.loaded.steps,
        start_pose=start_pose(checkpoint),
        notes=notes,
    )


def weights_loaded(request: EvalRequest, asked: str, checkpoint: Checkpoint) -> str:
    """The fingerprint of a policy that was loaded here; empty where a server has its own path, or it cannot be read.

    The worker has compared it with the request's before it was loaded.
    """
    if request.server_path:
        return ""
    try:
        return request.weights.get(asked) or fingerprint(checkpoint.path)
    except OSError:
        return ""


def other_than_saved(checkpoint: Checkpoint, weights: str) -> tuple[str, ...]:
    """Says that these are not the weights of the training whose facts lie beside them; nothing where that is so."""
    kept = checkpoint.provenance
    if not weights or not kept.weights or weights == kept.weights:
        return ()
    return (f"its weights are not those that session {kept.session} saved: they were changed since",)


def start_pose(checkpoint: Checkpoint) -> dict[str, float]:
    """Start pose of its trials by motor, in degrees; empty if unknown."""
    if checkpoint.scripted:
        return scripted_start()
    return {name.removesuffix(".pos"): value for name, value in checkpoint.provenance.start_pose.items()}


def open_rollouts(context: Context, devices: Devices, request: EvalRequest, root: Path, features: Features) -> Takes:
    """Open the dataset for the trials' motion. Raises CannotStart."""
    encoder, bench = encoder_of(request.profile.recording), devices.bench_connected
    try:
        return open_takes(context, request, root, features=features, bench=bench, encoder=encoder)
    except (DatasetProblem, OSError) as error:
        raise CannotStart(str(error)) from error
