"""Every screen in its states, without a robot: each state is a function that brings a console there.

`tests/contact_sheet.py` draws them at every size, to be looked at.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

import services.live.launch
import services.training.preparation
from screens.train.config_editor import ConfigArea
from screens.train.measured_form import MeasuredForm
from screens.train.run_view import RunView
from screens.views.needs import Measured
from services.bench.profiles import load_benches
from services.datasets.content import contents, data_files
from services.datasets.marks import Mark, write_mark
from services.folders import DataFolder
from services.live import events as ev
from services.live.phases import Phase
from services.live.reasons import AlarmSource
from services.live.requests import Purpose
from services.log.importing import adding, history
from services.log.importing.file import read
from services.training import needs
from services.training.watching.source import open_source
from sessions.conditions import Grid, Place
from sessions.models import SessionKind, SessionStatus, Verdict
from sessions.statistics.sequential import plan
from sessions.target import Target
from tests import ROOT
from tests.services.training.watching.logs import line as log_line
from tests.services.training.watching.logs import message
from tests.support import facts, painted, plain_datasets
from tests.support.fake_desk import FakeWorker, no_scribe, past_session
from tests.support.fake_preparer import FakePreparer
from tests.support.fake_training import FakeTraining, train_request
from tests.support.forms import form
from tests.support.headless import Console, opened
from tests.support.past_trainings import past_training, resumed, whole_checkpoint
from tests.support.runs import write_run

SIZES = ((60, 15), (80, 24), (100, 30), (120, 40), (200, 60))


class Scene:
    """A console in its data folder, and the scripted workers that run in it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.folder: DataFolder = console.folder
        self.workers: list[FakeWorker] = []
        self.telemetry: dict[str, Any] = {}
        """What the worker measures, beside what is plausible."""

    @property
    def worker(self) -> FakeWorker:
        return self.workers[-1]

    async def begin(self, kind: SessionKind = SessionKind.RECORD, *, open_dataset: bool = True, **asked: Any) -> None:
        """A session starts; this console attaches to it and shows its screen."""
        worker = FakeWorker(self.folder, kind=kind, **asked)
        self.workers.append(worker)
        await worker.start(open_dataset=open_dataset)
        screen = {SessionKind.RECORD: "record", SessionKind.EVAL: "evaluate"}.get(kind, "bench")
        await self.console.attach(worker, screen)

    async def train(self, points: int = 300, **asked: Any) -> FakeTraining:
        """A training runs; the console shows it."""
        training = FakeTraining(self.folder, **asked)
        self.workers.append(training)
        await training.begin()
        training.train(points)
        training.save_checkpoint()
        await self.console.press("f4")
        await self.console.until(lambda: self.console.screen.id == "train" and self.console.desk.training.looked)
        await self.console.until(lambda: len(self.console.desk.training.curves or ()) == points)
        return training

    async def settle(self) -> None:
        """Measure anew at this size, and wait until the screen stands still."""
        console = self.console
        for worker in self.workers:
            if not isinstance(worker, FakeTraining) and worker.snapshot.running:
                await console.pilot.pause()
                worker.telemetry(**self.telemetry)
                await console.pilot.pause(0.05)
                worker.telemetry(**self.telemetry)
        console.screen.redraw()
        await console.still()


State = Callable[[Scene], Awaitable[None]]
STATES: dict[str, State] = {}


def state(make: State) -> State:
    """Register a state by its function's name."""
    STATES[make.__name__] = make
    return make


@asynccontextmanager
async def scene(folder: DataFolder, name: str, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Scene]:
    """The console in the state of this name. Starts no process beside."""
    services.live.launch.start_scribe = no_scribe
    async with opened(folder, size) as console:
        made = Scene(console)
        try:
            await STATES[name](made)
            yield made
        finally:
            for worker in made.workers:
                await worker.stop()


async def resize(shown: Scene, size: tuple[int, int]) -> None:
    """Give the terminal another size."""
    await shown.console.pilot.resize_terminal(*size)
    await shown.console.until(lambda: shown.console.app.size == size)
    await shown.settle()


# -- Bench -------------------------------------------------------------------------------------------


@state
async def bench_empty(it: Scene) -> None:
    await it.console.still()


@state
async def bench_with_work(it: Scene) -> None:
    """Datasets, trainings, evaluations and sessions; one dataset is broken."""
    _work(it.folder)
    await it.console.press("f3", "f2")
    await it.console.sees("act_v1 @ 020000")


