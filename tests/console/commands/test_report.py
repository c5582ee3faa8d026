"""`lab-console report`: where it writes, what it refuses, and templates in the place of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.__main__ import main
from console.exit import BAD_USAGE, FAILED, OK
from services.folders import DataFolder
from services.report import foreign_template, pdf
from tests.services.report.conftest import C, bench

__all__ = ["bench"]


def run(bench: DataFolder, *words: str) -> int:
    return main(["--data-dir", str(bench.root), "report", *words])


def test_it_prints_markdown_and_writes_what_the_file_is_called(
    bench: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(bench, "--dataset", C) == OK
    assert capsys.readouterr().out.startswith(f"# Report: {C}\n\n## Dataset")
    page = tmp_path / "report.html"
    assert run(bench, "--dataset", C, "-o", str(page)) == OK
    said = capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>") and f"{page}: Report: {C}, 10 sessions, " in said
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_a_session_brings_what_belongs_to_it(bench: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bench, "C1") == OK
    page = capsys.readouterr().out
    assert "## Training C1" in page and "87 recorded" in page and "| 6/15 |" in page
    assert run(bench, "C second") == BAD_USAGE
    assert run(bench, "C1 second") == OK
    page = capsys.readouterr().out
    assert "## Training C1" in page and "| 4/5 |" in page and "87 recorded" not in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name sessions, or a dataset with --dataset NAME"),
        (["last", "--dataset", C], "name sessions, or a dataset with --dataset NAME"),
        (["nothing"], "no session of"),
        (["--dataset", "so101_pick_place_10cm_v4"], "did you mean so101_pick_place_10cm_v"),
        (["--dataset", C, "--format", "docx"], "'docx' is no format of a report: md, html, pdf"),
        (["--dataset", C, "-o", "report.txt"], "report.txt does not say what the report is written as"),
        (["--dataset", C, "-o", "no/where.md"], "does not exist: choose another file with -o"),
        (["--dataset", C, "--template", "none.j2"], "the template none.j2 cannot be read: No such file"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    bench: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(bench, *words) == BAD_USAGE
    told = capsys.readouterr()
    assert said in told.err and not told.out and not list(tmp_path.iterdir())


def test_what_is_there_is_never_overwritten(
    bench: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.md"
    page.write_text("mine")
    assert run(bench, "--dataset", C, "-o", str(page)) == BAD_USAGE
    assert "exists: choose another file with -o" in capsys.readouterr().err and page.read_text() == "mine"


def test_a_template_of_ones_own_is_escaped_as_the_consoles_are(
    bench: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "mine.j2"
    template.write_text("{% for s in report.sections %}{{ s.key }}: {{ s.title.text }} {{ '<b>|' }}\n{% endfor %}")
    assert run(bench, "--dataset", C, "--template", str(template)) == OK
    assert capsys.readouterr().out.startswith(f"dataset: Dataset {C} \\<b\\>\\|\n")
    for text, said in (("{% for %}", "template mine.j2, line 1:"), ("{{ report.nothing }}", "has no attribute"),
                       ("{{ ''.__class__.__mro__ }}", "unsafe"), ("{{ 1 / 0 }}", "division by zero")):  # fmt: skip
        template.write_text(text)
        assert run(bench, "--dataset", C, "--template", str(template)) == BAD_USAGE
        assert said in capsys.readouterr().err


def test_a_template_from_elsewhere_neither_reads_nor_runs_on(
    bench: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(foreign_template, "SECONDS", 2.0)
    endless = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"
    template = tmp_path / "theirs.j2"
    for text, said in (
        (endless, "the template theirs.j2 did not end within 2 s"), ("{{ 'a' * 10**11 }}", "took more memory"),
        ("{% include '/etc/passwd' %}", "theirs.j2 fails"),
        ("<META HTTP-EQUIV='&#82;efresh' content='0;url=file:///etc/passwd'>", "leads on to another one"),
    ):  # fmt: skip
        template.write_text(text)
        assert run(bench, "--dataset", C, "--format", "html", "--template", str(template)) == BAD_USAGE
        told = capsys.readouterr()
        assert said in told.err and not told.out


def test_the_page_of_a_template_runs_and_loads_nothing(
    bench: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "theirs.j2"
    for text in ("<!DOCTYPE html><html><head>{}</head></html>", "{}"):
        template.write_text(text.format("<script src='http://x/'></script><iframe src='file:///etc/passwd'></iframe>"))
        assert run(bench, "--dataset", C, "--format", "html", "--template", str(template)) == OK
        page = capsys.readouterr().out
        policy = page.index("content=\"default-src 'none'; style-src 'unsafe-inline'")
        assert page.lower().startswith("<!doctype html>") and policy < page.index("<script")


def test_without_a_program_for_it_a_pdf_is_refused_with_the_way_out(
    bench: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(bench, "--dataset", C, "-o", str(tmp_path / "report.pdf")) == BAD_USAGE
    assert "install chromium (or weasyprint), or write --format html" in capsys.readouterr().err
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\necho no display >&2\nexit 1\n")
    browser.chmod(0o755)
    assert run(bench, "--dataset", C, "-o", str(tmp_path / "report.pdf")) == BAD_USAGE
    assert "chromium made no PDF: no display: write --format html" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["chromium"]


@pytest.mark.system("chromium")
@pytest.mark.skipif(pdf.printer() is None, reason="chromium is not installed")
def test_a_browser_prints_it(bench: DataFolder, tmp_path: Path) -> None:
    page = tmp_path / "report.pdf"
    assert run(bench, "--dataset", C, "-o", str(page)) == OK
    assert page.read_bytes().startswith(b"%PDF-") and [each.name for each in tmp_path.iterdir()] == ["report.pdf"]


def test_a_full_disk_is_named_with_the_file_that_was_not_written(
    bench: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(page: str, beside: Path) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pdf, "printed", full)
    monkeypatch.setattr(pdf, "check", lambda: None)
    assert run(bench, "C1", "-o", str(tmp_path / "c.pdf")) == FAILED
    assert f"{tmp_path / 'c.pdf'} was not written: the disk is full" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
