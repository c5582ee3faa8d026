"""What a session elsewhere has written, made what it would have written here: nothing twice, nothing left out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import msgspec

from services.folders import DataFolder, RunFolder
from services.live import events as ev
from services.live.requests import TrainRequest
from services.text import clean
from services.workers.training.metrics_file import MetricsFile

LOCAL = (ev.SessionStarted, ev.UnknownEvent)
"""Not mirrored: the session here has a start of its own, and what is not understood cannot be translated."""


class Mirror:
    """Translates the events of a session elsewhere. One that is known already, by its kind and time, is left out."""

    def __init__(self, request: TrainRequest, place: str, known: Iterable[ev.Event]) -> None:
        self._known = {(type(event), event.at) for event in known}
        self._place = place
        self.notes: tuple[str, ...] = ()
        """What is to be said of the training besides what it says itself."""
        self._output = DataFolder(Path(request.data_dir)).trainings / request.name

    @property
    def started(self) -> bool:
        """Whether anything of the session there has arrived."""
        return any(kind is ev.TrainingStarted for kind, _ in self._known)

    def take(self, line: str) -> ev.Event | None:
        """The event of a line as it is to be written here; None if it is known, or not for here."""
        try:
            event = ev.decode(line.encode())
        except (msgspec.DecodeError, ValueError, TypeError, OverflowError):
            return None
        if isinstance(event, LOCAL) or (type(event), event.at) in self._known:
            return None
        self._known.add((type(event), event.at))
        return self.translate(event)

    def translate(self, event: ev.Event) -> ev.Event:
        """The same event with the paths of this machine, and the name of the other one where people read of it."""
        match event:
            case ev.TrainingStarted(notes=notes):
                return msgspec.structs.replace(event, output_dir=str(self._output), notes=(*self.notes, *notes))
            case ev.CheckpointSaved(path=path):
                return msgspec.structs.replace(event, path=self._checkpoint(path))
            case ev.TrainingResumed(checkpoint=path):
                return msgspec.structs.replace(event, checkpoint=self._checkpoint(path))
            case ev.AlarmRaised(text=text):
                return msgspec.structs.replace(event, text=f"{clean(self._place)}: {text}")
        return event

    def _checkpoint(self, there: str) -> str:
        """Where a checkpoint that lies at the path `there` lies here."""
        return str(self._output / "checkpoints" / PurePosixPath(there).name)


class MetricsCopy(MetricsFile):
    """metrics.jsonl as a copy of the beginning of the other one, in whole lines; `size` are its bytes."""

    def __init__(self, run: RunFolder) -> None:
        super().__init__(run.metrics)
        self.size = run.metrics.stat().st_size

    def add(self, lines: bytes, at: int) -> None:
        """Lines that follow the other one's first `at` bytes; what is here already is left out."""
        new = lines[max(0, self.size - at) :]
        if at > self.size or not new:
            return
        self.append(new)
        self.size += len(new)