@state
async def bench_in_use(it: Scene) -> None:
    """Another console's session has the arm; a training runs beside it."""
    _work(it.folder)
    training = FakeTraining(it.folder)
    it.workers.append(training)
    await training.begin()
    worker = FakeWorker(it.folder, operator="bo", dataset="stack_cubes")
    it.workers.append(worker)
    await worker.start()
    worker.phase(Phase.READY, "following the leader")
    await it.console.press("f3", "f2")
    await it.console.sees("IN USE") if it.console.app.size.height < 20 else await it.console.sees("bo records")


@state
async def bench_crashed(it: Scene) -> None:
    await it.begin(SessionKind.BENCH)
    it.worker.tell(ev.BenchConnected(robot="so101_follower"))
    it.worker.phase(Phase.READY, "following the leader")
    it.worker.end(SessionStatus.CRASHED, "the worker vanished without an end")
    await it.console.until(lambda: not it.console.desk.live)


@state
async def bench_following(it: Scene) -> None:
    await it.begin(SessionKind.BENCH)
    it.worker.phase(Phase.READY, "following the leader")


@state
async def bench_held(it: Scene) -> None:
    await it.begin(SessionKind.BENCH)
    it.worker.tell(ev.Held(cause="Esc"))
    it.worker.phase(Phase.HELD, "stopped")


@state
async def bench_limp(it: Scene) -> None:
    await it.begin(SessionKind.BENCH)
    it.worker.phase(Phase.LIMP, "elbow_flex lost its torque")


@state
async def bench_watching(it: Scene) -> None:
    """A recording that another console drives, seen from Bench."""
    await it.begin(operator="bo")
    it.worker.phase(Phase.READY, "following the leader")
    it.worker.drive("bo's console")
    await it.console.press("f2")


@state
async def bench_holding(it: Scene) -> None:
    """`H`: no cameras, no leader."""
    await it.begin(SessionKind.BENCH, purpose=Purpose.HOLD)
    it.worker.phase(Phase.HELD, "the arm holds")


@state
async def bench_released(it: Scene) -> None:
    await it.begin(SessionKind.BENCH)
    it.worker.phase(Phase.RELEASED, "torque is off")
    it.telemetry = {"torque": False}


@state
async def bench_question(it: Scene) -> None:
    await it.begin(SessionKind.BENCH)
    it.worker.phase(Phase.RESTED)
    await it.console.press("R")


def _work(folder: DataFolder) -> None:
    """A folder in which work was done: datasets, trainings, evaluations, sessions."""
    now = time.time()
    root = str(folder.root)
    plain_datasets.make(folder.datasets / "pick_place", [float(n) for n in range(41)])
    plain_datasets.mark(folder.datasets / "pick_place", 3, 4)
    plain_datasets.make(folder.datasets / "stack_cubes", [1.0, 2.0, 3.0])
    (plain_datasets.make(folder.datasets / "moved_by_hand", [1.0]) / "meta/info.json").write_text("{")
    past_session(folder, "20260202-010000-aaaa", at=now - 90_000, dataset="pick_place", episodes=50, data_dir=root)
    past_session(folder, "20260202-020000-bbbb", at=now - 6000, dataset="stack_cubes", episodes=3, data_dir=root)
    for number, (name, step) in enumerate((("act_v1", 20_000), ("act_v2", 3_210))):
        output = f"{root}/outputs/train/{name}"
        facts_of = {
            "policy": "act", "output_dir": output, "steps": 20_000, "batch_size": 8, "device": "cuda", "parameters": 9,
            "episodes": (0,), "episodes_total": 1, "frames": 9,
        }  # fmt: skip
        run = f"2026020{number + 3}-010000-cccc"
        begun = facts.started(run, kind=SessionKind.TRAIN, dataset="pick_place", policy="act", name=name, steps=20_000)
        status = SessionStatus.FINISHED if step == 20_000 else SessionStatus.ABORTED
        write_run(
            folder, run, msgspec.structs.replace(begun, at=now - 80_000 + number), ev.TrainingStarted(**facts_of),
            ev.CheckpointSaved(step=step, path=f"{output}/checkpoints/{step:06}", bytes=1, seconds=1.0),
            ev.TrainingProgressed(step=step, metrics={"loss": 0.0412}),
            ev.SessionEnded(status=status, reason="", at=now - 60_000),
        )  # fmt: skip
    policy = f"{root}/outputs/train/act_v1/checkpoints/020000/pretrained_model"
    judged = [ev.TrialJudged(trial=n, verdict=Verdict.SUCCESS if n < 13 else Verdict.FAILURE) for n in range(1, 21)]
    trials = [event for n, verdict in enumerate(judged, 1) for event in (ev.TrialStarted(trial=n), verdict)]
    begun = facts.started(
        "20260205-010000-dddd", kind=SessionKind.EVAL, dataset="rollout_act_v1", checkpoint=policy, trials=20,
        at=now - 50_000, operator="tg",
    )  # fmt: skip
    bench = ev.BenchConnected(robot="so101_follower")
    rests = ev.PhaseChanged(phase=Phase.RESTED.value, at=now - 40_100)
    left = ev.ArmLeft(torque=False, at_rest=True, at=now - 40_050)
    ends = ev.SessionEnded(status=SessionStatus.FINISHED, reason="", at=now - 40_000)
    write_run(folder, "20260205-010000-dddd", begun, bench, *trials, rests, left, ends)


