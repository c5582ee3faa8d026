"""What others keep in a folder that is sent: links, pipes and names of any kind. Nothing waits or is left over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.folders import DataFolder
from services.refusal import Refusal
from services.targets import received
from services.targets.fingerprint import fingerprint


def test_a_fingerprint_counts_what_rsync_moves(tmp_path: Path) -> None:
    plain, other = tmp_path / "plain", tmp_path / "other"
    for folder in (plain, other):
        (folder / "meta").mkdir(parents=True)
        (folder / "meta/info.json").write_text("{}")
        (folder / os.fsdecode(b"caf\xe9 \n [b]")).write_text("a name that is no UTF-8")
    os.mkfifo(other / "pipe")
    (other / "meta").rename(tmp_path / "elsewhere")
    (other / "meta").symlink_to(tmp_path / "elsewhere")
    assert fingerprint(other) == fingerprint(plain), "the pipe is passed over, the link followed"


@pytest.mark.parametrize(("goal", "why"), [("/nowhere/at/all", "to nothing"), (".", "that it lies in")])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, goal: str, why: str) -> None:
    (tmp_path / "odd").symlink_to(goal)
    with pytest.raises(Refusal, match=rf"{tmp_path}/odd is a link .*{why}"):
        fingerprint(tmp_path)


def test_what_was_written_in_while_it_was_sent_leaves_nothing_there(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path).create()
    arrived = folder.root / "incoming/cubes-0123"
    arrived.mkdir(parents=True)
    (arrived / "notes.txt").write_text("longer than when it was read")
    with pytest.raises(Refusal, match="send it again when nothing writes in it any more"):
        received.put(folder, "incoming/cubes-0123", "datasets/cubes", "0123", replace=False)
    assert not arrived.exists() and not (folder.datasets / "cubes").exists()
