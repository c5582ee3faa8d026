"""The process that renders a film: a request on standard input, messages on standard output.

Launched by `services.films.rendering`: `python -P -m services.workers.film.render PARENT`. The film has its name only
once it is whole and on disk; whoever ends the process finds nothing half-written.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.child_process import die_with
from services.error_text import whole_reason
from services.films.request import Failed, FilmRequest, Message, Progress, Rendered, decode_request, encode
from services.units import plural
from services.workers.film.encoding import CODEC, Encoder
from services.workers.film.layout import frame_size
from services.workers.film.scene import OpenShot, Scene, sizes
from services.workers.viewing.dataset_files import Datasets, Unreadable
from sessions.files import filled_atomically, why_unwritable

NICENESS = 10
"""A film takes no time from a control loop."""
FASTEST = 60.0
_EVERY_S = 1.0
"""Seconds of film between two messages."""
_MOST_NAMED = 8


def main(argv: list[str]) -> int:
    """Render; returns the exit status."""
    die_with(int(argv[1]))
    os.nice(NICENESS)
    signal.signal(signal.SIGTERM, _leave)
    message = _answer(decode_request(sys.stdin.buffer.read()))
    _tell(message)
    return int(isinstance(message, Failed))


def _leave(*_: Any) -> None:
    """End as if nothing had begun: the temporary file goes."""
    sys.exit(1)


def _tell(message: Message) -> None:
    sys.stdout.buffer.write(encode(message) + b"\n")
    sys.stdout.buffer.flush()


def _answer(request: FilmRequest) -> Message:
    try:
        return render(request, _tell)
    except Unreadable as error:
        return Failed(text=str(error))
    except OSError as error:
        return Failed(text=f"{request.output} cannot be written: {why_unwritable(error)}")
    except Exception as error:
        return Failed(text=f"the film cannot be made: {whole_reason(error)}")


def render(request: FilmRequest, tell: Callable[[Progress], None]) -> Rendered:
    """Render the film. Raises Unreadable for an episode that cannot be read, OSError where it cannot be written."""
    datasets, target = Datasets(), Path(request.output)
    first = [OpenShot(shot, datasets, request.camera) for shot in request.scenes[0]]
    column, fps = sizes(first, request), min(FASTEST, max(shot.fps for shot in first))
    size = frame_size(column, len(first))
    problems: dict[str, None] = {}
    with filled_atomically(target) as temporary:
        encoder = Encoder(temporary, size, fps)
        whole = False
        try:
            for number, shots in enumerate(request.scenes):
                opened = [OpenShot(shot, datasets, request.camera) for shot in shots] if number else first
                scene = Scene(opened, request, size, column)
                try:
                    for frame in scene.frames(fps):
                        encoder.add(frame)
                        if encoder.frames % round(_EVERY_S * fps) == 0:
                            tell(Progress(scenes=number, seconds=encoder.frames / fps))
                    problems |= dict.fromkeys(scene.problems())
                finally:
                    scene.close()
            whole = True
        finally:
            encoder.close(whole=whole)
        if target.exists():
            raise Unreadable(f"{target} was written by somebody else meanwhile: choose another file")
    told = list(problems)
    if len(told) > _MOST_NAMED:
        told = [*told[:_MOST_NAMED], f"and {plural(len(told) - _MOST_NAMED, 'more like these', 'more like these')}"]
    return Rendered(
        seconds=encoder.frames / fps,
        width=size[0],
        height=size[1],
        fps=fps,
        codec=f"H.264 ({CODEC})",
        bytes=target.stat().st_size,
        problems=tuple(told),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
