"""The marks of a dataset's episodes: accepted or rejected, flags, verdicts. Torch-free.

They are stored in `lab-console.json` in the dataset's folder, beside LeRobot's files, and so travel with the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import orjson

from sessions.files import read_file, write_atomically
from sessions.models import Verdict

SIDECAR = "lab-console.json"
SIDECAR_SCHEMA = 1
CONTENT = "content"
"""The key of an episode's digest beside its mark."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The console's facts about one episode. `take` counts from 1 within `session`; 0 if unknown.

    For an episode of an evaluation, `take` is the trial's number and `verdict` its verdict. `why` is a person's reason
    for accepting or rejecting it; older versions stored none. `moments` are the frames (from 0) that a person marked.
    """

    accepted: bool = True
    why: str = ""
    flags: tuple[str, ...] = ()
    session: str = ""
    take: int = 0
    moments: tuple[int, ...] = ()
    strategy: str | None = None
    verdict: Verdict | None = None


class _Session(msgspec.Struct, frozen=True):
    """The sidecar's entry for a session that recorded some of the episodes."""

    calibration: dict[str, str] = {}


@dataclass(frozen=True)
class Marks(Mapping[int, Mark]):
    """The marks by episode index. `contents` has the digest of a marked episode's values, where it was stored.

    `message` informs the operator about a damaged sidecar.
    """

    by_episode: dict[int, Mark] = field(default_factory=dict)
    message: str = ""
    contents: dict[int, str] = field(default_factory=dict)

    def __getitem__(self, episode: int) -> Mark:
        return self.by_episode[episode]

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self.by_episode))

    def __len__(self) -> int:
        return len(self.by_episode)

    def accepted(self, episode: int) -> bool:
        """Whether the episode is accepted; one without a mark is."""
        mark = self.by_episode.get(episode)
        return mark is None or mark.accepted


def read_marks(root: Path) -> Marks:
    """All marks of the dataset; none if there is no sidecar. Changes nothing; `message` reports a damaged sidecar.

    Raises OSError if the file exists but the disk fails.
    """
    document = _peek(root / SIDECAR)
    if document is not None:
        return Marks(_marks_in(document), contents=_contents_in(document))
    message = f"the marks of {root.name} ({SIDECAR}) cannot be read" if has_marks(root) else ""
    return Marks(message=message)


def peek_marks(root: Path) -> Marks:
    """As `read_marks`; none if the disk fails."""
    try:
        return read_marks(root)
    except OSError:
        return Marks()


def write_mark(root: Path, episode_index: int, mark: Mark, content: str = "") -> str:
    """Store one mark durably, keeping everything else in the sidecar, including keys of newer consoles.

    `content` is the digest of the episode's values (`services.datasets.content`); an empty one keeps what is stored.
    A damaged sidecar is renamed to `lab-console.json.corrupt-<n>`; the returned message, usually empty, says so.
    The caller holds the dataset's lock. Raises OSError.
    """
    document, message = _load_sidecar(root)
    _put(document, episode_index, mark, content)
    _store_sidecar(root, document)
    return message


def replace_marks(root: Path, marks: Mapping[int, Mark], contents: Mapping[int, str]) -> str:
    """Let the sidecar hold exactly these marks, bound to these contents; its other keys stay.

    Returns the message of `write_mark`. The caller holds the dataset's lock. Raises OSError.
    """
    document, message = _load_sidecar(root)
    before, document["episodes"] = document["episodes"], {}
    for index, mark in marks.items():
        extra = before.get(str(index), {})
        document["episodes"][str(index)] = dict(extra)
        _put(document, index, mark, contents.get(index, ""))
    _store_sidecar(root, document)
    return message


def keep_calibration(root: Path, session: str, calibration: Mapping[str, str]) -> None:
    """Store the calibration that `session` recorded with, once for all its episodes; does nothing if it is empty.

    `calibration` maps arms to the SHA-256 of their calibration files. The caller holds the dataset's lock.
    Raises OSError.
    """
    if not calibration:
        return
    document, _ = _load_sidecar(root)
    document.setdefault("sessions", {}).setdefault(session, {})["calibration"] = dict(calibration)
    _store_sidecar(root, document)


def read_calibrations(root: Path) -> dict[str, dict[str, str]]:
    """The known calibrations: by session, the SHA-256 of each arm's calibration file."""
    sessions = (_peek(root / SIDECAR) or {}).get("sessions")
    try:
        kept = msgspec.convert(sessions or {}, dict[str, _Session])
    except msgspec.ValidationError:
        return {}
    return {session: facts.calibration for session, facts in kept.items() if facts.calibration}


def judge_mark(root: Path, episode_index: int, verdict: Verdict | None, *, session: str, take: int) -> Mark | None:
    """Write the verdict on `take` of `session` (None: undone) into its episode's mark. Returns the new mark.

    Returns None if the mark has that verdict already, or belongs to another session by now. The caller holds the
    dataset's lock.
    """
    mark = read_marks(root).get(episode_index, Mark(session=session, take=take))
    if mark.session not in ("", session) or mark.verdict is verdict:
        return None
    judged = msgspec.structs.replace(mark, verdict=verdict, accepted=counts_as_demonstration(verdict))
    write_mark(root, episode_index, judged)
    return judged


def counts_as_demonstration(verdict: Verdict | None) -> bool:
    """Whether a trial's motion is accepted as a demonstration: only successes are worth training on."""
    return verdict is Verdict.SUCCESS


def has_marks(root: Path) -> bool:
    """Whether the dataset has a sidecar (one recorded by LeRobot's script has none)."""
    return (root / SIDECAR).exists()


def _empty_sidecar() -> dict[str, Any]:
    return {"schema": SIDECAR_SCHEMA, "episodes": {}}


def _load_sidecar(root: Path) -> tuple[dict[str, Any], str]:
    """The sidecar as plain data, and a message for the operator; a damaged one is set aside."""
    path = root / SIDECAR
    document = _peek(path)
    if document is not None:
        return document, ""
    try:
        aside = _set_aside(path)
    except FileNotFoundError:
        return _empty_sidecar(), ""
    return _empty_sidecar(), (
        f"the marks of {root.name} could not be read and were set aside as {aside.name}: "
        "every episode counts as accepted until it is marked again"
    )


def _peek(path: Path) -> dict[str, Any] | None:
    """The sidecar as plain data; None if there is none or it is damaged."""
    try:
        document: dict[str, Any] = orjson.loads(read_file(path))
        _marks_in(document)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return document


def _marks_in(document: dict[str, Any]) -> dict[int, Mark]:
    return {int(key): msgspec.convert(entry, Mark) for key, entry in document["episodes"].items()}


def _contents_in(document: dict[str, Any]) -> dict[int, str]:
    found = {int(key): entry.get(CONTENT) for key, entry in document["episodes"].items()}
    return {index: content for index, content in found.items() if content and isinstance(content, str)}


def _put(document: dict[str, Any], index: int, mark: Mark, content: str = "") -> None:
    """Update the episode's entry; its unknown keys stay."""
    entry = document["episodes"].setdefault(str(index), {})
    entry.update(msgspec.to_builtins(mark))
    if content:
        entry[CONTENT] = content


def _store_sidecar(root: Path, document: dict[str, Any]) -> None:
    document["episodes"] = dict(sorted(document["episodes"].items(), key=lambda item: int(item[0])))
    write_atomically(root / SIDECAR, orjson.dumps(document, option=orjson.OPT_INDENT_2))


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    return path.replace(aside)
