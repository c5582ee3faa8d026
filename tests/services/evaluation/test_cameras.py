"""Which cameras an evaluation opens, and the map that is there again the next time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.bench.left_out import profile_without
from services.checkpoints import checkpoint as checkpoints
from services.evaluation import plan as evaluation
from services.evaluation.cameras import remembered, table
from services.live import events as ev
from services.live.requests import EvalRequest
from services.refusal import Checks, Refusal
from sessions.bench import Profile
from sessions.document import Session
from sessions.requests import AnyRequest
from sessions.slots import Wiring
from tests.services.evaluation.test_plan import bench, write_policy
from tests.support.runs import make_folder


def plan(tmp_path: Path, camera: str, **options: Any) -> EvalRequest:
    folder = make_folder(tmp_path)
    path = folder.outputs / "train" / "cubes" / "checkpoints" / "000500" / "pretrained_model"
    asked = {"checkpoint": str(path if path.exists() else write_policy(folder, camera=camera)), "task": "x", **options}
    return evaluation.plan(folder, bench(), **asked)


def session(request: EvalRequest, **changes: Any) -> Session:
    asked = msgspec.structs.replace(request, **changes)
    started = ev.SessionStarted(seq=1, at=1.0, id="20260217-142000-abcd", request=asked, pid=1, host="")
    return Session(started=started)


def test_a_camera_that_is_left_out_is_not_of_the_bench_that_the_worker_connects(tmp_path: Path) -> None:
    request = plan(tmp_path, "wrist", left_out_cameras="overhead")
    assert list(request.profile.cameras) == ["wrist"] and request.wiring == Wiring(without=("overhead",))
    assert list(bench().cameras) == ["overhead", "wrist"]
    assert msgspec.structs.replace(request.profile, robot=bench().robot) == bench(), "nothing else changes"
    read = msgspec.json.decode(msgspec.json.encode(request), type=AnyRequest)
    assert read == request
    found = checkpoints.read(Path(request.checkpoint))
    assert table(request, [found], bench()) == ["wrist <- wrist 640x480  as they are", "not opened: overhead"]


def test_a_request_of_before_wires_nothing(tmp_path: Path) -> None:
    old = msgspec.to_builtins(plan(tmp_path, "wrist"))
    assert old.pop("wiring", None) is not None
    assert msgspec.convert(old, AnyRequest).wiring == Wiring()


@pytest.mark.parametrize(
    ("options", "argument", "words"),
    [
        ({"left_out_cameras": "wrist"}, "checkpoint", "act cannot do without camera wrist: it reads every camera"),
        (
            {"left_out_cameras": "wrst, overhead"},
            "left_out_cameras",
            "no camera 'wrst' (bench and policy have overhead",
        ),
        ({"camera_map": "wrist=overhaed"}, "camera_map", "gives wrist camera 'overhaed'"),
        ({"camera_map": "wrist"}, "camera_map", "write POLICY=BENCH"),
    ],
)
def test_what_cannot_be_arranged_is_refused_and_said_at_its_field(
    tmp_path: Path, options: dict[str, str], argument: str, words: str
) -> None:
    with pytest.raises(Refusal) as refused:
        plan(tmp_path, "wrist", **options)
    checks = Checks(collect=True)
    plan(tmp_path, "wrist", checks=checks, **options)
    assert refused.value.argument == argument and words in str(refused.value) and words in checks.refused[argument]


def test_the_last_map_of_a_training_on_this_bench_is_remembered(tmp_path: Path) -> None:
    request = plan(tmp_path, "top", camera_map="top=overhead")
    found, here = checkpoints.read(Path(request.checkpoint)), request.profile
    later = session(
        request, checkpoint=request.checkpoint.replace("000500", "000900"), wiring=Wiring(given={"top": "wrist"})
    )
    assert remembered([session(request)], found, here) == {"top": "overhead"}
    assert remembered([later, session(request)], found, here) == {"top": "wrist"}, "of another step of it, newest first"
    plain = session(request, wiring=Wiring())
    assert remembered([plain, session(request)], found, here) == {}, "the operator took it back"
    elsewhere = session(request, profile=msgspec.structs.replace(here, name="other"))
    another = session(request, checkpoint="/lab/outputs/train/else/checkpoints/000500/pretrained_model")
    assert remembered([elsewhere, another], found, here) == {}
    assert remembered([session(request)], found, profile_without(here, ["overhead"])) == {}, "a camera that has gone"


def test_of_two_arms_and_depth_maps_only_the_one_named_is_left_out() -> None:
    camera = {"type": "opencv", "width": 640, "height": 480}
    two = Profile(robot={
        "type": "bi_so_follower", "cameras": {"front": camera},
        "left_arm_config": {"port": "/dev/l", "cameras": {"wrist": camera}},
        "right_arm_config": {"port": "/dev/r", "cameras": {"wrist": camera | {"use_depth": True}}},
    })  # fmt: skip
    assert list(profile_without(two, ["left_wrist"]).pictures) == ["front", "right_wrist", "right_wrist_depth"]
    assert list(profile_without(two, ["right_wrist"]).pictures) == ["front", "left_wrist"]
    assert list(profile_without(two, ["right_wrist_depth"]).pictures) == ["front", "left_wrist", "right_wrist"]
    assert profile_without(two, ["nothing"]) is two
    assert len(two.pictures) == 4, "the bench itself stays"
