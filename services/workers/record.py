"""The recording worker: records demonstrations into a LeRobot dataset, one durable take at a time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from services.live.requests import RecordRequest
from services.workers.arm.run_arm import Make, run_armed
from services.workers.process.context import Context
from services.workers.process.run_worker import End, run_worker
from services.workers.recording.lock import lock_to_record

if TYPE_CHECKING:
    from lerobot.robots import Robot

    from services.workers.arm.devices import Devices
    from services.workers.recording.strategy import RecordStrategy
    from services.workers.recording.takes import Takes


def body(context: Context, request: RecordRequest) -> End:
    """Run one recording session under the dataset's lock."""
    root = Path(request.data_dir) / "datasets" / request.dataset
    lock = lock_to_record(root, context, request)

    def load() -> Make:
        from services.workers.arm.features import dataset_features
        from services.workers.recording.open_takes import encoder_of, open_takes
        from services.workers.recording.strategy import RecordStrategy

        def make(context: Context, devices: Devices) -> RecordStrategy:
            def open_dataset() -> Takes:
                encoder = encoder_of(request.profile.recording, request.settings)
                features, bench, resume = dataset_features(devices.robot), devices.bench_connected, request.resume
                return open_takes(
                    context, request, root, features=features, bench=bench, encoder=encoder, resume=resume
                )

            return RecordStrategy(request, open_dataset)

        return make

    def check(robot: Robot) -> None:
        from services.workers.arm.features import dataset_features
        from services.workers.dataset.create import refuse_unfit
        from services.workers.recording.open_takes import encoder_of

        encoder_of(request.profile.recording, request.settings).config()
        refuse_unfit(root, request.fps, robot.robot_type, dataset_features(robot))

    def fits(devices: Devices) -> None:
        from services.workers.arm.devices import need_every_camera

        need_every_camera(devices)

    with lock:
        return run_armed(context, request, load=load, check=check, fits=fits)


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv, body))
