"""Packs a session into one file: its events, metrics and document, those of the sessions that it is linked to, and if
wanted its dataset and checkpoints.

A blinded comparison goes without its request and its data, which tell what its codes stand for.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import msgspec

from services.archive import manifest as manifests
from services.archive.manifest import Cargo, Manifest, Member
from services.checkpoints.checkpoint import PRETRAINED, label
from services.datasets.lock import DatasetBusy, dataset_lock
from services.datasets.names import check_dataset_name
from services.folders import DataFolder
from services.log.kinship.links import origins
from services.refusal import Refusal
from services.targets.fingerprint import LEFT_OUT
from services.units import plural
from sessions.blinding import blind
from sessions.document import Session
from sessions.files import filled_atomically, opened, real, why_unwritable
from sessions.models import SessionKind, SessionStatus
from sessions.requests import EvalRequest
from sessions.store import SessionStore
from sessions.times import utc

CHUNK = 1 << 20
COMPRESSED = frozenset({".mp4", ".parquet", ".safetensors", ".png", ".jpg", ".zip", ".gz"})
"""Ends of names of files that deflating makes no smaller."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member: what an archive holds does not depend on when it was packed."""


@dataclass(frozen=True)
class Data:
    """A dataset or a checkpoint that may be packed: what it is, its folder here and in the archive, and its files."""

    cargo: Cargo
    root: Path
    files: tuple[Path, ...]
    bytes: int


@dataclass(frozen=True)
class Plan:
    """What an archive of `session` would hold; `data` if that is wanted. `left_out` are sentences."""

    session: Session
    linked: tuple[Session, ...]
    files: tuple[tuple[str, Path], ...]
    data: tuple[Data, ...]
    left_out: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """Of the files without the data."""
        return sum(path.stat().st_size for _, path in self.files)


def plan(folder: DataFolder, session: Session, log: Sequence[Session]) -> Plan:
    """Look at what there is. Raises Refusal if the session is not over, OSError if it cannot be read."""
    if session.status is SessionStatus.RUNNING:
        raise Refusal(f"session {session.id} is still running: pack it when it has ended")
    linked = [each for each in _linked(session, log) if each.status is not SessionStatus.RUNNING]
    files = [file for each in (session, *linked) for file in _run_files(folder, each)]
    left_out = [f"session {each.id} is blinded: what its codes stand for stays here, `lab-console unblind` tells it"
                for each in (session, *linked) if blind(each.request)]  # fmt: skip
    data: list[Data] = []
    for what, root in _roots(session) if not blind(session.request) else ():
        inside = _below(folder, root)
        if not root.is_dir():
            left_out.append(f"{what} is not here: {root}")
        elif not inside:
            left_out.append(f"{what} is left out: {root} does not lie in the data folder as the console puts it there")
        else:
            data.append(_data(what, root, inside, left_out))
    return Plan(session, tuple(linked), tuple(files), tuple(data), tuple(left_out))


def _asked(error: OSError, file: Path) -> str:
    """The file that the error is about; the archive itself for the one that takes its name at the end."""
    at = Path(str(error.filename or file))
    return str(file if at.name.startswith(f".{file.name}.") else at)


def check_free(file: Path) -> None:
    """Raises Refusal if no archive can be written there: nothing is overwritten, and no folder is made."""
    if file.is_dir():
        raise Refusal(f"{file} is a folder: name a file with -o")
    if os.path.lexists(file):
        raise Refusal(f"{file} exists: name another file with -o, or remove it")
    if not file.parent.is_dir():
        raise Refusal(f"the folder {file.parent} does not exist: name another file with -o")


def pack(made: Plan, file: Path, *, with_data: bool) -> Manifest:
    """Write the archive, all or nothing. Raises Refusal."""
    check_free(file)
    data = made.data if with_data else ()
    try:
        with (
            _held(made, data),
            filled_atomically(file) as temporary,
            zipfile.ZipFile(temporary, "w", allowZip64=True) as archive,
        ):
            members = [_text(archive, manifests.DOCUMENTS, _documents((made.session, *made.linked)))]
            members += [_copy(archive, name, path) for name, path in made.files]
            for each in data:
                names = ((f"{each.cargo.path}/{path.relative_to(each.root).as_posix()}", path) for path in each.files)
                members += [_copy(archive, name, path) for name, path in names]
            manifest = Manifest(
                format=manifests.FORMAT, version=manifests.VERSION, session=made.session.id,
                sessions=(made.session.id, *(each.id for each in made.linked)), packed_utc=utc(time.time()),
                host=socket.gethostname(), files=tuple(members), data=tuple(each.cargo for each in data),
                left_out=(*made.left_out, *(f"{d.cargo.what} was not wanted" for d in made.data if d not in data)),
            )  # fmt: skip
            if problem := manifests.problem(manifest):
                raise Refusal(f"session {made.session.id} cannot be packed: {problem}")
            _text(archive, manifests.NAME, msgspec.json.format(msgspec.json.encode(manifest)))
    except OSError as error:
        raise Refusal(f"{_asked(error, file)}: {why_unwritable(error)}; nothing was packed") from error
    return manifest


