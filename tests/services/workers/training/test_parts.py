"""The parts of training that need no training: the kernel's counters, ends and errors as sentences, the files."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.event_log import EventLog
from services.live.reasons import Advice
from services.live.requests import TrainRequest, write_request
from services.live.snapshots import Snapshot
from services.workers.training import patience, stop_timeout
from services.workers.training.channel import Channel
from services.workers.training.errors import explain, loader_was_killed
from services.workers.training.messages import Ended, Outcome, Stepped, decode, encode, logged
from services.workers.training.metrics_file import MetricsFile
from services.workers.training.oom import oom_kills
from services.workers.training.outcome import SIGTERM, Ending, stopped_by
from services.workers.training.patience import Patience
from services.workers.training.stop_timeout import StopTimeout
from sessions.models import SessionStatus
from tests.support.rig import wait_until

REQUEST = TrainRequest(data_dir="/lab", dataset="cubes", policy="act", name="act_cubes", steps=100)

BY_TG = stopped_by("tg")


# -- memory ----------------------------------------------------------------------------------------------


def test_kills_for_memory_are_counted_on_the_machine_and_in_the_own_group(tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_text("nr_free_pages 12\noom_kill 3\nthp_fault_alloc 0\n")
    (tmp_path / "cgroup").write_text("1:cpu:/elsewhere\n0::/user.slice/lab\n")
    group = tmp_path / "groups" / "user.slice" / "lab"
    group.mkdir(parents=True)
    (group / "memory.events").write_text("low 0\noom 5\noom_kill 2\noom_group_kill 0\n")
    assert oom_kills(tmp_path / "vmstat", tmp_path / "cgroup", tmp_path / "groups") == 5


def test_a_kernel_without_counters_counts_as_none(tmp_path: Path) -> None:
    assert oom_kills(tmp_path / "none", tmp_path / "none", tmp_path / "none") == 0
    assert oom_kills() >= 0


# -- how it ended -----------------------------------------------------------------------------------------


def started(output: Path) -> ev.TrainingStarted:
    return ev.TrainingStarted(
        policy="act", output_dir=str(output), steps=100, batch_size=8, device="cpu", parameters=1, episodes=(0,),
        episodes_total=1, frames=10,
    )  # fmt: skip


def ending(output: Path, **known: Any) -> tuple[SessionStatus, str]:
    facts: dict[str, Any] = {"request": REQUEST, "started": started(output), "step": 41, "code": 0, **known}
    return Ending(**facts).outcome()


@pytest.mark.parametrize(
    ("known", "status", "words"),
    [
        ({"code": -9}, SessionStatus.CRASHED, "the trainer was killed by SIGKILL; it was at step 41 of 100"),
        ({"code": -9, "memory_short": True}, SessionStatus.CRASHED, "out of memory: the kernel killed the trainer"),
        ({"code": -11}, SessionStatus.CRASHED, "killed by SIGSEGV"),
        ({"code": 3}, SessionStatus.CRASHED, "exited with status 3 and gave no reason"),
        ({"ended": Ended(outcome=Outcome.FINISHED, step=100)}, SessionStatus.FINISHED, "trained all 100 steps"),
        ({"ended": Ended(outcome=Outcome.STOPPED), "stop": BY_TG}, SessionStatus.FINISHED, "by tg at step 41 of 100, "),
        ({"ended": Ended(outcome=Outcome.STOPPED), "stop": SIGTERM}, SessionStatus.ABORTED, "stopped by SIGTERM"),
        ({"ended": Ended(outcome=Outcome.GAVE_UP, text="no room")}, SessionStatus.ABORTED, "no room; it was at "),
        ({"ended": Ended(outcome=Outcome.REFUSED, text="no such key")}, SessionStatus.ABORTED, "no such key"),
        ({"ended": Ended(outcome=Outcome.FAILED, text="KeyError: 'a'")}, SessionStatus.CRASHED, "KeyError: 'a'; it "),
        ({"started": None, "step": 0, "code": -9, "stop": SIGTERM}, SessionStatus.ABORTED, "by SIGTERM before the"),
        ({"started": None, "step": 0, "code": 1}, SessionStatus.CRASHED, "no step was made"),
        ({"code": -9, "trouble": "the loss is NaN since step 3"}, SessionStatus.CRASHED, "; the loss is NaN since"),
        (
            {"ended": Ended(outcome=Outcome.FAILED, text="DataLoader worker is gone", loader_killed=True),
             "memory_short": True},
            SessionStatus.CRASHED, "out of memory: the kernel killed a loader",
        ),
    ],
)  # fmt: skip
def test_every_end_is_named(tmp_path: Path, known: dict[str, Any], status: SessionStatus, words: str) -> None:
    got, text = ending(tmp_path, **known)
    assert (got, words in text) == (status, True), text


# -- errors as sentences ----------------------------------------------------------------------------------------


def raised(kind: type[BaseException], *args: Any, cause: BaseException | None = None) -> BaseException:
    error = kind(*args)
    error.__cause__ = cause
    return error


def test_a_loader_that_was_killed_is_known_by_what_torch_says() -> None:
    torch_says = raised(RuntimeError, "DataLoader worker (pid 12) is killed by signal: Killed. ")
    assert loader_was_killed(raised(RuntimeError, "DataLoader worker (pid(s) 12) exited", cause=torch_says))
    assert not loader_was_killed(raised(RuntimeError, "DataLoader worker (pid(s) 12) exited"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory: MemoryError; use a smaller batch size (it is 8)"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out of memory: CUDA"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory: "),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full: "),
        (raised(RuntimeError, "parquet", cause=OSError(errno.ENOSPC, "No space left")), "the disk is full: parquet"),
        (type("LocalEntryNotFoundError", (OSError,), {})("not cached"), "could not be fetched from the"),
        (OSError("We couldn't connect to 'https://huggingface.co' to load the files"), "name a local copy"),
        (FileExistsError(errno.EEXIST, "File exists", "/lab/outputs/train/act_cubes"), "a training act_cubes exists"),
        (KeyError("observation.images.side"), "act takes observation.images.side, and a sample of dataset "),
        (KeyError("chunk"), "KeyError: 'chunk'"),
        (ValueError("bad shape\nmore"), "ValueError: bad shape"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "ConnectionResetError: "),
    ],
)  # fmt: skip
def test_errors_become_sentences(error: BaseException, words: str) -> None:
    assert words in explain(error, REQUEST)


def test_a_backbone_that_cannot_be_downloaded_is_named_with_the_way_round() -> None:
    with pytest.raises(OSError) as caught:
        urllib.request.urlopen("http://127.0.0.1:9/resnet18.pth", timeout=5)
    assert "--set policy.pretrained_backbone_weights=null" in explain(caught.value, REQUEST)


# -- messages and the channel ------------------------------------------------------------------------------


def test_facts_keep_every_number_and_what_is_none() -> None:
    fact = logged(step=3, at=1.5, samples=6, epochs=0.1, metrics={"loss": 0.1 + 0.2, "grad_norm": float("nan")})
    back = decode(encode(fact))
    assert back == fact
    assert fact.metrics == {"loss": 0.30000000000000004}
    assert fact.values["grad_norm"] != fact.values["grad_norm"]


def test_a_trainer_leaves_when_its_connection_breaks() -> None:
    ours, theirs = socket.socketpair()
    left: list[int] = []
    channel = Channel(theirs, leave=left.append)
    ours.sendall(b"hurry\nst")
    wait_until(lambda: channel.stop_requested)
    assert channel.hurried_at is not None and not channel.wait(0)
    ours.sendall(b"op\n")
    wait_until(lambda: channel.stop_now)
    assert channel.wait(0)
    ours.close()
    wait_until(lambda: bool(left))


def test_a_child_dies_with_its_parent() -> None:
    code = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import os, sys, time; from services.child_process import "
        "die_with; die_with(int(sys.argv[1])); print(os.getpid(), flush=True); time.sleep(60)', str(os.getpid())])\n"
        "child.wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    wait_until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text())
    parent.stdout.close()


def test_a_child_whose_parent_is_gone_already_does_not_begin() -> None:
    code = "from services.child_process import die_with; die_with(1 << 22); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")


# -- metrics.jsonl ---------------------------------------------------------------------------------------------


def test_points_wait_in_memory_while_the_disk_is_full_and_come_in_order(tmp_path: Path) -> None:
    path, before = tmp_path / "metrics.jsonl", resource.getrlimit(resource.RLIMIT_FSIZE)
    file = MetricsFile(path)
    lines = [json.dumps({"step": n}).encode() + b"\n" for n in range(5)]
    file.append(lines[0])
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(lines[0]) + 4, before[1]))
    try:
        for line in lines[1:4]:
            file.append(line)
        assert file.trouble
        assert path.read_bytes() == lines[0]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    file.append(lines[4])
    assert (file.trouble, file.points) == ("", 5)
    file.close()
    assert path.read_bytes() == b"".join(lines)


def test_a_disk_that_fails_at_the_end_is_reported_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.workers.training.progress import Progress

    sent: list[ev.Event] = []
    context: Any = SimpleNamespace(
        run=RunFolder(tmp_path), journal=SimpleNamespace(emit=sent.append),
        server=SimpleNamespace(publish=sent.append), before=Snapshot(),
    )  # fmt: skip
    progress = Progress(context)
    progress.begin(started(tmp_path))
    progress.log(logged(step=3, at=1.0, samples=6, epochs=0.1, metrics={"loss": 0.5, "grad_norm": 1.0}))

    def failing(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    progress.close()
    alarm, kept = sent[1:]
    assert isinstance(alarm, ev.AlarmRaised) and "may lack the last points: Input/output error" in alarm.text
    assert isinstance(kept, ev.TrainingProgressed) and (kept.step, kept.points) == (3, 1)
    assert json.loads(RunFolder(tmp_path).metrics.read_text())["loss"] == 0.5


# -- checkpoints -----------------------------------------------------------------------------------------------


def test_a_checkpoint_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    from services.checkpoints.checkpoint import Provenance
    from services.workers.training.checkpoints import link_last, save_whole

    checkpoint = tmp_path / "train" / "checkpoints" / "000010"

    def half(folder: Path) -> None:
        (folder / "pretrained_model").mkdir(parents=True)
        (folder / "pretrained_model" / "model.safetensors").write_bytes(b"x" * 100)
        raise OSError(errno.ENOSPC, "No space left on device")

    def whole(folder: Path) -> None:
        (folder / "pretrained_model").mkdir(parents=True)
        (folder / "pretrained_model" / "model.safetensors").write_bytes(b"x" * 100)

    with pytest.raises(OSError, match="No space"):
        save_whole(half, checkpoint, Provenance())
    assert list(checkpoint.parent.iterdir()) == []
    size = save_whole(whole, checkpoint, Provenance(session="s"))
    assert size == sum(p.stat().st_size for p in checkpoint.rglob("*") if p.is_file())
    link_last(checkpoint)
    link_last(checkpoint)
    assert (checkpoint.parent / "last").readlink() == Path("000010")


def whole_checkpoint(folder: Path) -> None:
    """What counts as complete (services.checkpoints.checkpoint), without torch."""
    header = b'{"__metadata__":{}}'
    (folder / "pretrained_model").mkdir(parents=True)
    (folder / "training_state").mkdir()
    (folder / "pretrained_model" / "config.json").write_text('{"type": "act"}')
    (folder / "pretrained_model" / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    for name in ("training_step.json", "optimizer_state.safetensors", "optimizer_param_groups.json"):
        (folder / "training_state" / name).write_text("{}")


def test_a_checkpoint_that_is_whole_is_saved_whatever_the_disk_says_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.checkpoints.checkpoint import Provenance, complete
    from services.workers.training.checkpoints import link_last, save_whole

    checkpoint, fsync = tmp_path / "checkpoints" / "000010", os.fsync

    def no_folder_after_the_rename(descriptor: int) -> None:
        if checkpoint.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", no_folder_after_the_rename)
    size = save_whole(whole_checkpoint, checkpoint, Provenance())
    assert size == sum(p.stat().st_size for p in checkpoint.rglob("*") if p.is_file())
    link_last(checkpoint)
    assert complete(tmp_path) == [checkpoint]
    assert (checkpoint.parent / "last").readlink() == Path("000010")


def test_a_rename_that_worked_and_reports_that_it_failed_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.checkpoints.checkpoint import Provenance, complete
    from services.workers.training.checkpoints import save_whole

    checkpoint, rename = tmp_path / "checkpoints" / "000010", Path.rename

    def lying(self: Path, target: Path) -> None:
        rename(self, target)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "rename", lying)
    assert save_whole(whole_checkpoint, checkpoint, Provenance()) > 0
    assert complete(tmp_path) == [checkpoint]


@pytest.mark.parametrize("earlier", ["whole", "half"])
def test_a_retry_copes_with_what_an_earlier_try_left(tmp_path: Path, earlier: str) -> None:
    from services.checkpoints.checkpoint import Provenance, complete
    from services.workers.training.checkpoints import save_whole
    from services.workers.training.partial_checkpoints import partial_path

    checkpoint = tmp_path / "checkpoints" / "000010"
    whole_checkpoint(checkpoint)
    if earlier == "half":
        (checkpoint / "training_state" / "training_step.json").unlink()
    whole_checkpoint(partial_path(checkpoint))
    assert save_whole(whole_checkpoint, checkpoint, Provenance(session="s")) > 0
    assert complete(tmp_path) == [checkpoint] == list(checkpoint.parent.iterdir())


def test_a_trainer_that_waits_for_room_shows_that_it_lives(tmp_path: Path) -> None:
    from services.workers.training import training_run

    sent: list[Any] = []
    channel: Any = SimpleNamespace(send=sent.append, stop_requested=True, hurried_at=None, wait=lambda _: False)
    run = training_run.TrainingRun(RunFolder(tmp_path), REQUEST, None, channel)  # type: ignore[arg-type]
    run.config, run.step = SimpleNamespace(steps=100, batch_size=8), 20
    run._dataset = SimpleNamespace(num_frames=80)
    tries = iter([OSError(errno.ENOSPC, "No space left on device")] * 3)

    def write(folder: Path) -> None:
        if error := next(tries, None):
            raise error
        whole_checkpoint(folder)

    run.save(write, tmp_path / "checkpoints" / "000020")
    kinds = [type(t).__name__ for t in sent]
    assert kinds == [
        "Stepped", "PhaseChanged", "AlarmRaised", "Stepped", "Stepped", "Stepped", "AlarmCleared", "CheckpointSaved",
        "PhaseChanged",
    ]  # fmt: skip
    assert sent[0] == Stepped(step=20, samples=160, epochs=2.0)


@pytest.mark.parametrize("saved", [True, False])
def test_what_fails_after_the_last_checkpoint_is_the_upload_and_what_fails_before_it_is_the_training(
    saved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import nullcontext

    from services.workers.training import training_run

    channel: Any = SimpleNamespace(send=lambda _: None, progress=lambda _: None, stop_requested=False)
    asked = msgspec.structs.replace(REQUEST, push="lab/act_cubes")
    run = training_run.TrainingRun(RunFolder(tmp_path), asked, None, channel)  # type: ignore[arg-type]
    run.config = SimpleNamespace(steps=20, batch_size=8, policy=None, job=SimpleNamespace(is_remote=False))
    run._dataset = SimpleNamespace(num_frames=80)

    def train(config: Any) -> None:
        run.begun = True
        run.wants_checkpoint(20, due=True)
        if saved:
            run.save(whole_checkpoint, tmp_path / "checkpoints" / "000020")
        raise RuntimeError("no connection" if saved else "the weights cannot be written")

    monkeypatch.setattr(run, "_configure", lambda: None)
    monkeypatch.setattr(training_run, "hooked", lambda _: nullcontext())
    monkeypatch.setattr(training_run.resize, "of", lambda *_: None)
    monkeypatch.setattr(training_run.lerobot_train, "train", train)
    if not saved:
        with pytest.raises(RuntimeError, match="the weights cannot be written"):
            run.train()
        return
    ended = run.train()
    assert (ended.outcome, ended.text) == (
        Outcome.FINISHED, "it is not on the Hub as lab/act_cubes: no connection",
    )  # fmt: skip


def test_the_wait_ends_when_its_time_is_over_or_when_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited = 0.0, list[float]()

    def wait(seconds: float) -> bool:
        nonlocal now
        waited.append(seconds)
        now += seconds
        return False

    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: now))
    channel: Any = SimpleNamespace(wait=wait, hurried_at=None)
    ends, tries = Patience(channel).ends, 0
    while not (why := ends()):
        tries += 1
    assert (why, sum(waited), waited[:4]) == ("given up after 10 min", 600.0, [1.0, 2.0, 4.0, 10.0])
    assert tries == len(waited)
    twice: Any = SimpleNamespace(wait=lambda _: True, hurried_at=None)
    assert Patience(twice).ends() == "given up, as it was stopped again"


@pytest.mark.parametrize(("hurried", "over"), [(0.0, 105.0), (100.0, 105.0), (130.0, 135.0), (699.0, 700.0)])
def test_sigterm_cuts_the_wait_short(monkeypatch: pytest.MonkeyPatch, hurried: float, over: float) -> None:
    now = 100.0
    channel: Any = SimpleNamespace(hurried_at=None)

    def wait(seconds: float) -> bool:
        nonlocal now
        now += seconds
        if now >= hurried > 100.0 and channel.hurried_at is None:  # it wakes whoever waits
            now = channel.hurried_at = hurried
        return False

    channel.wait = wait
    channel.hurried_at = hurried if hurried <= now else None
    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: now))
    waits = Patience(channel)
    while not (why := waits.ends()):
        pass
    assert (why, now) == ("given up, as SIGTERM ends the session", over)


def test_a_link_that_cannot_be_set_is_an_alarm_until_one_can(tmp_path: Path) -> None:
    from services.workers.training import training_run

    sent: list[Any] = []
    channel: Any = SimpleNamespace(send=sent.append, stop_requested=True)
    run = training_run.TrainingRun(RunFolder(tmp_path), REQUEST, None, channel)  # type: ignore[arg-type]
    run.config, run.step = SimpleNamespace(steps=100), 20
    last = tmp_path / "last"
    last.mkdir()  # no link replaces it
    with pytest.raises(training_run.Stopped):
        run.saved(tmp_path / "000020")
    (alarm,) = sent
    assert (alarm.source, alarm.answer) == ("last", "the checkpoint is saved; free the disk")
    assert alarm.text.startswith("`last` does not point at the checkpoint of step 20: ")
    last.rmdir()
    with pytest.raises(training_run.Stopped):
        run.saved(tmp_path / "000020")
    assert sent[1:] == [ev.AlarmCleared(source="last")] and last.readlink() == Path("000020")


def test_partial_checkpoints_go_where_nobody_trains_and_stay_where_somebody_does(tmp_path: Path) -> None:
    from services.workers.training.partial_checkpoints import partial_path, remove_abandoned, remove_partial

    folder = DataFolder(tmp_path).create()
    trainings = [folder.outputs / "train" / name for name in ("alive", "dead")]
    for output in trainings:
        whole_checkpoint(output / "checkpoints" / "000010")
        partial_path(output / "checkpoints" / "000020").mkdir()
    run = folder.run("20260217-142000-0001")
    run.root.mkdir()
    write_request(run, msgspec.structs.replace(REQUEST, name="alive"))
    with EventLog(run):
        remove_abandoned(folder)
        assert [len(list(o.glob("checkpoints/.*"))) for o in trainings] == [1, 0]
        partial_path(trainings[1] / "checkpoints" / "000020").mkdir()
        request = run.request.read_bytes()
        run.request.write_text("not one")  # so nobody knows who trains
        remove_abandoned(folder)
        assert [len(list(o.glob("checkpoints/.*"))) for o in trainings] == [1, 1]
        run.request.write_bytes(request)
    remove_partial(trainings[0])
    assert [len(list(o.glob("checkpoints/.*"))) for o in trainings] == [0, 1]
    assert [len(list(o.glob("checkpoints/0*"))) for o in trainings] == [1, 1]


# -- a silent trainer -------------------------------------------------------------------------------------------


def test_silence_counts_from_the_stop_and_from_each_word(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(stop_timeout, "time", SimpleNamespace(monotonic=lambda: now, time=lambda: 5000.0 + now))
    sent: list[Any] = []
    timeout = StopTimeout(SimpleNamespace(emit=sent.append))  # type: ignore[arg-type]
    now += 100
    assert not timeout.too_long(0.1)  # no stop was requested
    timeout.start()
    now += 12
    assert timeout.warning(0.1) == (
        "it is stopping already and has been silent for 12 s; another stop in 18 s kills the trainer if it stays silent"
    )
    timeout.note_message()
    now += 29
    timeout.update_alarm(0.1, "at step 3")
    assert not sent
    now += 1
    assert timeout.too_long(0.1) and not timeout.too_long(20.0), "a slow step needs its time"
    timeout.update_alarm(0.1, "at step 3")
    timeout.update_alarm(0.1, "at step 3")
    timeout.note_message()
    timeout.update_alarm(0.1, "at step 4")
    raised, cleared = sent
    assert (raised.text, raised.advice) == ("trainer silent, at step 3", Advice.KILL_TRAINER)
    assert raised.at == 5000.0 + now - 30  # when it became silent
    assert cleared == ev.AlarmCleared(source="trainer")
    timeout.end()
    now += 1000
    assert not timeout.too_long(0.1)


def test_signals_without_a_name_are_numbered(tmp_path: Path) -> None:
    assert "killed by signal 99" in ending(tmp_path, code=-99)[1]
    assert signal.SIGKILL == 9
