"""The training worker: real trainings of tiny policies, and every way in which one ends."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

import services.live.launch
from console.__main__ import main
from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.compatibility import Fit, fit_known
from services.checkpoints.settings import calibration, configuration
from services.checkpoints.weights import fingerprint
from services.datasets import care
from services.datasets.lock import dataset_lock
from services.datasets.marks import Mark, keep_calibration, write_mark
from services.datasets.revision import revision, rows_of
from services.datasets.video_content import videos_of
from services.folders import RunFolder
from services.live import events as ev
from services.live import protocol
from services.live.crashes import close_crashed
from services.live.link import Link
from services.live.phases import Phase
from services.live.reasons import Advice
from services.live.running import live_runs
from services.live.snapshots import Snapshot
from services.log import logbook
from services.log.page import page
from services.refusal import Refusal
from services.training import config_file, resuming
from services.training import plan as training
from services.training.bottleneck import Figure
from sessions.left_out import LeftOut, Why
from sessions.models import SessionStatus
from sessions.requests import TrainRequest
from tests.support.mounts import needs_mounts, small_disk
from tests.support.rig import Rig, gone, say, wait_until
from tests.support.trainings import TINY, make_dataset, plan, train
from tests.support.zygote import Zygote

CALIBRATED = {"one": "1f" * 32, "two": "2e" * 32}
LEFT_OUT = (
    LeftOut(Why.REJECTED, (1,)), LeftOut(Why.BY_HAND, (3,), "jerky"), LeftOut(Why.FLAGGED, (5,)),
    LeftOut(Why.HELD_OUT, (4,)),
)  # fmt: skip
LONG = {"steps": 1_000_000, "save_freq": 1_000_000, "log_freq": 5}
"""A training that only a stop ends."""
SETTINGS = [word for setting in TINY for word in ("--set", setting)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> Iterator[tuple[Rig, RunFolder]]:
    """One training on two cameras' pictures, one left out; of six episodes two are learnt from.

    Episode 1 is rejected, 3 left out by hand and 5 because it is flagged, and 4 is held out.
    """
    rig = Rig(tmp_path_factory.mktemp("trained") / "lab")
    root = make_dataset(rig.folder, cameras=True, episodes=6)
    for index, (session, accepted) in enumerate([("one", True), ("two", False), *[("one", True)] * 4]):
        flags = ("wrist dark",) if index == 5 else ("front dark",) if index == 0 else ()
        write_mark(root, index, Mark(session=session, accepted=accepted, flags=flags))
        keep_calibration(root, session, {"follower": CALIBRATED[session]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.live.launch, "spawn", zygote.spawn)
        run = train(
            rig.folder, exclude_cameras=("front",), resize="48x36", save_freq=2, steps=3, exclude_episodes="3",
            because="jerky", leave_out_flagged=True, held_out=0.3, held_out_every=1,
        )  # fmt: skip
    over(rig, run)
    yield rig, run
    rig.close()


@pytest.fixture
def lab(quick_rig: Rig) -> Rig:
    """A rig with a small dataset of joints and a cube's pose."""
    make_dataset(quick_rig.folder)
    return quick_rig


def over(rig: Rig, run: RunFolder, seconds: float = 60) -> Snapshot:
    """The state once the worker is gone."""
    wait_until(lambda: rig.snapshot(run).started is not None, seconds, "it did not start")
    wait_until(gone(run), seconds, "it did not end")
    return rig.snapshot(run)


def points(run: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.metrics.read_bytes().splitlines()]


def trainer_of(rig: Rig, run: RunFolder) -> psutil.Process:
    wait_until(lambda: bool(psutil.Process(rig.pid(run)).children()), what="no trainer")
    return psutil.Process(rig.pid(run)).children()[0]


def phases(rig: Rig, run: RunFolder) -> list[str]:
    phases = [e.phase for e in rig.events(run, ev.PhaseChanged)]
    return [p for n, p in enumerate(phases) if n == 0 or phases[n - 1] != p]


# -- a training that goes well --------------------------------------------------------------------------


def test_a_training_reports_what_it_trains_how_far_it_is_and_how_it_ended(trained: tuple[Rig, RunFolder]) -> None:
    rig, run = trained
    state = rig.snapshot(run)
    assert (state.status, state.end_reason) == (SessionStatus.FINISHED, "trained all 3 steps")
    assert state.training is not None
    facts = state.training.started
    assert (facts.policy, facts.steps, facts.batch_size, facts.device) == ("act", 3, 2, "cpu")
    assert (facts.episodes, facts.episodes_total, facts.frames) == ((0, 2), 6, 16)
    assert (facts.cameras, facts.excluded_cameras) == (("wrist",), ("front",))
    assert facts.left_out_decoded is False
    assert facts.parameters > 11_000_000
    assert facts.config["policy"]["dim_model"] == 32
    assert "repo_id" in facts.config["dataset"] and "episodes" not in facts.config["dataset"]
    assert (state.training.step, state.training.samples, state.training.points) == (3, 6, 6)
    assert facts.left_out == LEFT_OUT and facts.left_out_decoded is False
    asked = state.started.request if state.started else None
    assert isinstance(asked, TrainRequest)
    assert (asked.exclude_episodes, asked.because, asked.leave_out_flagged, asked.held_out) == (
        (3,),
        "jerky",
        True,
        0.3,
    )
    assert state.training.epochs == pytest.approx(6 / 16)
    assert phases(rig, run) == ["starting", "training", "saving", "training", "saving", "training"]


