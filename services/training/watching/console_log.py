"""The console log of any `lerobot-train`, 0.2 to 0.6, as runs of points: text in, points out. Reads no file.

A log line rounds its step (`step:6K`); `steps` makes it exact. The formats are those of LeRobot's
utils/logging_utils.py and scripts/lerobot_train.py, tqdm's bars, and what terminals and launchers do to them.
"""

from __future__ import annotations

import re
from collections import deque

from services.text import clean
from services.training.watching import head
from services.training.watching.hints import Hints
from services.training.watching.lines import Lines
from services.training.watching.log_line import (
    BEGUN,
    CONTINUES,
    NEWS,
    PAIR,
    RECORD,
    SPEAKER,
    STAMP,
    STANDARD,
    joined,
    metrics_of,
    samples_of,
)
from services.training.watching.points import MOST, End, Facts, LoggedRun, Saved, known_as
from services.training.watching.regular import LEAST, is_bar, stretch
from services.training.watching.rounding import Range, range_of
from services.training.watching.stamps import Stamps
from services.training.watching.steps import Steps

LAST_LINES = 12

_Raw = tuple[Range, str, float, dict[str, float], int]
"""A point before its step is known: what it allows, samples, time, metrics, and its step where the log says it."""


class ConsoleLog:
    """`runs` grows as text is fed; `feed` returns nothing, and no text makes it raise."""

    def __init__(self) -> None:
        self.runs: list[LoggedRun] = []
        self._others: deque[str] = deque(maxlen=LAST_LINES)
        self._lines = Lines()
        self._stamps = Stamps()
        self._head: list[str] | None = None
        self._depth = 0
        self._begun = ""
        self._open = ""
        self._previous = ""
        self._trial = -1
        """The step of the evaluation that the log announced last."""
        self._begin_state()

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The newest lines that are neither points nor bars, cleaned."""
        return tuple(clean(line) for line in self._others.copy())

    # --- text -----------------------------------------------------------------------------------

    def feed(self, data: bytes, *, now: float = 0.0) -> None:
        """Read a chunk; `now` (Unix seconds) is the time of points whose line has none, 0 if it is not new."""
        self._stamps.now = now
        self._take(self._lines.feed(data))
        if self._open and self._whole(self._open):
            self._open = ""
        self._settle(hold=bool(self._open))

    def end(self) -> None:
        """Nothing more comes, or nothing came for a while: take an unfinished line as it is."""
        self._take(self._lines.end())
        self._open = ""
        self._settle()

    def gap(self) -> None:
        """The file was cut or replaced: points may be missing before the next one."""
        self._lines.end()
        self._open = self._begun = ""
        self._settle()
        self._steps.gap()

    def _take(self, lines: list[str]) -> None:
        plain: list[str] = []
        for line in lines:
            if "step:" in line or not line or is_bar(line):
                plain.append(line)
            else:
                self._take_plain(plain)
                plain = []
                self._other(line)
        self._take_plain(plain)

    def _other(self, line: str) -> None:
        """A line without a point: a bar, the rest of a wrapped line, the configuration, or news."""
        if "%|" in line:
            self._begun = self._open = ""
            self._run()
            after = self._hints.bar_in(line)
            if len(after) == len(line):  # no bar after all
                self._plain(line)
            elif after.strip():
                self._other(after.strip())
        elif self._begun or self._open:
            self._continue(line)
        elif self._head is not None:
            self._go_on_with_head(line)
        else:
            self._plain(line)

    def _plain(self, line: str) -> None:
        if "{'" in line and (found := head.BEGINS.search(line)):
            self._head, self._depth = [found[1]], head.opened(found[1])
            self._close_head()
        elif BEGUN.search(line):
            self._begun = line
        elif line != self._previous or not line.strip():
            self._previous = line
            self._others.append(line[:400])
            self._news(line)

    # --- the configuration ----------------------------------------------------------------------

    def _go_on_with_head(self, line: str) -> None:
        assert self._head is not None
        if line[:1] not in " '[]{}()":  # some other line: the configuration was cut off, or another process wrote
            if len(self._head) > 1 or STAMP.search(line):
                self._depth = 0
                self._close_head()
            self._plain(line)
            return
        self._head.append(line)
        self._depth += head.opened(line)
        self._close_head()

    def _close_head(self) -> None:
        """Once its brackets are closed: a configuration begins a run."""
        if self._head is None or (self._depth > 0 and len(self._head) < head.LONGEST):
            return
        config, self._head = head.config_of(self._head), None
        if not head.is_config(config):
            return
        if self.runs and (len(self.runs[-1].points) or self._raw):
            self._settle()
            self._begin_run()
        run = self._run()
        run.end, run.failure = End.NONE, ""
        run.facts.learn(config)
        self._begin_state()

    # --- runs -----------------------------------------------------------------------------------

    def _begin_state(self) -> None:
        """What is inferred of a run from its own lines."""
        facts = self.runs[-1].facts if self.runs else None
        self._steps = Steps(facts.log_freq if facts else 0)
        self._raw: list[_Raw] = []
        self._newest: tuple[Range, Range | None] | None = None
        self._hints = Hints(facts or Facts())
        self._speaker: str | None = None

    def _run(self) -> LoggedRun:
        if not self.runs:
            self._begin_run()
        return self.runs[-1]

    def _begin_run(self) -> None:
        self.runs.append(LoggedRun(len(self.runs) + 1))
        self._begin_state()

    def _take_plain(self, lines: list[str]) -> None:
        """Lines that may hold points, and bars: at once where that is possible, else one by one."""
        last = next((at for at in range(len(lines) - 1, -1, -1) if "step:" in lines[at]), 0)
        done = last if last >= LEAST and self._take_at_once(lines[:last]) else 0
        for line in lines[done:]:
            at = line.find("step:")
            if at >= 0:
                self._record(line, at)
            elif line:
                self._other(line)

    def _take_at_once(self, lines: list[str]) -> bool:
        """Whether these were all as expected, and are points now; the one after them may not be whole yet."""
        if self._begun or self._head is not None or not self._steps.every or self._previous in lines:
            return False
        waiting, bar = len(self._raw), self._hints.bar
        due = [self._steps.expected(at) for at in range(waiting + 1)]
        if any(raw[4] >= 0 or not raw[0][0] <= step <= raw[0][1] for raw, step in zip(self._raw, due, strict=False)):
            return False
        found = stretch(lines, due[-1], self._steps.every, self._hints, self._stamps)
        if found is None:
            self._hints.bar = bar
            return False
        self._settle()
        run = self.runs[-1]
        run.points.extend(found.steps, found.samples, found.at, found.metrics)
        run.end, run.failure = End.NONE, ""
        self._steps.advance(len(found.steps))
        self._newest = (found.allowed, found.seen)
        self._hints.bar = (-1, 0)
        self._open, self._previous = "", next(line for line in reversed(lines) if "step:" in line)
        return True

    # --- points ---------------------------------------------------------------------------------

    def _record(self, line: str, at: int) -> None:
        if self._begun:
            line, at, self._begun = (
                (line, at, "") if STAMP.search(line) else (self._begun + line, at + len(self._begun), "")
            )
        standard = STANDARD.match(line, at)
        if standard is not None and (at == 0 or not (line[at - 1].isalnum() or line[at - 1] in "_/.")):
            self._standard(line, line[:at], standard)
            return
        found = RECORD.search(line)
        if found is None:
            self._unopened(line)
        elif not metrics_of(found[2]):  # cut before its first value
            self._begun = line
        elif self._heard(line, line[: found.start()]):
            self._open = line[found.start() :]
            self._add(found[1], found[2], self._stamps.time(line[: found.start()]))

    def _unopened(self, line: str) -> None:
        if line.rstrip().endswith("step:") or BEGUN.search(line):
            self._begun = line
        else:
            self._open = ""
            self._plain(line)

    def _standard(self, line: str, prefix: str, found: re.Match[str]) -> None:
        if not self._heard(line, prefix):
            return
        step, samples, epochs, loss, norm, lr, update, data, rate, memory, more = found.groups()
        try:
            metrics = {
                "loss": float(loss), "grad_norm": float(norm), "lr": float(lr), "update_s": float(update),
                "data_s": float(data),
            }  # fmt: skip
        except ValueError:
            self._add(step, line[found.start() :].partition(" ")[2], self._stamps.time(prefix))
            return
        if rate is not None:
            metrics["samples_per_s"] = float(rate)
        if memory is not None:
            metrics["gpu_mem_gb"] = float(memory)
        if more:
            metrics |= metrics_of(more)
        self._open = line[found.start() :] if rate is None and len(line) > 60 else ""
        self._put(step, samples, epochs, self._stamps.time(prefix), metrics)

    def _add(self, step: str, pairs: str, at: float) -> None:
        """A point whose metrics are whatever pairs follow its step."""
        found = dict(PAIR.findall(pairs))
        texts = dict(pair.partition(":")[::2] for pair in pairs.split())
        metrics = metrics_of(pairs)
        for name in ("smpl", "ep", "epochs"):
            metrics.pop(name, None)
        if metrics:
            self._put(step, texts.get("smpl", ""), found.get("epch", ""), at, metrics)

    def _heard(self, line: str, prefix: str) -> bool:
        """Whether this line is to be read: not one that was printed twice, nor another process's."""
        self._open = ""
        self._run()
        if line == self._previous and STAMP.search(prefix):
            return False
        self._previous = line
        if "%|" in prefix:
            prefix = self._hints.bar_in(prefix)
        if prefix.startswith("INFO 2"):
            return True
        speaker = SPEAKER.search(prefix)
        if speaker is None:
            return True
        if self._speaker is None:
            self._speaker = speaker[0]
        return speaker[0] == self._speaker

    def _put(self, step: str, samples: str, epochs: str, at: float, metrics: dict[str, float]) -> None:
        allowed = range_of(step)
        if allowed is None or allowed[1] > MOST:
            return
        seen = range_of(samples) if samples else None
        if self._newest is not None:
            before, seen_before = self._newest
            back = seen is not None and seen_before is not None and seen[1] < seen_before[0]
            if allowed[1] < before[0] or (back and allowed[1] <= before[1] and "loss" in metrics):
                self._settle()
                speaker, bar = self._speaker, self._hints.bar
                self._begin_run()
                self._speaker, self._hints.bar = speaker, bar
        self._newest = (allowed, seen)
        run = self._run()
        run.end, run.failure = End.NONE, ""
        due = self._steps.expected(len(self._raw))
        if allowed[0] <= due <= allowed[1] and self._hints.fits(due, seen):
            self._hints.bar = (-1, 0)  # it is not of the next point
        else:
            allowed = self._hints.narrow(allowed, seen, epochs, metrics)
        fixed = self._trial if "loss" not in metrics and allowed[0] <= self._trial <= allowed[1] else -1
        self._raw.append((allowed, samples, at, metrics, fixed))

    # --- wrapped lines --------------------------------------------------------------------------

    def _continue(self, line: str) -> None:
        """The rest of a line that a terminal's edge cut."""
        begun, opened = self._begun, self._open
        self._begun = self._open = ""
        if begun:
            if line[:1].isspace() or STAMP.search(line):
                self._plain(line)
            else:
                self._begun_record(joined(begun, line.strip()) if " " in begun.strip() else begun + line)
            return
        text = line.strip()
        if not self._raw or STAMP.search(line) or not CONTINUES.fullmatch(line):
            self._other(line)
            return
        whole = joined(opened.rstrip(), text)
        if (found := RECORD.match(whole)) is None:
            self._other(line)
            return
        self._open = whole
        last = self._raw.pop()
        self._add(found[1], found[2], last[2])

    def _begun_record(self, line: str) -> None:
        at = line.find("step:")
        if at >= 0:
            self._record(line, at)
        else:
            self._plain(line)

    @staticmethod
    def _whole(record: str) -> bool:
        """Whether nothing is missing from a record's end, as far as it tells."""
        return "data_s:" in record and PAIR.fullmatch(record.rsplit(maxsplit=1)[-1]) is not None

    # --- steps ----------------------------------------------------------------------------------

    def _settle(self, *, hold: bool = False) -> None:
        """Give every point its step; with `hold` the last one waits for the rest of its line."""
        if not self._raw:
            return
        raw, self._raw = (self._raw[:-1], self._raw[-1:]) if hold else (self._raw, [])
        run = self.runs[-1]
        shift = self._hints.shift
        steps = iter(self._steps.resolve([each[0] for each in raw if each[4] < 0]))
        batch = self._hints.batch
        add = run.points.append
        for _, samples, at, metrics, fixed in raw:
            step, exact = (fixed, True) if fixed >= 0 else next(steps)
            add(step, exact, samples_of(samples, step, batch, shift), at, metrics)

    # --- news -----------------------------------------------------------------------------------

    def _news(self, line: str) -> None:
        found = NEWS.search(line)
        if found is None:
            if self.runs or "=" in line or ":" in line:
                head.learn(self._run().facts, line)
            if self.runs and self.runs[-1].end is End.FAILED and line[:1].strip():
                self.runs[-1].failure = clean(line[:400])
            return
        run = self._run()
        if found["eval"]:
            self._evaluated(run, found, line)
        elif found["saved"]:
            run.saved.append(Saved(int(found["step"]), self._stamps.time(line)))
        elif found["tried"]:
            self._trial = int(found["trial"])
        elif found["over"]:
            run.end = End.FINISHED
        elif run.end is not End.FINISHED:
            run.end, run.failure = End.FAILED, clean(line[:400])

    def _evaluated(self, run: LoggedRun, found: re.Match[str], line: str) -> None:
        """`step 500: eval_loss=0.1234`, which says its step exactly."""
        try:
            value = float(found["value"])
        except ValueError:
            return
        self._settle()
        step = int(found["at"])
        batch = self._hints.batch
        metrics = {known_as(found["name"]): value}
        run.points.append(step, True, step * batch or None, self._stamps.time(line), metrics)
