"""The verb of the command line that writes reports."""

from __future__ import annotations

from console.making_verbs import Verbs, add_verb


def report(verbs: Verbs) -> None:
    """What is known of sessions, or of a dataset, as a page to keep."""
    verb = add_verb(
        verbs,
        "report",
        "write what the log knows of a dataset, or of sessions, as Markdown, HTML or PDF",
        "lab-console report --dataset pick_place -o pick_place.html",
        "lab-console report 20261124-2130 last --format md",
    )
    add = verb.add_argument
    add("sessions", nargs="*", metavar="SESSION", help="a session's id, the beginning of it, `last`, or its key in the "
        "file that it was imported from; a training brings its recordings and its evaluations")  # fmt: skip
    add("--dataset", default="", metavar="NAME", help="instead: everything of this dataset")
    add("-o", "--output", default="", metavar="FILE", help="where to; what is there is never overwritten (default: "
        "print it; a PDF goes to report.pdf here)")  # fmt: skip
    add("--format", default="", metavar="md|html|pdf", help="default: as FILE ends, else md; a PDF needs chromium or "
        "weasyprint on this machine")  # fmt: skip
    add("--template", default="", metavar="FILE", help="a jinja2 template in the place of the console's own")
