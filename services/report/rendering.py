"""A report through a template: jinja2, sandboxed, with everything escaped that comes out of it.

A template gets `report` (`services.report.parts.Report`). The two that the console has are templates/report.md.j2 and
templates/report.html.j2.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from jinja2 import BaseLoader, PackageLoader, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from services.refusal import Refusal
from services.report.escaping import markdown
from services.report.foreign_template import Task, filled, sealed
from services.report.parts import Chart, Report
from services.text import clean, plain
from sessions.files import read_file

_GAPS = re.compile(r"\n{3,}")
LARGEST = 1024 * 1024
"""Bytes of a template that is read."""


class Format(StrEnum):
    """What a report is written as."""

    MARKDOWN = "md"
    HTML = "html"
    PDF = "pdf"


def render(report: Report, format: Format, template: Path | None = None) -> str:
    """The report as Markdown or as HTML (of a PDF, the page that is printed). Raises Refusal for a bad template."""
    is_markdown = format is Format.MARKDOWN
    if template is None:
        name = f"report.{Format.MARKDOWN if is_markdown else Format.HTML}.j2"
        made = _own(name, is_markdown=is_markdown).render(report=report)
    else:
        made = filled(Task(report, template.name, _read(template), is_markdown))
        made = made if is_markdown else sealed(made, template.name)
    return plain(_GAPS.sub("\n\n", made) if is_markdown else made)


@lru_cache
def _own(name: str, *, is_markdown: bool) -> Template:
    loader = PackageLoader("services.report", "templates")
    return environment(is_markdown=is_markdown, loader=loader).get_template(name)


def environment(*, is_markdown: bool, loader: BaseLoader | None = None) -> ImmutableSandboxedEnvironment:
    """What escapes everything that a template writes: by `markdown`, or as jinja2 does for HTML."""
    made = ImmutableSandboxedEnvironment(
        loader=loader, autoescape=not is_markdown, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
        finalize=markdown if is_markdown else None, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["drawn"] = _drawn
    return made


def _drawn(chart: Chart) -> Markup:
    """A drawing, whose texts were escaped when it was made."""
    return Markup(chart.svg)


def _read(path: Path) -> str:
    try:
        data = read_file(path.expanduser())
        if len(data) > LARGEST:
            raise Refusal(f"the template {clean(str(path))} is larger than {LARGEST:,} bytes: name another")
        return data.decode()
    except OSError as error:
        raise Refusal(f"the template {clean(str(path))} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise Refusal(f"the template {clean(str(path))} is no UTF-8 text: save it as such") from None
