"""What a test reads from a form, and puts into it."""

from __future__ import annotations

from textual.widgets import Input

from screens.frame.form import Form
from screens.widgets.line import Lines
from tests.support.headless import Console


def form(console: Console) -> Form:
    """The form of the screen in front."""
    return console.screen.query_one(Form)


def value(console: Console, name: str) -> str:
    """What a field holds, or means if it is empty."""
    return form(console).value(name)


def put(console: Console, **values: str) -> None:
    """Fill in fields; an underscore in a name stands for a dash."""
    for name, text in values.items():
        console.screen.query_one(f"#{name.replace('_', '-')}", Input).value = text


def problem(console: Console, name: str) -> str:
    """What is said to be wrong at a field."""
    return form(console).row(name).problem


def meaning(console: Console) -> str:
    """What stands beside the form; labels and values in one line each, its wrapped lines joined."""
    return " ".join(console.screen.query_one("#meaning", Lines).text.split())


def in_order(form: type[Form], **values: str) -> list[str]:
    """What to type into each field of a form in their order, empty for those that stay as they are."""
    names = [field.id.replace("-", "_") for field in form.FIELDS]
    assert set(values) <= set(names), f"the form has no {', '.join(sorted(set(values) - set(names)))}"
    return [values.get(name, "") for name in names]
