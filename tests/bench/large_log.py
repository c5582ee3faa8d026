"""A log as a bench has it after years: run folders with the events that its workers wrote, and sessions.json.

Of each ten sessions four are recordings of 50 episodes, three evaluations of 20 trials with their preflight, one a
training with LeRobot's whole configuration, two bench sessions; some have notes, tags, flags and alarms. The values
differ from session to session as real ones do (times, frames, jerk, latencies), so that nothing packs too well.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from services.folders import DataFolder
from services.live import events as ev
from sessions.bench import Motion, Profile, Task
from sessions.calibration import JointCalibration
from sessions.facts import CheckpointSaved, PolicyLoaded, PreflightMade, TrainingProgressed, TrainingStarted
from sessions.models import EndedBy, Measured, SessionStatus, Verdict
from sessions.preflight import Check, Level
from sessions.requests import AnyRequest, BenchRequest, EvalRequest, Purpose, RecordRequest, TrainRequest
from sessions.slots import Slot
from tests import ROOT

BEGAN = 1_771_338_000.0
TASK = "Pick up the cube and place it in the bowl"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
CAMERA = {"type": "opencv", "width": 640, "height": 480, "fps": 30}
PROFILE = Profile(
    robot={
        "type": "so101_follower",
        "id": "follower",
        "port": "/dev/serial/by-id/usb-1a86_USB_Single_Serial_5A68009461-if00",
        "cameras": {
            "wrist": {"type": "intelrealsense", "serial_number_or_name": "218622271234", "fps": 30, "width": 640},
            "overhead": CAMERA | {"index_or_path": "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920-video-index0"},
        },
    },
    teleop={"type": "so101_leader", "id": "leader", "port": "/dev/serial/by-id/usb-1a86_USB_Serial_5A46082103-if00"},
    name="so101",
    motion=Motion(
        rest=dict.fromkeys(JOINTS, 5.0), waypoints=(dict.fromkeys(JOINTS, 2.0),), lift={"shoulder_lift": -20}
    ),
    operators=("anna", "ben"),
    tasks=(Task(name="pick_place", text=TASK, stages=("reached", "grasped", "lifted", "placed")),),
)
CHECKS = (
    ("input cameras", "wrist and overhead, as in training"),
    ("picture of wrist", "brightness 118 against 121, colour 0.04, layout 0.91 alike"),
    ("picture of overhead", "brightness 96 against 131, colour 0.11, layout 0.74 alike"),
    ("task text", TASK),
    ("rate", "30 Hz, as the data"),
    ("units", "degrees, as the data"),
    ("calibration", "that of the last recording session, 6 joints compared"),
    ("start pose", "the arm lies 4.2 degrees from where demonstrations began, wrist_roll most"),
    ("predictions", "error 0.31 of the actions' spread; repeating the last one has 0.44"),
    ("latency", "38 ms an inference at 50 actions each"),
    ("seams", "the largest step between two inferences is 1.8 degrees"),
)


def run_events(number: int, seed: int = 5) -> list[ev.Event]:
    """The events of the session of this number."""
    chance = random.Random(seed * 1_000_003 + number)
    make = (_record, _record, _record, _record, _evaluate, _evaluate, _evaluate, _train, _bench, _bench)[number % 10]
    at, numbered = BEGAN + number * 7_200.0, []
    for n, event in enumerate([*make(number, chance), *_remarks(number, chance)]):
        at += 0.5 + 15 * chance.random()
        numbered.append(msgspec.structs.replace(event, seq=n + 1, at=at))
    return numbered


def session_id(number: int) -> str:
    """As a worker names it."""
    return f"{datetime.fromtimestamp(BEGAN + number * 7_200.0, UTC):%Y%m%d-%H%M%S}-{number % 65536:04x}"


def write_runs(folder: DataFolder, count: int) -> None:
    """The run folders of `count` sessions."""
    for number in range(count):
        run = folder.run(session_id(number))
        run.root.mkdir(parents=True)
        run.events.write_bytes(b"".join(map(ev.encode, run_events(number))))


def _started(number: int, request: AnyRequest) -> ev.Event:
    versions = {"lab-console": "0.1.0", "lerobot": "0.6.1", "torch": "2.10.0", "python": "3.12.11"}
    commit = "ba634ae9c1b0f3d58c1a77a0a7c4b2e01fe23f95"
    return ev.SessionStarted(
        id=session_id(number), pid=number + 1_000, host="bench1", request=request, versions=versions, git_commit=commit
    )


def _connected(chance: random.Random) -> Iterator[ev.Event]:
    joints = {
        joint: JointCalibration(chance.randrange(-2000, 2000), chance.randrange(900), chance.randrange(3000, 4095))
        for joint in JOINTS
    }
    yield ev.BenchConnected(
        robot="so101_follower",
        leader="so101_leader",
        cameras=("wrist", "overhead"),
        calibration={arm: f"{chance.getrandbits(256):064x}" for arm in ("follower", "leader")},
        joints=joints,
        lay={joint: chance.uniform(-100, 100) for joint in JOINTS},
    )
    yield ev.PhaseChanged(phase="idle")


def _ended(number: int) -> ev.Event:
    status = SessionStatus.ABORTED if number % 23 == 0 else SessionStatus.FINISHED
    return ev.SessionEnded(
        status=status, reason="the worker was told to end" if number % 23 == 0 else "finished by anna"
    )


def _record(number: int, chance: random.Random) -> Iterator[ev.Event]:
    name = f"so101_pick_place_10cm_v{number // 200}"
    settings: dict[str, Any] = {"rgb_encoder.preset": "fast"}
    yield _started(
        number,
        RecordRequest(
            data_dir="/home/anna/lab", profile=PROFILE, operator="anna", dataset=name, task=TASK, episodes=50,
            settings=settings,
        ),
    )  # fmt: skip
    yield from _connected(chance)
    yield ev.DatasetOpened(episodes=0, accepted=0, resumed=False)
    for index in range(50):
        frames = chance.randrange(180, 300)
        flags = (f"late periods {chance.randrange(1, 9)}",) if chance.random() < 0.1 else ()
        yield ev.TakeStarted(take=index + 1)
        yield ev.TakeEnded(take=index + 1, frames=frames, reason=EndedBy.KEY)
        yield ev.EpisodeSaved(
            take=index + 1, index=index, frames=frames, seconds=frames / 30, accepted=chance.random() > 0.06,
            save_ms=round(60 + 90 * chance.random(), 1), flags=flags,
        )  # fmt: skip
    yield _ended(number)


def _evaluate(number: int, chance: random.Random) -> Iterator[ev.Event]:
    checkpoint = f"/home/anna/lab/outputs/train/act_10cm_v{number // 100}/checkpoints/020000/pretrained_model"
    yield _started(
        number,
        EvalRequest(
            data_dir="/home/anna/lab", profile=PROFILE, operator="ben", checkpoint=checkpoint, task=TASK,
            dataset=f"rollout_act_10cm_v{number // 100}", trained_in=session_id(number - number % 10 + 7), trials=20,
            weights={checkpoint: f"{chance.getrandbits(256):064x}"},
        ),
    )  # fmt: skip
    yield from _connected(chance)
    slots = tuple(
        Slot(name=name, own=name, camera=name, gives=(640, 480), learnt=(640, 480)) for name in ("wrist", "overhead")
    )
    yield PolicyLoaded(
        checkpoint=checkpoint, policy="act", device="cuda", parameters=51_597_238, cameras=("wrist", "overhead"),
        actions_per_inference=50, start_pose=dict.fromkeys(JOINTS, 3.0), slots=slots,
    )  # fmt: skip
    yield PreflightMade(
        preflight=1,
        checks=tuple(
            Check(
                name=name,
                level=Level.WARNING if n == 2 else Level.GOOD,
                found=found,
                mends="see to the light" * (n == 2),
            )
            for n, (name, found) in enumerate(CHECKS)
        ),
        seconds=4 + chance.random(),
    )
    for trial in range(1, 21):
        yield ev.TrialStarted(trial=trial, checkpoint=checkpoint)
        measured = Measured(
            infer_ms=round(chance.uniform(30, 50), 1), infer_ms_most=round(chance.uniform(60, 90), 1), inferences=6,
            jerk=round(chance.uniform(900, 2000), 1), seam=round(chance.uniform(0, 4), 2), late=chance.randrange(3),
        )  # fmt: skip
        yield ev.TrialEnded(trial=trial, frames=chance.randrange(150, 300), reason=EndedBy.VERDICT, measured=measured)
        verdict = Verdict.SUCCESS if chance.random() < 0.6 else Verdict.FAILURE
        yield ev.TrialJudged(trial=trial, verdict=verdict, judge="ben")
        if verdict is Verdict.FAILURE:
            yield ev.TrialAnnotated(trial=trial, failure_mode=chance.choice(PROFILE.failure_modes))
        frames = chance.randrange(150, 300)
        yield ev.EpisodeSaved(
            take=trial,
            index=trial - 1,
            frames=frames,
            seconds=frames / 30,
            accepted=verdict is Verdict.SUCCESS,
            save_ms=88.0,
        )
    yield _ended(number)


def _train(number: int, chance: random.Random) -> Iterator[ev.Event]:
    name = f"act_10cm_v{number // 100}"
    yield _started(
        number,
        TrainRequest(
            data_dir="/home/anna/lab", operator="anna", dataset=f"so101_pick_place_10cm_v{number // 200}", policy="act",
            name=name, steps=20_000, batch_size=64, settings=("policy.device=cuda", "num_workers=8"),
        ),
    )  # fmt: skip
    output = f"/home/anna/lab/outputs/train/{name}"
    yield TrainingStarted(
        policy="act", output_dir=output, steps=20_000, batch_size=64, device="cuda", parameters=51_597_238,
        episodes=tuple(range(75)), episodes_total=80, frames=22_436, cameras=("wrist", "overhead"), log_freq=200,
        save_freq=5_000, config=_configuration() | {"output_dir": output, "job_name": name},
    )  # fmt: skip
    for step in range(500, 20_001, 500):
        yield TrainingProgressed(step=step, samples=step * 64, epochs=step * 64 / 22_436, points=step // 200,
                                 metrics=_metrics(step, chance))  # fmt: skip
        if step % 5_000 == 0:
            path = f"{output}/checkpoints/{step:06d}"
            yield CheckpointSaved(
                step=step, path=path, bytes=206_412_345, seconds=chance.random(), loss=chance.random()
            )
    yield _ended(number)


def _metrics(step: int, chance: random.Random) -> dict[str, float]:
    names = ("loss", "grad_norm", "update_s", "dataloading_s", "samples_per_s", "l1_loss", "kld_loss", "decode_s")
    return {name: chance.random() for name in names} | {"lr": 1e-5, "step": float(step)}


def _bench(number: int, chance: random.Random) -> Iterator[ev.Event]:
    yield _started(
        number,
        BenchRequest(data_dir="/home/anna/lab", profile=PROFILE, operator="anna", purpose=Purpose.TELEOPERATE),
    )
    yield from _connected(chance)
    yield _ended(number)


def _remarks(number: int, chance: random.Random) -> Iterator[ev.Event]:
    if number % 7 == 0:
        words = chance.choices(("cube", "slipped", "light", "from", "the", "window", "gripper", "worn", "again"), k=14)
        yield ev.NoteAdded(text=" ".join(words), author="anna")
    if number % 11 == 0:
        yield ev.TagAdded(tag=chance.choice(("night", "demo", "paper")))


_kept: dict[str, Any] = {}


def _configuration() -> dict[str, Any]:
    """LeRobot's configuration of a training, from a file of an older console."""
    if not _kept:
        for path in sorted(Path(ROOT / "tests/files_of_2026_11/lab/runs").glob("*/events.jsonl")):
            for line in path.read_bytes().splitlines():
                event = msgspec.json.decode(line)
                if event["type"] == "TrainingStarted" and event.get("config"):
                    _kept.update(event["config"])
    assert _kept
    return dict(_kept)
