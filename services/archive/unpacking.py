"""Reads an archive from elsewhere: everything is checked against its manifest before any of it is in its place.

Refused whole are links, devices, folders and anything else that is no plain file, absolute names, `..`, names twice,
more or fewer bytes than the manifest says, another content, members that it does not name, pickles, encryption, other
compressions than deflate, and archives that unpack to far more than they are. What is checked lies in a private folder
below the data folder; nothing of a refused archive stays.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import orjson

from services.archive import manifest as manifests
from services.archive.logs import ForeignLog
from services.archive.manifest import Cargo, Manifest, Member
from services.archive.merging import Merged, merge
from services.archive.versions import Damaged
from services.folders import DataFolder
from services.refusal import Refusal
from services.targets.received import INCOMING, sweep
from services.units import size
from sessions.files import check_file, read_file, real, sync_folder, sync_tree, why_unwritable

LARGEST_MANIFEST = 64 << 20
MOST_MEMBERS = 1_000_000
LARGEST_READ = 32 << 20
"""Bytes of the list of members, or of packed bytes: a session's archive has a few hundred members."""
ROOM = 100 << 20
"""Bytes that must be left on the disk; what an archive may unpack to whatever its own size."""
BLOWN_UP = 100
"""How many times its own size an archive may unpack to, beyond ROOM: JSON of logs shrinks to a twentieth."""
CHUNK = 1 << 20
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, RuntimeError, ValueError,
          UnicodeError)  # fmt: skip
"""What zipfile raises on a damaged archive."""


@dataclass(frozen=True)
class Unpacked:
    """The manifest, what came into the log, and the data that was put in its place and that was there already."""

    manifest: Manifest
    merged: Merged
    placed: tuple[Cargo, ...]
    there: tuple[Cargo, ...]


def unpack(folder: DataFolder, file: Path, *, with_data: bool = True) -> Unpacked:
    """Bring the archive's sessions into the log, and its data into the data folder. Raises Refusal."""
    try:
        check_file(file)
    except OSError as error:
        raise Refusal(f"{file} cannot be read: {error.strerror or error}") from error
    with _staging(folder) as staging:
        manifest = _extract(file, staging, with_data=with_data)
        _check_log(file, manifest, staging)
        wanted = manifest.data if with_data else ()
        there = tuple(each for each in wanted if _is_there(folder, manifest, each))
        placed = tuple(each for each in wanted if each not in there)
        with _in_place(folder, staging, placed):
            merged = merge(folder, staging, called=str(file))
    return Unpacked(manifest, merged, placed, there)


def read_manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    """The manifest, checked, and that the members are those that it names. Raises Refusal."""
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise _refusal(file, f"it has {len(infos):,} members")
    if odd := next((why for info in infos if (why := _odd(info))), ""):
        raise _refusal(file, odd)
    if twice := manifests.clash(info.filename for info in infos):
        raise _refusal(file, twice)
    own = next((info for info in infos if info.filename == manifests.NAME), None)
    if own is None or own.file_size > LARGEST_MANIFEST:
        raise _refusal(file, "it has no manifest of lab console")
    try:
        manifest = msgspec.json.decode(_bytes(archive, own, LARGEST_MANIFEST), type=Manifest)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _refusal(file, f"its manifest cannot be read ({error})") from error
    if why := manifests.problem(manifest):
        raise _refusal(file, why)
    sizes = {info.filename: info.file_size for info in infos if info is not own}
    named = {member.path: member.bytes for member in manifest.files}
    if wrong := next((name for name in sorted(sizes.keys() ^ named.keys())), ""):
        raise _refusal(file, f"{wrong!r} is {'not in its manifest' if wrong in sizes else 'missing in it'}")
    if named.get(manifests.DOCUMENTS, 0) > LARGEST_MANIFEST:
        raise _refusal(file, f"its {manifests.DOCUMENTS} has {size(named[manifests.DOCUMENTS])}")
    if wrong := next((name for name in named if sizes[name] != named[name]), ""):
        raise _refusal(file, f"{wrong!r} has {sizes[wrong]:,} bytes, its manifest says {named[wrong]:,}")
    return manifest


def _odd(info: zipfile.ZipInfo) -> str:
    """Why a member is no plain file that may be read."""
    mode = info.external_attr >> 16
    name = repr(info.filename[:80])
    if info.is_dir() or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
        return f"{name} in it is no file, but a folder, a link or a device"
    if info.orig_filename != info.filename:
        return f"{info.orig_filename[:80]!r} in it is no name of a file"
    if info.flag_bits & 0x1:
        return f"{name} in it is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"{name} in it is compressed in a way that is not taken"
    return ""


