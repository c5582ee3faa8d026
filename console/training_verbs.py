"""The verbs about trainings: make one, watch one, move what it needs and makes, compare them, add older ones."""

from __future__ import annotations

from console.making_verbs import Verbs, add_settings, add_verb, number, whole


def train(verbs: Verbs) -> None:
    """Make a policy, or go on with one."""
    train = add_verb(
        verbs,
        "train",
        "train a policy on the accepted episodes of a dataset; it outlives this terminal",
        "lab-console train --dataset pick_place --policy act --steps 20000 --exclude-cameras overhead",
        "lab-console train --dataset pick_place --policy act --steps 20000 --exclude-episodes 11,26,49-52 "
        '--because "failed grasps" --leave-out-flagged',
        "lab-console train --dataset pick_place --policy act --steps 20000 --resize 320x240 --held-out 0.1",
        "lab-console train --dataset pick_place --policy act --steps 20000 --show-config   (prints it as JSON)",
        "lab-console train --dataset pick_place --config edited.json",
        "lab-console train --resume act_pick_place --steps 40000",
    )
    add = train.add_argument
    add("--dataset", metavar="NAME", help="the dataset's name, or owner/name")
    add(
        "--policy",
        metavar="POLICY",
        help="a policy that LeRobot knows (act, smolvla, ...), or the path or Hub id of a pretrained one",
    )
    add("--steps", type=whole, metavar="N", help="updates to make; with --resume in all, those that are made included")
    add(
        "--resume",
        default="",
        metavar="SESSION",
        help="instead of a new training, go on with one that has ended, from its newest checkpoint and with all that "
        "was chosen for it: its name, its session's id or the beginning of it, or `last`",
    )
    add("--anyway", action="store_true", help="with --resume: also if the dataset is not what it was")
    add("--batch-size", type=whole, metavar="N", help="samples in an update (default: 8)")
    add(
        "--processes",
        type=whole,
        metavar="N",
        help="processes that train together, each on a GPU of its own and with batches of its own, so that an update "
        "learns from N batches (default: 1)",
    )
    add(
        "--exclude-cameras",
        action="append",
        default=[],
        metavar="A,B",
        help="cameras of the dataset to leave out: they are neither decoded nor seen by the policy",
    )
    add(
        "--resize",
        default="",
        metavar="WIDTHxHEIGHT",
        help="bring all pictures to this size, such as 320x240 (stretched, if that is another shape than they have); "
        "kept in the checkpoint, so that whoever loads it resizes alike",
    )
    add(
        "--exclude-episodes",
        default="",
        metavar="NUMBERS",
        help="episodes to leave out besides the rejected ones: numbers of the dataset and ranges, e.g. 11,26,49-52; "
        "needs --because",
    )
    add("--because", default="", metavar="TEXT", help="why these are left out, kept with the training")
    add(
        "--exclude-tag",
        action="append",
        default=[],
        dest="exclude_tags",
        metavar="TAG",
        help="leave out the episodes of sessions with this tag; may be repeated",
    )
    add(
        "--leave-out-flagged",
        action="store_true",
        help="leave out episodes with a flag (a dark camera, dropped frames, ...)",
    )
    add(
        "--held-out",
        type=number,
        metavar="SHARE",
        help="do not learn from the last episodes of each task, this share of them (0.1: a tenth), but measure their "
        "loss; the checkpoint with the lowest is marked `best`, though trials rank policies, and loss does not",
    )
    add(
        "--held-out-every",
        type=whole,
        metavar="STEPS",
        help="steps between two measurements of the held-out loss (default: at each checkpoint)",
    )
    add("--save-freq", type=whole, metavar="N", help="steps between two checkpoints (default: a fifth of them)")
    add("--log-freq", type=whole, metavar="N", help="steps between two points of the curves (default: a hundredth)")
    add("--name", default="", metavar="NAME", help="the folder below outputs/train (default: policy and dataset)")
    add(
        "--push",
        default="",
        metavar="OWNER/NAME",
        help="upload the policy to this private repository of the Hub after the last step (default: nothing is)",
    )
    add("--on", metavar="TARGET", help="train on a [target.NAME] of lab.toml: another machine, or a cluster")
    add("--operator", metavar="NAME", help="who asks for it (default: the first of lab.toml)")
    add(
        "--config",
        default="",
        metavar="FILE",
        help="LeRobot's configuration as JSON: what --show-config printed, edited, or the train_config.json of a run; "
        "where it has what a flag above says, the flag counts more, and so does --set",
    )
    add(
        "--show-config",
        action="store_true",
        help="print LeRobot's exact configuration of this training as JSON, and begin nothing",
    )
    add(
        "--check",
        action="store_true",
        help="take a few steps that nobody keeps, print what the training will need against what is there (parameters, "
        "memory, disk, decoder, time) with what would help, and begin nothing; fails if it surely cannot work",
    )
    add_settings(
        train,
        "any other key of LeRobot's training configuration; may be repeated, "
        "e.g. --set policy.chunk_size=50 --set num_workers=2",
    )


