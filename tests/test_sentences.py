"""Sentences are for people: no code compares one, searches one or cuts one up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SENTENCES = {
    "error",
    "detail",
    "held",
    "why",
    "cause",
    "told",
    "end_reason",
    "sentence",
    "counts",
    "trouble",
    "problem",
}
"""Names of what is written for people."""
CUTS = {"startswith", "endswith", "partition", "rpartition", "split", "removeprefix", "removesuffix", "find", "index"}
NOT_OURS = {
    "services/training/curves.py": "what is no number in metrics.jsonl",
    "services/sim/client.py": "the world's own word for whose trouble it is",
}
"""Files that use such a name for something else."""


def asked(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where a sentence is asked for what it says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            words = [s.value for s in sides if isinstance(s, ast.Constant) and isinstance(s.value, str) and s.value]
            if words and any(named(side) for side in sides):
                yield node.lineno, ast.unparse(node)
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in CUTS and named(called.value):
            yield called.lineno, ast.unparse(node)


def named(node: ast.expr) -> bool:
    """Whether it is a sentence, by its name, perhaps cleaned first."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "clean" and node.args:
        return named(node.args[0])
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in SENTENCES


VERBS = (
    "accepts|again|attaches|ends|enlarges|failure|finishes|goes|kills|lets|pauses|rejects|releases|resumes|starts|"
    "stops|success|takes|tries|void|voids"
)
KEYED = re.compile(rf"(?<![\w'`{{-])(?:space|[b-zB-HJ-Z])(?:,? (?:or|then) (?:space|[b-zB-Z]))? (?:{VERBS})\b")
"""A key that lab.toml may move, with what it does; `Esc` and `x` always stop."""


def keyed(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where a text that is no docstring names such a key."""
    docs = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    for node in ast.walk(tree):
        text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
        if text and KEYED.search(node.value):
            yield node.lineno, node.value


@pytest.mark.parametrize("room", ["services", "sessions"])
def test_only_the_console_names_keys(room: str) -> None:
    """Services send an Advice or a code: which key that takes, only the console knows, and a shell has none."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {words}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line, words in keyed(ast.parse(path.read_text()))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["p resumes when it is back", "free it, then g or F again", "see; space starts it"])
def test_a_sentence_with_a_key_is_found(text: str) -> None:
    assert list(keyed(ast.parse(repr("x ") + "; print(" + repr(text) + ")")))


@pytest.mark.parametrize("room", ["console", "screens", "services", "sessions"])
def test_no_code_reads_a_sentence(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {words}"
        for path in sorted((ROOT / room).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in NOT_OURS
        for line, words in asked(ast.parse(path.read_text()))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    ['"a moment ago" in answer.error', 's.detail == "ending"', 'clean(s.detail).startswith("holding")', "held.split()"],
)
def test_what_asks_a_sentence_is_found(code: str) -> None:
    assert list(asked(ast.parse(code)))
