"""Reports of sessions that this console ran: scenes, cameras, comparisons, and what a blinded one must not tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.folders import DataFolder
from services.report.make import of_scope
from services.report.parts import Report, walk
from services.report.rendering import Format, render
from services.report.scope import of_dataset, of_sessions
from sessions.blinding import hidden, told
from sessions.conditions import Condition, Place
from sessions.document import Session
from sessions.facts import BenchConnected, Unblinded
from sessions.left_out import LeftOut, Why
from sessions.models import AlarmCount, Episode, Note, NoteKind, SessionKind, SessionStatus, Trial, Verdict
from sessions.requests import EvalRequest
from tests.support import facts

A, B = (f"/data/outputs/train/{name}/checkpoints/020000/pretrained_model" for name in ("act_v2", "pi_secret"))
WON, LOST, VOID = Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID
IDS = {name: f"20260217-14200{at}-000{at}" for at, name in enumerate(("before", "record", "act", "pi", "eval", "more"))}
PLACES = (Condition(name="near", x=150, y=0), Condition(name="far", x=250, y=-60, note="behind the bowl"))


def recording(name: str = "record", *, at: float = facts.BEGAN, arm: str = "aa", **more: Any) -> Session:
    episodes = (
        Episode(index=0, take=1, frames=300, seconds=10, strategy="roll", light={"wrist": 30}, grasp=Place(150, 10)),
        Episode(index=1, take=2, frames=290, seconds=9.7, strategy="roll", light={"wrist": 120}, grasp=Place(210, -40)),
        Episode(index=2, take=3, frames=250, seconds=8.3, accepted=False, flags=("jerky",)),
        Episode(index=3, take=4, frames=250, seconds=8.3, accepted=False, why="a hand | in <view>"),
    )
    connected = BenchConnected(robot="so101_follower", cameras=("wrist",), calibration={"follower": arm * 32})
    asked: dict[str, Any] = {"task": "pick it", "episodes": episodes, "connected": connected, "at": at} | more
    return facts.session(IDS[name], **asked)


def trained(name: str, folder: str, at: float, policy: str = "act") -> Session:
    made = facts.training(
        loss=0.0412, policy=policy, output_dir=f"/data/outputs/train/{folder}", batch_size=8, samples=160_000,
        epochs=271.2, episodes=(0, 1), episodes_total=4, frames=590, cameras=("wrist",), excluded_cameras=("overhead",),
        left_out_decoded=False, left_out=(LeftOut(Why.REJECTED, (2, 3)),),
    )  # fmt: skip
    return facts.session(IDS[name], kind=SessionKind.TRAIN, training=made, name=folder, policy=policy, at=at)


def tried(*verdicts: tuple[str, str, Verdict], name: str = "eval", of: Sequence[str] = (A,), **more: Any) -> Session:
    trials = tuple(
        Trial(index=n, checkpoint=who, condition=where, verdict=how, failure_mode="grasps air" if how is LOST else "")
        for n, (who, where, how) in enumerate(verdicts, 1)
    )
    asked = {
        "checkpoint": of[0], "further_checkpoints": tuple(of[1:]), "trained_in": IDS["act"], "conditions": PLACES,
        "target": sum(trial.counts for trial in trials), "at": facts.BEGAN + 9_000, "task": "pick it",
    }  # fmt: skip
    return facts.session(IDS[name], kind=SessionKind.EVAL, trials=trials, **(asked | more))


BEFORE = recording("before", at=facts.BEGAN - 500, arm="bb", dataset="older")
LOG = (BEFORE, recording(), trained("act", "act_v2", facts.BEGAN + 100), trained("pi", "pi_secret", facts.BEGAN + 200))
PAIRS = [(who, where, how) for who, how in ((A, WON), (B, LOST)) for where in ("near", "far") for _ in range(4)]


def of_cubes(*more: Session, dataset: str = "cubes") -> Report:
    return of_scope(DataFolder(Path("/nowhere")), of_dataset((*LOG, *more), dataset))


def page_of(report: Report) -> str:
    return render(report, Format.MARKDOWN)


def test_a_recording_is_told_with_its_scene_and_what_was_taken_out_and_why() -> None:
    alarm = AlarmCount(text="overhead: black", first=facts.BEGAN, camera="overhead")
    page = page_of(
        of_scope(DataFolder(Path("/nowhere")), of_dataset((BEFORE, recording(alarm_counts=(alarm,))), "cubes"))
    )
    assert "- **episodes**: 4 recorded, 2 kept" in page and "- **frames**: 590" in page
    assert "- **rejected**: 1 episode: 2 (jerky)" in page
    assert "- **rejected**: 1 episode: 3 (a hand \\| in \\<view\\>)" in page
    assert "- **strategy**: roll: 2 episodes" in page
    assert "1 episode darker (about 30), 1 episode brighter (about 120)" in page
    assert "- **camera alarm**: overhead: black" in page
    changed = f"- **another calibration**: follower: {'a' * 12}, and {'b' * 12} in session {IDS['before']} before"
    assert changed in page


def test_grasps_and_success_are_drawn_on_maps() -> None:
    report = of_cubes(tried(*((A, "near", WON), (A, "near", LOST), (A, "far", WON), (A, "far", VOID))))
    charts = [chart for section in walk(report.sections) for chart in section.charts]
    assert [chart.name for chart in charts] == [
        "where the arm grasped first in each kept episode, seen from above", "success by place, seen from above"
    ]  # fmt: skip
    assert charts[0].svg.count('class="dot"') == 2
    assert ">1/2<" in charts[1].svg and ">1/1<" in charts[1].svg and "far: 1/1 (100 %)" in charts[1].svg
    page = page_of(report)
    assert "| far | 250 mm ahead, 60 mm right; behind the bowl | 1/1 | 100 % |" in page
    assert "- **failure modes**: grasps air 1, of 1 that failed" in page
    assert "Void: 1 of 4 trials, left out." in page


def test_a_comparison_is_told_by_its_own_test_in_pairs() -> None:
    page = page_of(of_cubes(tried(*PAIRS, of=(A, B))))
    assert "## Comparison of act_v2 @ 020000 and pi_secret @ 020000" in page
    assert "| act_v2 @ 020000 |" in page and "| 8/8 | 100 % |" in page and "| 0/8 | 0 % |" in page
    assert "8 with success of the first alone, 0 of the second alone, p = 0.008 (McNemar, exact)." in page


def test_a_comparison_that_goes_on_is_not_tested() -> None:
    page = page_of(of_cubes(tried(*PAIRS, of=(A, B), target=40, status=SessionStatus.RUNNING)))
    assert "The policies are compared once all 40 trials are judged (16 are)" in page and "p = " not in page


def blinded(*, status: SessionStatus = SessionStatus.FINISHED) -> tuple[Session, EvalRequest]:
    """A blinded comparison as its document tells it, and its request in the run's folder."""
    open_one = tried(*PAIRS, of=(A, B), status=status)
    asked = msgspec.structs.replace(open_one.request, blinded=True)
    assert isinstance(asked, EvalRequest)
    codes = {A: "A", B: "B"}
    trials = tuple(msgspec.structs.replace(trial, checkpoint=codes[trial.checkpoint]) for trial in open_one.trials)
    started = msgspec.structs.replace(open_one.started, request=hidden(asked))
    return msgspec.structs.replace(open_one, started=started, trials=trials), asked


