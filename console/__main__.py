"""The command line: `lab-console [--data-dir DIR] [--bench NAME] COMMAND`; without a command, the console."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from console import crash
from console.exit import BAD_USAGE, FAILED, OK, complain
from console.grammar import parser
from console.streams import clean_streams
from console.terminal import prepare_terminal
from services.bench.profiles import DEMO, ProfileProblem, load_benches
from services.folders import FolderProblem, data_folder, demo_folder
from services.refusal import Refusal


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 (failed), 2 (bad usage), 130 (a training that was stopped)."""
    with clean_streams():
        return _main(sys.argv[1:] if argv is None else argv)


def _main(argv: Sequence[str]) -> int:
    for text in argv:
        if not _is_text(text):
            complain(f"{text!r} is not UTF-8 text: names and texts are kept as UTF-8; set a UTF-8 locale, or rename it")
            return BAD_USAGE
    options = parser().parse_args(argv)
    try:
        return _run(options)
    except (ProfileProblem, FolderProblem) as problem:
        complain(problem)
        return BAD_USAGE if isinstance(problem, ProfileProblem) else FAILED
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # `lab-console sessions | head`
            sys.stderr.close()
        else:
            complain(f"{error.filename or 'this computer'}: {error.strerror or error}")
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except Exception as error:
        complain(crash.report(error, _crash_folder(options), crash.VERB))
        return FAILED


def _crash_folder(options: argparse.Namespace) -> Path | None:
    """Where details of a crash are kept: the data folder, if there is one."""
    try:
        folder = demo_folder() if options.verb == "demo" and not options.data_dir else data_folder(options.data_dir)
    except (FolderProblem, OSError):
        return None
    return folder.root if folder.root.is_dir() else None


def _is_text(argument: str) -> bool:
    """Whether it can be kept: bytes that are no UTF-8 come as surrogates, which no file takes."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _run(options: argparse.Namespace) -> int:
    if options.version:
        from importlib.metadata import version

        print(f"lab-console {version('lab-console')}, lerobot {version('lerobot')}")
        return OK
    if options.verb == "init":
        from services.bench.profiles import write_example

        print(f"wrote {write_example()}: edit it, then run `lab-console --bench so101`")
        return OK
    if options.verb in (None, "demo", "attach"):
        return _open(options)
    return _run_verb(options)


def _run_verb(options: argparse.Namespace) -> int:
    """Run a verb that has no screen; what it refuses to do is bad usage, unless the disk refuses it."""
    from services.log.problem import LogbookProblem
    from sessions.files import cannot_write

    try:
        return _verb(options.verb)(options)
    except Refusal as refusal:
        complain(refusal)
        return FAILED if refusal.__cause__ is not None and cannot_write(refusal.__cause__) else BAD_USAGE
    except LogbookProblem as problem:
        complain(problem)
        return FAILED


VERBS = {
    "record": "record.record", "train": "train.train", "watch": "watch.watch", "eval": "evaluate.evaluate",
    "hold": "arm.hold", "rest": "arm.rest", "release": "arm.release", "dataset": "dataset.dataset",
    "compare": "compare.compare", "import": "bring_in.bring_in", "accept": "marks.mark", "reject": "marks.mark",
    "note": "marks.note",
    "show": "show.show", "sessions": "sessions.sessions", "there": "there.there",
    "send": "send.send", "fetch": "fetch.fetch", "film": "film.film", "preflight": "preflight.preflight",
    "unblind": "marks.unblind", "stats": "numbers.stats", "plan": "numbers.plan",
    "log": "log.log", "verify": "verify.verify",
    "export": "export.export", "report": "report.report", "judge": "judge.judge",
    "pack": "archives.pack", "unpack": "archives.unpack",
}  # fmt: skip
"""The function in console.commands that runs a verb."""


def _verb(name: str) -> Callable[[argparse.Namespace], int]:
    """The function that runs a verb; imports only what that verb needs."""
    module, _, function = VERBS[name].partition(".")
    verb: Callable[[argparse.Namespace], int] = getattr(import_module(f"console.commands.{module}"), function)
    return verb


def _open(options: argparse.Namespace) -> int:
    """Open the console; `attach` without a terminal prints plain lines instead."""
    demo = options.verb == "demo"
    folder = (data_folder(options.data_dir) if options.data_dir or not demo else demo_folder()).create()
    benches = load_benches(built_in=demo)
    profile = benches.pick(DEMO if demo else options.bench)
    attach = None
    if options.verb == "attach":
        from console.commands import sessions

        attach = sessions.find_live(folder, options.session)
        if not sys.stdout.isatty():
            return sessions.watch(attach)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        complain("the console needs a terminal; `lab-console --help` lists what works without")
        return BAD_USAGE
    prepare_terminal()
    from console.app import run

    return run(folder, benches, profile, demo=demo, attach=attach)


if __name__ == "__main__":
    sys.exit(main())
