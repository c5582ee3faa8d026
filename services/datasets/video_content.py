"""What tells an episode's pictures from others, wherever its video lies: a sampled digest. Torch-free, no decoder.

LeRobot's recorder and its merge move episodes into longer video files without encoding them anew: the sizes of the
encoded frames stay, and so do their bytes. Encoded anew, or of another scene, no long row of sizes is the same. So a
digest covers the size of each of an episode's frames, which the head of an MP4 file lists, and the bytes of the one in
its middle: some kilobytes are read of each episode.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from services.datasets.cameras import camera_name
from services.datasets.summary import INFO
from sessions.files import check_file, opened, read_file

VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
"""LeRobot's own template, for an info.json that names none (`datasets/utils.py`)."""
LARGEST_HEAD = 1 << 28
"""Bytes; a head has some 10 for each frame."""
_LENGTH = 32
"""Hexadecimal digits of a digest."""
_UNREADABLE = (OSError, ValueError, KeyError, IndexError, TypeError, struct.error, pa.ArrowException)
_GROUPS = (b"trak", b"mdia", b"minf", b"stbl")


def videos_of(root: Path, episodes: Collection[int], without: Collection[str] = ()) -> dict[str, dict[int, str]]:
    """By camera that has videos, but for those `without`, the digest of each of these episodes.

    An episode whose video is missing, cannot be read, or is no MP4 with a head has an empty digest.
    """
    found: dict[str, dict[int, str]] = {}
    with suppress(*_UNREADABLE):
        info = orjson.loads(read_file(root / INFO))
        videos = [key for key, feature in info["features"].items() if feature.get("dtype") == "video"]
        for key in videos:
            if camera_name(key) not in without:
                found[camera_name(key)] = dict.fromkeys(sorted(episodes), "")
                found[camera_name(key)] |= _of_camera(root, info, key, set(episodes))
    return found


def _of_camera(root: Path, info: Mapping[str, Any], key: str, episodes: Collection[int]) -> dict[int, str]:
    template, fps = info.get("video_path") or VIDEO_PATH, float(info["fps"])
    by_file: dict[Path, list[tuple[int, int, int]]] = {}
    for row in _rows(root, key):
        if row["episode_index"] in episodes:
            place = {"chunk_index": row["chunk_index"], "file_index": row["file_index"]}
            first = round(row["from_timestamp"] * fps)
            frames = row["episode_index"], first, first + row["length"]
            by_file.setdefault(root / template.format(video_key=key, **place), []).append(frames)
    found: dict[int, str] = {}
    for path, parts in by_file.items():
        with suppress(*_UNREADABLE), opened(path) as file:
            frames_of = _frames(file)
            found |= {episode: _digest(file, frames_of, first, end) for episode, first, end in parts}
    return found


def _rows(root: Path, key: str) -> Iterator[dict[str, Any]]:
    """Where each episode's video is, by the names that `meta/episodes` has for it without the camera's."""
    own, prefix = ("episode_index", "length"), f"videos/{key}/"
    theirs = ("chunk_index", "file_index", "from_timestamp")
    for path in sorted(root.glob("meta/episodes/*/*.parquet")):
        check_file(path)
        with pq.ParquetFile(path) as file:
            table = file.read(columns=[*own, *(prefix + name for name in theirs)])
        for row in table.to_pylist():
            yield {name.removeprefix(prefix): value for name, value in row.items()}


# -- the head of an MP4 file (ISO/IEC 14496-12) --------------------------------------------------------------------


@dataclass(frozen=True)
class _Frames:
    """The size of each encoded frame, and where it begins in the file; bytes."""

    sizes: Any
    starts: Any


def _digest(file: IO[bytes], frames: _Frames, first: int, end: int) -> str:
    """The digest of the frames from `first` to before `end`; empty if the file does not hold all of them."""
    if not 0 <= first < end <= len(frames.sizes):
        return ""
    middle = (first + end) // 2
    file.seek(int(frames.starts[middle]))
    digest = hashlib.sha256(frames.sizes[first:end].astype("<u4").tobytes())
    digest.update(file.read(int(frames.sizes[middle])))
    return digest.hexdigest()[:_LENGTH]


def _frames(file: IO[bytes]) -> _Frames:
    """The frames of the file's first video track. Raises ValueError or struct.error if it lists none."""
    for track in _boxes(_head(file), (b"trak",)):
        media = dict(_named(track, _GROUPS))
        if media.get(b"hdlr", b"")[8:12] == b"vide":
            return _table(media)
    raise ValueError("no video track")


def _head(file: IO[bytes]) -> bytes:
    """The content of the box `moov`, which may stand before the frames or after them."""
    at = 0
    while True:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            (size,), header = struct.unpack(">Q", file.read(8)), 16
        if kind == b"moov" and size <= LARGEST_HEAD:
            return file.read(size - header)
        if size < header:
            raise ValueError("no head")
        at += size


def _named(box: bytes, groups: Collection[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The boxes inside a box, each with its name; those of `groups` are entered."""
    at = 0
    while at + 8 <= len(box):
        size, kind = struct.unpack_from(">I4s", box, at)
        if size < 8:
            return
        content = box[at + 8 : at + size]
        if kind in groups:
            yield from _named(content, groups)
        else:
            yield kind, content
        at += size


def _boxes(box: bytes, kinds: Collection[bytes]) -> Iterable[bytes]:
    return (content for kind, content in _named(box, ()) if kind in kinds)


def _table(media: Mapping[bytes, bytes]) -> _Frames:
    """From the tables of sizes, of chunks, and of how many frames a chunk has."""
    same, count = struct.unpack_from(">II", media[b"stsz"], 4)
    sizes = np.full(count, same, np.int64) if same else _numbers(media[b"stsz"], ">u4", count, 12)
    wide = b"co64" in media
    offsets = media[b"co64"] if wide else media[b"stco"]
    chunks = _numbers(offsets, ">u8" if wide else ">u4", struct.unpack_from(">I", offsets, 4)[0], 8)
    rows = _numbers(media[b"stsc"], ">u4", 3 * struct.unpack_from(">I", media[b"stsc"], 4)[0], 8).reshape(-1, 3)
    if not len(chunks) or not count or not len(rows):
        raise ValueError("no frames")
    per_chunk = np.repeat(rows[:, 1], np.diff([*(rows[:, 0] - 1), len(chunks)]))
    if per_chunk.sum() != count:
        raise ValueError("the tables differ")
    starts = np.cumsum(sizes) - sizes  # as if all chunks were one
    first = np.cumsum(per_chunk) - per_chunk
    return _Frames(sizes, starts + np.repeat(chunks - starts[first], per_chunk))


def _numbers(box: bytes, kind: str, count: int, offset: int) -> Any:
    return np.frombuffer(box, kind, count, offset).astype(np.int64)
