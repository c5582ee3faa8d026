"""What is new in a session since the last call, as lines of text. Pure: from snapshots to text."""

from __future__ import annotations

from pathlib import Path

from services.bench.calibration import done
from services.live.preflight_table import in_brief
from services.live.preflight_table import lines as table
from services.live.snapshots import Snapshot
from services.log.headline import rate
from services.log.rows.second_judge_rows import opinion_words
from services.units import duration, size, value
from sessions.facts import CalibrationWritten, CheckpointSaved, PreflightMade, TakeLost
from sessions.models import Episode, SessionKind, Trial, Verdict
from sessions.trials import place


class News:
    """Reports takes, verdicts, checkpoints, alarms and notes on the policy, each once."""

    def __init__(self) -> None:
        self._episodes = self._lost = self._checkpoints = self._notes = self._repairs = self._calibrations = 0
        self._preflights = 0
        self._alarms: tuple[str, ...] = ()
        self._verdicts: dict[int, tuple[Verdict | None, str]] = {}
        self._second: set[int] = set()

    def of(self, state: Snapshot) -> list[str]:
        """The lines for what was not reported yet."""
        evaluates = state.started is not None and state.started.kind is SessionKind.EVAL
        notes = _notes(state)
        lines = [f"note: {text}" for text in notes[self._notes :]]
        lines += self._preflight(state)
        lines += [done(c) for c in state.calibrations[self._calibrations :] if isinstance(c, CalibrationWritten)]
        lines += [f"the dataset was repaired: {repair.summary}" for repair in state.repairs[self._repairs :]]
        lines += [_episode(e) for e in state.episodes[self._episodes :] if not evaluates]
        lines += [line for trial in state.trials if (line := self._verdict(trial, place(state.trials, trial.index)))]
        lines += [line for trial in state.trials if (line := self._opinion(trial, place(state.trials, trial.index)))]
        lines += [_lost(e, state.trials if evaluates else None) for e in state.lost[self._lost :]]
        checkpoints = state.training.checkpoints if state.training else ()
        lines += [_checkpoint(c) for c in checkpoints[self._checkpoints :]]
        lines += [f"ALARM {text}" for text in appended(self._alarms, state.alarm_history)]
        self._episodes, self._lost, self._checkpoints = len(state.episodes), len(state.lost), len(checkpoints)
        self._alarms, self._notes, self._repairs = state.alarm_history, len(notes), len(state.repairs)
        self._calibrations = len(state.calibrations)
        return lines

    def _preflight(self, state: Snapshot) -> list[str]:
        """The table of a preflight that has ended, and who let trials begin all the same."""
        lines = []
        for event in state.preflights[self._preflights :]:
            if isinstance(event, PreflightMade):
                lines += [f"preflight: {in_brief(event.checks)}, in {event.seconds:.1f} s", *table(event.checks)]
            else:
                lines.append(f"preflight {event.preflight} was confirmed: {', '.join(event.bad)}")
        self._preflights = len(state.preflights)
        return lines

    def _verdict(self, trial: Trial, number: int) -> str:
        """A line if the trial's verdict or failure mode changed, else empty; `number` is the one that screens show."""
        before = self._verdicts.get(trial.index, (None, ""))
        self._verdicts[trial.index] = now = (trial.verdict, trial.failure_mode)
        if now == before:
            return ""
        if trial.verdict is None:
            return f"trial {number}: its verdict is taken back"
        how = ", ".join(word for word in (trial.judge, f"{trial.seconds:.1f} s", trial.failure_mode) if word)
        return f"trial {number}: {trial.verdict.value} ({how})"

    def _opinion(self, trial: Trial, number: int) -> str:
        """A line where a second judge disagrees, once."""
        words = opinion_words(trial)
        if not words or trial.index in self._second:
            return ""
        self._second.add(trial.index)
        return f"trial {number}: {words}: look at it again"


def _lost(lost: TakeLost, trials: tuple[Trial, ...] | None) -> str:
    """A line for a take, or for the motion of one of `trials`, that is not an episode."""
    name = f"take {lost.take}" if trials is None else f"the motion of trial {place(trials, lost.take)}"
    return f"{name} is not an episode: {lost.reason} {lost.where}".rstrip()


def appended[T](before: tuple[T, ...], now: tuple[T, ...]) -> tuple[T, ...]:
    """The items of `now` after the end of `before`; `now` may lack items at its beginning."""
    for dropped in range(len(before) + 1):
        kept = before[dropped:]
        if now[: len(kept)] == kept:
            return now[len(kept) :]
    return now


def _notes(state: Snapshot) -> tuple[str, ...]:
    """What to know of the policy on this bench, or of the data of a training."""
    if state.policy:
        return state.policy.notes
    return state.training.started.notes if state.training else ()


def _episode(episode: Episode) -> str:
    word = "accepted" if episode.accepted else "rejected"
    flags = f", flagged: {', '.join(episode.flags)}" if episode.flags else ""
    return f"take {episode.take} saved as episode {episode.index}: {episode.frames} frames, {word}{flags}"


def _checkpoint(checkpoint: CheckpointSaved) -> str:
    loss = "" if checkpoint.loss is None else f", loss {value(checkpoint.loss)}"
    name = Path(checkpoint.path).name
    return f"checkpoint {name} saved: {size(checkpoint.bytes)} in {checkpoint.seconds:.1f} s{loss}"


def amount(state: Snapshot) -> tuple[int, int, str]:
    """(done, wanted, text) of the session's progress; (0, 0, "") where nothing is counted."""
    started, training = state.started, state.training
    if started is None:
        return 0, 0, ""
    match started.kind:
        case SessionKind.RECORD:
            return state.accepted, started.target, f"{state.accepted}/{started.target}"
        case SessionKind.EVAL:
            so_far = rate(state.count(Verdict.SUCCESS), state.judged)
            return state.judged, started.target, f"{state.judged}/{started.target}  {so_far}".rstrip()
        case SessionKind.TRAIN if training is not None:
            return training.step, training.started.steps, _steps(state)
        case _:
            return 0, 0, ""


def _steps(state: Snapshot) -> str:
    training = state.training
    assert training is not None
    words = [f"{training.step:,}/{training.started.steps:,}"]
    if (loss := training.metrics.get("loss")) is not None:
        words.append(f"loss {value(loss)}")
    if state.running and (left := training.seconds_left) is not None:
        words.append(f"ETA {duration(left)}")
    return "  ".join(words)
