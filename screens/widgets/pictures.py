"""The cameras side by side, or one of them large."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.layout import Layout

from screens.views import ghost as ghost_views
from screens.views.record_panels import camera_title
from screens.widgets.ascii import fitting
from screens.widgets.ghost import Ghost, no_larger
from screens.widgets.line import Line
from screens.widgets.picture_budget import PictureBudget, Quality
from screens.widgets.picture_layout import PictureLayout
from screens.widgets.preview import Preview
from screens.widgets.titles import set_subtitle
from services.health.checks import LIT
from services.live.protocol import CameraView, Telemetry

BUDGET = 40_000
"""Pixels of all previews together: 160 kB in base64 with each telemetry message."""

MEASURED = (LIT, "slow")
"""States of a camera whose pictures show what is there: a slow one's title tells the ghost's number, too."""


def _ratio(width: object, height: object) -> float:
    """The aspect ratio, 4:3 if the bench does not configure a size."""
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width / height
    return 4 / 3


class CameraBox(Vertical):
    """One camera: a title line above its picture. `ratio` is the picture's width to its height."""

    def __init__(self, camera: str, config: Mapping[str, Any]) -> None:
        super().__init__(classes="panel camera")
        self.camera = camera
        self.ratio = _ratio(config.get("width"), config.get("height"))
        self.picture = Preview(camera, self.ratio)
        self.title = Line(classes="camera-title")

    def compose(self) -> ComposeResult:
        yield self.title
        yield self.picture

    def show(self, view: CameraView, *, paint: bool = True, ghost: Ghost | None = None) -> int:
        """Show the camera's state and, if it may `paint`, its picture; returns how many cells changed.

        With a ghost over it the title says how far it differs, as long as the camera shows what is there.
        """
        text, tone = camera_title(self.camera, view)
        if ghost is not None and self.camera in ghost.shows and view.state in MEASURED:
            text = ghost_views.title(self.camera, ghost.reading(self.camera), self.title.size.width)
        self.title.tone(tone)
        self.title.show(text)
        return self.picture.show(view.rgb, view.width, view.height) if view.rgb and paint else 0


class Pictures(Horizontal):
    """Mounts a box per camera; knows which one is large and which preview sizes to request."""

    def __init__(self) -> None:
        super().__init__(id="pictures")
        self._boxes_to_aspect = PictureLayout()
        self.large = ""
        self._first: Collection[str] = ()
        self._budget = PictureBudget()
        self._takes_per_s = 0.0
        self.ghost: Ghost | None = None
        """What lies over the pictures."""
        self._drawn: Mapping[str, tuple[int, int]] = {}
        """The sizes at which they are drawn."""

    @property
    def layout(self) -> Layout:
        """Where the boxes stand: whatever the stylesheets say, by the aspects of their pictures."""
        return self._boxes_to_aspect

    @property
    def boxes(self) -> list[CameraBox]:
        """The boxes in the order of the bench's cameras."""
        return list(self.query(CameraBox))

    def show_cameras(self, cameras: Mapping[str, Mapping[str, Any]], *, one: bool, first: Collection[str] = ()) -> None:
        """Have a box for each; `one`: there is room for only one; `first`: cameras to show while none is large."""
        self._first = first
        if [box.camera for box in self.boxes] != list(cameras):
            self.remove_children()
            self.large = ""
            self.mount(*(CameraBox(name, config) for name, config in cameras.items()))
        self._choose(one=one)

    def _choose(self, *, one: bool) -> None:
        """Display the large picture, or all (or the first ones), or a single one if there is no room."""
        boxes = self.boxes
        shown = [box.camera for box in boxes if box.camera in self._first] or [box.camera for box in boxes]
        only = [self.large] if self.large else shown[:1] if one else shown
        for box in boxes:
            box.display = box.camera in only

    def enlarge_next(self) -> None:
        """Cycle through: all, the first large, the second large, and so on."""
        names = ["", *(box.camera for box in self.boxes)]
        self.large = names[(names.index(self.large) + 1) % len(names)]

    def use_link(self, takes_per_s: float) -> None:
        """Fit the pictures to a link that takes so many bytes per second; 0 if that is not known."""
        self._takes_per_s = takes_per_s
        cells = sum(width * height // 2 for width, height in self._whole().values())
        off = self._budget.choose(cells, takes_per_s) is Quality.OFF if cells else False
        for box in self.boxes:
            box.picture.say(f"pictures off: slow link, {takes_per_s / 1000:.0f} kB/s" if off else "")

    def _whole(self) -> dict[str, tuple[int, int]]:
        """(width, height) in pixels that fill the boxes that are displayed."""
        shown = [box.picture for box in self.boxes if box.display and self.display]
        return {picture.camera: picture.wanted for picture in shown if picture.wanted[0]}

    def sizes(self) -> dict[str, tuple[int, int]]:
        """(width, height) in pixels to request, by camera; hidden cameras are left out."""
        self._drawn = self._draws()
        return self._drawn if self.ghost is None else self.ghost.asks(self._drawn, self._whole(), BUDGET)

    def _draws(self) -> dict[str, tuple[int, int]]:
        """(width, height) in pixels to draw, by camera."""
        sizes, quality = self._whole(), self._budget.quality
        if quality is Quality.OFF:
            return {}
        if quality is Quality.SMALL:
            sizes = {name: (w // 2, h // 2) for name, (w, h) in sizes.items()}
        while sum(w * h for w, h in sizes.values()) > BUDGET:
            sizes = {name: (w // 2, h // 2) for name, (w, h) in sizes.items()}
        return sizes

    def show(self, telemetry: Telemetry) -> None:
        """Draw the views in the telemetry, in the boxes that are displayed; pictures only as the link allows."""
        paint, cells = self._budget.may_paint(self._takes_per_s), 0
        for box in self.boxes:
            view = telemetry.cameras.get(box.camera)
            if view is None or not box.display:
                continue
            size = self._drawn.get(box.camera, (0, 0))
            view = no_larger(view, size) if self.ghost is None else self.ghost.over(box.camera, view, size)
            cells += box.show(view, paint=paint, ghost=self.ghost)
        self._budget.painted(cells)
        self._say_ghost(telemetry)

    def _say_ghost(self, telemetry: Telemetry) -> None:
        """Below each picture that has one: whose it is."""
        for box in self.boxes:
            lies = self.ghost is not None and box.camera in self.ghost.shows
            text = ghost_views.foot(self.ghost.reference, telemetry.joints) if lies and self.ghost else Content("")
            if text or box.border_subtitle:
                set_subtitle(box, fitting(box, text))
