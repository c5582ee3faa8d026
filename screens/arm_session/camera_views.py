"""The cameras of a session: which are shown, how large, and which previews the worker is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from screens.desk.messages import SessionChanged
from screens.frame.lab_screen import LabScreen
from screens.widgets.pictures import Pictures
from services.live import protocol
from sessions.models import SessionKind

LOOK_KEYS: list[BindingType] = [
    Binding("w", "enlarge", "enlarge", id="session.enlarge", tooltip="One camera large, the next, all again"),
    Binding("d", "details", "details", id="session.details", tooltip="Numbers instead of the picture, and back"),
]


class CameraViewsScreen(LabScreen):
    """A screen with `Pictures`, which shows sessions of one kind, or its form."""

    KIND: ClassVar[SessionKind]

    def cameras_first(self) -> Collection[str]:
        """The cameras to show while none is chosen; all where this is empty."""
        return ()

    @property
    def mine(self) -> bool:
        """Whether the session at hand is of this screen's kind."""
        return self.desk.kind is self.KIND

    @property
    def shows_form(self) -> bool:
        """Whether the form hides everything else."""
        return False

    def on_mount(self) -> None:
        """Nothing was asked for yet."""
        self._asked_sizes: dict[str, tuple[int, int]] = {}

    @property
    def cameras(self) -> Mapping[str, Mapping[str, Any]]:
        """The cameras of the bench that this session runs on; none once it is over."""
        return self.desk.cameras if self.mine and self.desk.live else {}

    def draw_pictures(self) -> None:
        """A box per camera."""
        pictures = self.query_one(Pictures)
        pictures.show_cameras(self.cameras, one=self.has_class("-compact"), first=self.cameras_first())
        self.set_class(bool(pictures.large), "-enlarged")
        self.set_class(self.mine and self.desk.live and not self.cameras, "-blind")

    def ask_for_previews(self) -> None:
        """Tell the worker which sizes this screen shows; none while it is hidden."""
        link = self.desk.link
        if link is None or not link.connected or self.desk.starting:
            return
        sizes = self.query_one(Pictures).sizes() if self.seen and not self.shows_form else {}
        if sizes != self._asked_sizes:
            self._asked_sizes = sizes
            self.desk.order(link.tell(protocol.SetPreviews(sizes=sizes)))

    def on_screen_suspend(self) -> None:
        """A hidden screen asks for no pictures (a dialog over it hides nothing)."""
        self.call_after_refresh(self.ask_for_previews)

    def on_session_changed(self, message: SessionChanged) -> None:
        """Another session: ask for pictures anew. (Textual calls the base class's handler after this one.)"""
        self._asked_sizes = {}

    def action_enlarge(self) -> None:
        """The next camera large; after the last, all of them."""
        self.remove_class("-details")
        self.query_one(Pictures).enlarge_next()
        self.draw_pictures()

    def action_details(self) -> None:
        """Joints where the picture is, and back (a small terminal has no room for both)."""
        self.toggle_class("-details")
