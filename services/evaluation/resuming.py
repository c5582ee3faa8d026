"""Going on with an evaluation that stopped before all its trials were judged, in a session of its own.

Reads the disk: do not call it on an event loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from services.bench.profiles import Benches, Profile
from services.checkpoints.checkpoint import PRETRAINED, WEIGHTS, label
from services.checkpoints.weights import weights_of
from services.checkpoints.wiring import write_map
from services.evaluation import plan as evaluation
from services.evaluation.bench_changes import changes, last_calibration, recalibrated
from services.evaluation.comparison import SEPARATOR
from services.folders import DataFolder
from services.live.crashes import close_crashed
from services.live.requests import EvalRequest
from services.log import logbook
from services.log.unblinding import request_of
from services.refusal import Refusal
from services.text import clean
from services.units import plural
from sessions import blinding
from sessions.chains import Evaluation, evaluation_of
from sessions.document import Session
from sessions.early import counted, standing_in_all
from sessions.models import SessionKind, SessionStatus, Verdict
from sessions.requests import Counted
from sessions.statistics.rule import Decision


@dataclass(frozen=True)
class GoingOn:
    """An evaluation that goes on, checked: the `request` of its next session, and what it came to so far.

    `changed` says what of the bench is not as it was, `notes` what else is good to know, in sentences.
    """

    request: EvalRequest
    evaluation: Evaluation
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def standing(self) -> str:
        """`3 of 10 trials are judged, 2 of them successes: 7 are left`."""
        found = self.evaluation
        successes = plural(found.count(Verdict.SUCCESS), "success", "successes")
        return f"{found.judged} of {found.wanted} trials are judged, {successes}: {found.left} are left"


def why_not(session: Session, log: tuple[Session, ...] = ()) -> str:
    """Why this session's evaluation cannot go on, as far as the log tells, in a sentence; empty if it may."""
    if session.kind is not SessionKind.EVAL or not isinstance(session.request, EvalRequest):
        return f"session {session.id} is no evaluation, but of kind {session.kind.value}"
    if session.started.imported:
        return f"session {session.id} was imported from elsewhere"
    if session.brought_in is not None:
        return f"session {session.id} came from another log, {session.brought_in.place}: it can go on at its bench"
    if session.request.looks_only:
        return f"session {session.id} made a preflight only: there is no evaluation to go on with"
    whole = evaluation_of(session, log)
    running = next((s for s in whole.sessions if s.status is SessionStatus.RUNNING), None)
    if running is not None:
        return f"session {running.id} is still running: `lab-console attach {running.id}` opens it"
    if not whole.wanted:
        return f"session {session.id} does not say how many trials it wanted"
    if (rule := standing_in_all(whole.sessions)) and rule[1].decision is not Decision.GO_ON:
        return f"its rule has ended it after {plural(rule[1].pairs, 'pair')}: a new evaluation is another measurement"
    if not whole.left:
        return f"all of its {plural(whole.wanted, 'trial')} are judged: a new evaluation is another measurement"
    return ""


def look(
    folder: DataFolder,
    benches: Benches,
    session_id: str,
    *,
    bench: str = "",
    operator: str = "",
    dataset: str = "",
    confirm_preflight: bool = False,
) -> GoingOn:
    """The next session of the evaluation that this one belongs to; crashes that nobody has noted are noted.

    `bench` must be its own, if it is given; an empty `operator` stays who it was; what was confirmed of
    a preflight then is not confirmed now. Raises Refusal if it cannot go on.
    """
    log = _log(folder, session_id)
    session = next((each for each in log if each.id == session_id), None)
    if session is None:
        raise Refusal(f"session {clean(session_id)} is not in the log; `lab-console sessions` lists them")
    if why := why_not(session, log):
        raise Refusal(f"{_named(session)} cannot be resumed: {clean(why)}")
    whole = evaluation_of(session, log)
    last = whole.last
    asked = last.request
    assert isinstance(asked, EvalRequest)
    so_far, seen = whole.so_far, _counted(whole)
    if blinding.blind(asked):
        asked = request_of(folder, last.id)
        known = {code: path for path, code in blinding.codes(asked.checkpoints).items()}
        so_far, seen = blinding.renamed(so_far, known), blinding.recounted(seen, known)
    elif asked.blinded:  # it was unblinded: what comes now is not blinded
        asked = msgspec.structs.replace(asked, blinded=False)
    profile = _profile(benches, last, bench)
    weights = _same_weights(last, asked)
    checked = _checked(folder, profile, asked, whole.wanted, dataset)  # fewer may be left than each pair needs
    request = msgspec.structs.replace(
        asked,
        data_dir=str(folder.root), profile=checked.profile, calibration={}, operator=operator or asked.operator,
        trials=whole.left, dataset=checked.dataset, fps=checked.fps, resumes=last.id, before=so_far,
        weights=weights, confirm_preflight=confirm_preflight,
        counted_before=seen if asked.sequential else (),
    )  # fmt: skip
    differ = changes(asked.profile, checked.profile, fps=(asked.fps, request.fps), task=request.task)
    then = last.connected.calibration if last.connected else {}
    differ += recalibrated(then, last_calibration(profile.name, log))
    return GoingOn(request, whole, tuple(differ), tuple(_notes(session, whole, asked)))


