"""Which of the bench's cameras fills which of a policy's, where their names differ or one is left out. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from services.checkpoints.checkpoint import Checkpoint
from services.datasets.cameras import IMAGES, camera_name
from services.near import did_you_mean
from services.refusal import Refusal
from services.text import clean

RUNS_WITHOUT = ("smolvla", "pi0", "pi05", "pi0_fast", "xvla")
"""Policies of LeRobot 0.6.1 that take what pictures there are, and need one at least (policies/*/modeling_*.py).

All others that are known stack every picture of their configuration, and fail where one is missing.
"""


@dataclass(frozen=True)
class Wiring:
    """What the operator says. `given`: the bench's camera for a camera of the policy, by its name in the training.

    `without` are cameras that are left out: of the bench, of the policy, or of both where they have one name.
    """

    given: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    def source(self, checkpoint: Checkpoint, key: str, given: Collection[str]) -> str:
        """The observation of those `given` that fills the policy's camera `key`; empty if none does."""
        if camera := self.given.get(main_name(checkpoint, key)):
            return IMAGES + camera if IMAGES + camera in given else ""
        if self.leaves_out(checkpoint, key):
            return ""
        return next((name for name in checkpoint.sources(key) if name in given), "")

    def leaves_out(self, checkpoint: Checkpoint, key: str) -> bool:
        """Whether the operator runs the policy without its camera `key`."""
        return main_name(checkpoint, key) not in self.given and not self.without.isdisjoint(names(checkpoint, key))


PLAIN = Wiring()
"""Every camera by its own name."""


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
    """`top=overhead, wrist=hand` as {"top": "overhead", "wrist": "hand"}. Raises Refusal."""
    found: dict[str, str] = {}
    for part in (stripped for each in text.split(",") if (stripped := each.strip())):
        theirs, sign, ours = (word.strip() for word in part.partition("="))
        if not (theirs and sign and ours):
            raise Refusal(f"the camera map has {clean(part)!r}: write POLICY=BENCH, as top=overhead")
        if found.setdefault(theirs, ours) != ours:
            raise Refusal(f"the camera map has {clean(theirs)} twice, for {clean(found[theirs])} and {clean(ours)}")
    return found


def write_map(given: Mapping[str, str]) -> str:
    """As `read_map` reads it."""
    return ", ".join(f"{theirs}={ours}" for theirs, ours in given.items())


def wire(
    checkpoint: Checkpoint, bench: Collection[str], given: Mapping[str, str], without: Iterable[str] = ()
) -> Wiring:
    """The wiring of a bench with these cameras that the operator asks for. Raises Refusal for a name that is none."""
    left_out = frozenset(_left_out(checkpoint, bench, word) for word in without)
    mapped: dict[str, str] = {}
    for theirs, ours in given.items():
        key = _policy_camera(checkpoint, theirs)
        name = main_name(checkpoint, key)
        if ours not in bench:
            raise Refusal(f"the camera map gives {name} camera {_unknown(ours, bench, 'this bench has')}")
        if ours in left_out or not left_out.isdisjoint(names(checkpoint, key)):
            raise Refusal(f"the camera map gives {name} camera {ours}, and one of the two is left out: take one back")
        mapped[name] = ours
    wiring = Wiring(mapped, left_out)
    _check_once(checkpoint, bench, wiring)
    return wiring


def _check_once(checkpoint: Checkpoint, bench: Collection[str], wiring: Wiring) -> None:
    """Raises Refusal if a camera of the bench would fill two of the policy's."""
    there, fills = [IMAGES + name for name in bench], dict[str, str]()
    for key in cameras(checkpoint):
        name, source = main_name(checkpoint, key), wiring.source(checkpoint, key, there)
        if source and (other := fills.setdefault(source, name)) != name:
            raise Refusal(
                f"camera {camera_name(source)} would fill both {other} and {name} of the policy: map another camera to "
                "one of the two"
            )


def _left_out(checkpoint: Checkpoint, bench: Collection[str], word: str) -> str:
    known = [*bench, *(name for key in cameras(checkpoint) for name in names(checkpoint, key))]
    if word in known:
        return word
    raise Refusal(f"there is no camera {_unknown(word, dict.fromkeys(known), 'bench and policy have')} to leave out")


def _policy_camera(checkpoint: Checkpoint, word: str) -> str:
    """The policy's key for a camera by any of its names, or the last part of one. Raises Refusal."""
    keys = cameras(checkpoint)
    exact = [key for key in keys if word in (*names(checkpoint, key), key)]
    found = exact or [key for key in keys if any(name.endswith(f".{word}") for name in names(checkpoint, key))]
    if len(found) == 1:
        return found[0]
    known = [main_name(checkpoint, key) for key in keys]
    raise Refusal(f"the camera map has no camera of the policy in {_unknown(word, known, 'it has')}")


def _unknown(word: str, known: Collection[str], who: str) -> str:
    has = f"{who} {', '.join(known) or 'no camera'}"
    return f"{clean(word)!r} ({has}{did_you_mean(word, known)})"


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
    gone = [key for key in keys if key not in takes]
    if not gone:
        return []
    missing = ", ".join(main_name(checkpoint, key) for key in gone)
    notes = [f"the policy was trained with {missing} and runs without: what it does then is not what it learnt"]
    last = max((n for n, key in enumerate(keys) if key in takes), default=-1)
    if any(key in gone for key in keys[:last]):
        notes.append(f"without {missing} its other pictures stand in other places than in the training")
    return notes