def test_the_checkpoint_loads_with_lerobots_classes_and_lacks_the_excluded_camera(
    trained: tuple[Rig, RunFolder],
) -> None:
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies import get_policy_class, make_pre_post_processors

    rig, run = trained
    saved = rig.snapshot(run).training.checkpoints  # type: ignore[union-attr]
    assert [Path(c.path).name for c in saved] == ["000002", "000003"]
    path = Path(saved[-1].path) / "pretrained_model"
    config = PreTrainedConfig.from_pretrained(path)
    policy = get_policy_class(config.type).from_pretrained(path, config=config)
    processors = make_pre_post_processors(config, pretrained_path=path)
    assert sorted(policy.config.input_features) == ["observation.images.wrist", "observation.state"]
    assert "front" not in (path / "config.json").read_text()
    assert all("front" not in str(getattr(step, "features", "")) for step in processors[0].steps)


def test_whoever_loads_the_checkpoint_resizes_pictures_as_its_training_did(trained: tuple[Rig, RunFolder]) -> None:
    """With LeRobot's own `make_pre_post_processors`, and on a bench whose cameras are as the dataset's were."""
    import torch
    from lerobot.policies import get_policy_class, make_pre_post_processors
    from lerobot.utils.constants import IMAGENET_STATS
    from torchvision.transforms.functional import resize

    rig, run = trained
    found = checkpoints.resolve(rig.folder, run.id)
    policy = get_policy_class("act").from_pretrained(found.path)
    assert policy.config.input_features["observation.images.wrist"].shape == (3, 36, 48)
    preprocessor, _ = make_pre_post_processors(policy.config, pretrained_path=found.path)
    picture, state = torch.rand(1, 3, 48, 64), torch.zeros(1, 6)
    given = preprocessor({"observation.images.wrist": picture, "observation.state": state})
    mean, std = (torch.tensor(IMAGENET_STATS[name]) for name in ("mean", "std"))
    small = (resize(picture, [36, 48]) - mean) / (std + 1e-8)
    torch.testing.assert_close(given["observation.images.wrist"], small, atol=1e-4, rtol=1e-4)
    assert policy.predict_action_chunk(given).shape == (1, 4, 6)

    assert found.preprocessor.resize == (48, 36) and found.provenance.camera_sizes == {"wrist": (64, 48)}
    assert fit_known(found, {"wrist": {"shape": (48, 64, 3)}}) == Fit()
    assert config_file.read(str(found.path)).resize == (48, 36), "train --config goes on with it"
    document = next(s for s in logbook.sessions(rig.folder).sessions if s.id == run.id)
    pictures = [row for part in page(document).sections for row in part.rows if row.name == "pictures"]
    assert "resized to 48x36" in pictures[0].text


def test_the_cameras_keep_imagenets_statistics_and_the_joints_have_those_of_the_accepted_takes(
    trained: tuple[Rig, RunFolder],
) -> None:
    from lerobot.utils.constants import IMAGENET_STATS
    from safetensors.numpy import load_file

    rig, run = trained
    path = checkpoints.resolve(rig.folder, run.id).path
    (normalizer,) = path.glob("policy_preprocessor*normalizer*.safetensors")
    stats = load_file(normalizer)
    for name in ("mean", "std"):
        assert stats[f"observation.images.wrist.{name}"].ravel().tolist() == pytest.approx(
            np.ravel(IMAGENET_STATS[name]).tolist()
        )
    assert stats["observation.state.count"].tolist() == [16]
    assert stats["observation.state.mean"][:2].tolist() == [1.0, 3.5]
    assert stats["observation.state.std"][0] == 1.0  # episodes 0 and 2


def test_a_checkpoint_is_complete_reported_with_its_size_and_linked_as_the_last(trained: tuple[Rig, RunFolder]) -> None:
    rig, run = trained
    state = rig.snapshot(run).training
    assert state is not None
    output = Path(state.started.output_dir)
    assert [p.name for p in checkpoints.complete(output)] == ["000002", "000003"]
    assert (output / "checkpoints" / "last").resolve().name == "000003"
    assert sorted(p.name for p in (output / "checkpoints").iterdir()) == ["000002", "000003", "last"]
    last = state.checkpoints[-1]
    assert last.bytes == sum(p.stat().st_size for p in Path(last.path).rglob("*") if p.is_file())
    trained, measured = points(run)[-2:]
    assert last.loss == trained["loss"]
    assert last.eval_loss == measured["eval_loss"] and "loss" not in measured and "eval_loss" not in trained


