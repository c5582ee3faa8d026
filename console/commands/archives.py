"""`lab-console pack` and `unpack`: a session as one file."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.commands.merging import counted, said
from console.exit import FAILED, OK, complain
from services.archive import packing, unpacking
from services.exports.outbox import safe_name
from services.folders import data_folder
from services.log import logbook
from services.log.headline import subject
from services.log.lookup import find
from services.text import clean
from services.units import plural, size


def pack(options: argparse.Namespace) -> int:
    """Say what goes in and how large it is, then write it; Ctrl-C leaves nothing behind."""
    folder = data_folder(options.data_dir)
    found = find(folder, options.session)
    if found.message:
        complain(found.message)
    made = packing.plan(folder, found.session, logbook.sessions(folder).sessions)
    default = f"{safe_name(subject(found.session)[:48])}-{found.session.id}.zip"
    file = Path(options.output or default).expanduser().absolute()
    packing.check_free(file)
    for line in _plan(made, with_data=options.with_data):
        print(clean(line))
    for line in made.left_out:
        complain(line)
    try:
        packing.pack(made, file, with_data=options.with_data)
    except KeyboardInterrupt:
        complain("stopped: nothing was packed")
        return FAILED
    print(clean(f"{file}: {size(file.stat().st_size)}"))
    return OK


def _plan(made: packing.Plan, *, with_data: bool) -> list[str]:
    lines = [f"session {made.session.id}: {made.session.kind.value} {subject(made.session)}"]
    lines += [f"linked: session {each.id}: {each.kind.value} {subject(each)}" for each in made.linked]
    lines.append(f"events, metrics and requests: {size(made.bytes)}")
    packed = "" if with_data else ", not packed (--with-data packs it)"
    return lines + [f"{d.cargo.what}: {plural(len(d.files), 'file')}, {size(d.bytes)}{packed}" for d in made.data]


def unpack(options: argparse.Namespace) -> int:
    """Unpack it, and say what came in."""
    folder = data_folder(options.data_dir).create()
    file = Path(options.file).expanduser().absolute()
    try:
        made = unpacking.unpack(folder, file, with_data=not options.without_data)
    except KeyboardInterrupt:
        complain("stopped: nothing was unpacked that is not whole; unpack it again")
        return FAILED
    for line in said(made.merged):
        print(clean(line))
    for each in made.placed:
        print(clean(f"{each.what}: {folder.root / each.path}"))
    for each in made.there:
        print(clean(f"{each.what} is here already: {folder.root / each.path}"))
    for line in (*made.manifest.left_out, *made.merged.left_out):
        complain(line)
    host = made.manifest.host or "another machine"
    print(clean(f"{file}: packed on {host}, {made.manifest.packed_utc}; {counted(made.merged)}"))
    return FAILED if made.merged.left_out else OK
