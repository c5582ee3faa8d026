"""Which episodes a film shows, and what it says of each: from a session, a dataset, or two evaluations side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services import new_file
from services.datasets.cameras import UnknownCamera, find_cameras
from services.datasets.episode_ranges import numbers, parse
from services.datasets.names import check_dataset_name
from services.datasets.summary import INFO, DatasetSummary, summarize
from services.films.request import FilmRequest, Shot
from services.folders import DataFolder
from services.log.lookup import NoSession, find
from services.log.trials.results import policy_name
from services.refusal import Refusal
from services.text import clean
from services.units import plural
from sessions.document import Session
from sessions.models import SessionKind, Trial, Verdict
from sessions.trials import place

SUFFIX = ".mp4"
BESIDE_HEIGHT, HEIGHT = 540, 720
"""The main picture's height in pixels, beside another and alone."""


@dataclass(frozen=True)
class Planned:
    """The film, and what is not in it, in sentences."""

    request: FilmRequest
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Material:
    """Shots by episode; `usual` are those that a film shows unless episodes are named."""

    name: str
    total: int
    shots: dict[int, Shot]
    usual: tuple[int, ...]
    left_out: str = ""


def plan(
    folder: DataFolder,
    wanted: str,
    *,
    episodes: str = "",
    beside: str = "",
    output: Path | None = None,
    camera: str = "",
    traces: bool = False,
    here: Path | None = None,
) -> Planned:
    """The film of a session (its id, the beginning of it, `last`) or of a dataset (its name, or its folder).

    `beside` is a second evaluation, whose trials run beside those of the first under the same condition. Without
    `output` it is `film-NAME.mp4` in `here`. Raises Refusal, or LogbookProblem.
    """
    if beside:
        scenes, titles, name, notes = _side_by_side(folder, wanted, beside, episodes)
    else:
        material = _material(folder, wanted)
        chosen = _chosen(material, episodes)
        scenes, titles, name = tuple((material.shots[index],) for index in chosen), (), material.name
        notes = (material.left_out,) if material.left_out and not episodes.strip() else ()
    camera = _camera(camera.strip(), scenes)
    target = _output(output, (here or Path.cwd()) / f"film-{name.replace('/', '-')}{SUFFIX}")
    request = FilmRequest(
        output=str(target), scenes=scenes, titles=titles, camera=camera, traces=traces,
        height=BESIDE_HEIGHT if beside else HEIGHT,
    )  # fmt: skip
    return Planned(request, notes)


def _camera(wanted: str, scenes: Sequence[tuple[Shot, ...]]) -> str:
    """The camera that the films' datasets, or some of them, call so. Raises Refusal if none does."""
    roots = dict.fromkeys(shot.root for scene in scenes for shot in scene)
    known = list(dict.fromkeys(name for root in roots for name in summarize(Path(root)).cameras))
    try:
        return find_cameras(known, [wanted])[0] if wanted else ""
    except UnknownCamera as unknown:
        there = f"there are {', '.join(map(clean, known))}" if known else "there is none"
        raise Refusal(f"no camera {clean(wanted[:60])!r} to film: {there}") from unknown


# -- one source --------------------------------------------------------------------------------------


def _material(folder: DataFolder, wanted: str) -> _Material:
    dataset = _dataset(folder, wanted)
    if dataset is not None:
        return _of_dataset(dataset)
    return _of_session(_session(folder, wanted))


def _dataset(folder: DataFolder, wanted: str) -> DatasetSummary | None:
    """The dataset of this name or in this folder, if there is one. Raises Refusal if it cannot be read."""
    name = wanted.strip().removeprefix("dataset:")
    root = folder.datasets / name if _may_be_a_name(name) else Path(name).expanduser()
    if not (root / INFO).is_file():
        if "/" in name or name != wanted.strip():
            raise Refusal(f"there is no dataset at {clean(str(root))}: {INFO} is missing")
        return None
    found = summarize(root, name if root.is_relative_to(folder.datasets) else root.name)
    if found.problem:
        raise Refusal(f"dataset {clean(found.name)} cannot be filmed: {found.problem}")
    return found


def _may_be_a_name(text: str) -> bool:
    try:
        check_dataset_name(text)
    except ValueError:
        return False
    return True


def _of_dataset(found: DatasetSummary) -> _Material:
    matched = found.matched
    marks = matched.marks if matched else {}
    accepted = matched.accepted() if matched else tuple(range(found.episodes))
    shots = {}
    for index in range(found.episodes):
        mark = marks.get(index)
        said = "" if index in accepted else "rejected" + (f": {mark.why}" if mark and mark.why else "")
        caption = f"episode {index}" + (f", trial {mark.take}" if mark and mark.verdict and mark.take else "")
        verdict = mark.verdict if mark else None
        shots[index] = Shot(root=str(found.root), episode=index, caption=caption, verdict=verdict, said=said)
    left_out = _left_out(found.episodes - len(accepted), "rejected episode")
    return _Material(clean(found.name), found.episodes, shots, tuple(accepted), left_out)


def _left_out(count: int, one: str, many: str = "") -> str:
    return f"left out: {plural(count, one, many)}; name episodes to show them" if count else ""


