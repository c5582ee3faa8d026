"""What the viewer's process answers, asked in this process: the frame that was recorded, or why there is none."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from services.datasets.content import contents, data_files
from services.datasets.episode_view import EpisodeOpened, Failed, FramesShown, OpenEpisode, ShowFrames
from services.datasets.lock import dataset_lock
from services.datasets.marks import Mark, write_mark
from services.workers.viewing.serve import Viewer
from services.workers.viewing.traces import traces
from tests.support import painted
from tests.support.foreign import edit_json, hashes
from tests.support.plain_datasets import make as make_plain

SIZE = (40, 30)
LENGTHS = (40, 30, 50)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file per episode, as this console records."""
    return painted.make(tmp_path_factory.mktemp("recorded") / "pick_place", LENGTHS)


@pytest.fixture
def copied(recorded: Path, tmp_path: Path) -> Path:
    """One to damage."""
    return Path(shutil.copytree(recorded, tmp_path / "pick_place"))


def opened(viewer: Viewer, root: Path, episode: int) -> EpisodeOpened:
    answer = viewer.answer(OpenEpisode(root=str(root), episode=episode))
    assert isinstance(answer, EpisodeOpened), answer
    return answer


def refused(root: Path, episode: int = 0) -> Failed:
    answer = Viewer().answer(OpenEpisode(root=str(root), episode=episode))
    assert isinstance(answer, Failed), answer
    return answer


def shown(viewer: Viewer, *frames: int, cameras: tuple[str, ...] = ("overhead", "wrist")) -> list[Any]:
    answer = viewer.answer(ShowFrames(frames=frames, sizes=dict.fromkeys(cameras, SIZE)))
    assert isinstance(answer, FramesShown), answer
    return list(answer.pictures)


def numbers(viewer: Viewer, *frames: int) -> list[int]:
    pictures = shown(viewer, *frames)
    assert not [picture.problem for picture in pictures if picture.problem]
    return [painted.read(picture.rgb, picture.width, picture.height) for picture in pictures]


@pytest.mark.parametrize(
    "layout",
    [{}, {"one_file": True}, {"one_file": True, "gop": 40}, {"images": True}, {"images": True, "one_file": True}],
    ids=["a file each", "one file", "few keyframes", "pictures in parquet", "pictures in one parquet"],
)
def test_the_frame_that_is_shown_is_the_frame_that_was_recorded(tmp_path: Path, layout: dict[str, Any]) -> None:
    root = painted.make(tmp_path / "painted", LENGTHS, **layout)
    before, viewer, steps = hashes(root), Viewer(), random.Random(7)
    for episode in (1, 0, 2):
        opened(viewer, root, episode)
        order = [0, LENGTHS[episode] - 1, *range(12), *(steps.randrange(LENGTHS[episode]) for _ in range(25)), 3, 2, 1]
        for frame in order:
            assert numbers(viewer, frame) == [painted.number(camera, episode, frame) for camera in (0, 1)]
    assert hashes(root) == before


def test_first_and_last_frame_come_together_and_another_size_is_another_picture(recorded: Path) -> None:
    viewer = Viewer()
    opened(viewer, recorded, 1)
    assert numbers(viewer, 0, 29) == [painted.number(camera, 1, frame) for camera in (0, 1) for frame in (0, 29)]
    answer = viewer.answer(ShowFrames(frames=(4,), sizes={"wrist": (12, 9)}))
    assert isinstance(answer, FramesShown) and len(answer.pictures) == 1
    assert (answer.pictures[0].width, len(answer.pictures[0].rgb)) == (12, 12 * 9 * 3)
    assert numbers(viewer, 400, -3) == [painted.number(camera, 1, frame) for camera in (0, 1) for frame in (29, 0)]


