"""A form by its keys: lists that open, narrow and close, fields above and below, and what a small terminal shows."""

from __future__ import annotations

import pytest
from textual.widgets import Input, OptionList

from screens.frame.form import Form
from tests.support import plain_datasets
from tests.support.forms import form, meaning, problem, value

WRONG = "what is wrong with it, why, and what to write instead of it: something else"


def focused(console) -> str:
    return console.app.focused.id if console.app.focused is not None else ""


async def open_form(console, key="f3"):
    await console.press(key)
    await console.until(lambda: bool(console.screen.query("#meaning")) and form(console).has_fields)


@pytest.fixture
def datasets(tmp_path):
    for name in ("pick_place", "stack_cubes", "stack_plates"):
        plain_datasets.make(tmp_path / "lab/datasets" / name, [0, 1])


async def test_lists_and_fields_are_walked_by_keys(open_console, datasets):
    async with open_console() as console:
        await open_form(console)
        await console.until(lambda: meaning(console).startswith("dataset pick_place"))
        row = form(console).row("dataset")
        await console.press("down", "down")
        assert focused(console) == "operator", "no list is open: Down goes to the next field"
        await console.press("up", "up", "up")
        assert focused(console) == "dataset"
        await console.press("right")
        assert row.is_open and row.marked.value == "pick_place", "what the empty field means is marked"
        await console.sees("stack_plates")
        await console.press("escape")
        assert not row.is_open and focused(console) == "dataset", "Esc closes the list first"
        await console.press(*"stack")
        assert row.is_open and row.marked is None, "a new dataset may be called stack"
        await console.until(lambda: meaning(console).startswith("dataset stack a new dataset"))
        await console.press("down", "down")
        await console.until(lambda: meaning(console).startswith(f"dataset {row.marked.value} episodes 2 episodes"))
        marked = row.marked.value
        await console.sees(f"▌{marked}")
        await console.press("enter")
        assert (value(console, "dataset"), focused(console)) == (marked, "task")
        await console.press("shift+tab", "backspace", "backspace")
        assert row.is_open is False, "deleting opens no list"
        await console.press("x")
        assert not row.is_open, "nothing matches"
        await console.press("escape")
        assert focused(console) == "", "Esc leaves the fields"


async def test_a_name_typed_to_its_end_leaves_nothing_to_choose_and_down_goes_on(open_console, datasets):
    async with open_console() as console:
        await open_form(console)
        await console.until(lambda: meaning(console).startswith("dataset pick_place"))
        row = form(console).row("dataset")
        await console.press(*"pick_plac")
        assert row.is_open, "one choice is left"
        await console.press("e")
        assert not row.is_open, "the only choice is what stands in the field"
        await console.press("down")
        assert (value(console, "dataset"), focused(console)) == ("pick_place", "task")


async def test_a_list_without_free_names_marks_the_best_and_a_click_takes_one(open_console, datasets):
    async with open_console() as console:
        await open_form(console, "f4")
        await console.until(lambda: value(console, "dataset") != "")
        await console.press(*"plates")
        assert form(console).row("dataset").marked.value == "stack_plates"
        await console.press("tab")
        assert console.screen.query_one("#dataset", Input).value == "plates", "Tab keeps what was typed"
        await console.until(lambda: problem(console, "dataset").startswith("there is no dataset plates"))
        await console.press("shift+tab", "end", "right")
        await console.until(lambda: form(console).row("dataset").is_open)
        await console.pilot.click(form(console).row("dataset").query_one(OptionList), offset=(3, 1))
        await console.until(lambda: not form(console).row("dataset").is_open)
        await console.until(lambda: not problem(console, "dataset"), "mended by a click")
        assert value(console, "dataset") in ("pick_place", "stack_cubes", "stack_plates")
        assert focused(console) == "dataset"


async def test_at_60x15_the_focused_field_its_value_and_what_is_wrong_are_seen(open_console, monkeypatch):
    monkeypatch.setattr(Form, "_checked", lambda self, _: (dict.fromkeys((f.id for f in self.FIELDS), WRONG), None))
    async with open_console((60, 15)) as console:
        await open_form(console, "f4")
        for field in form(console).FIELDS[::4]:
            row = form(console).row(field.id)
            row.input.focus()
            await console.press("z")
            await console.press("escape")  # the list
            row.input.focus()
            seen = f"{field.label:<22}z"
            await console.until(lambda r=row, s=seen: r.problem == WRONG and s in console.everything, field.label)
            shown = console.everything.splitlines()
            at = next(n for n, line in enumerate(shown) if seen in line)
            assert "what is wrong" in shown[at + 1], console.everything
            assert WRONG.rsplit(maxsplit=1)[-1] in " ".join(shown[at + 2 : at + 4]), "to its end"


async def test_odd_texts_in_any_field_are_refused_there_and_break_nothing(open_console, datasets):
    async with open_console() as console:
        await open_form(console, "f4")
        await console.until(lambda: value(console, "dataset") != "")
        for text in ("~nobody-at-all/a/x", "9" * 5000, "a\0b"):
            for field in ("dataset", "policy", "steps"):
                console.screen.query_one(f"#{field}", Input).value = text
            await console.until(lambda: all(problem(console, f) for f in ("dataset", "policy", "steps")), text[:20])
            form(console).show_problems({})
