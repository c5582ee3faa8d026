"""Which cameras an evaluation opens, which input of the policy each fills, and what was mapped the last time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from services.bench.left_out import profile_without
from services.bench.robots import known_pictures
from services.checkpoints.checkpoint import PRETRAINED, Checkpoint
from services.checkpoints.slots import fill, lines, unused
from services.checkpoints.wiring import check_left_out, check_map, read_map, wired
from services.live.requests import EvalRequest
from services.refusal import Checks
from sessions.bench import Profile
from sessions.document import Session
from sessions.slots import PLAIN, Wiring


def arrange(
    profile: Profile, checkpoints: Sequence[Checkpoint], *, camera_map: str, left_out: str, checks: Checks
) -> tuple[Profile, Wiring]:
    """(the bench with the cameras that are opened, what fills the policies' inputs) as the operator wrote it.

    `camera_map` is `top=overhead, ...`, and `left_out` names cameras, separated by commas.
    """
    bench = known_pictures(profile)
    given = checks.run("camera_map", read_map, camera_map) or {}
    wiring = Wiring(given=given, without=names_in(left_out))
    checks.run("left_out_cameras", check_left_out, checkpoints, bench, wiring)
    checks.run("camera_map", check_map, checkpoints, bench, wiring)
    refused = checks.refused.keys() & {"camera_map", "left_out_cameras"}
    return (profile, PLAIN) if refused else (profile_without(profile, wiring.without), wiring)


def table(request: EvalRequest, checkpoints: Iterable[Checkpoint], bench: Profile) -> list[str]:
    """The camera-slot table of a planned evaluation on this `bench`, in lines: of each checkpoint where they differ."""
    pictures = known_pictures(request.profile)
    gone = [name for name in bench.cameras if name not in request.profile.cameras]
    tables: dict[tuple[str, ...], str] = {}
    for each in (wired(checkpoint, request.wiring) for checkpoint in checkpoints):
        slots = fill(each, pictures)
        if slots or gone:
            tables.setdefault(tuple(lines(slots, unused(slots, pictures), gone)), each.label)
    if len(tables) < 2:
        return [line for each in tables for line in each]
    return [line for each, label in tables.items() for line in (f"{label}:", *each)]


def remembered(
    sessions: Iterable[Session], checkpoint: Checkpoint, profile: Profile, left_out: str = ""
) -> dict[str, str]:
    """The map of the last evaluation of this training on this bench, as far as the bench still has those cameras.

    `sessions` are newest first; what is `left_out` (names, separated by commas) is not mapped.
    """
    bench, run, gone = known_pictures(profile), _run(checkpoint.path), names_in(left_out)
    for session in sessions:
        asked = session.request
        if (
            isinstance(asked, EvalRequest)
            and asked.profile.name == profile.name
            and _run(Path(asked.checkpoint)) == run
        ):
            given = asked.wiring.given.items()
            return {theirs: ours for theirs, ours in given if ours in bench and not {theirs, ours}.intersection(gone)}
    return {}


def names_in(text: str) -> tuple[str, ...]:
    """The names in a list that is separated by commas."""
    return tuple(filter(None, map(str.strip, text.split(","))))


def _run(checkpoint: Path) -> Path:
    """The folder of a training; of a policy from elsewhere its own."""
    folder = checkpoint.parent if checkpoint.name == PRETRAINED else checkpoint
    return folder.parent if folder.name.isdecimal() else folder
