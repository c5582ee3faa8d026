"""The ghost: an earlier episode's first pictures over the live ones, and how far the two differ.

It measures at a size of its own, whatever the terminal draws, and also where nothing is drawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from services.ghost.difference import Compared, size_for
from services.ghost.nearness import Nearness, Reading
from services.ghost.pictures import blended, picture, resized
from services.live.protocol import CameraView

if TYPE_CHECKING:
    from services.ghost.pictures import Rgb
    from services.ghost.reference import Reference

Size = tuple[int, int]
SHARE = 0.5
"""How much of a drawn picture is the ghost's."""


class Ghost:
    """One reference over the bench's cameras. `shows` are the cameras that it has a picture for."""

    def __init__(
        self,
        reference: Reference,
        cameras: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`cameras` names the reference's camera for each of the bench's."""
        self.reference, self._clock = reference, clock
        found = {own: reference.pictures.get(name) for own, name in cameras.items()}
        pictures = {own: picture(p.rgb, p.width, p.height) for own, p in found.items() if p is not None}
        self._layers = {own: _Layer(rgb) for own, rgb in pictures.items()}

    @property
    def shows(self) -> tuple[str, ...]:
        """The bench's cameras that it lies over."""
        return tuple(self._layers)

    def asks(self, drawn: Mapping[str, Size], shown: Mapping[str, Size], budget: int) -> dict[str, Size]:
        """The sizes to request for pictures drawn at these: large enough to measure, `budget` pixels in all at most.

        `shown` are the boxes in sight: a picture that a slow link keeps from being drawn is measured all the same.
        """
        sizes = dict(drawn)
        for camera in shown:
            if (layer := self._layers.get(camera)) is None:
                continue
            larger = {**sizes, camera: max(sizes.get(camera, (0, 0)), layer.size)}
            if sum(width * height for width, height in larger.values()) <= budget:
                sizes = larger
        return sizes

    def over(self, camera: str, view: CameraView, size: Size) -> CameraView:
        """The camera's view with the ghost over it, at the size that is drawn; measures each new picture."""
        layer = self._layers.get(camera)
        if layer is None or not whole(view):
            return view
        live = picture(view.rgb, view.width, view.height)
        if view.rgb is not layer.seen:
            layer.measure(live, self._clock())
            layer.seen = view.rgb
        under = resized(live, *size) if size[0] else live
        rgb = blended(layer.rgb, under, SHARE)
        return replace(view, width=rgb.shape[1], height=rgb.shape[0], rgb=rgb.tobytes())

    def reading(self, camera: str) -> Reading | None:
        """How far the camera's last picture differs; None before the first one, and where there is no ghost."""
        layer = self._layers.get(camera)
        return layer.reading if layer else None

    def begin_anew(self) -> None:
        """Forget the best so far: the scene will be set again."""
        for layer in self._layers.values():
            layer.forget()


def no_larger(view: CameraView, size: Size) -> CameraView:
    """The view at `size` if it is larger: as long as pictures come that were requested for a ghost."""
    if not whole(view) or not size[0] or view.width <= size[0]:
        return view
    small = resized(picture(view.rgb, view.width, view.height), *size)
    return replace(view, width=size[0], height=size[1], rgb=small.tobytes())


class _Layer:
    """One camera's ghost."""

    def __init__(self, rgb: Rgb) -> None:
        self.rgb = rgb
        self.size = size_for(rgb.shape[1], rgb.shape[0])
        self._wanted = Compared(rgb)
        self.forget()

    def forget(self) -> None:
        self.seen: bytes | None = None
        self.reading: Reading | None = None
        self._nearness = Nearness()
        self._before: Compared | None = None

    def measure(self, live: Rgb, at: float) -> None:
        now = Compared(live)
        between = self._before.difference(live) if self._before is not None else 0.0
        self._before = now
        self.reading = self._nearness.add(self._wanted.difference(live), between, at)


def whole(view: CameraView) -> bool:
    """Whether a view has a picture."""
    return view.width > 0 and view.height > 0 and len(view.rgb) >= view.width * view.height * 3
