"""A trained second judge in the worker: he keeps each trial's last pictures, and thinks on a thread of his own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from contextlib import suppress
from pathlib import Path
from typing import Any

from services.folders import DataFolder
from services.judges.kept import JudgeProblem, Weights, judges, read_weights
from services.judges.looks import LastPictures, Unseen, numbers_of
from sessions.models import Verdict
from sessions.trained_judge import TrainedJudge

logger = logging.getLogger(__name__)


class Onlooker:
    """Use on the control loop's thread, which only hands him pictures: reading his weights, too, is done on his own."""

    def __init__(self, data_dir: str, name: str, trained: TrainedJudge) -> None:
        self._trained = trained
        self._last = LastPictures(trained.cameras)
        self._mind = ThreadPoolExecutor(1, "second judge")
        self._weights = self._mind.submit(read_weights, judges(DataFolder(Path(data_dir))) / name, trained)
        self._opinions: dict[int, Future[Verdict | str]] = {}

    def begin(self) -> None:
        """A trial begins."""
        self._last.clear()

    def step(self, observation: Mapping[str, Any]) -> None:
        """Keep what the cameras show."""
        self._last.add(observation)

    def end(self, trial: int) -> None:
        """Think about what they showed last."""
        self._opinions[trial] = self._mind.submit(self._think, self._last.pictures)
        self._last.clear()

    def _think(self, pictures: Mapping[str, Any]) -> Verdict | str:
        try:
            weights: Weights = self._weights.result()
            success = weights.calls_success(numbers_of(pictures, self._trained.cameras))
        except (JudgeProblem, Unseen) as why:
            return str(why)
        except Exception as error:  # whatever a camera's driver hands over: the trial goes on without his opinion
            logger.exception("the second judge failed")
            return f"it failed: {type(error).__name__}"
        return Verdict.SUCCESS if success else Verdict.FAILURE

    def opinion(self, trial: int, patience_s: float = 0.0) -> Verdict | str | None:
        """What he thinks; `""` of a trial that he did not see."""
        if (thought := self._opinions.get(trial)) is None:
            return ""
        if not patience_s and not thought.done():
            return None
        with suppress(TimeoutError):
            return thought.result(patience_s)
        return None

    def close(self) -> None:
        """Whatever he still thinks of is nothing."""
        self._mind.shutdown(wait=False, cancel_futures=True)
