"""A page of HTML printed as PDF, by a browser or by weasyprint, whichever this machine has. Nothing is fetched.

A browser prints the page as it is shown, with its drawings, and stands on most machines; weasyprint is tried after it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from services.refusal import Refusal
from services.text import clean

BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "brave-browser",
    "chrome",
)  # fmt: skip
PRINTS_S = 90.0
"""A page takes two seconds; a machine that is busy, more."""


def printer() -> tuple[str, str] | None:
    """(browser or weasyprint, the program's path) of this machine; None if it has neither."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return "browser", path
    path = shutil.which("weasyprint")
    return ("weasyprint", path) if path else None


def check() -> tuple[str, str]:
    """The `printer` of this machine. Raises Refusal where nothing here makes a PDF."""
    found = printer()
    if found is None:
        raise Refusal(
            "nothing on this machine makes a PDF: install chromium (or weasyprint), or write --format html and print "
            "it from any browser"
        )
    return found


def printed(page: str, beside: Path) -> bytes:
    """The page as PDF. Its files for a moment are in a folder made in `beside`, which the program can read.

    Raises Refusal if there is no program, or it fails.
    """
    kind, program = check()
    with tempfile.TemporaryDirectory(prefix="report-", dir=beside, ignore_cleanup_errors=True) as folder:
        source, target = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_text(page, encoding="utf-8")
        said = _run(_command(kind, program, source, target), folder)
        with suppress(OSError):
            if (made := target.read_bytes()).startswith(b"%PDF-"):
                return made
    name = Path(program).name
    why = f": {clean(said[-300:]).strip()}" if said.strip() else ""
    raise Refusal(f"{name} made no PDF{why}: write --format html, and print it from a browser")


def _command(kind: str, program: str, source: Path, target: Path) -> list[str]:
    if kind == "weasyprint":
        return [program, str(source), str(target)]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # chromium has none for root; the page has no script
    return [
        program, "--headless", "--disable-gpu", *sandbox, "--disable-extensions", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-background-networking", f"--user-data-dir={source.parent / 'profile'}",
        "--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>",  # a template's page reaches nobody
        "--no-pdf-header-footer", f"--print-to-pdf={target}", source.as_uri(),
    ]  # fmt: skip


def _run(command: list[str], folder: str) -> str:
    """Run it, and end all of its processes; what it printed."""
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return error.strerror or str(error)
    try:
        _, said = process.communicate(timeout=PRINTS_S)
        return said.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return f"it did not end within {PRINTS_S:g} s"
    finally:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
