"""The cameras of a policy: which of the bench's fills each, and what becomes of its pictures."""

from __future__ import annotations

import msgspec

from sessions.open_enum import OpenEnum

Size = tuple[int, int]
"""(width, height) in pixels."""


class Wiring(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says. `given`: the bench's camera for a camera of the policy, by its name in the training.

    `without` are cameras that are left out: of the bench, of the policy, or of both where they have one name.
    """

    given: dict[str, str] = {}
    without: tuple[str, ...] = ()


PLAIN = Wiring()
"""Every camera by its own name."""


class How(OpenEnum):
    """What a step makes of a picture."""

    CROP = "crop"
    STRETCH = "stretch"
    """To the size, whatever the picture's ratio was."""
    PAD = "pad"
    """Scaled until it fits into the size, the rest black."""
    OWN = "own"
    """What the policy's own code makes of it: its configuration does not say."""


class Shaping(msgspec.Struct, frozen=True):
    """One step. `size` is what it gives, None if unknown; `at` is the left upper corner of a crop, None: the middle."""

    how: How
    size: Size | None = None
    at: tuple[int, int] | None = None


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A camera of a policy, `name` in its training and `own` in the policy itself.

    `camera` is the bench's that fills it, empty if none does, with pictures of the size `gives` (None if unknown);
    `mapped`: the operator said so. `learnt` is the size that the policy was trained on, None if unknown. `steps` are
    what its pictures go through before the network sees them. `left_out`: the operator runs the policy without it.
    """

    name: str
    own: str = ""
    camera: str = ""
    gives: Size | None = None
    learnt: Size | None = None
    steps: tuple[Shaping, ...] = ()
    mapped: bool = False
    left_out: bool = False
