"""How fast a film is rendered, against the time that it plays; target: at least twice real time.

`python -m tests.bench.bench_film [--rounds N] [--episodes N]`: two cameras of 640x480, 3.3 s an episode, 960x720; with
`--traces` the joints below, with `--beside` two columns of 540 rows. The process's start is included.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import av
import numpy as np

from services.films.rendering import rendering
from services.films.request import FilmRequest, Rendered, Shot
from sessions.models import Verdict
from tests.support import painted

TARGET = 2.0


def moving(number: int) -> np.ndarray:
    """A picture of 640x480 with edges and motion, which costs a codec more than flat fields."""
    picture = np.kron(painted.scene(number), np.ones((4, 4, 1), np.uint8))
    noise = np.random.default_rng(number).integers(0, 12, picture.shape, dtype=np.uint8)
    return np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)


def main() -> None:
    """Print each round, and the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--traces", action="store_true")
    parser.add_argument("--beside", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-film-") as place:
        painted.WIDTH, painted.HEIGHT = 640, 480
        root = painted.make(Path(place) / "cubes", (100,) * min(options.episodes, 8), gop=10, paint=moving)
        shots = [
            Shot(root=str(root), episode=n, caption=f"trial {n + 1}", verdict=Verdict.SUCCESS)
            for n in range(min(options.episodes, 8))
        ]
        scenes = list(zip(shots[::2], shots[1::2], strict=False)) if options.beside else [(shot,) for shot in shots]
        ratios = []
        for number in range(options.rounds):
            target = Path(place) / f"{number}.mp4"
            request = FilmRequest(
                output=str(target), scenes=tuple(scenes), traces=options.traces, height=540 if options.beside else 720
            )
            began = time.perf_counter()
            with rendering(request) as messages:
                said = list(messages)[-1]
            took = time.perf_counter() - began
            assert isinstance(said, Rendered), said
            with av.open(str(target)) as film:
                assert sum(1 for _ in film.decode(video=0)) == round(said.seconds * said.fps)
            ratios.append(said.seconds / took)
            size = f"{said.width}x{said.height}"
            print(f"{said.seconds:6.1f} s of film, {size}, in {took:6.2f} s: {ratios[-1]:.2f} times real time")
        print(f"median {statistics.median(ratios):.2f} (target {TARGET})")


if __name__ == "__main__":
    main()