def test_the_loss_of_the_held_out_episode_is_measured_to_the_last_bit_and_the_lowest_marks_the_best(
    trained: tuple[Rig, RunFolder],
) -> None:
    """LeRobot's own classes give the same: the policy of the checkpoint, on all frames of the episode held out."""
    import torch
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.datasets.factory import resolve_delta_timestamps
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from lerobot.policies import get_policy_class, make_pre_post_processors

    rig, run = trained
    state = rig.snapshot(run).training
    assert state is not None and state.best is not None
    saved = state.checkpoints[-1]
    path = Path(saved.path) / "pretrained_model"
    config = PreTrainedConfig.from_pretrained(path)
    policy = get_policy_class(config.type).from_pretrained(path, config=config).eval()
    root = rig.folder.datasets / "cubes"
    dataset = LeRobotDataset("cubes", root=root, episodes=[4], video_backend="pyav")
    times = resolve_delta_timestamps(config, dataset.meta)
    dataset = LeRobotDataset("cubes", root=root, episodes=[4], video_backend="pyav", delta_timestamps=times)
    processor, _ = make_pre_post_processors(config, pretrained_path=path)
    losses = []
    with torch.no_grad():
        for batch in torch.utils.data.DataLoader(dataset, batch_size=2):
            losses.append(policy.forward(processor(batch))[0].item())
    assert saved.eval_loss == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert state.best.eval_loss == min(c.eval_loss for c in state.checkpoints if c.eval_loss is not None)
    assert [p["step"] for p in points(run) if "eval_loss" in p] == [1, 2, 3]
    assert len(str(saved.eval_loss)) > 8, "not the four decimals of the log"


def test_a_checkpoint_says_where_it_comes_from(trained: tuple[Rig, RunFolder]) -> None:
    rig, run = trained
    origin = checkpoints.resolve(rig.folder, run.id).provenance
    joints = tuple(f"joint_{i}.pos" for i in range(6))
    assert (origin.session, origin.dataset, origin.fps) == (run.id, "cubes", 30)
    assert (origin.cameras, origin.excluded_cameras, origin.episodes) == (("wrist",), ("front",), (0, 2))
    assert origin.names == {"action": joints, "observation.state": joints}
    assert origin.tasks == ("put the cube into the bowl",)
    assert origin.robot_type == "so101_follower"
    assert origin.calibrations == {"one": {"follower": CALIBRATED["one"]}}, "two's only episode is rejected"
    assert origin.left_out == LEFT_OUT
    assert origin.start_pose == {f"joint_{i}": 2.0 if i == 0 else 0.0 for i in range(6)}  # median of 0, 2 and 4


def test_log_and_checkpoint_know_by_content_what_it_was_made_of(trained: tuple[Rig, RunFolder]) -> None:
    rig, run = trained
    state = rig.snapshot(run).training
    assert state is not None
    saved, kept = state.checkpoints[-1], state.started.lineage
    pretrained = Path(saved.path) / "pretrained_model"
    beside, root = checkpoints.read_provenance(pretrained), rig.folder.datasets / "cubes"
    rows, videos = rows_of(root, 6), videos_of(root, range(6), without=("front",))
    assert kept == beside.lineage and kept.data == revision(rows, videos, 30, (0, 2))
    assert beside.rows == {index: rows[index] for index in (0, 2, 4)}, "the held-out one among them"
    assert kept.configuration == configuration(json.loads((pretrained / "train_config.json").read_bytes()))
    assert kept.calibration == calibration({"any": {"follower": CALIBRATED["one"]}})
    assert saved.weights == beside.weights == fingerprint(pretrained) != state.checkpoints[0].weights
    assert not kept.policy, "it began with nothing"


def test_the_logs_document_holds_the_training(trained: tuple[Rig, RunFolder]) -> None:
    from services.log.documents import document

    rig, run = trained
    kept = document(rig.snapshot(run)).training
    assert kept is not None
    assert (kept.step, kept.started.steps, len(kept.checkpoints)) == (3, 3, 2)
    assert kept.loss == points(run)[-2]["loss"]
    assert kept.metrics["eval_loss"] == points(run)[-1]["eval_loss"]