def watch(verbs: Verbs) -> None:
    """Follow a training that was started elsewhere."""
    watch = add_verb(
        verbs,
        "watch",
        "follow a training that was started elsewhere, from what it leaves behind",
        "lab-console watch outputs/train/act_cubes",
        "lab-console watch train.log --keep",
        "ssh box tail -n +1 -F train.log | lab-console watch -",
        "lab-console watch train.log --json --follow",
    )
    add = watch.add_argument
    add(
        "path",
        metavar="PATH",
        help="the console log of a lerobot-train, its output folder, TensorBoard's event file, W&B's offline file "
        "(run-*.wandb), the name or id of a training of ours, or - for a log on standard input; it is only read",
    )
    add(
        "--json",
        action="store_true",
        help="print one object per log point: run (from 1), step, exact (false: the log rounds it), samples, metrics",
    )
    add("--keep", action="store_true", help="keep its runs in the log, too; kept again, they get what was added")
    add("--follow", action="store_true", help="without a screen: go on at the end of a file, or wait until it appears")


def move(verbs: Verbs) -> None:
    """Copy datasets and checkpoints between machines."""
    what = "a dataset, a training (its newest checkpoint), TRAINING@STEP, or a training session's id"
    send = add_verb(
        verbs,
        "send",
        "copy a dataset or a checkpoint to another machine; a copy that was cut goes on, nothing is overwritten",
        "lab-console send pick_place --to gpu",
    )
    send.add_argument("what", metavar="WHAT", help=what)
    send.add_argument("--to", required=True, metavar="TARGET", help="a [target.NAME] of lab.toml")
    fetch = add_verb(
        verbs,
        "fetch",
        "copy a dataset or a checkpoint from another machine; a copy that was cut goes on, nothing is overwritten",
        "lab-console fetch act_pick_place@20000 --from gpu",
        "lab-console fetch lerobot/pusht --from hub",
    )
    fetch.add_argument("what", metavar="WHAT", help=f"{what}, as it is called there")
    fetch.add_argument(
        "--from", required=True, dest="source", metavar="TARGET", help="a [target.NAME] of lab.toml, or `hub`"
    )


def compare(verbs: Verbs) -> None:
    """Set trainings side by side."""
    compare = add_verb(
        verbs,
        "compare",
        "set up to four trainings side by side: their figures, what differs, and what of it the facts explain",
        "lab-console compare act_v1 act_v2 --markdown",
    )
    compare.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="a training's name, its session's id or the beginning of it, or `last`: the newest one; "
        "the others are compared with the first",
    )
    form = compare.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print it as Markdown")
    form.add_argument(
        "--json",
        action="store_true",
        help="print an object with the keys runs, rows (name, kind, cells, differs), changes (about, before and after "
        "in seconds, part, causes, sentence), warnings and notes",
    )


def bring_in(verbs: Verbs) -> None:
    """Add what an older bench wrote down."""
    bring_in = add_verb(
        verbs,
        "import",
        "add to the log what this console did not make: a dataset, a training, or what an older bench wrote down",
        "lab-console import bench_history.toml",
        "lab-console import ~/.cache/huggingface/lerobot/me/cubes",
        "lab-console import outputs/train/act_cubes",
    )
    bring_in.add_argument(
        "path",
        metavar="PATH",
        help="TOML with [[dataset]], [[recording]], [[training]], [[evaluation]] and [[bench]] tables, the folder "
        "of a LeRobot dataset (version 3), a training's output folder, or its log, TensorBoard or W&B file; "
        "importing it again adds nothing twice, and what changed is corrected in the log; nothing of it is written",
    )
