"""What is wrong between a recording of an import file and its dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from services.log.importing.recording_tables import RecordingTable
from services.log.importing.tables import DatasetTable
from services.near import did_you_mean
from services.text import clean
from services.units import plural


def of_recording(table: RecordingTable, datasets: Mapping[str, DatasetTable]) -> Iterator[tuple[str, str]]:
    """(key, sentence): a dataset or a camera that there is not, numbers that contradict each other."""
    for key, name in (("dataset", table.dataset), ("copy_of", table.copy_of)):
        if name and name not in datasets:
            yield key, f"there is no [[dataset]] with key '{clean(name)}'{did_you_mean(name, datasets)}"
    dataset = datasets.get(table.dataset)
    if dataset is None:
        return
    if table.copy_of == table.dataset:
        yield "copy_of", "a dataset is no copy of itself"
    for camera in table.cameras:
        if dataset.cameras is not None and camera.name not in dataset.cameras:
            named = f"dataset {clean(dataset.key)} has no camera '{clean(camera.name)}'"
            yield "cameras", f"{named}{did_you_mean(camera.name, dataset.cameras)}"
    yield from _numbers(table, table.recorded or dataset.recorded, table.episodes or dataset.episodes)


def _numbers(table: RecordingTable, recorded: int | None, kept: int | None) -> Iterator[tuple[str, str]]:
    """What does not add up with the episodes that were recorded, as far as that is known."""
    if kept is not None and recorded is not None and kept > recorded:
        yield "recorded", f"{kept} episodes were kept of {recorded}: that is more than there were"
    if recorded is None:
        return
    removed = sum(len(each.episodes) or each.count for each in table.removed)
    if kept is not None and removed > recorded - kept:
        yield "removed", f"{plural(removed, 'episode')} cannot have been removed: {kept} of {recorded} were kept"
    named = [
        *(("removed", number) for each in table.removed for number in each.episodes),
        *(("cameras", each.fault_from) for each in table.cameras if each.fault_from is not None),
        *(("troubles", each.episode) for each in table.troubles if each.episode is not None),
    ]
    for key, number in named:
        if number > recorded:
            yield key, f"there was no episode {number}: {recorded} were recorded"
            break
    sums = (("parts", table.parts), ("lighting", table.lighting))
    for key, parts in sums:
        if (total := sum(each.episodes for each in parts)) > recorded:
            yield key, f"they add up to {total} episodes, but {recorded} were recorded"
