"""What a training cost, on its page: its time, the machine that it had, and what its checkpoints take on disk. Pure."""

from __future__ import annotations

from services.log.headline import seconds
from services.log.sections import Row, quiet, row, text
from services.units import duration, plural, size
from sessions.document import Session


def cost_rows(session: Session) -> list[Row]:
    """One row; none of a training that made no step, and nothing that was not recorded.

    Its energy is in its run folder, if the power of its GPU was measured (services.training.page_curves).
    """
    training = session.training
    took = seconds(session)
    if training is None or not took:
        return []
    hardware = training.started.hardware
    machine = (hardware.gpu or hardware.processor) if hardware else ""
    processes = training.started.processes
    on = f"on {machine}{f' in {processes} processes' if processes > 1 else ''}" if machine else ""
    kept = sum(checkpoint.bytes for checkpoint in training.checkpoints)
    paused = f"without {duration(training.paused_s)} between its parts" if training.paused_s else ""
    disk = f"{size(kept)} in {plural(len(training.checkpoints), 'checkpoint')}" if kept else ""
    return [row("cost", text(duration(took), strong=True), on, quiet(paused), disk)]
