"""A training on another machine, over a real sshd on loopback: sent, followed, stopped, fetched, and gone on with."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.__main__ import main
from console.commands import train
from services.bench.profiles import example_toml
from services.checkpoints import checkpoint as checkpoints
from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.crashes import close_crashed
from services.live.event_log import read_events
from services.live.launch import launch
from services.live.reasons import AlarmSource, Step
from services.live.running import run_folders
from services.live.snapshots import Snapshot, replay
from services.refusal import Refusal
from services.targets.connection import Connection
from services.targets.fingerprint import fingerprint
from services.targets.protocol import Hello
from services.targets.ssh import Unreachable
from services.targets.transfer import Cargo, Transfer
from services.targets.versions import differences, versions
from sessions.models import SessionStatus
from sessions.target import Target
from tests.support.rig import Rig, gone, wait_until
from tests.support.sshd import Sshd, lab_console, needs_sshd
from tests.support.trainings import TINY, make_dataset, plan
from tests.support.zygote import Zygote

pytestmark = [needs_sshd, pytest.mark.system("sshd")]


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    made = Sshd(tmp_path_factory.mktemp("sshd"))
    yield made
    made.close()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[DataFolder]:
    """The data folder of the other machine."""
    rig = Rig(tmp_path / "there")
    yield rig.folder
    rig.close()


def begin(rig: Rig, target: Target, **options: object) -> RunFolder:
    request = plan(rig.folder, **options)  # type: ignore[arg-type]
    return launch(rig.folder, msgspec.structs.replace(request, on=target))


def steps(run: RunFolder) -> list[int]:
    return [json.loads(line)["step"] for line in run.metrics.read_bytes().splitlines()]


def test_a_training_there_is_one_of_this_log_and_its_checkpoints_come_back(
    quick_rig: Rig,
    zygote: Zygote,
    sshd: Sshd,
    there: DataFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_dataset(quick_rig.folder, rejected=(1,))
    target = sshd.target(there.root, command=lab_console(zygote.orders))
    lab_toml = tmp_path / "lab.toml"
    words = "\n".join(f"{key} = {json.dumps(getattr(target, key))}" for key in ("host", "folder", "command", "ssh"))
    lab_toml.write_text(f"{example_toml()}\n[target.box]\n{words}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "configured", lambda request, file: (request, ""))  # asking LeRobot takes eight seconds
    asked = ["train", "--dataset", "cubes", "--policy", "act", "--steps", "4", "--batch-size", "2", "--on", "box"]
    asked += ["--save-freq", "2", "--log-freq", "1", "--push", "lab/act_cubes"]
    settings = [word for setting in TINY for word in ("--set", setting)]

    def lab(*words: str) -> int:
        return main(["--data-dir", str(quick_rig.folder.root), *words])

    assert lab(*asked, *settings) == 0
    said = capsys.readouterr().out
    assert "note: it trains on box, also while this machine sleeps" in said
    assert "note: after its last step LeRobot uploads the policy to the Hub as lab/act_cubes, private" in said
    assert "trained all 4 steps; it is not on the Hub as lab/act_cubes: " in said, "the client is offline"
    (run,) = run_folders(quick_rig.folder)
    wait_until(gone(run), 60, "it did not end")
    state = quick_rig.snapshot(run)
    assert state.status is SessionStatus.FINISHED
    assert state.training is not None
    facts = state.training.started
    assert facts.episodes == (0, 2)
    assert not facts.notes, "the versions are the same"
    pushed = [facts.config["policy"][key] for key in ("push_to_hub", "repo_id", "private")]
    assert pushed == [True, "lab/act_cubes", True]
    assert steps(run) == [1, 2, 3, 4]
    assert run.metrics.read_bytes() == there.run(run.id).metrics.read_bytes()
    saved = [Path(each.path) for each in state.training.checkpoints]
    assert [path.name for path in saved] == ["000002", "000004"]
    for path in saved:
        assert path.is_relative_to(quick_rig.folder.trainings)
        remote = there.trainings / path.parents[1].name / "checkpoints" / path.name
        assert fingerprint(path) == fingerprint(remote)
    assert (saved[0].parent / "last").resolve() == saved[1].resolve()
    assert (there.datasets / "cubes" / "lab-console.json").exists()
    assert lab("send", "cubes", "--to", "box") == 0
    assert "dataset cubes was on box already: the same files" in capsys.readouterr().out
    shutil.rmtree(saved[0])
    assert lab("fetch", f"{run_name(state)}@2", "--from", "box") == 0
    assert "is here: " in capsys.readouterr().out
    assert not checkpoints.missing(saved[0])
    (saved[0] / "pretrained_model" / "config.json").write_text("{}")
    assert lab("fetch", f"{run_name(state)}@2", "--from", "box") == 2
    assert "they differ" in capsys.readouterr().err
    assert lab("send", "nothing", "--to", "box") == 2
    assert "there is no dataset and no checkpoint 'nothing'" in capsys.readouterr().err


def run_name(state: Snapshot) -> str:
    return Path(state.training.started.output_dir).name  # type: ignore[union-attr]


async def test_a_follower_that_died_goes_on_and_a_stop_is_said_once_the_trainer_there_answered(
    quick_rig: Rig, zygote: Zygote, sshd: Sshd, there: DataFolder
) -> None:
    make_dataset(quick_rig.folder)
    target = sshd.target(there.root, command=lab_console(zygote.orders))
    run = begin(quick_rig, target, steps=1_000_000, save_freq=1_000_000, log_freq=5)
    wait_until(lambda: run.metrics.exists() and len(steps(run)) > 3, 120, "no curves")
    os.kill(quick_rig.pid(run), signal.SIGKILL)
    wait_until(gone(run), 20)
    sshd.stop()
    reached = len(steps(there.run(run.id)))
    wait_until(lambda: len(steps(there.run(run.id))) > reached, 60, "it does not go on there")
    assert close_crashed(run).running, "the console's reader took it for crashed"
    wait_until(lambda: not gone(run)(), 30, "nobody follows it again")
    async with quick_rig.attached(run) as link:
        await link.until(lambda s: any(a.source is AlarmSource.TARGET for a in s.alarms), 60)
        refused = await link.ask(protocol.Stop())
        assert refused.ok
        sshd.start()
        await link.until(lambda s: not s.alarms, 60)
        answer = await link.ask(protocol.Finish(by="anna"), 60)
        assert answer.ok, answer.error
        assert there_phase(there, run).step is Step.STOPPING, "it was said before the trainer knew"
        await link.until(lambda s: not s.running, 60)
    wait_until(gone(run), 30)
    state, other = quick_rig.snapshot(run), replay(read_events(there.run(run.id).events))
    assert state.end_reason == other.end_reason and "stopped by anna at step" in state.end_reason
    assert run.metrics.read_bytes() == there.run(run.id).metrics.read_bytes()
    assert [(type(e), e.at) for e in mirrored(run)] == [(type(e), e.at) for e in mirrored(there.run(run.id))]
    assert len(state.training.checkpoints) == 1  # type: ignore[union-attr]


def there_phase(there: DataFolder, run: RunFolder) -> ev.PhaseChanged:
    """The last phase in which the trainer knew of a stop, or its last one."""
    phases = [e for e in read_events(there.run(run.id).events) if isinstance(e, ev.PhaseChanged)]
    return next((e for e in reversed(phases) if e.step is Step.STOPPING), phases[-1])


def mirrored(run: RunFolder) -> list[ev.Event]:
    """The durable events that both sides have, by time."""
    kinds = (ev.TrainingStarted, ev.TrainingProgressed, ev.CheckpointSaved, ev.AlarmRaised)
    found = [e for e in read_events(run.events) if isinstance(e, kinds)]
    ours = [e for e in found if not (isinstance(e, ev.AlarmRaised) and e.source is AlarmSource.TARGET)]
    return sorted(ours, key=lambda e: e.at)


def test_what_keeps_a_target_from_answering_is_one_sentence_with_what_to_do(sshd: Sshd, tmp_path: Path) -> None:
    def why(**other: Any) -> str:
        with pytest.raises(Unreachable) as refused, Connection(sshd.target(tmp_path / "there", **other)):
            pass
        return str(refused.value)

    assert "refuses your key" in why(key="stranger") and "ssh-copy-id" in why(key="stranger")
    assert "host key that is not known here" in why(known="no_hosts")
    assert "has no lab-console at `no-such-console`" in why(command="no-such-console")
    assert "ended: " in why(command="echo 'cannot start' >&2; false")
    nobody = msgspec.structs.replace(sshd.target(tmp_path), host="nobody.invalid")
    with pytest.raises(Unreachable, match=r"no machine is called nobody\.invalid"):
        Connection(nobody)
    closed = msgspec.structs.replace(sshd.target(tmp_path), ssh=("-F", "/dev/null", "-p", "1"))
    with pytest.raises(Unreachable, match=r"does not answer .*Connection refused"):
        Connection(closed)
    other = Hello(protocol=1, versions={**versions(), "lerobot": "0.5.0"}, data_dir="", free=1, at=0.0, rsync=True)
    assert differences(closed, other) == (f"lerobot is 0.5.0 on box and {versions()['lerobot']} here",)


def test_a_transfer_is_whole_or_absent_goes_on_after_a_cut_and_overwrites_nothing(
    sshd: Sshd, tmp_path: Path, there: DataFolder
) -> None:
    here = tmp_path / "data set"
    (here / "videos").mkdir(parents=True)
    (here / "videos" / "one.mp4").write_bytes(os.urandom(3_000_000))
    (here / "meta.json").write_text("{}")
    cargo = Cargo("dataset cubes", here, "datasets/lab/cubes it's")
    said: list[str] = []
    with Connection(sshd.target(there.root)) as connection:
        digest = fingerprint(here).digest
        part = there.root / "incoming" / f"cubes it's-{digest[:12]}" / "videos" / "one.mp4"
        part.parent.mkdir(parents=True)
        part.write_bytes((here / "videos" / "one.mp4").read_bytes()[:1_000_000])  # what a cut link left
        first = Transfer(connection, said.append).send(cargo)
        final = there.root / cargo.there
        assert fingerprint(final).digest == digest == first.digest and not first.already
        assert any(text.startswith("sending dataset cubes: ") for text in said)
        assert not list((there.root / "incoming").glob("cubes*"))
        assert Transfer(connection).send(cargo).already
        (here / "meta.json").write_text("{1}")
        with pytest.raises(Refusal, match="they differ"):
            Transfer(connection).send(cargo)
        Transfer(connection).send(cargo, replace=True)  # nobody touched the copy
        (final / "meta.json").write_text("touched there")
        (here / "meta.json").write_text("{2}")
        with pytest.raises(Refusal, match="they differ"):
            Transfer(connection).send(cargo, replace=True)
        back = Cargo("dataset cubes", tmp_path / "back", cargo.there)
        assert not Transfer(connection).fetch(back).already
        assert fingerprint(back.here) == fingerprint(final)
        assert Transfer(connection).fetch(back).already
        with pytest.raises(Refusal, match="they differ"):
            Transfer(connection).fetch(cargo)
        assert (here / "meta.json").read_text() == "{2}"
        object.__setattr__(connection, "hello", msgspec.structs.replace(connection.hello, free=1000))
        with pytest.raises(Refusal, match="free its disk"):
            Transfer(connection).send(Cargo("dataset two", here, "datasets/two"))
        object.__setattr__(connection, "hello", msgspec.structs.replace(connection.hello, rsync=False))
        with pytest.raises(Unreachable, match="has no rsync: install it there"):
            Transfer(connection).send(Cargo("dataset two", here, "datasets/two"))
