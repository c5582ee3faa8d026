"""The camera-slot table beside a form, and what its two fields offer. Pure."""

from __future__ import annotations

from screens.views.choices import Choice
from screens.views.facts import Fact, Section, warning
from screens.views.measured import Part
from screens.views.signs import clean, signs
from services.bench.robots import known_pictures
from services.checkpoints.checkpoint import Checkpoint
from services.checkpoints.slots import becomes, comes_from, fill, proposals, unused
from services.checkpoints.wiring import NO_MAP, cameras, main_name, names, why_needed
from services.evaluation.plan import Inspection
from services.tone import Tone
from sessions.bench import Profile
from sessions.slots import Slot

OTHER_NAMES = "for cameras whose names differ"


def slot_section(look: Inspection, bench: Profile) -> Section:
    """Which input of the policy gets which camera of the bench, and what becomes of its pictures."""
    if look.checkpoint is None or look.opened is None or look.checkpoint.scripted:
        return Section("cameras", ())
    pictures = known_pictures(look.opened)
    tables = dict.fromkeys(fill(each, pictures) for each in (look.checkpoint, *look.further))
    slots = [slot for table in tables for slot in table]
    facts = [slot_fact(slot) for slot in slots]
    gone = [name for name in bench.cameras if name not in look.opened.cameras]
    for label, which in (("not used", unused(slots, pictures)), ("not opened", gone)):
        if which:
            facts.append(Fact(label, ", ".join(which), Tone.QUIET))
    return Section("cameras: policy <- bench", tuple(facts))


def slot_brief(look: Inspection) -> tuple[Part, ...]:
    """The same in a line, for a terminal where the fields need the whole height: `top <- overhead, wrist <- none`."""
    if look.checkpoint is None or look.opened is None or look.checkpoint.scripted:
        return ()
    slots = fill(look.checkpoint, known_pictures(look.opened))
    return tuple(
        Part(f"{signs().warning} {slot.name} <- none", 0, Tone.WARNING)
        if not slot.camera and not slot.left_out
        else Part(f"{slot.name} <- {comes_from(slot)}", 1, short=f"{slot.name} <- {slot.camera or 'none'}")
        for slot in slots
    )


def slot_sentence(look: Inspection) -> str:
    """`top <- overhead 640x480, wrist <- wrist 640x480: as they are`; empty if nothing is known."""
    if look.checkpoint is None or look.opened is None:
        return ""
    slots = fill(look.checkpoint, known_pictures(look.opened))
    told = [(f"{slot.name} <- {comes_from(slot)}", becomes(slot) if slot.camera else "") for slot in slots]
    if len({shaped for _, shaped in told if shaped}) == 1:  # said once
        return clean(f"{', '.join(each for each, _ in told)}: {next(shaped for _, shaped in told if shaped)}")
    return clean("; ".join(f"{each}{f', {shaped}' if shaped else ''}" for each, shaped in told))


def slot_fact(slot: Slot) -> Fact:
    """`top   <- overhead 640x480, scaled to 512x384, padded to 512x512`."""
    own = f" (its {slot.own})" if slot.own else ""
    if not slot.camera and not slot.left_out:
        return warning(f"{slot.name}{own} <- none")
    shaped = f", {becomes(slot)}" if slot.camera else ""
    return Fact(slot.name, f"<- {comes_from(slot)}{shaped}{own}", Tone.ACCENT if slot.mapped else Tone.PLAIN)


def map_choices(look: Inspection, bench: Profile) -> list[Choice]:
    """Maps for cameras whose names differ, and none at all."""
    if look.checkpoint is None:
        return []
    found = [Choice(text, OTHER_NAMES) for text in proposals(look.checkpoint, known_pictures(look.opened or bench))]
    return [*found, Choice(NO_MAP, "each camera by its own name")]


def left_out_choices(look: Inspection, bench: Profile) -> list[Choice]:
    """The cameras of bench and policy, each with what leaving it out means."""
    found = look.checkpoint
    inputs = {} if found is None else {main_name(found, key): key for key in cameras(found)}
    return [Choice(name, *_without(found, name, inputs)) for name in dict.fromkeys((*bench.cameras, *inputs))]


def _without(checkpoint: Checkpoint | None, name: str, inputs: dict[str, str]) -> tuple[str, Tone]:
    if checkpoint is None or checkpoint.scripted:
        return "", Tone.QUIET
    key = next((key for key in inputs.values() if name in names(checkpoint, key)), "")
    if not key:
        return "the policy does not look at it", Tone.QUIET
    if why_needed(checkpoint, key):
        return f"{checkpoint.policy} cannot do without", Tone.WARNING
    return f"{checkpoint.policy} can do without", Tone.QUIET
