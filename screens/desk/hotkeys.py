"""Global hotkeys at the desk: each does what its key does in the session that this console drives."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from screens.views.signs import clean
from services.bench.hotkeys import ACTIONS
from services.hotkeys.place import why_off
from services.live.link import Answered, Link
from services.live.reasons import StopCause
from services.tone import Tone
from sessions.models import Verdict

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from services.hotkeys.listener import Listener

STOP = "stop"


class Hotkeys:
    """`start` listens where that is possible. Keys of lab.toml's `[hotkeys]`, by action."""

    def __init__(self, desk: Desk, keys: Mapping[str, str], env: Mapping[str, str] | None = None) -> None:
        self._desk, self.keys = desk, dict(keys)
        self.off = why_off(os.environ if env is None else env) if keys else ""
        """Why they are off; empty while they listen, and where lab.toml has none."""
        self._listener: Listener | None = None
        self._types: Callable[[], bool] = bool
        self._why_not: Callable[[str], str] = str

    def start(self, *, types: Callable[[], bool], why_not: Callable[[str], str]) -> None:
        """Listen. `types` is whether a dialog has the keys, `why_not` why an action does nothing now, both asked on
        the loop.
        """
        self._types, self._why_not = types, why_not
        if not self.keys or self.off:
            return
        from services.hotkeys.listener import Listener

        loop = asyncio.get_running_loop()

        def later[T](call: Callable[[T], None], value: T) -> None:
            with suppress(RuntimeError):  # the loop is closed: the console is leaving
                loop.call_soon_threadsafe(call, value)

        def told(action: str) -> None:
            if action != STOP or not self._stops_at_once():
                later(self._act, action)

        self._listener = Listener(self.keys, told, lambda why: later(self._ended, why))
        try:
            self._listener.start()
        except OSError as error:
            self._ended(error.strerror or str(error))

    def _stops_at_once(self) -> bool:
        """On the listener's thread: a busy loop must not delay a stop."""
        line = self._desk.stop_line
        if line is None or not line.aimed:
            return False
        line.stop(StopCause.KEY)
        return True

    def _act(self, action: str) -> None:
        desk = self._desk
        if action == STOP:
            desk.stop()
            return
        if self._types():
            desk.refuse(f"hotkey {self.keys[action]}: a dialog is open, close it first")
            return
        name = "judge" if action in list(Verdict) else action
        answered = self._answer(action, desk.link) if desk.link is not None and desk.live and desk.driving else None
        if answered is not None:
            desk.order(answered)
        else:
            why = self._why_not(name) or f"nothing to do for {action} now"
            desk.refuse(f"hotkey {self.keys[action]}: {why}")

    def _answer(self, action: str, link: Link) -> Answered | None:
        from services.evaluation import plan as evaluation
        from services.recording import plan as recording

        match action:
            case "trial":
                return evaluation.start_or_end_trial(link)
            case "take":
                return recording.start_or_end_take(link)
            case _:
                return evaluation.judge(link, Verdict(action), self._desk.operator)

    def _ended(self, why: str) -> None:
        self.off = why
        self._desk.notice(
            f"the global hotkeys are off: {clean(why)}; the keys of this screen act as ever", Tone.WARNING
        )

    def lines(self) -> list[str]:
        """What there is to say of them: the combinations, or why they are off; nothing where lab.toml has none."""
        if not self.keys:
            return []
        given = ", ".join(f"{self.keys[action]} {action}" for action in ACTIONS if action in self.keys)
        if self.off:
            return [f"global hotkeys ({given}) are off: {self.off}"]
        return [f"global hotkeys, whatever has the keyboard: {given}"]

    def close(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self._listener.close()