@contextmanager
def _held(made: Plan, data: Sequence[Data]) -> Iterator[None]:
    """Nobody records into the datasets meanwhile. Raises Refusal if somebody does."""
    with ExitStack() as stack:
        for each in data:
            if each.cargo.path.startswith("datasets/"):
                try:
                    stack.enter_context(dataset_lock(each.root, made.session.id, reading=True))
                except DatasetBusy as busy:
                    raise Refusal(f"{busy}, then pack it") from busy
        yield


def _linked(session: Session, log: Sequence[Session]) -> list[Session]:
    """The sessions that made what it used, those that made what these used, and so on; each once, nearest first."""
    found: dict[str, Session] = {}
    ahead = [session]
    while ahead:
        for relation in origins(ahead.pop(0), log):
            other = relation.session
            if other is not None and other.id not in (session.id, *found):
                found[other.id] = other
                ahead.append(other)
    return list(found.values())


def _run_files(folder: DataFolder, session: Session) -> Iterator[tuple[str, Path]]:
    run = folder.run(session.id)
    paths = (run.events, run.metrics, *(() if blind(session.request) else (run.request,)))
    yield from ((f"runs/{run.id}/{path.name}", path) for path in paths if path.is_file() and not path.is_symlink())


def _roots(session: Session) -> Iterator[tuple[str, Path]]:
    """The folders of what it wrote and used: dataset, and the checkpoints that it tried, or the newest that it made."""
    if session.dataset_root:
        yield f"dataset {session.dataset}", Path(session.dataset_root)
    if session.kind is SessionKind.EVAL and isinstance(session.request, EvalRequest):
        for each in dict.fromkeys(session.request.checkpoints):
            if Path(each).is_absolute():
                yield f"checkpoint {label(each)}", Path(each)
    for saved in session.training.checkpoints[-1:] if session.training else ():
        if saved.path:
            yield f"checkpoint {label(saved.path)}", Path(saved.path, PRETRAINED)


def _below(folder: DataFolder, root: Path) -> str:
    """The path below the data folder, if that is where such a thing lies there; else empty."""
    try:
        inside = real(root).relative_to(real(folder.root)).as_posix()
    except (ValueError, OSError):
        return ""
    if inside.startswith("datasets/"):
        try:
            check_dataset_name(inside.removeprefix("datasets/"))
        except ValueError:
            return ""
    return "" if manifests.no_cargo(inside) else inside


def _data(what: str, root: Path, inside: str, left_out: list[str]) -> Data:
    """Its files, without links, locks, pickles and names that not every system has."""
    files, links, odd = [], 0, 0
    for base, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not _is_left_out(name))
        links += sum(Path(base, name).is_symlink() for name in folders)
        for path in (Path(base, name) for name in sorted(names) if not _is_left_out(name)):
            if path.is_symlink() or not path.is_file():
                links += 1
            elif manifests.no_place(f"{inside}/{path.relative_to(root).as_posix()}", (inside,)):
                odd += 1
            else:
                files.append(path)
    if links:
        left_out.append(f"{what}: {plural(links, 'link')} in it, which may lead anywhere")
    if odd:
        left_out.append(f"{what}: {plural(odd, 'file')} in it, pickled or of a name that not every system has")
    return Data(Cargo(what=what, path=inside), root, tuple(files), sum(path.stat().st_size for path in files))


def _is_left_out(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in LEFT_OUT)


def _documents(sessions: Sequence[Session]) -> bytes:
    """A log of these sessions alone."""
    with tempfile.TemporaryDirectory(prefix="lab-console-") as place:
        file = Path(place, manifests.DOCUMENTS)
        with SessionStore(file) as store:
            store.put(*sessions)
        return file.read_bytes()


def _text(archive: zipfile.ZipFile, name: str, data: bytes) -> Member:
    with archive.open(_info(name), "w") as member:
        member.write(data)
    return Member(path=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def _copy(archive: zipfile.ZipFile, name: str, path: Path) -> Member:
    """The file as it is while it is read: size and digest are of what went in."""
    digest, count = hashlib.sha256(), 0
    with (
        opened(path, os.O_NOFOLLOW) as source,
        archive.open(_info(name), "w", force_zip64=True) as member,
    ):
        while data := source.read(CHUNK):
            member.write(data)
            digest.update(data)
            count += len(data)
    return Member(path=name, bytes=count, sha256=digest.hexdigest())


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    stored = PurePosixPath(name).suffix.casefold() in COMPRESSED
    info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    info.external_attr = 0o100644 << 16
    return info
