"""The rows of the page of an imported recording, or a bench: what was written down of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.log.headline import NOT_RECORDED
from services.log.sections import Row, Symbol, Value, quiet, row, text
from services.tone import Tone
from services.units import dimensions, plural
from sessions.document import Session
from sessions.recorded import Change, RecordedCamera, RecordedPart, RecordedRecording, Removal, Trouble


def imported_rows(session: Session) -> list[Row]:
    """What only an imported recording has: none of another."""
    known = session.started.recording
    if known is None:
        return []
    return [
        row("repo id", known.repo_id),
        *(row("task", f'"{task}"') for task in known.tasks),
        *(row("flawed", text(each, Tone.WARNING, Symbol.WARNING)) for each in known.flaws),
        row("copy of", known.copy_of, f"without {', '.join(known.copy_without)}" if known.copy_without else ""),
        *([row("episodes", *_episodes(session, known))] if not session.episodes else []),
        row("frames", *_frames(known)),
        row("rate", f"{known.fps:g} Hz" if known.fps else quiet(NOT_RECORDED)),
        *(row("removed", text(_removed(each), Tone.WARNING), quiet(each.because)) for each in known.removed),
        *(row("in parts", _part(number, each)) for number, each in enumerate(known.parts, 1)),
        *(row("camera", *_camera(camera)) for camera in known.cameras or ()),
        *([row("cameras", quiet(NOT_RECORDED))] if known.cameras is None else []),
        row(
            "lighting",
            ", ".join(f"{'about ' if each.about else ''}{each.episodes} {each.light}" for each in known.lighting),
        ),
        *(row("strategy", each) for each in known.strategies),
        row("object", known.object, _range(known)),
        *(row("changed", *_change(each)) for each in known.changes),
        *(row("trouble", *_trouble(each)) for each in known.troubles),
        row("robot", known.robot),
        row("home", _pose(known.home)),
    ]


def bench_rows(session: Session) -> list[Row]:
    """What was written down of an imported bench: none of another."""
    known = session.started.at_bench
    if known is None:
        return []
    return [
        row("robot", known.robot or quiet(NOT_RECORDED)),
        row("hardware", known.hardware or quiet(NOT_RECORDED)),
        row("home", _pose(known.home)),
        *(row("worked", each) for each in known.ways),
        *(row("trouble", *_trouble(each)) for each in known.troubles),
    ]


def _pose(home: Mapping[str, float]) -> str:
    return ", ".join(f"{joint} {angle:g}" for joint, angle in home.items())


def _episodes(session: Session, known: RecordedRecording) -> Iterable[Value]:
    yield text(known.kept_words, strong=True) if known.kept_words else quiet(NOT_RECORDED)
    if session.target:
        yield text(f"{session.target} were wanted", Tone.WARNING if session.target != known.recorded else Tone.PLAIN)


def _frames(known: RecordedRecording) -> Iterable[str]:
    yield f"{known.frames:,}" if known.frames is not None else NOT_RECORDED
    if known.episode_frames:
        yield f"{_span(known.episode_frames)} in each episode"


def _span(numbers: tuple[int, ...]) -> str:
    return " to ".join(f"{number:,}" for number in dict.fromkeys((numbers[0], numbers[-1])))


def _removed(removal: Removal) -> str:
    """`episodes 11, 26`, or of those that are not known by number how many."""
    if not removal.episodes:
        return plural(removal.count, "episode")
    numbers = ", ".join(map(str, removal.episodes))
    return f"episode{'s' if len(removal.episodes) > 1 else ''} {numbers}"


def _part(number: int, part: RecordedPart) -> str:
    said = [plural(part.episodes, "episode"), "resumed" if part.resumed else "", part.what]
    return f"{number}: {', '.join(filter(None, said))}"


def _camera(camera: RecordedCamera) -> Iterable[Value]:
    """Its name, model and size, and what was wrong with it."""
    yield text(camera.name, strong=True)
    yield text(camera.model)
    yield text(dimensions(camera.width, camera.height) if camera.width and camera.height else "")
    since = f" from episode {camera.fault_from}" if camera.fault_from is not None else ""
    if camera.fault:
        yield text(f"{camera.fault}{since}", Tone.WARNING, Symbol.WARNING)
    if camera.left_out_later is not None:
        yield quiet("left out of trainings" if camera.left_out_later else "used by trainings")


def _range(known: RecordedRecording) -> str:
    return f"within {'x'.join(f'{side:g}' for side in known.range_cm)} cm" if known.range_cm else ""


def _change(change: Change) -> Iterable[Value]:
    yield text(change.what, strong=True)
    yield text(" to ".join(filter(None, (change.was, change.now))))
    yield quiet(change.because)


def _trouble(trouble: Trouble) -> Iterable[Value]:
    yield text(trouble.what, Tone.WARNING, Symbol.WARNING)
    yield text(f"from episode {trouble.episode}" if trouble.episode is not None else "")
    yield text(f"every {_span(trouble.every)} episodes" if trouble.every else "")
    yield text(trouble.because)
    yield quiet(f"found {trouble.found}" if trouble.found else "")
