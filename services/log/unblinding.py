"""Tells what the codes of a blinded evaluation stand for after it has ended: from the request in its run's folder."""

from __future__ import annotations

import msgspec

from services.folders import DataFolder
from services.live import events as ev
from services.live import protocol
from services.live.event_log import is_live
from services.live.requests import EvalRequest, read_request
from services.log import logbook
from services.log.lookup import find
from services.log.scribe import fold
from services.refusal import Refusal
from services.units import plural
from sessions import blinding
from sessions.chains import Evaluation
from sessions.document import Session
from sessions.early import standing_in_all
from sessions.statistics.rule import Decision


def unblind(folder: DataFolder, wanted: str, *, by: str, reason: str = "") -> list[Session]:
    """Unblind every session of the evaluation that `wanted` names, durably; the sessions that were blinded until then.

    Raises Refusal where nothing is hidden, for one that runs, without a reason before enough trials are judged, and
    where a run's folder is gone; LogbookProblem.
    """
    found = find(folder, wanted)
    whole = found.whole or Evaluation((found.session,))
    hidden = [each for each in whole.sessions if blinding.blind(each.request)]
    if not hidden:
        raise Refusal(f"session {found.session.id} hides no policy")
    if running := next((each.id for each in hidden if is_live(folder.run(each.id))), ""):
        raise Refusal(
            f"session {running} still runs, and who judges it must not learn it by surprise: "
            f"`lab-console attach {running}` opens it, its driver unblinds it there"
        )
    early = standing_in_all(whole.sessions)
    over = early is not None and early[1].decision is not Decision.GO_ON
    if whole.left and not over and not reason.strip():
        left = plural(whole.left, "trial")
        raise Refusal(f"{left} are still to be judged: say with --because why it is unblinded before its end")
    requests = {each.id: request_of(folder, each.id) for each in hidden}  # all, before the first is written
    for session in hidden:
        event = blinding.told(ev.Unblinded(by=by, reason=reason.strip()), requests[session.id])
        command = protocol.Unblind(by=by, reason=reason.strip())
        logbook.record_event(logbook.find_run(folder, session.id)[0], command, event)
    fold(folder)
    return hidden


def request_of(folder: DataFolder, session_id: str) -> EvalRequest:
    """What a blinded session tries. Raises Refusal where that is not there any more."""
    try:
        request = read_request(folder.run(session_id))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refusal(
            f"what the codes of session {session_id} stand for is in its run's folder, which cannot be read: {error}"
        ) from error
    if not isinstance(request, EvalRequest) or not request.blinded:
        raise Refusal(f"the folder of run {session_id} has the request of another session: put its own back")
    return request