def test_an_episode_tells_its_facts(copied: Path) -> None:
    digests = contents(data_files(copied))
    mark = Mark(accepted=False, why="cube fell", flags=("overhead black",), session="s1", take=2)
    write_mark(copied, 1, mark, digests[1])
    found = opened(Viewer(), copied, 1)
    assert (found.episodes, found.frames, found.fps, found.seconds) == (3, 30, 30.0, 1.0)
    assert found.tasks == (painted.TASK,) and found.robot_type == "so101_follower"
    assert [(c.name, c.width, c.height) for c in found.cameras] == [("overhead", 160, 120), ("wrist", 160, 120)]
    assert found.mark == mark and not found.doubtful and not found.left_out
    assert [trace.name for trace in found.traces] == [f"{joint}.pos" for joint in painted.JOINTS]
    states = np.array([np.frombuffer(trace.state, "<f4") for trace in found.traces])
    assert np.allclose(states[:, 7], painted.state_of(1, 7), atol=1e-3)
    assert np.allclose(np.frombuffer(found.traces[0].action, "<f4") - states[0], 3, atol=1e-3)
    assert found.time_of(15) == pytest.approx(0.5)
    assert opened(Viewer(), copied, 0).mark is None


def test_a_mark_follows_its_episode_and_a_rejected_number_with_other_values_is_in_doubt(copied: Path) -> None:
    digests = contents(data_files(copied))
    moved = Mark(accepted=False, session="s1", take=9)
    write_mark(copied, 7, moved, digests[2])
    write_mark(copied, 1, Mark(accepted=False), "0" * 32)
    assert opened(Viewer(), copied, 2).mark == moved
    found = opened(Viewer(), copied, 1)
    assert found.mark is None and found.doubtful


def test_what_is_not_shown_is_named(tmp_path: Path) -> None:
    depth = {"dtype": "video", "shape": [120, 160, 1], "names": ["height", "width", "channels"]}
    marked = {"dtype": "video", "shape": [120, 160, 3], "names": None, "info": {"video.is_depth_map": True}}
    more = {"observation.images.depth": depth, "observation.images.far": marked,
            "next.reward": {"dtype": "float32", "shape": [1], "names": None}}  # fmt: skip
    root = painted.make(tmp_path / "deep", (4,), cameras=("wrist",), more=more)
    found = opened(viewer := Viewer(), root, 0)
    assert [camera.name for camera in found.cameras] == ["wrist"]
    assert found.left_out == ("depth (depth)", "far (depth)", "next.reward")
    assert [picture.camera for picture in shown(viewer, 0, cameras=("wrist", "depth", "ghost"))] == ["wrist"]


def test_a_dataset_of_numbers_has_no_camera(tmp_path: Path) -> None:
    root = make_plain(tmp_path / "plain", [1.0, 2.0])
    found = opened(viewer := Viewer(), root, 1)
    assert not found.cameras and found.frames == 4 and found.seconds == pytest.approx(4 / 30)
    assert [trace.name for trace in found.traces] == ["a.pos", "b.pos"] and not found.traces[0].state
    assert shown(viewer, 0) == []


# -- what cannot be read -------------------------------------------------------------------------------


def test_a_camera_without_its_video_says_so_and_the_others_are_shown(copied: Path) -> None:
    (copied / "videos/observation.images.wrist/chunk-000/file-001.mp4").unlink()
    torn = copied / "videos/observation.images.overhead/chunk-000/file-002.mp4"
    torn.write_bytes(torn.read_bytes()[:700])
    viewer = Viewer()
    opened(viewer, copied, 1)
    overhead, wrist = shown(viewer, 3)
    assert painted.read(overhead.rgb, *SIZE) == painted.number(0, 1, 3) and not overhead.problem
    assert wrist.problem == "videos/observation.images.wrist/chunk-000/file-001.mp4 is missing" and not wrist.rgb
    opened(viewer, copied, 2)
    overhead, wrist = shown(viewer, 3)
    assert overhead.problem.startswith("videos/observation.images.overhead/chunk-000/file-002.mp4 cannot be read: ")
    assert overhead.problem.endswith("Invalid data found when processing input")
    assert painted.read(wrist.rgb, *SIZE) == painted.number(1, 2, 3)


