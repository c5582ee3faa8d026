"""Requests, which start sessions. The console writes one, the worker reads it, and the log keeps it unchanged."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from sessions import resets
from sessions.before import Before
from sessions.bench import Profile
from sessions.calibration import CalibrationAct
from sessions.conditions import Condition, Order
from sessions.models import SessionKind
from sessions.resets import Reset
from sessions.slots import PLAIN, Wiring
from sessions.statistics.rule import Sequential
from sessions.target import Target
from sessions.trained_judge import TrainedJudge

ORACLE = "oracle"
"""Name of the simulated bench's judge, which checks whether the cube is in the bowl."""
CONSOLE = "console"
"""Who calls a trial void when the bench failed in it; a person may take that back."""


class Purpose(StrEnum):
    """The first action of a bench session; commands can switch to any other."""

    TELEOPERATE = "teleoperate"
    REST = "rest"
    RELEASE = "release"
    HOLD = "hold"
    UNKNOWN = ""
    """Of a session that only an old document describes; it begins as HOLD does."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The common part of all requests. A property is empty if this kind of session has no such field."""

    kind: ClassVar[SessionKind]
    data_dir: str
    operator: str = ""

    @property
    def profile(self) -> Profile | None:
        """The bench it runs on."""
        return None

    @property
    def task(self) -> str:
        """The instruction given to dataset and policy."""
        return ""

    @property
    def dataset(self) -> str:
        """The dataset it writes or reads, a name below `datasets/`."""
        return ""

    @property
    def dataset_root(self) -> str:
        """That dataset's folder; empty if there is none or it is unknown."""
        return str(Path(self.data_dir) / "datasets" / self.dataset) if self.dataset and self.data_dir else ""

    @property
    def checkpoint(self) -> str:
        """The policy it runs: a pretrained_model folder."""
        return ""

    @property
    def trained_in(self) -> str:
        """The session that trained that checkpoint, if known."""
        return ""

    @property
    def fps(self) -> int:
        """Commands to the arm per second."""
        return 0

    @property
    def lockstep(self) -> bool:
        """Whether the simulated bench waits for each command instead of running in real time."""
        return False

    @property
    def target(self) -> int:
        """Target number of accepted episodes, steps or judged trials; 0 for none."""
        return 0

    @property
    def attempt_seconds(self) -> float:
        """Maximum length of a take or trial in seconds."""
        return 0.0

    @property
    def shared(self) -> bool:
        """Whether other users of the machine may read the run folder."""
        return False

    @property
    def reset_seconds(self) -> float:
        """Time to reset the scene between takes, in seconds."""
        return 0.0


class ArmRequest(Request, frozen=True, kw_only=True):
    """The request of a session with an arm, which is commanded `fps` times a second.

    `calibration` is what the operator wants done about a calibration that does not fit, by arm; without an answer
    the session ends there.
    """

    profile: Profile
    fps: int = 30
    lockstep: bool = False
    calibration: dict[str, CalibrationAct] = {}

    @property
    def shared(self) -> bool:
        """As lab.toml says."""
        return self.profile.share_runs


class RecordRequest(ArmRequest, frozen=True, kw_only=True, tag="record"):
    """Record demonstrations of `task` into `dataset` (a name below `datasets/`), until `episodes` are accepted.

    `strategy` is how the operator says that they do the task ("roll"); empty: not said. `settings` are the `dataset.*`
    keys that the operator set.
    """

    kind = SessionKind.RECORD
    strategy: str = ""
    dataset: str
    task: str
    episodes: int = 1
    episode_seconds: float = 15.0
    reset_seconds: float = 5.0
    resume: bool = False
    seed: int | None = None
    settings: dict[str, Any] = {}

    @property
    def target(self) -> int:
        """Accepted episodes."""
        return self.episodes

    @property
    def attempt_seconds(self) -> float:
        """Maximum length of a take."""
        return self.episode_seconds


class BenchRequest(ArmRequest, frozen=True, kw_only=True, tag="bench"):
    """Move the arm without recording. `rescue`: the previous worker had to be killed."""

    kind = SessionKind.BENCH
    purpose: Purpose
    rescue: bool = False


class TrainRequest(Request, frozen=True, kw_only=True, tag="train"):
    """Train `policy` (a type registered in LeRobot, or the path or Hub id of a pretrained one) on a dataset's episodes.

    `name` is the folder below `outputs/train/`. `settings` are `KEY=VALUE` with keys of LeRobot's
    TrainPipelineConfig (configs/train.py). `plugins` are the packages and Hub repositories whose code a pretrained
    policy may run besides LeRobot's own.

    Rejected episodes are left out by the worker, under the dataset's lock; so are `exclude_episodes` (`because` is the
    operator's reason), those recorded in the `tagged_sessions`, which had one of the `exclude_tags`, and with
    `leave_out_flagged` those with a flag. `held_out` is the share of the rest, by task, whose loss is only measured,
    every `held_out_every` steps. `resize` is the (width, height) in pixels that pictures are brought to, in the
    training and wherever its checkpoints are loaded; None: they stay as they are. `on` is where
    it runs; None is this machine. Each of the `processes` takes batches of `batch_size`. `push` is
    the private repository of the Hub that gets the policy after the last step; empty for none.
    """

    kind = SessionKind.TRAIN
    dataset: str
    policy: str
    name: str
    steps: int
    batch_size: int = 8
    processes: int = 1
    log_freq: int = 200
    save_freq: int = 20_000
    exclude_cameras: tuple[str, ...] = ()
    resize: tuple[int, int] | None = None
    exclude_episodes: tuple[int, ...] = ()
    because: str = ""
    exclude_tags: tuple[str, ...] = ()
    tagged_sessions: tuple[str, ...] = ()
    leave_out_flagged: bool = False
    held_out: float = 0.0
    held_out_every: int = 0
    settings: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    shared: bool = False
    push: str = ""
    on: Target | None = None

    @property
    def target(self) -> int:
        """Steps."""
        return self.steps


