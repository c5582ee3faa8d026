"""`lab-console eval` and its cameras: which are left out, which are mapped, and the table before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.__main__ import main
from console.grammar import parser
from services.evaluation import plan as evaluation
from services.folders import DataFolder
from services.live import events as ev
from services.live.requests import EvalRequest
from services.refusal import Refusal
from sessions.slots import Wiring
from tests.services.evaluation.test_plan import write_policy
from tests.support.runs import BEGAN, ended, make_folder, write_run

RUN = "20260217-142000-abcd"

CHECKPOINT = "outputs/train/cubes/checkpoints/000500/pretrained_model"
EVAL = ("eval", "--checkpoint", CHECKPOINT, "--task", "x", "--trials", "1", "--judge", "oracle")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--no-overhead"], ["overhead"]),
        (["--no-cam", "--no-left_wrist"], ["cam", "left_wrist"]),
        (["--no-cameras", "a,b", "--no-c"], ["a,b", "c"]),
        (["--no-cameras=a"], ["a"]),
    ],
)
def test_any_camera_can_be_left_out_by_a_flag_of_its_name(words: list[str], names: list[str]) -> None:
    assert parser().parse_args([*EVAL, *words]).no_cameras == names


class Asked(list[EvalRequest]):
    """Runs `lab-console eval` up to where the worker would be started."""

    def __init__(self, folder: DataFolder) -> None:
        super().__init__()
        self.folder = folder

    def __call__(self, *words: str) -> int:
        return main(["--data-dir", str(self.folder.root), *EVAL, *words])

    def begin(self, _: DataFolder, request: EvalRequest) -> None:
        self.append(request)
        raise Refusal("no worker is started here")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked(make_folder(tmp_path))
    monkeypatch.setattr(evaluation, "begin", made.begin)
    monkeypatch.chdir(tmp_path)
    return made


def test_the_table_is_printed_before_the_worker_starts(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    write_policy(asked.folder, camera="wrist")
    assert asked("--no-overhead") == 2
    said = capsys.readouterr()
    assert said.out.splitlines() == ["wrist <- wrist 640x480  as they are", "not opened: overhead"]
    assert list(asked[0].profile.cameras) == ["wrist"]


def test_a_camera_that_the_policy_needs_or_nobody_has_is_refused_in_words(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    write_policy(asked.folder, camera="wrist")
    assert asked("--no-wrist") == asked("--no-overhaed") == 2
    needed, unknown = capsys.readouterr().err.splitlines()
    assert "act cannot do without camera wrist: it reads every camera that it was trained with" in needed
    assert "there is no camera 'overhaed' (bench and policy have overhead, wrist; did you mean overhead?)" in unknown
    assert not asked


def test_the_last_map_of_a_training_is_taken_again_and_said(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_policy(asked.folder, camera="top")
    assert asked() == 2 and not asked and "needs camera top" in capsys.readouterr().err
    asked("--map", "top=overhead")
    assert capsys.readouterr().out == "top <- overhead 640x480  as they are\nnot used: wrist\n"
    began = ev.SessionStarted(id=RUN, at=BEGAN, pid=1, host="", request=asked[0])
    write_run(asked.folder, RUN, began, ended())
    asked()
    said = capsys.readouterr().out
    assert said.startswith(
        "cameras are mapped as the last time: top=overhead (`--map none` maps none)\ntop <- overhead"
    )
    assert asked[-1].wiring == Wiring(given={"top": "overhead"}) and asked[-1].checkpoint == str(path)
    assert asked("--map", "none") == 2 and len(asked) == 2, "the operator takes it back, and top is not there"
