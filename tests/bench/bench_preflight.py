"""How long the zero-motion preflight takes, for a small ACT that looks at two cameras of 640x480.

    uv run python -m tests.bench.bench_preflight [--episodes 10] [--size 640x480]

The data are painted demonstrations of the simulated bench, the policy has random weights. Prints the seconds from the
arm that holds and waits to the table, and the table (target: 20 s on two cores).
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from services.bench.profiles import apply_settings, load_benches
from services.checkpoints.checkpoint import Provenance
from services.evaluation import plan as evaluation
from services.folders import DataFolder
from services.live import protocol
from services.live.link import Link
from services.live.preflight_table import in_brief, lines
from services.live.preflights import newest
from tests.support.checkpoints import NAMES, make_checkpoint
from tests.support.preflight_bench import TASK, VIEWS, painted_dataset


async def measure(folder: DataFolder, checkpoint: Path, size: tuple[int, int]) -> None:
    """One evaluation that is left once its preflight is through."""
    sizes = [
        f"robot.cameras.{view}.{key}={n}" for view in VIEWS for key, n in zip(("width", "height"), size, strict=True)
    ]
    profile = apply_settings(load_benches(built_in=True).pick("sim"), sizes)[0]
    request = evaluation.plan(folder, profile, checkpoint=str(checkpoint), task=TASK, trials=1)
    link = Link(evaluation.begin(folder, request), name="bench_preflight")
    await link.attach()
    state = await link.until(lambda s: newest(s.preflights) is not None or not s.running, 300)
    made = newest(state.preflights)
    print(f"{made.seconds:.1f} s: {in_brief(made.checks)}" if made else state.end_reason)
    print("\n".join(lines(made.checks if made else ())))
    await link.ask(protocol.Finish())
    await link.until(lambda s: not s.running, 120)
    await link.close()


def main() -> None:
    """Paint, make the policy, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--size", default="640x480")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="preflight-", ignore_cleanup_errors=True) as home:
        folder = DataFolder(Path(home)).create()
        episodes = painted_dataset(folder.datasets / "cubes", size=(width, height), episodes=options.episodes)
        known = Provenance(
            fps=30,
            names={"observation.state": NAMES, "action": NAMES},
            dataset="cubes",
            dataset_root=str(folder.datasets / "cubes"),
            episodes=episodes,
        )
        cameras = dict.fromkeys(VIEWS, (width, height))
        root = folder.trainings / "act" / "checkpoints" / "000010"
        checkpoint = make_checkpoint(root, cameras=cameras, cube=False, provenance=known)
        asyncio.run(measure(folder, checkpoint, (width, height)))


if __name__ == "__main__":
    main()
