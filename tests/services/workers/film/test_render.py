"""Films, rendered and decoded again: each frame is the one that was recorded, and says what it should."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from services.films.rendering import rendering
from services.films.request import Failed, FilmRequest, Progress, Rendered, Shot
from services.workers.film import overlay
from services.workers.film.layout import Box, column_size, frame_size, lay_out, main_camera, nearest
from services.workers.film.render import render
from services.workers.film.scene import HOLD_S
from sessions.models import Verdict
from tests.support import painted
from tests.support.foreign import hashes

HEIGHT = 240
LENGTHS = (20, 30)
CAMERAS = {"overhead": (painted.WIDTH, painted.HEIGHT), "wrist": (painted.WIDTH, painted.HEIGHT)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return painted.make(tmp_path_factory.mktemp("films") / "cubes", LENGTHS)


def shot(root: Path, episode: int, verdict: Verdict | None = None, **more: Any) -> Shot:
    return Shot(root=str(root), episode=episode, caption=f"trial {episode + 1}", verdict=verdict, **more)


def made(tmp_path: Path, *scenes: tuple[Shot, ...], **more: Any) -> tuple[Rendered, list[Any]]:
    """What the renderer says of the film, and all its frames."""
    target = tmp_path / "film.mp4"
    said = render(FilmRequest(output=str(target), scenes=scenes, height=HEIGHT, **more), lambda _: None)
    return said, decoded(target)


def decoded(path: Path) -> list[Any]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def cut(frame: Any, box: Box) -> Any:
    return frame[box.y : box.y + box.height, box.x : box.x + box.width]


def number_in(frame: Any, box: Box) -> int:
    """The painted number. Captions lie over two of its fields' edges, not over their middles."""
    return painted.read(np.ascontiguousarray(cut(frame, box)).tobytes(), box.width, box.height)


def same(part: Any, text: str, size: int, colour: tuple[int, int, int]) -> float:
    """How far a part of a frame is from that text there, where the text is inked."""
    drawn, through = overlay.label(text, size, colour)
    if part.shape[0] < drawn.shape[0] or part.shape[1] < drawn.shape[1]:
        return 255.0
    inked = through[:, :, 0] < 0.1
    part = part[: drawn.shape[0], : drawn.shape[1]].astype(float)
    dark = part[~inked].mean()
    return float(np.abs(part[inked] - drawn[inked]).mean() + max(0.0, dark - 160))


def test_each_frame_of_the_film_is_the_frame_that_was_recorded(root: Path, tmp_path: Path) -> None:
    before = hashes(root)
    said, frames = made(tmp_path, (shot(root, 0),), (shot(root, 1),), camera="wrist")
    column = lay_out(
        column_size(CAMERAS["wrist"], HEIGHT, traces=False), 0, CAMERAS, "wrist", traces=False, height=HEIGHT
    )
    assert (said.width, said.height, said.fps, said.codec) == (320, HEIGHT, 30.0, "H.264 (libx264)")
    assert len(frames) == round(said.seconds * 30) == sum(LENGTHS) + 2 * 12
    inset = column.insets["overhead"]
    assert [number_in(frames[at], inset) for at in range(20)] == [painted.number(0, 0, at) for at in range(20)]
    assert [number_in(frames[32 + at], inset) for at in range(30)] == [painted.number(0, 1, at) for at in range(30)]
    assert number_in(frames[31], inset) == painted.number(0, 0, 19), "the last frame stays"
    # The inset and the captions cover corners of the main picture: its middle fields tell it from another frame.
    assert (
        np.abs(frames[40][90:150, 130:190].astype(int) - overlayless(painted.number(1, 1, 8))[90:150, 130:190]).mean()
        < 8
    )
    assert hashes(root) == before


def overlayless(number: int) -> Any:
    return painted.paint(number, 320, HEIGHT).astype(int)


def test_it_says_which_trial_what_time_and_at_the_end_the_verdict(root: Path, tmp_path: Path) -> None:
    shots = (shot(root, 0, Verdict.FAILURE, said="drops it"),), (shot(root, 1, Verdict.SUCCESS),)
    _, frames = made(tmp_path, *shots)
    size = 16
    first, last, second = frames[4], frames[20 + round(HOLD_S * 30) - 1], frames[-1]
    caption = {text: same(first[6:, 6:], text, size, overlay.WHITE) for text in ("trial 1", "trial 2", "trial 7")}
    assert min(caption, key=lambda text: caption[text]) == "trial 1" and caption["trial 1"] < 60, caption
    for at in (0, 9, 18):
        words = {f"{n / 10:.1f} s": at_clock(frames[at], f"{n / 10:.1f} s", size) for n in range(10)}
        assert min(words, key=lambda text: words[text]) == f"{at / 30:.1f} s", words
    for frame, verdict, words in ((last, Verdict.FAILURE, "failure: drops it"), (second, Verdict.SUCCESS, "success")):
        drawn = overlay.label(words, round(size * 1.6), overlay.COLOURS[verdict])[0]
        place = frame[HEIGHT - 14 - drawn.shape[0] :, 14:]
        found = {v: same(place, words, round(size * 1.6), c) for v, c in overlay.COLOURS.items()}
        assert min(found, key=lambda v: found[v]) == verdict and found[verdict] < 60, found
        assert np.abs(frame[2, 5:-5].astype(int) - overlay.COLOURS[verdict]).mean() < 40, "the edge has its colour"
    assert np.abs(first[2, 5:-5].astype(int) - overlay.COLOURS[Verdict.FAILURE]).mean() > 60, "not before the end"


