"""`lab-console eval`: trials on the simulated bench, judged by its oracle. People judge on the Evaluate screen."""

from __future__ import annotations

import argparse

from console.commands.calibration import answered, hints
from console.commands.cameras import asked_cameras, print_table
from console.commands.drive import drive, still_running_hint
from console.commands.exits import fold, report_lost, run_to_end
from console.commands.interrupts import Interrupts
from console.exit import BAD_USAGE, FAILED, OK, complain
from console.grammar import parser
from services.bench.profiles import load_benches
from services.evaluation import early
from services.evaluation import plan as evaluation
from services.evaluation.comparison import unused_order
from services.folders import DataFolder, RunFolder, data_folder
from services.live import intents
from services.live.client import Client
from services.live.link import LinkLost
from services.live.phases import Phase
from services.live.requests import ORACLE, EvalRequest
from services.live.snapshots import Snapshot
from services.log.headline import verdict_counts
from services.log.trials.results import lines as result_lines
from services.log.trials.standings import by_rule, rule_words
from services.refusal import Option, flag
from services.text import clean
from sessions.models import Verdict
from sessions.resets import Reset
from sessions.trials import place

ENDING = "ending: the arm holds, the trial is saved without a verdict, then it goes to rest"
LOAD_PATIENCE_S = 600.0
"""A large policy on a cold disk."""
SAVE_PATIENCE_S = 150.0
NEEDED = ("checkpoint", "task", "trials")
"""What a new evaluation has to be told."""
FREE = frozenset({"resume", "operator", "dataset", "calibration", "data_dir", "bench", "confirm_preflight"})
"""What an evaluation that goes on may be told: all else would measure something else."""
STOPPED_S = 2.0
"""An arm that holds this long was stopped; a worker that is ending reports that sooner, long before it ends."""


def evaluate(options: argparse.Namespace) -> int:
    """Evaluate without a screen, judged by the oracle; with `--resume`, go on with what was begun."""
    if options.resume:
        return _resume(options)
    if options.sequential and options.trials is not None:
        complain("--sequential says how many trials are made: leave out --trials, or write 'most N' (pairs) with it")
        return BAD_USAGE
    needed = [name for name in NEEDED if name != "trials" or not options.sequential]
    if lack := [flag(Option(name)) for name in needed if getattr(options, name) in (None, "")]:
        complain(f"required: {', '.join(lack)}; or --resume SESSION to go on with an evaluation")
        return BAD_USAGE
    if not options.judge:
        complain(
            "without --judge a person judges each trial by a key: open `lab-console` and press F5; "
            "`--judge oracle` judges on a simulated bench"
        )
        return BAD_USAGE
    folder, profile = data_folder(options.data_dir), load_benches().pick(options.bench)
    if options.judge == ORACLE and not profile.simulated:
        complain(
            f"bench {profile.name} is real, and the oracle judges on a simulated bench only: "
            "open `lab-console` and press F5, where a person judges"
        )
        return BAD_USAGE
    request = evaluation.plan(
        folder,
        profile,
        checkpoint=options.checkpoint,
        task=options.task,
        trials=options.trials,
        trial_seconds=options.trial_seconds,
        operator=options.operator or next(iter(profile.operators), ""),
        judge=options.judge,
        second_judge=options.second_judge,
        condition=options.condition,
        conditions=options.conditions,
        order=options.order,
        order_seed=options.order_seed,
        blinded=options.blind,
        seed=options.seed,
        lockstep=options.lockstep,
        dataset=options.dataset,
        reset=Reset(options.reset),
        direct_reset=options.direct_reset,
        server=options.server,
        server_path=options.server_path,
        rtc=options.rtc,
        **asked_cameras(folder, profile, options),
        confirm_preflight=options.confirm_preflight,
        sequential=options.sequential,
    )
    request = early.fixed(request)
    if request.sequential is not None:
        print(rule_words(request.sequential), flush=True)
    if unused := unused_order(request, options.order, options.order_seed):
        print(f"note: {unused}", flush=True)
    print_table(request, profile)
    return run_to_end(_evaluate(folder, evaluation.begin(folder, answered(request, options))))


