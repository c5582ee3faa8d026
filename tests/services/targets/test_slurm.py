"""A training as a job: the script, and a real SLURM of one node that starts, preempts, queues again and cancels it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live import protocol as live
from services.live.crashes import close_crashed
from services.live.event_log import EventLog, read_events
from services.live.launch import launch
from services.live.reasons import Step
from services.live.requests import read_request, write_request
from services.live.snapshots import replay
from services.refusal import Refusal
from services.targets import protocol
from services.targets import slurm as slurm_module
from services.targets.jobs import running_trainings
from services.targets.slurm import SlurmJob, another_stop, script
from sessions.files import write_atomically
from sessions.models import SessionStatus
from sessions.requests import TrainRequest
from sessions.target import Target, TargetKind
from tests.support.rig import Rig, gone, wait_until
from tests.support.slurm import Slurm, needs_slurm
from tests.support.sshd import lab_console
from tests.support.trainings import make_dataset, plan
from tests.support.zygote import Zygote


def test_the_job_is_the_worker_and_when_it_is_queued_again_what_resumes_it(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "it's here")
    extra = ("--account=robots", "module load cuda")
    target = Target(name="hpc", kind=TargetKind.SLURM, command="uv run lab-console", extra=extra)
    lines = script(folder.run("20261124-213011-7f3a"), folder, target).splitlines()
    assert lines[:3] == ["#!/bin/bash", "#SBATCH --account=robots", "module load cuda"]
    quoted = f"'{tmp_path}/it'\"'\"'s here"
    assert lines[4] == f"  if [ -e {quoted}/runs/20261124-213011-7f3a/stopped' ]; then"
    assert lines[8] == f"  exec uv run lab-console --data-dir {quoted}' train --resume 20261124-213011-7f3a"
    assert lines[10].endswith(f" -P -m services.workers.train {quoted}/runs/20261124-213011-7f3a'")


def test_a_job_that_was_stopped_and_is_queued_again_is_not_resumed(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "lab").create()
    run = folder.run("20261124-213011-7f3a")
    run.root.mkdir(parents=True)
    job = tmp_path / "job.sh"
    job.write_text(script(run, folder, Target(name="hpc", kind=TargetKind.SLURM, command="echo lab-console")))

    def again() -> str:
        queued_again = os.environ | {"SLURM_RESTART_COUNT": "1"}
        return subprocess.run(["bash", job], env=queued_again, capture_output=True, text=True, check=True).stdout

    assert again() == f"lab-console --data-dir {folder.root} train --resume {run.id}\n"
    (run.root / slurm_module.STOPPED).write_text("1795781665 anna\n")
    assert again() == "it was stopped before it was queued again: it is not resumed\n"


def test_only_a_worker_that_does_not_react_loses_its_job_by_another_stop_and_that_is_said_before() -> None:
    def answer(*before: float, reacted: bool = False) -> tuple[bool, str]:
        return another_stop(list(before), 100.0, reacted=reacted)

    assert answer() == (False, "")
    assert answer(88.0) == (
        False, "its worker has not reacted for 12 s: another stop in 18 s cancels the job, without a checkpoint"
    )  # fmt: skip
    assert not answer(88.0, 90.0)[0], "too early"
    assert "another stop cancels the job" in answer(60.0)[1] and not answer(60.0)[0], "it was not said yet"
    assert answer(60.0, 80.0)[0]
    assert not answer(60.0, 80.0, reacted=True)[0]


def test_what_the_worker_said_before_it_was_queued_again_is_no_reaction_to_a_stop() -> None:
    stopping = ev.PhaseChanged(phase="training", step=Step.STOPPING)
    ended = ev.SessionEnded(status=SessionStatus.ABORTED, reason="preempted")
    resumed = ev.TrainingResumed(step=2, steps=4, checkpoint="", reached=2, wanted=4, ended=ended)
    assert slurm_module._stopping([stopping, ev.PhaseChanged(phase="saving")])
    assert not slurm_module._stopping([stopping, ended, resumed, ev.PhaseChanged(phase="training")])


NAME = "lab-act_cubes-20261124-213011-7f3a"
UNREACHABLE = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
NOT_KNOWN = "slurm_load_jobs error: Invalid job id specified"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes programs that are found first: each says a text, on standard error if it fails, and notes its words."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name: str, says: str, *, fails: bool = False) -> Path:
        path, noted = folder / name, folder / f"{name}.called"
        stream, status = (2, 1) if fails else (1, 0)
        path.write_text(f"#!/bin/sh\necho \"$@\" >> {noted}\necho '{says}' >&{stream}\nexit {status}\n")
        path.chmod(0o755)
        return noted

    return make


def queued(folder: DataFolder, target: Target, number: str = "7") -> RunFolder:
    """A session whose job is in the queue."""
    run = folder.run("20261124-213011-7f3a")
    run.root.mkdir(parents=True)
    asked = TrainRequest(data_dir=str(folder.root), dataset="cubes", policy="act", name="act_cubes", steps=4)
    write_request(run, asked)
    SlurmJob(run)._write(slurm_module._Kept(job=number, name=NAME, target=target))
    return run


def test_a_cluster_that_does_not_answer_ends_no_session(tmp_path: Path, programs: Callable[..., Path]) -> None:
    folder, target = DataFolder(tmp_path / "lab").create(), Target(name="hpc", kind=TargetKind.SLURM)
    run = queued(folder, target)
    job = SlurmJob(run)
    with EventLog(run) as log:
        log.append(ev.SessionStarted(id=run.id, pid=1, host="node", request=read_request(run)))
    for name in ("sacct", "scontrol"):
        programs(name, "slurm_load_jobs error: Unable to contact slurm controller", fails=True)
    programs("squeue", UNREACHABLE, fails=True)
    assert job.look() is None and not job.over and not job.vanished()
    with pytest.raises(Refusal, match="Unable to contact slurm controller"):
        job.stop("anna")
    assert [each.name for each in running_trainings(folder)] == ["act_cubes"], "its dataset must not be replaced"
    programs("squeue", "RUNNING|None")
    job._asked_at = float("-inf")
    assert job.look() == protocol.JobState(job="7", state="RUNNING")
    programs("squeue", UNREACHABLE, fails=True)
    job._asked_at = float("-inf")
    state = job.look()
    assert state is not None and state.state == "RUNNING" and "Unable to contact" in state.detail
    assert close_crashed(run).running, "its node may share no locks with this machine"
    programs("squeue", NOT_KNOWN, fails=True)
    job._asked_at = float("-inf")
    assert job.look() == protocol.JobState(job="7", state="UNKNOWN", detail="SLURM does not know it any more")
    assert replay(read_events(run.events)).status is SessionStatus.CRASHED
    assert running_trainings(folder) == []


def test_a_job_that_is_queued_again_closes_its_earlier_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = queued(DataFolder(tmp_path / "lab").create(), Target(name="hpc", kind=TargetKind.SLURM))
    with EventLog(run) as log:
        log.append(ev.SessionStarted(id=run.id, pid=1, host="node", request=read_request(run)))
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    assert close_crashed(run).running
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert close_crashed(run).status is SessionStatus.CRASHED


def test_a_job_whose_number_cannot_be_kept_is_cancelled(
    tmp_path: Path, programs: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, target = DataFolder(tmp_path / "lab").create(), Target(name="hpc", kind=TargetKind.SLURM)
    run = folder.run("20261124-213011-7f3a")
    programs("sbatch", "7;cluster")
    cancelled = programs("scancel", "")

    def full(path: Path, data: bytes) -> None:
        if b'"job":"7"' in data:
            raise OSError(28, "No space left on device")
        write_atomically(path, data)

    monkeypatch.setattr(slurm_module, "write_atomically", full)
    asked = TrainRequest(data_dir=str(folder.root), dataset="cubes", policy="act", name="act_cubes", steps=4)
    with pytest.raises(OSError, match="No space left"):
        SlurmJob(run, target).begin(folder, asked)
    assert cancelled.read_text() == "7\n"
    assert not run.root.exists()


def test_a_job_whose_submitter_was_killed_is_found_by_its_name(tmp_path: Path, programs: Callable[..., Path]) -> None:
    run = queued(DataFolder(tmp_path / "lab").create(), Target(name="hpc", kind=TargetKind.SLURM), number="")
    asked, job = programs("squeue", ""), SlurmJob(run)
    programs("sacct", "")
    assert job.look() is None and not job.over, "sbatch may be on its way"
    assert asked.read_text() == f"--noheader --states=all --name={NAME} --format=%A\n"
    long_ago = time.time() - 100
    os.utime(run.job, (long_ago, long_ago))
    late = SlurmJob(run)
    late.look()
    assert late.over and late.vanished() == slurm_module.NEVER
    programs("squeue", "7")
    assert SlurmJob(run)._number() == "7"
    programs("squeue", "", fails=True)
    assert SlurmJob(run)._number() == "7", "it was noted"


def test_a_job_that_waits_is_cancelled_by_a_stop_and_one_that_runs_is_told_to_save(
    tmp_path: Path, programs: Callable[..., Path]
) -> None:
    run = queued(DataFolder(tmp_path / "lab").create(), Target(name="hpc", kind=TargetKind.SLURM))
    told = programs("scancel", "")
    programs("squeue", "RUNNING|None")
    assert SlurmJob(run).stop("anna") == ""
    assert told.read_text() == "--signal=TERM --batch 7\n"
    programs("squeue", "PREEMPTED|None")
    assert SlurmJob(run).stop("anna") == "job 7 is cancelled"
    assert told.read_text().splitlines()[-1] == "7"
    stopped = run.root / slurm_module.STOPPED
    assert [line.partition(" ")[2] for line in stopped.read_text().splitlines()] == ["anna", "anna"]
    stopped.unlink()
    programs("scancel", "Socket timed out", fails=True)
    with pytest.raises(Refusal, match="Socket timed out"):
        SlurmJob(run).stop("anna")
    assert not stopped.exists(), "nobody stopped it"


@pytest.fixture
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    folder = tmp_path_factory.mktemp("slurm")
    for parent in list(folder.parents)[:2]:  # pytest's own, which nobody else may enter
        parent.chmod(parent.stat().st_mode | 0o055)
    made = Slurm(folder)
    yield made
    made.close()


@needs_slurm
async def test_a_job_is_followed_through_a_preemption_and_stops_with_a_checkpoint(
    quick_rig: Rig, zygote: Zygote, slurm: Slurm, tmp_path: Path
) -> None:
    make_dataset(quick_rig.folder)
    there = DataFolder(tmp_path / "there").create()
    target = Target(
        name="hpc", kind=TargetKind.SLURM, folder=str(there.root), command=lab_console(zygote.orders), partition="low",
        time="01:00:00", extra=("--exclusive", "export OMP_NUM_THREADS=1"),
    )  # fmt: skip
    request = plan(quick_rig.folder, steps=1_000_000, save_freq=1_000_000, log_freq=5)
    run = launch(quick_rig.folder, msgspec.structs.replace(request, on=target))
    wait_until(lambda: len(steps(run)) > 3, 120, "no curves")
    before = steps(run)[-1]
    slurm.call("sbatch", "--partition=high", "--exclusive", f"--output={tmp_path}/high.log", "--wrap=sleep 1")
    wait_until(lambda: bool(quick_rig.events(run, ev.TrainingResumed)), 120, "it was not resumed")
    wait_until(lambda: steps(run)[-1] > before + 50, 120, "it does not go on")
    async with quick_rig.attached(run) as link:
        answer = await link.ask(live.Finish(by="anna"), 60)
        assert answer.ok, answer.error
        await link.until(lambda s: not s.running, 60)
    wait_until(gone(run), 30)
    state = quick_rig.snapshot(run)
    assert state.training is not None and state.training.checkpoints[-1].step == state.training.step > before
    assert Path(state.training.checkpoints[-1].path).is_relative_to(quick_rig.folder.root)
    (resumed,) = quick_rig.events(run, ev.TrainingResumed)
    assert resumed.checkpoint.startswith(str(quick_rig.folder.root))
    assert state.status in (SessionStatus.ABORTED, SessionStatus.FINISHED)
    assert "stopped by" in state.end_reason and "checkpoint saved" in state.end_reason
    assert run.metrics.read_bytes() == there.run(run.id).metrics.read_bytes()


def steps(run: RunFolder) -> list[int]:
    return [json.loads(line)["step"] for line in run.metrics.read_bytes().splitlines()] if run.metrics.exists() else []
