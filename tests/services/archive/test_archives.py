"""A session goes from one bench to another in a file, and a file that is not what it says leaves nothing behind."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.__main__ import main
from services.archive import manifest as manifests
from services.archive import unpacking
from services.archive.merging import merge
from services.archive.packing import check_free, pack, plan
from services.archive.unpacking import unpack
from services.datasets.lock import dataset_lock
from services.folders import DataFolder
from services.live import events as ev
from services.log import logbook
from services.log.kinship.links import origins
from services.refusal import Refusal
from sessions.document import Session
from sessions.models import SessionKind
from tests.services.exports.conftest import tried
from tests.support.facts import BEGAN, training
from tests.support.runs import ended, make_folder, saved, session_id, started, write_run

RECORDING, TRAINING, EVALUATION = (session_id(n) for n in (1, 2, 3))
NAMES = ("runs", "datasets", "outputs")


def make_bench(path: Path) -> DataFolder:
    """A recording, a training on it, and an evaluation of its checkpoint, with their data."""
    folder = make_folder(path)
    root = str(folder.root)
    write_run(folder, RECORDING, started(RECORDING, data_dir=root, host="lab-1"), saved(0), ended())
    output = folder.trainings / "act_v2"
    checkpoint = output / "checkpoints" / "000010"
    saved_at = ev.CheckpointSaved(step=10, path=str(checkpoint), bytes=1, seconds=1.0)
    facts = training(output_dir=str(output)).started
    trained = started(TRAINING, kind=SessionKind.TRAIN, data_dir=root, name="act_v2", at=BEGAN + 1000)
    run = write_run(folder, TRAINING, trained, facts, saved_at, ended())
    run.metrics.write_bytes(b'{"step":10,"loss":0.5}\n')
    tries = started(EVALUATION, kind=SessionKind.EVAL, data_dir=root, checkpoint=str(checkpoint / "pretrained_model"),
                    trained_in=TRAINING, dataset="rollout_act")  # fmt: skip
    run = write_run(folder, EVALUATION, tries, *tried(), ended())
    run.request.write_text("{}")
    for name, data in {
        "datasets/cubes/meta/info.json": b"{}",
        "datasets/rollout_act/meta/info.json": b"{}",
        "datasets/rollout_act/videos/a.mp4": os.urandom(3000),
        "outputs/train/act_v2/checkpoints/000010/pretrained_model/model.safetensors": os.urandom(100),
        "outputs/train/act_v2/checkpoints/000010/pretrained_model/config.json": b"{}",
        "outputs/train/act_v2/checkpoints/000010/pretrained_model/old.pt": b"pickled",
    }.items():
        (folder.root / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.root / name).write_bytes(data)
    (folder.datasets / "rollout_act" / "passwd").symlink_to("/etc/passwd")
    return folder


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    return make_bench(tmp_path_factory.mktemp("bench"))


def packed(bench: DataFolder, file: Path, *, session: str = EVALUATION, with_data: bool = True) -> Path:
    log = logbook.sessions(bench).sessions
    pack(plan(bench, next(s for s in log if s.id == session), log), file, with_data=with_data)
    return file


@pytest.fixture(scope="module")
def archive(bench: DataFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(bench, tmp_path_factory.mktemp("archive") / "one.zip")


@pytest.fixture
def there(tmp_path: Path) -> DataFolder:
    return make_folder(tmp_path)


def listed(folder: DataFolder) -> dict[str, Session]:
    return {session.id: session for session in logbook.sessions(folder).sessions}


def files(folder: DataFolder) -> dict[str, bytes]:
    found = (path for name in NAMES for path in (folder.root / name).rglob("[!.]*") if path.is_file())
    return {path.relative_to(folder.root).as_posix(): path.read_bytes() for path in found}


def test_what_a_killed_unpack_left_long_ago_is_removed(archive: Path, there: DataFolder) -> None:
    left, going = (there.root / "incoming" / name for name in ("unpack-left", "unpack-going"))
    for folder in (left, going):
        (folder / "datasets").mkdir(parents=True)
    for path in (left / "datasets", left):
        os.utime(path, (1e9, 1e9))
    unpack(there, archive)
    assert not left.exists() and going.exists()


def test_a_session_arrives_with_all_that_it_came_from(bench: DataFolder, archive: Path, there: DataFolder) -> None:
    made = unpack(there, archive)
    assert set(made.merged.added) == {EVALUATION, TRAINING, RECORDING}
    sessions = listed(there)
    assert [link.session and link.session.id for link in origins(sessions[EVALUATION], list(sessions.values()))] == [
        TRAINING
    ]
    came = sessions[EVALUATION].brought_in
    assert came is not None and came.place == str(archive)
    theirs, ours = files(bench), files(there)
    assert ours.keys() == {name for name in theirs if not name.endswith((".pt", "passwd")) and "cubes" not in name}
    assert all(
        ours[name] == data for name, data in theirs.items() if name in ours and not name.endswith("events.jsonl")
    )
    assert [cargo.path for cargo in made.placed] == [
        "datasets/rollout_act", "outputs/train/act_v2/checkpoints/000010/pretrained_model"]  # fmt: skip
    said = " ".join(made.manifest.left_out)
    assert "1 link in it" in said and "1 file in it, pickled" in said
    assert not list((there.root / "incoming").glob("unpack-*"))
    again = unpack(there, archive)
    assert not again.merged.added and not again.placed and len(again.there) == 2


def test_what_lies_in_its_place_is_never_replaced(archive: Path, there: DataFolder, tmp_path: Path) -> None:
    mine = there.datasets / "rollout_act" / "meta" / "info.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(Refusal, match="rollout_act is there already and differs, and nothing was unpacked"):
        unpack(there, archive)
    assert mine.read_text() == "mine" and not listed(there) and not (there.trainings / "act_v2").exists()
    assert len(unpack(there, archive, with_data=False).merged.added) == 3
    assert list(files(there)) == [name for name in files(there) if name.startswith("runs/")] + [
        "datasets/rollout_act/meta/info.json"]  # fmt: skip


def test_a_link_in_the_data_folder_leads_nothing_out_of_it(archive: Path, there: DataFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    there.trainings.parent.mkdir(exist_ok=True)
    there.trainings.symlink_to(outside)
    with pytest.raises(Refusal, match="leads out of"):
        unpack(there, archive)
    assert not list(outside.iterdir()) and not listed(there)


def test_a_blinded_comparison_takes_no_names_along(there: DataFolder, tmp_path: Path) -> None:
    blind = started(RECORDING, kind=SessionKind.EVAL, data_dir=str(there.root), checkpoint="A",
                    further_checkpoints=("B",), blinded=True)  # fmt: skip
    run = write_run(there, RECORDING, blind, *tried(), ended())
    run.request.write_text('{"checkpoint":"/secret_policy"}')
    file = packed(there, tmp_path / "blind.zip", session=RECORDING)
    with zipfile.ZipFile(file) as archive:
        assert sorted(archive.namelist()) == ["manifest.json", f"runs/{RECORDING}/events.jsonl", "sessions.json"]
        assert not any(b"secret_policy" in archive.read(name) for name in archive.namelist())
        assert b"is blinded: what its codes stand for stays here" in archive.read("manifest.json")


def test_one_that_runs_is_not_packed_and_no_file_is_overwritten(there: DataFolder, tmp_path: Path, archive: Path,
                                                                bench: DataFolder) -> None:  # fmt: skip
    write_run(there, RECORDING, started(RECORDING), saved(0))
    with pytest.raises(Refusal, match="is still running: pack it when it has ended"):
        from services.live.event_log import EventLog

        with EventLog(there.run(RECORDING)):
            packed(there, tmp_path / "x.zip", session=RECORDING)
    with dataset_lock(bench.datasets / "rollout_act", "another"), pytest.raises(Refusal, match=r"in use by .*another"):
        packed(bench, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()
    before = archive.read_bytes()
    with pytest.raises(Refusal, match="exists: name another file with -o"):
        packed(bench, archive)
    assert archive.read_bytes() == before
    with pytest.raises(Refusal, match="is a folder: name a file with -o"):
        check_free(tmp_path)
    with pytest.raises(Refusal, match=r"the folder .*gone does not exist: name another file with -o"):
        check_free(tmp_path / "gone" / "x.zip")


def test_the_shell_says_sizes_first_and_what_came_in(bench: DataFolder, there: DataFolder, tmp_path: Path,
                                                     capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    file = tmp_path / "a.zip"
    assert main(["--data-dir", str(bench.root), "pack", EVALUATION, "-o", str(file)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert (
        out[0] == f"session {EVALUATION}: eval act_v2 @ 000010" and f"linked: session {TRAINING}: train act_v2" in out
    )
    assert any(line.startswith("dataset rollout_act: 2 files, 3 kB, not packed (--with-data") for line in out)
    assert out[-1].startswith(f"{file}: ")
    assert main(["--data-dir", str(there.root), "unpack", str(file)]) == 0
    assert f"added: session {EVALUATION}" in capsys.readouterr().out
    assert main(["--data-dir", str(there.root), "unpack", str(tmp_path / "none")]) == 2


# -- archives that are not what they say ---------------------------------------------------------------------


def rewritten(archive: Path, file: Path, change: Callable[[dict[str, bytes], dict[str, object]], None]) -> Path:
    """The archive with other members, or another manifest; what changes a member gives the manifest its new size."""
    with zipfile.ZipFile(archive) as source:
        members = {name: source.read(name) for name in source.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(members, manifest)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in members.items():
            target.writestr(name, data)
        target.writestr("manifest.json", json.dumps(manifest))
    return file


def listing(members: dict[str, bytes]) -> list[dict[str, object]]:
    return [
        {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in members.items()
    ]


def assert_refused(folder: DataFolder, file: Path, why: str = "") -> None:
    before = {path: path.lstat().st_mtime_ns for path in folder.root.parent.rglob("*") if "incoming" not in str(path)}
    with pytest.raises(Refusal, match=why):
        unpack(folder, file)
    after = {path for path in folder.root.parent.rglob("*") if path != folder.root / "incoming"}
    assert after - {folder.root / "import.lock", folder.sessions_file} <= before.keys(), "nothing stays"
    assert not listed(folder)


def test_an_endless_list_of_members_is_not_read(there: DataFolder, tmp_path: Path) -> None:
    entry = b"PK\x01\x02" + bytes(24) + b"\x01" + bytes(17) + b"a"
    listed = entry * 750_000
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 9, 9, len(listed), 0, 0)
    (tmp_path / "long.zip").write_bytes(listed + end)
    with pytest.raises(Refusal, match="its list of members or its manifest has over 33,554,432 bytes"):
        unpack(there, tmp_path / "long.zip")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../evil", "leads out of the folder"),
        ("/etc/evil", "leads out of the folder"),
        ("runs/../../evil", "leads out of the folder"),
        ("runs//x", "leads out of the folder"),
        ("datasets/rollout_act/../../../x", "leads out of the folder"),
        ("runs\\evil", "is no name of a file"),
        ("C:evil", "is no name of a file"),
        ("a\x1b[31m", "is no name of a file"),
        ("lab.toml", "is no part of a session"),
        ("incoming/receipts/x", "is no part of a session"),
        (f"runs/{EVALUATION}/job.json", "is no part of a session"),
        ("datasets/other/x", "is no part of a session"),
        ("datasets/rollout_act/weights.PKL", "is loaded by unpickling it"),
        ("datasets/rollout_act/meta", "is a file and a folder in it"),
        ("datasets/rollout_act/META/info.json", "is in it twice"),
        ("x" * 600, "is no name of a file"),
    ],
)
def test_a_name_that_leads_elsewhere_refuses_the_archive_whole(
    archive: Path, there: DataFolder, tmp_path: Path, name: str, why: str
) -> None:
    def add(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        members[name] = b"evil"
        manifest["files"] = listing(members)

    assert_refused(there, rewritten(archive, tmp_path / "bad.zip", add), why)


def edit_files(**changes: object) -> Callable[[dict[str, bytes], dict[str, object]], None]:
    """The manifest with something else said of its first file."""

    def change(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["files"] = [{**each, **(changes if n == 0 else {})} for n, each in enumerate(listing(members))]

    return change


def test_what_is_not_as_the_manifest_says_is_refused(archive: Path, there: DataFolder, tmp_path: Path) -> None:
    def grown(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        members[f"runs/{EVALUATION}/request.json"] += b" "

    def other(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        members[f"runs/{EVALUATION}/request.json"] = b"[]"

    def more(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        members["datasets/rollout_act/more"] = b""

    def fewer(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        del members[f"runs/{EVALUATION}/request.json"]

    def unnamed(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["sessions"] = [EVALUATION]

    def cargo(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["data"] = [{"what": "x", "path": "datasets/../runs"}]

    def running(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        name = f"runs/{EVALUATION}/events.jsonl"
        members[name] = b"".join(members[name].splitlines(keepends=True)[:-1])
        manifest["files"] = listing(members)

    def future(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["version"] = 2

    def squeezed(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        stored = json.loads(members["sessions.json"])
        stored["sessions"][EVALUATION] = {"packed": "eJw=", "with": "1"}
        members["sessions.json"] = json.dumps(stored).encode()
        manifest["files"] = listing(members)

    def nothing(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest.clear()

    for change, why in (
        (grown, "has 3 bytes, its manifest says 2"),
        (other, "is not what its manifest says"),
        (more, "is not in its manifest"),
        (fewer, "is missing in it"),
        (unnamed, "its sessions are not those of its manifest"),
        (cargo, "is no dataset"),
        (running, f"its session {EVALUATION} has not ended"),
        (future, "was packed by a newer lab console"),
        (squeezed, "has packed rows, which `pack` never writes"),
        (nothing, "its manifest cannot be read"),
        (edit_files(bytes=-1), "without size or SHA-256"),
        (edit_files(sha256="x"), "without size or SHA-256"),
    ):
        file = rewritten(archive, tmp_path / f"{change.__name__}-{len(why)}.zip", change)
        assert_refused(there, file, why)


def test_links_devices_folders_encryption_and_names_twice_are_refused(
    archive: Path, there: DataFolder, tmp_path: Path
) -> None:
    kinds = {stat.S_IFLNK: "a link", stat.S_IFCHR: "a device", stat.S_IFIFO: "a device", stat.S_IFDIR: "a folder"}
    for number, kind in enumerate(kinds):
        file = tmp_path / f"{number}.zip"
        file.write_bytes(archive.read_bytes())
        with zipfile.ZipFile(file, "a") as target:
            info = zipfile.ZipInfo("datasets/rollout_act/evil")
            info.external_attr = (kind | 0o777) << 16
            target.writestr(info, "/etc/passwd")
        assert_refused(there, file, "is no file, but a folder, a link or a device")
    twice = tmp_path / "twice.zip"
    twice.write_bytes(archive.read_bytes())
    with pytest.warns(UserWarning), zipfile.ZipFile(twice, "a") as target:
        target.writestr("sessions.json", "{}")
    assert_refused(there, twice, "'sessions.json' is in it twice")
    packed_otherwise = tmp_path / "lzma.zip"
    packed_otherwise.write_bytes(archive.read_bytes())
    with zipfile.ZipFile(packed_otherwise, "a") as target:
        target.writestr("x", "x", zipfile.ZIP_LZMA)
    assert_refused(there, packed_otherwise, "compressed in a way that is not taken")
    data = bytearray(archive.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    encrypted = tmp_path / "encrypted.zip"
    encrypted.write_bytes(bytes(data))
    assert_refused(there, encrypted, "is encrypted")


def test_a_bomb_is_refused_before_anything_is_written(archive: Path, there: DataFolder, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(unpacking, "ROOM", 1 << 20)

    def bomb(members: dict[str, bytes], manifest: dict[str, object]) -> None:
        members["datasets/rollout_act/zeros"] = bytes(40 << 20)
        manifest["files"] = listing(members)

    written: list[str] = []
    monkeypatch.setattr(unpacking, "_write", lambda *given: written.append(str(given)))
    assert_refused(there, rewritten(archive, tmp_path / "bomb.zip", bomb), "unpack to 42 MB, as no session does")
    assert not written


def test_a_full_disk_leaves_nothing(archive: Path, there: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "sync_tree", lambda path: (_ for _ in ()).throw(OSError(28, "full", str(path))))
    assert_refused(there, archive, "the disk is full: free some space; nothing was unpacked")


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_damaged_archive_comes_in_whole_or_leaves_nothing(
    archive: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Cut short, or with bytes that are others: what came in is what was packed, or nothing did."""
    good = archive.read_bytes()
    if data.draw(st.booleans()):
        bad = good[: data.draw(st.integers(0, len(good) - 1))]
    else:
        at = data.draw(st.integers(0, len(good) - 1))
        bad = good[:at] + data.draw(st.binary(min_size=1, max_size=4)) + good[at + 1 :]
    root = tmp_path_factory.mktemp("damaged")
    there, file = make_folder(root), root / "bad.zip"
    file.write_bytes(bad)
    try:
        made = unpack(there, file)
    except Refusal as refusal:
        assert "nothing was unpacked" in str(refusal) and not files(there)
    else:
        with zipfile.ZipFile(io.BytesIO(good)) as source:
            sums = {m.path: m.sha256 for m in made.manifest.files}
            assert {name: hashlib.sha256(source.read(name)).hexdigest() for name in sums} == sums
    assert not list((there.root / "incoming").glob("unpack-*"))


def test_merging_an_archive_says_how_it_comes_in(archive: Path, there: DataFolder) -> None:
    with pytest.raises(Refusal, match=r"is an archive: `lab-console unpack .*one.zip` brings it in"):
        merge(there, archive)


def test_the_manifest_of_an_archive_is_complete(archive: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        manifest = unpacking.read_manifest(source, archive)
        assert {member.path for member in manifest.files} == set(source.namelist()) - {manifests.NAME}
        assert manifest.session == EVALUATION and manifest.sessions[0] == EVALUATION
        assert source.testzip() is None
