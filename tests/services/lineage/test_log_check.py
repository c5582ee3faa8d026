"""`log verify`: where the log's file, run folders, datasets and checkpoints disagree, and nothing is changed by it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import orjson
import pytest

from console.__main__ import main
from services.folders import DataFolder, RunFolder
from services.lineage.findings import Standing
from services.lineage.log_check import check_log
from services.lineage.runs import TAIL, newest_seq
from services.live import events as ev
from services.live.event_log import EventLog
from services.log import scribe
from services.log.logbook import append
from sessions.models import SessionKind
from tests.support import facts, foreign, plain_datasets
from tests.support.runs import ended, make_folder, numbered, saved, session_id, started, write_run

RECORDED, TRAINED, TRIED = session_id(1), session_id(2), session_id(3)


@pytest.fixture
def lab(tmp_path: Path) -> DataFolder:
    """A recording of two episodes, a training with two checkpoints, an evaluation; all in the log."""
    folder = make_folder(tmp_path)
    root, data = folder.datasets / "cubes", str(folder.root)
    plain_datasets.make(root, [1.0, 2.0])
    plain_datasets.mark(root, 1)
    episodes = (saved(0, frames=plain_datasets.ROWS), saved(1, frames=plain_datasets.ROWS, accepted=False))
    write_run(folder, RECORDED, started(RECORDED, data_dir=data), *episodes, ended())
    output = folder.trainings / "act_v1"
    for step in (1, 2):
        policy = output / f"checkpoints/{step:06}/pretrained_model"
        policy.mkdir(parents=True)
        (policy / "model.safetensors").write_bytes(b"w" * 40 * step)
    write_run(
        folder, TRAINED, started(TRAINED, kind=SessionKind.TRAIN, data_dir=data),
        facts.training(output_dir=str(output)).started,
        *(facts.checkpoint_saved(n, path=str(output / f"checkpoints/{n:06}"), bytes=40 * n) for n in (1, 2)), ended(),
    )  # fmt: skip
    tried = str(output / "checkpoints/000002/pretrained_model")
    write_run(folder, TRIED, started(TRIED, kind=SessionKind.EVAL, checkpoint=tried, weights={tried: "aa"}), ended())
    scribe.fold(folder)
    return folder


def found(folder: DataFolder) -> dict[str, tuple[Standing, str]]:
    """What does not match, and is not only unknown, by what it is."""
    return {f.what: (f.standing, f.detail) for part in check_log(folder) for f in part.findings if f.standing.bad}


def unlike(folder: DataFolder) -> str:
    """The only thing that is wrong beside the policy, of which the log knows other weights."""
    ((what, (standing, detail)),) = ((k, v) for k, v in found(folder).items() if not k.endswith(TRIED))
    return f"{what}: {standing.value}, {detail}"


def test_a_log_that_agrees_says_so_and_nothing_is_changed_by_looking(lab: DataFolder) -> None:
    before = foreign.hashes(lab.root)
    bad = found(lab)
    assert bad.keys() == {f"checkpoint act_v1 @ 000002 of {TRIED}"} and "holds other weights by now" in str(bad)
    told = {f.what: f.detail for part in check_log(lab) for f in part.findings if f.standing is Standing.MATCHES}
    assert told == {
        "sessions.json": "3 sessions", "run folders": "3 sessions to the newest event",
        "sessions with episodes": "1 of 1", "checkpoints": "2 of 2 by their sizes",
    }  # fmt: skip
    assert foreign.hashes(lab.root) == before


def test_runs_and_file_are_compared_to_the_newest_event(lab: DataFolder) -> None:
    run = lab.run(RECORDED)
    with EventLog(run) as log:
        log.append(ev.TagAdded(tag="night"))
    assert unlike(lab) == f"run {RECORDED}: changed since, the log has its events up to 4 of 5"
    scribe.fold(lab)
    assert len(found(lab)) == 1
    lines = run.events.read_bytes().splitlines(keepends=True)
    run.events.write_bytes(b"".join(lines[:3]) + lines[3][:9])
    assert "it ends with event 3, and the log has seen 5: it was cut" in unlike(lab)
    run.events.unlink()
    assert unlike(lab).startswith(f"run {RECORDED}: gone, its events are gone")
    shutil.rmtree(run.root)
    assert unlike(lab).startswith(f"session {RECORDED}: gone, its run folder is gone")


def test_a_run_that_the_log_does_not_have_and_one_that_cannot_be_read_are_named(lab: DataFolder) -> None:
    new = session_id(4)
    write_run(lab, new)
    assert unlike(lab) == f"run {new}: changed since, it is not in the log, with 4 events"
    lab.run(new).events.write_bytes(lab.run(RECORDED).events.read_bytes())
    assert f"its events are of session {RECORDED}: it is not in the log under this name" in unlike(lab)
    lab.run(new).events.unlink()
    os.mkfifo(lab.run(new).events)
    assert unlike(lab) == f"run {new}: cannot be read, {lab.run(new).events}: Not a file"
    lab.run(new).events.unlink()
    lab.run(new).events.write_bytes(b"nothing\n")
    assert "nothing in its events is understood" in unlike(lab)


def test_episodes_and_checkpoints_are_compared_with_what_is_there(lab: DataFolder) -> None:
    root, output = lab.datasets / "cubes", lab.trainings / "act_v1"
    plain_datasets.mark(root, 0, 1)
    assert unlike(lab) == (
        f"dataset cubes of {RECORDED}: changed since, 1 episode is marked otherwise in the dataset than in the log: 0"
    )
    plain_datasets.mark(root, 1)
    shutil.rmtree(root)
    plain_datasets.make(root, [1.0])
    assert unlike(lab).endswith("1 episode is not in it any more: 1")
    shutil.move(root, lab.datasets / "other")
    assert unlike(lab) == f"dataset cubes of {RECORDED}: gone, it is not in {root}; the session saved 2 episodes"
    assert "dataset other" in {f.what for part in check_log(lab) for f in part.findings}, "nobody recorded it"
    shutil.move(lab.datasets / "other", root)
    (output / "checkpoints/000001/pretrained_model/model.safetensors").write_bytes(b"")
    shutil.rmtree(output / "checkpoints/000002")
    bad = found(lab)
    assert bad[f"checkpoint act_v1 @ 000001 of {TRAINED}"][1] == "it has 0 kB (0 bytes), and 40 were saved"
    assert bad[f"checkpoint act_v1 @ 000002 of {TRAINED}"][0] is Standing.GONE
    assert bad[f"checkpoint act_v1 @ 000002 of {TRIED}"][0] is Standing.GONE


def test_what_nothing_is_known_of_is_not_said_to_match(lab: DataFolder) -> None:
    path = str(lab.trainings / "act_v1/checkpoints/000001")
    append(lab.run(TRAINED), facts.checkpoint_saved(3, path=path, bytes=0))
    scribe.fold(lab)
    told = {f.what: (f.standing, f.detail) for part in check_log(lab) for f in part.findings}
    assert told["checkpoints"][1] == "2 of 3 by their sizes"
    assert told[f"checkpoint act_v1 @ 000001 of {TRAINED}"] == (
        Standing.UNKNOWN, "it is there, and how many bytes were saved is not kept"
    )  # fmt: skip
    for lengths in (lab.datasets / "cubes/meta/episodes").rglob("*.parquet"):
        lengths.unlink()
    assert "meta/episodes does not tell the length of 2 episodes: 0-1" in unlike(lab)


def test_episodes_under_other_numbers_are_found_by_their_marks(lab: DataFolder) -> None:
    from services.datasets.content import contents_of
    from services.datasets.marks import Mark, write_mark

    root = lab.datasets / "cubes"
    shutil.rmtree(root)
    plain_datasets.make(root, [5.0, 2.0, 1.0])  # another one came first
    held = contents_of(root, 3)
    write_mark(root, 0, Mark(session="elsewhere", take=1), held[0])
    write_mark(root, 1, Mark(session=RECORDED, take=2, accepted=False), held[1])
    write_mark(root, 2, Mark(session=RECORDED, take=1), held[2])
    assert len(found(lab)) == 1
    write_mark(root, 1, Mark(session="elsewhere", take=2), held[1])
    assert unlike(lab).endswith("1 episode is not in it any more: 1")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"), (b"{", "not JSON"), (b"[]", "no schema version"),
        (b'{"schema": {"1": {"version": 99}}}', "newer"),
        (None, "Not a file"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_told_and_left_as_it_is(lab: DataFolder, content: bytes | None, said: str) -> None:
    lab.sessions_file.unlink()
    os.mkfifo(lab.sessions_file) if content is None else lab.sessions_file.write_bytes(content)
    standing, detail = found(lab)["sessions.json"]
    assert standing is Standing.UNREADABLE and said in detail
    assert [p.name for p in lab.root.glob("sessions.json*") if not p.name.endswith(".lock")] == ["sessions.json"]
    assert content is None or lab.sessions_file.read_bytes() == content
    lab.sessions_file.unlink()
    assert found(lab)["sessions.json"][0] is Standing.GONE


def test_a_document_that_does_not_fit_is_told_beside_the_others(lab: DataFolder) -> None:
    tables = orjson.loads(lab.sessions_file.read_bytes())
    tables["sessions"][RECORDED]["started"] = 7
    lab.sessions_file.write_bytes(orjson.dumps(tables))
    bad = found(lab)
    assert bad[f"session {RECORDED}"][0] is Standing.UNREADABLE
    assert bad[f"run {RECORDED}"] == (Standing.CHANGED, "it is not in the log, with 4 events")


def test_what_no_session_names_is_listed_and_accuses_nobody(
    lab: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab.trainings / "theirs/checkpoints/.000500.partial").mkdir(parents=True)
    (lab.root / "sessions.json.corrupt-20260101T000000Z").write_text("{")
    (lab.runs / "empty").mkdir()
    assert len(found(lab)) == 1
    shutil.rmtree(lab.run(TRIED).root)
    assert main(["--data-dir", str(lab.root), "log", "verify"]) == 1
    told = capsys.readouterr().out
    for words in (
        "training theirs (no session made it",
        ".000500.partial is half a checkpoint",
        "run empty",
        "corrupt-2026",
    ):
        assert words in told
    assert main(["--data-dir", str(lab.root / "nothing here"), "log", "verify"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "sessions.json",
        "  matches         sessions.json (no session yet)",
    ]


def test_the_newest_event_is_read_from_the_end_however_long_a_line_is(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    long = [ev.NoteAdded(text="x" * length) for length in (10, TAIL * 3, TAIL - 40, 5)]
    for count in range(1, len(long) + 1):
        run.events.write_bytes(b"".join(map(ev.encode, numbered(*long[:count]))))
        assert newest_seq(run.events) == count
    with run.events.open("ab") as file:
        file.write(b'{"type": "Note')
    assert newest_seq(run.events) == 4
    run.events.write_bytes(b"\n\xff\n")
    assert newest_seq(run.events) == 0
