"""Going on with the chosen evaluation: where it stands, what of the bench has changed since, and the start."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work
from textual.binding import Binding

from screens.desk.desk import Desk
from screens.frame.dialogs import Choice, Question
from screens.frame.lab_screen import LabScreen
from screens.log.reporting import ReportingScreen
from screens.views import keys
from screens.views.signs import clean, signs
from services.log.problem import LogbookProblem
from services.refusal import Refusal
from sessions.chains import Evaluation
from sessions.document import Session
from sessions.models import SessionKind, SessionStatus

if TYPE_CHECKING:
    from services.evaluation.resuming import GoingOn

GO_ON_KEY = Binding(
    "C", "resume_evaluation", "go on", id="log.resume",
    tooltip="Go on with the chosen evaluation: a session of its own judges the trials that are left",
)  # fmt: skip


class GoingOnScreen(ReportingScreen, LabScreen):
    """The key that goes on with the chosen evaluation."""

    def whole(self, session: Session) -> Evaluation | None:
        """The evaluation that the session belongs to."""
        return self.index.evaluation(session.id)

    @property
    def resumable(self) -> bool:
        """Whether the chosen session is an evaluation that is over and wanted more trials, as it looks at a glance."""
        session = self.chosen
        if session is None or session.kind is not SessionKind.EVAL or session.status is SessionStatus.RUNNING:
            return False
        whole = self.whole(session)
        return not self.desk.live and whole is not None and whole.left > 0

    def action_resume_evaluation(self) -> None:
        session = self.chosen
        if session is None:
            return
        if self.desk.live:
            self.desk.refuse("a session runs: end it first, then this key goes on with an evaluation")
        elif session.bench != self.desk.profile.name:
            at = f"{keys.BENCH}, then {keys.CHOOSE_BENCH} chooses it"
            self.desk.refuse(f"this evaluation ran on bench {clean(session.bench)}: {at}")
        else:
            self._go_on(session)

    @work(group="resume", exclusive=True)
    async def _go_on(self, session: Session) -> None:
        try:
            on = await asyncio.to_thread(_look, self.desk, session.id)
        except (Refusal, LogbookProblem, OSError, ValueError) as problem:  # a log may come from elsewhere
            self.desk.refuse(clean(str(problem)))
            return
        warned = [f"{signs().warning} {clean(text)}." for text in on.changed]
        told = [f"{clean(text)}." for text in on.notes]
        sentences = [f"{on.standing}.", *warned, *told, "The arm holds, and nothing moves until you start a trial."]
        title = f"Go on with evaluation {on.request.resumes}?"
        yes = Choice("y", f"go on: {on.evaluation.left} trials are left", "yes")
        if await self.app.push_screen_wait(Question(self.desk, title, sentences, [yes])) == "yes":
            self._start(on)

    def _start(self, on: GoingOn) -> None:
        from services.evaluation import plan as evaluation

        folder, request = self.desk.folder, on.request
        self.desk.start(lambda: evaluation.begin(folder, request), SessionKind.EVAL)
        self.app.switch_mode("evaluate")


def _look(desk: Desk, session_id: str) -> GoingOn:
    from services.evaluation import resuming

    return resuming.look(desk.folder, desk.benches, session_id, bench=desk.profile.name, operator=desk.operator)
