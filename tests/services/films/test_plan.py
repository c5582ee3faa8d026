"""Which episodes a film shows, and what it says of each; what cannot be filmed, in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.datasets.marks import Mark, write_mark
from services.films.plan import plan
from services.films.request import Shot
from services.folders import DataFolder
from services.live import events as ev
from services.refusal import Refusal
from sessions.models import EndedBy, SessionKind, Verdict
from tests.support import plain_datasets
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

OTHER = "/data/outputs/train/act_v2/checkpoints/010000/pretrained_model"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


def recording(folder: DataFolder, number: int = 1) -> str:
    name = session_id(number)
    plain_datasets.make(folder.datasets / "cubes", [1.0, 2.0, 3.0])
    rejected = ev.EpisodeMarked(index=1, accepted=False, why="a hand in view", by="mara")
    begun = started(name, dataset="cubes", data_dir=str(folder.root))
    write_run(folder, name, begun, saved(0), saved(1), saved(2), rejected, ended())
    return name


def evaluation(
    folder: DataFolder, number: int, *trials: tuple[Verdict, str], dataset: str = "rollout", policy: str = ""
) -> str:
    """Each trial with its verdict and its condition; an episode for each."""
    name = session_id(number)
    plain_datasets.make(folder.datasets / dataset, [float(n) for n in range(len(trials))])
    more = {"checkpoint": policy} if policy else {}
    told: list[ev.Event] = [
        started(name, kind=SessionKind.EVAL, dataset=dataset, data_dir=str(folder.root), target=len(trials), **more)
    ]
    for at, (verdict, condition) in enumerate(trials, start=1):
        told += [
            ev.TrialStarted(trial=at, condition=condition),
            ev.TrialEnded(trial=at, frames=4, reason=EndedBy.VERDICT),
            ev.TrialJudged(trial=at, verdict=verdict, judge="mara"),
            saved(at - 1, take=at),
        ]
        if verdict is Verdict.FAILURE:
            told.append(ev.TrialAnnotated(trial=at, failure_mode="drops it"))
    write_run(folder, name, *told, ended())
    return name


def shots(folder: DataFolder, wanted: str, **options: str) -> list[Shot]:
    return [shot for scene in plan(folder, wanted, here=folder.root, **options).request.scenes for shot in scene]  # type: ignore[arg-type]


def test_a_recording_shows_what_is_accepted_and_by_number_what_is_not(folder: DataFolder) -> None:
    name = recording(folder)
    planned = plan(folder, "last", here=folder.root)
    assert [scene[0].episode for scene in planned.request.scenes] == [0, 2]
    assert planned.notes == ("left out: 1 rejected episode; name episodes to show them",)
    assert planned.request.output == str(folder.root / f"film-{name}.mp4")
    [rejected] = shots(folder, name, episodes="1")
    assert (rejected.caption, rejected.verdict, rejected.said) == ("episode 1", None, "rejected: a hand in view")
    assert not plan(folder, name, episodes="1", here=folder.root).notes


def test_a_trial_has_its_number_among_those_that_count_its_verdict_and_how_it_failed(folder: DataFolder) -> None:
    name = evaluation(folder, 1, (Verdict.VOID, ""), (Verdict.SUCCESS, "lamp off"), (Verdict.FAILURE, ""))
    first, second = shots(folder, name)
    assert (first.caption, first.verdict, first.said) == ("trial 1  lamp off", Verdict.SUCCESS, "")
    assert (second.caption, second.verdict, second.said) == ("trial 2", Verdict.FAILURE, "drops it")
    [void] = shots(folder, name, episodes="0")
    assert void.caption == "attempt 1, which does not count"


def test_a_dataset_shows_what_its_marks_accept_with_the_verdicts_in_them(folder: DataFolder) -> None:
    root = plain_datasets.make(folder.datasets / "cubes", [1.0, 2.0, 3.0])
    plain_datasets.mark(root, 1)
    assert [shot.episode for shot in shots(folder, "cubes")] == [0, 2]
    [shot] = shots(folder, "dataset:cubes", episodes="1")
    assert shot.said == "rejected"
    rollout = plain_datasets.make(folder.datasets / "rollout", [1.0])
    write_mark(rollout, 0, Mark(verdict=Verdict.FAILURE, take=3, accepted=True))
    [shot] = shots(folder, "rollout", episodes="0")
    assert (shot.caption, shot.verdict) == ("episode 0, trial 3", Verdict.FAILURE)


def test_a_dataset_of_others_is_named_by_its_folder_and_stays_as_it_is(folder: DataFolder, tmp_path: Path) -> None:
    root = plain_datasets.make(tmp_path / "elsewhere/grasp", [1.0])
    before = sorted(path.name for path in root.rglob("*"))
    [shot] = shots(folder, str(root))
    assert shot.root == str(root) and sorted(path.name for path in root.rglob("*")) == before


def test_two_evaluations_are_paired_by_condition_in_order(folder: DataFolder) -> None:
    good, bad = Verdict.SUCCESS, Verdict.FAILURE
    left = evaluation(folder, 1, (good, "near"), (bad, "far"), (good, "near"), dataset="rollout_a")
    right = evaluation(
        folder,
        2,
        (bad, "far"),
        (Verdict.VOID, "near"),
        (good, "near"),
        (good, "dark"),
        dataset="rollout_b",
        policy=OTHER,
    )
    planned = plan(folder, left, beside=right, here=folder.root)
    pairs = [tuple((shot.caption, shot.episode) for shot in scene) for scene in planned.request.scenes]
    assert pairs == [(("trial 1  near", 0), ("trial 2  near", 2)), (("trial 2  far", 1), ("trial 1  far", 0))]
    assert planned.request.titles == ("act_v2 @ 020000", "act_v2 @ 010000")
    assert planned.notes == (
        f"left out: 1 trial of {left} without a counterpart",
        f"left out: 1 trial of {right} without a counterpart",
    )


@pytest.mark.parametrize(
    ("wanted", "options", "why"),
    [
        ("nothing", {}, "there is no dataset 'nothing', and no session of .* begins with 'nothing'"),
        ("dataset:nothing", {}, "there is no dataset at .*datasets/nothing: meta/info.json is missing"),
        ("./nothing", {}, "there is no dataset at nothing"),
        ("rollout", {"camera": "nope"}, "no camera 'nope' to film: there is none"),
        ("rollout", {"episodes": "7"}, "there is no episode 7 in dataset rollout"),
        ("rollout", {"episodes": "3-1"}, "the range runs backwards"),
        ("EVAL", {"beside": "EVAL"}, "cannot run beside itself"),
        ("EVAL", {"beside": "RECORD"}, "is a recording: two evaluations"),
        ("EVAL", {"beside": "TRAIN"}, "is a training: it recorded no episodes"),
        ("EVAL", {"beside": "GONE"}, "recorded into dataset rollout_gone, which is not at"),
        ("EVAL", {"beside": "DARK"}, "no condition was tried in both: .* has none, .* has dark"),
        ("EVAL", {"beside": "DARK", "episodes": "1"}, "leave the episodes out"),
        ("VOID", {}, "has no saved episode that counts; it has 1 other: name episodes"),
    ],
)
def test_what_cannot_be_filmed_is_refused_with_a_sentence(
    folder: DataFolder, wanted: str, options: dict[str, str], why: str
) -> None:
    names = {"RECORD": recording(folder, 1), "EVAL": evaluation(folder, 2, (Verdict.SUCCESS, "")),
             "DARK": evaluation(folder, 3, (Verdict.SUCCESS, "dark"), dataset="rollout_dark"),
             "VOID": evaluation(folder, 4, (Verdict.VOID, ""), dataset="rollout_void"),
             "TRAIN": session_id(5), "GONE": session_id(6)}  # fmt: skip
    write_run(folder, names["TRAIN"], started(names["TRAIN"], kind=SessionKind.TRAIN), ended())
    gone = started(names["GONE"], kind=SessionKind.EVAL, dataset="rollout_gone", data_dir=str(folder.root))
    write_run(folder, names["GONE"], gone, ended())
    asked = {key: names.get(value, value) for key, value in options.items()}
    with pytest.raises(Refusal, match=why):
        plan(folder, names.get(wanted, wanted), here=folder.root, **asked)  # type: ignore[arg-type]


def test_a_film_overwrites_nothing_and_goes_where_it_can(folder: DataFolder) -> None:
    recording(folder)
    there = folder.root / "kept.mp4"
    there.write_text("kept")
    (folder.root / "link.mp4").symlink_to(folder.root / "nowhere.mp4")
    for output, why in (
        (there, "exists: choose another"),
        (folder.root / "link.mp4", "exists: choose another"),
        (folder.root / "film.avi", r"call it film.avi.mp4"),
        (folder.root / "no/film.mp4", "does not exist"),
    ):
        with pytest.raises(Refusal, match=why):
            plan(folder, "cubes", output=output)
    assert plan(folder, "cubes", output=folder.root).request.output == str(folder.root / "film-cubes.mp4")
    assert there.read_text() == "kept"
