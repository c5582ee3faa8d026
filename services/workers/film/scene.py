"""One scene: an episode, or two side by side, drawn frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from services.datasets.episode_view import EpisodeOpened, ShowFrames
from services.films.request import FilmRequest, Shot
from services.workers.film import overlay
from services.workers.film.layout import Box, Column, Size, column_size, lay_out, main_camera, nearest
from services.workers.film.overlay import Rgb
from services.workers.viewing.dataset_files import Datasets
from services.workers.viewing.opened import OpenedEpisode

HOLD_S, BRIEF_S = 1.5, 0.4
"""How long the last frame stays, with a verdict and without."""
UNKNOWN = (640, 480)
"""A picture's size where the dataset does not say."""


class OpenShot:
    """An episode that is open, as one column shows it."""

    def __init__(self, shot: Shot, datasets: Datasets, camera: str) -> None:
        """Raises Unreadable."""
        self.shot = shot
        self._episode = OpenedEpisode(datasets.find(Path(shot.root), shot.episode))
        facts: EpisodeOpened = self._episode.facts
        self.facts = facts
        self.times = np.frombuffer(facts.times, "<f4").astype(float).tolist()
        self.cameras: dict[str, Size] = {
            c.name: (c.width, c.height) if c.width and c.height else UNKNOWN for c in facts.cameras
        }
        self.main = main_camera(self.cameras, camera)
        self.problems: dict[str, str] = {}
        self._last: dict[str, Rgb] = {}

    @property
    def fps(self) -> float:
        """Frames per second, as recorded."""
        return self.facts.fps

    @property
    def seconds(self) -> float:
        """How long it runs, its last frame included."""
        return self.times[-1] - self.times[0] + 1 / self.facts.fps

    @property
    def main_size(self) -> Size:
        """The main picture's size as recorded."""
        return self.cameras.get(self.main, UNKNOWN)

    def pictures(self, frame: int, sizes: dict[str, Size]) -> dict[str, Rgb]:
        """The frame's pictures by camera; where one cannot be read, the last that could, and the reason is kept."""
        for picture in self._episode.show(ShowFrames(frames=(frame,), sizes=sizes)).pictures:
            if picture.problem:
                self.problems.setdefault(picture.camera, picture.problem)
            else:
                shape = (picture.height, picture.width, 3)
                self._last[picture.camera] = np.frombuffer(picture.rgb, np.uint8).reshape(shape)
        return self._last

    def close(self) -> None:
        """Close its files."""
        self._episode.close()


class Scene:
    """Draws its frames into one array."""

    def __init__(self, shots: Sequence[OpenShot], request: FilmRequest, size: Size, column: Size) -> None:
        """`size` is the whole frame's, `column` that of each shot's part of it."""
        self._shots, self._titles = shots, request.titles
        self._frame: Rgb = np.zeros((size[1], size[0], 3), np.uint8)
        self._columns = [
            lay_out(column, n, shot.cameras, shot.main, traces=request.traces, height=request.height)
            for n, shot in enumerate(shots)
        ]
        self._traces = [
            overlay.Traces(shot.facts.traces, shot.times, place.traces) if place.traces else None
            for shot, place in zip(shots, self._columns, strict=True)
        ]
        self._drawn: list[int] = [-1] * len(shots)
        self._text = max(16, request.height // 26)

    @property
    def seconds(self) -> float:
        """How long it runs: its longest shot, and the hold at the end."""
        judged = any(shot.shot.verdict or shot.shot.said for shot in self._shots)
        return max(shot.seconds for shot in self._shots) + (HOLD_S if judged else BRIEF_S)

    def frames(self, fps: float) -> Iterator[Rgb]:
        """Every frame of it; the array is drawn over when the next one is asked for."""
        for number in range(round(self.seconds * fps)):
            now = number / fps
            for at in range(len(self._shots)):
                self._draw(at, now)
            yield self._frame

    def problems(self) -> list[str]:
        """What could not be shown, in sentences."""
        found = []
        for shot, column in zip(self._shots, self._columns, strict=True):
            name = f"episode {shot.shot.episode}"
            found += [f"{name}: camera {camera} is not shown: {why}" for camera, why in shot.problems.items()]
            found += [f"{name}: there is no room for camera {camera}" for camera in column.without]
        return found

    def close(self) -> None:
        """Close its episodes."""
        for shot in self._shots:
            shot.close()

    def _draw(self, at: int, now: float) -> None:
        shot, column = self._shots[at], self._columns[at]
        over = now >= shot.seconds
        frame = nearest(shot.times, shot.times[0] + now)
        self._put_pictures(shot, column, frame)
        traces = self._traces[at]
        if traces is not None:
            traces.put(self._frame, shot.times[frame])
        self._put_texts(at, shot, column.main, min(now, shot.seconds - 1 / shot.fps))
        if over:
            self._put_verdict(shot.shot, column.main)

    def _put_pictures(self, shot: OpenShot, column: Column, frame: int) -> None:
        places = {shot.main: column.main, **column.insets} if shot.main else {}
        found = shot.pictures(frame, {name: (box.width, box.height) for name, box in places.items()})
        for name, box in places.items():
            part = self._frame[box.y : box.y + box.height, box.x : box.x + box.width]
            if name in found:
                part[:] = found[name]
            else:
                part[:] = 40
            if name in column.insets:
                overlay.edge(self._frame, box, overlay.WHITE, 2)
            if name not in found or name in shot.problems:
                overlay.put(self._frame, overlay.label(f"{name}: no picture", self._text), box.x + 4, box.y + 4)

    def _put_texts(self, at: int, shot: OpenShot, box: Box, now: float) -> None:
        y = box.y + 6
        if self._titles:
            title = overlay.label(self._titles[at], self._text, overlay.QUIET)
            y += overlay.put(self._frame, title, box.x + 6, y).height + 2
        overlay.put(self._frame, overlay.label(shot.shot.caption, self._text), box.x + 6, y)
        clock = overlay.label(f"{now:.1f} s", self._text)
        overlay.put(self._frame, clock, box.x + box.width - 6 - clock[0].shape[1], box.y + 6)

    def _put_verdict(self, shot: Shot, box: Box) -> None:
        words = ": ".join(part for part in (shot.verdict.value if shot.verdict else "", shot.said) if part)
        if not words:
            return
        colour = overlay.COLOURS[shot.verdict] if shot.verdict else overlay.QUIET
        drawn = overlay.label(words, round(self._text * 1.6), colour)
        overlay.edge(self._frame, box, colour, 6)
        overlay.put(self._frame, drawn, box.x + 14, box.y + box.height - 14 - drawn[0].shape[0])


def sizes(first: Sequence[OpenShot], request: FilmRequest) -> Size:
    """A column's size in the whole film: that of the first scene's largest."""
    each = [column_size(shot.main_size, request.height, traces=request.traces) for shot in first]
    return max(size[0] for size in each), each[0][1]