def _counted(whole: Evaluation) -> tuple[Counted, ...]:
    """The trials that the rule of a comparison has seen, in order."""
    first = whole.sessions[0].request
    before = first.counted_before if isinstance(first, EvalRequest) else ()
    return (*before, *(each for s in whole.sessions if isinstance(s.request, EvalRequest)
                       for each in counted(s.trials, s.request)))  # fmt: skip


def _log(folder: DataFolder, session_id: str) -> tuple[Session, ...]:
    """The log, after the end of a crashed session of this evaluation was written."""
    log = logbook.sessions(folder).sessions
    chosen = next((each for each in log if each.id == session_id), None)
    if chosen is None or chosen.kind is not SessionKind.EVAL:
        return log
    open_ended = [s for s in evaluation_of(chosen, log).sessions if s.status is SessionStatus.RUNNING]
    for session in open_ended:
        with suppress(OSError):
            close_crashed(folder.run(session.id))
    return logbook.sessions(folder).sessions if open_ended else log


def _named(session: Session) -> str:
    return f"evaluation {session.id}" if session.kind is SessionKind.EVAL else f"session {session.id}"


def _profile(benches: Benches, last: Session, bench: str) -> Profile:
    if bench and bench != last.bench:
        raise Refusal(
            f"evaluation {last.id} ran on bench {clean(last.bench)}, not {clean(bench)}: another bench measures "
            "something else; leave out --bench"
        )
    if last.bench not in benches.profiles:
        where = benches.source or "the built-in profiles"
        raise Refusal(
            f"evaluation {last.id} cannot be resumed: it ran on bench {clean(last.bench)}, which is not in {where}; "
            f"there are: {', '.join(sorted(benches.profiles))}"
        )
    return benches.profiles[last.bench]


def _checked(folder: DataFolder, profile: Profile, asked: EvalRequest, trials: int, dataset: str) -> EvalRequest:
    """A request planned as a new one would be. Raises Refusal."""
    return evaluation.plan(
        folder, profile, checkpoint=SEPARATOR.join(asked.checkpoints), task=asked.task, trials=trials, dataset=dataset,
        trial_seconds=asked.trial_seconds, countdown=asked.countdown, judge=asked.judge, condition=asked.condition,
        seed=asked.seed, lockstep=asked.lockstep, server=asked.server, server_path=asked.server_path, rtc=asked.rtc,
        camera_map=write_map(asked.wiring.given), left_out_cameras=",".join(asked.wiring.without),
        reset=asked.reset, direct_reset=asked.direct_reset, blinded=asked.blinded,
    )  # fmt: skip


# -- the policy is the same ----------------------------------------------------------------------------


def _same_weights(last: Session, asked: EvalRequest) -> Mapping[str, str]:
    """The fingerprints. Raises Refusal for a policy that is not the one that was tried."""
    try:
        now = weights_of(asked.checkpoints)
    except OSError as error:
        raise Refusal(f"checkpoint {clean(str(error.filename))} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a log from elsewhere may name what can be no path
        raise Refusal(f"evaluation {last.id} cannot be resumed: its checkpoint has no path, {error}") from error
    for path, found in now.items():
        known = asked.weights.get(path)
        other = known != found if known else _written_since(path, last.started.at)
        if other:
            raise Refusal(
                f"evaluation {last.id} cannot be resumed: {clean(label(path))} ({clean(path)}) is not what was tried, "
                "its files were written anew; put them back, or begin a new evaluation"
            )
    return now


def _written_since(path: str, at: float) -> bool:
    """Whether the weights are newer than a session that kept no fingerprint."""
    folder = Path(path)
    file = folder / WEIGHTS if folder.name == PRETRAINED or folder.is_dir() else folder
    try:
        return file.stat().st_mtime > at
    except OSError:  # an adapter, or the scripted person: nothing can be told
        return False


# -- good to know --------------------------------------------------------------------------------------


def _notes(chosen: Session, whole: Evaluation, asked: EvalRequest) -> Iterator[str]:
    if chosen.id != whole.last.id:
        yield f"it was gone on with before: session {whole.last.id} is its newest, and is gone on with"
    if whole.missing:
        yield f"session {clean(whole.missing)}, with which it began, is not in this log: it counts as it was told then"
    if not asked.weights and any(Path(path).is_absolute() for path in asked.checkpoints):
        yield "its log keeps no fingerprint of the policy: that its files are not newer is all that is known"
    for session, trial in whole.trials:
        if trial.verdict is None and not trial.practice:
            yield (
                f"a trial of session {session.id} has no verdict: it is repeated unless you judge it in the Log before"
            )
