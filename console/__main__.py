"""The command line: `lab-console [--data-dir DIR] [--bench NAME] COMMAND`; without a command, the console."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from console.exit import BAD_USAGE, FAILED, OK, complain
from console.grammar import parser
from console.streams import clean_streams
from console.terminal import prepare_terminal
from services.bench.profiles import DEMO, ProfileProblem, load_benches
from services.folders import FolderProblem, data_folder, demo_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 (failed), 2 (bad usage)."""
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
    return _verb(options.verb)(options)


def _verb(name: str) -> Callable[[argparse.Namespace], int]:
    """The function that runs a verb; imports only what that verb needs."""
    match name:
        case "record":
            from console.commands.record import record as verb
        case "train":
            from console.commands.train import train as verb
        case "eval":
            from console.commands.evaluate import evaluate as verb
        case "hold":
            from console.commands.arm import hold as verb
        case "rest":
            from console.commands.arm import rest as verb
        case "release":
            from console.commands.arm import release as verb
        case "dataset":
            from console.commands.dataset import dataset as verb
        case "show":
            from console.commands.show import show as verb
        case _:
            from console.commands.sessions import sessions as verb
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
