"""The end of a recording: the session's page, as the Log shows it, in the place of the pictures."""

from __future__ import annotations

import pytest

from screens.frame.form import Form
from screens.views.session_page import session_page
from screens.widgets.page_view import PageText, PageView
from services.log.documents import document
from sessions.models import SessionStatus
from tests.support.forms import put, value


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_page_is_laid_out_for_the_room_beside_the_scrollbar(open_console, make_worker, size):
    async with open_console(size=size) as console:
        worker = await make_worker()
        await console.attach(worker)
        for _ in range(60):
            worker.take()
        worker.end()
        await console.until(lambda: not console.desk.live and console.screen.has_class("-over"))
        await console.sees("60 of 2")
        place = console.screen.query_one(PageView)
        text = place.query_one(PageText)
        await console.until(lambda: place.show_vertical_scrollbar)
        lines = session_page(document(console.desk.snapshot), text.size.width).plain.splitlines()
        await console.until(lambda: text.size.height == len(lines), "lines are broken twice")


async def test_a_new_recording_goes_on_with_the_dataset_of_the_session_that_was_shown(open_console, make_worker):
    """After a crash N repairs that dataset: it was another console that had typed its name."""
    async with open_console() as console:
        task = console.desk.profile.tasks[0]
        worker = await make_worker(dataset="night_takes", task=task.text)
        await console.attach(worker)
        worker.end(SessionStatus.CRASHED, "the worker vanished")
        await console.until(lambda: not console.desk.live and console.screen.has_class("-over"))
        await console.press("N")
        await console.until(lambda: bool(console.screen.query(Form)))
        await console.until(lambda: value(console, "dataset") == "night_takes")
        put(console, task="Stack the cubes")
        await console.until(lambda: value(console, "dataset") != "night_takes", "that is another task's")
