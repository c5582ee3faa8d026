"""`lab-console film`: saved episodes as one MP4."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.commands.progress import progress
from console.exit import FAILED, OK, complain
from services.films.plan import plan
from services.films.rendering import rendering
from services.films.request import Failed, FilmRequest, Progress, Rendered
from services.folders import data_folder
from services.text import clean
from services.units import dimensions, duration, plural, size


def film(options: argparse.Namespace) -> int:
    """Render it, and say what came out; Ctrl-C leaves nothing behind."""
    planned = plan(
        data_folder(options.data_dir),
        options.what,
        episodes=options.episodes,
        beside=options.beside,
        output=Path(options.output) if options.output else None,
        camera=options.camera,
        traces=options.traces,
    )
    for note in planned.notes:
        complain(note)
    try:
        outcome = _render(planned.request)
    except KeyboardInterrupt:
        complain("stopped: no film was written")
        return FAILED
    if isinstance(outcome, Failed):
        complain(clean(outcome.text))
        return FAILED
    for problem in outcome.problems:
        complain(clean(problem))
    shown = dimensions(outcome.width, outcome.height)
    print(
        clean(
            f"{planned.request.output}: {plural(len(planned.request.scenes), 'scene')}, {duration(outcome.seconds)}, "
            f"{shown}, {outcome.fps:g} fps, {outcome.codec}, {size(outcome.bytes)}"
        )
    )
    return OK


def _render(request: FilmRequest) -> Rendered | Failed:
    try:
        with rendering(request) as messages:
            for message in messages:
                if not isinstance(message, Progress):
                    return message
                progress(f"scene {message.scenes + 1} of {len(request.scenes)}, {duration(message.seconds)} rendered")
    except OSError as error:
        return Failed(text=f"the film cannot be rendered: {error.strerror or error}")
    finally:
        progress("")
    return Failed(text="the film was not finished")