# -- Record ------------------------------------------------------------------------------------------


@state
async def record_form(it: Scene) -> None:
    await it.console.press("f3")
    await it.console.until(lambda: bool(it.console.screen.query("#form")))


@state
async def record_form_refused(it: Scene) -> None:
    """Two fields with something wrong."""
    plain_datasets.make(it.folder.datasets / "pick_place", [0, 1])
    await record_form(it)
    await it.console.press(*"two words", "tab", "down", "down", *"many")
    await it.console.until(lambda: "a whole number" in form(it.console).row("episodes").problem)


@state
async def record_starting(it: Scene) -> None:
    await it.begin(open_dataset=False)


@state
async def record_idle(it: Scene) -> None:
    await it.begin(target=50)


@state
async def record_ready(it: Scene) -> None:
    await it.begin(target=50)
    it.worker.phase(Phase.READY, "following the leader")


@state
async def record_take(it: Scene) -> None:
    await it.begin(target=50)
    for number in range(9):
        it.worker.take(accepted=number != 4, flags=("overhead black",) if number == 6 else ())
    _take(it)


@state
async def record_take_rejected(it: Scene) -> None:
    await it.begin(target=50)
    it.worker.take()
    _take(it)
    it.worker.tell(ev.TakeMarked(take=2, accepted=False))


@state
async def record_alarms(it: Scene) -> None:
    await it.begin(target=50)
    it.worker.take(flags=("overhead black",))
    _take(it)
    it.worker.alarm_camera()
    it.worker.alarm_camera("wrist", "frozen")


@state
async def record_reset(it: Scene) -> None:
    await it.begin(target=50)
    it.worker.take()
    it.telemetry = {"phase_seconds": 2.0}


@state
async def record_held(it: Scene) -> None:
    await it.begin(target=50)
    it.worker.take()
    it.worker.tell(ev.Held(cause="Esc"))
    it.worker.phase(Phase.HELD, "the follower is 38 degrees from the leader")


@state
async def record_done(it: Scene) -> None:
    await it.begin(target=2)
    it.worker.take()
    it.worker.take()


@state
async def record_watching(it: Scene) -> None:
    await it.begin(target=50)
    it.worker.take()
    _take(it)
    it.worker.drive("anna at lab2")


@state
async def record_help(it: Scene) -> None:
    await record_ready(it)
    await it.settle()
    await it.console.press("question_mark")


@state
async def record_palette(it: Scene) -> None:
    await record_held(it)
    await it.settle()
    await it.console.press("colon")


@state
async def record_without_cameras(it: Scene) -> None:
    await it.begin(episodes=50, profile=load_benches(built_in=True).pick("sim-state"))
    it.telemetry = {"cameras": {}, "take_seconds": 7.4}
    for _ in range(60):
        it.worker.take()
    it.worker.phase(Phase.RECORDING)
    it.worker.tell(ev.TakeStarted(take=61))


@state
async def record_note(it: Scene) -> None:
    await record_ready(it)
    await it.settle()
    await it.console.press("n")


@state
async def record_finished(it: Scene) -> None:
    await it.begin(target=3)
    it.worker.take()
    it.worker.take(accepted=False)
    it.worker.end()


@state
async def record_crashed(it: Scene) -> None:
    await it.begin(target=3)
    it.worker.take()
    it.worker.run.log.write_text("Traceback\nRuntimeError: the bus is gone\n")
    it.worker.end(SessionStatus.CRASHED, "the worker was killed")


