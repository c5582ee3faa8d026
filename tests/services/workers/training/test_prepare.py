"""What the process that prepares trainings answers, asked in this process; and that process itself, once."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec
import psutil
import pytest

from services.folders import DataFolder
from services.live.requests import TrainRequest
from services.training import preparation
from services.training.config_text import dump, parse
from services.training.preparation import (
    Answered,
    ConfigRefused,
    Configured,
    Preparation,
    PreparationProblem,
    Prepare,
    Progressed,
    Refused,
)
from services.workers.training.prepare import answers
from tests.support.foreign import hashes
from tests.support.trainings import make_dataset
from tests.support.zygote import Zygote


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """A dataset with two cameras, and another run's output folder that has the name of this one."""
    made = DataFolder(tmp_path_factory.mktemp("prepare")).create()
    make_dataset(made, "pictures", cameras=True, episodes=3, frames=2)
    (made.trainings / "mine").mkdir(parents=True)
    return made


@pytest.fixture(scope="module")
def plain(folder: DataFolder) -> str:
    """The text of a request without settings."""
    return taken(request(folder)).text


def request(folder: DataFolder, *settings: str, **changes: object) -> TrainRequest:
    base = {"data_dir": str(folder.root), "dataset": "pictures", "policy": "act", "name": "mine", "steps": 50}
    return msgspec.convert({**base, "type": "train", "settings": settings, **changes}, TrainRequest)


def ask(asked: TrainRequest, text: str | None = None, *, theirs: bool = False) -> Configured | Refused:
    """The process's answer, in this process."""
    first, *found, last = answers(Prepare(number=7, request=asked, text=text, theirs=theirs), lambda: False)
    assert first == Progressed(number=7, text="loading LeRobot")
    assert last == Answered(number=7)
    (answer,) = found
    assert isinstance(answer, Configured | Refused)
    return answer


def taken(asked: TrainRequest, text: str | None = None, *, theirs: bool = False) -> Configured:
    answer = ask(asked, text, theirs=theirs)
    assert isinstance(answer, Configured), answer
    return answer