class _Bounded(io.FileIO):
    """The archive, of which nothing large is read at once: zipfile takes a list of members whole, however long."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LARGEST_READ:
            raise zipfile.BadZipFile(f"its list of members or its manifest has over {LARGEST_READ:,} bytes")
        return super().read(-1 if size is None else size)


def _bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    with archive.open(info) as member:
        return member.read(most)


def _extract(file: Path, staging: Path, *, with_data: bool) -> Manifest:
    """Write the files to the private folder, each checked while it is read."""
    try:
        with _Bounded(file) as opened, zipfile.ZipFile(opened) as archive:
            manifest = read_manifest(archive, file)
            _check_room(file, manifest, staging)
            data = tuple(f"{cargo.path}/" for cargo in manifest.data)
            for member in manifest.files:
                if with_data or not member.path.startswith(data or ("\0",)):
                    _write(file, archive, member, staging / member.path)
            return manifest
    except OSError as error:
        raise Refusal(f"{error.filename or staging}: {why_unwritable(error)}; nothing was unpacked") from error
    except BROKEN as error:
        raise _refusal(file, f"it is damaged, or no ZIP file ({error})") from error


def _check_room(file: Path, manifest: Manifest, staging: Path) -> None:
    packed, free = file.stat().st_size, shutil.disk_usage(staging).free
    if manifest.bytes > packed * BLOWN_UP + ROOM:
        raise _refusal(file, f"its {size(packed)} unpack to {size(manifest.bytes)}, as no session does")
    if manifest.bytes > free - ROOM:
        raise Refusal(
            f"{file} unpacks to {size(manifest.bytes)}, and {staging.parent} has {size(free)} left: free some"
        )


def _write(file: Path, archive: zipfile.ZipFile, member: Member, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), member.bytes
    with archive.open(member.path) as source, path.open("xb") as target:
        while data := source.read(min(CHUNK, left + 1)):
            left -= len(data)
            if left < 0:
                raise _refusal(file, f"{member.path!r} has more bytes than its manifest says")
            digest.update(data)
            target.write(data)
    if left or digest.hexdigest() != member.sha256:
        raise _refusal(file, f"the content of {member.path!r} is not what its manifest says")


def _check_log(file: Path, manifest: Manifest, staging: Path) -> None:
    """Raises Refusal unless the sessions are those that the manifest names, and whole."""
    if _has_packed_rows(staging / manifests.DOCUMENTS):
        raise _refusal(file, f"its {manifests.DOCUMENTS} has packed rows, which `pack` never writes")
    log = ForeignLog(staging)
    if log.problems or set(log.ids) != set(manifest.sessions):
        raise _refusal(file, log.problems[0] if log.problems else "its sessions are not those of its manifest")
    for each in log.ids:
        try:
            session = log.get(each)
        except Damaged as damage:
            raise _refusal(file, f"its session {each} is damaged: {damage}") from damage
        if not session.ended:
            raise _refusal(file, f"its session {each} has not ended")


def _has_packed_rows(documents: Path) -> bool:
    """Whether rows of it may be far larger than they are, as those of old sessions in a large log."""
    try:
        rows = orjson.loads(read_file(documents))["sessions"].values()
        return any("packed" in row for row in rows)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False  # whoever reads it says why it cannot be read


def _refusal(file: Path, why: str) -> Refusal:
    return Refusal(f"{file} is refused: {why}; nothing was unpacked")


# -- places -----------------------------------------------------------------------------------------------


@contextmanager
def _staging(folder: DataFolder) -> Iterator[Path]:
    """A private folder on the data folder's disk, which is gone in the end."""
    incoming = folder.root / INCOMING
    try:
        incoming.mkdir(parents=True, exist_ok=True)
        sweep(incoming)  # what a killed one left may be gigabytes
        staging = Path(tempfile.mkdtemp(dir=incoming, prefix="unpack-"))
    except OSError as error:
        raise Refusal(f"{incoming} cannot be written: {why_unwritable(error)}; nothing was unpacked") from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _is_there(folder: DataFolder, manifest: Manifest, cargo: Cargo) -> bool:
    """Whether the same lies in its place already. Raises Refusal if something else does, or the place is elsewhere."""
    final = folder.root / cargo.path
    top = folder.root / cargo.path.partition("/")[0]
    if not real(final.parent).is_relative_to(real(top)):
        raise Refusal(f"{final.parent} leads out of {top}: remove the link, or unpack with another --data-dir")
    if not os.path.lexists(final):
        training = folder.root.joinpath(*Path(cargo.path).parts[:3])
        if cargo.path.startswith("outputs/") and os.path.lexists(training):
            raise Refusal(f"{training} is there already, {ELSEWHERE}")
        return False
    wanted = {m.path.removeprefix(f"{cargo.path}/"): m for m in manifest.files if m.path.startswith(f"{cargo.path}/")}
    if not final.is_symlink() and all(_is_same(final / name, member) for name, member in wanted.items()):
        return True
    raise Refusal(f"{final} is there already and differs, {ELSEWHERE}")


ELSEWHERE = "and nothing was unpacked: rename it, unpack with another --data-dir, or with --without-data"


def _is_same(path: Path, member: Member) -> bool:
    try:
        if path.stat().st_size != member.bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == member.sha256
    except OSError:
        return False


@contextmanager
def _in_place(folder: DataFolder, staging: Path, placed: Sequence[Cargo]) -> Iterator[None]:
    """The data in its place; taken away again if the block fails."""
    moved: list[Path] = []
    try:
        for cargo in placed:
            source, final = staging / cargo.path, folder.root / cargo.path
            sync_tree(source)
            final.parent.mkdir(parents=True, exist_ok=True)
            source.rename(final)
            moved.append(final)
            sync_folder(final.parent)
        yield
    except BaseException as error:
        for path in moved:
            shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, OSError):
            raise Refusal(f"{error.filename or folder.root}: {why_unwritable(error)}; nothing was unpacked") from error
        raise