def _take(it: Scene) -> None:
    number = it.worker.snapshot.take + 1
    it.worker.phase(Phase.RECORDING, f"take {number}")
    it.worker.tell(ev.TakeStarted(take=number))
    it.telemetry = {"take_seconds": 7.4, "take_frames": 222}


# -- Train -------------------------------------------------------------------------------------------


@state
async def train_form(it: Scene) -> None:
    await it.console.press("f4")
    await it.console.until(lambda: bool(it.console.screen.query("#form")))


@state
async def train_form_list(it: Scene) -> None:
    """A dataset is chosen from the list."""
    for name in ("pick_place", "stack_cubes"):
        plain_datasets.mark(plain_datasets.make(it.folder.datasets / name, [0, 1, 2]), 1)
    await train_form(it)
    await it.console.until(lambda: bool(form(it.console).value("dataset")))
    await it.console.press("right", "down")


async def _configuration(it: Scene) -> FakePreparer:
    """Over the form of two datasets, LeRobot's configuration as text."""
    plain_datasets.make(it.folder.datasets / "pick_place", [0, 1, 2])
    preparer = FakePreparer()
    services.training.preparation.start = preparer.start
    await train_form(it)
    await it.console.until(lambda: bool(form(it.console).value("dataset")))
    return preparer


async def _edited(it: Scene, *changes: tuple[str, str]) -> None:
    await _configuration(it)
    await it.console.press("ctrl+t")
    await it.console.until(lambda: any(area.text for area in it.console.app.screen.query(ConfigArea)))
    area = it.console.app.screen.query_one(ConfigArea)
    for old, new in changes:
        area.text = area.text.replace(old, new)
    await it.console.sees("LeRobot takes it" if "modl" not in area.text else "did you mean")


@state
async def train_configuration_loading(it: Scene) -> None:
    """LeRobot is being loaded."""
    preparer = await _configuration(it)
    preparer.may_answer.clear()
    await it.console.press("ctrl+t")
    await it.console.sees("loading LeRobot")


@state
async def train_configuration(it: Scene) -> None:
    """LeRobot's configuration as text, edited and taken."""
    await _edited(it, ('"chunk_size": 100', '"chunk_size": 50'), ('"steps": 20000', '"steps": 30000'))


@state
async def train_configuration_refused(it: Scene) -> None:
    """A key is misspelt."""
    await _edited(it, ('"chunk_size": 100', '"chunk_size": 50'), ('"dim_model"', '"dim_modl"'))


@state
async def train_form_measured(it: Scene) -> None:
    """What the planned training needs was measured: the batch is too large, and there is little room on the disk."""
    plain_datasets.make(it.folder.datasets / "pick_place", [0, 1, 2])
    await train_form(it)
    await it.console.until(lambda: bool(form(it.console).value("dataset")))
    fields = form(it.console)
    assert isinstance(fields, MeasuredForm)
    fields.show_measured(Measured(findings=NEEDS))


NEEDS = (
    needs.PolicySize(policy="act", parameters=51_600_000, trainable=51_600_000, device="cuda"),
    needs.Pictures(
        pictures=tuple(needs.Picture(camera=n, size=(640, 480), seen=(640, 480), tokens=300) for n in ("top", "wrist")),
        others=2, resizable=True,
    ),
    needs.CheckpointRoom(each=620_000_000, count=5, steps=20_000, free=2_900_000_000),
    needs.Decoding(decoder="pyav", picture_s=0.009, other="torchcodec", missing="FFmpeg's libraries are not installed"),
    needs.Memory(device="cuda", batch=64, tried=16, available=24 * 10**9, base=12 * 10**8, sample=4 * 10**8),
    needs.Pace(batch=64, tried=16, steps=20_000, update_s=1.2, update_most_s=1.3, item_s=0.03, parallel=4),
)  # fmt: skip
"""An ACT that takes pictures raw, on a GPU with 24 GB."""


@state
async def train_live(it: Scene) -> None:
    await it.train()


@state
async def train_elsewhere(it: Scene) -> None:
    """A training on another machine; a checkpoint is on its way."""
    training = await it.train(request=train_request(it.folder, on=Target(name="gpu", host="anna@gpu1")))
    training.tell(ev.PhaseChanged(phase="training", detail="fetching the checkpoint of step 1,000: 43 %, 372 MB"))


