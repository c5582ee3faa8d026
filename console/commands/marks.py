"""`lab-console accept`, `reject`, `note` and `unblind`: what is said of a session after it."""

from __future__ import annotations

import argparse

from console.exit import OK
from services.bench.profiles import load_benches
from services.folders import data_folder
from services.log.lookup import find
from services.log.marking import mark_episode
from services.refusal import Refusal
from services.text import clean


def mark(options: argparse.Namespace) -> int:
    """Accept or reject an episode, in its dataset and in the log."""
    folder = data_folder(options.data_dir)
    accepted = options.verb == "accept"
    by = options.operator or next(iter(load_benches().pick(options.bench).operators), "")
    session = find(folder, options.session).session
    mark_episode(folder, session.id, options.episode, accepted=accepted, why=options.because, by=by)
    why = f": {options.because}" if options.because else ""
    word = "accepted" if accepted else "rejected"
    print(clean(f"episode {options.episode} of {session.dataset} ({session.id}) is {word}{why}"))
    return OK


def note(options: argparse.Namespace) -> int:
    """Write a note to the session: a remark, a possible cause or a lesson."""
    from services.log.logbook import add_note
    from sessions.models import NoteKind

    if not clean(options.text).strip():
        raise Refusal("the note is empty: write what is to be noted behind the session, in quotes")
    folder = data_folder(options.data_dir)
    by = options.operator or next(iter(load_benches().pick(options.bench).operators), "")
    session = find(folder, options.session).session
    kind = NoteKind(options.kind)
    add_note(folder, session.id, options.text, by, kind)
    print(clean(f"session {session.id} has a new {kind.words}"))
    return OK


def unblind(options: argparse.Namespace) -> int:
    """Tell what the codes of a blinded evaluation stand for."""
    from services.checkpoints.checkpoint import label
    from services.log.unblinding import request_of
    from services.log.unblinding import unblind as tell
    from sessions.blinding import codes

    folder = data_folder(options.data_dir)
    by = options.operator or next(iter(load_benches().pick(options.bench).operators), "")
    first, *_ = tell(folder, options.session, by=by, reason=options.because)
    for checkpoint, code in codes(request_of(folder, first.id).checkpoints).items():
        print(clean(f"{code} is {label(checkpoint)}"))
    return OK