def test_metrics_equal_those_of_lerobots_own_script_to_the_last_bit(lab: Rig, tmp_path: Path) -> None:
    """The same configuration through `lerobot-train`'s own function, in this process, without the console."""
    import torch
    from lerobot.scripts import lerobot_train
    from lerobot.utils.logging_utils import MetricsTracker

    from services.workers.training import config as train_config

    request = plan(lab.folder, log_freq=2, steps=6)
    run = training.begin(lab.folder, request)
    assert over(lab, run).status is SessionStatus.FINISHED
    root = lab.folder.datasets / "cubes"
    config = train_config.build(request, root=root, output=tmp_path / "bare", episodes=[0, 1, 2])
    seen: list[dict[str, float]] = []

    class Seeing(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            if isinstance(record.msg, MetricsTracker):
                seen.append(record.msg.to_dict())
            return True

    listener, argv, threads = Seeing(), sys.argv, torch.get_num_threads()
    torch.set_num_threads(1)  # as the forked trainer: sums depend on it
    logging.getLogger().addFilter(listener)
    try:
        sys.argv = ["lerobot-train"]
        lerobot_train.train(config)
    finally:
        sys.argv = argv
        torch.set_num_threads(threads)
        logging.getLogger().removeFilter(listener)
    exact = ("loss", "grad_norm", "lr", "l1_loss", "samples", "epochs")
    assert [p["step"] for p in points(run)] == [2, 4, 6] == [p["steps"] for p in seen]
    assert [[p[k] for k in exact] for p in points(run)] == [[p[k] for k in exact] for p in seen]
    assert set(points(run)[0]) == {"step", "at", *seen[0], *Figure} - {"steps", "episodes"}
    first = points(run)[0]
    assert first[Figure.ITEM_S] > 0 < first[Figure.CPU_LOAD] and first[Figure.DECODES] == 0
    started = over(lab, run).training
    assert started is not None and started.started.hardware is not None and started.started.hardware.cores > 0


def test_a_dataset_of_one_episode_trains(quick_rig: Rig) -> None:
    make_dataset(quick_rig.folder, episodes=1)
    state = over(quick_rig, train(quick_rig.folder, steps=2))
    assert state.status is SessionStatus.FINISHED


def test_the_cubes_pose_is_normalized_as_the_joints_are(lab: Rig) -> None:
    run = train(lab.folder, steps=1)
    assert over(lab, run).status is SessionStatus.FINISHED
    config = json.loads((checkpoints.resolve(lab.folder, run.id).path / "config.json").read_text())
    assert config["normalization_mapping"]["ENV"] == config["normalization_mapping"]["STATE"] == "MEAN_STD"


def test_a_pretrained_policy_is_trained_further(lab: Rig) -> None:
    first = train(lab.folder, steps=2)
    assert over(lab, first).status is SessionStatus.FINISHED
    weights = checkpoints.resolve(lab.folder, first.id).path
    second = train(lab.folder, policy=str(weights), steps=2, settings=["policy.optimizer_lr=0.0"])
    state = over(lab, second)
    assert (state.status, state.training and state.training.started.policy) == (SessionStatus.FINISHED, "act")
    again = checkpoints.resolve(lab.folder, second.id).path
    assert (again / "model.safetensors").read_bytes() == (weights / "model.safetensors").read_bytes()
    assert state.training is not None and state.training.started.lineage.policy == fingerprint(weights)


# -- stopping ----------------------------------------------------------------------------------------------


async def test_a_graceful_stop_saves_a_checkpoint_that_loads(lab: Rig) -> None:
    from lerobot.policies.act.modeling_act import ACTPolicy

    run = train(lab.folder, **LONG)
    async with lab.attached(run) as link:
        await link.until(lambda s: s.training is not None and s.training.step > 0, 20)
        assert (await training.stop(link)).ok
        state = await link.until(lambda s: not s.running, 20)
    assert state.training is not None
    step = state.training.step
    assert state.status is SessionStatus.FINISHED
    assert state.end_reason == f"stopped by anna at step {step} of 1,000,000, checkpoint saved"
    saved = checkpoints.resolve(lab.folder, run.id)
    assert saved.step == step
    ACTPolicy.from_pretrained(saved.path)


def test_sigterm_saves_a_checkpoint_and_ends_as_aborted(lab: Rig) -> None:
    run = train(lab.folder, **LONG)
    wait_until(lambda: lab.snapshot(run).phase is Phase.TRAINING, 20)
    os.kill(lab.pid(run), signal.SIGTERM)
    state = over(lab, run)
    assert state.status is SessionStatus.ABORTED
    assert "stopped by SIGTERM" in state.end_reason and "checkpoint saved" in state.end_reason
    assert checkpoints.resolve(lab.folder, run.id).step


async def test_a_stop_before_the_first_step_just_ends_it(lab: Rig) -> None:
    run = train(lab.folder, **LONG)
    link = Link(run, name="test")
    await link.attach(10)
    await link.until(lambda s: s.detail == "reading the dataset", 20)
    assert (await training.stop(link)).ok
    state = await link.until(lambda s: not s.running, 20)
    await link.close()
    assert (state.status, state.end_reason) == (SessionStatus.ABORTED, "stopped by anna before the first step")
    assert not (lab.folder.outputs / "train" / "act_cubes").exists()


async def test_notes_tags_and_the_stop_key_are_answered_and_other_commands_refused(lab: Rig) -> None:
    run = train(lab.folder, **LONG)
    async with lab.attached(run) as link:
        await say(link, protocol.AddNote(text="with the new light", author="anna"))
        await say(link, protocol.SetTag(tag="night"))
        stop = await link.ask(protocol.Stop())
        assert stop.ok and "nothing moves here" in stop.error
        refused = await link.ask(protocol.StartTake(take=1))
        assert not refused.ok and "means nothing in a training" in refused.error
        state = await link.until(lambda s: bool(s.tags), 20)
        assert ([n.text for n in state.notes], state.tags) == (["with the new light"], ("night",))
        assert state.running
        await training.stop(link)


async def test_progress_reaches_a_watcher_before_it_is_kept(lab: Rig) -> None:
    heard: list[ev.Event] = []
    run = train(lab.folder, **LONG)
    async with lab.attached(run, on_event=lambda event, _: heard.append(event)) as link:
        await link.until(lambda s: s.training is not None and s.training.points > 2, 20)
        fresh = [e for e in heard if isinstance(e, ev.TrainingProgressed)]
        assert fresh and all(e.seq == 0 for e in fresh)
        assert fresh[-1].metrics["loss"] > 0 and fresh[-1].samples == 2 * fresh[-1].step
        assert not lab.events(run, ev.TrainingProgressed)
        await training.stop(link)


# -- beside a recording --------------------------------------------------------------------------------------


def test_a_dataset_in_use_is_refused_with_a_reason(lab: Rig) -> None:
    with dataset_lock(lab.folder.datasets / "cubes", "session of anna"):
        state = over(lab, train(lab.folder))
    assert state.status is SessionStatus.ABORTED
    assert "dataset cubes is in use by session of anna" in state.end_reason


def test_recording_may_go_on_while_a_training_runs(lab: Rig) -> None:
    run = train(lab.folder, **LONG)
    wait_until(lambda: lab.snapshot(run).phase is Phase.TRAINING, 20)
    with dataset_lock(lab.folder.datasets / "cubes", "a recording"):
        pass
    os.kill(lab.pid(run), signal.SIGTERM)
    over(lab, run)


def test_a_dataset_left_by_a_crash_is_refused_and_trains_once_it_is_repaired(lab: Rig) -> None:
    stray = lab.folder.datasets / "cubes" / "data" / "chunk-000" / "file-099.parquet"
    stray.write_bytes(b"PAR1 half")
    state = over(lab, train(lab.folder, steps=1))
    assert state.status is SessionStatus.ABORTED and stray.exists()
    assert "file-099.parquet cannot be read" in state.end_reason
    assert "`lab-console dataset cubes --repair`" in state.end_reason
    assert "recovered 3 episodes" in care.attend(lab.folder, "cubes", care.Act.REPAIR).done[0]
    assert over(lab, train(lab.folder, steps=1)).status is SessionStatus.FINISHED and not stray.exists()


# -- things that go wrong ---------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_is_reported_at_once_and_at_the_end(lab: Rig) -> None:
    run = train(lab.folder, steps=8, settings=["policy.optimizer_lr=1e30"])
    state = over(lab, run)
    (alarm,) = (a for a in lab.events(run, ev.AlarmRaised) if a.source == "loss")
    first = next(p["step"] for p in points(run) if set(p.get("nonfinite", {})) & {"loss", "grad_norm"})
    assert f"since step {first}" in alarm.text and "learning rate" in alarm.answer
    assert state.status is SessionStatus.FINISHED
    assert state.end_reason.startswith("trained all 8 steps; the loss is ")
    with pytest.raises(Refusal, match=r"its loss is NaN since step \d, and the checkpoint of step 8 has learnt from"):
        resuming.look(lab.folder, run.id)
    assert points(run)[-1]["loss"] is None and points(run)[-1]["nonfinite"]["loss"] in ("nan", "inf")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"settings": ["policy.dim_modl=3"]}, "--set policy.dim_modl: LeRobot's policy act has no such key; did you"),
        ({"settings": ["num_worker=3"]}, "--set num_worker: LeRobot's training has no such key; did you mean num_wor"),
        ({"settings": ["policy.n_action_steps=9"]}, "chunk size is the upper bound"),
        ({"settings": ["policy.dim_feedforward=2000000000000"]}, "out of memory: "),
    ],
    ids=["a key that the policy lacks", "a key that the training lacks", "a value that LeRobot refuses", "memory"],
)
def test_a_training_that_cannot_begin_says_why(lab: Rig, options: dict[str, Any], words: str) -> None:
    state = over(lab, train(lab.folder, **options))
    assert state.status is SessionStatus.ABORTED
    assert words in state.end_reason
    assert not (lab.folder.outputs / "train" / "act_cubes").exists()


