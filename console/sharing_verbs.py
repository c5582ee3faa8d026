"""The verbs of the command line by which sessions leave the log and come into it from other benches."""

from __future__ import annotations

import argparse

from console.making_verbs import NAMED, Parser, Verbs, add_verb

FORMATS = ("json", "csv", "orbit", "tensorboard", "wandb", "trackio")


def export(verbs: Verbs) -> None:
    """The log for other tools."""
    verb = add_verb(
        verbs,
        "export",
        "write sessions for other tools: JSON, CSV tables, trials for orbit-eval, or metrics for a tracker",
        "lab-console export --as csv --to tables",
        "lab-console export --where 'kind:eval dataset:cubes' --as orbit --to evals",
        "lab-console export 20261124-2130 last --as json --to out",
        "lab-console export last --as tensorboard --to board",
    )
    verb.formatter_class = argparse.RawDescriptionHelpFormatter
    verb.description = f"{verb.description}\n\n{WHAT}"
    add = verb.add_argument
    add("sessions", nargs="*", metavar="SESSION", help="their ids, the beginning of each, or `last` (default: all)")
    add("--as", required=True, choices=FORMATS, dest="kind", help="the format, see above")
    add("--to", required=True, metavar="DIR", help="the folder, made if it is not there")
    add("--where", default="", metavar="FILTER", help="only those that fit this filter of the Log: "
        "'kind:eval dataset:cubes after:2026-11 #night'")  # fmt: skip
    add("--overwrite", action="store_true", help="replace files of the same names (default: refuse)")


def merge(own: Verbs) -> Parser:
    """Other benches' logs, a verb of `log`."""
    what = "bring the sessions of other benches' logs into this one, each once"
    verb = add_verb(
        own,
        "merge",
        what,
        "lab-console log merge /mnt/bench2/lab-console",
        "lab-console log merge old/sessions.json",
    )
    verb.description = (
        f"{what[0].upper()}{what[1:]}: of one that is there already the longer copy counts, with the notes "
        "of both. Events, metrics and requests are copied, datasets and checkpoints are not (`fetch`, `pack`). The "
        "other logs are only read."
    )
    where = "another bench's data folder, or a sessions.json"
    verb.add_argument("places", nargs="+", metavar="FOLDER|FILE", help=where)
    return verb


def pack(verbs: Verbs) -> None:
    """A session as one file."""
    verb = add_verb(
        verbs,
        "pack",
        "write a session, and those that it came from, into one file",
        "lab-console pack last --with-data",
        "lab-console pack 20261124-2130 -o for-anna.zip",
    )
    verb.add_argument("session", metavar="SESSION", help=NAMED)
    verb.add_argument("-o", "--output", default="", metavar="FILE", help="where to (default: NAME-SESSION.zip here)")
    data = "also its dataset and the checkpoints that it tried, or the newest that it made"
    verb.add_argument("--with-data", action="store_true", help=data)


def unpack(verbs: Verbs) -> None:
    """The file of a session from elsewhere."""
    verb = add_verb(
        verbs,
        "unpack",
        "bring the sessions of a packed file into the log, and its data into the data folder, or refuse it whole",
        "lab-console unpack act_v2-20261124-213011-7f3a.zip",
    )
    verb.add_argument("file", metavar="FILE", help="what `pack` wrote, here or elsewhere")
    verb.add_argument("--without-data", action="store_true", help="leave its dataset and checkpoints out")


WHAT = """\
formats:
  json         lab-log.json: sessions as `sessions --json` prints them, and curves; lab-log.schema.json describes it
  csv          one tidy table each, joined by `session`; datapackage.json has each column's type and meaning.
               pandas.read_csv(FILE, keep_default_na=False, na_values=[""], dtype_backend="numpy_nullable",
                               float_precision="round_trip")
  orbit        trials.csv, as `orbit check` reads it: version, skill, episode, success, reason, block, started_utc;
               void trials, practice and blinded comparisons are left out
  tensorboard, wandb (offline), trackio: the metrics of trainings, where that library is installed

tables of csv (texts that begin with = + - @ have a ' before them, so that no spreadsheet runs them):
  sessions.csv: session, kind, status, started_utc, ended_utc, seconds, operator, host, bench, task, dataset,
    dataset_root, checkpoint, trained_in, policy, subject, blinded, imported, target, accepted, rejected, success,
    failure, void, step, checkpoints, points, loss, end_reason, tags, came_from
  episodes.csv: session, dataset, episode, take, frames, seconds, accepted, flags, why, marked_by, moments,
    strategy, light, grasp_x, grasp_y
  trials.csv: session, dataset, trial, checkpoint, condition, verdict, counts, practice, assisted, failure_mode,
    stages, judge, ended_by, why, began_utc, judged_utc, seconds, seconds_to_verdict, frames, episode, second,
    judged_first, no_opinion, infer_ms, infer_ms_most, inferences, starved, late, jerk, seam
  checkpoints.csv: session, step, saved_utc, path, bytes, seconds, loss, eval_loss, weights
  metrics.csv: session, step, at_utc, samples, metric, value
  alarms.csv: session, first_utc, times, camera, text
  notes.csv: session, note, kind, at_utc, author, trial, text, edits, edited_utc, edited_by
"""
