"""Whether a bench can run a policy: cameras, sizes, joints and rates. No torch.

LeRobot itself checks little of this (rollout/context.py: one set of cameras is a subset of the other), and fails late.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.checkpoints.checkpoint import ACTION, JOINTS, Checkpoint, PolicyFeature
from services.checkpoints.wiring import cameras, leaves_out, main_name, source, why_needed, without_notes
from services.datasets.cameras import IMAGES, camera_name, same_shape
from services.units import dimensions

NO_RATES: Mapping[str, float] = {}
NOTHING: Mapping[str, Mapping[str, Any]] = {}


@dataclass(frozen=True)
class Fit:
    """How a policy fits a bench, as sentences: `problems` forbid running it, `notes` are worth knowing."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def taken(checkpoint: Checkpoint, given: Collection[str]) -> dict[str, str]:
    """{input: observation} for each input of the policy that one of the `given` observations provides.

    Observations have the bench's names. They are shown to the policy under the names of its training (`shown_as`),
    which its preprocessor renames.
    """
    found = ((key, source(checkpoint, key, given)) for key in checkpoint.needs)
    return {key: name for key, name in found if name}


def shown_as(checkpoint: Checkpoint, takes: Mapping[str, str]) -> dict[str, str]:
    """{observation: the name that the policy knows it by} of what it takes: another one where the operator mapped."""
    return {
        name: checkpoint.sources(key)[0] if main_name(checkpoint, key) in checkpoint.wiring.given else name
        for key, name in takes.items()
    }


def fit(
    checkpoint: Checkpoint,
    features: Mapping[str, Mapping[str, Any]],
    *,
    fps: int = 0,
    rates: Mapping[str, float] = NO_RATES,
) -> Fit:
    """Whether a bench that gives `features` (LeRobot's dataset features: images (H, W, C)) can run the policy.

    `fps` is the rate of its loop, `rates` are its cameras' rates by name, as far as known.
    """
    if checkpoint.scripted:
        return Fit()
    problems = list(_raw(checkpoint))
    notes: list[str] = []
    takes = taken(checkpoint, features)
    for key, wanted in checkpoint.needs.items():
        if key not in takes:
            problems += _missing(checkpoint, key, wanted)
        elif wanted.type == "VISUAL":
            stops, differs = _picture(checkpoint, key, takes[key], features[takes[key]])
            problems += stops
            notes += differs
        else:
            differs, padded = _values(checkpoint, key, wanted, takes[key], features[takes[key]])
            problems += differs
            notes += padded
    problems += [*_blind(checkpoint, takes), *_action(checkpoint, features)]
    notes += without_notes(checkpoint, takes)
    unused = [camera_name(k) for k in features if k.startswith(IMAGES) and k not in takes.values()]
    if unused:
        notes.append(f"the policy does not use {', '.join(unused)}")
    notes += _slow((camera_name(name) for name in takes.values()), rates, fps)
    if not checkpoint.provenance.names:
        notes.append("the checkpoint does not name its joints: the bench's order is assumed")
    if fps and not checkpoint.provenance.fps:
        notes.append(f"the checkpoint does not say at what rate it was trained: the loop runs at {fps} Hz")
    return Fit(tuple(problems), tuple(notes))


def fit_known(
    checkpoint: Checkpoint,
    pictures: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, Mapping[str, Any]] = NOTHING,
    *,
    fps: int = 0,
) -> Fit:
    """The part of `fit` that lab.toml alone decides, before anything connects.

    `pictures` are the bench's by name, each with its `shape` and `fps` if these are known; `values` are all other
    features, none if the robot is not known.
    """
    if checkpoint.scripted:
        return Fit()
    features = {IMAGES + name: picture for name, picture in pictures.items()} | dict(values)
    takes = taken(checkpoint, features)
    problems = [*_gone(checkpoint, pictures, takes), *_blind(checkpoint, takes), *_raw(checkpoint)]
    notes = without_notes(checkpoint, takes)
    for key, wanted in checkpoint.needs.items():
        given = features.get(takes.get(key, ""), {})
        if wanted.type == "VISUAL" and given.get("shape"):
            stops, differs = _picture(checkpoint, key, takes[key], given)
            problems += stops
            notes += differs
        elif wanted.type != "VISUAL" and given:
            differs, padded = _values(checkpoint, key, wanted, takes[key], given)
            problems += differs
            notes += padded
        elif wanted.type != "VISUAL" and values:
            problems += _missing(checkpoint, key, wanted)
    problems += _action(checkpoint, values)
    rates = {name: rate for name, picture in pictures.items() if isinstance(rate := picture.get("fps"), int | float)}
    used = (camera_name(name) for name in takes.values())
    return Fit(tuple(problems), (*notes, *_slow(used, rates, fps)))


