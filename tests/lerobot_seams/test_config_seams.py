"""What preparing a training relies on in LeRobot's configuration classes and their parser."""

from __future__ import annotations

import tempfile
from pathlib import Path

import draccus
import pytest
from draccus.utils import DecodingError
from lerobot.configs.default import DatasetConfig
from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.train import TRAIN_CONFIG_NAME, TrainPipelineConfig, _migrate_legacy_rabc_fields
from lerobot.policies.act.configuration_act import ACTConfig

from services.training.config_file import NAME
from services.training.config_text import dump, parse
from services.workers.training.edited_config import DERIVED


def config(**values: object) -> TrainPipelineConfig:
    policy = ACTConfig(device="cpu", push_to_hub=False)
    return TrainPipelineConfig(dataset=DatasetConfig(repo_id="x"), policy=policy, **values)  # type: ignore[arg-type]


def test_lerobot_keeps_the_configuration_as_json_under_the_name_that_is_read(tmp_path: Path) -> None:
    config()._save_pretrained(tmp_path)
    assert NAME == TRAIN_CONFIG_NAME
    kept = (tmp_path / NAME).read_text()
    assert parse(kept) == config().to_dict()
    assert kept.splitlines()[1] == dump(config().to_dict()).splitlines()[1] == '    "dataset": {'


def test_validate_refuses_an_output_folder_that_exists_and_replaces_optimizer_and_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["x"])
    with pytest.raises(FileExistsError):
        config(output_dir=tmp_path).validate()
    made = config(output_dir=Path("/dev/null/nothing"))
    made.validate()
    assert made.optimizer == made.policy.get_optimizer_preset()
    assert set(DERIVED) == {"optimizer", "scheduler"}
    with pytest.raises(ValueError, match="Optimizer and Scheduler must be set"):
        config(use_policy_training_preset=False).validate()


def test_the_parser_names_the_key_that_it_refuses() -> None:
    with pytest.raises(DecodingError) as refused:
        draccus.decode(TrainPipelineConfig, {"dataset": {"repo_id": "x"}, "eval": {"n_episodes": "many"}})
    assert tuple(refused.value.key_path) == ("eval", "n_episodes")
    assert draccus.decode(ACTConfig, {"optimizer_lr": "1e-05"}).optimizer_lr == 1e-05


def test_a_pretrained_policy_leaves_a_file_in_the_folder_of_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, temporary = tmp_path / "model", tmp_path / "temporary"
    for folder in (model, temporary):
        folder.mkdir()
    ACTConfig(device="cpu").save_pretrained(model)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    PreTrainedConfig.from_pretrained(model)
    assert list(temporary.iterdir()), "services.workers.training.config need not prevent it any more"


def test_keys_of_older_versions_are_migrated_as_lerobot_does() -> None:
    assert _migrate_legacy_rabc_fields({"steps": 3}) is None
    migrated = _migrate_legacy_rabc_fields({"use_rabc": True, "rabc_kappa": 0.1})
    assert migrated == {"sample_weighting": {"type": "rabc", "kappa": 0.1}}
