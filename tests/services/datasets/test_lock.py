"""One dataset, many paths: links, mounts, other machines. Whoever comes second is told, or notices."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.datasets import claim as claims
from services.datasets.claim import CLAIM, Claim, Claimed, ClaimLost
from services.datasets.lock import DatasetBusy, dataset_lock
from tests import ROOT
from tests.support.mounts import bind, needs_mounts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "disk" / "pick"
    made.mkdir(parents=True)
    return made


def linked(tmp_path: Path, bench: str, root: Path) -> Path:
    """The dataset as another bench's data folder has it."""
    link = tmp_path / bench / "datasets" / root.name
    link.parent.mkdir(parents=True)
    link.symlink_to(root)
    return link


def test_two_links_to_one_folder_are_one_dataset(tmp_path: Path, root: Path) -> None:
    a, b = linked(tmp_path, "a", root), linked(tmp_path, "b", root)
    for held, wanted in ((a, b), (a, root), (root, b)):
        with dataset_lock(held, "first"), pytest.raises(DatasetBusy, match="in use by session first"):
            dataset_lock(wanted, "second")
    dataset_lock(b, "second").release()


def test_a_folder_of_links_and_a_path_with_dots_are_the_same_dataset(tmp_path: Path, root: Path) -> None:
    (tmp_path / "datasets").symlink_to(root.parent)
    with dataset_lock(tmp_path / "datasets" / "pick", "first"), pytest.raises(DatasetBusy):
        dataset_lock(tmp_path / "disk" / ".." / "disk" / "pick", "second")


def test_older_versions_lock_the_path_as_spelled_and_keep_us_out(tmp_path: Path, root: Path) -> None:
    from sessions.locks import Lock, this_process

    link = linked(tmp_path, "a", root)
    old = Lock(link.parent / ".pick.lock", this_process(session="older"))
    with pytest.raises(DatasetBusy, match="older"):
        dataset_lock(link, "newer")
    old.release()
    dataset_lock(link, "newer").release()


# -- the claim inside ------------------------------------------------------------------------------------


@needs_mounts
def test_a_bind_mount_is_noticed_by_the_claim_inside(tmp_path: Path, root: Path) -> None:
    other = tmp_path / "mounted" / "pick"
    with bind(root, other):
        claim = Claim(root, "first")
        with pytest.raises(DatasetBusy, match="in use by session first"):
            dataset_lock(other, "second")
        with pytest.raises(Claimed, match="session first"):
            Claim(other, "second")
        claim.release()
        dataset_lock(other, "second").release()
    assert not list(root.iterdir())


def claim_of_another_machine(root: Path, *, age_s: float = 0.0) -> bytes:
    """Write one as another machine does, whose kernel's locks are not seen here."""
    with pytest.MonkeyPatch.context() as there:
        there.setattr(claims, "machine", lambda: "another machine")
        made = Claim(root, "over there")
        words = made.path.read_bytes()
        made.release()
    (root / CLAIM).write_bytes(words)
    os.utime(root / CLAIM, (time.time() - age_s,) * 2)
    return words


def test_a_living_recording_of_another_machine_keeps_others_out(root: Path) -> None:
    claim_of_another_machine(root, age_s=60)
    for attempt in (lambda: dataset_lock(root, "here"), lambda: Claim(root, "here")):
        with pytest.raises((DatasetBusy, Claimed), match=r"session over there .* last heard of 60 s ago.* in 9 min"):
            attempt()


def test_an_abandoned_claim_of_another_machine_is_taken_over_and_its_holder_notices(root: Path) -> None:
    claim_of_another_machine(root, age_s=claims.SILENT_S + 1)
    dataset_lock(root, "here").release()
    ours = Claim(root, "here")
    ours.renew()
    (root / CLAIM).write_bytes(claim_of_another_machine(root.parent))  # it took the dataset over in its turn
    with pytest.raises(ClaimLost, match="session over there"):
        ours.renew()
    ours.release()
    assert (root / CLAIM).exists(), "another's claim stays"


def test_a_claim_that_was_removed_is_lost(root: Path) -> None:
    ours = Claim(root)
    (root / CLAIM).unlink()
    with pytest.raises(ClaimLost, match="removed"):
        ours.renew()
    next_one = Claim(root, "next")
    ours.release()
    next_one.renew()
    next_one.release()
    assert not (root / CLAIM).exists()


def test_a_dead_holder_of_this_machine_holds_nothing(root: Path) -> None:
    code = (
        "import os; from pathlib import Path; from services.datasets.claim import Claim\n"
        f"claim = Claim(Path({str(root)!r}), 'dead'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert b"dead" in (root / CLAIM).read_bytes()
    dataset_lock(root, "next").release()
    Claim(root, "next").release()
    assert not (root / CLAIM).exists()


def test_an_unreadable_claim_is_nobodys(root: Path) -> None:
    (root / CLAIM).write_bytes(b"\xff{")
    dataset_lock(root, "next").release()
    Claim(root, "next").release()


# -- places that cannot be written -------------------------------------------------------------------------


@needs_mounts
def test_a_reader_needs_no_lock_where_nobody_can_write(tmp_path: Path, root: Path) -> None:
    with bind(root.parent, tmp_path / "ro", read_only=True):
        seen = tmp_path / "ro" / "pick"
        dataset_lock(seen, "training", reading=True).release()
        with pytest.raises(OSError, match="Read-only"):
            dataset_lock(seen, "recording")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_reader_without_permission_needs_no_lock_either(root: Path) -> None:
    for folder in (root, *root.parents[:3]):
        folder.chmod(0o755)
    code = f"""
import os
from pathlib import Path
from services.datasets.lock import dataset_lock
os.setuid(65534)
dataset_lock(Path({str(root)!r}), "training", reading=True).release()
try:
    dataset_lock(Path({str(root)!r}), "recording")
except PermissionError as error:
    print(error.strerror)
"""
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.strip() == "Permission denied", out.stderr


def test_a_pipe_in_place_of_the_claim_keeps_nobody_waiting(root: Path) -> None:
    os.mkfifo(root / CLAIM)
    code = f"""
from pathlib import Path
from services.datasets.lock import dataset_lock
dataset_lock(Path({str(root)!r}), "me").release()
print("locked")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.stdout == "locked\n", done.stderr
    assert (root / CLAIM).is_fifo(), "what is not ours stays"
