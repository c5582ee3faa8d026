"""The command-line parser, with an example for each verb."""

from __future__ import annotations

import argparse

from console import log_verbs, number_verbs, report_verbs, sharing_verbs, training_verbs, verify_verbs
from console.camera_flags import add_cameras
from console.making_verbs import NAMED, Help, Joined, Parser, Verbs, add_settings, add_verb, number, whole
from services.text import brief


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = Parser(
        prog="lab-console",
        description="A terminal console for robot-learning benches: record demonstrations, train policies and "
        "evaluate them with LeRobot, and find every session afterwards. Without a command it opens the console.",
        epilog="example: lab-console demo   (opens the simulated bench; no robot needed)",
        formatter_class=Help,
    )
    _place(top)
    top.add_argument("--version", action="store_true", help="print the versions and leave")
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND")
    _record(verbs)
    training_verbs.train(verbs)
    training_verbs.watch(verbs)
    _eval(verbs)
    _preflight(verbs)
    _dataset(verbs)
    _sessions(verbs)
    _show(verbs)
    log_verbs.log(verbs, _place)
    report_verbs.report(verbs)
    verify_verbs.verify(verbs)
    _film(verbs)
    training_verbs.compare(verbs)
    number_verbs.stats(verbs)
    number_verbs.plan(verbs)
    number_verbs.judge(verbs)
    training_verbs.bring_in(verbs)
    sharing_verbs.export(verbs)
    sharing_verbs.pack(verbs)
    sharing_verbs.unpack(verbs)
    _unblind(verbs)
    _mark(verbs, "accept", "count an episode again that was rejected", "lab-console accept last 3")
    _mark(verbs, "reject", "leave an episode out of trainings", 'lab-console reject last 3 --because "a hand in view"')
    _note(verbs)
    add_verb(verbs, "attach", "open a running session again, here", "lab-console attach").add_argument(
        "session", nargs="?", metavar="SESSION", help="its id, or the beginning of it (default: the newest running)"
    )
    _calibration(add_verb(verbs, "hold", "hold the arm where it is, at once", "lab-console hold"))
    rest = add_verb(
        verbs, "rest", "open the gripper, lift, and move the arm to its taught rest pose", "lab-console rest"
    )
    rest.add_argument(
        "--teach", action="store_true", help="print the pose that the arm is in as the `rest` line of lab.toml"
    )
    _calibration(rest)
    release = add_verb(verbs, "release", "lower the arm to rest, then cut torque", "lab-console release --yes")
    release.add_argument("--yes", action="store_true", help="confirm without being asked")
    _calibration(release)
    add_verb(verbs, "init", "write a commented lab.toml here", "lab-console init")
    add_verb(verbs, "demo", "open the console on the simulated bench, with data of its own", "lab-console demo")
    training_verbs.move(verbs)
    verbs.add_parser(  # no `help`: it is not listed, since no person types it
        "there",
        description="Serve another lab-console, which calls this over ssh.",
        epilog="example: lab-console there",
        formatter_class=Help,
    )
    for verb in verbs.choices.values():
        _place(verb, argparse.SUPPRESS)
    return top


