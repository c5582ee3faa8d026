"""The verbs that need no screen: for scripts, tests, and a terminal that can show nothing better."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import termios
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from services import recording, sitting
from services.bench import Profile, apply_settings, load_benches
from services.eventlog import is_live, read_events
from services.folders import DataFolder, RunFolder, data_folder
from services.link import Link, LinkLost, live_runs, log_tail
from services.requests import Purpose
from services.snapshots import Phase, Snapshot, replay
from services.text import clean
from sessions.models import SessionStatus

OK, FAILED, BAD_USAGE = 0, 1, 2
START_PATIENCE_S = 90.0
"""LeRobot loads in 6 to 10 s; a cold disk may take a minute."""


def complain(text: object) -> None:
    """One line on standard error."""
    print(f"lab-console: {clean(str(text))}", file=sys.stderr)


def _bench(options: argparse.Namespace) -> tuple[DataFolder, Profile]:
    return data_folder(options.data_dir), load_benches().pick(options.bench)


# --- sessions -------------------------------------------------------------------------------------


def sessions(options: argparse.Namespace) -> int:
    """List the log, as lines or as JSON."""
    import orjson

    from services import logbook

    folder = data_folder(options.data_dir)
    if not folder.root.exists():
        print("[]" if options.json else f"no sessions yet in {folder.root}")
        return OK
    try:
        book = logbook.sessions(folder)
    except logbook.LogbookProblem as problem:
        complain(problem)
        return FAILED
    if book.message:
        complain(book.message)
    chosen = [s for s in book.sessions if options.kind in (None, s.kind.value)]
    if options.json:
        print(orjson.dumps(logbook.as_json(chosen), option=orjson.OPT_INDENT_2).decode())
        return OK
    for session in chosen:
        line = logbook.headline(session)
        print(clean(f"{session.id}  {line.when}  {line.kind:7} {session.status:8} {line.what}  {line.counts}").rstrip())
    if not chosen:
        print("no sessions" + (f" of kind {options.kind}" if options.kind else " yet"))
    return OK


# --- running sessions -------------------------------------------------------------------------------


def find_live(folder: DataFolder, wanted: str | None) -> RunFolder:
    """The running session that `wanted` names (its id or the beginning of it), else the newest.

    Raises SystemExit(2) with a sentence where there is none, or more than one.
    """
    live = live_runs(folder)
    matching = [run for run in live if wanted is None or run.id.startswith(wanted)]
    if (wanted is not None and len(matching) == 1) or (wanted is None and matching):
        return matching[0]
    if not live:
        complain(f"no session runs in {folder.root}; `lab-console` opens the console to start one")
    elif not matching:
        complain(f"no running session begins with {wanted!r}; running: {', '.join(r.id for r in live)}")
    else:
        complain(f"{wanted!r} fits several: {', '.join(r.id for r in matching)}")
    raise SystemExit(BAD_USAGE)


def watch(folder: DataFolder, run: RunFolder) -> int:
    """Follow a session in plain lines until it ends; changes nothing."""
    return _run(_watch(run))


async def _watch(run: RunFolder) -> int:
    printer = Printer()
    link = Link(run, name="watch", drive=False, on_event=lambda _, s: printer.show(s))
    try:
        printer.show(await link.attach())
        await link.until(lambda s: not s.running)
    except LinkLost as lost:
        return _lost(run, lost)
    finally:
        await link.close()
    return OK


def _live_arm(folder: DataFolder, options: argparse.Namespace) -> RunFolder | None:
    """The running session that has the arm, if any: of the bench that was named, else of whichever runs."""
    for run in live_runs(folder):
        started = replay(read_events(run.events)).started
        if options.bench is None or started is None or started.bench == options.bench:
            return run
    return None


def hold(options: argparse.Namespace) -> int:
    """Stop what moves; where no worker runs, start one that holds; where one does not answer, rescue."""
    folder, profile = _bench(options)
    run = _live_arm(folder, options)
    if run is None:
        return _run(_hold_without_worker(folder, profile))
    return _run(_hold(folder, profile, run))


async def _hold(folder: DataFolder, profile: Profile, run: RunFolder) -> int:
    link = Link(run, name="lab-console hold", drive=False)
    began = time.monotonic()
    try:
        await link.attach(patience_s=1.0)
        answer = await sitting.hold_answered(link, "lab-console hold")
    except LinkLost:
        answer = None
    finally:
        await link.close()
    if answer is not None and answer.ok:
        print(f"session {run.id} holds (answered after {1000 * (time.monotonic() - began):.0f} ms)")
        return OK
    pid = link.welcome.pid if link.welcome else link.snapshot.started.pid if link.snapshot.started else 0
    if answer is not None or not pid:
        complain(f"session {run.id}: {answer.error if answer else 'it is only starting; nothing moves yet'}")
        return FAILED
    complain(f"session {run.id} DOES NOT ANSWER: cut the power if the arm moves; replacing its worker")
    if link.snapshot.started is not None:
        profile = msgspec.convert(link.snapshot.started.profile, Profile)  # the bench that it runs on
    rescue = await asyncio.to_thread(sitting.rescue, folder, run, pid, profile)
    return await _await_hold(rescue)


async def _hold_without_worker(folder: DataFolder, profile: Profile) -> int:
    return await _await_hold(sitting.begin(folder, profile, Purpose.HOLD))


async def _await_hold(run: RunFolder) -> int:
    link = Link(run, name="lab-console hold", drive=False)
    try:
        await link.attach()
        state = await link.until(lambda s: s.phase is not Phase.STARTING, START_PATIENCE_S)
    except (LinkLost, TimeoutError) as lost:
        return _lost(run, lost)
    finally:
        await link.close()
    if not state.running:
        complain(state.end_reason)
        return FAILED
    print(f"session {run.id} holds the arm; `lab-console rest`, `lab-console release` or `lab-console attach` go on")
    return OK


def rest(options: argparse.Namespace) -> int:
    """Move to rest, by the running session or by a worker of its own; or print the pose for lab.toml."""
    folder, profile = _bench(options)
    if options.teach:
        return _run(_teach(folder, profile, _live_arm(folder, options)))
    if not profile.motion.rest:
        complain(f"no rest pose is taught for bench {profile.name}: put the arm there by hand, then `rest --teach`")
        return FAILED
    return _run(_move(folder, profile, Purpose.REST, _live_arm(folder, options)))


def release(options: argparse.Namespace) -> int:
    """Lower the arm and cut torque, once confirmed."""
    folder, profile = _bench(options)
    if not options.yes:
        if not sys.stdin.isatty():
            complain("releasing cuts torque: confirm with --yes")
            return BAD_USAGE
        how = "the arm goes to rest first" if profile.motion.rest else "NO REST POSE IS TAUGHT: support the arm by hand"
        if input(f"cut torque ({how})? type yes: ").strip().lower() != "yes":
            print("nothing was done")
            return FAILED
    return _run(_move(folder, profile, Purpose.RELEASE, _live_arm(folder, options)))


async def _move(folder: DataFolder, profile: Profile, purpose: Purpose, running: RunFolder | None) -> int:
    """Rest or release: a running session is asked; else a bench worker does it and ends."""
    run = running or sitting.begin(folder, profile, purpose)
    printer = Printer()
    link = Link(run, name=f"lab-console {purpose.value}", on_event=lambda _, s: printer.show(s))
    goal = Phase.RESTED if purpose is Purpose.REST else Phase.RELEASED
    try:
        await link.attach()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, sitting.hold, link, "Ctrl-C")
        if running is not None:
            verb = sitting.go_to_rest if purpose is Purpose.REST else sitting.release
            answer = await verb(link)
            if not answer.ok and "a moment ago" in answer.error:  # meant for keys; a verb was typed
                await asyncio.sleep(1.1)
                answer = await verb(link)
            if not answer.ok:
                complain(answer.error)
                return FAILED
        state = await link.until(lambda s: s.phase in (goal, Phase.HELD) or not s.running, START_PATIENCE_S + 60)
        if running is None and state.running:
            state = await link.until(lambda s: not s.running, 30)
    except (LinkLost, TimeoutError) as lost:
        return _lost(run, lost)
    finally:
        await link.close()
    if state.phase is goal or state.status is SessionStatus.FINISHED:
        return OK
    complain(state.end_reason or f"the arm is {state.phase.value}: {state.held or state.detail}")
    if state.running:
        complain(f"session {run.id} goes on holding it: `lab-console attach {run.id}`, or rest or release again")
    return FAILED


async def _teach(folder: DataFolder, profile: Profile, running: RunFolder | None) -> int:
    """Print the measured pose; a worker started for it goes on holding, since torque may be all that bears the arm."""
    run = running or sitting.begin(folder, profile, Purpose.HOLD)
    link = Link(run, name="lab-console rest --teach", drive=running is None)
    try:
        await link.attach()
        await link.until(lambda s: s.phase is not Phase.STARTING, START_PATIENCE_S)
        give_up = time.monotonic() + 5
        while _pose_is_missing(link) and time.monotonic() < give_up:  # noqa: ASYNC110  (telemetry has no event)
            await asyncio.sleep(0.05)
        if not (link.telemetry and link.telemetry.joints):
            complain(link.snapshot.end_reason or "the follower's pose could not be read")
            return FAILED
        pose = ", ".join(f"{name} = {value:.1f}" for name, value in link.telemetry.joints.items())
        print(f"[bench.{profile.name}.motion]\nrest = {{ {pose} }}")
        if running is None:  # whether it lies or hangs is for a person to see
            complain(f"session {run.id} holds the arm now; `lab-console release` lets it go")
    except (LinkLost, TimeoutError) as lost:
        return _lost(run, lost)
    finally:
        await link.close()
    return OK


# --- record -----------------------------------------------------------------------------------------


def record(options: argparse.Namespace) -> int:
    """Record without a screen. On the simulated bench takes follow each other; at a robot Enter starts each."""
    folder, profile = _bench(options)
    profile, settings = apply_settings(profile, options.settings)
    try:
        request = recording.plan(
            folder,
            profile,
            dataset=options.dataset,
            task=options.task,
            operator=options.operator or next(iter(profile.operators), ""),
            episodes=options.episodes,
            episode_seconds=options.episode_seconds,
            reset_seconds=options.reset_seconds,
            fps=options.fps,
            resume=options.resume,
            seed=options.seed,
            lockstep=options.lockstep,
            settings=settings,
        )
    except sitting.Refusal as refusal:
        complain(refusal)
        return BAD_USAGE
    by_key = not profile.simulated
    if by_key and not sys.stdin.isatty():
        complain("at a robot every take starts by a key: run this on a terminal, or use the console")
        return BAD_USAGE
    return _run(_record(folder, recording.begin(folder, request), by_key=by_key))


async def _record(folder: DataFolder, run: RunFolder, *, by_key: bool) -> int:
    printer = Printer()
    link = Link(run, name="lab-console record", on_event=lambda _, s: printer.show(s))
    interrupts = Interrupts(link, run)
    try:
        await link.attach()
        await link.until(lambda s: s.phase is not Phase.STARTING, START_PATIENCE_S)
        failure = await _takes(link, interrupts, by_key=by_key)
        if failure:
            complain(failure)
        if link.snapshot.running and not interrupts.asked:
            await sitting.finish(link)
        state = await link.until(lambda s: not s.running, 120)
    except (LinkLost, TimeoutError) as lost:
        return _lost(run, lost)
    finally:
        printer.close()
        interrupts.close()
        await link.close()
    await asyncio.to_thread(_fold, folder)
    if failure or state.status is not SessionStatus.FINISHED or not state.reached:
        complain(f"session {run.id} {state.status.value}: {state.accepted} accepted; {state.end_reason}")
        return FAILED
    print(f"session {run.id} finished: {state.accepted} accepted, {state.rejected} rejected, {state.flagged} flagged")
    return OK


async def _takes(link: Link, interrupts: Interrupts, *, by_key: bool) -> str:
    """Drive the sitting until the target is reached; returns what went wrong, or nothing."""
    while link.snapshot.running and not link.snapshot.reached and not interrupts.asked:
        state = link.snapshot
        if state.phase is Phase.IDLE or state.phase in (Phase.READY, Phase.RESET):
            if by_key or state.phase is not Phase.IDLE:
                await _scene_is_back(link, by_key=by_key)
            done = recording.start_or_end_take(link)
            answer = await done if done else None
            if answer is not None and not answer.ok:
                return answer.error
            await _phase_after(link, state.phase, START_PATIENCE_S)
        elif state.phase is Phase.HELD:
            return f"the arm holds: {state.held}"
        else:
            await _phase_after(link, state.phase)
        await _saved(link)
    return ""


def _pose_is_missing(link: Link) -> bool:
    return link.snapshot.running and not (link.telemetry and link.telemetry.joints)


async def _phase_after(link: Link, phase: Phase, timeout_s: float | None = None) -> None:
    await link.until(lambda s: s.phase is not phase, timeout_s)


async def _saved(link: Link) -> None:
    await link.until(lambda s: not s.unsaved_take or not s.running, 150)


async def _scene_is_back(link: Link, *, by_key: bool) -> None:
    """Wait for the operator's Enter at a robot; on the simulated bench for the reset time."""
    started = link.snapshot.started
    if by_key:
        what = (
            "align the arms"
            if link.snapshot.phase is Phase.IDLE
            else f"start take {recording.next_take(link.snapshot)}"
        )
        print(f"press Enter to {what}")
        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what was typed before is no answer
        await asyncio.to_thread(sys.stdin.readline)
    elif started and not started.config.get("lockstep") and link.snapshot.phase is Phase.RESET:
        left = started.reset_seconds - (time.time() - link.snapshot.phase_since)
        await asyncio.sleep(max(0.6, left))


