"""Leaving while a session runs: leave it running, finish it, or stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App

from screens.desk.desk import Desk
from screens.frame.availability import may
from screens.frame.dialogs import Choice, Dialog, NoAnswer, Question
from screens.views import keys
from screens.views.keys import keymap
from sessions.models import SessionKind


class LeaveQuestion(Question):
    """Explains what happens to the arm with either answer."""

    def __init__(self, desk: Desk) -> None:
        choices = [Choice("q", "leave it running: attach again from any console", "detach")]
        if may("finish", desk):
            choices.append(
                Choice(keymap().get("session.finish", "F"), "finish: the arm goes to rest, the session ends", "finish")
            )
        attempt = "A take that runs goes on to its end and is saved first."
        if desk.kind is SessionKind.EVAL:
            attempt = "A trial that runs ends at once and waits for its verdict."
        sentences = ["Without a driver the arm holds where it is, torque on, until someone takes over.", attempt]
        super().__init__(desk, "Leave the console? A session is running.", sentences, choices)


def farewell(desk: Desk) -> str:
    """What the shell is told when the console is left with the arm held; empty where it drove no session."""
    if desk.link is None or not desk.live or not (desk.driving or desk.started_here):
        return ""
    again = f"{keys.ATTACH} in a console attaches to it again"
    return f"session {desk.link.run.id} goes on: the arm holds, torque on; {again}"


def ask(app: App[Any], desk: Desk, detach: Callable[[], None]) -> None:
    """Call `detach` to leave; asks first if a session runs that this console drives or started.

    Where a dialog is open, ctrl+q closes that, and nothing else.
    """

    def answered(answer: str | None) -> None:
        if answer == "detach":
            detach()
        elif answer == "finish":
            desk.spawn(finish())

    async def finish() -> None:
        if await desk.finish_and_wait():
            detach()

    if isinstance(app.screen, LeaveQuestion):
        return
    if isinstance(app.screen, Dialog) and not isinstance(app.screen, NoAnswer):
        app.screen.action_close()
        return
    if desk.live and (desk.driving or desk.started_here):
        app.push_screen(LeaveQuestion(desk), answered)
    else:
        detach()
