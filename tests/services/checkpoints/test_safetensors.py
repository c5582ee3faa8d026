"""safetensors files: whether they are whole, without reading a tensor and without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from services.checkpoints import checkpoint as checkpoints
from services.checkpoints.safetensors import shapes, whole
from tests import ROOT

GOOD = save({"state.mean": np.zeros(6, np.float32), "wrist.std": np.zeros((3, 1, 1), np.float32)}, {"format": "pt"})
NOT_WHOLE = {
    "empty": b"",
    "cut amid its length": GOOD[:5],
    "cut amid its header": GOOD[:40],
    "cut amid its tensors": GOOD[:-1],
    "longer than it says": GOOD + b"1",
    "zip, as torch saves": b"PK\x03\x04" + bytes(200),
    "text": b"version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12\n",
    "no JSON": (20).to_bytes(8, "little") + b"\xff" * 20,
    "JSON of something else": (9).to_bytes(8, "little") + b'{"a": [1]}'[:9],
    "a header that nobody can have": (1 << 60).to_bytes(8, "little"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def test_a_whole_file_has_its_shapes(file: Path) -> None:
    file.write_bytes(GOOD)
    assert whole(file)
    assert shapes(file) == {"state.mean": (6,), "wrist.std": (3, 1, 1)}


def test_one_without_a_tensor_is_whole(file: Path) -> None:
    file.write_bytes(save({}))
    assert whole(file)
    assert shapes(file) == {}


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_a_file_that_is_not_whole_is_recognized_and_has_no_shapes(file: Path, name: str) -> None:
    file.write_bytes(NOT_WHOLE[name])
    assert not whole(file)
    assert shapes(file) == {}
    (file.parent / "config.json").write_text(json.dumps({"type": "act"}))
    assert checkpoints._weights_missing(file.parent) == "its model.safetensors is cut short"


def test_what_is_not_there_or_no_file_is_not_whole(tmp_path: Path) -> None:
    assert not whole(tmp_path / "nothing")
    assert not whole(tmp_path)


def test_reading_one_loads_no_torch(file: Path) -> None:
    file.write_bytes(GOOD)
    code = (
        "import sys; from pathlib import Path; import services.checkpoints.safetensors as s; "
        f"assert 'safetensors' not in sys.modules; assert s.whole(Path({str(file)!r})); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
