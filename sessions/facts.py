"""The events that the log's document embeds unchanged.

All other events of a session are in `services.live.events`, which also encodes and decodes them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sessions.bench import Profile
from sessions.calibration import CalibrationAct, CalibrationFault, JointCalibration, JointDifference
from sessions.left_out import LeftOut
from sessions.lineage import Lineage
from sessions.machine import Hardware, MachineLoad
from sessions.models import Measured, SessionKind, SessionStatus
from sessions.preflight import Check
from sessions.recorded import RecordedBench, RecordedEvaluation, RecordedRecording, RecordedTraining
from sessions.requests import AnyRequest
from sessions.slots import Slot


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all events. `seq` counts from 1 without gaps within a session; `at` is Unix time in seconds."""

    seq: int = 0
    at: float = 0.0


class SessionStarted(Event, frozen=True, kw_only=True, tag=True):
    """A worker started: its request, process and software versions.

    `imported` is where the session comes from if this console did not make it (a file, a log), else empty;
    `import_key` is what it is called there: importing it again makes no second session. The `at` of an imported one is
    0 if it is not recorded, and the day's midnight (UTC) if only the day is (`day_only`). `recorded` is what was
    written down of an imported evaluation, `recording` of an imported recording, `at_bench` of a bench.
    """

    id: str
    pid: int
    host: str
    request: AnyRequest
    versions: dict[str, str] = {}
    git_commit: str | None = None
    imported: str = ""
    import_key: str = ""
    day_only: bool = False
    recorded: RecordedEvaluation | None = None
    recording: RecordedRecording | None = None
    at_bench: RecordedBench | None = None

    @property
    def kind(self) -> SessionKind:
        """The kind of session."""
        return self.request.kind

    @property
    def operator(self) -> str:
        """The operator who started it."""
        return self.request.operator

    @property
    def profile(self) -> Profile | None:
        """The bench it runs on; None for a training."""
        return self.request.profile

    @property
    def bench(self) -> str:
        """That bench's name."""
        return self.profile.name if self.profile else ""

    @property
    def task(self) -> str:
        """The instruction given to dataset and policy."""
        return self.request.task

    @property
    def dataset(self) -> str:
        """The dataset it writes or reads."""
        return self.request.dataset

    @property
    def dataset_root(self) -> str:
        """That dataset's folder."""
        return self.request.dataset_root or (self.recording.root if self.recording is not None else "")

    @property
    def target(self) -> int:
        """Target number of accepted episodes, steps or judged trials; 0 for none."""
        return self.request.target


class SessionEnded(Event, frozen=True, kw_only=True, tag=True):
    """The session is over; nothing but notes, tags, marks, BroughtIn and TrainingResumed may follow.

    `took_s` is how long it took if that is recorded of an imported one, whose times may not be; else 0. `not_resumed`
    is why a training that had ended so could not go on when that was last tried.
    """

    status: SessionStatus
    reason: str = ""
    took_s: float = 0.0
    not_resumed: str = ""

    @property
    def whole_reason(self) -> str:
        """Why it ended and, if that was tried, why it did not go on."""
        return f"{self.reason}; resuming it failed: {self.not_resumed}" if self.not_resumed else self.reason


class BroughtIn(Event, frozen=True, kw_only=True, tag=True):
    """The session came into this log from another bench's, or from an archive: `place` is that folder or file.

    `known_as` is its id there, if this log calls it otherwise.
    """

    place: str
    known_as: str = ""


class BenchConnected(Event, frozen=True, kw_only=True, tag=True):
    """The bench is connected: `robot` and `leader` are LeRobot type names, `cameras` those that work.

    `leader` is empty if the session needs none. `calibration` maps each arm (`follower`, `leader`, or for a bimanual
    robot names like `follower left_arm`) to the SHA-256 (hexadecimal) of its calibration file; arms without such a
    file, as on the simulated bench, are left out. `joints` is what the follower's says of each motor, `lay`
    where its motors were then; older files have neither.
    """

    robot: str
    leader: str = ""
    cameras: tuple[str, ...] = ()
    calibration: dict[str, str] = {}
    joints: dict[str, JointCalibration] = {}
    lay: dict[str, float] = {}


class CalibrationRefused(Event, frozen=True, kw_only=True, tag=True):
    """An arm's calibration `file` does not fit its motors: the session ends before anything moved.

    `arm` is `follower`, `leader` or, of two arms, `follower left`. `detail` is the reader's reason for an unreadable
    file, the joints of a foreign one, and for a missing one the file of another arm whose values the motors hold.
    `differences` are the joints in which file and motors disagree. `act` mends it if the operator wants it and
    nothing stands in `hindrance`: with an act, what has to be over first, and without one, why nothing is written.
    `command` calibrates the arm anew.
    """

    arm: str
    fault: CalibrationFault
    file: str
    detail: str = ""
    differences: tuple[JointDifference, ...] = ()
    act: CalibrationAct = CalibrationAct.NONE
    hindrance: str = ""
    command: str = ""


class CalibrationWritten(Event, frozen=True, kw_only=True, tag=True):
    """The operator wanted file and motors of `arm` to agree, and they do: read back after `act`."""

    arm: str
    act: CalibrationAct
    file: str


class DatasetRecovered(Event, frozen=True, kw_only=True, tag=True):
    """The dataset was repaired before it was opened: `summary` says it in a sentence.

    `quarantined` are the files that were moved to the folder `where`, `rewritten` those whose former state is kept
    there; all are paths inside the dataset. Older files do not name the rewritten ones.
    """

    episodes: int
    frames: int
    summary: str
    quarantined: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    where: str = ""


