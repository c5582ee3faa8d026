"""The cameras of an arm session: which are shown, how large, and which previews are requested."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from screens.desk.messages import SessionChanged
from screens.frame.lab_screen import LabScreen
from screens.widgets.pictures import Pictures
from services.live import protocol
from sessions.models import SessionKind

VIEW_KEYS: list[BindingType] = [
    Binding("w", "enlarge", "enlarge", id="session.enlarge", tooltip="One camera large, the next, all again"),
    Binding("d", "details", "details", id="session.details", tooltip="Numbers instead of the picture, and back"),
]


class CameraViewsScreen(LabScreen):
    """A screen with `Pictures`, for sessions of one kind or the form of the next."""

    KIND: ClassVar[SessionKind]

    def preferred_cameras(self) -> Collection[str]:
        """The cameras to show while none is enlarged; empty for all."""
        return ()

    @property
    def shows_session(self) -> bool:
        """Whether the current session is of this screen's kind."""
        return self.desk.kind is self.KIND

    @property
    def shows_form(self) -> bool:
        """Whether the form hides everything else."""
        return False

    def on_mount(self) -> None:
        self._requested_sizes: dict[str, tuple[int, int]] = {}

    @property
    def cameras(self) -> Mapping[str, Mapping[str, Any]]:
        """The cameras of the session's bench; none once it is over."""
        return self.desk.cameras if self.shows_session and self.desk.live else {}

    def draw_pictures(self) -> None:
        """Show one box per camera."""
        pictures = self.query_one(Pictures)
        pictures.show_cameras(self.cameras, one=self.has_class("-compact"), first=self.preferred_cameras())
        self.set_class(bool(pictures.large), "-enlarged")
        self.set_class(self.shows_session and self.desk.live and not self.cameras, "-blind")

    def request_previews(self) -> None:
        """Tell the worker which sizes this screen shows; none while it is hidden."""
        link = self.desk.link
        if link is None or not link.connected or self.desk.starting:
            return
        sizes = self.query_one(Pictures).sizes() if self.seen and not self.shows_form else {}
        if sizes != self._requested_sizes:
            self._requested_sizes = sizes
            self.desk.order(link.send(protocol.SetPreviews(sizes=sizes)))

    def on_screen_suspend(self) -> None:
        """Request no pictures for a hidden screen (a dialog over it hides nothing)."""
        self.call_after_refresh(self.request_previews)

    def on_session_changed(self, message: SessionChanged) -> None:
        """Request pictures again from a new worker. (Textual calls the base class's handler after this one.)"""
        self._requested_sizes = {}

    def action_enlarge(self) -> None:
        """Enlarge the next camera; after the last, show all."""
        self.remove_class("-details")
        self.query_one(Pictures).enlarge_next()
        self.draw_pictures()

    def action_details(self) -> None:
        """Toggle joints and picture: a small terminal has no room for both."""
        self.toggle_class("-details")
