"""LeRobot's configuration as text on Train, with the real process that asks LeRobot."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

import services.training.plan
import services.training.preparation
from screens.train.config_editor import ConfigArea
from services.live.requests import TrainRequest
from tests.screens.train.test_config import area, edit, open_editor
from tests.screens.train.test_screen import open_form
from tests.support import trainings
from tests.support.fake_desk import empty_folder
from tests.support.forms import form, problem, value
from tests.support.forms import put as fill
from tests.support.headless import opened
from tests.support.zygote import Zygote

SETTINGS = ("policy.pretrained_backbone_weights=null", "policy.optimizer_lr=3.0e-05", "seed=7")


async def test_the_text_is_read_edited_taken_into_the_fields_and_trained_with(
    tmp_path: Path, zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.training.preparation, "start", zygote.prepare)
    begun: list[TrainRequest] = []

    def begin(_folder: object, request: TrainRequest) -> None:
        begun.append(request)
        raise OSError("that is all of it")

    monkeypatch.setattr(services.training.plan, "begin", begin)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    trainings.put_backbone(tmp_path / "torch")
    folder = empty_folder(tmp_path / "lab")
    trainings.make_dataset(folder, "pictures", cameras=True, episodes=2, frames=2)
    async with opened(folder, (120, 40)) as console:
        await open_form(console)
        await console.until(lambda: value(console, "dataset") == "pictures")
        fill(console, settings="policy.chunk_sise=3")
        await console.until(lambda: "did you mean policy.chunk_size?" in problem(console, "settings"))
        fill(console, settings="policy.pretrained_backbone_weights=null seed=7", without="front", steps="500")
        await open_editor(console)
        await console.sees("LeRobot takes it · 2 keys other than the preset")
        assert '"observation.images.front"' not in area(console).text
        edit(console, '"optimizer_lr": 1e-05', '"optimizer_lr": 3e-05')
        edit(console, '"steps": 500', '"steps": 300')
        await console.sees("changes the form: steps 500 to 300")
        await console.sees("optimizer.lr  - 1e-05  + 3e-05")  # it follows from the policy's
        await console.press("escape")
        await console.sees("taken from the text: steps 500 to 300, other LeRobot keys: 3")
        assert console.screen.query_one("#settings", Input).value == " ".join(SETTINGS)
        assert value(console, "steps") == "300"
        assert value(console, "save-every") == "60", "a default that follows from the steps follows from the text's"
        form(console).start()
        await console.until(lambda: bool(begun))
        assert (begun[0].settings, begun[0].steps) == (SETTINGS, 300)
        await console.until(lambda: not console.app.screen.query(ConfigArea))