def test_a_blinded_comparison_tells_its_codes_only_until_it_is_unblinded() -> None:
    secret, asked = blinded()
    folder = DataFolder(Path("/nowhere"))
    report = of_scope(folder, of_sessions((*LOG, secret), [secret.id], ""))
    for page in (page_of(report), render(report, Format.HTML)):
        assert "act_v2" not in page and "pi_secret" not in page and "blinded: its policies are told by codes" in page
        assert "policy A" in page or "A of 2026" in page
    assert secret.id not in page_of(of_cubes(secret)), "a training's report does not tell that it is in there"
    event = told(Unblinded(by="anna"), asked)
    shown = msgspec.structs.replace(secret, unblinded=event)
    from sessions.blinding import revealed, revealed_trials

    started = msgspec.structs.replace(secret.started, request=revealed(secret.request, event))
    shown = msgspec.structs.replace(shown, started=started, trials=revealed_trials(secret.trials, event))
    assert "## Comparison of act_v2 @ 020000 and pi_secret @ 020000" in page_of(of_cubes(shown))


def test_an_evaluation_brings_its_training_and_a_recording_nothing() -> None:
    one = tried((A, "near", WON), (A, "far", LOST))
    folder = DataFolder(Path("/nowhere"))
    page = page_of(of_scope(folder, of_sessions((*LOG, one), [one.id], "")))
    assert "## Training act_v2" in page and "pi_secret" not in page and "4 recorded" not in page
    page = page_of(of_scope(folder, of_sessions((*LOG, one), [IDS["record"]], "")))
    assert "4 recorded" in page and "Training" not in page and "Evaluation" not in page


def test_an_evaluation_of_which_no_trial_counts_says_so() -> None:
    page = page_of(of_cubes(tried((A, "near", VOID))))
    assert "## Evaluation of act_v2 @ 020000" in page and "- **trials**: none counts" in page


def test_hypotheses_and_lessons_are_told_with_their_authors_line_by_line() -> None:
    notes = (
        Note(text="a plain remark", author="anna", at_utc="2026-02-17T14:20:00Z"),
        Note(text="the light\n# changed", author="anna", at_utc="2026-02-17T14:20:00Z", kind=NoteKind.HYPOTHESIS),
        Note(text="close the blinds", author="", at_utc="2026-02-17T14:20:00Z", kind=NoteKind.LESSON),
    )
    page = page_of(of_cubes(tried((A, "near", WON), notes=notes)))
    causes, lessons = page.index("## Possible causes"), page.index("## Lessons")
    assert causes < page.index(": the light\n") < page.index(": \\# changed (anna)") < lessons
    assert lessons < page.index("close the blinds") < page.index("## Notes") < page.index("a plain remark (anna)")


@pytest.mark.parametrize("text", ["<script>x</script>", "| a | [x](javascript:y) |", "\x1b[2J\u202e\r\n# t", "%s" * 40])
def test_hostile_names_make_a_page_of_words(text: str) -> None:
    notes = (Note(text=text, author=text, at_utc=text, kind=NoteKind.LESSON),)
    alarms = (AlarmCount(text=text, first=0.0, camera=text),)
    log = [
        recording(dataset=text, task=text, operator=text, notes=notes, alarm_counts=alarms),
        msgspec.structs.replace(trained("act", text, facts.BEGAN + 100), notes=notes, alarm_counts=alarms),
        tried((text, text, LOST), (A, "near", WON), of=(text, A), notes=notes, condition=text, operator=text),
    ]
    made = of_scope(DataFolder(Path("/nowhere")), of_sessions(log, [session.id for session in log], ""))
    html, page = render(made, Format.HTML), page_of(made)
    assert "<script>" not in html and "](javascript" not in page.replace("\\]", "") and "\x1b" not in page + html
    assert "<script>" not in page.replace("\\<", "")
