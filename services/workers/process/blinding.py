"""What a blinded evaluation tells: everything that leaves its worker passes here, until it is unblinded."""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from services.checkpoints.checkpoint import PRETRAINED, CheckpointProblem, label, read
from services.live import events as ev
from services.live.requests import EvalRequest
from services.workers.process.replies import Received
from sessions import blinding
from sessions.models import Measured
from sessions.preflight import Check, Level

SAID = ("answer", "detail", "found", "mends", "name", "reason", "text", "why")
"""Fields in which events say something in words."""
SHORTEST = 3
"""Characters of a name that is looked for in words; a shorter one is part of too many."""
SOME = "a policy"
"""What is said in the place of a name: with its code, words about one could tell which it is."""
NO_CHECK = "looked at"


class Blinding:
    """Hides which policy is which. May be used on any thread; `over` once it was unblinded."""

    def __init__(self, request: EvalRequest) -> None:
        self._request, self.over = request, False
        self._codes = blinding.codes(request.checkpoints)
        self._loaded: dict[str, ev.PolicyLoaded] = {}
        self._measured: dict[int, Measured] = {}
        told = sorted(secrets(request), key=len, reverse=True)
        self._found = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in told) or r"(?!)")

    def words(self, said: str) -> str:
        """A text without a name of a policy."""
        return said if self.over else self._found.sub(SOME, said)

    def event(self, event: ev.Event) -> ev.Event:
        """What is written of `event`."""
        if self.over:
            return event
        match event:
            case ev.SessionStarted():
                return msgspec.structs.replace(event, request=blinding.hidden(self._request))
            case ev.Unblinded():
                return self._unblind(event)
            case ev.PolicyLoaded():
                self._loaded[event.checkpoint] = event
                return ev.PolicyLoaded(
                    checkpoint=self._codes.get(event.checkpoint, SOME), policy="", device="", parameters=0,
                    cameras=tuple(sorted(self._request.profile.cameras)), at=event.at,
                )  # fmt: skip
            case ev.TrialStarted():
                return msgspec.structs.replace(event, checkpoint=self._codes.get(event.checkpoint, SOME))
            case ev.TrialEnded(measured=measured) if measured is not None:
                self._measured[event.trial] = measured
                unlike = {"infer_ms": 0.0, "infer_ms_most": 0.0, "inferences": 0, "starved": 0, "seam": 0.0}
                return self._said(msgspec.structs.replace(event, measured=msgspec.structs.replace(measured, **unlike)))
            case ev.PreflightMade():
                return msgspec.structs.replace(event, checks=self._checks(event.checks))
            case ev.NoteAdded() | ev.NoteEdited() | ev.TagAdded():  # a person's words
                return event
            case _:
                return self._said(event)

    def received(self, receive: Callable[[Received], None]) -> Callable[[Received], None]:
        """`receive`, with answers in words without names."""

        def hiding(received: Received) -> None:
            answer = received.answer
            receive(Received(received.command, lambda code, said: answer(code, self.words(said))))

        return hiding

    def _said(self, event: ev.Event) -> ev.Event:
        told = {name: getattr(event, name) for name in event.__struct_fields__ if name in SAID}
        changed = {name: self.words(text) for name, text in told.items() if type(text) is str}
        return msgspec.structs.replace(event, **changed) if changed else event

    def _checks(self, checks: tuple[Check, ...]) -> tuple[Check, ...]:
        """Those of the preflight, without whose they are, and what is good without its words, which would tell."""
        told = {
            Check(
                name=self.words(check.name),
                level=check.level,
                found=NO_CHECK if check.level is Level.GOOD else self.words(check.found),
                mends=self.words(check.mends),
            )
            for check in checks
        }
        return tuple(sorted(told, key=lambda check: (check.name, check.level, check.found)))

    def _unblind(self, event: ev.Unblinded) -> ev.Unblinded:
        self.over = True
        return blinding.told(event, self._request, self._loaded.values(), self._measured)


def secrets(request: EvalRequest) -> set[str]:
    """What tells a policy: its paths, its label, its run, its training, its data; not what all of them have."""
    known = Counter[str]()
    trained_in = (request.trained_in, *request.further_trained_in)
    for at, path in enumerate(request.checkpoints):
        folder = Path(path).parent if Path(path).name == PRETRAINED else Path(path)
        names = {path, str(folder), label(path), request.weights.get(path, ""), *trained_in[at : at + 1]}
        if Path(path).is_absolute():
            names |= {label(path).partition(" @ ")[0], str(folder.parent.parent)}
            with suppress(CheckpointProblem, OSError):
                found = read(Path(path), request.profile.plugins).provenance
                names |= {found.session, found.dataset}
        known.update(names)
    return {name for name, times in known.items() if times < len(request.checkpoints) and len(name) >= SHORTEST}


def hide_output(words: Callable[[str], str]) -> Callable[[], None]:
    """From here on what this process and its children write to standard error has no names; returns how to end that."""
    log, (reading, writing) = os.dup(2), os.pipe()
    os.dup2(writing, 2)
    os.close(writing)

    def copy() -> None:
        with os.fdopen(reading, "rb", 0) as source:
            rest = b""
            while piece := source.read(1 << 16):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    os.write(log, words(line.decode(errors="replace")).encode() + b"\n")
            if rest:
                os.write(log, words(rest.decode(errors="replace")).encode())

    thread = threading.Thread(target=copy, name="log", daemon=True)
    thread.start()

    def end() -> None:
        os.dup2(log, 2)
        thread.join(1.0)

    return end
