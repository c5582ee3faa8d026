"""What Record and Evaluate share: the form of the next session, or the current one with pictures and panels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content

from screens.arm_session.ghost import GhostScreen
from screens.frame import registry
from screens.frame.form import Form, close_list, form_is_ready
from screens.views import keys
from screens.views.alarms import large
from screens.views.phase import phase_view
from screens.views.phase_view import PhaseView
from screens.views.record_panels import legend
from screens.views.signs import clean
from screens.widgets.ascii import fitting
from screens.widgets.joints import JointBars
from screens.widgets.line import Line, Lines
from screens.widgets.page_view import PageView
from screens.widgets.phase import PhasePanel
from screens.widgets.pictures import Pictures
from screens.widgets.titles import set_titles
from services.live import protocol
from services.log.documents import document

LEAST = (44, 13)
"""Columns and rows that word, count, clock and sentence need."""

ROOMY = (90, 28)
"""Columns and rows at which a compact screen has room for every camera and for the joints."""


class ArmSessionScreen(GhostScreen):
    """Shows either the form or the session. The callables declared here are defined by each screen."""

    GUIDE: ClassVar[str] = "leader"
    """What the arm follows."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_end_page(-4)", "up", show=False, id="ended.up", tooltip="Scroll the ended session"),
        Binding("down", "scroll_end_page(4)", "down", show=False, id="ended.down", tooltip="The same, down"),
    ]

    new_form: Callable[[], Form]
    """The form of the next session."""
    heading: Callable[[], str]
    """The title of the phase panel."""
    strip: Callable[[], Content]
    """The strip of takes or trials."""
    tally: Callable[[], list[Content]]
    """The lines of the tally panel."""
    loop_lines: Callable[[protocol.Telemetry], list[Content]]
    """The lines below the joints."""

    # --- the body -------------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        """The form's container, pictures, panels, the strip."""
        yield Container(id="ask")
        with Vertical(id="live"):
            yield Pictures()
            yield PageView(id="after")
            with Horizontal(id="panels"):
                yield from self.panels()
        yield from self.below()

    def panels(self) -> Iterator[Any]:
        """Phase, joints, tally."""
        yield phase_box()
        yield joints_box()
        yield tally_box()

    def below(self) -> Iterator[Any]:
        """The lines below the panels, the strip last."""
        yield Line(id="strip")

    def on_resize(self, event: events.Resize) -> None:
        """Smaller than LEAST, not even the phase panel fits. (The base class's handler is called as well.)"""
        width, height = event.size
        self.set_class(width < LEAST[0] or height < LEAST[1], "-least")
        compact = width < 110 or height < 34  # as LabScreen says
        self.set_class(compact and width >= ROOMY[0] and height >= ROOMY[1], "-roomy")

    @property
    def shows_one_camera(self) -> bool:
        """Whether there is room for a single picture."""
        return self.has_class("-compact") and not self.has_class("-roomy")

    def on_mount(self) -> None:
        self._wants_form = False
        self.query_one("#joints-box").border_title = legend(self.GUIDE)
        self.query_one("#tally").border_title = "this session"

    # --- drawing --------------------------------------------------------------------------------

    @property
    def shows_form(self) -> bool:
        """Whether the form is shown: nothing runs, and no ended session of this kind is left to read."""
        desk = self.desk
        return not desk.live and (self._wants_form or desk.kind is not self.KIND)

    @property
    def keys_wait(self) -> bool:
        """Whether the form's fields are still missing."""
        return super().keys_wait or (self.shows_form and not form_is_ready(self))

    def phase_view(self) -> PhaseView:
        """The phase panel's content."""
        desk = self.desk
        return phase_view(
            desk.snapshot, desk.telemetry, driving=desk.driving, now=self.now(), stopped=desk.stopped_at_start
        )

    def draw(self) -> None:
        """Choose between form, session and its end, and draw it."""
        desk = self.desk
        if desk.live:
            self._wants_form = False
        self.set_class(self.shows_form, "-form")
        over = not desk.live and not self.shows_form
        self.set_class(over, "-over")
        crashed, shown = over and bool(desk.last_lines), self.has_class("-crashed")
        self.set_class(crashed, "-crashed")
        self.set_class(not self.shows_session, "-other")
        self._draw_form()
        self.draw_ghost()
        self.draw_pictures()
        if self.shows_form:
            return
        box = self.query_one("#phase-box")
        set_titles(box, fitting(box, Content(clean(self._title()))))
        self.query_one("#strip", Line).show(self.strip())
        if over:
            self._draw_end()
        if crashed and not shown:  # the cause is in the last line
            self.call_after_refresh(self.query_one(PageView).scroll_end, animate=False)

    def _title(self) -> str:
        kind = self.desk.kind
        if self.desk.snapshot.started is not None and self.shows_session:
            return self.heading()
        if not self.desk.live:
            return "session"
        if kind is None or self.shows_session:
            return "session"
        where = registry.shows(kind) or registry.SCREENS[0]
        return f"{keys.key_of(f'go.{where.mode}', where.keys)} shows this {kind.value} session"

    def _draw_form(self) -> None:
        place = self.query_one("#ask")
        if not place.is_mounted:
            return
        if self.shows_form and not place.children:
            place.mount(self.new_form())
        elif not self.shows_form and place.children:
            place.remove_children()
            self.set_focus(None)

    def _draw_end(self) -> None:
        """The last log lines of a crashed worker, or the session's page as the Log shows it."""
        desk, place = self.desk, self.query_one(PageView)
        place.border_title = "the worker's last words" if desk.last_lines else "this session, as the log keeps it"
        ended = document(desk.snapshot) if desk.snapshot.started is not None else ""
        place.show("\n".join(desk.last_lines) or ended)

    def draw_telemetry(self) -> None:
        """Phase panel, joints, tally and pictures."""
        if self.shows_form:
            return
        telemetry = self.desk.telemetry
        self.query_one(PhasePanel).show(self.phase_view().with_alarms(large(self.alarm_now)))
        self.query_one("#tally-lines", Lines).show(self.tally() if self.shows_session else [])
        if telemetry is None:
            return
        self.query_one(JointBars).show(telemetry.joints, telemetry.leader)
        self.query_one("#joints-foot", Lines).show(self.loop_lines(telemetry))
        self.request_previews()
        self.query_one(Pictures).show(telemetry)

    # --- keys -----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The ended session's page scrolls while it is shown."""
        if action == "scroll_end_page":
            return self.has_class("-over")
        return super().check_action(action, parameters)

    def action_scroll_end_page(self, by: int) -> None:
        self.query_one(PageView).scroll_relative(y=by, animate=False)

    def action_new(self) -> None:
        self._wants_form = True
        self.redraw()
        if fields := self.query("#form Input"):
            fields.first().focus()

    def close_open(self) -> None:
        """Esc closes the enlarged picture, else an open list, else leaves the form's fields, else the form."""
        pictures = self.query_one(Pictures)
        if close_list(self):
            return
        if pictures.large:
            pictures.large = ""
            self.draw_pictures()
        elif self.focused is not None:
            self.set_focus(None)
        elif self._wants_form:
            self._wants_form = False
            self.redraw()


def phase_box() -> Container:
    """The phase panel in its box."""
    return Container(PhasePanel(), id="phase-box", classes="panel")


def joints_box() -> Vertical:
    """The joint bars and the lines on the control loop."""
    return Vertical(JointBars(), Lines(id="joints-foot"), id="joints-box", classes="panel")


def tally_box() -> Container:
    """The tally in its box."""
    return Container(Lines(id="tally-lines"), id="tally", classes="panel")
