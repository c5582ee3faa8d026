"""The pictures of an episode: each camera's frame, or its first and its last, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from screens.views import keys
from screens.views.signs import clean
from screens.widgets.line import Line
from screens.widgets.preview import Preview
from services.datasets.episode_view import Camera, Picture
from services.units import plural

NARROWEST = 18
"""Cells of a picture: where all cameras do not get so many, the first ones are shown, and `w` walks through them."""


FRAME_COLUMNS, FRAME_ROWS = 2, 3
"""Cells of a box that its picture has not: the frame, and the title."""


class Still(Preview):
    """Shows each picture as it is: what changed between two frames is no noise."""

    SMOOTHING = 1.0


@dataclass(frozen=True)
class Place:
    """What a box shows: a camera's frame under the cursor, or with a `word` the first or the last."""

    camera: Camera
    word: str = ""


class FrameBox(Vertical):
    """A title above a picture, or above the reason why there is none."""

    class Sized(Message):
        """The box has another size: its picture must be decoded anew."""

    def __init__(self, place: Place) -> None:
        super().__init__(classes="panel camera")
        self.place = place
        camera = place.camera
        ratio = camera.width / camera.height if camera.width and camera.height else 4 / 3
        self.picture = Still(camera.name, ratio)
        self.title = Line(classes="camera-title")
        self.problem = Static("", classes="camera-problem", markup=False)
        self.problem.display = False

    def compose(self) -> ComposeResult:
        yield self.title
        yield self.picture
        yield self.problem

    def on_mount(self) -> None:
        self.name_it(0)

    def name_it(self, hidden: int) -> None:
        """Show the camera's name; in the only box of several cameras, how many are hidden and what shows them."""
        name = " ".join(filter(None, (clean(self.place.camera.name, 40), self.place.word)))
        more = f"  {plural(hidden, 'camera')} more: {keys.ENLARGE}" if hidden else ""
        self.title.show(Content.assemble((name, "bold"), (more, "$quiet")))

    def on_resize(self) -> None:
        self.post_message(self.Sized())

    def show(self, picture: Picture) -> None:
        """Draw it, or say why it is missing."""
        self.problem.display = bool(picture.problem)
        self.picture.display = not picture.problem
        if picture.problem:
            self.problem.update(clean(picture.problem))
        elif picture.rgb:
            self.picture.show(picture.rgb, picture.width, picture.height)

    @property
    def wanted(self) -> tuple[int, int]:
        """(width, height) in pixels to decode; (0, 0) where the picture is hidden."""
        if not self.display:
            return (0, 0)
        if self.problem.display:  # asked again: a video that is being written may be whole later
            return (2, 2)
        return self.picture.wanted


class EpisodePictures(Horizontal):
    """Mounts a box per camera, or two; knows which one is large."""

    def __init__(self) -> None:
        super().__init__(id="pictures")
        self.large = ""
        self.both = False
        self._cameras: Sequence[Camera] = ()

    @property
    def boxes(self) -> list[FrameBox]:
        """The boxes in the order of the dataset's cameras."""
        return list(self.query(FrameBox))

    def show_cameras(self, cameras: Sequence[Camera]) -> None:
        """Have boxes for these cameras."""
        self._cameras = cameras
        if self.large not in [camera.name for camera in cameras]:
            self.large = ""
        words = ("first", "last") if self.both else ("",)
        places = [Place(camera, word) for camera in cameras for word in words]
        if [box.place for box in self.boxes] != places:
            self.remove_children()
            self.mount(*map(FrameBox, places))
        self.choose()

    def choose(self) -> None:
        """Display the large camera, or as many as have room."""
        boxes = self.boxes
        fits = max(1, self.size.width // NARROWEST // (2 if self.both else 1)) if self.size.width else len(boxes)
        names = [self.large] if self.large else [camera.name for camera in self._cameras][:fits]
        for box in boxes:
            box.display = box.place.camera.name in names
        shown = [box for box in boxes if box.display]
        for box in shown:
            box.name_it(0 if self.large or box is not shown[-1] else self.hidden)
        self._limit_height(shown)

    def _limit_height(self, shown: Sequence[FrameBox]) -> None:
        """No more rows than the pictures fill: the rest is for the joints."""
        if shown and self.size.width:
            across = self.size.width / len(shown) - FRAME_COLUMNS
            rows = max(round(across / box.picture.ratio / 2) for box in shown) + FRAME_ROWS
            if self.styles.max_height is None or self.styles.max_height.value != rows:
                self.styles.max_height = rows

    @property
    def hidden(self) -> int:
        """How many cameras have no room."""
        shown = {box.place.camera.name for box in self.boxes if box.display}
        return len(self._cameras) - len(shown)

    def enlarge_next(self) -> None:
        """Cycle through: all, the first large, the second large, and so on."""
        names = ["", *(camera.name for camera in self._cameras)]
        self.large = names[(names.index(self.large) + 1) % len(names)]
        self.choose()

    def toggle_both(self) -> None:
        """Show first and last frame of each, or the one under the cursor."""
        self.both = not self.both
        self.show_cameras(self._cameras)

    def frames(self, frame: int, frames: int) -> tuple[int, ...]:
        """The frames to decode."""
        return (0, frames - 1) if self.both else (frame,)

    def sizes(self) -> dict[str, tuple[int, int]]:
        """(width, height) in pixels to decode, by camera; hidden ones are left out."""
        found = {box.place.camera.name: box.wanted for box in self.boxes if self.display}
        return {name: size for name, size in found.items() if size[0]}

    def show(self, pictures: Sequence[Picture]) -> None:
        """Draw decoded pictures in the boxes that they belong to."""
        by_camera: Mapping[str, list[Picture]] = {
            camera.name: [p for p in pictures if p.camera == camera.name] for camera in self._cameras
        }
        for box in self.boxes:
            found = by_camera.get(box.place.camera.name, [])
            if len(found) == (2 if self.both else 1):
                box.show(found[-1] if box.place.word == "last" else found[0])
