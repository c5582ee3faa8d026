"""Which of the bench's cameras fills which of a policy's, where their names differ or one is left out. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from services.checkpoints.checkpoint import Checkpoint
from services.datasets.cameras import IMAGES, camera_name
from services.near import did_you_mean
from services.refusal import Refusal
from services.text import brief, clean
from sessions.slots import Wiring

RUNS_WITHOUT = ("smolvla", "pi0", "pi05", "pi0_fast", "xvla")
"""Policies of LeRobot 0.6.1 that take what pictures there are, and need one at least (policies/*/modeling_*.py).

All others that are known stack every picture of their configuration, and fail where one is missing.
"""


NO_MAP = "none"
"""Where a map is proposed: no camera is mapped."""


def source(checkpoint: Checkpoint, key: str, given: Collection[str]) -> str:
    """The observation of those `given` that fills the policy's input `key`; empty if none does."""
    if camera := checkpoint.wiring.given.get(main_name(checkpoint, key)):
        return IMAGES + camera if IMAGES + camera in given else ""
    if leaves_out(checkpoint, key):
        return ""
    return next((name for name in checkpoint.sources(key) if name in given), "")


def leaves_out(checkpoint: Checkpoint, key: str) -> bool:
    """Whether the operator runs the policy without its camera `key`."""
    mapped, gone = main_name(checkpoint, key) in checkpoint.wiring.given, set(checkpoint.wiring.without)
    return not mapped and not gone.isdisjoint(names(checkpoint, key))


def main_name(checkpoint: Checkpoint, key: str) -> str:
    """The name of the policy's camera `key` in its training."""
    return camera_name(next(iter(checkpoint.sources(key)), key))


def names(checkpoint: Checkpoint, key: str) -> tuple[str, ...]:
    """All names of the policy's camera `key`: those of its training first, then its own."""
    return tuple(dict.fromkeys(map(camera_name, (*checkpoint.sources(key), key))))


def cameras(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The policy's inputs that are cameras, by its own keys."""
    return tuple(key for key, feature in checkpoint.needs.items() if feature.type == "VISUAL")


# -- what the operator wrote ------------------------------------------------------------------------


def read_map(text: str) -> dict[str, str]:
    """`top=overhead, wrist=hand` as {"top": "overhead", "wrist": "hand"}; `none` is an empty one. Raises Refusal."""
    found: dict[str, str] = {}
    if text.strip() == NO_MAP:
        return found
    for part in (stripped for each in text.split(",") if (stripped := each.strip())):
        theirs, sign, ours = (word.strip() for word in part.partition("="))
        if not (theirs and sign and ours):
            raise Refusal(f"the camera map has {brief(part)!r}: write POLICY=BENCH, as top=overhead")
        if found.setdefault(theirs, ours) != ours:
            raise Refusal(f"the camera map has {clean(theirs)} twice, for {clean(found[theirs])} and {clean(ours)}")
    return found


def write_map(given: Mapping[str, str]) -> str:
    """As `read_map` reads it."""
    return ", ".join(f"{theirs}={ours}" for theirs, ours in given.items())


def wired(checkpoint: Checkpoint, wiring: Wiring) -> Checkpoint:
    """The checkpoint with what of the wiring is for it: several that are compared may have different cameras."""
    known = ((_find(checkpoint, theirs), ours) for theirs, ours in wiring.given.items())
    given = {main_name(checkpoint, key): ours for key, ours in known if key}
    return replace(checkpoint, wiring=Wiring(given=given, without=wiring.without))


def check_left_out(checkpoints: Sequence[Checkpoint], bench: Collection[str], wiring: Wiring) -> None:
    """Raises Refusal for a camera to leave out that neither policy nor bench has; `bench`: its pictures by name."""
    inputs = [name for each in checkpoints for key in cameras(each) for name in names(each, key)]
    known = dict.fromkeys((*bench, *inputs))
    for word in wiring.without:
        if word not in known:
            raise Refusal(f"there is no camera {_unknown(word, known, 'bench and policy have')} to leave out")


def check_map(checkpoints: Sequence[Checkpoint], bench: Collection[str], wiring: Wiring) -> None:
    """Raises Refusal for a name in the map that no camera has, and for a map that contradicts itself."""
    for theirs, ours in wiring.given.items():
        if not any(_find(each, theirs) for each in checkpoints):
            mains = dict.fromkeys(main_name(each, key) for each in checkpoints for key in cameras(each))
            raise Refusal(f"the camera map has no camera of the policy in {_unknown(theirs, mains, 'it has')}")
        if ours not in bench:
            raise Refusal(f"the camera map gives {clean(theirs)} camera {_unknown(ours, bench, 'this bench has')}")
    for each in checkpoints:
        _check_one(wired(each, wiring), bench)


def _check_one(checkpoint: Checkpoint, bench: Collection[str]) -> None:
    """Raises Refusal if a camera that it is given is left out, or would fill two of its inputs."""
    there, fills, gone = [IMAGES + name for name in bench], dict[str, str](), set(checkpoint.wiring.without)
    for key in cameras(checkpoint):
        name, found = main_name(checkpoint, key), source(checkpoint, key, there)
        ours = checkpoint.wiring.given.get(name, "")
        if ours and not gone.isdisjoint((ours, *names(checkpoint, key))):
            raise Refusal(f"the camera map gives {name} camera {ours}, and one of the two is left out: take one back")
        if found and (other := fills.setdefault(found, name)) != name:
            raise Refusal(
                f"camera {camera_name(found)} would fill both {other} and {name} of the policy: map another camera to "
                "one of the two"
            )


def _find(checkpoint: Checkpoint, word: str) -> str:
    """The policy's key for a camera by any of its names, or the last part of one; empty if none or several have it."""
    keys = cameras(checkpoint)
    exact = [key for key in keys if word in (*names(checkpoint, key), key)]
    found = exact or [key for key in keys if any(name.endswith(f".{word}") for name in names(checkpoint, key))]
    return found[0] if len(found) == 1 else ""


def _unknown(word: str, known: Collection[str], who: str) -> str:
    has = f"{who} {', '.join(known) or 'no camera'}"
    return f"{brief(word)!r} ({has}{did_you_mean(word, known)})"


# -- doing without ----------------------------------------------------------------------------------


def why_needed(checkpoint: Checkpoint, key: str) -> str:
    """Why the policy cannot run without its camera `key`; empty if it can."""
    if checkpoint.policy in RUNS_WITHOUT:
        return ""
    return (
        f"{checkpoint.policy} cannot do without camera {main_name(checkpoint, key)}: it reads every camera that it was "
        f"trained with (of LeRobot's policies {', '.join(RUNS_WITHOUT)} can do without one)"
    )


def without_notes(checkpoint: Checkpoint, takes: Collection[str]) -> list[str]:
    """What running without some of its cameras means; `takes` are the inputs that are filled."""
    keys = cameras(checkpoint)
    gone = [key for key in keys if key not in takes and leaves_out(checkpoint, key)]
    if not gone or any(why_needed(checkpoint, key) for key in gone):
        return []
    missing = ", ".join(main_name(checkpoint, key) for key in gone)
    notes = [f"the policy was trained with {missing} and runs without: what it does then is not what it learnt"]
    last = max((n for n, key in enumerate(keys) if key in takes), default=-1)
    if any(key in gone for key in keys[:last]):
        notes.append(f"without {missing} its other pictures stand in other places than in the training")
    return notes


def blamed(checkpoint: Checkpoint, words: str, given: Collection[str]) -> str:
    """What to add to a policy's own words about why it fails, if they name a camera that it was not given.

    `given` are the observations that it got. Its configuration may list cameras that its training did not have: LeRobot
    lets some policies do without those (see `RUNS_WITHOUT`), and others fail.
    """
    listed = [key for key, feature in checkpoint.inputs.items() if feature.type == "VISUAL"]
    for key in sorted(listed, key=len, reverse=True):
        if key in words and key not in cameras(checkpoint):
            got = ", ".join(camera_name(name) for name in given if name.startswith(IMAGES)) or "none"
            return (
                f": its configuration lists camera {camera_name(key)}, which its training did not have, and "
                f"{checkpoint.policy} cannot do without (it was given {got}): take one whose training had all of them"
            )
    return ""
