"""The command line: `lab-console [--data-dir DIR] [--bench NAME] COMMAND`; without a command, the console."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from console.terminal import prepare_terminal
from services.bench import ProfileProblem, load_benches
from services.folders import FolderProblem, data_folder, demo_folder

OK, FAILED, BAD_USAGE = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    """The whole grammar, each verb with an example."""
    top = argparse.ArgumentParser(
        prog="lab-console",
        description="A terminal console for robot-learning benches: record demonstrations with LeRobot, "
        "and find every session afterwards. Without a command it opens the console.",
        epilog="example: lab-console demo        (opens the simulated bench; no robot needed)",
    )
    top.add_argument("--data-dir", metavar="DIR", help="where sessions, runs and datasets lie (or LAB_CONSOLE_HOME)")
    top.add_argument("--bench", metavar="NAME", help="the bench of lab.toml to sit at (default: its `default`)")
    top.add_argument("--version", action="store_true", help="print the versions and leave")
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND")
    _record(verbs)
    _sessions(verbs)
    _verb(verbs, "attach", "open a running session again, here", "lab-console attach").add_argument(
        "session", nargs="?", metavar="SESSION", help="its id, or the beginning of it (default: the newest running)"
    )
    _verb(verbs, "hold", "hold the arm where it is, at once", "lab-console hold")
    rest = _verb(verbs, "rest", "open the gripper, lift, and move the arm to its taught rest pose", "lab-console rest")
    rest.add_argument(
        "--teach", action="store_true", help="print the pose that the arm is in as the `rest` line of lab.toml"
    )
    release = _verb(verbs, "release", "lower the arm to rest, then cut torque", "lab-console release --yes")
    release.add_argument("--yes", action="store_true", help="confirm without being asked")
    _verb(verbs, "init", "write a commented lab.toml here", "lab-console init")
    _verb(verbs, "demo", "open the console on the simulated bench, with data of its own", "lab-console demo")
    return top


def _verb(verbs: argparse._SubParsersAction, name: str, what: str, example: str) -> argparse.ArgumentParser:  # type: ignore[type-arg]
    made: argparse.ArgumentParser = verbs.add_parser(
        name, help=what, description=what[0].upper() + what[1:] + ".", epilog=f"example: {example}"
    )
    return made


def _record(verbs: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    record = _verb(
        verbs,
        "record",
        "record demonstrations into a LeRobot dataset",
        'lab-console record --dataset pick_place --task "Pick up the cube" --episodes 3 --lockstep',
    )
    add = record.add_argument
    add("--dataset", required=True, metavar="NAME", help="the dataset's name, or owner/name")
    add("--task", required=True, metavar="TEXT", help="the instruction, or the short name of a task of lab.toml")
    add("--episodes", required=True, type=int, metavar="N", help="accepted episodes to record in this sitting")
    add("--episode-seconds", type=float, metavar="S", help="length of a take (default: the bench's)")
    add("--reset-seconds", type=float, metavar="S", help="time to put the scene back (default: the bench's)")
    add("--fps", type=int, metavar="HZ", help="frames and control periods per second (default: the bench's, 30)")
    add("--operator", metavar="NAME", help="who sits at the leader (default: the first of lab.toml)")
    add("--seed", type=int, metavar="N", help="seed of the simulated bench")
    add("--lockstep", action="store_true", help="simulated bench only: step as fast as it goes, not in real time")
    add("--resume", action="store_true", help="go on with a dataset that exists")
    add(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="KEY=VALUE",
        help="any key of robot, teleop, dataset (LeRobot's), motion, recording or sim; may be repeated, "
        "e.g. --set sim.strategy=nudge --set dataset.rgb_encoder.preset=fast",
    )


def _sessions(verbs: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    sessions = _verb(verbs, "sessions", "list the sessions, newest first", "lab-console sessions --kind record --json")
    sessions.add_argument("--kind", choices=["record", "train", "eval", "bench"], help="only sessions of this kind")
    sessions.add_argument(
        "--json",
        action="store_true",
        help="print a list of objects with the keys id, kind, status, started_utc, ended_utc, end_reason, operator, "
        "host, bench, task, dataset, dataset_root, target_episodes, episodes (index, take, frames, seconds, "
        "accepted, flags), alarms, notes, tags, profile, config, versions, git_commit",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 (failed), 2 (bad usage)."""
    options = parser().parse_args(argv)
    try:
        return _run(options)
    except (ProfileProblem, FolderProblem) as problem:
        print(f"lab-console: {problem}", file=sys.stderr)
        return BAD_USAGE if isinstance(problem, ProfileProblem) else FAILED
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:  # `lab-console sessions | head`
        sys.stderr.close()
        return FAILED


def _run(options: argparse.Namespace) -> int:
    if options.version:
        from importlib.metadata import version

        print(f"lab-console {version('lab-console')}, lerobot {version('lerobot')}")
        return OK
    if options.verb == "init":
        from services.bench import write_example

        print(f"wrote {write_example()}: edit it, then run `lab-console --bench so101`")
        return OK
    if options.verb in (None, "demo", "attach"):
        return _open(options)
    from console import shell

    verb = {
        "record": shell.record,
        "sessions": shell.sessions,
        "hold": shell.hold,
        "rest": shell.rest,
        "release": shell.release,
    }[options.verb]
    return verb(options)


def _open(options: argparse.Namespace) -> int:
    """The console, or its plain form where there is no terminal."""
    demo = options.verb == "demo"
    folder = (data_folder(options.data_dir) if options.data_dir or not demo else demo_folder()).create()
    benches = load_benches(built_in=demo)
    profile = benches.pick("sim" if demo else options.bench)
    attach = None
    if options.verb == "attach":
        from console import shell

        attach = shell.find_live(folder, options.session)
        if not sys.stdout.isatty():
            return shell.watch(folder, attach)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(
            "lab-console: the console needs a terminal; `lab-console --help` lists what works without", file=sys.stderr
        )
        return BAD_USAGE
    prepare_terminal()
    from console.app import run

    return run(folder, benches, profile, demo=demo, attach=attach)


if __name__ == "__main__":
    sys.exit(main())
