"""The cameras side by side, or one of them large."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from screens.views.record_panels import camera_title
from screens.widgets.line import Line
from screens.widgets.preview import Preview
from services.live.protocol import CameraView, Telemetry

BUDGET = 40_000
"""Pixels of all previews together: 160 kB in base64 with each telemetry message."""


def _ratio(width: object, height: object) -> float:
    """The aspect ratio, 4:3 if the bench does not configure a size."""
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width / height
    return 4 / 3


class CameraBox(Vertical):
    """One camera: a title line above its picture."""

    def __init__(self, camera: str, config: Mapping[str, Any]) -> None:
        super().__init__(classes="panel camera")
        self.camera = camera
        self.picture = Preview(camera, _ratio(config.get("width"), config.get("height")))
        self.title = Line(classes="camera-title")

    def compose(self) -> ComposeResult:
        yield self.title
        yield self.picture

    def show(self, view: CameraView) -> None:
        text, tone = camera_title(self.camera, view)
        self.title.tone(tone)
        self.title.show(text)
        if view.rgb:
            self.picture.show(view.rgb, view.width, view.height)


class Pictures(Horizontal):
    """Mounts a box per camera; knows which one is large and which preview sizes to request."""

    def __init__(self) -> None:
        super().__init__(id="pictures")
        self.large = ""
        self._first: Collection[str] = ()

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

    def sizes(self) -> dict[str, tuple[int, int]]:
        """(width, height) in pixels to request, by camera; hidden cameras are left out."""
        shown = [box.picture for box in self.boxes if box.display and self.display]
        sizes = {picture.camera: picture.wanted for picture in shown if picture.wanted[0]}
        while sum(w * h for w, h in sizes.values()) > BUDGET:
            sizes = {name: (w // 2, h // 2) for name, (w, h) in sizes.items()}
        return sizes

    def show(self, telemetry: Telemetry) -> None:
        """Draw the views in the telemetry, in the boxes that are displayed."""
        for box in self.boxes:
            view = telemetry.cameras.get(box.camera)
            if view is not None and box.display:
                box.show(view)
