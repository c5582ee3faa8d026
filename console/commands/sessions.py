"""`lab-console sessions`, and `attach` without a terminal: the log, or a running session, as plain lines."""

from __future__ import annotations

import argparse

from console.commands.exits import report_lost, run_to_end
from console.commands.following import following
from console.commands.printer import Printer
from console.exit import BAD_USAGE, OK, complain
from services.folders import DataFolder, RunFolder, data_folder
from services.live.link import LinkLost
from services.live.running import find_runs
from services.text import clean, escape_json


def sessions(options: argparse.Namespace) -> int:
    """List the log, as lines or as JSON; with `--schema`, print the JSON Schema of that list."""
    from services.log import damage, logbook
    from services.log.headline import headline
    from services.log.listing import as_json, schema
    from services.log.lookup import nothing_in
    from services.log.rows.whole_rows import part
    from sessions.chains import by_session

    if options.schema and not options.json:
        complain("--schema describes what --json prints: write `lab-console sessions --json --schema`")
        return BAD_USAGE
    if options.schema:
        _print(schema())
        return OK
    folder = data_folder(options.data_dir)
    if not folder.root.exists():
        print("[]" if options.json else clean(nothing_in(str(folder.root))))
        return OK
    book = logbook.sessions(folder)
    if book.message:
        complain(book.message)
        if not options.json:  # a script may read that one
            damage.mark_shown(folder)
    chosen = [s for s in book.sessions if options.kind in (None, s.kind.value)]
    if options.json:
        _print(as_json(chosen, book.sessions))
        return OK
    wholes = by_session(book.sessions)
    for session in chosen:
        line = headline(session)
        whole = part(session, wholes.get(session.id))
        imported = "  imported" if session.started.imported else ""
        state = "stopped" if session.cut_short else session.status.value
        reset = f"  reset: {session.reset}" if session.reset else ""
        told = (
            f"{session.id}  {line.when}  {line.kind:7} {state:8} {line.what}  {line.counts}{reset}{imported}  {whole}"
        )
        print(clean(told).rstrip())
    if not chosen:
        none_of_kind = options.kind and book.sessions
        print(f"no sessions of kind {options.kind}" if none_of_kind else clean(nothing_in(str(folder.root))))
    return OK


def _print(values: object) -> None:
    import orjson

    print(escape_json(orjson.dumps(values, option=orjson.OPT_INDENT_2).decode()))


def find_live(folder: DataFolder, wanted: str | None) -> RunFolder:
    """The running session whose id begins with `wanted`; the newest one if that is None.

    Raises SystemExit(2), after printing the reason, if there is none or if several match.
    """
    runs = find_runs(folder)
    live = [item.run for item in runs.running]
    matching = [run for run in live if wanted is None or run.id.startswith(wanted)]
    if (wanted is not None and len(matching) == 1) or (wanted is None and matching):
        return matching[0]
    if runs.problem:
        complain(runs.problem)
    if not live:
        complain(f"no session runs in {folder.root}; `lab-console` opens the console to start one")
    elif not matching:
        complain(f"no running session begins with {wanted!r}; running: {', '.join(r.id for r in live)}")
    else:
        complain(f"{wanted!r} fits several: {', '.join(r.id for r in matching)}")
    raise SystemExit(BAD_USAGE)


def watch(run: RunFolder) -> int:
    """Print a session's progress until it ends, without driving it."""
    return run_to_end(_watch(run))


async def _watch(run: RunFolder) -> int:
    printer = Printer(says_end=True)
    try:
        async with following(run, printer, name="watch", drive=False) as client:
            printer.show(await client.attach())
            await client.until(lambda s: not s.running)
    except LinkLost as error:
        return report_lost(run, error)
    return OK
