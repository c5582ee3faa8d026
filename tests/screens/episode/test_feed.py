"""Pictures one request at a time: a fast scrub drops what was wanted in between, and stills are shown as they are."""

from __future__ import annotations

import asyncio

import numpy as np

from screens.episode.feed import Feed, Wanted
from screens.episode.pictures import Still
from services.datasets.episode_view import EpisodeProblem, FramesShown, Picture

SIZES = {"wrist": (4, 2)}


class SlowView:
    """Answers a request when it is let."""

    def __init__(self):
        self.asked, self.gate, self.problem = [], asyncio.Semaphore(0), ""

    async def show(self, frames, sizes):
        self.asked.append(frames)
        await self.gate.acquire()
        if self.problem:
            raise EpisodeProblem(self.problem)
        return FramesShown(pictures=tuple(Picture(camera="wrist", frame=frame) for frame in frames))


def made():
    view, shown, failed = SlowView(), [], []
    return view, shown, failed, Feed(view, lambda pictures: shown.append(pictures[0].frame), failed.append)


async def test_the_newest_wins_and_what_is_shown_is_not_asked_again():
    view, shown, failed, feed = made()
    assert feed.want(Wanted((0,), SIZES))
    running = asyncio.create_task(feed.run())
    await asyncio.sleep(0)
    for frame in range(1, 9):
        assert not feed.want(Wanted((frame,), SIZES)), "it runs already"
    assert not feed.want(Wanted((8,), SIZES)) and not feed.want(Wanted((8,), {}))
    view.gate.release()
    view.gate.release()
    await running
    assert (view.asked, shown, failed) == ([(0,), (8,)], [0, 8], [])
    assert not feed.want(Wanted((8,), SIZES)), "it is shown"
    assert feed.want(Wanted((8,), {"wrist": (8, 4)}))


async def test_pictures_of_an_episode_that_was_left_are_not_shown():
    view, shown, _, feed = made()
    feed.want(Wanted((3,), SIZES))
    running = asyncio.create_task(feed.run())
    await asyncio.sleep(0)
    feed.forget()
    assert not feed.want(Wanted((3,), SIZES)), "wanted, by the same task"
    view.gate.release()
    view.gate.release()
    await running
    assert view.asked == [(3,), (3,)] and shown == [3]


async def test_a_failure_is_passed_on_and_the_same_frame_may_be_asked_again():
    view, shown, failed, feed = made()
    view.problem = "the process died"
    feed.want(Wanted((3,), SIZES))
    view.gate.release()
    await feed.run()
    assert [str(problem) for problem in failed] == ["the process died"] and not shown
    assert feed.want(Wanted((3,), SIZES))


def test_a_still_shows_small_changes_at_once():
    still = Still("wrist")
    first = np.full((2, 4, 3), 100, np.uint8)
    still.show(first.tobytes(), 4, 2)
    still.show((first + 9).tobytes(), 4, 2)
    assert (still._mean == 109).all()
