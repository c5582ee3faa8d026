"""The verbs that say what no longer matches: `verify`, and `log verify`."""

from __future__ import annotations

from console.making_verbs import Parser, Verbs, add_verb

VERIFIED = "print a list of objects with kind, name and findings (what, standing, detail, next)"


def log_verify(own: Verbs) -> Parser:
    """`log verify`: whether the parts of the log agree."""
    verify = add_verb(
        own,
        "verify",
        "say where the log's file, run folders, datasets and checkpoints disagree; nothing is changed",
        "lab-console log verify",
    )
    verify.add_argument("--json", action="store_true", help=VERIFIED)
    return verify


def verify(verbs: Verbs) -> None:
    """What no longer matches of what was made and used."""
    made = add_verb(
        verbs,
        "verify",
        "say what no longer matches, by content: data, checkpoints, what an evaluation tried",
        "lab-console verify",
        "lab-console verify last pick_place act_v2@20000",
    )
    made.description = (
        f"{made.description} Of weights and videos samples are compared: other ones are found, a single damaged "
        "byte may not be."
    )
    made.add_argument("things", nargs="*", metavar="SESSION|DATASET|CHECKPOINT", help="a session's id, its beginning "
        "or `last`; a dataset's name or folder; a checkpoint's folder, NAME or NAME@STEP (default: every "
        "session)")  # fmt: skip
    made.add_argument("--json", action="store_true", help=VERIFIED)