@state
async def train_out_of_reach(it: Scene) -> None:
    """The other machine does not answer; a stop would only give it up."""
    await train_elsewhere(it)
    text = "gpu does not answer (Connection timed out); it trains on there"
    answer = "stopping it only gives it up here"
    it.workers[-1].tell(ev.AlarmRaised(source=AlarmSource.TARGET, text=text, answer=answer))
    await it.console.press("S")
    await it.console.sees("Give it up here?")


@state
async def train_stop_question(it: Scene) -> None:
    await it.train()
    await it.console.press("S")


@state
async def train_ended(it: Scene) -> None:
    training = await it.train()
    training.end(SessionStatus.FINISHED, "stopped by the operator, checkpoint saved")


@state
async def train_crashed(it: Scene) -> None:
    training = await it.train()
    training.say_last("Traceback (most recent call last):", "torch.OutOfMemoryError: CUDA out of memory")
    training.end(SessionStatus.CRASHED, "out of memory")


async def _interrupted(it: Scene, *, goes_on: bool) -> None:
    """A training crashed in the night; it may have gone on in the morning."""
    now = time.time()
    run = past_training(
        it.folder, "20260201-010000-aaaa", at=now - 30_000, points=265, steps=3_000, status=SessionStatus.CRASHED,
        reason="the trainer was killed by SIGKILL; it was at step 2650 of 3000, the newest whole checkpoint is 002000",
    )  # fmt: skip
    plain_datasets.mark(plain_datasets.make(it.folder.datasets / "pick_place", range(81)))
    whole_checkpoint(it.folder, run, 2_000)
    if goes_on:
        resumed(run, step=2_000, steps=4_000, points=180)
    await it.console.press("f4")
    await it.console.until(lambda: it.console.desk.runs.shown.points > 0)


@state
async def train_resumed(it: Scene) -> None:
    await _interrupted(it, goes_on=True)


@state
async def train_resume(it: Scene) -> None:
    """How many steps are to be made in all."""
    await _interrupted(it, goes_on=False)
    await it.console.press("C")
    await it.console.until(lambda: bool(it.console.app.screen.query("#meaning")))


@state
async def train_resume_changed(it: Scene) -> None:
    """An episode that it learns from was rejected meanwhile."""
    await _interrupted(it, goes_on=False)
    plain_datasets.mark(it.folder.datasets / "pick_place", 3)
    await it.console.press("C")
    await it.console.until(lambda: bool(it.console.app.screen.query("#sheet")))


def _past_trainings(it: Scene) -> None:
    now = time.time()
    for number, (name, scale, status) in enumerate((
        ("act_pick_place_v1", 1.4, SessionStatus.FINISHED), ("act_small_batch", 0.6, SessionStatus.ABORTED),
        ("diffusion_pick_place_10cm_v2", 2.5, SessionStatus.CRASHED),
    )):  # fmt: skip
        made = {"name": name, "scale": scale, "status": status, "points": 300 - 60 * number, "log_freq": 10}
        past_training(
            it.folder, f"2026020{number + 1}-010000-aaaa", at=now - 90_000 * (number + 1), steps=3_000, **made
        )
    theirs = it.folder.outputs / "train" / "2025-11-03" / "16-20-11_act" / "checkpoints" / "100000" / "pretrained_model"
    theirs.mkdir(parents=True)
    config = b'{"policy": {"type": "act"}, "dataset": {"repo_id": "lerobot/pusht"}, "steps": 100000, "batch_size": 8}'
    (theirs / "train_config.json").write_bytes(config)


async def _overlaid(it: Scene) -> None:
    _past_trainings(it)
    await it.train()
    console = it.console
    await console.until(lambda: len(console.desk.runs.runs) == 5)
    for run in console.desk.runs.runs:
        if run.id != console.desk.runs.watched and not run.foreign:
            console.desk.runs.toggle(run.id)
    await console.until(lambda: len(console.desk.runs.beside) == 3)


@state
async def train_runs(it: Scene) -> None:
    _past_trainings(it)
    await it.train()
    await it.console.until(lambda: len(it.console.desk.runs.runs) == 5)
    it.console.screen.query_one(RunView).turn()


@state
async def train_overlaid(it: Scene) -> None:
    await _overlaid(it)
    await it.console.press("left", "left", "left")


@state
async def train_compared(it: Scene) -> None:
    """Four runs side by side over hours."""
    await _overlaid(it)
    await it.console.press("c", "A", "A", "A")
    await it.console.until(lambda: it.console.screen.has_class("-compare"))


