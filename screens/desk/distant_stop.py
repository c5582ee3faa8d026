"""A stop from a console that is not attached: it goes to the session that has this bench's arm, if there is one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from services import arm_commands
from services.bench.device_locks import device_keys, who_holds
from services.bench.profiles import Profile
from services.folders import DataFolder
from services.live.client import Client
from services.live.link import LinkLost
from services.live.reasons import StopCause
from services.live.running import Running, find_runs
from services.tone import Tone
from sessions.bench import without_cameras

if TYPE_CHECKING:
    from screens.desk.desk import Desk

PATIENCE_S = 1.0


class DistantStop:
    """Asks that session to hold, beside the screens, and shows what came back: held only once the motors say so."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._asking = False

    def press(self, cause: StopCause) -> None:
        """Look for the session and stop it; a press while one is under way changes nothing."""
        if not self._asking:
            self._asking = True
            self.desk.spawn(self._stop(cause, time.monotonic()))

    async def _stop(self, cause: StopCause, pressed: float) -> None:
        desk = self.desk
        try:
            found, elsewhere = await asyncio.to_thread(_holder, desk.folder, desk.profile)
            if found is not None:
                await self._hold(found, cause, pressed)
            elif elsewhere:
                self._not_stopped(elsewhere)
        except OSError as error:
            self._not_stopped(str(error))
        finally:
            self._asking = False

    async def _hold(self, found: Running, cause: StopCause, pressed: float) -> None:
        bench = found.profile.name if found.profile else ""
        other = f" (bench {bench})" if bench not in ("", self.desk.profile.name) else ""
        session = f"session {found.run.id}{other}"
        client = Client(found.run, name=self.desk.name, drive=False)
        try:
            await client.attach(PATIENCE_S)
            answer = await arm_commands.hold_answered(client, cause, PATIENCE_S)
            self._asking = False  # the next press is a stop of its own
            if answer is None:
                silent = f"{session} does not answer; `lab-console hold` replaces its worker"
                self._not_stopped(silent, then="CUT THE POWER if the arm moves")
            elif not answer.ok:
                self._not_stopped(f"{session}: {answer.error or 'the worker refused without a reason'}")
            else:
                await self._report(client, session, 1000 * (time.monotonic() - pressed))
        except LinkLost as lost:
            self._not_stopped(f"{session}: {lost}")
        finally:
            await client.close()

    async def _report(self, client: Client, session: str, ms: float) -> None:
        """An answer is no hold yet: that is what the motors report afterwards."""
        if await arm_commands.holds(client, time.time()):
            self.desk.notice(f"held by {session} after {ms:.0f} ms: torque is on", Tone.WARNING)
        else:
            self._not_stopped(f"{session} answered, but {arm_commands.why_not_held(client)}", word="NOT HELD")

    def _not_stopped(self, why: str, word: str = "not stopped", then: str = "") -> None:
        self.desk.bells.play("alarm")
        self.desk.notice(f"{word}: {why}", Tone.DANGER, then)


def _holder(folder: DataFolder, profile: Profile) -> tuple[Running | None, str]:
    """The session of this data folder that has the arm, or else a sentence on any other that has it. Reads disk."""
    found = find_runs(folder).holder_of_arm(profile)
    return found, "" if found else who_holds(device_keys(without_cameras(profile.robot), {}, folder.root))
