"""A template of somebody else's, filled in a process of its own with limits on time, memory and output.

A template is a program: jinja2's sandbox keeps it from files and from this process, but not from running forever. What
comes out of one is no page that loads or runs anything: `sealed`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from html.parser import HTMLParser

import msgspec

from services.child_process import die_with
from services.refusal import Refusal
from services.report.parts import Report
from services.text import brief, clean

SECONDS = 30.0
"""A report of 200 sessions takes two."""
MEMORY = 1 << 30
LARGEST = 64 << 20
"""Bytes of a page that is taken."""
MENDS = "see to it, or leave --template out"
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)


class Task(msgspec.Struct, frozen=True):
    """A template's text and name, and what it is filled with."""

    report: Report
    name: str
    text: str
    is_markdown: bool


class Outcome(msgspec.Struct, frozen=True):
    """The page, or else why there is none."""

    page: str = ""
    problem: str = ""


def filled(task: Task) -> str:
    """The page. Raises Refusal if the template fails, or takes too long, too much memory or too much room."""
    name = clean(task.name)
    command = [sys.executable, "-P", "-m", __spec__.name if __spec__ else __name__, str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            answer, _ = process.communicate(msgspec.msgpack.encode(task), timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise Refusal(f"the template {name} did not end within {SECONDS:g} s: {MENDS}") from None
        finally:
            process.kill()
    try:
        outcome = msgspec.msgpack.decode(answer, type=Outcome)
    except msgspec.DecodeError:
        raise Refusal(f"the template {name} took more memory than it may: {MENDS}") from None
    if outcome.problem:
        raise Refusal(f"the template {name}{outcome.problem}: {MENDS}")
    return outcome.page


def sealed(page: str, name: str) -> str:
    """The HTML with a policy before anything of its own: no script runs and nothing is loaded.

    Raises Refusal for a page that leads on to another by itself, which no policy keeps it from.
    """
    if _leads_on(page):
        raise Refusal(f"the template {clean(name)} makes a page that leads on to another one (refresh): {MENDS}")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    if found := _DOCTYPE.match(page):
        return f"{found[0]}\n{policy}{page[found.end() :]}"
    return f"<!doctype html>\n{policy}\n{page}"


def _leads_on(page: str) -> bool:
    found: list[str] = []

    class Metas(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "meta":
                found.extend((value or "").strip().lower() for key, value in attrs if key == "http-equiv")

    parser = Metas()
    parser.feed(page)
    parser.close()
    return "refresh" in found


# -- the process ----------------------------------------------------------------------------------------


def main() -> None:
    """Read a task, write its outcome."""
    die_with(int(sys.argv[1]))
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Task)
    from services.report.rendering import environment

    made = environment(is_markdown=task.is_markdown)
    _limit()
    sys.stdout.buffer.write(msgspec.msgpack.encode(_outcome(made, task)))


def _limit() -> None:
    import resource  # not on every system

    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _outcome(made: object, task: Task) -> Outcome:
    from jinja2 import Environment, TemplateError

    assert isinstance(made, Environment)
    try:
        page = made.from_string(task.text).render(report=task.report)
        page.encode()
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        return Outcome(problem=f"{f', line {line}' if line else ''}: {brief(str(error), 300)}")
    except MemoryError:
        return Outcome(problem=" took more memory than it may")
    except Exception as error:  # a template is a program of somebody else's
        return Outcome(problem=f" fails: {brief(str(error), 300) or type(error).__name__}")
    return Outcome(page) if len(page) <= LARGEST else Outcome(problem=f" makes a page of over {LARGEST:,} characters")


if __name__ == "__main__":
    main()
