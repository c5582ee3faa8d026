"""`lab-console verify` and `log verify`: what no longer matches, and where the log's parts disagree."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from console.exit import FAILED, OK, complain
from services.folders import data_folder
from services.lineage.findings import Finding, Standing, Verified, as_json
from services.text import clean, escape_json
from services.units import plural

MOST = 20
"""Findings of one kind that are listed; `--json` has all."""


def verify(options: argparse.Namespace) -> int:
    """Print what was found of each thing; 1 if something no longer matches."""
    from services.lineage.verify import verify as look
    from services.log import logbook

    folder = data_folder(options.data_dir)
    book = logbook.sessions(folder) if folder.root.exists() else logbook.Logbook()
    if book.message:
        complain(book.message)
    verified = list(look(folder, book.sessions, options.things))
    if options.json:
        print(escape_json(as_json(verified).decode()))
    else:
        for each in verified:
            if options.things or each.bad:
                _print(each, f"{each.kind} {each.name}")
        if not options.things:
            wrong = sum(each.bad for each in verified)
            print(
                f"{plural(len(verified), 'session')} looked at: {wrong or 'none'} with something that no longer matches"
            )
    return FAILED if any(each.bad for each in verified) else OK


def log_verify(options: argparse.Namespace) -> int:
    """Print where file, runs, datasets and checkpoints disagree; 1 if they do. Nothing is changed."""
    from services.lineage.log_check import check_log

    verified = check_log(data_folder(options.data_dir))
    if options.json:
        print(escape_json(as_json(verified).decode()))
    else:
        for each in verified:
            if each.findings:
                _print(each, each.name)
    return FAILED if any(each.bad for each in verified) else OK


def _print(verified: Verified, title: str) -> None:
    print(clean(title))
    if not verified.findings:
        print("  nothing that could have changed")
    for finding in _shortened(verified.findings):
        print(f"  {finding}")


def _shortened(findings: Iterable[Finding]) -> Iterable[str]:
    """A line for each, at most `MOST` of those that stand alike."""
    said: dict[Standing, int] = {}
    for finding in findings:
        said[finding.standing] = said.get(finding.standing, 0) + 1
        if said[finding.standing] <= MOST:
            detail = f" ({finding.detail})" if finding.detail else ""
            then = f"; {finding.next}" if finding.next else ""
            yield clean(f"{finding.standing.value:14}  {finding.what}{detail}{then}")
    for standing, count in said.items():
        if count > MOST:
            yield f"{standing.value:14}  and {count - MOST} more: --json lists all"
