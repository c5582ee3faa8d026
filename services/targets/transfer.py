"""Moves folders to a target and back: rsync into a place beside, compared by fingerprint, then renamed in one go.

A transfer that was cut goes on where it was: the place beside is named by what is sent. Nothing that differs is ever
overwritten.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from services.refusal import Refusal
from services.targets import protocol
from services.targets.connection import Connection
from services.targets.fingerprint import LEFT_OUT, Fingerprint, fingerprint
from services.targets.received import INCOMING
from services.targets.ssh import Unreachable, transport, why_not_moved
from services.text import clean
from services.units import size
from sessions.files import sync_folder, sync_tree

ROOM = 1.02
"""Times the size of what is sent that should be free."""
REPORT_S = 1.0
LONG_S = 3600.0
"""How long the other side may take to read what it has to compare."""
_PROGRESS = re.compile(r"^\s*([\d,.]+)\s+(\d+)%")


class Stopped(Exception):
    """A transfer was stopped from here; what was moved of it waits to be gone on with."""


@dataclass(frozen=True)
class Cargo:
    """A folder `here`, and its place `there` below the target's data folder; `what` it is, for people."""

    what: str
    here: Path
    there: str


@dataclass(frozen=True)
class Moved:
    """What a transfer came to; `already`: the same lay there."""

    digest: str
    bytes: int
    already: bool = False


