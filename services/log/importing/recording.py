"""A recording of an import file as the events of a session. What is not recorded stays unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from services.live import events as ev
from services.log.importing.adding import Import
from services.log.importing.file import ImportFile
from services.log.importing.recording_tables import CameraTable, RecordingTable
from services.log.importing.remarks import remarks
from services.log.importing.tables import DatasetTable, Table
from services.log.importing.training import when
from services.text import clean
from services.units import plural
from sessions.bench import Profile
from sessions.models import SessionStatus
from sessions.recorded import Change, Lighting, RecordedCamera, RecordedPart, RecordedRecording, Removal, Trouble
from sessions.requests import RecordRequest


def imports(file: ImportFile) -> list[Import]:
    """The recordings of the file, in its order."""
    datasets = Counter(table.dataset for table in file.recordings)
    return [_import(file, each, only=datasets[each.dataset] == 1) for each in file.recordings]


def _import(file: ImportFile, table: RecordingTable, *, only: bool) -> Import:
    at, day_only = when(table.date)
    took = table.took_s
    dataset = file.datasets[table.dataset]
    known = _known(table, dataset, file.datasets, only=only)
    request = RecordRequest(
        data_dir="", operator=clean(table.operator), profile=Profile(robot={}), dataset=dataset.name,
        task=clean(table.task), episodes=table.wanted or 0, episode_seconds=table.episode_s or 0.0, reset_seconds=0.0,
        fps=round(known.fps),
    )  # fmt: skip
    origin = ev.SessionStarted(
        at=at, id="", pid=0, host="", request=request, imported=str(file.path), import_key=table.key,
        day_only=day_only, recording=known,
    )  # fmt: skip
    ended = ev.SessionEnded(
        at=at + took if at and took and not day_only else 0.0, status=SessionStatus.FINISHED, reason=_reason(known),
        took_s=took,
    )  # fmt: skip
    notes = [note for note in dataset.notes if only and note not in table.notes]
    return Import((origin, ended, *remarks(msgspec.structs.replace(table, notes=(*notes, *table.notes)))))


def _known(
    table: RecordingTable, dataset: DatasetTable, datasets: Mapping[str, DatasetTable], *, only: bool
) -> RecordedRecording:
    """What was written down of it; of the dataset's numbers, those that can only be of this recording."""
    named = {camera.name for camera in table.cameras}
    cameras = (*table.cameras, *(CameraTable(name=name) for name in dataset.cameras or () if name not in named))
    return RecordedRecording(
        repo_id=clean(dataset.repo_id), robot=clean(table.robot),
        recorded=table.recorded if table.recorded is not None or not only else dataset.recorded,
        kept=table.episodes if table.episodes is not None or not only else dataset.episodes,
        frames=table.frames if table.frames is not None or not only else dataset.frames,
        episode_frames=table.episode_frames, fps=dataset.fps or 0.0,
        cameras=tuple(map(_camera, cameras)) if table.cameras or dataset.cameras is not None else None,
        removed=tuple(as_fact(Removal, each) for each in table.removed),
        parts=tuple(as_fact(RecordedPart, each) for each in table.parts),
        lighting=tuple(as_fact(Lighting, each) for each in table.lighting),
        strategies=tuple(map(clean, table.strategies)), object=clean(table.object), range_cm=table.range_cm or (),
        changes=tuple(as_fact(Change, each) for each in table.changes),
        home={clean(joint): angle for joint, angle in table.home.items()},
        copy_of=datasets[table.copy_of].name if table.copy_of else "",
        copy_without=tuple(map(clean, table.copy_without)),
        troubles=tuple(as_fact(Trouble, each) for each in table.troubles),
    )  # fmt: skip


def _plain[Part: Table](table: Part) -> Part:
    """The table with each of its texts in one harmless line."""
    there = {name: getattr(table, name) for name in table.__struct_fields__}
    texts = {name: clean(text) for name, text in there.items() if isinstance(text, str)}
    return msgspec.structs.replace(table, **texts)


def as_fact[Kind: msgspec.Struct](kind: type[Kind], table: Table) -> Kind:
    """The fact that a table tells under the same names."""
    return kind(**msgspec.structs.asdict(_plain(table)))


def _camera(table: CameraTable) -> RecordedCamera:
    width, height = table.px or (0, 0)
    return RecordedCamera(
        name=clean(table.name), model=clean(table.model), width=width, height=height, fault=clean(table.fault),
        fault_from=table.fault_from, left_out_later=table.left_out_later,
    )  # fmt: skip


def _reason(known: RecordedRecording) -> str:
    if known.copy_of:
        return f"copied from {clean(known.copy_of)}"
    if known.kept is None:
        return "" if known.recorded is None else f"{plural(known.recorded, 'episode')} recorded"
    made = known.kept if known.recorded is None else known.recorded
    return f"{known.kept} of {plural(made, 'episode')} kept"