def test_weights_that_cannot_be_had_offline_are_named_with_the_way_round(quick_rig: Rig) -> None:
    make_dataset(quick_rig.folder, cameras=True)
    backbone = "policy.pretrained_backbone_weights=ResNet18_Weights.IMAGENET1K_V1"
    state = over(quick_rig, train(quick_rig.folder, settings=[backbone]))
    assert state.status is SessionStatus.ABORTED
    assert "--set policy.pretrained_backbone_weights=null" in state.end_reason


def test_a_language_model_that_is_not_in_the_cache_is_reported(lab: Rig) -> None:
    request = training.plan(lab.folder, dataset="cubes", policy="smolvla", steps=1, settings=["num_workers=0"])
    state = over(lab, training.begin(lab.folder, request))
    assert state.status is SessionStatus.ABORTED
    assert "initial weights of smolvla could not be fetched from the Hugging Face Hub" in state.end_reason


# -- a full disk ----------------------------------------------------------------------------------------------


def limit_files(rig: Rig, run: RunFolder, size: int) -> None:
    """Let no file of the trainer grow beyond `size`: what a full disk does to a checkpoint."""
    resource.prlimit(trainer_of(rig, run).pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def kept(rig: Rig) -> list[str]:
    """What lies in the training's folder of checkpoints."""
    return sorted(path.name for path in (rig.folder.trainings / "act_cubes" / "checkpoints").iterdir())


async def test_a_training_waits_while_there_is_no_room_and_goes_on_when_there_is(lab: Rig) -> None:
    run = train(lab.folder, steps=60, save_freq=20, log_freq=20)
    async with lab.attached(run) as link:
        limit_files(lab, run, 100_000)
        state = await link.until(lambda s: bool(s.alarms), 20)
        (alarm,) = state.alarms
        assert alarm.text.startswith("the checkpoint of step 20 could not be saved: ")
        assert alarm.text.endswith("the training waits and tries again")
        assert alarm.answer.startswith("free the disk within 10 min, or it gives up")
        assert state.phase is Phase.SAVING
        limit_files(lab, run, resource.RLIM_INFINITY)
        state = await link.until(lambda s: not s.running, 30)
    assert state.status is SessionStatus.FINISHED
    assert [c.step for c in state.training.checkpoints] == [20, 40, 60]  # type: ignore[union-attr]
    assert lab.events(run, ev.AlarmCleared) and kept(lab) == ["000020", "000040", "000060", "last"]


async def test_stopping_twice_gives_up_at_once(lab: Rig) -> None:
    run = train(lab.folder, steps=1_000_000, save_freq=1_000_000, log_freq=5)
    async with lab.attached(run) as link:
        limit_files(lab, run, 100_000)
        await training.stop(link)
        await link.until(lambda s: bool(s.alarms), 20)
        await training.stop(link)
        state = await link.until(lambda s: not s.running, 20)
    assert state.status is SessionStatus.ABORTED
    assert "given up, as it was stopped again" in state.end_reason and "no checkpoint was saved" in state.end_reason
    assert kept(lab) == []


async def test_sigterm_ends_the_wait_for_room_in_a_moment(lab: Rig) -> None:
    run = train(lab.folder, steps=1_000_000, save_freq=20, log_freq=5)
    async with lab.attached(run) as link:
        limit_files(lab, run, 100_000)
        await link.until(lambda s: bool(s.alarms), 20)
        os.kill(lab.pid(run), signal.SIGTERM)
        state = await link.until(lambda s: not s.running, 20)
    assert state.status is SessionStatus.ABORTED
    assert "given up, as SIGTERM ends the session" in state.end_reason and "no checkpoint was saved" in state.end_reason
    assert lab.events(run, ev.AlarmRaised)[-1].answer == HURRIED and kept(lab) == []


async def test_after_sigterm_a_checkpoint_without_room_is_not_waited_for_either(lab: Rig) -> None:
    run = train(lab.folder, steps=1_000_000, save_freq=1_000_000, log_freq=5)
    async with lab.attached(run) as link:
        limit_files(lab, run, 100_000)
        os.kill(lab.pid(run), signal.SIGTERM)
        state = await link.until(lambda s: bool(s.alarms), 20)
        assert [alarm.answer for alarm in state.alarms] == [HURRIED]
        os.kill(lab.pid(run), signal.SIGTERM)
        state = await link.until(lambda s: not s.running, 20)
    assert "given up, as it was stopped again" in state.end_reason and kept(lab) == []


HURRIED = "free the disk within 5 s, or it gives up: SIGTERM ends the session"


# -- a trainer that hangs ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def impatient() -> Iterator[Zygote]:
    """Workers that offer to kill a silent trainer after 2 s instead of 30, and wait for room for 1 s, not 10 min."""
    hurry = "stop_timeout.SILENT_S = 2.0; patience.PATIENCE_S = 1.0"
    made = Zygote(f"from services.workers.training import patience, stop_timeout; {hurry}")
    yield made
    made.close()


@pytest.fixture
def hurried(lab: Rig, impatient: Zygote, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(services.live.launch, "spawn", impatient.spawn)
    return lab


def partial_checkpoints(rig: Rig, name: str = "act_cubes") -> list[Path]:
    return list((rig.folder.outputs / "train" / name / "checkpoints").glob(".*.partial"))


def suspend_while_saving(rig: Rig, run: RunFolder) -> psutil.Process:
    """Stop the trainer (SIGSTOP) in the middle of a checkpoint."""
    trainer = trainer_of(rig, run)

    def caught() -> bool:
        trainer.suspend()
        wait_until(lambda: trainer.status() == psutil.STATUS_STOPPED)  # what it is in the middle of may still be done
        if partial_checkpoints(rig):
            return True
        trainer.resume()
        return False

    wait_until(caught, 30, "no checkpoint was being written")
    return trainer


@needs_mounts
def test_on_a_disk_that_stays_full_the_verb_says_what_is_kept_and_fails(
    hurried: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = ["--data-dir", str(hurried.folder.root), "train", "--dataset", "cubes", "--policy", "act", "--steps", "6"]
    verb += ["--batch-size", "2", "--save-freq", "2", "--log-freq", "1", "--name", "act_cubes", *SETTINGS]
    with small_disk(hurried.folder.outputs, 64 << 20):
        assert main([*verb[:8], "2", *verb[9:]]) == 0
        used = sum(path.stat().st_size for path in hurried.folder.outputs.rglob("*") if path.is_file())
    wait_until(lambda: not live_runs(hurried.folder), 30, "its name is still taken")
    capsys.readouterr()
    with small_disk(hurried.folder.outputs, int(1.6 * used)):
        assert main(verb) == 1
        said = capsys.readouterr()
        (whole,) = checkpoints.complete(hurried.folder.trainings / "act_cubes")
        assert kept(hurried) == ["000002", "last"] and whole.name == "000002"
        assert [Path(path).name for path in checkpoints.newest(hurried.folder)] == ["000002"]
        subprocess.run(["mount", "-o", f"remount,size={64 << 20}", str(hurried.folder.outputs)], check=True)
        assert main([*verb[:2], "train", "--resume", "last"]) == 0
        assert "resuming act_cubes at step 2 of 6\nnote: steps 3 to 4 are made again" in capsys.readouterr().out
        assert kept(hurried) == ["000002", "000004", "000006", "last"]
    newest = logbook.sessions(hurried.folder).sessions[0]
    reason = "the checkpoint of step 4 could not be saved: the disk is full, given up after 1 s; it was at step 4 of 6"
    assert newest.status is SessionStatus.FINISHED and newest.training is not None
    (part,) = newest.training.resumed
    room = f"free room for checkpoints in {hurried.folder.trainings / 'act_cubes'}, then resume it"
    assert (part.ended.status, part.ended.reason) == (
        SessionStatus.ABORTED, f"{reason}, the newest whole checkpoint is 000002: {room}",
    )  # fmt: skip
    assert reason in said.err and f"checkpoint {whole}" in said.err and "Traceback" not in said.err + said.out


async def test_a_trainer_that_hangs_is_killed_by_another_stop(hurried: Rig) -> None:
    run = train(hurried.folder, steps=1_000_000, save_freq=5, log_freq=5)
    async with hurried.attached(run) as link:
        await link.until(lambda s: s.training is not None and len(s.training.checkpoints) >= 2, 20)
        await link.until(lambda s: s.phase is Phase.TRAINING, 20)
        trainer = trainer_of(hurried, run)
        trainer.suspend()
        first = await link.ask(protocol.Finish())
        assert (first.ok, first.error) == (True, "")
        again = await link.ask(protocol.Finish())
        assert again.ok and trainer.is_running()
        assert "it is stopping already and has been silent for " in again.error and "kills the trainer" in again.error
        state = await link.until(lambda s: any(a.source == "trainer" for a in s.alarms), 20)
        (alarm,) = (a for a in state.alarms if a.source == "trainer")
        assert alarm.advice is Advice.KILL_TRAINER and "trainer silent, " in alarm.text
        assert state.detail.startswith(("stopping: ", "saving "))
        killed = await link.ask(protocol.Finish())
        assert killed.ok and killed.error.startswith("the trainer did not react for ")
        state = await link.until(lambda s: not s.running, 20)
    newest = checkpoints.complete(hurried.folder.outputs / "train" / "act_cubes")[-1]
    assert state.status is SessionStatus.ABORTED
    assert "stopped by anna, but the trainer did not react for " in state.end_reason
    assert "and was killed; it was at step " in state.end_reason
    assert state.end_reason.endswith(f"the newest whole checkpoint is {newest.name}")
    loads(newest)
    wait_until(gone(run))
    assert not trainer.is_running() and not partial_checkpoints(hurried)


async def test_a_trainer_that_reacts_late_ends_as_if_it_had_at_once(hurried: Rig) -> None:
    run = train(hurried.folder, **LONG)
    async with hurried.attached(run) as link:
        await link.until(lambda s: s.training is not None and s.training.step > 0, 20)
        trainer = trainer_of(hurried, run)
        trainer.suspend()
        await say(link, protocol.Finish())
        await link.until(lambda s: any(a.source == "trainer" for a in s.alarms), 20)
        trainer.resume()
        state = await link.until(lambda s: not s.running, 20)
    assert state.status is SessionStatus.FINISHED and "checkpoint saved" in state.end_reason
    assert [e.source for e in hurried.events(run, ev.AlarmCleared)] == ["trainer"]


def test_killing_a_trainer_in_the_middle_of_a_checkpoint_leaves_the_whole_ones_only(hurried: Rig) -> None:
    run = train(hurried.folder, steps=1_000_000, save_freq=5, log_freq=5)
    wait_until(lambda: len(hurried.events(run, ev.CheckpointSaved)) >= 2, 30)
    trainer = suspend_while_saving(hurried, run)
    os.kill(hurried.pid(run), signal.SIGTERM)
    wait_until(lambda: any(a.source == "trainer" for a in hurried.events(run, ev.AlarmRaised)), 20)
    assert trainer.is_running() and partial_checkpoints(hurried)
    os.kill(hurried.pid(run), signal.SIGTERM)
    state = over(hurried, run)
    whole = checkpoints.complete(hurried.folder.outputs / "train" / "act_cubes")
    assert state.status is SessionStatus.ABORTED
    assert "stopped by SIGTERM, but the trainer did not react for " in state.end_reason
    assert f"the newest whole checkpoint is {whole[-1].name}" in state.end_reason
    assert {c.step for c in state.training.checkpoints} <= {int(p.name) for p in whole}  # type: ignore[union-attr]
    loads(whole[-1])
    assert not partial_checkpoints(hurried)


# -- killed -----------------------------------------------------------------------------------------------------


def test_what_a_killed_training_left_half_written_goes_when_the_next_one_begins(lab: Rig) -> None:
    run = train(lab.folder, steps=1_000_000, save_freq=5, log_freq=5)
    wait_until(lambda: len(lab.events(run, ev.CheckpointSaved)) >= 1, 30)
    trainer = suspend_while_saving(lab, run)
    os.kill(lab.pid(run), signal.SIGKILL)
    wait_until(lambda: not trainer.is_running() or trainer.status() == psutil.STATUS_ZOMBIE, 20, "the trainer lives")
    wait_until(gone(run))
    whole = checkpoints.complete(lab.folder.outputs / "train" / "act_cubes")
    assert partial_checkpoints(lab) and whole
    assert over(lab, train(lab.folder, steps=1)).status is SessionStatus.FINISHED
    assert not partial_checkpoints(lab)
    assert checkpoints.complete(lab.folder.outputs / "train" / "act_cubes") == whole


MOMENTS = ("reading the dataset", "training", "saving", "saving", "saving", "training")


@pytest.mark.parametrize("moment", MOMENTS)
def test_killing_the_worker_takes_the_trainer_along_and_loses_no_whole_checkpoint(lab: Rig, moment: str) -> None:
    run = train(lab.folder, steps=1_000_000, save_freq=5, log_freq=5)
    wanted = 0 if moment == "reading the dataset" else 2
    wait_until(lambda: len(lab.events(run, ev.CheckpointSaved)) >= wanted, 30)
    wait_until(lambda: moment in (lab.snapshot(run).phase.value, lab.snapshot(run).detail), 30)
    trainer = trainer_of(lab, run)
    os.kill(lab.pid(run), signal.SIGKILL)
    wait_until(lambda: not trainer.is_running() or trainer.status() == psutil.STATUS_ZOMBIE, 20, "the trainer lives")
    wait_until(gone(run))
    wait_until(lambda: close_crashed(run).status is SessionStatus.CRASHED)  # another process may be about to
    state = close_crashed(run)
    saved = [c.step for c in state.training.checkpoints] if state.training else []
    whole = checkpoints.complete(lab.folder.outputs / "train" / "act_cubes")
    assert set(saved) <= {int(p.name) for p in whole}
    if whole:
        loads(whole[-1])


def loads(checkpoint: Path) -> None:
    """The policy and the training state, by LeRobot."""
    from lerobot.optim import load_optimizer_state_dict
    from lerobot.policies.act.modeling_act import ACTPolicy

    ACTPolicy.from_pretrained(checkpoint / "pretrained_model")
    assert load_optimizer_state_dict(checkpoint / "training_state")


@pytest.mark.parametrize("moment", [Phase.TRAINING, Phase.SAVING])
def test_a_killed_trainer_is_named_with_what_is_left_of_it(lab: Rig, moment: Phase) -> None:
    run = train(lab.folder, steps=1_000_000, save_freq=5, log_freq=5)
    wait_until(lambda: len(lab.events(run, ev.CheckpointSaved)) >= 2 and lab.snapshot(run).phase is moment, 30)
    trainer_of(lab, run).kill()
    state = over(lab, run)
    assert state.status is SessionStatus.CRASHED
    newest = checkpoints.complete(lab.folder.outputs / "train" / "act_cubes")[-1]
    assert "the trainer was killed by SIGKILL" in state.end_reason
    assert f"the newest whole checkpoint is {newest.name}" in state.end_reason
    loads(newest)


def test_points_are_whole_lines_after_a_kill(lab: Rig) -> None:
    run = train(lab.folder, steps=1_000_000, save_freq=0, log_freq=1)
    wait_until(lambda: run.metrics.exists() and len(run.metrics.read_bytes()) > 20_000, 30)
    os.kill(lab.pid(run), signal.SIGKILL)
    wait_until(gone(run))
    whole = run.metrics.read_bytes()
    steps = [msgspec.json.decode(line)["step"] for line in whole[: whole.rfind(b"\n")].splitlines()]
    assert steps == list(range(1, len(steps) + 1))


# -- as the console launches it -----------------------------------------------------------------------------------


def test_a_worker_of_its_own_loads_no_torch_and_its_trainer_has_the_operators_environment(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the operator's; a tiny policy trains faster so, beside other tests
    make_dataset(rig.folder)
    run = train(rig.folder, **LONG | {"log_freq": 1}, settings=["num_workers=1"])
    wait_until(lambda: lab_is_training(rig, run), 90, "no step was made")
    worker = Path(f"/proc/{rig.pid(run)}/maps").read_text()
    trainer = trainer_of(rig, run)
    assert "libtorch" not in worker
    assert "libtorch" in Path(f"/proc/{trainer.pid}/maps").read_text()
    given = trainer.environ()
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TMPDIR")
    assert [given.get(name) for name in threads] == [os.environ.get(name) for name in threads]
    family = psutil.Process(rig.pid(run)).children(recursive=True)
    os.kill(rig.pid(run), signal.SIGTERM)
    state = over(rig, run)
    assert state.status is SessionStatus.ABORTED and "checkpoint saved" in state.end_reason
    assert len(family) > 1
    wait_until(lambda: not any(p.is_running() for p in family), 20, "a loader lives on")
    log = run.log.read_text()
    assert "Training:" not in log and "torchcodec" not in log and "Traceback" not in log


def lab_is_training(rig: Rig, run: RunFolder) -> bool:
    state = rig.snapshot(run)
    assert state.running, state.end_reason
    return run.metrics.exists() and len(points(run)) > 2
