"""The end of a recording: the session's page, as the Log shows it, in the place of the pictures."""

from __future__ import annotations

import pytest

from screens.views.session_page import session_page
from screens.widgets.page_view import PageText, PageView
from services.log.documents import document


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
