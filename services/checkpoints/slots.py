"""The camera-slot table: policy input <- bench camera, its size, and what becomes of its pictures. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import permutations
from typing import Any

from services.checkpoints.checkpoint import Checkpoint
from services.checkpoints.wiring import cameras, leaves_out, main_name, source, write_map
from services.datasets.cameras import IMAGES, camera_name, same_shape
from services.units import dimensions
from sessions.slots import How, Shaping, Size, Slot

Pictures = Mapping[str, Mapping[str, Any]]
"""A bench's pictures by name, each with its `shape` (height, width, channels) if that is known."""
PROPOSED = 6
"""Maps that are proposed at most, and cameras among which they are sought."""


def fill(checkpoint: Checkpoint, pictures: Pictures) -> tuple[Slot, ...]:
    """A slot for each camera of the policy, in the policy's order."""
    there = {IMAGES + name: picture for name, picture in pictures.items()}
    return tuple(_slot(checkpoint, key, there) for key in cameras(checkpoint))


def unused(slots: Iterable[Slot], pictures: Pictures) -> tuple[str, ...]:
    """The bench's cameras that fill no slot."""
    used = {slot.camera for slot in slots}
    return tuple(name for name in pictures if name not in used)


def proposals(checkpoint: Checkpoint, pictures: Pictures, most: int = PROPOSED) -> list[str]:
    """Maps that an operator may mean: each camera of the policy that the bench lacks gets one that nothing uses.

    Of as many as there are, those come first in which more pictures have the size that the policy learnt.
    """
    slots = fill(checkpoint, pictures)
    lacking, free = [slot for slot in slots if not slot.camera], list(unused(slots, pictures))
    if not lacking or len(free) < len(lacking) or len(free) > PROPOSED:
        return []
    sizes = {name: tuple(pictures[name].get("shape") or ())[1::-1] for name in free}
    ranked = sorted(
        permutations(free, len(lacking)),
        key=lambda chosen: -sum(sizes[name] == slot.learnt for slot, name in zip(lacking, chosen, strict=True)),
    )
    return [write_map({s.name: name for s, name in zip(lacking, chosen, strict=True)}) for chosen in ranked[:most]]


def _slot(checkpoint: Checkpoint, key: str, there: Pictures) -> Slot:
    found, name = source(checkpoint, key, there), main_name(checkpoint, key)
    shape = tuple(there.get(found, {}).get("shape") or ())
    return Slot(
        name=name,
        own="" if camera_name(key) == name else camera_name(key),
        camera=camera_name(found),
        gives=(shape[1], shape[0]) if len(shape) > 1 else None,
        learnt=_learnt(checkpoint, key),
        steps=(*_preprocessed(checkpoint, key), *checkpoint.shaping),
        mapped=name in checkpoint.wiring.given,
        left_out=leaves_out(checkpoint, key),
    )


def _learnt(checkpoint: Checkpoint, key: str) -> Size | None:
    """The size of the pictures that it was trained on: as its training noted it, else as its configuration has it."""
    sizes = checkpoint.provenance.camera_sizes
    if noted := next((sizes[n] for n in map(camera_name, checkpoint.sources(key)) if n in sizes), None):
        return noted
    preprocessor, shape = checkpoint.preprocessor, checkpoint.inputs[key].shape
    changed = checkpoint.resizes or preprocessor.resize is not None or key in preprocessor.crops
    return None if changed or len(shape) != 3 else (shape[2], shape[1])


def _preprocessed(checkpoint: Checkpoint, key: str) -> Iterator[Shaping]:
    preprocessor = checkpoint.preprocessor
    if crop := preprocessor.crops.get(key):
        top, left, height, width = crop
        yield Shaping(How.CROP, (width, height), (left, top))
    if preprocessor.resize:
        yield Shaping(How.STRETCH, preprocessor.resize)


# -- for people -------------------------------------------------------------------------------------


def becomes(slot: Slot) -> str:
    """What becomes of its pictures: `as they are`, `scaled to 512x384, padded to 512x512`."""
    size, told = slot.gives, list[str]()
    for step in slot.steps:
        told += _told(step, size)
        size = step.size
    return ", ".join(told) or "as they are"


def _told(step: Shaping, size: Size | None) -> Iterator[str]:
    if step.size is None:
        yield "resized by its own code" if step.how is How.OWN else step.how.value
        return
    to = dimensions(*step.size)
    if step.how is How.CROP:
        where = f"at {step.at[0]},{step.at[1]}" if step.at else "in the middle"
        if size != step.size:
            yield f"cropped to {to} {where}"
    elif step.how is How.OWN:
        yield f"resized to {to} by its own code"
    elif size is None:
        yield f"{'padded' if step.how is How.PAD else 'resized'} to {to}"
    elif size != step.size:
        yield from _scaled(step, size, step.size)


def _scaled(step: Shaping, size: Size, to: Size) -> Iterator[str]:
    if same_shape(size, to):
        yield f"scaled to {dimensions(*to)}"
    elif step.how is How.PAD:
        ratio = max(size[0] / to[0], size[1] / to[1])
        inner = int(size[0] / ratio), int(size[1] / ratio)
        yield f"scaled to {dimensions(*inner)}"
        yield f"padded to {dimensions(*to)}"
    else:
        yield f"stretched to {dimensions(*to)}"


def comes_from(slot: Slot) -> str:
    """`overhead 640x480`, `none: left out`, `none`."""
    if not slot.camera:
        return "none: left out" if slot.left_out else "none"
    return f"{slot.camera} {dimensions(*slot.gives)}" if slot.gives else slot.camera


def titled(slot: Slot) -> str:
    """`top (camera1)`: its name in the training, and the policy's own if that differs."""
    return f"{slot.name} ({slot.own})" if slot.own else slot.name


def lines(slots: Iterable[Slot], unused: Iterable[str] = (), left_out: Iterable[str] = ()) -> list[str]:
    """The table, a line for each slot, then what of the bench is not used."""
    rows = [(titled(slot), comes_from(slot), becomes(slot) if slot.camera else "") for slot in slots]
    first, second = (max((len(row[n]) for row in rows), default=0) for n in (0, 1))
    table = [f"{a:{first}} <- {b:{second if c else 0}}{'  ' + c if c else ''}" for a, b, c in rows]
    for words, who in (("not used", list(unused)), ("not opened", list(left_out))):
        if who:
            table.append(f"{words}: {', '.join(who)}")
    return table
