"""The verbs of the command line about numbers of trials."""

from __future__ import annotations

from console.making_verbs import Verbs, add_verb, number


def stats(verbs: Verbs) -> None:
    """What results carry."""
    verb = add_verb(
        verbs,
        "stats",
        "say what numbers of trials carry: rates with their intervals, differences, exact tests",
        "lab-console stats 1/5 4/5 1/5",
        "lab-console stats 20261124-2130 last --json",
        "lab-console stats 1/5+4/5+1/5 5/5",
    )
    verb.add_argument(
        "arms",
        nargs="+",
        metavar="K/N|SESSION",
        help="successes and trials, or an evaluation: its id, the beginning of it, or `last`; with + between them "
        "several count as one",
    )
    verb.add_argument(
        "--json",
        action="store_true",
        help="print an object with the keys arms and pooled (successes, trials, estimate, wilson_95), homogeneity "
        "(freeman_halton_p) and for two arms comparison (difference, newcombe_95, boschloo_p_two_sided)",
    )


def plan(verbs: Verbs) -> None:
    """How many trials are needed."""
    verb = add_verb(
        verbs,
        "plan",
        "say how many trials of each arm tell two success rates apart, and how long that takes",
        "lab-console plan 0.6 0.8 --alpha 0.05 --power 0.8",
    )
    verb.add_argument("first", metavar="RATE", help="a success rate from 0 to 1")
    verb.add_argument("second", metavar="RATE", help="the other one")
    verb.add_argument("--alpha", type=number, default=0.05, metavar="A", help="level of the test (default: 0.05)")
    power = "how often a true difference is to be found (default: 0.8)"
    verb.add_argument("--power", type=number, default=0.8, metavar="P", help=power)
    verb.add_argument(
        "--json", action="store_true", help="print an object with trials_per_arm and what it follows from"
    )


def judge(verbs: Verbs) -> None:
    """Train a second judge."""
    verb = add_verb(
        verbs,
        "judge",
        "train a second judge on the last pictures of the trials judged so far, or list those there are",
        "lab-console judge",
        "lab-console judge bowl",
        "lab-console judge bowl 20261124-2130 20261125-0911",
    )
    verb.add_argument("name", nargs="?", default="", metavar="NAME", help="the new judge's name; without, list them")
    verb.add_argument("sessions", nargs="*", metavar="SESSION", help="evaluations of one task on one bench, by id, its "
                      "beginning, or `last` (default: all of the bench with the newest one's task)")  # fmt: skip
    verb.add_argument("--task", default="", metavar="TEXT", help="those of this task, as it was run or as lab.toml "
                      "calls it")  # fmt: skip
