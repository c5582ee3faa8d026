"""An episode's pictures are known again in another file, and others are told from them, without a decoder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from services.datasets.video_content import videos_of
from tests.support import foreign

ARM = {"observation.state": foreign.vector(), "action": foreign.vector()}
TOP = {"observation.images.top": foreign.camera()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return foreign.make(tmp_path_factory.mktemp("made") / "set", ARM | TOP)


def test_each_episode_has_its_own_digest_and_keeps_it_in_a_longer_file(made: Path, tmp_path: Path) -> None:
    from lerobot.datasets.aggregate import aggregate_datasets

    whole = videos_of(made, range(3))["top"]
    assert len(set(whole.values())) == 3 and all(whole.values())
    assert videos_of(made, (2,)) == {"top": {2: whole[2]}}
    assert videos_of(made, range(3), without=("top",)) == {}
    merged = tmp_path / "twice"
    aggregate_datasets(["me/set"] * 2, "me/twice", roots=[made, made], aggr_root=merged)
    assert len([*merged.glob("videos/*/*/*.mp4")]) == 1
    again = videos_of(merged, range(6))["top"]
    assert list(again.values()) == [*whole.values()] * 2


@pytest.mark.parametrize("spoil", ["gone", "torn", "no video", "empty", "a size of nothing"])
def test_a_video_that_cannot_be_read_has_no_digest(made: Path, tmp_path: Path, spoil: str) -> None:
    root = shutil.copytree(made, tmp_path / "set")
    (video,) = root.glob("videos/*/*/*.mp4")
    data = video.read_bytes()
    bad = {"torn": data[: len(data) // 2], "no video": b"mine", "empty": b"", "a size of nothing": bytes(16)}
    video.unlink() if spoil == "gone" else video.write_bytes(bad[spoil])
    assert videos_of(root, range(3)) == {"top": {0: "", 1: "", 2: ""}}
    assert videos_of(tmp_path / "nowhere", range(3)) == {}