def _place(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """The options that say where: before or after the command."""
    where = "where sessions, runs and datasets are (or LAB_CONSOLE_HOME)"
    parser.add_argument("--data-dir", metavar="DIR", default=default, help=where)
    bench = "the bench of lab.toml to use (default: its `default`)"
    parser.add_argument("--bench", metavar="NAME", default=default, help=bench)


def _calibration(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--calibration",
        action="append",
        default=[],
        type=_answer,
        metavar="ARM=ACT",
        help="what to do where an arm's calibration file does not fit its motors; write-motors: write the file into "
        "them (their torque must be off), save-file: save theirs as the file that is missing, e.g. "
        "--calibration follower=write-motors; may be repeated (default: refuse and say what was found)",
    )


def _answer(text: str) -> tuple[str, str]:
    arm, _, act = text.rpartition("=")
    if not arm or act not in ("write-motors", "save-file"):
        raise argparse.ArgumentTypeError(f"ARM=write-motors or ARM=save-file is needed, not {brief(text)!r}")
    return arm, act


def _record(verbs: Verbs) -> None:
    record = add_verb(
        verbs,
        "record",
        "record demonstrations into a LeRobot dataset",
        'lab-console record --dataset pick_place --task "Pick up the cube" --episodes 3 --lockstep',
    )
    add = record.add_argument
    add("--dataset", required=True, metavar="NAME", help="the dataset's name, or owner/name")
    add("--task", required=True, metavar="TEXT", help="the instruction, or the short name of a task of lab.toml")
    add("--episodes", required=True, type=whole, metavar="N", help="accepted episodes to record in this session")
    add("--episode-seconds", type=number, metavar="S", help="length of a take (default: the bench's)")
    add("--reset-seconds", type=number, metavar="S", help="time to put the scene back (default: the bench's)")
    add("--fps", type=whole, metavar="HZ", help="frames and control periods per second (default: the bench's, 30)")
    add("--operator", metavar="NAME", help="who demonstrates (default: the first of lab.toml)")
    add("--strategy", default="", metavar="NAME", help="how the task is done, such as roll: kept with each episode")
    add("--seed", type=whole, metavar="N", help="seed of the simulated bench")
    add("--lockstep", action="store_true", help="simulated bench only: step as fast as it goes, not in real time")
    add("--resume", action="store_true", help="append to an existing dataset")
    _calibration(record)
    add_settings(
        record,
        "any key of robot, teleop, dataset (LeRobot's), motion, health, recording or sim; may be repeated, "
        "e.g. --set sim.strategy=nudge --set dataset.rgb_encoder.preset=fast",
    )


def _eval(verbs: Verbs) -> None:
    evaluate = add_verb(
        verbs,
        "eval",
        "let a policy try a task on the simulated bench, judged by its oracle (people judge on the screen, F5)",
        "lab-console eval --checkpoint 20261124-213011-7f3a --task pick_place --trials 20 --judge oracle --lockstep",
        "lab-console eval --resume 20261127-0911",
    )
    add = evaluate.add_argument
    add(
        "--resume",
        default="",
        metavar="SESSION",
        help="instead of a new evaluation, go on with one that ended before all its trials were judged, with all that "
        "was chosen for it, in a session of its own: its id, the beginning of it, or `last`",
    )
    add(
        "--checkpoint",
        action=Joined,
        default="",
        metavar="CHECKPOINT",
        help="a folder, a training's name, or a training session's id (NAME@STEP or SESSION@STEP for an older one); "
        "or owner/name[@REVISION] of the Hub, once fetched; on the simulated bench also sim-scripted@0.8, a scripted "
        "person who succeeds in that share; several, separated by commas or each with its own --checkpoint, are "
        "compared in blocks",
    )
    add("--task", default="", metavar="TEXT", help="the instruction, or the short name of a task of lab.toml")
    add("--trials", type=whole, metavar="N", help="judged trials to make")
    add("--trial-seconds", type=number, metavar="S", help="longest trial (default: the bench's length of a take)")
    add("--judge", default="", metavar="oracle", help="who judges: the oracle of a simulated bench")
    second = "who tells an opinion after each verdict and never decides: one that `judge` trained, or, simulated, "
    second += "oracle~0.1, wrong in a tenth of the trials"
    add("--second-judge", default="", metavar="NAME|oracle~ERROR", help=second)
    add("--condition", default="", metavar="TEXT", help="what its trials are tried under: the light, the object, ...")
    add("--conditions", default="", metavar="NAMES", help="start conditions, separated by commas: names of lab.toml, "
        "all, grid, DATASET#EPISODE, or places such as 'x180 y-60' (mm)")  # fmt: skip
    add("--order", default="", metavar="random|listed", help="order of the trials in each block (default: random)")
    add("--order-seed", type=whole, metavar="N", help="seed of that order, stored (default: a new one)")
    add("--blind", action="store_true", help="with several checkpoints: codes in the place of their names, until "
        "they are unblinded (`unblind`)")  # fmt: skip
    add("--sequential", default="", metavar="RATES", help="of two checkpoints: end by a rule that is fixed before and "
        "tells these success rates apart, such as '0.6 0.8', then perhaps 'level 0.05 power 0.8 most 120' (pairs); "
        "instead of --trials")  # fmt: skip
    add("--seed", type=whole, metavar="N", help="seed of the simulated bench and of the policy")
    add("--lockstep", action="store_true", help="simulated bench only: step as fast as it goes, not in real time")
    how = "between trials: return (to rest; default), home (to where the demonstrations began) or leader"
    add("--reset", default="return", metavar="HOW", help=how)
    add("--direct-reset", action="store_true", help="with --reset home: straight there, not by the rest pose")
    add("--operator", metavar="NAME", help="who asks for it (default: the first of lab.toml)")
    add("--dataset", default="", metavar="NAME", help="where the motion goes (default: rollout_, run and step)")
    add(
        "--server",
        default="",
        metavar="HOST:PORT",
        help="let LeRobot's inference server run the policy, on this machine or through an SSH tunnel: loopback only, "
        "e.g. localhost:8080",
    )
    add("--server-path", default="", metavar="PATH", help="the checkpoint on the server's machine (default: as here)")
    add("--confirm-preflight", action="store_true", help="try it whatever the preflight finds bad; that is logged")
    add("--rtc", action="store_true", help="LeRobot's real-time chunking: each chunk continues the one before")
    add_cameras(evaluate)
    _calibration(evaluate)


def _preflight(verbs: Verbs) -> None:
    preflight = add_verb(
        verbs,
        "preflight",
        "compare bench, policy and training data before an evaluation; nothing moves, torque stays as it is",
        "lab-console preflight --checkpoint 20261124-213011-7f3a --task pick_place",
        "lab-console preflight --checkpoint pick_place --task pick_place --json",
    )
    add = preflight.add_argument
    checkpoint = "a folder, a training's name, or a training session's id (NAME@STEP or SESSION@STEP for an older one)"
    add("--checkpoint", required=True, action=Joined, default="", metavar="CHECKPOINT", help=checkpoint)
    add("--task", required=True, metavar="TEXT", help="the instruction, or the short name of a task of lab.toml")
    add("--operator", metavar="NAME", help="who asks for it (default: the first of lab.toml)")
    add("--json", action="store_true", help="print an object with session, result, brief, seconds and checks (name, "
        "level, found, mends)")  # fmt: skip
    add_cameras(preflight)


def _dataset(verbs: Verbs) -> None:
    dataset = add_verb(
        verbs,
        "dataset",
        "look closely into a dataset; repair it after a crash, or carry marks over to it",
        "lab-console dataset pick_place --carry-marks",
    )
    dataset.add_argument("name", metavar="NAME", help="the dataset's name, or owner/name")
    act = dataset.add_mutually_exclusive_group()
    act.add_argument(
        "--repair",
        action="store_true",
        help="set aside what a recording left that ended badly, and keep the whole episodes; nothing is deleted",
    )
    act.add_argument(
        "--carry-marks",
        action="store_true",
        help="find the marks of its episodes in other datasets, after LeRobot's delete, split or merge",
    )
    act.add_argument("--keep-marks", action="store_true", help="keep the marks by number although episodes were edited")
    dataset.add_argument(
        "--from",
        action="append",
        default=[],
        dest="sources",
        metavar="NAME",
        help="carry marks over from this dataset only; may be repeated (default: every other one, where these agree)",
    )


def _sessions(verbs: Verbs) -> None:
    sessions = add_verb(
        verbs, "sessions", "list the sessions, newest first", "lab-console sessions --kind record --json"
    )
    sessions.add_argument("--kind", choices=["record", "train", "eval", "bench"], help="only sessions of this kind")
    sessions.add_argument(
        "--json",
        action="store_true",
        help="print a list of objects: id, kind, status, started_utc, dataset and all else that is known (--schema)",
    )
    sessions.add_argument("--schema", action="store_true", help="with --json: print the JSON Schema of that list")


def _mark(verbs: Verbs, name: str, what: str, example: str) -> None:
    mark = add_verb(verbs, name, what, example)
    mark.add_argument("session", metavar="SESSION", help=NAMED)
    mark.add_argument("episode", metavar="EPISODE", type=whole, help="the episode's number in the dataset, as shown")
    mark.add_argument("--because", default="", metavar="TEXT", help="the reason, kept with the mark")
    mark.add_argument("--operator", metavar="NAME", help="who says so (default: the first of lab.toml)")


def _note(verbs: Verbs) -> None:
    note = add_verb(
        verbs,
        "note",
        "write a note to a session: a remark, a possible cause or a lesson",
        'lab-console note last "lamp on from trial 9"',
        'lab-console note 20261124-2130 "the tilt trick confuses the policy" --hypothesis',
    )
    note.add_argument("session", metavar="SESSION", help=NAMED)
    note.add_argument("text", metavar="TEXT", help="what is noted; it is kept whole")
    kind = note.add_mutually_exclusive_group()
    for flag, what in (("hypothesis", "a possible cause of what was seen"), ("lesson", "what to do from now on")):
        kind.add_argument(f"--{flag}", action="store_const", const=flag, dest="kind", default="note", help=what)
    note.add_argument("--operator", metavar="NAME", help="who says so (default: the first of lab.toml)")


def _unblind(verbs: Verbs) -> None:
    unblind = add_verb(
        verbs, "unblind", "tell what the codes of a blinded evaluation stand for, for good", "lab-console unblind last"
    )
    unblind.add_argument("session", metavar="SESSION", help=NAMED)
    unblind.add_argument("--because", default="", metavar="TEXT", help="why, where trials are still to be judged")
    unblind.add_argument("--operator", metavar="NAME", help="who says so (default: the first of lab.toml)")


def _show(verbs: Verbs) -> None:
    show = add_verb(verbs, "show", "print what the log knows of one session, as its page in the Log", "")
    show.epilog = "\n".join(
        ("examples:", "  lab-console show last", "  lab-console show 20261124-2130", "  lab-console show last --json")
    )
    show.add_argument("session", metavar="SESSION", help=NAMED)
    show.add_argument(
        "--json",
        action="store_true",
        help="print the page as an object with the keys session, state and sections (name, table, rows); a row has "
        "name, interval and values (text, tone, mark, strong)",
    )


def _film(verbs: Verbs) -> None:
    film = add_verb(
        verbs,
        "film",
        "render saved episodes or trials into one MP4, with their verdicts",
        "lab-console film last",
        "lab-console film pick_place 0-4,7 --traces",
        "lab-console film 20261124-2130 --beside 20261125-0911 -o both.mp4",
    )
    add = film.add_argument
    add("what", metavar="SESSION|DATASET", help="a session's id, its beginning, or `last`; or a dataset, or its folder")
    add("episodes", nargs="?", default="", metavar="EPISODES", help="their numbers in the dataset, e.g. 0-4,7 "
        "(default: those that are accepted, or have a verdict that counts)")  # fmt: skip
    add("--beside", default="", metavar="SESSION", help="a second evaluation: its trials beside those of the first "
        "under the same condition")  # fmt: skip
    add("--camera", default="", metavar="NAME", help="the main picture (default: the largest)")
    add("--traces", action="store_true", help="draw the joints below")
    add("-o", "--output", default="", metavar="FILE", help="where to (default: film-NAME.mp4 here)")