def test_a_video_that_is_shorter_than_its_rows_has_no_picture_there(copied: Path) -> None:
    painted.encode(copied / "videos/observation.images.wrist/chunk-000/file-000.mp4", range(20))
    viewer = Viewer()
    opened(viewer, copied, 0)
    assert [p.problem for p in shown(viewer, 19)] == ["", ""]
    problem = shown(viewer, 30)[1].problem
    assert "it has no frame at 1.000 s: the nearest is at 0.633 s" in problem
    assert painted.read(shown(viewer, 5)[1].rgb, *SIZE) == 5


def test_an_episode_that_is_not_there_is_refused_with_what_there_is(recorded: Path, tmp_path: Path) -> None:
    refusal = refused(recorded, 3)
    assert refusal.text == "there is no episode 3: dataset pick_place has 3 episodes, counted from 0"
    assert refusal.episodes == 3
    empty = painted.make(tmp_path / "empty", ())
    assert refused(empty) == Failed(text="dataset empty has no episodes yet", empty=True)


def test_a_folder_that_is_no_dataset_of_version_3_is_refused(copied: Path, tmp_path: Path) -> None:
    assert refused(tmp_path).text.endswith("meta/info.json is missing, so this is no dataset that can be looked at")
    edit_json(copied / "meta/info.json", lambda info: info.update(codebase_version="v2.1"))
    assert "convert it with LeRobot's convert_dataset_v21_to_v30" in refused(copied).text
    (copied / "meta/info.json").write_text("{")
    assert "meta/info.json cannot be read" in refused(copied).text


def test_data_that_are_still_written_are_not_readable_before_their_session_ends(copied: Path) -> None:
    data = copied / "data/chunk-000/file-001.parquet"
    data.write_bytes(data.read_bytes()[:300])
    refusal = refused(copied, 1)
    assert refusal.text.startswith("data/chunk-000/file-001.parquet cannot be read: ") and refusal.episodes == 3
    assert "footer" in refusal.text
    with dataset_lock(copied, "20260202-010203-aaaa"):
        text = refused(copied, 1).text
        assert text.startswith(
            "data/chunk-000/file-001.parquet is not readable before the session that records it ends"
        )
        opened(Viewer(), copied, 0)


def test_torn_metadata_hide_only_what_they_hold(copied: Path) -> None:
    (copied / "meta/episodes/chunk-000/file-001.parquet").write_bytes(b"PAR1 torn")
    opened(Viewer(), copied, 2)
    (copied / "meta/episodes/chunk-000/file-000.parquet").write_bytes(b"PAR1 torn")
    assert refused(copied).text.startswith("meta/episodes/chunk-000/file-000.parquet cannot be read: ")


def test_metadata_of_another_form_are_refused_in_a_sentence(copied: Path) -> None:
    edit_json(copied / "meta/info.json", lambda info: info.update(fps=0))
    assert refused(copied).text == "episode 0: its metadata are not as LeRobot writes them: fps is 0"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        ({"motors": ["a", "b"]}, ["a", "b"]),
        ({"left": ["a"], "right": ["b"]}, ["a", "b"]),
        (None, ["state 0", "state 1"]),
        (["a"], ["state 0", "state 1"]),
        (["a", "a"], ["state 0", "state 1"]),
    ],
)
def test_names_of_any_form_name_the_joints(names: Any, expected: list[str]) -> None:
    table = pa.table({"observation.state": pa.array([[1.0, 2.0], [3.0, 4.0]])})
    found = traces(table, {"observation.state": {"names": names}})
    assert [trace.name for trace in found] == expected
    assert np.frombuffer(found[1].state, "<f4").tolist() == [2.0, 4.0]


def test_values_that_are_no_numbers_have_no_trace() -> None:
    table = pa.table({"observation.state": pa.array([["a"], ["b"]]), "action": pa.array([1.0, 2.0])})
    assert [(trace.name, trace.state) for trace in traces(table, {})] == [("action 0", b"")]


def test_pictures_before_an_episode_is_open_are_refused() -> None:
    assert Viewer().answer(ShowFrames(frames=(0,))) == Failed(text="no episode is open")