class Transfer:
    """Transfers over one connection. `report` gets sentences of how far one is; `stop` ends it from another thread."""

    def __init__(self, connection: Connection, report: Callable[[str], None] = lambda text: None) -> None:
        self._connection, self._report = connection, report
        self._target = connection.target
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def send(self, cargo: Cargo, *, replace: bool = False) -> Moved:
        """Move `cargo.here` there. Raises Refusal, Unreachable, Stopped or OSError.

        With `replace`, a copy there that was sent before and not touched since may be replaced.
        """
        self._check_tools()
        self._report(f"reading {cargo.what}")
        ours = _existing(cargo)
        there = self._look(cargo)
        if there.digest == ours.digest:
            return Moved(ours.digest, ours.bytes, already=True)
        if there.digest and not (replace and there.known):
            raise Refusal(self._differs(cargo))
        incoming = f"{INCOMING}/{Path(cargo.there).name}-{ours.digest[:12]}"
        self._check_room(cargo, ours.bytes, incoming)
        root = self._connection.hello.data_dir
        base = ["--copy-dest", f"{root}/{cargo.there}"] if there.digest else []
        self._rsync([*base, "--mkpath"], f"{cargo.here}/", self._spec(f"{root}/{incoming}/"), f"sending {cargo.what}")
        self._report(f"checking {cargo.what} on {clean(self._target.place)}")
        put = protocol.Put(incoming=incoming, path=cargo.there, digest=ours.digest, replace=replace)
        if error := self._connection.ask(put, LONG_S).error:
            raise Refusal(f"{clean(self._target.place)}: {clean(error)}")
        return Moved(ours.digest, ours.bytes)

    def fetch(self, cargo: Cargo) -> Moved:
        """Move what is there to `cargo.here`. Raises Refusal, Unreachable, Stopped or OSError."""
        self._check_tools()
        there = self._look(cargo)
        if not there.digest:
            raise Refusal(f"{clean(self._target.place)} has no {cargo.what} ({cargo.there})")
        ours = fingerprint(cargo.here)
        if ours.digest == there.digest:
            return Moved(ours.digest, ours.bytes, already=True)
        if ours.digest:
            raise Refusal(self._differs(cargo))
        incoming = cargo.here.parent / f".incoming-{cargo.here.name}-{there.digest[:12]}"
        incoming.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(incoming).free
        if free < ROOM * (there.bytes - _arrived(incoming)):
            raise Refusal(f"{cargo.what} takes {size(there.bytes)}, and {size(free)} are free here: free the disk")
        source = self._spec(f"{self._connection.hello.data_dir}/{cargo.there}/")
        self._rsync([], source, f"{incoming}/", f"fetching {cargo.what}")
        if fingerprint(incoming).digest != there.digest:
            raise Unreachable(f"{cargo.what} did not arrive as it is there: it is fetched again", lasting=False)
        _settle(incoming, cargo.here)
        return Moved(there.digest, there.bytes)

    def stop(self) -> None:
        """End what runs."""
        self._stopped.set()
        process = self._process
        if process is not None:
            with suppress(OSError):
                process.terminate()

    # --- parts ----------------------------------------------------------------------------------------

    def _check_tools(self) -> None:
        if shutil.which("rsync") is None:
            raise Unreachable("rsync is not installed here: install it", lasting=True)
        if not self._connection.hello.rsync:
            raise Unreachable(f"{clean(self._target.place)} has no rsync: install it there", lasting=True)

    def _check_room(self, cargo: Cargo, whole: int, incoming: str) -> None:
        """Raises Refusal if there is no room for what is still to be sent; `incoming` has what was before."""
        hello = self._connection.hello
        if hello.free >= ROOM * whole:
            return
        arrived = self._connection.ask(protocol.Look(path=incoming), LONG_S).bytes
        if hello.free < ROOM * (whole - arrived):
            raise Refusal(
                f"{clean(self._target.place)} has {size(hello.free)} free in {hello.data_dir}, and {cargo.what} takes "
                f"{size(whole - arrived)}{' more' if arrived else ''}: free its disk"
            )

    def _look(self, cargo: Cargo) -> protocol.Answer:
        found = self._connection.ask(protocol.Look(path=cargo.there), LONG_S)
        if found.error:
            raise Refusal(f"{clean(self._target.place)}: {clean(found.error)}")
        return found

    def _differs(self, cargo: Cargo) -> str:
        return (
            f"{cargo.what} is on {clean(self._target.place)} and here, and they differ: rename one of them, or remove "
            "the one that you do not need; nothing was changed"
        )

    def _spec(self, path: str) -> str:
        return f"{self._target.host}:{path}" if self._target.host else path

    def _rsync(self, options: list[str], source: str, goal: str, doing: str) -> None:
        """Run rsync until it is through. `--inplace` keeps what came of a file when the link is cut."""
        left_out = [word for name in LEFT_OUT for word in ("--exclude", name)]
        remote = ["-e", shlex.join(transport(self._target))] if self._target.host else []
        words = [
            "rsync", "-rtLs", "--partial", "--inplace", "--delete", "--no-inc-recursive", "--info=progress2",
            "--timeout=60", *left_out, *remote, *options, "--", source, goal,
        ]  # fmt: skip
        if self._stopped.is_set():
            raise Stopped
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"LC_ALL": "C"}, start_new_session=True,
        )  # fmt: skip
        self._process = process
        if self._stopped.is_set():  # meanwhile
            process.terminate()
        assert process.stdout is not None and process.stderr is not None
        said: list[bytes] = []
        listener = threading.Thread(target=said.extend, args=(process.stderr,), daemon=True)
        listener.start()
        try:
            self._watch(process.stdout, doing)
            status = process.wait()
        except BaseException:  # Ctrl+C does not reach it by itself
            process.terminate()
            raise
        listener.join(timeout=5)
        if self._stopped.is_set():
            raise Stopped
        if status:
            raise why_not_moved(self._target, status, b"".join(said).decode(errors="replace"))

    def _watch(self, stream: IO[bytes], doing: str) -> None:
        """Report each new percent, at most one each second."""
        shown, buffer, at = "", b"", float("-inf")
        while chunk := stream.read1(4096):  # type: ignore[attr-defined]
            *lines, buffer = re.split(rb"[\r\n]", buffer + chunk)
            for line in lines:
                found = _PROGRESS.match(line.decode("ascii", errors="replace"))
                if found and found[2] != shown and (time.monotonic() - at > REPORT_S or found[2] == "100"):
                    shown, at = found[2], time.monotonic()
                    self._report(f"{doing}: {shown} %, {size(float(re.sub('[,.]', '', found[1])))}")


def _existing(cargo: Cargo) -> Fingerprint:
    found = fingerprint(cargo.here)
    if not found.digest:
        raise Refusal(f"there is no {cargo.what}: {cargo.here} is no folder")
    return found


def _arrived(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _settle(incoming: Path, final: Path) -> None:
    """Make it durable, then give it its name."""
    sync_tree(incoming)
    incoming.rename(final)
    sync_folder(final.parent)
