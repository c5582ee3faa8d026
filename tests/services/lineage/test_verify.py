"""What no longer matches is named, with what exactly: data, checkpoints, what an evaluation tried."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from console.__main__ import main
from services.checkpoints.checkpoint import PRETRAINED, STATE, Provenance, write_provenance
from services.checkpoints.settings import calibration, configuration
from services.checkpoints.weights import fingerprint
from services.datasets.content import contents_of
from services.datasets.marks import Mark, keep_calibration, write_mark
from services.datasets.revision import revision, rows_of
from services.datasets.video_content import videos_of
from services.folders import DataFolder
from services.lineage.findings import Finding, Standing
from services.lineage.shelf import Shelf
from services.lineage.verify import verify
from services.refusal import Refusal
from sessions.document import Session
from sessions.left_out import LeftOut, Why
from sessions.lineage import Lineage
from sessions.models import Episode, SessionKind
from tests.support import facts, foreign, plain_datasets

RECORDED, TRAINED, TRIED = "20260216-142000-0001", "20260217-142000-0002", "20260218-142000-0003"
ARM = {"observation.state": foreign.vector(), "action": foreign.vector()}
TOP = {"observation.images.top": foreign.camera()}
CALIBRATED = {"follower": "1f" * 32}
CONFIG = {"batch_size": 8, "policy": {"type": "act"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made with LeRobot's own classes: nothing of this console is in it."""
    return foreign.make(tmp_path_factory.mktemp("made") / "set", ARM | TOP, episodes=4)


