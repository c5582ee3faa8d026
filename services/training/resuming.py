"""Going on with a training that has ended, in its own session: from where, what stands in the way, and the start.

Reads the disk: do not call it on an event loop.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from services.checkpoints import checkpoint as checkpoints
from services.folders import DataFolder, FolderProblem, RunFolder
from services.live import events as ev
from services.live import metrics
from services.live.crashes import close_crashed
from services.live.event_log import EventLog, LogBusy
from services.live.launch import relaunch
from services.live.requests import TrainRequest, write_request
from services.live.snapshots import Snapshot, replay
from services.refusal import Refusal, check_number
from services.text import clean
from services.training.curves import Curves, Metric
from services.training.dataset_drift import drift
from services.training.resumable import why_not
from services.training.schedule import on_more_steps
from sessions.document import Training
from sessions.files import why_unwritable
from sessions.models import SessionStatus


@dataclass(frozen=True)
class Standing:
    """Where a training stands that may be resumed: its newest whole `checkpoint`, of `step`, and what it had `reached`.

    `changed` says what of its dataset is not as it was, to be accepted before it goes on; `notes` are good to know.
    """

    run: RunFolder
    name: str
    snapshot: Snapshot
    training: Training
    checkpoint: Path
    step: int
    reached: int
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether all the steps that were asked for are made: to go on, more have to be."""
        return self.step >= self.training.started.steps


