"""A scripted process that prepares trainings: the real client and messages, and a small configuration; no LeRobot."""

from __future__ import annotations

import socket
import subprocess
import threading
from typing import IO, Any

import msgspec
import yaml

from services.live.requests import TrainRequest
from services.near import did_you_mean
from services.training.config_text import TextProblem, dump, line_of, parse, setting
from services.training.owned import FIELDS, owner_of
from services.training.preparation import (
    Answered,
    Configured,
    Prepare,
    Progressed,
    Refused,
    Reply,
    decode_request,
    encode,
)

POLICY = {"type": "act", "chunk_size": 100, "n_action_steps": 100, "dim_model": 512, "use_vae": True, "kl_weight": 10.0}
OPTIMIZER = {"type": "adamw", "lr": 1e-05, "weight_decay": 0.0001, "grad_clip_norm": 10.0}


class FakePreparer:
    """`start` has the form of `services.training.preparation.start`; it answers once `may_answer` is set."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked: list[Prepare] = []
        self.refuses: Refused | None = None
        """What it says of every request."""

    def start(self, _errors: IO[bytes]) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """A process that sleeps, to be killed as the real one is, and a thread that answers."""
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._serve, args=(theirs,), daemon=True).start()
        return subprocess.Popen(["sleep", "600"], start_new_session=True), ours

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                question = decode_request(line)
                self.asked.append(question)
                for reply in self._answers(question):
                    connection.sendall(encode(reply) + b"\n")

    def _answers(self, question: Prepare) -> list[Reply]:
        number = question.number
        self.may_answer.wait()
        first, last = Progressed(number=number, text="loading LeRobot"), Answered(number=number)
        if self.refuses is not None:
            return [first, msgspec.structs.replace(self.refuses, number=number), last]
        try:
            return [first, _configured(question), last]
        except TextProblem as problem:
            return [first, Refused(number=number, reason=problem.why, key=problem.key, line=problem.line), last]


def _configured(question: Prepare) -> Configured:
    request, preset = question.request, _config(question.request)
    given = dict(text.split("=", 1) for text in request.settings)
    config = _put(preset, {key: yaml.safe_load(value) for key, value in given.items()})
    settings, fields = request.settings, {}
    if question.text is not None:
        config = parse(question.text)
        settings, fields = (), {}
        for key, value in _flat(config).items():
            if key not in _flat(preset):
                _refuse(question.text, key, f"LeRobot has no such key{did_you_mean(key, _flat(preset))}")
            if value == _flat(preset)[key]:
                continue
            if key in FIELDS:
                fields[FIELDS[key][0]] = value
            elif owner := owner_of(key):
                _refuse(question.text, key, owner.in_form)
            else:
                settings += (setting(key, value),)
    return Configured(number=question.number, text=dump(config), preset=dump(preset), settings=settings, fields=fields)


def _refuse(text: str, key: str, why: str) -> None:
    problem = TextProblem(why, line_of(text, key), key)
    raise problem


def _config(request: TrainRequest) -> dict[str, Any]:
    return {
        "dataset": {"repo_id": request.dataset, "root": request.dataset_root, "episodes": list(range(79)),
                    "video_backend": "torchcodec", "streaming": False, "eval_split": request.held_out},
        "policy": {**POLICY, "type": request.policy, "optimizer_lr": 1e-05},
        "output_dir": f"{request.data_dir}/outputs/train/{request.name}", "job_name": request.name,
        "seed": 1000, "num_workers": 4, "batch_size": request.batch_size, "steps": request.steps,
        "log_freq": request.log_freq, "save_freq": request.save_freq, "eval_steps": request.held_out_every,
        "use_policy_training_preset": True, "optimizer": OPTIMIZER, "scheduler": None,
    }  # fmt: skip


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in config.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def _put(config: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = parse(dump(config))
    for key, value in values.items():
        *groups, last = key.split(".")
        inner = made
        for name in groups:
            inner = inner.setdefault(name, {})
        inner[last] = value
    return made