class Interrupts:
    """Ctrl-C asks the worker to end as SIGTERM does (hold, save, rest); a second one detaches."""

    def __init__(self, link: Link, run: RunFolder) -> None:
        self.asked = 0
        self._link, self._run = link, run
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._interrupt)

    def _interrupt(self) -> None:
        self.asked += 1
        if self.asked == 1:
            print("ending: the arm holds, the take is saved, then it goes to rest (Ctrl-C again detaches)")
            welcome = self._link.welcome
            if welcome is not None and is_live(self._run):
                os.kill(welcome.pid, signal.SIGTERM)
        elif self._task is not None:
            self._task.get_loop().call_soon(self._task.cancel)

    def close(self) -> None:
        """Give the signals back."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(number)


class Printer:
    """Says what changed: a progress bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self._last: tuple[Phase, str] | None = None
        self._episodes = self._lost = 0
        self._alarms: tuple[str, ...] = ()
        self._bar: Any = None
        if sys.stdout.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, TimeElapsedColumn())
            self._task = self._bar.add_task("starting", total=None)
            self._bar.start()

    def show(self, state: Snapshot) -> None:
        """Print what is new in `state`."""
        for episode in state.episodes[self._episodes :]:
            word = "accepted" if episode.accepted else "rejected"
            flags = f", flagged: {', '.join(episode.flags)}" if episode.flags else ""
            self._say(f"take {episode.take} saved as episode {episode.index}: {episode.frames} frames, {word}{flags}")
        for lost in state.lost[self._lost :]:
            self._say(f"take {lost.take} is not an episode: {lost.reason} {lost.where}".rstrip())
        for text in state.alarm_history[len(self._alarms) :]:
            self._say(f"ALARM {text}")
        self._episodes, self._lost, self._alarms = len(state.episodes), len(state.lost), state.alarm_history
        now = (state.phase, state.end_reason if state.phase is Phase.ENDED else state.detail)
        if now != self._last:
            self._last = now
            self._phase(state, *now)

    def _phase(self, state: Snapshot, phase: Phase, detail: str) -> None:
        if self._bar is None:
            print(clean(f"{phase.value}: {detail}"), flush=True)
            return
        target = state.started.target_episodes if state.started else 0
        text = clean(f"{phase.value}: {detail}")
        self._bar.update(self._task, description=text, total=target or None, completed=state.accepted)

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(clean(line), markup=False, highlight=False)
        else:
            print(clean(line), flush=True)

    def close(self) -> None:
        """Take the bar down."""
        if self._bar is not None:
            self._bar.stop()


def _fold(folder: DataFolder) -> None:
    from services.scribe import fold

    fold(folder)


def _lost(run: RunFolder, error: Exception) -> int:
    reason = str(error) or "it took too long"
    complain(f"session {run.id}: {reason}")
    for line in log_tail(run):
        print(f"  {clean(line)}", file=sys.stderr)
    complain(f"the whole log is {Path(run.log)}; what was acknowledged is saved and recovered at the next start")
    return FAILED


def _run(work: Coroutine[Any, Any, int]) -> int:
    try:
        return asyncio.run(work)
    except asyncio.CancelledError:
        print("detached; the session goes on: `lab-console attach`")
        return FAILED