def _gone(checkpoint: Checkpoint, pictures: Collection[str], takes: Mapping[str, str]) -> Iterator[str]:
    """The cameras that the bench does not have, or that are left out although the policy needs them."""
    has = f"this bench has {', '.join(sorted(pictures))}" if pictures else "this bench has no camera"
    free = [name for name in pictures if IMAGES + name not in takes.values()]
    for key in cameras(checkpoint):
        if leaves_out(checkpoint, key):
            yield from filter(None, [why_needed(checkpoint, key)])
        elif key not in takes:
            yield f"the policy needs camera {_camera(checkpoint, key)}; {has}{_instead(checkpoint, key, free)}"


def _instead(checkpoint: Checkpoint, key: str, free: Sequence[str]) -> str:
    """What helps where the bench has no camera of that name; `free` are those that the policy does not use."""
    name = main_name(checkpoint, key)
    ways = [f"map one to it, as {name}={free[0]}"] if free else []
    ways += [] if why_needed(checkpoint, key) else [f"leave {name} out: {checkpoint.policy} can do without"]
    return f": {', or '.join(ways)}" if ways else ""


def _blind(checkpoint: Checkpoint, takes: Collection[str]) -> Iterator[str]:
    """That no camera is left of those that it has, although it can do without each of them."""
    keys = cameras(checkpoint)
    left_out = all(key not in takes and leaves_out(checkpoint, key) for key in keys)
    if keys and left_out and not any(why_needed(checkpoint, key) for key in keys):
        yield f"{checkpoint.policy} needs one of its cameras at least: leave one in"


def _raw(checkpoint: Checkpoint) -> Iterator[str]:
    """Problems with values that the processors should normalize and have no statistics for.

    The policy would see raw degrees, and the arm would get numbers about 0 for degrees.
    """
    inputs, actions = checkpoint.preprocessor.normalizer, checkpoint.unnormalizer
    unseen = [
        k for k in checkpoint.needs if k in inputs.wanted and inputs.known.isdisjoint((k, *checkpoint.sources(k)))
    ]
    unsaid = [key for key in checkpoint.outputs if key in actions.wanted and key not in actions.known]
    for part, missing, known in (("preprocessor", unseen, inputs.known), ("postprocessor", unsaid, actions.known)):
        if missing:
            has = f"it has those of {', '.join(sorted(known)[:6])}" if known else "it has none"
            yield (
                f"the policy's {part} has no statistics of {', '.join(missing)} ({has}), so it would not normalize: "
                "convert it again with `python -m lerobot.processor.migrate_policy_normalization`, or train it anew"
            )


# -- sentences --------------------------------------------------------------------------------------


def _missing(checkpoint: Checkpoint, key: str, wanted: PolicyFeature) -> Iterator[str]:
    if wanted.type != "VISUAL":
        yield f"the policy needs {key} ({_size(wanted.shape)}), which this bench does not observe"
    elif leaves_out(checkpoint, key):
        yield from filter(None, [why_needed(checkpoint, key)])
    else:
        yield f"the policy needs camera {_camera(checkpoint, key)}, which this bench does not have"


def _camera(checkpoint: Checkpoint, key: str) -> str:
    """The camera's name in the training, and the policy's own name if that differs."""
    name = next(iter(checkpoint.sources(key)), key)
    own = camera_name(key)
    return own if name == key else f"{camera_name(name)} (its own name for it is {own})"


