"""The log's file as it lies there: nothing is repaired, set aside or written by looking."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sessions.document import Session
from sessions.files import check_file, real
from sessions.rows import Unfit
from sessions.storage import AtomicStorage, Damage, StoreProblem


@dataclass(frozen=True)
class Peeked:
    """`sessions` by id; `unfit` are documents that cannot be read, with the reason; `problem` is the file's own."""

    sessions: dict[str, Session] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    missing: bool = False


def peek(path: Path) -> Peeked:
    """What the log at `path` holds. Never raises for a bad file."""
    path = real(path)
    storage = AtomicStorage(path)
    try:
        check_file(path)
        tables = storage.read()
    except FileNotFoundError:
        return Peeked(missing=True)
    except (Damage, StoreProblem) as problem:
        return Peeked(problem=str(problem))
    except OSError as error:
        return Peeked(problem=error.strerror or str(error))
    finally:
        storage.close()
    sessions, unfit = {}, {}
    for name, row in (tables or {}).get("sessions", {}).items():
        try:
            sessions[name] = row.session
        except Unfit as error:
            unfit[name] = str(error)
    return Peeked(sessions, unfit, missing=tables is None)
