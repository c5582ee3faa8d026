"""What a training will need against what is there, in sentences: of each finding one, with its remedy. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from screens.views import keys
from screens.views.facts import Fact, Section, warning
from screens.views.signs import signs
from services.tone import Tone
from services.training.dataset_fit import raw
from services.training.needs import (
    AnyFinding,
    CheckpointRoom,
    Decoding,
    Fails,
    Grade,
    Help,
    Judged,
    Memory,
    NotMeasured,
    Pace,
    Pictures,
    PolicySize,
    Remedy,
    Unnormalized,
    in_the_way,
    judge,
)
from services.units import count_of, dimensions, duration, plural, size, value

ABOUT = 1.2
"""From this ratio on, the longest and the shortest time are both said."""
TONES = {Grade.CLOSE: Tone.WARNING, Grade.SHORT: Tone.DANGER, Grade.CANNOT: Tone.DANGER}
FORM = {
    Remedy.BATCH: "choose batch size {}",
    Remedy.RESIZE: "resize pictures to {}",
    Remedy.LEAVE_OUT: "leave out {}",
    Remedy.SAVES: "save every {:,} steps",
    Remedy.FREE_DISK: "free {}",
    Remedy.DECODER: "set dataset.video_backend={} among other keys",
    Remedy.INSTALL: "make {} work",
    Remedy.LOADERS: "set num_workers={} among other keys",
    Remedy.WHOLE_POLICY: "choose a smaller policy",
}
"""Remedies in the words of the form's fields."""
SHELL = FORM | {
    Remedy.BATCH: "--batch-size {}",
    Remedy.RESIZE: "--resize {}",
    Remedy.LEAVE_OUT: "--exclude-cameras {}",
    Remedy.SAVES: "--save-freq {}",
    Remedy.DECODER: "--set dataset.video_backend={}",
    Remedy.LOADERS: "--set num_workers={}",
}
"""Remedies as flags of `lab-console train`."""


class Words(StrEnum):
    """Where the sentences are read."""

    FORM = "form"
    SHELL = "shell"


@dataclass(frozen=True)
class Measured:
    """What was asked and found so far: nothing at all, before the first time.

    `doing` is what the process does now, `problem` why it did not get further. `stale`: the fields have changed since.
    """

    findings: tuple[AnyFinding, ...] = ()
    doing: str = ""
    problem: str = ""
    stale: bool = False


def needs_section(measured: Measured) -> Section:
    """The facts beside the form."""
    facts = needs_facts(measured.findings)
    if measured.problem:
        facts.insert(0, warning(measured.problem, Tone.DANGER))
    if measured.stale:
        facts = [Fact("", f"the fields have changed: {keys.MEASURE} measures again", Tone.QUIET)]
    elif measured.doing:
        facts.append(Fact("", measured.doing + signs().more, Tone.ACCENT))
    elif not facts:
        what = "takes a few steps that nobody keeps: memory, time and disk appear here"
        facts = [Fact("", f"{keys.MEASURE} {what}", Tone.QUIET)]
    return Section("before the start", tuple(facts))


def first_stop(measured: Measured) -> str:
    """Why the training surely cannot work, and what to do; empty if nothing found is in the way."""
    found = () if measured.stale else in_the_way(measured.findings)
    return f"{stops(found[0])}; then {keys.MEASURE} measures again" if found else ""


def needs_facts(findings: Sequence[AnyFinding], words: Words = Words.FORM) -> list[Fact]:
    """A line for each finding; what stands in the way first."""
    order = {Grade.CANNOT: 0, Grade.SHORT: 1, Grade.CLOSE: 2, Grade.FINE: 3}
    judged = sorted(judge(findings), key=lambda found: order[found.grade])
    return [fact for found in judged if (fact := _fact(found, words)) is not None]


def stops(found: Judged, words: Words = Words.FORM) -> str:
    """The sentence of a finding for which the training cannot work."""
    label, text = _text(found)
    return f"{label}: {text}{_helps(found, words)}"


def _fact(found: Judged, words: Words) -> Fact | None:
    label, text = _text(found)
    if not text:
        return None
    if found.grade is Grade.FINE:
        return Fact(label, text + _helps(found, words))
    return warning(f"{label}: {text}{_helps(found, words)}", TONES[found.grade])


def _helps(found: Judged, words: Words) -> str:
    """`: choose batch size 32, or resize pictures to 320x240 (160 image tokens)`."""
    texts = [_help(each, words) for each in found.help]
    return f": {', or '.join(texts)}" if texts else ""


