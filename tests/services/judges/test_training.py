"""From judged trials in datasets to a judge who is kept, and asked about new ones; what is wrong is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from console.__main__ import main
from services.bench.profiles import Profile
from services.datasets.content import contents, data_files
from services.datasets.marks import Mark, write_mark
from services.evaluation.second_judge import choices, with_second
from services.folders import DataFolder
from services.judges.kept import FACTS, WEIGHTS, JudgeProblem, check_name, judges, read, read_weights
from services.judges.looks import LAST
from services.judges.training import Made, train
from services.live import events as ev
from services.live.requests import EvalRequest
from services.refusal import Refusal
from services.workers.evaluation.onlooker import Onlooker
from services.workers.evaluation.second import Second
from sessions.models import EndedBy, SessionKind, Verdict
from tests.support import facts, painted
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

S, F, V = Verdict.SUCCESS, Verdict.FAILURE, Verdict.VOID
TASK, FRAMES, TRIALS = "Pick up the cube", 7, 26


def profile(name: str = "sim", width: int = painted.WIDTH, height: int = painted.HEIGHT) -> Profile:
    """A simulated bench with one camera."""
    return Profile(robot={"cameras": {"overhead": {"width": width, "height": height}}}, name=name, sim={})


SIM = profile()


def won(trial: int) -> bool:
    """Half of the trials."""
    return trial * 7 % 5 % 2 == 0


def last_picture(number: int) -> np.ndarray:
    """A table with a bowl, at another brightness in each episode; a red cube in it, or somewhere else."""
    trial = (number >> 7) + 1
    random = np.random.default_rng(trial)
    picture = painted.scene(0)
    x, y = (104, 64) if won(trial) else (int(random.integers(5, 60)), int(random.integers(5, 90)))
    picture[y : y + 16, x : x + 16] = (220, 60, 50)
    return np.clip(picture * random.uniform(0.8, 1.1) + random.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def evaluation(folder: DataFolder, *, number: int = 1, task: str = TASK) -> str:
    """A session of trials, each with its episode and mark; the first one is void, a person helped in the second."""
    name, root = session_id(number), folder.datasets / "rollout_act"
    if not root.exists():
        painted.make(root, [FRAMES] * TRIALS, cameras=("overhead",), paint=last_picture)
        for episode, content in contents(data_files(root)).items():
            write_mark(root, episode, Mark(session=name, take=episode + 1), content)
    asked = {"dataset": "rollout_act", "data_dir": str(folder.root), "target": TRIALS, "task": task, "profile": SIM}
    told: list[ev.Event] = [started(name, kind=SessionKind.EVAL, **asked)]
    for trial in range(1, TRIALS + 1):
        verdict = V if trial == 1 else S if won(trial) else F
        told += [
            ev.TrialStarted(trial=trial),
            ev.TrialEnded(trial=trial, frames=FRAMES, reason=EndedBy.VERDICT),
            ev.TrialJudged(trial=trial, verdict=verdict, judge="mara"),
            saved(trial - 1, take=trial),
        ]
    told.append(ev.TrialAssisted(trial=2, assisted=True))
    write_run(folder, name, *told, ended())
    return name


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataFolder, Made]:
    """A data folder with a judge who was trained in it."""
    import asyncio

    folder = make_folder(tmp_path_factory.mktemp("judged"))
    evaluation(folder)
    return folder, asyncio.run(train(folder, "bowl", bench="sim"))


def test_he_is_trained_on_what_counts_and_judges_trials_that_were_left_out(bench: tuple[DataFolder, Made]) -> None:
    folder, made = bench
    trained = made.facts.trained
    of = [won(trial) for trial in range(3, TRIALS + 1)]
    assert (trained.successes, trained.failures) == (of.count(True), of.count(False))
    assert trained.successes_found + trained.failures_found >= 22
    assert (trained.bench, trained.task, made.facts.judged_by) == ("sim", TASK, ("mara",))
    assert [(c.camera, c.width, c.height) for c in trained.cameras] == [("overhead", 160, 120)]
    assert read(judges(folder) / "bowl") == made.facts and not made.left_out
    assert "bowl" in dict(choices(folder, SIM)) and "bowl" not in dict(choices(folder, Profile(robot={}, name="x")))


def asked(folder: DataFolder, **more: Any) -> EvalRequest:
    told = {"task": TASK, "profile": SIM, "second_judge": "bowl", "data_dir": str(folder.root), **more}
    request = facts.request(SessionKind.EVAL, **told)
    assert isinstance(request, EvalRequest)
    return request


def test_in_the_worker_he_judges_the_last_pictures_of_new_trials_after_the_verdict(
    bench: tuple[DataFolder, Made],
) -> None:
    folder, _ = bench
    request, told = with_second(folder, asked(folder)), list[ev.Event]()
    second = Second(request, told.append)
    for trial in range(101, 121):
        second.begin()
        second.step({"overhead": painted.scene(0)})
        for frame in range(LAST):
            second.step({"overhead": last_picture((trial - 1) << 7 | frame)})
        second.end(trial)
        assert len(told) == trial - 101, "nothing before the verdict"
        second.speak(trial, S)
        second.listen(patience_s=20)
    second.close()
    right = [e.opinion is (S if won(e.trial) else F) for e in told if isinstance(e, ev.SecondOpinionGiven)]
    assert len(right) == 20 and sum(right) >= 18


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({}, "camera overhead gave no picture"),
        ({"overhead": None}, "camera overhead gave no picture"),
        ({"overhead": np.full((120, 160, 3), 9, np.uint8)}, "camera overhead shows nothing"),
        ({"overhead": painted.scene(0, 80, 60)}, "camera overhead gives 80x60, it was trained at 160x120"),
        ({"overhead": "what some driver hands over"}, "it failed: AttributeError"),
    ],
)
def test_what_he_cannot_see_is_no_opinion(bench: tuple[DataFolder, Made], seen: dict[str, Any], why: str) -> None:
    folder, made = bench
    told: list[ev.Event] = []
    request = with_second(folder, asked(folder))
    second = Second(request, told.append, Onlooker(str(folder.root), "bowl", made.facts.trained))
    second.begin()
    second.step({"overhead": last_picture(0)})
    second.step(seen)
    second.end(1)
    second.speak(1, S)
    second.close()
    assert told == [ev.NoSecondOpinion(trial=1, why=why, by="bowl")]


def test_an_opinion_that_comes_late_is_none_and_one_of_a_verdict_that_was_undone_waits(
    bench: tuple[DataFolder, Made],
) -> None:
    class Slow:
        thought: Verdict | None = None
        begin = close = lambda self: None
        step = end = lambda self, _: None
        opinion = lambda self, trial, patience_s=0.0: self.thought  # noqa: E731

    slow, told = Slow(), list[ev.Event]()
    second = Second(asked(bench[0]), told.append, slow)
    second.speak(1, S)
    second.hush()
    slow.thought = F
    second.listen()
    assert not told, "the verdict was undone: nothing is told before the next one"
    second.speak(1, F)
    assert told == [ev.SecondOpinionGiven(trial=1, opinion=F, verdict=F, by="bowl")]
    slow.thought = None
    second.speak(2, S)
    second.begin()
    slow.thought = F
    second.listen()
    assert told[1:] == [ev.NoSecondOpinion(trial=2, why="it was too slow", by="bowl")]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"second_judge": "bwol"}, "no judge bwol; did you mean bowl"),
        ({"second_judge": "../bowl"}, "cannot name a judge"),
        ({"second_judge": "x" * 9000}, "'x{40}' cannot name a judge"),
        ({"task": "another"}, f"trained on the task '{TASK}'"),
        ({"profile": profile("other")}, "trained on bench sim, this is other"),
        ({"profile": Profile(robot={}, name="sim")}, "camera overhead, which is not opened"),
        ({"profile": profile(width=640, height=480)},
         "overhead gives 640x480, it was trained at 160x120"),
    ],
)  # fmt: skip
def test_one_who_would_see_something_else_is_refused(
    bench: tuple[DataFolder, Made], more: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refusal, match=why) as refused:
        with_second(bench[0], asked(bench[0], **more))
    assert len(str(refused.value)) < 400


def test_files_that_are_not_his_are_said_and_never_run(bench: tuple[DataFolder, Made], tmp_path: Path) -> None:
    folder, made = bench
    kept, trained, root = judges(folder) / "bowl", made.facts.trained, tmp_path / "bowl"
    root.mkdir()
    whole = (kept / WEIGHTS).read_bytes()
    for content in (whole[:-4], b"", whole[:-1] + b"\x7f", b"\xff" * 64):
        (root / WEIGHTS).write_bytes(content)
        with pytest.raises(JudgeProblem, match=r"judge bowl cannot be read: its weights are not those"):
            read_weights(root, trained)
    for content in (b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"trained": {}}'):
        (root / FACTS).write_bytes(content)
        with pytest.raises(JudgeProblem, match="cannot be read"):
            read(root)
    (root / FACTS).unlink()
    os.mkfifo(root / FACTS)
    with pytest.raises(JudgeProblem, match="Not a file"):
        read(root)
    (root / WEIGHTS).write_bytes(whole)
    assert read_weights(root, trained).fields.shape == (1, 24 * 32 * 3)


@pytest.mark.parametrize("name", ["", "oracle", "Oracle~0.1", "a b", "../a", ".a", "a/b", "a" * 41, "ä", "a\n"])
def test_what_can_be_no_name(name: str) -> None:
    with pytest.raises(Refusal, match="cannot name a judge"):
        check_name(name)


def test_by_the_shell(
    bench: tuple[DataFolder, Made], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, made = bench
    monkeypatch.setenv("LAB_CONSOLE_HOME", str(folder.root))
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    assert main(["judge"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("bowl: wrong in ") and f"of {made.facts.trained.successes} successes" in said
    assert main(["judge", "bowl"]) == 2 and "there is a judge bowl already" in capsys.readouterr().err
    assert main(["judge", "new", "nosuch"]) == 2 and "begins with 'nosuch'" in capsys.readouterr().err
    assert main(["judge", "new", "--task", "other", "--bench", "sim"]) == 2
    assert "has judged trials of the task 'other'" in capsys.readouterr().err
    assert not (judges(folder) / "new").exists()
