"""Sessions that come from elsewhere: they are added once, whole, and say where they come from."""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec
import pytest

from screens.views.log_rows import log_rows
from services.folders import DataFolder
from services.live import events as ev
from services.live.event_log import read_events
from services.log import logbook
from services.log.copies import command
from services.log.headline import headline
from services.log.importing import adding
from services.log.importing.adding import Import, add
from services.log.page import page
from services.log.table.query import matching
from services.refusal import Refusal
from sessions.document import Session
from sessions.models import SessionStatus
from sessions.recorded import RecordedTraining
from sessions.requests import TrainRequest


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path).create()


def training(key: str = "B1", *, at: float = 0.0, day_only: bool = False, loss: float = 0.006) -> Import:
    """A training as somebody wrote it down: 20,000 steps in 10 hours, with two checkpoints."""
    request = TrainRequest(data_dir="", dataset="cubes", policy="smolvla", name=f"run_{key}", steps=20_000)
    saved = [ev.CheckpointSaved(step=step, path="", bytes=865_000_000, seconds=0) for step in (10_000, 20_000)]
    known = RecordedTraining(hardware="RTX 3090", resumed_at=(10_000,), step_s=(1.6, 1.9))
    facts = ev.TrainingStarted(
        policy="smolvla", output_dir="", steps=20_000, batch_size=64, device="", parameters=0, episodes=(),
        episodes_total=75, frames=22_458, cameras=("wrist",), excluded_cameras=("overhead",), left_out_decoded=True,
        recorded=known,
    )  # fmt: skip
    events = (
        ev.SessionStarted(
            id="", pid=0, host="", request=request, imported="old.toml", import_key=key, at=at, day_only=day_only
        ),
        facts,
        *saved,
        ev.TrainingProgressed(step=20_000, samples=1_280_000, epochs=57.0, points=1, metrics={"loss": loss}),
        ev.SessionEnded(status=SessionStatus.FINISHED, took_s=36_000.0),
    )
    return Import(events, b'{"step":20000,"loss":%r}\n' % loss)


def listed(folder: DataFolder) -> list[Session]:
    return list(logbook.sessions(folder).sessions)


def text_of(session: Session) -> str:
    return "\n".join(f"{row.name}: {row.text}" for section in page(session).sections for row in section.rows)


def test_imported_sessions_say_so_and_what_is_not_recorded(folder: DataFolder) -> None:
    ids = add(folder, [training("B1"), training("C1", at=1_771_459_200.0, day_only=True)]).added
    assert ids == ("00000000-000000-0001", "20260219-000000-0001")
    c1, b1 = listed(folder)
    assert (c1.started_utc, b1.started_utc) == ("2026-02-19", "")
    assert [headline(s).when for s in (c1, b1)] == ["2026-02-19", "not recorded"]
    assert headline(b1).duration == "10 h 00 m" and headline(b1).marks[0] == "imported"
    shown = text_of(b1)
    assert "imported: from old.toml, there B1" in shown and "started: not recorded, took 10 h 00 m" in shown
    assert "cameras: wrist, without overhead, still decoded" in shown and "step time: 1.6 to 1.9 s" in shown
    assert "resumed: stopped and resumed at step 10,000" in shown and "hardware: RTX 3090" in shown
    assert "learnt from: of 75 episodes, which of them is not recorded, 22,458 frames" in shown
    assert "operator: not recorded" in shown and "schedule: not recorded" in shown and "1970" not in shown
    assert "imported" in log_rows([b1], 200)[0].plain and "1970" not in log_rows([b1], 200)[0].plain
    assert matching([c1, b1], "imported") == [c1, b1] and matching([c1, b1], "before:2026-02") == []
    assert command(b1) == ""


def test_the_same_import_makes_no_second_session_and_another_value_corrects_it(folder: DataFolder) -> None:
    first = add(folder, [training("B1"), training("C1")])
    logbook.add_note(folder, first.added[0], "the wrist camera was dying", "tg")
    assert add(folder, [training("B1"), training("C1")]) == adding.Outcome((), (), first.added)
    assert len(listed(folder)) == 2
    before = folder.run(first.added[0]).events.read_bytes()
    again = add(folder, [training("B1", loss=0.007), training("C1")])
    assert again == adding.Outcome((), first.added[:1], first.added[1:])
    b1 = next(s for s in listed(folder) if s.id == first.added[0])
    assert b1.training is not None and b1.training.loss == 0.007 and len(b1.training.checkpoints) == 2
    assert [note.text for note in b1.notes] == ["the wrist camera was dying"]
    assert folder.run(b1.id).events.read_bytes().startswith(before)
    assert [e.seq for e in read_events(folder.run(b1.id).events)] == list(range(1, 14))
    assert b"0.007" in folder.run(b1.id).metrics.read_bytes()
    assert add(folder, [training("B1", loss=0.007)]).unchanged == first.added[:1]


def test_an_import_comes_in_whole_or_not_at_all(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = adding.write_atomically, []

    def full(path: Path, data: bytes) -> None:
        written.append(path)
        if len(written) == 4:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, data)

    monkeypatch.setattr(adding, "write_atomically", full)
    with pytest.raises(Refusal, match=r"nothing was imported: .*the disk is full"):
        add(folder, [training("B1"), training("C1")])
    assert listed(folder) == [] and list(folder.runs.iterdir()) == []


def test_what_does_not_say_where_it_comes_from_is_no_import(folder: DataFolder) -> None:
    one = training()
    ours = msgspec.structs.replace(one.started, imported="")
    with pytest.raises(ValueError, match="where it comes from"):
        add(folder, [Import((ours, *one.events[1:]))])
