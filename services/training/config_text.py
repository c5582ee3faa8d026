"""LeRobot's training configuration as text: JSON, which LeRobot itself keeps in `train_config.json`. Pure.

The layout is LeRobot's (four spaces, `TrainPipelineConfig._save_pretrained`), except that a list of plain values takes
one line, so that a hundred episodes do not push everything else off the screen. LeRobot reads both.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

INDENT = 4
MANY_KEYS = 2_000
"""Keys of a text up to which it is compared: LeRobot's have 130, and the time grows with their square."""
_PLAIN = re.compile(r"[A-Za-z_./][\w./:@+-]*")
_YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "none", "y", "n", "nan", "inf"}
_ODD = re.compile(r"[\x7f-\xa0\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufffe\uffff]")
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class TextProblem(Exception):
    """A text that is no configuration. `line` counts from 1; 0 if no line is at fault. `key` as in `line_of`."""

    def __init__(self, why: str, line: int = 0, key: str = "") -> None:
        super().__init__(why)
        self.line, self.key, self.why = line, key, why


def dump(config: Mapping[str, Any]) -> str:
    """The configuration as text, without a line break at the end."""
    return _dumped(dict(config), 0)


def _dumped(value: Any, depth: int) -> str:
    pad, end = " " * INDENT * (depth + 1), "\n" + " " * INDENT * depth
    if isinstance(value, dict) and value:
        lines = [f"{pad}{_escaped(key)}: {_dumped(each, depth + 1)}" for key, each in value.items()]
        return "{\n" + ",\n".join(lines) + end + "}"
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        return "[\n" + ",\n".join(pad + _dumped(each, depth + 1) for each in value) + end + "]"
    return _escaped(value)


def _escaped(value: Any) -> str:
    """A value as JSON; characters that YAML does not take, and no terminal should get, are escaped."""
    return _ODD.sub(lambda odd: f"\\u{ord(odd.group()):04x}", json.dumps(value, ensure_ascii=False))


def parse(text: str) -> dict[str, Any]:
    """The configuration in a text. Raises TextProblem with the line that is no JSON, or repeats a key."""
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise _no_json(error, text) from error
    except RecursionError as error:
        raise TextProblem("it is nested too deeply") from error
    except _Repeated as error:
        lines = [line for line, key in _positions(text) if key.rpartition(".")[2] == str(error)]
        why = f"{error} is there twice: LeRobot would take the last one only; keep one"
        raise TextProblem(why, _second(lines, text, str(error)), str(error)) from error
    if not isinstance(found, dict):
        raise TextProblem("a configuration begins with { and ends with }", 1)
    return found


class _Repeated(ValueError):
    """A key that is twice in one group."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Repeated(key)
        found[key] = value
    return found


def _second(lines: list[int], text: str, name: str) -> int:
    """The line of the key's second occurrence in one group."""
    seen: set[str] = set()
    for line, key in _positions(text):
        if key in seen and key.rpartition(".")[2] == name:
            return line
        seen.add(key)
    return lines[-1] if lines else 0


def _no_json(error: json.JSONDecodeError, text: str) -> TextProblem:
    """What is wrong, as one who edits a line would say it, and the line to mend."""
    before = text[: error.pos].rstrip()
    end = before.count("\n") + 1  # the last line with something before the error
    match error.msg:
        case "Expecting ',' delimiter":
            return TextProblem("a comma is missing at the end of this line", end)
        case "Expecting property name enclosed in double quotes" if before.endswith(","):
            if text[error.pos : error.pos + 1] == "}":
                return TextProblem("nothing follows the comma at the end of this line: take it out", end)
            return TextProblem("a key is in double quotes, with a colon after it", error.lineno)
        case "Expecting property name enclosed in double quotes":
            return TextProblem("a key is in double quotes, with a colon after it", error.lineno)
        case "Expecting ':' delimiter":
            return TextProblem("a colon is missing after the key", error.lineno)
        case "Expecting value":
            why = "a value is missing or no JSON: write true, false, null, a number, or text in double quotes"
            return TextProblem(why, error.lineno)
        case "Extra data":
            return TextProblem("the configuration ends before this line: there is a } too many", error.lineno)
        case other:
            return TextProblem(f"it is not JSON: {other[0].lower()}{other[1:]}", error.lineno)