class Lab:
    """A recording, a training on episodes 1 and 3 of it with 2 held out, its checkpoint, and an evaluation of that."""

    def __init__(self, folder: DataFolder, dataset: Path, *, older: bool = False) -> None:
        self.folder = folder
        self.root = shutil.copytree(dataset, folder.datasets / "cubes")
        keep_calibration(self.root, RECORDED, CALIBRATED)
        for index, content in contents_of(self.root, 4).items():
            write_mark(self.root, index, Mark(session=RECORDED, take=index + 1), content)
        self.checkpoint = folder.trainings / "act_v2/checkpoints/000100"
        pretrained = self.pretrained = self.checkpoint / PRETRAINED
        pretrained.mkdir(parents=True)
        (pretrained / "config.json").write_bytes(orjson.dumps({"type": "act"}))
        (pretrained / "train_config.json").write_bytes(orjson.dumps(CONFIG))
        (pretrained / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
        (self.checkpoint / STATE).mkdir()
        for name in ("training_step.json", "optimizer_state.safetensors", "optimizer_param_groups.json"):
            (self.checkpoint / STATE / name).write_text("{}")
        self.kept = self._provenance(older)
        write_provenance(pretrained, self.kept)
        self.log = self._log(older)

    def _provenance(self, older: bool) -> Provenance:
        rows, videos = rows_of(self.root, 4), videos_of(self.root, (1, 2, 3))
        lineage = Lineage(
            data=revision(rows, videos, 30, (1, 3)), configuration=configuration(CONFIG),
            calibration=calibration({RECORDED: CALIBRATED}),
        )  # fmt: skip
        plain = Provenance(
            session=TRAINED, dataset="cubes", dataset_root=str(self.root), fps=30, cameras=("top",), episodes=(1, 3),
            left_out=(LeftOut(Why.HELD_OUT, (2,)),), calibrations={RECORDED: CALIBRATED},
        )  # fmt: skip
        known = {"rows": {n: rows[n] for n in (1, 2, 3)}, "videos": videos, "lineage": lineage}
        return plain if older else msgspec.structs.replace(plain, **known, weights=fingerprint(self.pretrained))

    def _log(self, older: bool) -> list[Session]:
        weights, size = self.kept.weights, sum(p.stat().st_size for p in self.checkpoint.rglob("*") if p.is_file())
        saved = facts.checkpoint_saved(100, path=str(self.checkpoint), weights=weights, bytes=size)
        started: dict[str, Any] = {"episodes": (1, 3), "lineage": self.kept.lineage, "left_out": self.kept.left_out}
        training = facts.training(output_dir=str(self.checkpoint.parents[1]), checkpoints=(saved,), **started)
        episodes = tuple(Episode(index=n, take=n + 1, frames=foreign.FRAMES, seconds=0.3) for n in range(4))
        data = {"dataset": "cubes", "data_dir": str(self.folder.root)}
        path = str(self.pretrained)
        connected = facts.ev.BenchConnected(robot="so101", calibration=CALIBRATED)
        return [
            facts.session(
                TRIED,
                kind=SessionKind.EVAL,
                checkpoint=path,
                weights={} if older else {path: weights},
                trained_in=TRAINED,
            ),
            facts.session(TRAINED, kind=SessionKind.TRAIN, training=training, **data),
            facts.session(RECORDED, episodes=episodes, connected=connected, **data),
        ]

    def look(self, *wanted: str) -> dict[str, tuple[Standing, str]]:
        """What was found, by what it is."""
        (found,) = verify(self.folder, self.log, wanted)
        return {each.what: (each.standing, each.detail) for each in found.findings}

    def bad(self, *wanted: str) -> dict[str, tuple[Standing, str]]:
        return {what: found for what, found in self.look(*wanted).items() if found[0] is not Standing.MATCHES}

    def whole(self) -> bool:
        return not any(found.bad for found in verify(self.folder, self.log, ()))


@pytest.fixture
def lab(tmp_path: Path, made: Path) -> Lab:
    return Lab(DataFolder(tmp_path / "lab").create(), made)


def edit(root: Path, column: str, episode: int) -> None:
    """One number of an episode is another."""
    (path,) = root.glob("data/*/*.parquet")
    table = pq.read_table(path)
    at = table.schema.get_field_index(column)
    values = np.array(table[column].to_pylist(), np.float32)
    values[episode * foreign.FRAMES, 0] += 0.5
    pq.write_table(
        table.set_column(at, table.schema.field(at), pa.array(values.tolist(), table.schema.field(at).type)), path
    )


def test_what_is_as_it_was_matches_in_all_of_its_parts(lab: Lab) -> None:
    assert lab.whole()
    found = lab.look("act_v2@100")
    assert {"weights", "configuration", "training", "dataset cubes", "pictures of top", "calibration"} < found.keys()
    assert {standing for standing, _ in found.values()} == {Standing.MATCHES}
    assert found["dataset cubes"][1] == f"3 episodes, data {lab.kept.lineage.data[:12]}"
    assert lab.look(str(lab.pretrained)) == lab.look(str(lab.checkpoint)) == found
    assert lab.look(TRIED)["checkpoint act_v2 @ 000100"] == (Standing.MATCHES, f"weights {lab.kept.weights[:12]}")
    assert lab.look("last") == lab.look(TRIED[:9])
    assert len(lab.look("cubes")) == len(lab.look(str(lab.root))) == 4


def test_the_data_is_looked_at_by_content_and_not_by_name_or_place(lab: Lab) -> None:
    moved = shutil.move(lab.root, lab.folder.datasets / "renamed")
    standing, detail = lab.look(TRAINED)["dataset cubes"]
    assert standing is Standing.GONE and detail.endswith("dataset renamed holds all of its episodes")
    shutil.move(lab.folder.root, lab.folder.root.with_name("elsewhere"))
    lab.folder = DataFolder(lab.folder.root.with_name("elsewhere"))
    shutil.move(lab.folder.datasets / "renamed", lab.folder.datasets / "cubes")
    assert not Path(moved).exists()
    assert lab.bad(TRAINED) == {} and "it is in " in lab.look(TRAINED)["dataset cubes"][1]


@pytest.mark.parametrize("column", ["action", "observation.state"])
def test_an_edited_episode_is_named_if_it_was_learnt_from(lab: Lab, column: str) -> None:
    edit(lab.root, column, 0)
    assert lab.bad(TRAINED) == {}, "episode 0 was left out"
    edit(lab.root, column, 3)
    assert lab.bad("act_v2") == {"dataset cubes": (Standing.CHANGED, "1 episode holds other values: 3")}
    shutil.rmtree(lab.checkpoint)
    bad = lab.bad(TRAINED)
    assert bad["dataset cubes"][0] is Standing.CHANGED and "not known which" in bad["dataset cubes"][1]
    assert bad["checkpoint act_v2 @ 000100"] == (Standing.GONE, f"it is not in {lab.checkpoint}")


def test_lerobots_own_delete_and_merge_are_followed(lab: Lab, tmp_path: Path) -> None:
    from lerobot.datasets.dataset_tools import delete_episodes, merge_datasets
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    dataset = LeRobotDataset("lab/cubes", root=lab.root, video_backend="pyav")
    merge_datasets([dataset, dataset], "lab/twice", output_dir=tmp_path / "twice")
    delete_episodes(dataset, [0, 2], output_dir=tmp_path / "less", repo_id="lab/less")
    for name in ("twice", "less"):
        shutil.copy(lab.root / "lab-console.json", tmp_path / name)  # the marks go along, by hand
        shutil.rmtree(lab.root)
        shutil.copytree(tmp_path / name, lab.root)
        bad = lab.bad("act_v2")
        if name == "twice":
            assert bad == {}
    assert bad["dataset cubes"] == (Standing.CHANGED, "1 episode is gone: 2")
    assert lab.bad(RECORDED)["dataset cubes"] == (Standing.CHANGED, "2 episodes are not in it any more: 0, 2")
    standing, detail = bad["pictures of top"]
    assert standing is Standing.CHANGED and detail.startswith("encoded anew, or other pictures, in ")


def test_marks_pictures_and_calibrations_that_changed_are_told(lab: Lab) -> None:
    write_mark(lab.root, 0, Mark(session=RECORDED, take=1, accepted=False))
    write_mark(lab.root, 3, Mark(session=RECORDED, take=4, accepted=False))
    keep_calibration(lab.root, RECORDED, {"follower": "2e" * 32})
    (video,) = lab.root.glob("videos/*/*/*.mp4")
    video.unlink()
    calibrated = facts.ev.BenchConnected(robot="so101", calibration={"follower": "3d" * 32})
    lab.log.insert(0, facts.session("20260301-000000-0009", at=facts.BEGAN + 1e6, connected=calibrated))
    bad = lab.bad("act_v2")
    assert bad["marks"] == (Standing.CHANGED, "1 episode was rejected since: 3")
    assert bad["pictures of top"][0] is Standing.GONE and "in 3 episodes: 1-3" in bad["pictures of top"][1]
    assert bad["calibration"][0] is bad["calibration of bench sim"][0] is Standing.CHANGED
    assert "session 20260301-000000-0009" in bad["calibration of bench sim"][1]
    standing, detail = lab.bad(RECORDED)["dataset cubes"]
    assert standing is Standing.CHANGED and "2 episodes are marked otherwise" in detail and detail.endswith(": 0, 3")


def test_a_checkpoint_is_known_by_what_it_holds(lab: Lab) -> None:
    moved = lab.folder.trainings / "kept/checkpoints/000100"
    shutil.copytree(lab.checkpoint, moved)
    (lab.pretrained / "model.safetensors").write_bytes((3).to_bytes(8, "little") + b"{} ")
    bad = lab.bad(TRIED)["checkpoint act_v2 @ 000100"]
    assert bad == (Standing.CHANGED, f"{lab.pretrained} holds other weights by now; what was tried lies in {moved}")
    (standing, _), (then, _) = lab.bad("act_v2")["weights"], lab.bad("act_v2")["training"]
    assert standing is then is Standing.CHANGED
    assert lab.bad("kept") == {}
    shutil.rmtree(lab.folder.trainings / "act_v2")
    for session in (TRIED, TRAINED):
        standing, detail = lab.look(session)["checkpoint act_v2 @ 000100"]
        assert (standing, detail) == (Standing.MATCHES, f"it was moved: {moved} holds it")
    (moved / PRETRAINED / "train_config.json").write_text('{"batch_size": 9}')
    assert lab.bad("kept") == {"configuration": (Standing.CHANGED, "train_config.json was edited since it was saved")}
    (moved / STATE / "training_step.json").unlink()
    lab.log[1:2] = []
    assert lab.bad(str(moved / PRETRAINED))["training"] == (Standing.GONE, f"session {TRAINED} is not in this log")


def test_what_was_never_known_accuses_nothing(tmp_path: Path, made: Path) -> None:
    lab = Lab(DataFolder(tmp_path / "lab").create(), made, older=True)
    assert lab.whole()
    for wanted in ("act_v2", TRAINED, TRIED):
        assert {standing for standing, _ in lab.bad(wanted).values()} == {Standing.UNKNOWN}
    lab.log.clear()
    assert lab.look("cubes") == {"dataset cubes": (Standing.UNKNOWN, "no session of this log made or used it")}


def test_what_lies_here_under_the_same_paths_accuses_no_session_from_another_bench(lab: Lab) -> None:
    came = facts.ev.BroughtIn(place="/mnt/bench-2")
    lab.log[:] = [msgspec.structs.replace(session, brought_in=came) for session in lab.log]
    assert not lab.bad(TRIED) and not lab.bad(TRAINED) and not lab.bad(RECORDED), "it was unpacked here"
    other = msgspec.structs.replace(lab.kept, session="20260101-000000-0009")
    write_provenance(lab.pretrained, other)
    (lab.pretrained / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{ }")
    for episode in range(4):
        edit(lab.root, "observation.state", episode)
    for wanted in (TRIED, TRAINED, RECORDED):
        (verified,) = verify(lab.folder, lab.log, (wanted,))
        assert not verified.bad and any("came from /mnt/bench-2" in each.detail for each in verified.findings)


def test_what_was_not_compared_does_not_match(lab: Lab) -> None:
    write_provenance(lab.pretrained, msgspec.structs.replace(lab.kept, cameras=("top", "wrist")))
    lab.log[-1] = msgspec.structs.replace(
        lab.log[-1], connected=facts.ev.BenchConnected(robot="so101", calibration={"leader": "2f" * 32})
    )
    told = lab.look("act_v2")
    assert told["pictures of wrist"] == (Standing.UNKNOWN, "no fingerprint of them is kept")
    (bench,) = (found for what, found in told.items() if what.startswith("calibration of bench"))
    assert bench[0] is Standing.UNKNOWN and "connected other arms" in bench[1]
    write_provenance(lab.pretrained, msgspec.structs.replace(lab.kept, rows=dict.fromkeys((1, 2, 3), "")))
    assert lab.look("act_v2")["dataset cubes"] == (Standing.UNKNOWN, "no fingerprint of its episodes is kept")


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.unlink()
    match how:
        case "pipe":
            os.mkfifo(path)
        case "torn":
            path.write_bytes(data[: len(data) // 2])
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path.name)


@pytest.mark.parametrize("how", ["pipe", "torn", "folder", "loop", "gone"])
@pytest.mark.parametrize(
    "what", ["data/*/*.parquet", "videos/*/*/*.mp4", "meta/info.json", "meta/episodes/*/*.parquet"]
)
def test_files_that_cannot_be_read_are_told_and_never_waited_for(lab: Lab, what: str, how: str) -> None:
    (path,) = lab.root.glob(what)
    spoil(path, how)
    for wanted in ("act_v2", TRAINED, "cubes"):
        bad = lab.bad(wanted)
        assert bad and {standing for standing, _ in bad.values()} <= {
            Standing.UNREADABLE, Standing.GONE, Standing.CHANGED,
        }  # fmt: skip
    for name in ("train_config.json", "config.json", "lab-console.json", "model.safetensors"):
        spoil(lab.pretrained / name, how)
    list(verify(lab.folder, lab.log, [TRIED, TRAINED, str(lab.checkpoint)]))


def test_a_blinded_evaluation_tells_nothing_of_its_policies(lab: Lab) -> None:
    from sessions.blinding import hidden

    session = lab.log[0]
    secret = hidden(msgspec.structs.replace(session.request, blinded=True))  # type: ignore[arg-type]
    lab.log[0] = Session(started=msgspec.structs.replace(session.started, request=secret))
    (found,) = verify(lab.folder, lab.log, [TRIED])
    assert [each.what for each in found.findings] == ["policies"]
    assert "act" not in repr(found) and lab.kept.weights[:12] not in repr(found)


def test_nothing_that_is_not_there_can_be_verified(lab: Lab) -> None:
    for name in ("nonsense", "", "sim-scripted@1", "20991231"):
        with pytest.raises(Refusal):
            list(verify(lab.folder, lab.log, [name]))
    with pytest.raises(Refusal, match="fits 3 sessions"):
        list(verify(lab.folder, lab.log, ["2026"]))


def test_other_datasets_are_looked_into_only_for_one_that_is_gone(lab: Lab) -> None:
    plain_datasets.make(lab.folder.datasets / "other", [1.0])
    shelf = Shelf(lab.folder)
    assert [each.summary.name for each in shelf.all()] == ["cubes", "other"]
    assert isinstance(Finding(what="x", standing=Standing.GONE), Finding)


def test_the_verb_says_it_in_lines_or_as_json_and_its_status_tells(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = ["--data-dir", str(lab.folder.root), "verify"]
    assert main([*verb, "cubes", str(lab.checkpoint)]) == 1, "this data folder's log knows none of its sessions"
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "dataset cubes" and "checkpoint act_v2 @ 000100" in told
    assert f"  gone            training (session {TRAINED} is not in this log)" in told
    assert main([*verb, "nonsense"]) == 2
    assert "there is no 'nonsense' to verify" in capsys.readouterr().err
    assert main([*verb, "act_v2", "--json"]) == 1
    (found,) = orjson.loads(capsys.readouterr().out)
    assert (
        found["kind"] == "checkpoint"
        and {"what": "weights", "standing": "matches"}.items() <= found["findings"][0].items()
    )
    assert (
        main(verb) == 0
        and capsys.readouterr().out == "0 sessions looked at: none with something that no longer matches\n"
    )