class Counted(msgspec.Struct, frozen=True):
    """A trial that counts, of the policy in `checkpoint` under the condition of that name."""

    checkpoint: str
    condition: str = ""
    success: bool = False


class EvalRequest(ArmRequest, frozen=True, kw_only=True, tag="eval"):
    """Let the policy in `checkpoint` (a pretrained_model folder) try `task`, until `trials` trials are judged.

    Each trial's motion becomes an episode of `dataset`, whose name begins with `rollout_`. `judge` is ORACLE on the
    simulated bench, else empty. `condition` is the operator's own description of the trials' conditions: light,
    object, place. Where a trial begins, the arm waits `countdown` seconds before the policy moves it. `trained_in` is
    the session that trained the checkpoint, if known. `fps` is the rate of the policy's training data, or the bench's
    if unknown.

    With `further_checkpoints` several policies are compared; `further_trained_in` are their trainings' sessions. Each
    tries under each of the `conditions`, in the order that services/evaluation/schedule makes of `order` and
    `order_seed`.

    The policy runs in LeRobot's inference server at `server` (HOST:PORT on this machine's loopback), which loads it
    from `server_path` there, or here if that is empty. `rtc`: with LeRobot's real-time chunking.

    `wiring` says which of the bench's cameras fill the policy's inputs; `profile` is the bench without those left out.

    `resumes` is the session that this one goes on with, of which `before` is what it and those before it came to;
    `trials` are then those that are left. `weights` are the fingerprints of the policies by their folders
    (services.checkpoints.weights), empty in older files. `failure_modes` are those of the digits from 1, empty for
    the bench's own.

    Between trials the arm does its `reset`; with `direct_reset` it goes home without passing its rest pose.

    `blinded`: the order of the checkpoints was drawn, and until the session is unblinded it tells them by code
    (sessions.blinding).

    `second_judge` tells his opinion after each verdict and never decides: `oracle~0.1` is the oracle, wrong in a tenth
    of the trials; empty for none. Another name is that of one who was trained on judged trials, `trained_judge`.

    `confirm_preflight`: trials begin whatever the preflight finds, and that is logged. `looks_only`: the session ends
    with its preflight, without a trial, and nothing is written to a motor.

    `sequential` is the rule that may end a comparison of two before `trials` are judged, of which `counted_before` are
    those of the sessions before, in order.
    """

    kind = SessionKind.EVAL
    checkpoint: str
    task: str
    dataset: str
    trained_in: str = ""
    trials: int = 10
    trial_seconds: float = 15.0
    countdown: float = 0.0
    judge: str = ""
    condition: str = ""
    seed: int | None = None
    further_checkpoints: tuple[str, ...] = ()
    further_trained_in: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    order: Order = Order.LISTED
    order_seed: int = 0
    server: str = ""
    server_path: str = ""
    rtc: bool = False
    wiring: Wiring = PLAIN
    resumes: str = ""
    before: Before = Before()
    weights: dict[str, str] = {}
    failure_modes: tuple[str, ...] = ()
    reset: Reset = Reset.RETURN
    direct_reset: bool = False
    confirm_preflight: bool = False
    looks_only: bool = False
    blinded: bool = False
    sequential: Sequential | None = None
    counted_before: tuple[Counted, ...] = ()
    second_judge: str = ""
    trained_judge: TrainedJudge | None = None

    @property
    def reset_words(self) -> str:
        """What the arm does between trials, as tables of results tell it."""
        return resets.words(self.reset, direct=self.direct_reset, rests=bool(self.profile.motion.rest))

    @property
    def reset_name(self) -> str:
        """The same in a word or two."""
        return resets.name(self.reset, direct=self.direct_reset, rests=bool(self.profile.motion.rest))

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """All of them, the first one first."""
        return (self.checkpoint, *self.further_checkpoints)

    @property
    def pairs(self) -> int:
        """How many pairs of checkpoint and condition are tried."""
        return len(self.checkpoints) * max(1, len(self.conditions))

    def attempt(self, number: int) -> int:
        """The number of this session's attempt in the whole evaluation, from 1: seeds and scenes go on by it."""
        return max(0, self.before.attempts) + number

    def condition_named(self, name: str) -> Condition | None:
        """The condition of that name; None for none."""
        return next((each for each in self.conditions if each.name == name), None)

    @property
    def target(self) -> int:
        """Judged trials."""
        return self.trials

    @property
    def attempt_seconds(self) -> float:
        """Maximum length of a trial."""
        return self.trial_seconds


AnyRequest = RecordRequest | BenchRequest | TrainRequest | EvalRequest
