"""Which episode is the ghost, and what is read of it: its first pictures and its pose, or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.datasets.episode_view import EpisodeOpened, EpisodeProblem, Failed, FramesShown, OpenEpisode, ShowFrames
from services.folders import DataFolder
from services.ghost.reference import Episode, episode_named, paired, read
from services.refusal import Refusal
from services.workers.viewing.serve import Viewer
from sessions.conditions import Condition
from sessions.models import Trial, Verdict
from tests.support import painted
from tests.support.plain_datasets import make as make_plain

FOLDER = DataFolder(Path("/lab"))


class View:
    """An EpisodeView whose process is this one."""

    def __init__(self):
        self.viewer, self.closed = Viewer(), False

    async def open(self, root, episode):
        answer = self.viewer.answer(OpenEpisode(root=str(root), episode=episode))
        if isinstance(answer, Failed):
            raise EpisodeProblem(answer.text)
        assert isinstance(answer, EpisodeOpened)
        return answer

    async def show(self, frames, sizes):
        answer = self.viewer.answer(ShowFrames(frames=frames, sizes=dict(sizes)))
        assert isinstance(answer, FramesShown)
        return answer

    async def close(self):
        self.closed = True


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return painted.make(tmp_path_factory.mktemp("recorded") / "pick_place", (4, 5))


@pytest.mark.parametrize(
    ("text", "root", "number", "name"),
    [
        ("pick_place#12", "/lab/datasets/pick_place", 12, "pick_place#12"),
        (" me/pick # 3 ", "/lab/datasets/me/pick", 3, "pick#3"),
        ("/data/old#0", "/data/old", 0, "old#0"),
    ],
)
def test_a_ghost_is_named_by_its_dataset_and_episode(text, root, number, name):
    assert episode_named(FOLDER, text) == Episode(Path(root), number, name)


@pytest.mark.parametrize("text", ["", "pick_place", "pick_place#", "#3", "pick_place#-1", "pick_place#last"])
def test_what_names_no_episode_is_refused_with_an_example(text):
    with pytest.raises(Refusal, match="names no episode: write DATASET#EPISODE, as in pick_place#12"):
        episode_named(FOLDER, text)


def test_the_paired_trial_is_the_last_one_under_the_same_condition_whose_motion_was_saved():
    trials = [
        Trial(index=1, episode_index=0, condition="left"),
        Trial(index=2, episode_index=1, condition="right"),
        Trial(index=3, episode_index=2, condition="left", verdict=Verdict.FAILURE),
        Trial(index=4, episode_index=None, condition="left"),
    ]
    root = Path("/lab/datasets/rollout_a")
    assert paired(trials, "left", str(root)) == Episode(root, 2, "trial 1")  # the screen counts no others
    void = Trial(index=5, episode_index=3, condition="left", verdict=Verdict.VOID)
    assert paired([*trials, void], "left", str(root)) == Episode(root, 3, "attempt 5, which does not count")
    practice = Trial(index=5, episode_index=3, condition="left", verdict=Verdict.SUCCESS, practice=True)
    assert paired([*trials, practice], "left", str(root)) == Episode(root, 3, "the practice trial")
    assert paired(trials, "front", "/lab/datasets/rollout_a") is None
    assert paired(trials, "left", "") is None


async def test_the_first_frame_of_every_camera_is_read_and_the_reading_process_ends(recorded):
    view = View()
    found = await read(Episode(recorded, 1, "pick_place#1"), view)
    assert view.closed and not found.problems
    pictures = {name: painted.read(p.rgb, p.width, p.height) for name, p in found.pictures.items()}
    assert pictures == {"overhead": painted.number(0, 1, 0), "wrist": painted.number(1, 1, 0)}
    assert found.shapes == dict.fromkeys(pictures, (painted.WIDTH, painted.HEIGHT))
    assert set(found.joints) >= {f"{joint}.pos" for joint in painted.JOINTS}


async def test_what_cannot_be_read_is_a_sentence(recorded, tmp_path):
    with pytest.raises(EpisodeProblem, match=r"meta/info.json is missing"):
        await read(Episode(tmp_path / "gone", 0, "gone#0"), View())
    with pytest.raises(EpisodeProblem, match="9"):
        await read(Episode(recorded, 9, "pick_place#9"), View())
    numbers = make_plain(tmp_path / "numbers", (1.0,))
    with pytest.raises(EpisodeProblem, match="numbers#0 has no camera"):
        await read(Episode(numbers, 0, "numbers#0"), View())


async def test_a_video_that_cannot_be_decoded_is_a_problem_of_its_camera(recorded, tmp_path):
    import shutil

    damaged = Path(shutil.copytree(recorded, tmp_path / "pick_place"))
    for video in damaged.glob("videos/observation.images.wrist/**/*.mp4"):
        video.write_bytes(b"no video")
    found = await read(Episode(damaged, 0, "pick_place#0"), View())
    assert list(found.pictures) == ["overhead"] and "cannot be read" in found.problems["wrist"]


@pytest.mark.parametrize(
    "text",
    ["~nobody-of-this-name/x#1", "x#" + "9" * 5000, "a\0b#1", "x#99999999999999999999"],
    ids=["user", "long", "null", "far"],
)
def test_what_can_name_no_episode_is_refused_in_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refusal):
        episode_named(DataFolder(tmp_path), text)
    assert Condition(name="c", like=text).likeness in (None, ("~nobody-of-this-name/x", 1), ("a\0b", 1))