def _help(each: Help, words: Words) -> str:
    what = each.value
    if isinstance(what, tuple):
        what = dimensions(*what)
    elif each.remedy is Remedy.FREE_DISK and isinstance(what, int):
        what = size(what)
    text = (SHELL if words is Words.SHELL else FORM)[each.remedy].format(what)
    return f"{text} ({each.gain} image tokens)" if each.gain else text


def _text(found: Judged) -> tuple[str, str]:
    """(label, sentence without its remedy) of a finding; an empty sentence is not shown."""
    match found.finding:
        case PolicySize() as policy:
            return "policy", _policy(policy)
        case Pictures() as pictures:
            return "tokens", _tokens(pictures)
        case CheckpointRoom() as room:
            return "disk", _disk(room, found.grade)
        case Decoding() as decoding:
            return "decoder", _decoder(decoding, found.grade)
        case Memory() as memory:
            return "memory", _memory(memory, found.grade)
        case Pace() as pace:
            return "time", _time(pace)
        case Fails(reason=reason):
            return "it would fail", reason
        case Unnormalized(policy=policy_type, features=features):
            return "statistics", raw(policy_type, features)
        case NotMeasured(why=why):
            return "memory", f"and time are not measured: {why}"


def _policy(found: PolicySize) -> str:
    learnt = "all learnt" if found.trainable == found.parameters else f"{count_of(found.trainable)} of them learnt"
    return f"{found.policy}, {count_of(found.parameters)} parameters, {learnt}, on {found.device}"


def _tokens(found: Pictures) -> str:
    if not found.tokens:
        return ""
    each = {picture.tokens for picture in found.pictures}
    of_each = f"{each.pop()} of each picture, " if len(each) == 1 and len(found.pictures) > 1 else ""
    others = f" and {found.others} others" if found.others else ""
    return f"{of_each}{found.tokens:,} of pictures{others}"


def _disk(found: CheckpointRoom, grade: Grade) -> str:
    if grade is Grade.CANNOT:
        return f"one checkpoint takes {size(found.each)}, and {size(found.free)} are free"
    of_each = f"{plural(found.count, 'checkpoint')} of {size(found.each)}"
    if grade is Grade.FINE:
        return f"{of_each}: {size(found.needed)}; {size(found.free)} free"
    return f"{of_each} are {size(found.needed)}, and {size(found.free)} are free"


def _decoder(found: Decoding, grade: Grade) -> str:
    takes = f"{found.decoder} reads a picture in {_ms(found.picture_s)}"
    if found.other_s:
        takes += f", {found.other} in {_ms(found.other_s)}"
    elif found.missing and found.other == "torchcodec":
        takes += f"; {found.other} does not work here ({found.missing})"
    return f"steps wait for pictures; {takes}" if grade is not Grade.FINE else takes


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.1f} ms"


def _memory(found: Memory, grade: Grade) -> str:
    where = f"the {size(found.available)} that {'the GPU has' if found.device else 'are'} free"
    if found.ran_out:
        return f"a step of {plural(found.tried, 'sample')} did not fit into most of {where}"
    each = f" in each of {found.processes} processes" if found.processes > 1 else ""
    about = f"about {size(found.needed)} for batch {found.batch}{each}"
    loaders = f" with {size(found.loaders)} for loading" if found.loaders else ""
    text = f"{about}{loaders}, of {where}"
    if grade in (Grade.SHORT, Grade.CANNOT):
        return f"{about}{loaders}, which is more than {where}"
    return f"{text} (steps of up to {found.tried} were tried)"


def _time(found: Pace) -> str:
    """`≈ 6 h 40 m at 1.20 s a step`; where the batch is far from what was tried, `6 h 40 m to 9 h 00 m`."""
    least, most = found.step_s, found.most_s
    times = [least, most] if most > ABOUT * least else [most]
    total = " to ".join(duration(each * found.steps) for each in times)
    step = " to ".join(map(value, times))
    updates = [found.update_s, found.update_most_s] if len(times) > 1 else [max(found.update_s, found.update_most_s)]
    parts = f"{' to '.join(map(value, updates))} s update, {value(found.data_s)} s loading"
    beside = " beside it" if found.loads_beside else ""
    tried = f"from steps of up to {found.tried}" if found.tried < found.batch else "as tried"
    busy = ", while other work kept the machine busy" if found.busy else ""
    return f"{signs().about} {total} at {step} s a step ({parts}{beside}; {tried}{busy})"
