"""The form's fields of cameras: which fills which input of the policy, and which are left out."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_not

from screens.frame.field import Field, FieldKind
from screens.views.camera_slots import left_out_choices, map_choices, slot_sentence
from screens.views.choices import Choice
from services.checkpoints.wiring import write_map
from services.evaluation.cameras import remembered
from services.evaluation.plan import Inspection
from sessions.bench import Profile
from sessions.document import Session

MAP, LEFT_OUT = NAMES = ("camera-map", "left-out-cameras")
FIELDS = (
    Field(
        MAP,
        "camera map",
        "POLICY=BENCH, as top=overhead, where a camera has another name in the policy; several with commas.",
        FieldKind.PICKER,
        placeholder="each camera by its own name",
        free=True,
    ),
    Field(
        LEFT_OUT,
        "leave out",
        "Cameras that are not opened, with commas, where the policy can do without.",
        FieldKind.PICKER,
        placeholder="no camera",
        free=True,
    ),
)


def choices(name: str, look: Inspection, bench: Profile) -> Sequence[Choice]:
    """What one of these fields offers."""
    return map_choices(look, bench) if name == MAP else left_out_choices(look, bench)


def help_of(field: Field, look: Inspection) -> str:
    """Below the map also what it comes to, for a terminal without room beside the fields."""
    table = slot_sentence(look) if field.id == MAP else ""
    return f"POLICY=BENCH, as top=overhead. Now: {table}." if table else field.help


class Maps:
    """The map that a form offers. The log is looked through once: it is asked for several times at every key."""

    def __init__(self) -> None:
        self._asked: tuple[object, object, object] | None = None
        self._left_out, self._map = "", ""

    def last(self, sessions: Sequence[Session], look: Inspection, bench: Profile, left_out: str) -> str:
        """The map of the last evaluation of this training on this bench, as the field has it."""
        asked = (sessions, look, bench)
        if self._asked is None or left_out != self._left_out or any(map(is_not, asked, self._asked)):
            checkpoint = look.checkpoint
            found = write_map(remembered(sessions, checkpoint, bench, left_out)) if checkpoint is not None else ""
            self._asked, self._left_out, self._map = asked, left_out, found
        return self._map