@state
async def train_zoomed(it: Scene) -> None:
    await _overlaid(it)
    await it.console.press("z", "l", *("left",) * 8, "up", "up")


@state
async def train_further(it: Scene) -> None:
    """A fourth plot, of what the policy logs, and the last 1,000 steps."""
    await it.train()
    await it.console.press("P", *"l1", "enter", "Z", *"last 1k", "enter")


@state
async def train_metrics(it: Scene) -> None:
    """The metrics that can be drawn."""
    await it.train()
    await it.console.press("P")


@state
async def train_range(it: Scene) -> None:
    await it.train()
    await it.console.press("Z", *"5000-100", "enter")


@state
async def train_watched(it: Scene) -> None:
    """The console log of a training that another machine runs, whose steps are rounded."""
    _past_trainings(it)
    wanted = range(6200, 12_001, 200)
    path = it.folder.root / "from_the_cluster.log"
    losses = {step: 900 / step + 0.03 * (step // 200 % 3) for step in wanted}
    path.write_text(
        "".join(log_line(n, message(s, loss=losses[s], more=" l1_loss:0.21")) for n, s in enumerate(wanted))
    )
    it.console.desk.runs.follow_log(open_source(it.folder, str(path)))
    await it.console.press("f4")
    await it.console.until(lambda: it.console.desk.runs.shown.points == len(wanted))


@state
async def train_nan(it: Scene) -> None:
    training = await it.train()
    training.train(1, loss=float("nan"), grad_norm=float("inf"))
    training.tell(ev.AlarmRaised(source="loss", text="the loss is NaN since step 3010", answer="S stops and saves"))


@state
async def train_numbers(it: Scene) -> None:
    await it.train()
    it.console.screen.query_one(RunView).turn()
    it.console.screen.query_one(RunView).turn()


# -- Evaluate ----------------------------------------------------------------------------------------


@state
async def evaluate_form(it: Scene) -> None:
    await it.console.press("f5")
    await it.console.until(lambda: bool(it.console.screen.query("#form")))


async def _trials(it: Scene) -> None:
    await it.begin(SessionKind.EVAL, target=10)
    it.worker.trial(Verdict.SUCCESS)
    it.worker.trial(Verdict.FAILURE, failure_mode="grasps air")
    it.worker.trial(Verdict.VOID)
    it.telemetry = {"infer_ms": 41.0, "action_queue": 38}


@state
async def evaluate_resting(it: Scene) -> None:
    await _trials(it)


@state
async def evaluate_running(it: Scene) -> None:
    await _trials(it)
    it.worker.begin_trial(4)
    it.telemetry |= {"take_seconds": 6.2, "take_frames": 186}


@state
async def evaluate_judging(it: Scene) -> None:
    await _trials(it)
    it.worker.trial()


@state
async def evaluate_held(it: Scene) -> None:
    await _trials(it)
    it.worker.begin_trial(4)
    it.worker.end_trial(4, "stopped")
    it.worker.tell(ev.Held(cause="Esc"))
    it.worker.phase(Phase.HELD, "stopped")


@state
async def evaluate_finished(it: Scene) -> None:
    await _trials(it)
    it.worker.end()


A, B = "sim-scripted@0.4", "sim-scripted@0.8"


async def _comparison(it: Scene, trials: int, **asked: Any) -> None:
    """Two policies at four places: the second succeeds more often, mostly at the back."""
    places = Grid(x=(180, 270), y=(-60, 40), counts=(2, 2)).conditions
    codes = tuple("AB") if asked.get("blinded") else (A, B)
    request = {"checkpoint": codes[0], "further_checkpoints": codes[1:], "conditions": places, "target": 40} | asked
    await it.begin(SessionKind.EVAL, **request)
    second = asked.get("second_judge", "")
    for number in range(1, trials + 1):
        place, which = places[(number // 2) % 4], number % 2
        won = number % (2 if which else 3) == 0 or (which == 1 and place.name.startswith("x270"))
        verdict = Verdict.SUCCESS if won else Verdict.FAILURE
        it.worker.tell(ev.TrialStarted(trial=number, checkpoint=codes[which], condition=place.name))
        it.worker.end_trial(number, "time")
        it.worker.tell(ev.TrialJudged(trial=number, verdict=verdict, judge="tg"))
        if not won:
            it.worker.tell(ev.TrialAnnotated(trial=number, failure_mode="grasps air" if which else "drops it"))
        if second:
            opinion = Verdict.SUCCESS if number % 7 == 0 else verdict
            it.worker.tell(ev.SecondOpinionGiven(trial=number, opinion=opinion, verdict=verdict, by=second))
    it.worker.come_to_rest()


@state
async def evaluate_comparison(it: Scene) -> None:
    await _comparison(it, 13)


@state
async def evaluate_comparison_over(it: Scene) -> None:
    await _comparison(it, 40)


@state
async def evaluate_blinded(it: Scene) -> None:
    await _comparison(it, 13, blinded=True)


@state
async def evaluate_unblinding(it: Scene) -> None:
    await evaluate_blinded(it)
    await it.console.press("W")


@state
async def evaluate_early_end(it: Scene) -> None:
    await _comparison(it, 9, sequential=plan(0.4, 0.8), target=60)


@state
async def evaluate_second_judge(it: Scene) -> None:
    await _comparison(it, 14, second_judge="oracle~0.1")


# -- Log ---------------------------------------------------------------------------------------------


@state
async def log_empty(it: Scene) -> None:
    await it.console.press("f7")


def _sessions(folder: DataFolder) -> None:
    """Sessions of every kind, some with tags, notes and reasons."""
    now = time.time()
    kinds = (SessionKind.RECORD, SessionKind.BENCH, SessionKind.RECORD)
    for number, kind in enumerate(kinds * 5):
        past_session(folder, f"20260201-{number:02d}0000-aaaa", at=now - 90_000 + 3600 * number, kind=kind)
    output = folder.root / "outputs/train/act_night_run_of_the_left_hand"
    checkpoint = output / "checkpoints/020000/pretrained_model"
    saved = ev.CheckpointSaved(step=20_000, path=str(checkpoint.parent), bytes=865_000_000, seconds=3.1, loss=0.006)
    begun = ev.TrainingStarted(
        policy="act", output_dir=str(output), steps=20_000, batch_size=8, device="cuda", parameters=51_600_000,
        episodes=(0, 2), episodes_total=3, frames=900, cameras=("wrist",), excluded_cameras=("overhead",),
    )  # fmt: skip
    done = ev.TrainingProgressed(step=20_000, samples=160_000, epochs=177.0, points=100, metrics={"loss": 0.00612})
    past_session(
        folder, "20260202-080000-bbbb", at=now - 20_000, kind=SessionKind.TRAIN, policy="act", name="act_night",
        steps=20_000, events=(begun, done, saved), data_dir=str(folder.root),
    )  # fmt: skip
    trials: list[ev.Event] = []
    for number in range(1, 21):
        trials += [
            ev.TrialStarted(trial=number, checkpoint=str(checkpoint)),
            ev.TrialEnded(trial=number, frames=186, reason="time" if number % 3 == 0 else "verdict"),
            ev.EpisodeSaved(take=number, index=number - 1, frames=186, seconds=6.2, accepted=True, save_ms=1),
            ev.TrialJudged(trial=number, verdict=Verdict.FAILURE if number % 3 == 0 else Verdict.SUCCESS, judge="tg"),
        ]
    remarks = (
        ev.NoteAdded(text="belt slipped at trial 4\nand was tightened\n\nlamp on from trial 9", author="tg"),
        ev.TagAdded(tag="night"), ev.AlarmRaised(source=AlarmSource("overhead"), text="overhead: black in trial 3"),
    )  # fmt: skip
    past_session(
        folder, "20260202-090000-cccc", at=now - 9_000, kind=SessionKind.EVAL, checkpoint=str(checkpoint),
        dataset="rollout_act", trials=20, trained_in="20260202-080000-bbbb", events=(*trials, *remarks),
        data_dir=str(folder.root),
    )  # fmt: skip
    for number, why in enumerate(("follower: no answer on /dev/ttyACM0: is it plugged in?", "leader: wrong file")):
        past_session(
            folder, f"20260202-1{number}0000-dddd", at=now - 3_000 + number, kind=SessionKind.BENCH,
            status=SessionStatus.ABORTED, reason=why,
        )  # fmt: skip


@state
async def log_list(it: Scene) -> None:
    _sessions(it.folder)
    await it.console.press("f7")
    await it.console.sees("pick_place")


@state
async def log_filter(it: Scene) -> None:
    await log_list(it)
    await it.console.press("slash", *"kind:record today")


@state
async def log_filter_without_match(it: Scene) -> None:
    await log_list(it)
    await it.console.press("slash", *"after:2027-13", "space", *"nobody")


async def _opened(it: Scene, kind: str) -> None:
    await log_list(it)
    await it.console.press("slash", *f"kind:{kind}", "enter", "enter")
    await it.console.sees("session 2026")


@state
async def log_page(it: Scene) -> None:
    await _opened(it, "record")


@state
async def log_page_of_a_training(it: Scene) -> None:
    await _opened(it, "train")


@state
async def log_page_of_an_evaluation(it: Scene) -> None:
    await _opened(it, "eval")


@state
async def log_notes(it: Scene) -> None:
    await log_page_of_an_evaluation(it)
    await it.console.press("n")


@state
async def log_note(it: Scene) -> None:
    await log_notes(it)
    await it.console.press("2")
    await it.console.sees("Ctrl+S")


@state
async def log_copy(it: Scene) -> None:
    await log_page_of_an_evaluation(it)
    await it.console.press("y")


HISTORY = ROOT / "tests/bench_history.toml"


async def _history(it: Scene, chosen: str) -> None:
    """Ten weeks of a real bench, as imported, with a session of this name opened."""
    adding.add(it.folder, history.imports(read(HISTORY)))
    await it.console.press("f7")
    await it.console.sees("D1 @ 020000")
    await it.console.press("slash", *chosen, "enter")


@state
async def log_of_evaluations(it: Scene) -> None:
    await _history(it, "kind:eval")


@state
async def log_tree(it: Scene) -> None:
    await _history(it, "dataset:so101_pick_place_10cm_v3")
    await it.console.press("B")
    await it.console.sees("further checkpoints")


@state
async def log_beside(it: Scene) -> None:
    await _history(it, "kind:eval")
    await it.console.press("space", "down", "c")
    await it.console.sees("differ")


@state
async def log_page_of_an_imported_recording(it: Scene) -> None:
    await _history(it, "10cm_v2 kind:record")
    await it.console.press("enter")


@state
async def log_page_with_grasps(it: Scene) -> None:
    saved = [
        ev.EpisodeSaved(
            take=n, index=n - 1, frames=300, seconds=10.0, accepted=n != 4, save_ms=80, strategy="roll",
            light={"overhead": 60 if n < 12 else 121, "wrist": 90}, grasp=Place(190 + 4 * n, 50 - 7 * (n % 13)),
        )
        for n in range(1, 21)
    ]  # fmt: skip
    past_session(it.folder, "20260203-090000-eeee", at=time.time() - 5000, kind=SessionKind.RECORD, events=tuple(saved))
    await it.console.press("f7")
    await it.console.sees("pick_place")
    await it.console.press("enter")


# -- an episode --------------------------------------------------------------------------------------


async def _look(it: Scene, episode: int = 0, cameras: tuple[str, ...] = ("overhead", "wrist")) -> None:
    """The viewer, over Bench, with its first pictures."""
    root = it.folder.datasets / "pick_place"
    painted.make(root, (90, 60, 75), cameras=cameras, paint=painted.scene)
    for number, content in contents(data_files(root)).items():
        flags = ("overhead black",) if number == 1 else ()
        mark = Mark(
            accepted=number != 1, why="cube fell" if number == 1 else "", flags=flags, session="s1", take=number
        )
        write_mark(root, number, mark, content)
    if episode == 2:
        (root / "videos/observation.images.wrist/chunk-000/file-002.mp4").unlink()
        torn = root / "videos/observation.images.overhead/chunk-000/file-002.mp4"
        torn.write_bytes(torn.read_bytes()[:2000])
    it.console.desk.look_at(root, episode)
    await it.console.until(lambda: it.console.screen.id == "episode")
    await it.console.sees("shoulder")


@state
async def episode_look(it: Scene) -> None:
    await _look(it)
    await it.console.press("greater_than_sign")


@state
async def episode_rejected(it: Scene) -> None:
    await _look(it, 1, ("wrist",))


@state
async def episode_first_and_last(it: Scene) -> None:
    await _look(it, 0, ("overhead", "wrist", "side"))
    await it.console.press("equals_sign")


@state
async def episode_joints(it: Scene) -> None:
    await _look(it)
    await it.console.press("end", "d")


@state
async def episode_unreadable_videos(it: Scene) -> None:
    await _look(it, 2)
    await it.console.sees("is missing")


@state
async def episode_none(it: Scene) -> None:
    it.console.desk.look_at(painted.make(it.folder.datasets / "pick_place", ()), 0)
    await it.console.sees("has no episodes yet")