def _picture(checkpoint: Checkpoint, key: str, name: str, given: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The problems and the notes about the size of the pictures that the bench gives as `name`."""
    size, learnt = tuple(given["shape"])[:2], checkpoint.needs[key].shape[1:]
    gives = f"camera {camera_name(name)} gives {_width_by_height(size)}, the policy"
    if (crop := checkpoint.preprocessor.crops.get(key)) is not None:
        return _cropped(crop, size, _learnt(checkpoint, key, name), gives)
    if checkpoint.preprocessor.resize is not None:
        return _resized(checkpoint, key, name, size, gives)
    if size == learnt:
        return [], []
    if checkpoint.resizes:
        return [], [f"{gives}'s configuration says {_width_by_height(learnt)}: it resizes pictures itself"]
    return [f"{gives} was trained on {_width_by_height(learnt)}: set its width and height in lab.toml"], []


def _resized(
    checkpoint: Checkpoint, key: str, name: str, size: tuple[int, ...], gives: str
) -> tuple[list[str], list[str]]:
    """The same where the checkpoint's own preprocessor resizes: only another ratio changes what the policy sees.

    What it was trained on is known of our own checkpoints only.
    """
    resize, (height, width) = checkpoint.preprocessor.resize, size
    learnt = _learnt(checkpoint, key, name)
    if resize is None or (width, height) == (learnt or resize):
        return [], []
    to = dimensions(*resize)
    if learnt is None:
        note = f"camera {camera_name(name)} gives {dimensions(width, height)}, which the policy stretches to {to}"
        return [], [] if same_shape((width, height), resize) else [note]
    was = f"{gives} was trained on {dimensions(*learnt)}, resized to {to}"
    if same_shape((width, height), learnt):
        return [], [f"{was}: nothing is stretched"]
    return [f"{was}: set its width and height in lab.toml"], []


def _learnt(checkpoint: Checkpoint, key: str, name: str) -> tuple[int, int] | None:
    """The (width, height) of the dataset's pictures that it was trained on; None if unknown."""
    sizes, mapped = checkpoint.provenance.camera_sizes, main_name(checkpoint, key) in checkpoint.wiring.given
    known = checkpoint.sources(key) if mapped else (name, *checkpoint.sources(key))
    return next((sizes[n] for n in map(camera_name, known) if n in sizes), None)


def _cropped(
    crop: tuple[int, int, int, int], size: tuple[int, ...], learnt: tuple[int, int] | None, gives: str
) -> tuple[list[str], list[str]]:
    """The same where the preprocessor cuts a part out, in pixels: LeRobot fills with black what lies outside."""
    top, left, height, width = crop
    part = f"{dimensions(width, height)} at {left},{top} out of them"
    if learnt is not None and learnt != (size[1], size[0]):
        return [
            f"{gives} cuts {part} and was trained on {dimensions(*learnt)}: set its width and height in lab.toml"
        ], []
    if top + height > size[0] or left + width > size[1]:
        return [f"{gives} cuts {part}, which is not within: set its width and height in lab.toml"], []
    if learnt is not None:
        return [], []
    return [], [f"{gives} cuts {part}: they have to be as large as those that it was trained on"]


def _values(
    checkpoint: Checkpoint, key: str, wanted: PolicyFeature, name: str, given: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """The problems and the notes about the values that the bench gives as `name`."""
    names = checkpoint.provenance.names.get(name) or checkpoint.provenance.names.get(key, ())
    learnt, padded, has = wanted.shape, (checkpoint.room,), tuple(given["shape"])
    if checkpoint.room and key == JOINTS:  # a pretrained base's configuration declares the base's own size
        learnt = (len(names),) if names else checkpoint.preprocessor.learnt.get(name, learnt)
        if learnt == padded and not names and len(has) == 1 and has < padded:  # its true size is unknown
            note = f"the policy has room for {_size(padded)} of {key}: this bench's {has[0]} are padded with zeros"
            return [], [note]
    return _differences(key, learnt, names, given), []


def _action(checkpoint: Checkpoint, features: Mapping[str, Mapping[str, Any]]) -> list[str]:
    out = checkpoint.outputs.get(ACTION)
    if out is None:
        return ["the policy gives no action"]
    names = checkpoint.provenance.names.get(ACTION, ())
    return _differences(ACTION, out.shape, names, features[ACTION]) if ACTION in features else []


def _differences(key: str, shape: tuple[int, ...], names: tuple[str, ...], given: Mapping[str, Any]) -> list[str]:
    size, has = tuple(given["shape"]), tuple(given.get("names") or ())
    if size != shape:
        return [f"the policy's {key} has {_size(shape)}, this bench's {_size(size)}"]
    if names and has and names != has:
        other = [f"{a} for {b}" for a, b in zip(names, has, strict=False) if a != b]
        return [f"the policy's {key} names other values than this bench: {', '.join(other[:6])}"]
    return []


def _slow(used: Iterable[str], rates: Mapping[str, float], fps: int) -> list[str]:
    """Notes, not problems: the policy may have been trained on such a camera."""
    return [
        f"camera {name} gives {rates[name]:g} pictures a second, and the loop runs at {fps} Hz: some are seen twice"
        for name in used
        if 0 < rates.get(name, 0) < fps
    ]


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} values" if len(shape) == 1 else "x".join(map(str, shape))


def _width_by_height(size: tuple[int, ...]) -> str:
    return "x".join(map(str, reversed(size)))