def edited(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


CHUNK = ('"chunk_size": 100', '"chunk_size": 50'), ('"n_action_steps": 100', '"n_action_steps": 20')


def test_an_edited_text_becomes_settings_and_fields_that_give_the_same_text_again(folder: DataFolder) -> None:
    asked = request(folder, "seed=5", "policy.optimizer_lr=3e-5")
    plain = taken(asked)
    config = parse(plain.text)
    assert (config["seed"], config["optimizer"]["lr"], parse(plain.preset)["seed"]) == (5, 3e-05, 1000)
    assert config["output_dir"] == str(folder.trainings / "mine")
    mapped = ('"VISUAL": "MEAN_STD"', '"VISUAL": "IDENTITY"')
    more = ('"steps": 50', '"steps": 70'), ('"num_workers": ', '"num_workers": 1'), ('"seed": 5,', "")
    answer = taken(asked, edited(plain.text, *CHUNK, mapped, *more))
    assert answer.fields == {"steps": 70}
    workers = parse(answer.text)["num_workers"]
    assert set(answer.settings) == {
        "policy.chunk_size=50", "policy.n_action_steps=20", "policy.optimizer_lr=3.0e-05", f"num_workers={workers}",
        'policy.normalization_mapping={"VISUAL": "IDENTITY", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"}',
    }  # fmt: skip
    again = taken(msgspec.structs.replace(asked, settings=answer.settings, steps=70))
    assert (again.text, again.settings) == (answer.text, answer.settings)
    assert taken(asked, plain.preset).settings == ()  # all edits taken back


def test_an_optimizer_and_a_schedule_of_ones_own_are_kept_whole(folder: DataFolder) -> None:
    plain = taken(request(folder))
    own = taken(
        request(folder),
        edited(
            plain.text, ('"use_policy_training_preset": true', '"use_policy_training_preset": false'),
            ('"scheduler": null', '"scheduler": {"type": "diffuser", "num_warmup_steps": 5}'),
        ),
    )  # fmt: skip
    assert parse(own.text)["scheduler"] == {"type": "diffuser", "num_warmup_steps": 5, "name": "cosine"}
    assert taken(msgspec.structs.replace(request(folder), settings=own.settings)).text == own.text


@pytest.mark.parametrize(
    ("old", "new", "why", "key"),
    [
        ('"chunk_size"', '"chunk_sise"', "has no such key; did you mean policy.chunk_size?", "policy.chunk_sise"),
        ('"num_workers"', '"num_worker"', "has no such key; did you mean num_workers?", "num_worker"),
        ('"eps": 1e-08', '"epsilon": 1e-08', "did you mean optimizer.eps?", "optimizer.epsilon"),
        ('"steps": 50', '"steps": "many"', "Couldn't parse 'many' into an int", "steps"),
        ('"chunk_size": 100', '"chunk_size": 50', "upper bound for the number of action steps per model invocation. "
         "Got 100 for `n_action_steps` and 50 for `chunk_size`", "policy.chunk_size"),
        ('"VISUAL": "MEAN_STD"', '"VISUAL": "WHITE"', "there is no WHITE: it takes MIN_MAX, MEAN_STD",
         "policy.normalization_mapping"),
        ('"lr": 1e-05', '"lr": 3e-05', "the policy's preset would replace it; set policy.optimizer_lr", "optimizer.lr"),
        ('"use_policy_training_preset": true', '"use_policy_training_preset": false',
         "Optimizer and Scheduler must be set", "use_policy_training_preset"),
        ('"output_dir": "', '"output_dir": "/x', "the form's field `name of the run` sets it", "output_dir"),
        ('"type": "act"', '"type": "diffusion"', "the form's field `policy` sets it", "policy.type"),
        ('"episodes": [0, 1, 2]', '"episodes": [0, 1]', "the form's field `episodes to leave out`", "dataset.episodes"),
        ('"push_to_hub": false', '"push_to_hub": true', "use --push OWNER/NAME", "policy.push_to_hub"),
        ('"project": "lerobot"', '"project": "mine"', "the console keeps the curves itself", "wandb.project"),
        ('"target": null', '"target": "a10g"', "this machine only", "job.target"),
        ('"reward_model": null', '"reward_model": {"type": "x"}', "this machine only", "reward_model"),
        ('"env": null', '"env": {"type": "x"}', "", "env"),
        ('"steps": 50,', '"steps": 50', "a comma is missing at the end of this line", ""),
        ('"rename_map": {}', '"rename_map": {"a": "b"}', "requires a pretrained policy checkpoint", "rename_map"),
    ],
)  # fmt: skip
def test_a_text_is_refused_with_lerobots_whole_reason_at_its_key_and_line(
    folder: DataFolder, plain: str, old: str, new: str, why: str, key: str
) -> None:
    text = edited(plain, (old, new))
    answer = ask(request(folder), text)
    assert isinstance(answer, Refused), answer
    assert why in answer.reason
    assert answer.key == key
    line = text.splitlines()[answer.line - 1]
    assert new.splitlines()[0] in line or f'"{key.rpartition(".")[2]}"' in line


def test_every_key_that_lerobot_does_not_have_is_named_at_once(folder: DataFolder, plain: str) -> None:
    odd = (('"num_workers"', '"num_worker"'), ('"chunk_size"', '"chunk_sise"'), ('"seed"', '"zebra"'))
    answer = ask(request(folder), edited(plain, *odd))
    assert isinstance(answer, Refused)
    keys = dict.fromkeys(answer.reason.removeprefix("LeRobot has none of these keys: ").split(", "))
    assert {*keys} == {
        "num_worker (did you mean num_workers?)", "policy.chunk_sise (did you mean policy.chunk_size?)", "zebra"
    }  # fmt: skip
    assert answer.key in answer.reason and answer.line


@pytest.mark.parametrize("policy", ["diffusion", "smolvla", "tdmpc", "vqbet", "xvla", "groot"])
def test_a_text_that_nobody_edited_edits_nothing(folder: DataFolder, policy: str) -> None:
    asked = request(folder, policy=policy, exclude_cameras=("front",), held_out=0.4, held_out_every=10)
    plain = taken(asked)
    again = taken(asked, plain.text)
    assert (again.text, again.settings, again.fields) == (plain.text, (), {})
    assert taken(asked, edited(plain.text, ('"seed": 1000', '"seed": 5'))).settings == ("seed=5",)


def test_settings_and_datasets_are_refused_as_the_trainer_would(folder: DataFolder) -> None:
    wrong = ask(request(folder, "policy.chunk_sise=3"))
    assert isinstance(wrong, Refused)
    assert (wrong.key, wrong.line) == ("policy.chunk_sise", 0)
    assert "did you mean policy.chunk_size?" in wrong.reason
    assert ConfigRefused(wrong).for_the_shell.startswith(
        "--set policy.chunk_sise: LeRobot's policy act has no such key"
    )
    gone = ask(request(folder, dataset="gone"))
    assert isinstance(gone, Refused)
    assert "dataset gone" in gone.reason


def test_another_runs_file_gives_what_is_the_operators_and_settings_count_more(folder: DataFolder) -> None:
    theirs = edited(
        taken(request(folder, name="old", exclude_cameras=("front",))).text, *CHUNK, ('"seed": 1000', '"seed": 7'),
        ('"push_to_hub": false', '"push_to_hub": true'), ('"steps": 50', '"steps": 9'),
    )  # fmt: skip
    answer = taken(request(folder, "seed=8"), theirs, theirs=True)
    assert answer.settings == ("policy.chunk_size=50", "policy.n_action_steps=20", "seed=8")
    assert not answer.fields
    assert {"output_dir", "job_name", "policy.input_features", "policy.push_to_hub"} <= set(answer.passed_over)
    assert (
        "observation.images.front" in str(parse(taken(request(folder)).text))
        or not parse(answer.text)["policy"]["input_features"]
    )
    other = ask(request(folder, policy="diffusion"), theirs, theirs=True)
    assert isinstance(other, Refused)
    assert (other.key, other.reason) == (
        "policy.type", "this configuration trains act, and the policy asked for is diffusion",
    )  # fmt: skip


def test_a_pretrained_policy_is_looked_at_without_leaving_temporary_files(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, temporary = tmp_path / "model", tmp_path / "temporary"
    temporary.mkdir()
    config = parse(taken(request(folder, "policy.chunk_size=60", "policy.n_action_steps=60")).text)["policy"]
    model.mkdir()
    (model / "config.json").write_text(dump(config))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    again = taken(request(folder, policy=str(model)))
    assert (parse(again.preset)["policy"]["chunk_size"], again.settings) == (60, ())
    assert parse(again.text)["policy"]["pretrained_path"] == str(model)
    assert tempfile.gettempdir() == str(temporary)
    assert not list(temporary.iterdir())


def test_the_process_answers_the_newest_question_until_it_is_closed(
    folder: DataFolder, zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "start", zygote.prepare)
    before: dict[str, str] = hashes(folder.root)
    steps: list[str] = []

    async def scenario() -> tuple[Configured, int]:
        client = Preparation()
        try:
            first = await client.configure(request(folder), progressed=steps.append)
            late = asyncio.create_task(client.configure(request(folder, steps=1)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            late.cancel()  # a newer question takes its place
            second = await client.configure(request(folder), edited(first.text, *CHUNK))
            with pytest.raises(ConfigRefused, match="did you mean seed"):
                await client.configure(request(folder, "sed=1"))
            pid = client.pid
            os.kill(pid, signal.SIGSTOP)
            waiting = asyncio.create_task(client.configure(request(folder)))
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(PreparationProblem, match="died"):
                await waiting
            assert (await client.configure(request(folder))).text == first.text  # of a new process
            os.kill(client.pid, signal.SIGKILL)
            while not client._process.left:
                await asyncio.sleep(0.01)
            assert (await client.configure(request(folder))).text == first.text  # one that left is no problem
            await client.close()
            with pytest.raises(PreparationProblem, match="closes"):
                await client.configure(request(folder))
            return second, pid
        finally:
            await client.close()

    answer, pid = asyncio.run(scenario())
    assert answer.settings == ("policy.chunk_size=50", "policy.n_action_steps=20")
    assert steps[0] == "loading LeRobot"
    assert not psutil.pid_exists(pid)
    assert hashes(folder.root) == before


def test_a_process_that_does_not_answer_is_killed(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleeper(errors: IO[bytes]) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        with theirs:
            return subprocess.Popen(["sleep", "60"], stdin=theirs.fileno(), start_new_session=True), ours

    monkeypatch.setattr(preparation, "start", sleeper)

    async def scenario() -> int:
        client = Preparation(patience_s=0.1)
        with pytest.raises(PreparationProblem, match=r"did not answer within 0.1 s: try again"):
            await client.configure(request(folder))
        return client.pid

    assert asyncio.run(scenario()) == 0


def test_the_process_ends_when_its_console_is_killed(folder: DataFolder) -> None:
    code = (
        "import asyncio, sys\n"
        "from services.training import preparation\n"
        "process, connection = preparation.start(sys.stderr.buffer)\n"
        "print(process.pid, flush=True)\n"
        "input()\n"
    )
    console = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert console.stdout is not None
    process = psutil.Process(int(console.stdout.readline()))
    assert os.getpgid(process.pid) == process.pid
    console.kill()
    console.wait()
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
