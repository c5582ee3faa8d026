"""What an operator comes across of a blinded evaluation, to be searched for what tells which policy is which."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress

import psutil

from console.__main__ import main
from services.folders import DataFolder, RunFolder
from services.live.snapshots import Snapshot
from services.log import logbook
from services.log.copies import copies
from services.log.headline import headline
from services.log.listing import as_json
from services.log.page import page
from services.log.trials.arms import arms
from services.log.trials.conclusion import sentences
from services.report.make import report
from services.report.rendering import Format, render

SHELL = ("show {id}", "sessions", "sessions --json", "stats {id}", "report {id}", "verify {id}")
"""Verbs that print what the log has, but for those that write files."""


def told(folder: DataFolder, run: RunFolder, state: Snapshot, *more: object) -> Iterator[tuple[str, str]]:
    """(where, text): files and their names, the log, what consoles and the shell get, processes, and `more`.

    Not the policies themselves, nor the run's request, which is the worker's.
    """
    for path in sorted(folder.root.rglob("*")):
        if path.is_relative_to(folder.outputs):
            continue
        yield "file name", str(path.relative_to(folder.root))
        with suppress(FileNotFoundError):  # a file of a moment
            if path.is_file() and path != run.request:
                yield f"file {path.name}", path.read_bytes().decode(errors="replace")
    session = next(s for s in logbook.sessions(folder).sessions if s.id == run.id)
    yield "page", repr(page(session))
    yield "line", repr(headline(session))
    yield "copies", repr(copies(session, {}))
    yield "listing", json.dumps(as_json([session]))
    yield "says", repr(sentences(session))
    yield "snapshot", repr(state)
    yield "report", render(report(folder, [run.id]), Format.HTML)
    yield "arms", repr(arms([run.id], folder)) if state.judged else ""
    for process in psutil.process_iter(["cmdline", "name"]):
        if str(folder.root) in (words := " ".join(process.info["cmdline"] or ())) or "policy_server" in words:
            yield "process", f"{process.info['name']} {words}"
    for words in SHELL:
        yield f"shell {words}", _said(folder, words.format(id=run.id).split())
    for each in more:
        yield type(each).__name__, repr(each)


def _said(folder: DataFolder, words: list[str]) -> str:
    """What the shell prints, in this process."""
    output, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with redirect_stdout(output), redirect_stderr(errors):
        main(["--data-dir", str(folder.root), *words])
    for each in (output, errors):
        each.flush()
    return b"".join(each.buffer.getvalue() for each in (output, errors)).decode()  # type: ignore[attr-defined]


def telling(places: Iterator[tuple[str, str]], names: Collection[str]) -> set[str]:
    """Where one of the names stands."""
    return {where for where, text in places if any(name in text for name in names)}
