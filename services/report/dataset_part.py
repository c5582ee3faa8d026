"""The chapter on a dataset: what was recorded into it, what is kept, and what is left out and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from services.log.headline import NOT_RECORDED, began, camera_alarms
from services.log.rows.scene_rows import grasp_sections, scene_rows
from services.report import charts
from services.report.parts import Chart, Fact, Section, Source, Table, fact, missing, of_all, once, word
from services.report.scope import Scope
from services.units import dimensions, number, plural
from sessions.document import Session
from sessions.left_out import Why, as_ranges, explained
from sessions.models import Episode
from sessions.recorded import RecordedRecording
from sessions.requests import RecordRequest

KNOWN = "started.recording"
TASK, FPS = "started.request.task", ("started.recording.fps", "started.request.fps")
PICTURES = ("started.recording.cameras", "connected.cameras", "started.request.profile.robot")
KEPT = ("episodes", "started.recording.kept", "started.recording.recorded")


def section(scope: Scope, dataset: str) -> Section:
    """The chapter on the dataset of this name."""
    recordings = [session for session in scope.recordings if session.dataset == dataset]
    trainings = [session for session in scope.trainings if session.dataset == dataset]
    every = [fact(session, dataset, "started.request.dataset") for session in (*recordings, *trainings)]
    title = of_all(f"Dataset {dataset}", every)
    facts = [*_recorded(recordings), *([] if recordings else _as_trained_on(trainings)), *_left_out(trainings)]
    return Section(
        key="dataset", title=title, facts=tuple(facts), charts=tuple(_grasps(recordings)),
        tables=tuple(_tables(recordings)),
    )  # fmt: skip


# -- what was recorded --------------------------------------------------------------------------------


def _recorded(recordings: Sequence[Session]) -> list[Fact]:
    if not recordings:
        return []
    tasks = [fact(session, session.task, TASK) for session in recordings if session.task]
    rates = [fact(session, f"{number(rate)} frames/s", *FPS) for session in recordings if (rate := _fps(session))]
    facts = [
        *_known(recordings, "on the Hub", "repo_id", lambda known: known.repo_id),
        _joined("task", tasks),
        *_known(recordings, "tasks", "tasks", lambda known: "; ".join(known.tasks)),
        *_known(recordings, "flawed", "flaws", lambda known: "; ".join(known.flaws)),
        _episodes(recordings),
        _frames(recordings),
        _joined("rate", rates),
        *_cameras(recordings),
        *(each for session in recordings for each in _removed(session)),
        *_known(recordings, "object", "object", lambda known: known.object),
        *_known(recordings, "its place", "range_cm", _range),
        *_known(recordings, "strategy", "strategies", lambda known: ", ".join(known.strategies)),
        *once(each for session in recordings for each in _scene(session)),
        *_known(recordings, "copied from", "copy_of", _copied),
        *_known(recordings, "home pose", "home", _home),
    ]
    return [each for each in facts if each.text]


def _known(
    recordings: Iterable[Session], name: str, field: str, shown: Callable[[RecordedRecording], str]
) -> list[Fact]:
    """A fact that only an imported recording tells in a field of its own; one for each that knows it."""
    made = []
    for session in recordings:
        known = session.started.recording
        if known is not None and (text := shown(known)):
            made.append(fact(session, text, f"{KNOWN}.{field}", f"{KNOWN}.copy_without", name=name))
    return made


def _joined(name: str, made: Sequence[Fact]) -> Fact:
    """What several recordings tell, each text once."""
    return of_all("; ".join(dict.fromkeys(each.text for each in made)), made, name=name) if made else missing(name)


def _fps(session: Session) -> float:
    known = session.started.recording
    return known.fps if known is not None else float(session.request.fps)


def _episodes(recordings: Sequence[Session]) -> Fact:
    kept = sum(session.accepted for session in recordings)
    made = kept + sum(session.rejected for session in recordings)
    every = [fact(session, session.id, *KEPT) for session in recordings]
    if not made:
        return missing("episodes")
    wanted = sum(session.target for session in recordings)
    asked = [fact(session, session.target, "started.request.episodes") for session in recordings if session.target]
    words = f"{made} recorded, {kept} kept" if made > kept else f"{kept}"
    more = f", of {wanted} that were wanted" if wanted and wanted != kept else ""
    how = f"the sums over {len(recordings)} recordings" if len(recordings) > 1 else ""
    return of_all(f"{words}{more}", [*every, *asked], name="episodes", how=how)


def _frames(recordings: Sequence[Session]) -> Fact:
    """Those of the episodes that are kept."""
    made, total = [], 0
    for session in recordings:
        known = session.started.recording
        frames = sum(e.frames for e in session.episodes if e.accepted) or (known.frames if known else 0) or 0
        total += frames
        made += [fact(session, frames, "episodes", f"{KNOWN}.frames", f"{KNOWN}.episode_frames")] if frames else []
    spans = [s.started.recording.episode_frames for s in recordings if s.started.recording]
    each = [f"{' to '.join(map(str, span))} in an episode" for span in dict.fromkeys(spans) if span]
    how = "the sum over the episodes that are kept" if any(s.episodes for s in recordings) else ""
    return of_all(", ".join([f"{total:,}", *each]), made, name="frames", how=how) if total else missing("frames")


def _cameras(recordings: Sequence[Session]) -> list[Fact]:
    """Each camera with its model and resolution, and what was wrong with it."""
    made: dict[str, list[Fact]] = {}
    for session in recordings:
        for name, words in _pictures(session):
            made.setdefault(name, []).append(fact(session, words, *PICTURES, name="camera"))
        for camera, text in camera_alarms(session):
            words = text if text.startswith(camera) else f"{camera}: {text}"
            told = fact(session, words, "alarm_counts", "alarms", name="camera alarm")
            made.setdefault(f"{camera} alarm", []).append(told)
    if not made:
        return [missing("cameras")]
    return [each for found in made.values() for each in once(found)]


def _pictures(session: Session) -> Iterator[tuple[str, str]]:
    """(camera, in words) of a recording."""
    known = session.started.recording
    if known is not None:
        for camera in known.cameras or ():
            size = dimensions(camera.width, camera.height) if camera.width and camera.height else ""
            since = f" from episode {camera.fault_from} on" if camera.fault_from is not None else ""
            fault = f"{camera.fault}{since}" if camera.fault else ""
            unused = "its pictures are in the dataset, and trainings left them out" if camera.left_out_later else ""
            words = ", ".join(filter(None, (camera.model, size or f"resolution {NOT_RECORDED}", fault, unused)))
            yield camera.name, f"{camera.name}: {words}"
        return
    profile = session.started.profile
    tables = profile.cameras if profile is not None else {}
    for name in session.connected.cameras if session.connected is not None else tables:
        table = tables.get(name, {})
        wide, high = table.get("width"), table.get("height")
        size = dimensions(wide, high) if isinstance(wide, int) and isinstance(high, int) else ""
        model = str(table.get("type") or "")
        yield name, f"{name}: {', '.join(filter(None, (model, size or f'resolution {NOT_RECORDED}')))}"


def _removed(session: Session) -> list[Fact]:
    """Episodes that are not kept, by reason."""
    known = session.started.recording
    if known is not None and not session.episodes:
        shown = []
        for each in known.removed:
            which = f": {as_ranges(each.episodes)}" if each.episodes else ""
            because = f" ({each.because})" if each.because else f" (reason {NOT_RECORDED})"
            words = f"{plural(each.number, 'episode')}{which}{because}"
            shown.append(fact(session, words, f"{KNOWN}.removed", name="removed"))
        return shown
    reasons: dict[str, list[Episode]] = {}
    for episode in session.episodes:
        if not episode.accepted:
            reasons.setdefault(episode.why or ", ".join(episode.flags), []).append(episode)
    return [
        fact(session, f"{plural(len(found), 'episode')}: {as_ranges(e.index for e in found)} "
                      f"({why or f'reason {NOT_RECORDED}'})", "episodes", name="rejected")
        for why, found in reasons.items()
    ]  # fmt: skip


def _scene(session: Session) -> Iterator[Fact]:
    """Strategies, light and grasps of its episodes, as its page tells them."""
    for row in scene_rows(session):
        how = "of the mean brightness of each episode's pictures, black 0 to white 255" if row.name == "light" else ""
        yield fact(session, row.text, "episodes", name=row.name, how=how)
    for each in grasp_sections(session):
        yield fact(session, each.rows[0].text, "episodes", name=each.rows[0].name)


def _grasps(recordings: Sequence[Session]) -> Iterator[Chart]:
    """Where the arm grasped first in each episode that is kept."""
    found = [(session, e) for session in recordings for e in session.episodes if e.accepted and e.grasp is not None]
    name = "where the arm grasped first in each kept episode, seen from above"
    svg = charts.places_map([(f"episode {e.index}", e.grasp) for _, e in found if e.grasp is not None], name)
    if svg:
        yield Chart(name, svg, tuple(dict.fromkeys(Source(session.id, "episodes") for session, _ in found)))


def _range(known: RecordedRecording) -> str:
    return f"within {' x '.join(map(number, known.range_cm))} cm" if known.range_cm else ""


def _copied(known: RecordedRecording) -> str:
    without = f", without {', '.join(known.copy_without)}" if known.copy_without else ""
    return f"{known.copy_of}{without}" if known.copy_of else ""


def _home(known: RecordedRecording) -> str:
    return ", ".join(f"{joint} {number(angle)}" for joint, angle in known.home.items())


# -- what was trained on ------------------------------------------------------------------------------


def _as_trained_on(trainings: Sequence[Session]) -> list[Fact]:
    """What trainings tell of a dataset that no session of the log recorded."""
    facts: list[Fact] = []
    for session in trainings:
        if session.training is None:
            continue
        told = session.training.started
        total = str(told.episodes_total) if told.episodes_total else ""
        every = (*told.cameras, *told.excluded_cameras)
        paths = ("training.started.cameras", "training.started.excluded_cameras")
        facts += [
            fact(session, total, "training.started.episodes_total", name="episodes"),
            fact(session, f"{told.frames:,}" if told.frames else "", "training.started.frames", name="frames"),
            fact(session, ", ".join(every), *paths, name="cameras"),
        ]
    named: dict[str, list[Fact]] = {}
    for each in facts:
        named.setdefault(each.name, []).append(each)
    return [each for found in named.values() for each in (once(f for f in found if not f.missing) or found[:1])]


def _left_out(trainings: Sequence[Session]) -> list[Fact]:
    """Cameras and episodes that trainings did not use; why, where that is known."""
    made = []
    for session in trainings:
        if session.training is None:
            continue
        told = session.training.started
        if told.excluded_cameras:
            decoded = {True: ", decoded all the same", False: ", not decoded", None: ""}[told.left_out_decoded]
            words = f"camera {', '.join(told.excluded_cameras)}{decoded}"
            paths = ("training.started.excluded_cameras", "training.started.left_out_decoded")
            made.append(fact(session, words, *paths, name="left out of training"))
        made += [
            fact(session, explained(group), "training.started.left_out", name="left out of training")
            for group in told.left_out
            if group.why is not Why.HELD_OUT
        ]
    return once(made)


# -- its sessions -------------------------------------------------------------------------------------


def _tables(recordings: Sequence[Session]) -> Iterator[Table]:
    """The sessions that recorded it, and the parts of those that were written down as such."""
    own = [session for session in recordings if isinstance(session.request, RecordRequest) and session.episodes]
    if own:
        head = tuple(map(word, ("recorded", "operator", "kept", "rejected", "flagged", "session")))
        yield Table("recordings", head, tuple(map(_row, own)))
    parts = [
        (fact(session, f"{part.episodes}", f"{KNOWN}.parts"),
         fact(session, ", ".join(filter(None, ("resumed" if part.resumed else "", part.what))) or "-",
              f"{KNOWN}.parts"))
        for session in recordings if session.started.recording
        for part in session.started.recording.parts
    ]  # fmt: skip
    if parts:
        yield Table("recorded in parts", (word("episodes"), word("what")), tuple(parts))


def _row(session: Session) -> tuple[Fact, ...]:
    flagged = sum(bool(episode.flags) for episode in session.episodes)
    return (
        fact(session, began(session), "started.at", "started.id"),
        fact(session, session.operator, "started.request.operator"),
        fact(session, session.accepted, "episodes"),
        fact(session, session.rejected, "episodes"),
        fact(session, flagged, "episodes"),
        fact(session, session.id, "started.id"),
    )