# -- keys and lines -----------------------------------------------------------------------------------


def line_of(text: str, key: str) -> int:
    """The line of a dotted key, or of the nearest group around it; 0 if there is none. Counts from 1."""
    lines: dict[str, int] = {}
    for line, name in _positions(text):
        lines.setdefault(name, line)
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return lines.get(key, 0)


def _positions(text: str) -> Iterator[tuple[int, str]]:
    """(line, dotted key) of each key in a text, as far as it is JSON."""
    groups: list[str] = []
    pending = previous = ""
    line, at = 1, 0
    for token in _TOKEN.finditer(text):
        line, at, word = line + text.count("\n", at, token.start()), token.start(), token.group()
        if word == ":" and previous.startswith('"'):
            pending = _unquoted(previous)
            yield line, ".".join([*filter(None, groups), pending])
        elif word in ("{", "["):
            groups.append(pending)
            pending = ""
        elif word in ("}", "]", ","):
            if word != "," and groups:
                groups.pop()
            pending = ""
        previous = word


def _unquoted(word: str) -> str:
    try:
        return str(json.loads(word))
    except ValueError:
        return word.strip('"')


# -- settings -----------------------------------------------------------------------------------------


def setting(key: str, value: Any) -> str:
    """`KEY=VALUE` as LeRobot's command line and the console's `--set` take it: the value is YAML."""
    return f"{key}={_yaml(value)}"


def _yaml(value: Any) -> str:
    """JSON that YAML reads as the same value: YAML 1.1 takes 1e-05 for text, and 1.0e-05 for a number."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _YAML_WORDS:
        return value
    if isinstance(value, float):
        text = json.dumps(value)
        mantissa, e, exponent = text.partition("e")
        return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)}: {_quoted(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_quoted, value)) + "]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(value: Any) -> str:
    """A value within a list or a table."""
    return _escaped(value) if isinstance(value, str) else _yaml(value)


def as_typed(settings: tuple[str, ...]) -> str:
    """Settings as one writes them into a field or on a command line."""
    return shlex.join(settings)


# -- differences --------------------------------------------------------------------------------------


class Difference(NamedTuple):
    """A key whose value differs in two texts, `policy.chunk_size`; None where a text does not have it."""

    key: str
    before: str | None
    now: str | None


@lru_cache(maxsize=4)
def difference(preset: str, text: str) -> Sequence[Difference]:
    """What `text` has other than `preset`, in the order of the texts. A text that is no JSON is compared all the same.

    Whole keys are compared, not lines: half of the lines are brackets, and names such as `type` come up often.
    """
    before, after = _entries(preset), _entries(text)
    found: list[Difference] = []
    if len(after) > MANY_KEYS:  # something else was pasted
        return [Difference(f"{len(after):,} lines, too many to compare", None, None)]
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        old, new = dict(before[i1:i2]), dict(after[j1:j2])
        found += [Difference(key, old.get(key), new.get(key)) for key in {**old, **new}]
    return found


def _entries(text: str) -> list[tuple[str, str]]:
    """(key in full, value) of each line with a value; a line that is no JSON is its own key, brackets say nothing."""
    keys = dict(_positions(text))
    found: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        value = line.strip().removesuffix(",")
        has_key = number in keys and value.startswith('"')
        if has_key:
            value = value.partition(":")[2].strip()
        if value.strip("{}[]") or value in ("{}", "[]"):
            found.append((keys[number], value) if has_key else (value, ""))
    return found