def _resume(options: argparse.Namespace) -> int:
    """Go on with an evaluation. What is measured stays as it was, so that only who is there can be given."""
    from services.evaluation import resuming
    from services.log.lookup import find

    plain = vars(parser().parse_args(["eval"]))
    if given := [flag(Option(n)) for n, value in vars(options).items() if n not in FREE and value != plain.get(n)]:
        complain(f"--resume goes on with what was chosen before, else it measures something else: leave out "
                 f"{', '.join(given)}")  # fmt: skip
        return BAD_USAGE
    folder = data_folder(options.data_dir)
    session = find(folder, options.resume).session
    on = resuming.look(
        folder, load_benches(), session.id, bench=options.bench or "", operator=options.operator or "",
        dataset=options.dataset, confirm_preflight=options.confirm_preflight,
    )  # fmt: skip
    if not on.request.judge:
        complain(
            f"evaluation {session.id} is judged by a person, by a key for each trial: open `lab-console`, press F7, "
            "choose it and press C"
        )
        return BAD_USAGE
    print(clean(f"going on with evaluation {on.request.resumes}: {on.standing}"), flush=True)
    for sentence in (*on.changed, *on.notes):
        print(clean(f"note: {sentence}"), flush=True)
    print_table(on.request, on.request.profile)
    return run_to_end(_evaluate(folder, evaluation.begin(folder, answered(on.request, options))))


async def _evaluate(folder: DataFolder, run: RunFolder) -> int:
    try:
        driven = await drive(run, _trials, name="lab-console eval", ending=ENDING, patience_s=LOAD_PATIENCE_S)
    except (LinkLost, TimeoutError) as error:
        return report_lost(run, error)
    await fold(folder)
    state = driven.state
    tally = verdict_counts({verdict: state.count(verdict) for verdict in Verdict})
    if not driven.succeeded:
        complain(f"session {run.id} {state.status.value}: {driven.reason}{f'; {tally}' if state.trials else ''}")
        if hint := still_running_hint(run, driven):
            complain(hint)
        for hint in hints(state):
            complain(hint)
        if state.trials and not state.running and not state.reached:
            complain(f"`lab-console eval --resume {run.id}` goes on with it")
        return FAILED
    dataset = state.started.dataset if state.started else ""
    request = state.started.request if state.started else None
    reset = f"; reset: {request.reset_words}" if isinstance(request, EvalRequest) else ""
    print(f"session {run.id} finished: {tally}{_with_before(state)}; the motion is in dataset {dataset}{reset}")
    for line in result_lines(request, state.trials):
        print(line)
    if isinstance(request, EvalRequest) and (now := state.standing) is not None:
        print(by_rule(request, now)[-1])
    return OK


def _with_before(state: Snapshot) -> str:
    """The result of the whole evaluation, where it went over several sessions; else empty."""
    request = state.started.request if state.started else None
    if not isinstance(request, EvalRequest) or not request.resumes:
        return ""
    whole = verdict_counts({verdict: state.count(verdict) + request.before.count(verdict) for verdict in Verdict})
    return f"; in all {whole}"


async def _trials(client: Client, interrupts: Interrupts) -> str:
    """Start trial after trial until enough are judged; returns an error message, or an empty string."""
    while True:
        await client.until(_waits)
        state = await client.until(lambda s: not s.unsaved_take or not s.running, SAVE_PATIENCE_S)
        if not state.running or state.reached or interrupts.asked:
            return ""
        if state.phase is Phase.HELD:
            if await _stays_held(client):
                return _held(state)
            continue
        if state.pending is not None:
            return f"trial {place(state.trials, state.pending.index)} was stopped: a person has to judge it"
        if state.phase is Phase.RELEASED:
            return "somebody released the arm"
        if why := await _start(client, intents.next_trial(state)):
            return why


async def _start(client: Client, number: int) -> str:
    """Start trial `number` and wait for its verdict, or for a hold; returns why it was refused, else ""."""
    answered = evaluation.start_or_end_trial(client)
    answer = await answered if answered else None
    if answer is not None and not answer.ok:
        return answer.error

    def over(state: Snapshot) -> bool:
        started = state.trial is not None and state.trial.index >= number
        return not state.running or state.phase is Phase.HELD or (started and _waits(state))

    await client.until(over)
    return ""


def _waits(state: Snapshot) -> bool:
    """Whether the session waits for a command, or is over."""
    still = (Phase.HELD, Phase.RESTED, Phase.IDLE, Phase.DONE, Phase.RELEASED)
    return not state.running or state.phase in still


def _held(state: Snapshot) -> str:
    number = place(state.trials, state.pending.index) if state.pending else 0
    pending = f", and trial {number} waits for its verdict by a person" if number else ""
    return f"the arm holds: {state.held or state.detail}{pending}"


async def _stays_held(client: Client) -> bool:
    """Whether the arm was stopped and keeps holding. If the worker is ending instead, waits for its end."""
    try:
        await client.until(lambda s: s.phase is not Phase.HELD or s.ending, STOPPED_S)
    except TimeoutError:
        return True
    await client.until(lambda s: s.phase is not Phase.HELD or not s.running)
    return False