class TakeLost(Event, frozen=True, kw_only=True, tag=True):
    """A take, or a trial's motion, could not be saved as an episode; `where` is the folder with its remains, if any."""

    take: int
    reason: str
    where: str = ""


class TrainingStarted(Event, frozen=True, kw_only=True, tag=True):
    """The first training step is next; all values are as LeRobot resolved them.

    `episodes` are those trained on, without held-out ones; `config` is LeRobot's TrainPipelineConfig without
    `dataset.episodes`, which would repeat nearly the same numbers (older files have both). `notes` tell the operator
    about the data, such as episodes without marks. `left_out_decoded` is whether the videos of `excluded_cameras` were
    decoded all the same; None in files from before it was avoided (LeRobot 0.6.1 does decode them), and if it is not
    recorded of an imported training, whose other facts are in `recorded`. `left_out` are the episodes that are not
    learnt from, and why; it is empty, and `hardware` is None, in older files. `batch_size` is what each of the
    `processes` takes. `lineage` tells data, configuration and calibration by content.
    """

    policy: str
    output_dir: str
    steps: int
    batch_size: int
    device: str
    parameters: int
    episodes: tuple[int, ...]
    episodes_total: int
    frames: int
    cameras: tuple[str, ...] = ()
    excluded_cameras: tuple[str, ...] = ()
    log_freq: int = 0
    save_freq: int = 0
    config: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    left_out_decoded: bool | None = None
    left_out: tuple[LeftOut, ...] = ()
    recorded: RecordedTraining | None = None
    hardware: Hardware | None = None
    processes: int = 1
    lineage: Lineage = Lineage()

    @property
    def samples_per_step(self) -> int:
        """What all processes together learn from in a step; 0 if it is not recorded."""
        return self.batch_size * self.processes


class TrainingResumed(Event, frozen=True, kw_only=True, tag=True):
    """A training that had ended goes on in its session, from the checkpoint of `step`; `steps` are asked for now.

    `ended` is how and when the part before ended, `reached` the last step that it made of the `wanted` ones: those
    after `step` are lost, and made again. `by` asked for it, on `host`. `changed` are sentences on what of the dataset
    is not as it was, which `by` accepted. The session's SessionEnded is over with this event, which older consoles do
    not know.
    """

    step: int
    steps: int
    checkpoint: str
    reached: int
    wanted: int
    ended: SessionEnded
    by: str = ""
    host: str = ""
    versions: dict[str, str] = {}
    changed: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """Steps that are made again."""
        return max(0, self.reached - self.step)

    @property
    def pause(self) -> float:
        """Seconds in which nothing was trained; 0 if a clock went back."""
        return max(0.0, self.at - self.ended.at)


class TrainingProgressed(Event, frozen=True, kw_only=True, tag=True):
    """Progress of a training: about once a second on the socket only (seq 0), durable every 30 s and at the end.

    `points` counts the lines of metrics.jsonl; `metrics` holds the last logged values under LeRobot's names
    (loss, lr, grad_norm, update_s, dataloading_s, samples_per_s, ...), without those that are not finite; `eval_loss`
    is the newest loss of the held-out episodes. `machine` is what it is busy with now.
    """

    step: int
    samples: int = 0
    epochs: float = 0.0
    points: int = 0
    metrics: dict[str, float] = {}
    machine: MachineLoad | None = None


class CheckpointSaved(Event, frozen=True, kw_only=True, tag=True):
    """A checkpoint is complete and durable; `path` holds pretrained_model/ and training_state/.

    `loss` is the last that was logged; `eval_loss` that of the held-out episodes, if it was measured at this step.
    `weights` is the fingerprint of its policy (services.checkpoints.weights), empty in older files.
    """

    step: int
    path: str
    bytes: int
    seconds: float
    loss: float | None = None
    eval_loss: float | None = None
    weights: str = ""


class PolicyLoaded(Event, frozen=True, kw_only=True, tag=True):
    """The policy fits the bench and is ready. `start_pose` is the start pose of its trials in degrees, if known.

    `notes` describe harmless differences (a camera that the policy does not use, ...). `slots` are its cameras, empty
    in older files. `weights` is its fingerprint (services.checkpoints.weights), empty in older files, and where a
    server loaded it from a path of its own.
    """

    checkpoint: str
    policy: str
    device: str
    parameters: int
    cameras: tuple[str, ...] = ()
    actions_per_inference: int = 1
    start_pose: dict[str, float] = {}
    notes: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    weights: str = ""


class Unblinded(Event, frozen=True, kw_only=True, tag=True):
    """What the codes of a blinded evaluation stand for: `checkpoints` in their order, with what was not told of them.

    `by` is who asked; `reason` is why before its end. `trained_in`, `weights` and `server_path` are of the request,
    `loaded` the policies as loaded, `measured` what was measured of the trials, by number.
    """

    by: str = ""
    reason: str = ""
    checkpoints: tuple[str, ...] = ()
    trained_in: tuple[str, ...] = ()
    weights: dict[str, str] = {}
    server_path: str = ""
    loaded: tuple[PolicyLoaded, ...] = ()
    measured: dict[int, Measured] = {}


class PreflightMade(Event, frozen=True, kw_only=True, tag=True):
    """Bench, policy and training data were compared without a motion. `preflight` counts in the session from 1.

    The `checks` took `seconds`; where there are several policies, each names its own.
    """

    preflight: int
    checks: tuple[Check, ...] = ()
    seconds: float = 0.0


class PreflightConfirmed(Event, frozen=True, kw_only=True, tag=True):
    """Somebody, `by`, lets trials begin although these checks of the preflight were `bad`."""

    preflight: int
    by: str = ""
    bad: tuple[str, ...] = ()