def _session(folder: DataFolder, wanted: str) -> Session:
    try:
        session = find(folder, wanted.strip()).session
    except NoSession as nothing:
        raise Refusal(f"there is no dataset {clean(wanted.strip())!r}, and {nothing}") from nothing
    if session.kind not in (SessionKind.RECORD, SessionKind.EVAL):
        what = "a training" if session.kind is SessionKind.TRAIN else "a bench session"
        raise Refusal(f"session {session.id} is {what}: it recorded no episodes")
    if not session.dataset_root or not (Path(session.dataset_root) / INFO).is_file():
        raise Refusal(
            f"session {session.id} recorded into dataset {clean(session.dataset)}, "
            f"which is not at {clean(session.dataset_root) or 'a place that it knows'}"
        )
    return session


def _of_session(session: Session) -> _Material:
    root = session.dataset_root
    total = summarize(Path(root)).episodes
    if session.kind is SessionKind.EVAL:
        trials = {t.episode_index: t for t in session.trials if t.episode_index is not None}
        shots = {index: _trial_shot(session, trial) for index, trial in trials.items()}
        usual = tuple(index for index, trial in sorted(trials.items()) if trial.counts)
        left_out = _left_out(len(trials) - len(usual), "trial that does not count", "trials that do not count")
    else:
        shots = {
            e.index: Shot(
                root=root,
                episode=e.index,
                caption=f"episode {e.index}",
                said="" if e.accepted else "rejected" + (f": {e.why}" if e.why else ""),
            )
            for e in session.episodes
        }
        usual = tuple(e.index for e in session.episodes if e.accepted)
        left_out = _left_out(len(shots) - len(usual), "rejected episode")
    return _Material(session.id, total, shots, usual, left_out)


def _trial_shot(session: Session, trial: Trial) -> Shot:
    number = place(session.trials, trial.index)
    caption = f"trial {number}" if trial.counts else f"attempt {trial.index}, which does not count"
    said = trial.failure_mode or (trial.why if trial.verdict is Verdict.VOID else "")
    condition = f"  {trial.condition}" if trial.condition else ""
    return Shot(
        root=session.dataset_root,
        episode=trial.episode_index or 0,
        caption=f"{caption}{condition}",
        verdict=trial.verdict,
        said=said,
    )


def _chosen(material: _Material, episodes: str) -> tuple[int, ...]:
    """The episodes that are named, else the usual ones. Raises Refusal where one is not there, or none is."""
    if not episodes.strip():
        if not material.usual:
            known = f"; it has {plural(len(material.shots), 'other')}: name episodes" if material.shots else ""
            raise Refusal(f"{material.name} has no saved episode that counts{known}")
        return material.usual
    chosen = numbers(parse(episodes), material.name, material.total)
    if foreign := [index for index in chosen if index not in material.shots]:
        raise Refusal(f"episode {foreign[0]} is not of session {material.name}: those are {_listed(material.shots)}")
    return chosen


def _listed(indices: Iterable[int]) -> str:
    known = sorted(indices)
    return ", ".join(map(str, known[:12])) + (", ..." if len(known) > 12 else "")


# -- two evaluations ---------------------------------------------------------------------------------


def _side_by_side(
    folder: DataFolder, wanted: str, beside: str, episodes: str
) -> tuple[tuple[tuple[Shot, ...], ...], tuple[str, ...], str, tuple[str, ...]]:
    """Scenes of two trials under the same condition, in order; the columns' titles, a name, and what is left out."""
    if episodes.strip():
        raise Refusal("two evaluations are paired by condition: leave the episodes out")
    sessions = [_session(folder, text) for text in (wanted, beside)]
    for session in sessions:
        if session.kind is not SessionKind.EVAL:
            raise Refusal(f"session {session.id} is a recording: two evaluations run side by side")
    if sessions[0].id == sessions[1].id:
        raise Refusal(f"session {sessions[0].id} cannot run beside itself: name another one")
    by_condition = [_by_condition(session) for session in sessions]
    pairs = [
        (_trial_shot(sessions[0], left), _trial_shot(sessions[1], right))
        for condition, trials in by_condition[0].items()
        for left, right in zip(trials, by_condition[1].get(condition, ()), strict=False)
    ]
    if not pairs:
        have = [", ".join(clean(c) or "none" for c in found) or "no trial that counts" for found in by_condition]
        raise Refusal(f"no condition was tried in both: {sessions[0].id} has {have[0]}, {sessions[1].id} has {have[1]}")
    single = [sum(map(len, found.values())) - len(pairs) for found in by_condition]
    notes = tuple(
        f"left out: {plural(count, 'trial')} of {session.id} without a counterpart"
        for count, session in zip(single, sessions, strict=True)
        if count
    )
    titles = tuple(_titles(sessions))
    return tuple(pairs), titles, f"{sessions[0].id}-{sessions[1].id}", notes


def _titles(sessions: Sequence[Session]) -> list[str]:
    """What tells the columns apart: the checkpoints, or the sessions of the same one."""
    policies = [clean(policy_name(session.checkpoint)) for session in sessions]
    return policies if len(set(policies)) == len(policies) else [session.id for session in sessions]


def _by_condition(session: Session) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = {}
    for trial in session.trials:
        if trial.counts and trial.episode_index is not None:
            found.setdefault(trial.condition, []).append(trial)
    return found


# -- where it goes -----------------------------------------------------------------------------------


def _output(wanted: Path | None, default: Path) -> Path:
    """Where the film goes. Raises Refusal where it cannot, or where something is."""
    path = (wanted or default).expanduser().absolute()
    if path.is_dir():
        path /= default.name
    if path.suffix.lower() != SUFFIX:
        raise Refusal(f"a film is an MP4 file: call it {clean(path.name)}{SUFFIX}")
    new_file.check(path)
    return path