def at_clock(frame: Any, text: str, size: int) -> float:
    wide = overlay.label(text, size)[0].shape[1]
    return same(frame[6:, frame.shape[1] - 6 - wide :], text, size, overlay.WHITE)


def test_two_run_side_by_side_and_the_shorter_one_waits(root: Path, tmp_path: Path) -> None:
    shots = (shot(root, 0, Verdict.SUCCESS), shot(root, 1, Verdict.FAILURE))
    said, frames = made(tmp_path, shots, titles=("act @ 1", "act @ 2"), traces=True)
    size = column_size(CAMERAS["overhead"], HEIGHT, traces=True)
    assert (said.width, said.height) == frame_size(size, 2) == (648, 288)
    columns = [lay_out(size, n, CAMERAS, "overhead", traces=True, height=HEIGHT) for n in (0, 1)]
    assert len(frames) == 30 + round(HOLD_S * 30)
    for at, shown in ((0, (0, 0)), (19, (19, 19)), (25, (19, 25)), (len(frames) - 1, (19, 29))):
        wrists = [number_in(frames[at], column.insets["wrist"]) for column in columns]
        assert wrists == [painted.number(1, episode, frame) for episode, frame in enumerate(shown)]
    green = np.array(overlay.COLOURS[Verdict.SUCCESS])
    assert (
        np.abs(frames[25][2, 5:300].astype(int) - green).mean()
        < 40
        < np.abs(frames[25][2, 340:640].astype(int) - green).mean()
    )
    lines = [int(cut(frames[at], columns[0].traces)[-4].max(axis=1).argmax()) for at in (0, 10, 19)]  # type: ignore[arg-type]
    assert lines == sorted(set(lines)), "the line of now moves"


def test_a_camera_that_cannot_be_read_is_said_and_the_rest_is_shown(root: Path, tmp_path: Path) -> None:
    import shutil

    copied = Path(shutil.copytree(root, tmp_path / "cubes"))
    for video in copied.glob("videos/observation.images.overhead/*/*.mp4"):
        video.write_bytes(b"torn")
    said, frames = made(tmp_path, (shot(copied, 0),))
    assert len(said.problems) == 1 and "episode 0: camera overhead is not shown: " in said.problems[0]
    assert len(frames) == 20 + 12


def test_a_dataset_without_pictures_is_filmed_as_traces_and_words(tmp_path: Path) -> None:
    bare = painted.make(tmp_path / "bare", (10,), cameras=())
    said, frames = made(tmp_path, (shot(bare, 0),), traces=True)
    assert (said.width, said.height) == (320, 288) and len(frames) == 22
    assert frames[5][250:].max() > 100 and not said.problems


def request(root: Path, target: Path, scenes: int = 1) -> FilmRequest:
    return FilmRequest(output=str(target), scenes=((shot(root, 1),),) * scenes, height=720)


def test_the_process_says_how_far_it_is_and_what_came_out(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    with rendering(request(root, target, 2)) as messages:
        said = list(messages)
    assert [type(message) for message in said] == [Progress] * 2 + [Rendered]
    assert isinstance(said[-1], Rendered) and said[-1].bytes == target.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_whoever_leaves_or_dies_leaves_no_half_of_a_film(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    with rendering(request(root, target, 500)) as messages:
        assert isinstance(next(messages), Progress)
        assert any(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
    with rendering(request(root, tmp_path / "no/film.mp4")) as messages:
        [failed] = list(messages)
    assert isinstance(failed, Failed) and "cannot be written" in failed.text
    with rendering(request(root, target, 500)) as messages:
        next(messages)
        found = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "film.render"], capture_output=True, text=True)
        os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
        [died] = [message for message in messages if isinstance(message, Failed)]
    assert "died" in died.text and not target.exists()


def test_what_is_written_by_somebody_else_meanwhile_stays(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    with rendering(request(root, target, 3)) as messages:
        next(messages)
        target.write_text("kept")
        failed = list(messages)[-1]
    assert isinstance(failed, Failed) and "written by somebody else" in failed.text
    assert target.read_text() == "kept" and len(list(tmp_path.iterdir())) == 1


def test_texts_from_outside_are_cut_and_act_on_nothing() -> None:
    drawn, through = overlay.label("a\x1b[2Jb\n" + "x" * 500, 16)
    assert drawn.shape[:2] == through.shape[:2] and drawn.shape[0] < 40 and drawn.shape[1] < 900
    frame = np.zeros((20, 30, 3), np.uint8)
    overlay.put(frame, (drawn, through), 25, 15)


def test_pictures_of_any_shape_have_their_place() -> None:
    assert main_camera({"a": (64, 48), "b": (640, 480)}, "") == "b"
    assert main_camera({"a": (64, 48), "b": (640, 480)}, "a") == "a" and main_camera({}, "a") == ""
    many = {f"c{n}": (64, 480) for n in range(9)}
    size = column_size((64, 480), 240, traces=False)
    column = lay_out(size, 0, many, "c0", traces=False, height=240)
    assert set(column.insets) | set(column.without) | {"c0"} == set(many) and column.without
    wide = lay_out(column_size((4000, 100), 240, traces=False), 1, {"w": (4000, 100)}, "w", traces=False, height=240)
    assert wide.main.height < 20 and wide.main.x >= wide.box.x
    assert [nearest([0.0, 0.1, 0.2], at) for at in (-1, 0.04, 0.06, 0.2, 9)] == [0, 0, 1, 2, 2]
