"""The command that repeats a session asks for the same."""

from __future__ import annotations

import shlex

from console.camera_flags import camera_words
from console.grammar import parser
from services.log.copies import command
from sessions.bench import Profile
from sessions.document import Session, Training
from sessions.facts import SessionEnded, SessionStarted, TrainingResumed, TrainingStarted
from sessions.models import SessionStatus
from sessions.requests import EvalRequest, TrainRequest
from sessions.slots import Wiring
from sessions.target import Target

REQUEST = TrainRequest(
    data_dir="/data/it's here", dataset="cubes", policy="act", name="act_cubes", steps=4000, batch_size=4,
    log_freq=10, save_freq=100, exclude_cameras=("front", "side"), resize=(320, 240), exclude_episodes=(49, 50, 51, 3),
    because="failed grasps", exclude_tags=("night", "rain"), leave_out_flagged=True, held_out=0.1, held_out_every=50,
    processes=2, push="lab/act_cubes", settings=("policy.dim_model=64",), on=Target(name="box", host="anna@box"),
)  # fmt: skip


def test_the_command_of_a_training_leaves_out_nothing_that_was_asked_for_but_its_name_and_its_upload() -> None:
    started = SessionStarted(at=1.0, id="20261127-100000-0001", pid=1, host="bench", request=REQUEST)
    words = shlex.split(command(Session(started=started)))
    asked = parser().parse_args(words[1:])
    assert (asked.data_dir, asked.dataset, asked.policy, asked.steps) == ("/data/it's here", "cubes", "act", 4000)
    assert (asked.batch_size, asked.log_freq, asked.save_freq) == (4, 10, 100)
    assert (asked.exclude_cameras, asked.resize) == (["front,side"], "320x240")
    assert (asked.exclude_episodes, asked.because) == ("3,49-51", "failed grasps")
    assert (asked.exclude_tags, asked.leave_out_flagged) == (["night", "rain"], True)
    assert (asked.held_out, asked.held_out_every, asked.processes) == (0.1, 50, 2)
    assert (asked.settings, asked.on, asked.push, asked.name) == (["policy.dim_model=64"], "box", "", "")


def test_the_command_of_a_resumed_training_asks_for_all_its_steps() -> None:
    started = SessionStarted(at=1.0, id="20261127-100000-0001", pid=1, host="bench", request=REQUEST)
    training = TrainingStarted(
        policy="act", output_dir="/out", steps=6000, batch_size=4, device="cpu", parameters=1, episodes=(0,),
        episodes_total=1, frames=10,
    )  # fmt: skip
    ended = SessionEnded(at=2.0, status=SessionStatus.FINISHED)
    resumed = TrainingResumed(at=3.0, step=4000, steps=6000, checkpoint="/c", reached=4000, wanted=4000, ended=ended)
    session = Session(started=started, training=Training(started=training, resumed=(resumed,)))
    assert "--steps 6000" in command(session)


def test_the_command_of_an_evaluation_uses_the_same_cameras() -> None:
    request = EvalRequest(
        data_dir="/data", profile=Profile(robot={}, name="sim"), checkpoint="/c", task="x", dataset="rollout_c",
        judge="oracle", wiring=Wiring(given={"top": "over head"}, without=("side", "wrist")),
    )  # fmt: skip
    started = SessionStarted(at=1.0, id="20261127-100000-0001", pid=1, host="bench", request=request)
    asked = parser().parse_args(shlex.split(command(Session(started=started)))[1:])
    assert camera_words(asked) == ("side,wrist", "top=over head")


def test_the_command_of_an_evaluation_asks_for_the_same_order_and_the_same_place_of_inference() -> None:
    request = EvalRequest(
        data_dir="/data", profile=Profile(robot={}, name="sim"), checkpoint="/c", further_checkpoints=("/d",), task="x",
        dataset="rollout_c", judge="oracle", server="localhost:8080", server_path="/there", rtc=True,
    )  # fmt: skip
    started = SessionStarted(at=1.0, id="20261127-100000-0001", pid=1, host="bench", request=request)
    asked = parser().parse_args(shlex.split(command(Session(started=started)))[1:])
    assert (asked.order, asked.order_seed) == ("listed", None), "without a word pairs are shuffled"
    assert (asked.server, asked.server_path, asked.rtc) == ("localhost:8080", "/there", True)
