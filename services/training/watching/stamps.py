"""The times of log lines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from operator import add

from services.training.watching.log_line import STAMP

SECONDS = {f"{second:02}": float(second) for second in range(60)}


class Stamps:
    """Unix times of the stamps of log lines, by this machine's clock; `now` is that of a line without one, or 0."""

    def __init__(self) -> None:
        self.now = 0.0
        self._hours: dict[str, float] = {}
        self._minutes: dict[str, float] = {}

    def time(self, prefix: str) -> float:
        """The Unix time that a line says, by this machine's clock; of a new line without one, now."""
        at = (
            prefix.rfind("INFO 2") + 5
        )  # LeRobot's own line, perhaps behind a bar: the minute is found without a search
        if at >= 5:
            minute = self._minutes.get(prefix[at : at + 17])
            if minute is not None and prefix[at + 17 : at + 19].isdecimal():
                return minute + int(prefix[at + 17 : at + 19])
        found = STAMP.search(prefix)
        if found is None:
            return self.now
        date, hours, minutes, seconds = found.groups()
        hour = self._hours.get(date + hours)
        if hour is None:
            try:
                hour = time.mktime(time.strptime(date + hours, "%Y-%m-%d%H"))
            except (ValueError, OverflowError):
                hour = 0.0
            self._hours[date + hours] = hour
        if hour:
            self._minutes[found[0][:17]] = hour + int(minutes) * 60
        return hour + int(minutes) * 60 + int(seconds) if hour else self.now

    def times(
        self, dates: Sequence[str], hours: Sequence[str], minutes: Sequence[str], seconds: Sequence[str]
    ) -> list[float] | None:
        """The Unix times of many stamps, given by their parts; None if one of them is no time."""
        whole = list(zip(dates, hours, minutes, strict=True))
        known = {each: self._minute(*each) for each in set(whole)}
        if 0.0 in known.values():
            return None
        try:
            return list(map(add, map(known.__getitem__, whole), map(SECONDS.__getitem__, seconds)))
        except KeyError:
            return None

    def _minute(self, date: str, hour: str, minute: str) -> float:
        """The Unix time at which a minute begins; 0 if there is no such time."""
        text = f"{date} {hour}:{minute}:00"
        return self.time(text) if STAMP.fullmatch(text) and self.time(text) != self.now else 0.0