@dataclass(frozen=True)
class ResumePlan:
    """A checked order to go on until `steps` are made in all, asked for by `operator`."""

    standing: Standing
    steps: int
    operator: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the operator should know before it goes on, in sentences."""
        at, started = self.standing, self.standing.training.started
        lost = at.reached - at.step
        again = f"steps {at.step + 1:,} to {at.reached:,} are made again" if lost > 0 else ""
        lr = on_more_steps(started.config, started.steps, self.steps, at.step)
        request = at.snapshot.started.request if at.snapshot.started else None
        to = request.push if isinstance(request, TrainRequest) else ""
        push = f"after its last step LeRobot uploads the policy to the Hub as {clean(to)}, private" if to else ""
        return tuple(filter(None, (again, lr, push, *at.notes)))


def look(folder: DataFolder, session_id: str) -> Standing:
    """Where this training stands. A crash that nobody has noted yet is noted. Raises Refusal if it cannot go on."""
    run = folder.run(session_id)
    try:
        snapshot = close_crashed(run)
    except OSError as error:
        raise Refusal(f"session {session_id} cannot be read ({error.strerror or error})") from error
    request = snapshot.started.request if snapshot.started else None
    name = request.name if isinstance(request, TrainRequest) else session_id
    output = folder.trainings / name
    saved = checkpoints.complete(output)
    training = snapshot.training
    if why := why_not(_with_saved(snapshot) if saved else snapshot):
        raise Refusal(f"{clean(name)} cannot be resumed: {why}")
    assert training is not None and isinstance(request, TrainRequest)
    if not saved:
        raise Refusal(f"{clean(name)} cannot be resumed: {output} holds no whole checkpoint (any more)")
    kept = checkpoints.read_provenance(saved[-1] / checkpoints.PRETRAINED)
    if kept.session not in ("", run.id):
        other = clean(kept.session)
        raise Refusal(f"{clean(name)} cannot be resumed: the checkpoints in {output} are of session {other}")
    step = int(saved[-1].name)
    _check_finite(run, step, saved, name)
    found = drift(folder, request.dataset, kept, training.started)
    newest = metrics.newest(run.metrics)
    reached = max(step, training.step, newest.step if newest else 0)
    return Standing(run, name, snapshot, training, saved[-1], step, reached, found.changed, found.notes)


def _with_saved(snapshot: Snapshot) -> Snapshot:
    """The state as `why_not` takes it, with a checkpoint that is on disk but in no event."""
    training = snapshot.training
    if training is None or training.checkpoints:
        return snapshot
    found = msgspec.structs.replace(training, checkpoints=(ev.CheckpointSaved(step=0, path="", bytes=0, seconds=0),))
    return replace(snapshot, training=found)


def _check_finite(run: RunFolder, step: int, saved: list[Path], name: str) -> None:
    """Raises Refusal if the loss was no number when the newest checkpoint was saved: it has learnt that."""
    curves = Curves(run.metrics)
    with suppress(OSError):
        curves.read()
    odd = [mark for mark in curves.marks(Metric.LOSS) if mark.first <= step]
    at = curves.index_at(step)
    if not odd or at is None or odd[-1].last < int(curves.steps[at]):
        return
    first = odd[-1].first
    before = [path for path in saved if int(path.name) < first]
    spoilt = [path.name for path in saved if int(path.name) >= first]
    instead = ""
    if before:
        names = ", ".join(spoilt)
        instead = f"remove {names} from {saved[-1].parent} to go on from step {int(before[-1].name):,}, or "
    raise Refusal(
        f"{clean(name)} cannot be resumed: its loss is {odd[-1].what} since step {first:,}, and the checkpoint of step "
        f"{step:,} has learnt from that: {instead}start a new training with a lower learning rate"
    )


def plan(standing: Standing, *, steps: int | None = None, operator: str = "", anyway: bool = False) -> ResumePlan:
    """A checked order; without `steps`, those that were asked for. Raises Refusal.

    `anyway` accepts what has changed in the dataset.
    """
    wanted = standing.training.started.steps if steps is None else steps
    check_number("steps", wanted, 1)
    if wanted <= standing.step:
        done = f"all its {standing.step:,}" if standing.finished else f"{standing.step:,}"
        raise Refusal(
            f"{clean(standing.name)} has made {done} steps: give a larger number, which counts those as well", "steps"
        )
    if standing.changed and not anyway:
        raise Refusal(
            f"the dataset of {clean(standing.name)} has changed: {'; '.join(standing.changed)}. "
            "--anyway goes on all the same, with the same episodes by their numbers"
        )
    return ResumePlan(standing, wanted, operator)


def begin(folder: DataFolder, plan: ResumePlan) -> RunFolder:
    """Start the worker that goes on with the training. Raises Refusal, FolderProblem.

    The session is claimed by the lock on its events, which its worker takes over: of two consoles one is refused.
    """
    run, at = plan.standing.run, plan.standing
    try:
        log = EventLog(run)
    except LogBusy:
        raise Refusal(f"{clean(at.name)} is running already: `lab-console attach {run.id}` follows it") from None
    except OSError as error:
        raise FolderProblem(f"{run.root} cannot be written: {why_unwritable(error)}") from error
    try:
        _begin(folder, plan, log)
    except OSError as error:
        raise FolderProblem(f"{clean(at.name)} was not resumed: {why_unwritable(error)}") from error
    finally:
        log.close()
    return run


def _begin(folder: DataFolder, plan: ResumePlan, log: EventLog) -> None:
    at, state = plan.standing, replay(log.events)
    if state.ended is None or state.ended != at.snapshot.ended or state.training is None:
        raise Refusal(f"{clean(at.name)} went on and ended meanwhile: look at it again")
    request = state.started.request if state.started else None
    assert isinstance(request, TrainRequest)
    if request.data_dir != str(folder.root):  # the worker's order; what was asked for at first stays in the events
        write_request(at.run, msgspec.structs.replace(request, data_dir=str(folder.root)))
    if at.step not in {saved.step for saved in state.training.checkpoints}:  # killed before it could say so
        log.append(_saved(at.checkpoint, at.step))
    log.append(
        ev.TrainingResumed(
            step=at.step, steps=plan.steps, checkpoint=str(at.checkpoint), reached=at.reached,
            wanted=state.training.started.steps, ended=state.ended, by=plan.operator, host=socket.gethostname(),
            changed=at.changed,
        )
    )  # fmt: skip
    try:
        relaunch(folder, at.run, request, log)
    except OSError as error:
        log.append(ev.SessionEnded(status=SessionStatus.ABORTED, reason=f"its worker cannot be started: {error}"))
        raise


def _saved(checkpoint: Path, step: int) -> ev.CheckpointSaved:
    files = [path.stat() for path in checkpoint.rglob("*") if path.is_file()]
    at = max((each.st_mtime for each in files), default=0.0)
    return ev.CheckpointSaved(
        at=at, step=step, path=str(checkpoint), bytes=sum(each.st_size for each in files), seconds=0.0
    )
