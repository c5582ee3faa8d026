"""What tells an episode's pictures from others, by camera: of videos and of pictures that lie in the tables.

LeRobot keeps a camera of dtype `image` as PNG files in its parquet tables; its tools move them as they are.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.datasets.cameras import camera_name
from services.datasets.content import EPISODE, data_files
from services.datasets.video_content import videos_of
from sessions.files import check_file

_LENGTH = 32
"""Hexadecimal digits of a digest."""
_MOST_KNOWN = 50_000
_Digests = Mapping[str, Mapping[int, str]]
_known: dict[Path, tuple[tuple[int, ...], _Digests]] = {}
"""What each file held, and its stamp before it was read."""


def pictures_of(root: Path, episodes: Collection[int], without: Collection[str] = ()) -> dict[str, dict[int, str]]:
    """By camera but for those `without`, the digest of each of these episodes; empty where it cannot be read.

    Of a video some kilobytes are read (services.datasets.video_content), of pictures in tables all, once.
    """
    found = videos_of(root, episodes, without)
    for path in data_files(root):
        for camera, digests in _of_file(path).items():
            if camera not in without:
                own = found.setdefault(camera, dict.fromkeys(sorted(episodes), ""))
                own |= {index: digest for index, digest in digests.items() if index in own}
    return found


def _of_file(path: Path) -> _Digests:
    try:
        info = path.stat()
        stamp = info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns
        known = _known.get(path)
        if known is None or known[0] != stamp:
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            known = _known[path] = stamp, _read(path)
        return known[1]
    except (OSError, pa.ArrowException):  # who reads its numbers says so
        return {}


def _read(path: Path) -> _Digests:
    """The digest of all pictures of each camera and episode in a file. Raises OSError or pyarrow.ArrowException."""
    check_file(path)
    digests: defaultdict[tuple[str, int], Any] = defaultdict(hashlib.sha256)
    with pq.ParquetFile(path) as file:
        columns = [field.name for field in file.schema_arrow if _is_picture(field.type)]
        if not columns or EPISODE not in file.schema_arrow.names:
            return {}
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=[EPISODE, *columns])
            numbers = table[EPISODE].to_pylist()
            for column in columns:
                for number, picture in zip(numbers, table[column], strict=True):
                    data = picture["bytes"].as_py() if picture.is_valid else None
                    digests[camera_name(column), number].update(
                        b"none" if data is None else len(data).to_bytes(8) + data
                    )
    found: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for (camera, number), digest in digests.items():
        found[camera][number] = digest.hexdigest()[:_LENGTH]
    return found


def _is_picture(kind: Any) -> bool:
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    held = kind.field("bytes").type
    return bool(pa.types.is_binary(held) or pa.types.is_large_binary(held))
