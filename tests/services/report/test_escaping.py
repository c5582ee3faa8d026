"""What people and datasets are called cannot act in a report: no markup, script, link, table, or control character."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from services.report import charts
from services.report.escaping import markdown
from services.report.parts import Chart, Fact, Report, Section, Source, Table
from services.report.rendering import Format, render
from services.text import clean
from sessions.conditions import Place

PIECES = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](http://e.org/p.png)",
    "| a | b |", "**bold**", "_it_", "`code`", "# title", "- item", "1. item", "2) x", "> quote", "---", "===", "\\",
    "~~s~~", "http://e.org", "www.e.org", "&lt;b&gt;", "$x$", "[1]: http://e.org",
    "[4, 62](http://e.org)", "[^1]",
    "\x1b[31mred", "\x9b2J", "\u202eevil", "\r\n", "\n\n# new", "\t", "</style>", "{{ 7 * 7 }}",
    "{% raw %}", "so101_pick_v2", "plain",
)  # fmt: skip
HOSTILE = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), min_size=1, max_size=5).map(" ".join)
FEW = settings(max_examples=40, deadline=None)
READER = MarkdownIt("gfm-like", {"linkify": False}).enable("table")


def shown(text: str) -> str:
    """The text as a reader shall see it."""
    return " ".join(clean(text).split())


@FEW
@given(HOSTILE)
@example("--- ---")
def test_markdown_shows_the_text_as_it_is(text: str) -> None:
    want = shown(text)
    for page in (f"- **name**: {markdown(text)}", f"- {markdown(text)}", f"## {markdown(text)}"):
        leaves = [leaf for token in READER.parse(page) for leaf in token.children or ()]
        kinds = {leaf.type for leaf in leaves} - {"text", "text_special", "strong_open", "strong_close"}
        assert not kinds, (page, kinds)
        read = "".join(leaf.content for leaf in leaves)
        assert " ".join(read.replace("name: ", "", 1).split()) == want or not want.strip("# ")
    table = READER.parse(f"| a | b |\n|---|---|\n| {markdown(text)} | 1 |\n")
    cells = [token.content for token in table if token.type == "inline"]
    assert len(cells) == 4 and cells[3] == "1"


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "style")]


def hostile(text: str) -> Report:
    """A report in which every text is this one."""
    said = Fact(shown(text) or "x", (Source(text, text),), text, text)
    chart = Chart(text, charts.success_map([(text, Place(100, 0), 1, 2)], text), (Source(text, text),))
    table = Table(text, (said, said), ((said, said),))
    section = Section(key="notes", title=said, facts=(said,), charts=(chart,), tables=(table,), sentences=(said,))
    return Report(said, (section,), Table(text, (said,), ((said,),)))


@FEW
@given(HOSTILE)
def test_html_holds_its_own_elements_only(text: str) -> None:
    page = render(hostile(text), Format.HTML)
    seen = Seen()
    seen.feed(page)
    plain = Seen()
    plain.feed(render(hostile("plain"), Format.HTML))
    assert seen.tags == plain.tags and seen.attributes == plain.attributes
    assert all(address.startswith("#") for address in seen.addresses)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)


@FEW
@given(HOSTILE)
def test_markdown_of_a_whole_report_has_no_control_character(text: str) -> None:
    page = render(hostile(text), Format.MARKDOWN)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    assert not {token.type for token in READER.parse(page)} & {"html_block", "fence", "code_block", "blockquote_open"}


def test_names_and_numbers_stay_as_they_are_to_be_read_in_an_editor() -> None:
    for text in (
        "so101_pick_place_10cm_v2",
        "80 % [38, 96]",
        "[-66, +9]",
        "0.55 s",
        "2.7e-5",
        "--no-overhead",
        "act @ 020000",
    ):
        assert markdown(text) == text
    assert markdown("http://e.org and www.e.org") == r"http\://e.org and www\.e.org"


def test_a_page_fetches_nothing() -> None:
    page = render(hostile("plain"), Format.HTML)
    assert "default-src 'none'" in page and "http" not in page.replace("http-equiv", "").replace(
        "http://www.w3.org/", ""
    )
