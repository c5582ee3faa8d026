"""Every number of a report stands in a fact, and every fact names the sessions and the places that it comes from."""

from __future__ import annotations

import html
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from scipy.stats import binomtest

from services.folders import DataFolder
from services.report.escaping import markdown
from services.report.make import of_scope
from services.report.make import report as of_dataset_in
from services.report.parts import CURVES, Fact, Report, walk
from services.report.rendering import Format, render
from services.report.scope import of_dataset
from tests import ROOT
from tests.services.report.test_own_sessions import LOG, PAIRS, VOID, A, B, tried

NUMBERS = r"([+-]\d+ )?\[[+-]?\d+, [+-]?\d+\]"
"""An interval, perhaps behind a difference."""
FIXED = {"95 % interval"}
"""Words of the report's own that hold a number."""
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")


def traced(report: Report) -> set[str]:
    """The texts of facts that name a source, and their names, which tell of the same."""
    known = [fact for fact in report.facts if fact.sources]
    return {fact.text for fact in known} | {fact.name for fact in known}


def units(page: str) -> Iterator[str]:
    """What stands by itself in a page of Markdown: names, texts, cells, titles, ids."""
    for line in page.splitlines():
        if line.startswith("|"):
            yield from (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        elif line.startswith("*From"):
            yield from line.removeprefix("*From ").removesuffix("*").split(", ")
        elif named := re.fullmatch(r"- \*\*(.*?)\*\*: (.*)", line):
            yield from named.groups()
        else:
            yield re.sub(r"^(#+|-) ", "", line)


class Texts(HTMLParser):
    """The texts of a page's elements, without drawings and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = [""]
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.hidden += tag in ("svg", "style")
        self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("svg", "style")
        self.found.append("")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.found[-1] += data


@pytest.mark.parametrize("which", ["of_c", "of_d"])
def test_no_number_stands_in_a_page_without_a_source(request: pytest.FixtureRequest, which: str) -> None:
    report: Report = request.getfixturevalue(which)
    known = traced(report)
    charts = {chart.name for section in walk(report.sections) for chart in section.charts if chart.sources}
    escaped = {markdown(text) for text in known | FIXED}
    loose = [unit for unit in units(render(report, Format.MARKDOWN)) if re.search(r"\d", unit) and unit not in escaped]
    assert not loose
    page = Texts()
    page.feed(render(report, Format.HTML))
    shown = [html.unescape(text).strip() for text in page.found]
    assert not [text for text in shown if re.search(r"\d", text) and text not in known | FIXED | charts]
    assert len([text for text in shown if re.search(r"\d", text)]) > 100


def stored(bench: DataFolder) -> dict[str, Any]:
    """The documents as they lie in the log's file."""
    sessions = orjson.loads(bench.sessions_file.read_bytes())["sessions"]
    return {str(key): document for key, document in sessions.items()}


def at(bench: DataFolder, documents: dict[str, Any], session: str, path: str) -> Any:
    """What stands at this path of the document; of curves, the points."""
    if path == CURVES:
        return [orjson.loads(line) for line in bench.run(session).metrics.read_bytes().splitlines()]
    here = documents[session]
    for part in path.split("."):
        here = here[int(part)] if isinstance(here, list) else here[part]
    return here


def leaves(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            yield len(value)
            for each in value.values():
                yield from leaves(each)
        case list():
            yield len(value)
            for each in value:
                yield from leaves(each)
        case _:
            yield value


def told_by(values: list[Any]) -> set[float]:
    """The numbers that these values tell: themselves in other units, those in texts, and how often each occurs."""
    found: set[float] = set()
    numbers = [float(each) for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    for number in numbers:
        found |= {number, number / 1e3, number / 1e6, number / 1e9, number // 3600, number // 60 % 60, number % 60}
        if 1e9 < number < 1e10:  # a time
            found |= {float(part) for part in datetime.fromtimestamp(number, UTC).strftime("%Y %m %d %H %M").split()}
    for each in values:
        if isinstance(each, str):
            found |= {float(text.replace(",", "")) for text in NUMBER.findall(each) if text.strip("+-,")}
            found |= {float(text) for text in re.findall(r"\d+", each)}
    counts = list(Counter(str(each) for each in values).values())
    found |= {float(count) for count in counts}
    counted = Counter(each for each in values if each in ("success", "failure"))
    judged = sum(counted.values())
    found |= {float(judged), round(100 * counted["success"] / judged) if judged else 0.0}
    return found | {a - b for a in numbers for b in numbers if len(numbers) < 40}


def written(fact: Fact) -> list[tuple[float, float]]:
    """Each number of its text, and half of its last digit."""
    made = []
    for text in NUMBER.findall(fact.text):
        plain = text.replace(",", "").lstrip("+-")
        mantissa, _, power = plain.partition("e")
        digits = len(mantissa.partition(".")[2])
        made.append((float(plain), 0.5000001 * 10 ** (int(power or 0) - digits)))
    return made


@pytest.mark.parametrize("which", ["of_c", "of_d"])
def test_each_number_of_a_fact_is_found_in_the_documents_that_it_names(
    request: pytest.FixtureRequest, bench: DataFolder, which: str
) -> None:
    check(request.getfixturevalue(which), bench, stored(bench))


def test_so_it_is_of_sessions_that_this_console_ran(tmp_path: Path) -> None:
    one, two = tried(*PAIRS[:4], (A, "near", VOID), name="more"), tried(*PAIRS, of=(A, B))
    log = (*LOG, one, two)
    documents = {session.id: orjson.loads(msgspec.json.encode(session)) for session in log}
    for dataset in ("cubes", "older"):
        check(of_scope(DataFolder(tmp_path), of_dataset(log, dataset)), DataFolder(tmp_path), documents)


@pytest.mark.parametrize("dataset", ["demo", "cubes"])
def test_so_it_is_of_files_that_older_consoles_wrote(tmp_path: Path, dataset: str) -> None:
    folder = DataFolder(Path(shutil.copytree(ROOT / "tests" / "files_of_2026_11" / "lab", tmp_path / "lab")))
    made = of_dataset_in(folder, dataset=dataset)
    check(made, folder, stored(folder))
    known = {markdown(text) for text in traced(made) | FIXED}
    assert not [unit for unit in units(render(made, Format.MARKDOWN)) if re.search(r"\d", unit) and unit not in known]


def check(report: Report, bench: DataFolder, documents: dict[str, Any]) -> None:
    """Each number of a fact that was not computed is told by the places that it names."""
    wrong, checked = [], 0
    for fact in report.facts:
        values = [leaf for s in fact.sources for leaf in leaves(at(bench, documents, s.session, s.path))]
        if fact.sources:
            assert values, (fact.text, fact.sources)
        if fact.how or fact.text in FIXED:
            continue  # computed: the statistics have tests of their own
        known = told_by([*values, *(source.session for source in fact.sources)])
        for number, reach in written(fact):
            checked += 1
            if not any(abs(number - abs(each)) <= reach for each in known):
                wrong.append((fact.name, fact.text, number, [source.path for source in fact.sources]))
    assert not wrong, "\n".join(map(str, wrong))
    assert checked > 5


def test_rates_and_intervals_are_those_of_the_counts_that_they_name(of_d: Report) -> None:
    checked = 0
    for fact in of_d.facts:
        if counts := re.fullmatch(r"(?:Wilson's interval|the share) of (\d+)/(\d+)", fact.how):
            won, judged = map(int, counts.groups())
            low, high = binomtest(won, judged).proportion_ci(method="wilson")
            assert fact.text.endswith((f"{100 * won / judged:.0f} %", f"[{100 * low:.0f}, {100 * high:.0f}]"))
            checked += 1
    assert checked > 10


def test_what_was_computed_says_how(of_d: Report) -> None:
    computed = [fact for fact in of_d.facts if "p = " in fact.text or re.fullmatch(NUMBERS, fact.text)]
    assert len(computed) > 10 and all(fact.how for fact in computed)
